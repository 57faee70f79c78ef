//! A first look at a datagram: which key it will probably be about.
//!
//! Only a hint, so that the keys of a batch can be prefetched together. Whoever carries out the
//! request looks properly, and uses the hash found here only if it is of the very same bytes.

use super::binary::Request;
use super::frame::Frame;
use crate::Hash;

/// Where in a datagram the first key lies, and its hash.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Glance {
    start: usize,
    len: usize,
    hash: Hash,
}

impl Glance {
    /// The first key in a datagram, if there seems to be one.
    #[inline]
    pub(crate) fn at(payload: &[u8]) -> Option<Self> {
        let start = match payload.get(Frame::LEN)? {
            &Request::MAGIC => {
                let key = Request::read(&payload[Frame::LEN..])?.0.key();
                let (start, end) = (Frame::LEN + key.start, Frame::LEN + key.end);
                let bytes = payload.get(start..end).filter(|bytes| !bytes.is_empty())?;
                return Some(Self { start, len: bytes.len(), hash: Hash::of(bytes) });
            }
            b'g' if payload.get(Frame::LEN + 1) == Some(&b'a') => {
                word_behind(payload, word_behind(payload, Frame::LEN)?)?
            }
            _ => word_behind(payload, Frame::LEN)?,
        };
        let (hash, len) = Hash::of_word(payload.get(start..)?);
        (len > 0).then_some(Self { start, len, hash })
    }

    /// The hash of the key.
    #[inline]
    pub(crate) fn hash(&self) -> Hash {
        self.hash
    }

    /// The hash of these bytes, if they are the ones that were looked at.
    #[inline]
    pub(crate) fn hash_of(&self, start: usize, len: usize) -> Option<Hash> {
        (self.start == start && self.len == len).then_some(self.hash)
    }
}

/// Where the word behind the one at `start` begins.
#[inline]
fn word_behind(payload: &[u8], start: usize) -> Option<usize> {
    let space = payload.get(start..)?.iter().position(|byte| *byte == b' ')? + start;
    let word = payload.get(space..)?.iter().position(|byte| *byte != b' ')?;
    Some(space + word)
}
