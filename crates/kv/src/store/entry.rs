//! One entry, to read.

use crate::memory::{Arena, Header, NONE};

/// What is stored for a key.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    arena: &'a Arena,
    position: u32,
}

impl<'a> Entry<'a> {
    #[inline]
    pub(super) fn new(arena: &'a Arena, position: u32) -> Self {
        Self { arena, position }
    }

    #[inline]
    fn header(self) -> &'a Header {
        self.arena.header(self.position)
    }

    /// The key.
    #[inline]
    pub fn key(self) -> &'a [u8] {
        self.arena.bytes_of(self.position, 0, self.header().key_len())
    }

    /// What the client that stored it gave along.
    #[inline]
    pub fn flags(self) -> u32 {
        self.header().flags()
    }

    /// The number of its last change; unlike that of every other change.
    #[inline]
    pub fn cas(self) -> u64 {
        self.header().cas()
    }

    /// Bytes in the value.
    #[inline]
    pub fn value_len(self) -> usize {
        self.header().value_len()
    }

    /// The value, in the pieces in which it lies in memory: one, unless it is larger than a chunk.
    #[inline]
    pub fn value(self) -> Pieces<'a> {
        Pieces {
            arena: self.arena,
            position: self.position,
            offset: self.header().key_len(),
            left: self.value_len(),
        }
    }

    /// Copies the first bytes of the value; says how many there were.
    pub(super) fn copy_value(self, to: &mut [u8]) -> usize {
        let mut done = 0;
        for piece in self.value() {
            let count = piece.len().min(to.len() - done);
            to[done..done + count].copy_from_slice(&piece[..count]);
            done += count;
        }
        done
    }
}

/// The pieces of a value. Made by [`Entry::value`].
#[derive(Clone, Debug)]
pub struct Pieces<'a> {
    arena: &'a Arena,
    position: u32,
    offset: usize,
    left: usize,
}

/// Bytes behind the header of each chunk of an entry that has several.
pub(super) const FULL_CHUNK: usize = crate::memory::LARGEST - Header::LEN;

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        if self.left == 0 || self.position == NONE {
            return None;
        }
        let len = self.left.min(FULL_CHUNK - self.offset);
        let piece = self.arena.bytes_of(self.position, self.offset, len);
        self.left -= len;
        self.offset = 0;
        self.position = self.arena.header(self.position).next();
        Some(piece)
    }
}
