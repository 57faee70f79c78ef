//! Huge pages for a store's memory.
//!
//! **Why unsafe is allowed here:** `madvise` can, with other advice than this, change what memory
//! holds; so the call is unsafe as such.
#![allow(unsafe_code)]

use kv::Memory;
use rustix::mm::{Advice, madvise};

const PAGE: usize = 4096;

/// Asks the kernel to back what was reserved by huge pages, if it can.
pub(super) fn prefer_huge_pages(memory: &Memory) {
    for (address, len) in memory.ranges() {
        let start = address.next_multiple_of(PAGE);
        let len = (address + len).saturating_sub(start) / PAGE * PAGE;
        let start = std::ptr::with_exposed_provenance_mut(start);
        // SAFETY: this advice changes no bytes and no access rights, whatever memory it is about.
        // Where the kernel knows no huge pages it fails, and small ones do.
        let _ = unsafe { madvise(start, len, Advice::LinuxHugepage) };
    }
}
