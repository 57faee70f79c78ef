//! Options of a TCP header: read by an iterator, written one behind the other.

use crate::header::Malformed;

/// One option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpOption<'a> {
    /// Largest segment the sender takes.
    MaximumSegment(u16),
    /// By how many bits the sender's windows are to be shifted.
    WindowScale(u8),
    /// The sender understands selective acknowledgements.
    SackPermitted,
    /// Selective acknowledgements.
    Sack(SackBlocks<'a>),
    /// Timestamps.
    Timestamps {
        /// The sender's clock.
        value: u32,
        /// The newest of the receiver's values that the sender saw.
        echo: u32,
    },
    /// How long data may stay unacknowledged (RFC 5482): seconds, or minutes if `minutes`.
    UserTimeout {
        /// Whether `time` is in minutes.
        minutes: bool,
        /// How long; 15 bits.
        time: u16,
    },
    /// Any other.
    Unknown {
        /// Its number.
        kind: u8,
        /// What follows its length.
        data: &'a [u8],
    },
}

/// Blocks of sequence numbers: first of each, and the one behind its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SackBlocks<'a>(&'a [[[u8; 4]; 2]]);

impl SackBlocks<'_> {
    /// The blocks.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (u32, u32)> + '_ {
        let number = u32::from_be_bytes;
        self.0.iter().map(move |&[left, right]| (number(left), number(right)))
    }
}

impl<'a> TcpOption<'a> {
    fn new(kind: u8, data: &'a [u8]) -> Result<Self, Malformed> {
        Ok(match (kind, data) {
            (2, &[a, b]) => Self::MaximumSegment(u16::from_be_bytes([a, b])),
            (3, &[shift]) => Self::WindowScale(shift),
            (4, []) => Self::SackPermitted,
            (5, data) => match data.as_chunks::<4>() {
                (numbers, []) => match numbers.as_chunks() {
                    (blocks @ [_, ..], []) => Self::Sack(SackBlocks(blocks)),
                    _ => return Err(Malformed::Length),
                },
                _ => return Err(Malformed::Length),
            },
            (8, data) => match data.as_chunks::<4>() {
                (&[value, echo], []) => Self::Timestamps {
                    value: u32::from_be_bytes(value),
                    echo: u32::from_be_bytes(echo),
                },
                _ => return Err(Malformed::Length),
            },
            (28, &[a, b]) => Self::UserTimeout {
                minutes: a & 0x80 != 0,
                time: u16::from_be_bytes([a & 0x7f, b]),
            },
            (2 | 3 | 4 | 28, _) => return Err(Malformed::Length),
            (kind, data) => Self::Unknown { kind, data },
        })
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
    type Item = Result<TcpOption<'a>, Malformed>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match *self.0 {
                [] | [0, ..] => return None,
                [1, ref rest @ ..] => self.0 = rest,
                [kind, length, ..] if length >= 2 && usize::from(length) <= self.0.len() => {
                    let (option, rest) = self.0.split_at(usize::from(length));
                    let option = TcpOption::new(kind, &option[2..]);
                    self.0 = if option.is_ok() { rest } else { &[] };
                    return Some(option);
                }
                _ => {
                    self.0 = &[];
                    return Some(Err(Malformed::Length));
                }
            }
        }
    }
}

/// Writes options one behind the other, into bytes of its own, to be put into a header that is
/// created with [`Writer::bytes`]'s length.
#[derive(Clone, Debug)]
pub struct Writer {
    bytes: [u8; 40],
    len: usize,
}

impl Default for Writer {
    fn default() -> Self {
        Self::new()
    }
}

impl Writer {
    /// No options yet.
    pub const fn new() -> Self {
        Self { bytes: [0; 40], len: 0 }
    }

    /// Adds one option; `false`, and nothing changed, if there is no room for it.
    #[must_use]
    pub fn push(&mut self, option: &TcpOption<'_>) -> bool {
        let before = self.len;
        let done = self.write(option);
        if !done {
            self.bytes[before..].fill(0);
            self.len = before;
        }
        done
    }

    fn write(&mut self, option: &TcpOption<'_>) -> bool {
        match *option {
            TcpOption::MaximumSegment(size) => self.put(2, &[&size.to_be_bytes()]),
            TcpOption::WindowScale(shift) => self.put(3, &[&[shift]]),
            TcpOption::SackPermitted => self.put(4, &[]),
            TcpOption::Sack(blocks) => self.put(5, &[blocks.0.as_flattened().as_flattened()]),
            TcpOption::Timestamps { value, echo } => {
                self.put(8, &[&value.to_be_bytes(), &echo.to_be_bytes()])
            }
            TcpOption::UserTimeout { minutes, time } => {
                let field = time & 0x7fff | u16::from(minutes) << 15;
                self.put(28, &[&field.to_be_bytes()])
            }
            TcpOption::Unknown { kind, data } => kind > 1 && self.put(kind, &[data]),
        }
    }

    /// Adds selective acknowledgements, as many of `blocks` as there is room for; says how many.
    pub fn push_sack(&mut self, blocks: impl IntoIterator<Item = (u32, u32)>) -> usize {
        let start = self.len;
        let Some(room) = self.bytes.get_mut(start + 2..) else { return 0 };
        let (places, _) = room.as_chunks_mut::<8>();
        let mut count = 0;
        for (place, (left, right)) in places.iter_mut().zip(blocks) {
            place[..4].copy_from_slice(&left.to_be_bytes());
            place[4..].copy_from_slice(&right.to_be_bytes());
            count += 1;
        }
        if count > 0 {
            self.bytes[start] = 5;
            self.bytes[start + 1] = 2 + 8 * count as u8;
            self.len = start + 2 + 8 * count;
        }
        count
    }

    fn put(&mut self, kind: u8, parts: &[&[u8]]) -> bool {
        let length = 2 + parts.iter().map(|part| part.len()).sum::<usize>();
        let Some(room) = self.bytes.get_mut(self.len..).and_then(|room| room.get_mut(..length))
        else {
            return false;
        };
        room[0] = kind;
        room[1] = length as u8;
        let mut at = 2;
        for part in parts {
            room[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        self.len += length;
        true
    }

    /// What was written, with padding up to a multiple of four bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len.next_multiple_of(4)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn broken_options_end_the_iteration() {
        for broken in [
            &[2, 3, 5][..],
            &[2][..],
            &[8, 10, 0, 0][..],
            &[5, 9, 0, 0, 0, 0, 0, 0, 0][..],
            &[5, 2][..],
            &[9, 0, 3, 3, 7][..],
            &[9, 1, 3, 3, 7][..],
            &[3, 2, 3, 3, 7][..],
        ] {
            let mut options = Options::new(broken);
            assert_eq!(options.next(), Some(Err(Malformed::Length)), "{broken:?}");
            assert_eq!(options.next(), None);
        }
        assert_eq!(Options::new(&[1, 1, 0, 2, 4]).next(), None);
    }

    #[test]
    fn as_many_blocks_as_fit() {
        let mut writer = Writer::new();
        assert!(writer.push(&TcpOption::Timestamps { value: 1, echo: 2 }));
        assert_eq!(writer.push_sack((0..9).map(|n| (n, n + 1))), 3);
        assert_eq!(writer.bytes().len(), 36);
        assert_eq!(writer.push_sack([(1, 2)]), 0);
        assert!(!writer.push(&TcpOption::Unknown { kind: 99, data: &[0; 5] }));
        let options =
            Options::new(writer.bytes()).map(Result::unwrap).collect::<alloc::vec::Vec<_>>();
        let TcpOption::Sack(blocks) = options[1] else { panic!("{options:?}") };
        assert!(blocks.iter().eq([(0, 1), (1, 2), (2, 3)]));
        assert_eq!(options.len(), 2);
    }

    #[test]
    fn padding_is_not_an_option_to_write() {
        assert!(!Writer::new().push(&TcpOption::Unknown { kind: 1, data: &[] }));
        assert!(Writer::new().bytes().is_empty());
    }
}
