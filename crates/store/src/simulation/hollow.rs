//! A store that is larger than what a test may write.

use crate::medium::{Medium, Trouble};
use core::sync::atomic::{AtomicBool, Ordering};

/// A medium that can be told to throw away what is written. What it keeps lies where it would lie if
/// there were all of it: to fill a GiB takes no room, and nobody may read what was put there.
pub struct Hollow<M> {
    below: M,
    hollow: AtomicBool,
}

impl<M: Medium> Hollow<M> {
    /// One that keeps everything for now.
    pub fn over(below: M) -> Self {
        Self { below, hollow: AtomicBool::new(false) }
    }

    /// From now on it throws away what is written, or does not.
    pub fn throw_away(&self, hollow: bool) {
        self.hollow.store(hollow, Ordering::Release);
    }
}

impl<M: Medium> Medium for Hollow<M> {
    fn read(&self, at: u64, into: &mut [u8]) -> Result<(), Trouble> {
        self.below.read(at, into)
    }

    fn write(&self, at: u64, from: &[u8]) -> Result<(), Trouble> {
        if self.hollow.load(Ordering::Acquire) {
            // Room that was reserved for it is given back.
            self.below.discard(at, from.len() as u64);
            return Ok(());
        }
        self.below.write(at, from)
    }

    fn sync(&self) -> Result<(), Trouble> {
        self.below.sync()
    }

    fn size(&self) -> u64 {
        self.below.size()
    }

    fn limit(&self) -> u64 {
        self.below.limit()
    }

    fn grow(&self, size: u64) -> Result<(), Trouble> {
        self.below.grow(size)
    }

    fn discard(&self, at: u64, length: u64) {
        self.below.discard(at, length);
    }

    fn foresee(&self, at: u64, length: u64) {
        self.below.foresee(at, length);
    }
}
