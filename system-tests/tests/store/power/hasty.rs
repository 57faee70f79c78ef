//! Segments that nobody waits for: from some moment on they say at once that all is safe.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use store::host::Segments;
use store::medium::{Medium, Trouble};

pub(super) struct Hasty {
    pub(super) segments: Segments,
    pub(super) hasty: Arc<AtomicBool>,
}

impl Medium for Hasty {
    fn read(&self, at: u64, into: &mut [u8]) -> Result<(), Trouble> {
        self.segments.read(at, into)
    }

    fn write(&self, at: u64, from: &[u8]) -> Result<(), Trouble> {
        self.segments.write(at, from)
    }

    fn sync(&self) -> Result<(), Trouble> {
        if self.hasty.load(Ordering::Relaxed) { Ok(()) } else { self.segments.sync() }
    }

    fn size(&self) -> u64 {
        self.segments.size()
    }

    fn limit(&self) -> u64 {
        self.segments.limit()
    }

    fn grow(&self, size: u64) -> Result<(), Trouble> {
        self.segments.grow(size)
    }

    fn discard(&self, at: u64, length: u64) {
        self.segments.discard(at, length);
    }

    fn foresee(&self, at: u64, length: u64) {
        self.segments.foresee(at, length);
    }
}
