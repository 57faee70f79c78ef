//! Pages, their owners, and the pools they come from.
//!
//! **Why unsafe is allowed here, and nowhere else in this crate:** a packet's bytes lie in memory
//! that a device can be told about by address, so pages are raw memory, and a packet is a pointer.
//! The argument for all of it is one sentence: *at any time each page belongs either to its pool's
//! list of pages at home, or to exactly one [`Packet`] or pool handle, and only that owner touches
//! the page or the owner's half of its record.*
//!
//! What is known about a page (its [`record::Record`]) never lies in the page itself: pages may
//! be mapped by a device or by another process, which must not be able to forge a pointer.
#![allow(unsafe_code)]

mod batch;
mod packet;
mod pool;
mod prefetch;
mod queue;
mod record;
mod region;
mod sync;

pub use batch::{Batch, Drain, IntoIter};
pub use packet::{Packet, Pages, SPREAD};
pub use pool::{Pool, PoolStatistics};
pub use prefetch::{prefetch, prefetch_for_writing};
pub use queue::Queue;
pub use region::{Contiguous, Region};

/// Bytes in a page.
pub const PAGE: usize = 4096;

/// Bytes kept free in front of a fresh packet's data, for headers that are put on later.
///
/// The same 256 that Linux keeps in front of an `AF_XDP` frame, so that one size of frame
/// (3,840 bytes) fits into a page under every driver.
pub const HEADROOM: usize = 256;
