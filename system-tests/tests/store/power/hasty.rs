//! Segments that nobody waits for: from some moment on they say at once that all is safe.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use store::host::Segments;
use store::medium::Medium;
use store::simulation::Wrapped;

pub(super) struct Hasty {
    pub(super) segments: Segments,
    pub(super) hasty: Arc<AtomicBool>,
}

impl Wrapped for Hasty {
    fn below(&self) -> &dyn Medium {
        &self.segments
    }

    fn makes_safe(&self) -> bool {
        !self.hasty.load(Ordering::Relaxed)
    }

    fn tells_device(&self) -> bool {
        false
    }
}
