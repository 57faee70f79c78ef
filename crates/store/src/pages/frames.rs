//! The memory that pages are kept in.

use crate::place::BLOCK;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

/// Memory for pages of files, in frames of 4 KiB. It belongs to whoever opens the store: on the
/// heap, or shared with the processes that map files, so that a mapping, a read and a write of one
/// page are all of the same frame.
pub trait Frames: Send {
    /// How many frames there are.
    fn count(&self) -> usize;
    /// Copies from a frame; frame and place are within bounds.
    fn read(&self, frame: usize, at: usize, into: &mut [u8]);
    /// Copies to a frame; frame and place are within bounds.
    fn write(&mut self, frame: usize, at: usize, from: &[u8]);
    /// The same memory for several threads at once, if it can be had so: then nobody has to keep the
    /// store while pages are copied.
    fn at_once(&self) -> Option<Arc<dyn AtOnce>> {
        None
    }
}

/// Frames that several threads read and write at once. The store sees to it that what they do makes
/// sense.
pub trait AtOnce: Send + Sync {
    /// Copies from a frame; frame and place are within bounds.
    fn read(&self, frame: usize, at: usize, into: &mut [u8]);
    /// Has a frame filled, which is within bounds.
    fn fill(&self, frame: usize, fill: &mut dyn FnMut(&mut [u8]));
}

/// Frames on the heap.
pub struct Heap(Vec<u8>);

impl Heap {
    /// So many frames. The system gives memory to them only when they are first used.
    pub fn new(frames: usize) -> Self {
        Self(vec![0; frames * BLOCK])
    }
}

impl Frames for Heap {
    fn count(&self) -> usize {
        self.0.len() / BLOCK
    }

    fn read(&self, frame: usize, at: usize, into: &mut [u8]) {
        let start = frame * BLOCK + at;
        if let Some(from) = self.0.get(start..start + into.len()) {
            into.copy_from_slice(from);
        }
    }

    fn write(&mut self, frame: usize, at: usize, from: &[u8]) {
        let start = frame * BLOCK + at;
        if let Some(into) = self.0.get_mut(start..start + from.len()) {
            into.copy_from_slice(from);
        }
    }
}
