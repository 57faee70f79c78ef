//! A medium that remembers every byte that was ever to be written to it.

use std::sync::{Arc, Mutex};
use store::medium::{Medium, Trouble};
use store::simulation::Simulation;

/// Where something was written, and what.
type Written = (u64, Vec<u8>);

/// A medium, and all that went there.
#[derive(Clone)]
pub(crate) struct Witness {
    pub(crate) medium: Simulation,
    pub(crate) written: Arc<Mutex<Vec<Written>>>,
}

impl Witness {
    pub(crate) fn over(medium: Simulation) -> Self {
        Self { medium, written: Arc::default() }
    }

    /// The same memory of what was written, for what is left of the medium after a crash.
    pub(crate) fn after(&self, medium: Simulation) -> Self {
        Self { medium, written: self.written.clone() }
    }
}

impl Medium for Witness {
    fn read(&self, at: u64, into: &mut [u8]) -> Result<(), Trouble> {
        self.medium.read(at, into)
    }

    fn write(&self, at: u64, from: &[u8]) -> Result<(), Trouble> {
        self.written.lock().unwrap().push((at, from.to_vec()));
        self.medium.write(at, from)
    }

    fn sync(&self) -> Result<(), Trouble> {
        self.medium.sync()
    }

    fn size(&self) -> u64 {
        self.medium.size()
    }

    fn limit(&self) -> u64 {
        self.medium.limit()
    }

    fn grow(&self, size: u64) -> Result<(), Trouble> {
        self.medium.grow(size)
    }

    fn discard(&self, at: u64, length: u64) {
        self.medium.discard(at, length);
    }

    fn foresee(&self, at: u64, length: u64) {
        self.medium.foresee(at, length);
    }
}
