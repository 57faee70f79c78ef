//! Where in its page a frame begins.
//!
//! A processor keeps only a few cache lines whose addresses differ by whole pages (8 or 12 in
//! those of today). If all frames began at the same place in their pages, the headers of a batch
//! would throw one another out. So drivers that may choose spread them.

use packet::{HEADROOM, PAGE, Packet};

/// Places where a frame may begin.
const PLACES: usize = 16;

/// Bytes between two places: a cache line.
const LINE: usize = 64;

/// Bytes that fit behind any of the places.
pub(crate) const ROOM: usize = PAGE - HEADROOM - (PLACES - 1) * LINE;

/// Where in its page a frame of up to [`ROOM`] bytes should begin: at least [`HEADROOM`] in.
#[inline]
pub(crate) fn of(page: &Packet) -> usize {
    HEADROOM + page.number() % PLACES * LINE
}
