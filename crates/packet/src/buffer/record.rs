//! What is known about one page, one cache line long, apart from the page.

use super::packet::Packet;
use super::pool::Core;
use super::sync::{AtomicU32, UnsafeCell};
use crate::Offload;
use core::ptr::NonNull;

/// The record of one page. Everything but `owned` is fixed, or atomic.
#[repr(C, align(64))]
pub(super) struct Record {
    /// The pool the page goes home to. Valid for as long as the page is away from home, because
    /// every such page holds a reference to the core.
    pub(super) core: NonNull<Core>,
    /// Number of the page in its pool.
    pub(super) number: u32,
    /// While the page is at home: number of the next page at home. Read by whoever tries to take
    /// pages, even while another thread takes this one; hence atomic and outside `owned`.
    pub(super) next_home: AtomicU32,
    /// Touched by the page's owner only.
    pub(super) owned: UnsafeCell<Owned>,
}

/// The owner's half of a record.
pub(super) struct Owned {
    /// The page; null until it is first needed.
    pub(super) page: *mut u8,
    /// The rest of a chain.
    pub(super) next: Option<Packet>,
    /// The packet behind this one in a [`super::Queue`].
    pub(super) behind: Option<Packet>,
    pub(super) offload: Offload,
    pub(super) start: u16,
    pub(super) len: u16,
}

#[cfg(not(all(test, loom)))]
const _: () = assert!(size_of::<Record>() == 64, "a record is one cache line");
