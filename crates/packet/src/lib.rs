//! Packets: page-sized buffers with exactly one owner.
//!
//! A [`Packet`] is a handle of one word to a page and what is known about it: where its bytes
//! begin, how many there are, what a device still has to do with them. Handing a packet on is a
//! Rust move; there is no second reference to a page anywhere, so nobody can read a packet that
//! was given away. Pages come from a [`Pool`] and go back to it when the packet is dropped,
//! from whichever thread. A frame larger than a page is a *chain*: a packet that owns the next.
//!
//! [`header`] reads and writes protocol headers in place; [`checksum`] knows the Internet
//! checksum in full, incrementally, and as devices offload it.
//!
//! This crate never does I/O and never allocates outside its pools. It builds without std.
#![no_std]

extern crate alloc;

mod buffer;
pub mod checksum;
pub mod header;
mod offload;

pub use buffer::{
    Batch, Contiguous, Drain, HEADROOM, IntoIter, PAGE, Packet, Pages, Pool, PoolStatistics, Queue,
    Region, SPREAD, prefetch, prefetch_for_writing,
};
pub use offload::{Checksum, Offload, Segmentation, SegmentationKind};
