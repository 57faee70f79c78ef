//! Options in hop-by-hop and destination options headers.

use crate::header::Malformed;

/// What a receiver must do about an option it does not know: the two highest bits of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// Go on.
    Skip,
    /// Drop the packet silently.
    Drop,
    /// Drop it and send a parameter problem, code 2, even for a multicast packet.
    Complain,
    /// Drop it and send a parameter problem, code 2, but not for a multicast packet.
    ComplainToUnicast,
}

/// One option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Option<'a> {
    /// Its type.
    pub kind: u8,
    /// Its data.
    pub data: &'a [u8],
    /// Where it lies, counted from the first byte of its header.
    pub offset: usize,
}

impl Option<'_> {
    /// Asks each router to look at the packet.
    pub const ROUTER_ALERT: u8 = 5;
    /// Length of a jumbogram.
    pub const JUMBO: u8 = 0xc2;

    /// What to do if the option is unknown.
    pub const fn if_unknown(&self) -> Unknown {
        match self.kind >> 6 {
            0 => Unknown::Skip,
            1 => Unknown::Drop,
            2 => Unknown::Complain,
            _ => Unknown::ComplainToUnicast,
        }
    }
}

/// Iterates over the options in a header; padding is skipped. Ends after the first malformed one.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Options<'a> {
    /// `header` is the whole extension header, its two fixed bytes included.
    pub fn new(header: &'a [u8]) -> Self {
        Self { rest: header.get(2..).unwrap_or_default(), offset: 2 }
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = Result<Option<'a>, Malformed>;

    fn next(&mut self) -> core::option::Option<Self::Item> {
        loop {
            let (kind, length) = match *self.rest {
                [] => return None,
                [0, ref rest @ ..] => {
                    (self.rest, self.offset) = (rest, self.offset + 1);
                    continue;
                }
                [kind, length, ..] => (kind, usize::from(length)),
                [kind] => (kind, usize::MAX),
            };
            let data = self.rest.get(2..).and_then(|data| data.split_at_checked(length));
            let Some((data, rest)) = data else {
                self.rest = &[];
                return Some(Err(Malformed::Length));
            };
            let option = Option { kind, data, offset: self.offset };
            (self.rest, self.offset) = (rest, self.offset + 2 + length);
            if kind != 1 {
                return Some(Ok(option));
            }
        }
    }
}
