//! Backups: one commit as a row of bytes that is encrypted as the store is, and needs to be trusted
//! as little.
//!
//! A backup has the blocks of one commit at the addresses they have, the superblock and the keys. It
//! can be made while others write: blocks of a commit are never changed, and whoever holds it (see
//! `host::Hold`) keeps them from being used again. Each block is checked on its way.

mod restore;
mod save;

use crate::error::Error;
use sha2::{Digest, Sha256};

pub use restore::{Restored, restore};
pub use save::Saved;

/// What a backup begins with.
const MAGIC: &[u8; 16] = b"cofferdam backup";
const VERSION: u32 = 1;
const HEAD: usize = 32;

/// Where a backup goes.
pub trait Sink {
    /// Takes bytes, all of them.
    fn put(&mut self, bytes: &[u8]) -> Result<(), Error>;
}

/// Where a backup comes from.
pub trait Source {
    /// Fills `into`.
    ///
    /// # Errors
    /// [`Error::BackupShort`] if it ends before.
    fn fill(&mut self, into: &mut [u8]) -> Result<(), Error>;
}

/// Sums up what passes.
#[derive(Default)]
struct Sum(Sha256);

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn end(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}
