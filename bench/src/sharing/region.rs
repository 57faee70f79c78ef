//! Memory that two processes map: two rings of numbers, and pages.
//!
//! **Why unsafe is allowed here:** mapping a file that another process maps too. Both processes
//! are this program, and a page is touched only by who was given its number last; that is what
//! makes the references below sound, and what a process that is not trusted would not keep to.
#![allow(unsafe_code)]

use packet::PAGE;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::os::fd::AsFd;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers that a ring holds.
const SLOTS: usize = 256;
/// Pages at the front, which have the rings.
const RINGS: usize = 2;

/// One ring as it lies in memory: what each side changes, in a cache line of its own.
#[repr(C, align(64))]
pub(super) struct Ring {
    sent: Line,
    taken: Line,
    slots: [AtomicU64; SLOTS],
}

#[repr(align(64))]
struct Line(AtomicU64);

const _: () = assert!(size_of::<Ring>() <= PAGE);

impl Ring {
    /// Puts numbers in, for which there is room: each side only has as many as were put in.
    pub(super) fn put(&self, numbers: &[u64]) {
        let sent = self.sent.0.load(Ordering::Relaxed);
        for (place, number) in (sent..).zip(numbers) {
            self.slots[place as usize % SLOTS].store(*number, Ordering::Relaxed);
        }
        self.sent.0.store(sent + numbers.len() as u64, Ordering::Release);
    }

    /// Moves what was put in to the back of `numbers`. Says how many.
    pub(super) fn take(&self, numbers: &mut Vec<u64>) -> usize {
        let taken = self.taken.0.load(Ordering::Relaxed);
        let sent = self.sent.0.load(Ordering::Acquire);
        let slots = (taken..sent).map(|place| &self.slots[place as usize % SLOTS]);
        numbers.extend(slots.map(|slot| slot.load(Ordering::Relaxed)));
        self.taken.0.store(sent, Ordering::Release);
        (sent - taken) as usize
    }
}

/// The memory, as one process sees it.
pub(super) struct Region {
    base: NonNull<u8>,
    pages: usize,
}

impl Region {
    /// Maps a file of so many pages, which cannot shrink.
    pub(super) fn map(file: impl AsFd, pages: usize) -> Result<Self, String> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::SHARED | MapFlags::POPULATE;
        // SAFETY: the kernel chooses the place, so no mapping that exists is touched.
        let base = unsafe { mmap(ptr::null_mut(), pages * PAGE, access, flags, file, 0) };
        let base = base.map_err(|error| format!("memory could not be mapped: {error}"))?;
        let base = NonNull::new(base.cast()).ok_or("memory was mapped nowhere")?;
        Ok(Self { base, pages })
    }

    /// One of the two rings.
    pub(super) fn ring(&self, number: usize) -> &Ring {
        assert!(number < RINGS, "there are two");
        // SAFETY: the page is mapped as long as this lives, is large enough, and begins zeroed,
        // which is a valid ring; it holds atomics only, which both processes change as a whole.
        unsafe { self.base.add(number * PAGE).cast().as_ref() }
    }

    /// How many pages there are beside the rings.
    pub(super) fn pages(&self) -> usize {
        self.pages - RINGS
    }

    /// The first bytes of a page that this process was given.
    pub(super) fn bytes(&mut self, page: usize, len: usize) -> &mut [u8] {
        assert!(page < self.pages() && len <= PAGE, "page {page} has no {len} bytes here");
        // SAFETY: within the mapping, by the check above. The other process has given the page's
        // number away and does not touch it, and within this one `self` is borrowed.
        unsafe {
            std::slice::from_raw_parts_mut(self.base.add((RINGS + page) * PAGE).as_ptr(), len)
        }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: mapped by `map` with this length, unmapped once; all that borrowed is gone. An
        // error here could only mean that the mapping is not there.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.pages * PAGE) };
    }
}
