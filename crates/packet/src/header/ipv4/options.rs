//! Options of an IPv4 header.

use crate::header::Malformed;

/// One option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Option<'a> {
    /// Its type: copied flag, class and number in one.
    pub kind: u8,
    /// What follows its length.
    pub data: &'a [u8],
}

impl Option<'_> {
    /// Records the route.
    pub const RECORD_ROUTE: u8 = 7;
    /// Records times.
    pub const TIMESTAMP: u8 = 68;
    /// Prescribes the route, loosely.
    pub const LOOSE_SOURCE_ROUTE: u8 = 131;
    /// Prescribes the route, strictly.
    pub const STRICT_SOURCE_ROUTE: u8 = 137;
    /// Asks each router to look at the packet.
    pub const ROUTER_ALERT: u8 = 148;

    /// Whether every fragment carries it, or the first only.
    pub const fn is_copied(&self) -> bool {
        self.kind & 0x80 != 0
    }
}

/// Iterates over options; padding is skipped. Ends after the first malformed one.
#[derive(Clone, Debug)]
pub struct Options<'a>(&'a [u8]);

impl<'a> Options<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = Result<Option<'a>, Malformed>;

    fn next(&mut self) -> core::option::Option<Self::Item> {
        loop {
            match *self.0 {
                [] | [0, ..] => return None,
                [1, ref rest @ ..] => self.0 = rest,
                [kind, length, ..] if length >= 2 && usize::from(length) <= self.0.len() => {
                    let (option, rest) = self.0.split_at(usize::from(length));
                    self.0 = rest;
                    return Some(Ok(Option { kind, data: &option[2..] }));
                }
                _ => {
                    self.0 = &[];
                    return Some(Err(Malformed::Length));
                }
            }
        }
    }
}
