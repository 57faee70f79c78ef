//! A store that is larger than what a test may write.

use super::Wrapped;
use crate::medium::Medium;
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

impl<M: Medium> Wrapped for Hollow<M> {
    fn below(&self) -> &dyn Medium {
        &self.below
    }

    fn passes_on(&self, at: u64, from: &[u8]) -> bool {
        let hollow = self.hollow.load(Ordering::Acquire);
        if hollow {
            // Room that was reserved for it is given back.
            self.below.discard(at, from.len() as u64);
        }
        !hollow
    }
}
