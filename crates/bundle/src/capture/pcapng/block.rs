//! Options: what may stand behind the fixed part of a block.

use super::super::order::Order;

pub(super) const COMMENT: u16 = 1;
pub(super) const INTERFACE_NAME: u16 = 2;
pub(super) const APPLICATION: u16 = 4;
pub(super) const FLAGS: u16 = 2;
pub(super) const RESOLUTION: u16 = 9;
pub(super) const TIME_OFFSET: u16 = 14;
const END: u16 = 0;

/// The value of the first option of a block that has this code. Stops at the first option that
/// reaches beyond the block: a frame is not thrown away for a broken remark on it.
pub(super) fn option(options: &[u8], order: Order, wanted: u16) -> Option<&[u8]> {
    let mut rest = options;
    loop {
        let code = order.u16(rest, 0)?;
        let len = usize::from(order.u16(rest, 2)?);
        let value = rest.get(4..4 + len)?;
        if code == wanted {
            return Some(value);
        }
        if code == END {
            return None;
        }
        rest = rest.get(4 + len.next_multiple_of(4)..)?;
    }
}

/// Zeros that fill a value up to a multiple of four.
pub(super) fn padding(len: usize) -> &'static [u8] {
    &[0; 3][..len.next_multiple_of(4) - len]
}

/// Adds one option in this machine's byte order.
pub(super) fn push_option(to: &mut Vec<u8>, code: u16, value: &[u8]) {
    let value = &value[..value.len().min(usize::from(u16::MAX))];
    to.extend_from_slice(&code.to_ne_bytes());
    to.extend_from_slice(&(value.len() as u16).to_ne_bytes());
    to.extend_from_slice(value);
    to.extend_from_slice(padding(value.len()));
}

/// Adds a text as an option, cut between two characters if it is too long.
pub(super) fn push_text(to: &mut Vec<u8>, code: u16, text: &str) {
    let end = text.floor_char_boundary(usize::from(u16::MAX));
    push_option(to, code, &text.as_bytes()[..end]);
}

/// Ends the options of a block.
pub(super) fn push_end(to: &mut Vec<u8>) {
    push_option(to, END, &[]);
}
