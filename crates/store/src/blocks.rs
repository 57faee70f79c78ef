//! Bytes on their way between the medium and memory.
//!
//! They begin at a multiple of a block, so that a disk can put them here itself, and nobody has to copy
//! them.

use crate::place::BLOCK;
use alloc::vec::Vec;
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

/// A block's bytes.
#[derive(Clone, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C, align(4096))]
struct Block([u8; BLOCK]);

/// Whole blocks of bytes.
#[derive(Default)]
pub(crate) struct Blocks(Vec<Block>);

impl Blocks {
    /// Makes them so many. What is in them may be anything that was in them before.
    pub(crate) fn resize(&mut self, blocks: usize) {
        self.0.resize(blocks, Block::new_zeroed());
    }

    /// Whether nothing was ever in them, and no memory is theirs.
    pub(crate) fn are_new(&self) -> bool {
        self.0.capacity() == 0
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        self.0.as_mut_bytes()
    }

    /// One after the other.
    pub(crate) fn each(&self) -> impl Iterator<Item = &[u8; BLOCK]> {
        self.0.iter().map(|block| &block.0)
    }

    /// One after the other.
    pub(crate) fn each_mut(&mut self) -> impl Iterator<Item = &mut [u8; BLOCK]> {
        self.0.iter_mut().map(|block| &mut block.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_begin_where_disks_can_put_them() {
        let mut blocks = Blocks::default();
        for count in [1, 3, 64, 2] {
            blocks.resize(count);
            assert_eq!(blocks.bytes().len(), count * BLOCK);
            assert_eq!(blocks.bytes().as_ptr().align_offset(BLOCK), 0);
        }
    }
}
