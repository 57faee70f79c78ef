//! A medium that remembers every byte that was ever to be written to it.

use std::sync::{Arc, Mutex};
use store::medium::Medium;
use store::simulation::{Simulation, Wrapped};

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

impl Wrapped for Witness {
    fn below(&self) -> &dyn Medium {
        &self.medium
    }

    fn passes_on(&self, at: u64, from: &[u8]) -> bool {
        self.written.lock().unwrap().push((at, from.to_vec()));
        true
    }
}
