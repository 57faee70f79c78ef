//! Options: their numbers, and gathering them from a message.

use alloc::vec::Vec;
use packet::header::Malformed;

pub(super) const MASK: u8 = 1;
pub(super) const ROUTERS: u8 = 3;
pub(super) const DNS: u8 = 6;
pub(super) const HOST_NAME: u8 = 12;
pub(super) const DOMAIN: u8 = 15;
pub(super) const MTU: u8 = 26;
pub(super) const REQUESTED_ADDRESS: u8 = 50;
pub(super) const LEASE_TIME: u8 = 51;
pub(super) const OVERLOAD: u8 = 52;
pub(super) const MESSAGE_TYPE: u8 = 53;
pub(super) const SERVER: u8 = 54;
pub(super) const PARAMETERS: u8 = 55;
pub(super) const LONGEST_MESSAGE: u8 = 57;
pub(super) const RENEWAL_TIME: u8 = 58;
pub(super) const REBINDING_TIME: u8 = 59;
pub(super) const CLIENT: u8 = 61;
pub(super) const CLASSLESS_ROUTES: u8 = 121;

const PAD: u8 = 0;
const END: u8 = 255;

/// The options of one part of a message, checked to lie within it.
#[derive(Clone)]
struct Part<'a>(&'a [u8]);

impl<'a> Iterator for Part<'a> {
    type Item = Result<(u8, &'a [u8]), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match *self.0 {
                [] | [END, ..] => return None,
                [PAD, ref rest @ ..] => self.0 = rest,
                [code, len, ref rest @ ..] if rest.len() >= usize::from(len) => {
                    let (value, rest) = rest.split_at(usize::from(len));
                    self.0 = rest;
                    return Some(Ok((code, value)));
                }
                _ => {
                    self.0 = &[];
                    return Some(Err(Malformed::Length));
                }
            }
        }
    }
}

/// All options of a message: those in their field, and in the fields for names where these are
/// used for more (option overload).
#[derive(Clone)]
pub(super) struct Options<'a> {
    parts: [Part<'a>; 3],
}

impl<'a> Options<'a> {
    /// Checks every option, so that afterwards all lie within the message.
    pub(super) fn read(
        options: &'a [u8],
        file: &'a [u8],
        server_name: &'a [u8],
    ) -> Result<Self, Malformed> {
        let mut overload = 0;
        for option in Part(options) {
            match option? {
                (OVERLOAD, &[value @ 1..=3]) => overload = value,
                (OVERLOAD, _) => return Err(Malformed::Field),
                _ => {}
            }
        }
        let part = |bit, bytes| if overload & bit == 0 { Part(&[]) } else { Part(bytes) };
        let parts = [Part(options), part(1, file), part(2, server_name)];
        for option in parts.clone().into_iter().flatten() {
            option?;
        }
        Ok(Self { parts })
    }

    /// The value of an option. One that was cut into several is put together (RFC 3396).
    pub(super) fn get(&self, code: u8) -> Option<Vec<u8>> {
        let mut found: Option<Vec<u8>> = None;
        for (own, value) in self.parts.clone().into_iter().flatten().flatten() {
            if own == code {
                found.get_or_insert_default().extend_from_slice(value);
            }
        }
        found
    }

    /// The value of an option with a fixed length.
    pub(super) fn get_array<const N: usize>(&self, code: u8) -> Result<Option<[u8; N]>, Malformed> {
        let value = self.get(code).map(<[u8; N]>::try_from);
        value.transpose().map_err(|_| Malformed::Length)
    }
}
