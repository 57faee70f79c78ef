//! The rings that an `AF_XDP` socket shares with the kernel.
//!
//! Each has one producer and one consumer, one of which is the kernel. An index belongs to one
//! side and is only read by the other; indices run freely and wrap. What the kernel says of how
//! far it got is never taken to be more than the ring holds.
//!
//! **Why unsafe is allowed here:** the rings are memory that the kernel writes to.
#![allow(unsafe_code)]

use core::marker::PhantomData;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicU32, Ordering};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use rustix::net::xdp::XdpRingOffset;
use std::os::fd::AsFd;

/// A page handed over: where its bytes are in the region, how many, and whether the frame goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Descriptor {
    pub(super) address: u64,
    pub(super) length: u32,
    pub(super) options: u32,
}

impl Descriptor {
    /// The frame goes on in the next descriptor (`XDP_PKT_CONTD`).
    pub(super) const CONTINUED: u32 = 1;
}

/// What rings carry: integers only.
pub(super) trait Entry: Copy {}
impl Entry for u64 {}
impl Entry for Descriptor {}

/// A ring as it is mapped.
#[derive(Debug)]
struct Mapping<T> {
    base: NonNull<u8>,
    bytes: usize,
    offsets: XdpRingOffset,
    entries: u32,
    carries: PhantomData<T>,
}

// SAFETY: the mapping belongs to this value alone; the kernel does not care which thread uses it.
unsafe impl<T> Send for Mapping<T> {}

impl<T: Entry> Mapping<T> {
    fn new(
        socket: impl AsFd,
        place: u64,
        offsets: XdpRingOffset,
        entries: u32,
    ) -> Result<Self, Errno> {
        let bytes = offsets.desc as usize + entries as usize * size_of::<T>();
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::SHARED | MapFlags::POPULATE;
        // SAFETY: the kernel chooses the place, so no mapping that exists is touched.
        let base = unsafe { mmap(ptr::null_mut(), bytes, access, flags, socket, place) }?;
        let base = NonNull::new(base.cast()).ok_or(Errno::NOMEM)?;
        Ok(Self { base, bytes, offsets, entries, carries: PhantomData })
    }

    /// The word at an offset that the kernel told us.
    fn word(&self, offset: u64) -> &AtomicU32 {
        // SAFETY: the kernel says that a word lies there, within what it let us map and aligned;
        // both sides change it as a whole.
        unsafe { self.base.add(offset as usize).cast().as_ref() }
    }

    fn producer(&self) -> &AtomicU32 {
        self.word(self.offsets.producer)
    }

    fn consumer(&self) -> &AtomicU32 {
        self.word(self.offsets.consumer)
    }

    /// Where an entry lies.
    fn entry(&self, index: u32) -> NonNull<T> {
        let number = (index & (self.entries - 1)) as usize;
        // SAFETY: `entries` is a power of two, so the number is within the ring, which is mapped
        // to its end.
        unsafe { self.base.add(self.offsets.desc as usize).cast::<T>().add(number) }
    }
}

impl<T> Drop for Mapping<T> {
    fn drop(&mut self) {
        // SAFETY: mapped in `new` with this length, unmapped once. An error here could only mean
        // that the mapping is not there.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.bytes) };
    }
}

/// A ring into which we put.
#[derive(Debug)]
pub(super) struct Producer<T> {
    ring: Mapping<T>,
    /// Where the next entry goes. The kernel sees it when it is published.
    next: u32,
    /// How far the kernel had got when we last looked.
    consumed: u32,
}

impl<T: Entry> Producer<T> {
    /// Maps it. `entries` is a power of two, as it was when the ring was made.
    pub(super) fn new(
        socket: impl AsFd,
        place: u64,
        offsets: XdpRingOffset,
        entries: u32,
    ) -> Result<Self, Errno> {
        let ring = Mapping::new(socket, place, offsets, entries)?;
        let next = ring.producer().load(Ordering::Relaxed);
        let consumed = ring.consumer().load(Ordering::Acquire);
        Ok(Self { ring, next, consumed })
    }

    /// How many entries have room. Looks at the kernel's index only if there are fewer than
    /// `wanted` by the last look.
    #[inline]
    pub(super) fn room(&mut self, wanted: u32) -> u32 {
        let known = self.ring.entries.saturating_sub(self.next.wrapping_sub(self.consumed));
        if known >= wanted {
            return known;
        }
        self.consumed = self.ring.consumer().load(Ordering::Acquire);
        self.ring.entries.saturating_sub(self.next.wrapping_sub(self.consumed))
    }

    /// Puts an entry in; `false`, and nothing done, if there is no room.
    #[inline]
    pub(super) fn push(&mut self, entry: T) -> bool {
        if self.room(1) == 0 {
            return false;
        }
        // SAFETY: the kernel does not look at this entry until it is published.
        unsafe { self.ring.entry(self.next).write(entry) };
        self.next = self.next.wrapping_add(1);
        true
    }

    /// Shows the kernel what was put in.
    #[inline]
    pub(super) fn publish(&mut self) {
        self.ring.producer().store(self.next, Ordering::Release);
    }

    /// How many entries the kernel has not taken yet.
    #[inline]
    pub(super) fn waiting(&self) -> u32 {
        self.next.wrapping_sub(self.ring.consumer().load(Ordering::Acquire))
    }

    /// Whether the kernel wants a system call to go on.
    #[inline]
    pub(super) fn needs_wakeup(&self) -> bool {
        self.ring
            .offsets
            .flags
            .is_none_or(|flags| self.ring.word(flags).load(Ordering::Relaxed) & 1 != 0)
    }
}

/// A ring from which we take.
#[derive(Debug)]
pub(super) struct Consumer<T> {
    ring: Mapping<T>,
    /// The next entry to take.
    next: u32,
    /// The first entry that the kernel has not been given back.
    released: u32,
    /// How far the kernel had got when we last looked.
    produced: u32,
}

impl<T: Entry> Consumer<T> {
    /// Maps it. `entries` is a power of two, as it was when the ring was made.
    pub(super) fn new(
        socket: impl AsFd,
        place: u64,
        offsets: XdpRingOffset,
        entries: u32,
    ) -> Result<Self, Errno> {
        let ring = Mapping::new(socket, place, offsets, entries)?;
        let next = ring.consumer().load(Ordering::Relaxed);
        Ok(Self { ring, next, released: next, produced: next })
    }

    /// Takes an entry, if there is one.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        // SAFETY: the kernel wrote this entry before it moved its index past it, and leaves it
        // alone until it is released. All bit patterns of an entry are valid.
        let entry = unsafe { self.ring.entry(self.next).read() };
        self.next = self.next.wrapping_add(1);
        Some(entry)
    }

    /// Whether there is nothing to take.
    #[inline]
    pub(super) fn is_empty(&mut self) -> bool {
        if self.produced == self.next {
            let produced = self.ring.producer().load(Ordering::Acquire);
            // At least what was taken already, and at most what the ring holds.
            let ahead = produced.wrapping_sub(self.released).min(self.ring.entries);
            let ahead = ahead.max(self.next.wrapping_sub(self.released));
            self.produced = self.released.wrapping_add(ahead);
        }
        self.produced == self.next
    }

    /// Gives the entries that were taken back to the kernel.
    #[inline]
    pub(super) fn release(&mut self) {
        self.released = self.next;
        self.ring.consumer().store(self.next, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
    use std::collections::VecDeque;
    use std::os::fd::OwnedFd;

    const ENTRIES: u32 = 8;
    const AT: XdpRingOffset =
        XdpRingOffset { producer: 0, consumer: 64, desc: 192, flags: Some(128) };

    /// Memory where the kernel's ring would be, with both indices at `start`.
    fn memory(start: u32) -> OwnedFd {
        let file = memfd_create("ring", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&file, 4096).unwrap();
        for place in [AT.producer, AT.consumer] {
            rustix::io::pwrite(&file, &start.to_ne_bytes(), place).unwrap();
        }
        file
    }

    proptest! {
        /// Both ends on one memory behave as one bounded queue, wherever the indices wrap.
        #[test]
        fn two_ends_are_a_queue(start: u32, steps in proptest::collection::vec(0_u8..4, 0..200)) {
            let file = memory(start);
            let mut producer = Producer::<u64>::new(&file, 0, AT, ENTRIES).unwrap();
            let mut consumer = Consumer::<u64>::new(&file, 0, AT, ENTRIES).unwrap();
            // What was put in and not shown; what was shown; what was taken and not given back.
            let (mut hidden, mut shown, mut taken) = (VecDeque::new(), VecDeque::new(), 0);
            for (number, step) in (0_u64..).zip(steps) {
                match step {
                    0 => {
                        let room = hidden.len() + shown.len() + taken < ENTRIES as usize;
                        prop_assert_eq!(producer.push(number), room);
                        if room {
                            hidden.push_back(number);
                        }
                    }
                    1 => {
                        producer.publish();
                        shown.append(&mut hidden);
                    }
                    2 => {
                        let expected = shown.pop_front();
                        taken += usize::from(expected.is_some());
                        prop_assert_eq!(consumer.pop(), expected);
                    }
                    _ => {
                        consumer.release();
                        taken = 0;
                    }
                }
                let unseen = (hidden.len() + shown.len() + taken) as u32;
                prop_assert_eq!(producer.waiting(), unseen);
            }
        }

        /// Whatever the other end says of how far it got, nothing is read or written outside the
        /// ring, and no more than it holds.
        #[test]
        fn a_bogus_index_is_not_believed(start: u32, bogus: u32) {
            let file = memory(start);
            let mut producer = Producer::<Descriptor>::new(&file, 0, AT, ENTRIES).unwrap();
            let mut consumer = Consumer::<Descriptor>::new(&file, 0, AT, ENTRIES).unwrap();
            for place in [AT.producer, AT.consumer] {
                rustix::io::pwrite(&file, &bogus.to_ne_bytes(), place).unwrap();
            }
            let mut popped = 0;
            while popped <= ENTRIES && consumer.pop().is_some() {
                popped += 1;
            }
            prop_assert!(popped <= ENTRIES);
            prop_assert!(producer.room(u32::MAX) <= ENTRIES);
        }
    }

    #[test]
    fn a_wakeup_is_needed_when_the_kernel_says_so() {
        let file = memory(0);
        let producer = Producer::<u64>::new(&file, 0, AT, ENTRIES).unwrap();
        assert!(!producer.needs_wakeup());
        rustix::io::pwrite(&file, &1_u32.to_ne_bytes(), 128).unwrap();
        assert!(producer.needs_wakeup());
        let old = XdpRingOffset { flags: None, ..AT };
        assert!(Producer::<u64>::new(&file, 0, old, ENTRIES).unwrap().needs_wakeup());
    }
}
