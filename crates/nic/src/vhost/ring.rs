//! One split virtqueue, seen from the driver's side.
//!
//! Three tables in memory that both sides map: *descriptors* say where buffers lie, the
//! *available* ring which of them the device may use, the *used* ring which it is done with. The
//! first two are written by us, the third by the device.
//!
//! The device is another process and may write anything anywhere in these tables at any time. So
//! every cell is an atomic of at most eight bytes, read once; nothing that we wrote is ever read
//! back; and what is read is a plain number that the callers check against what they know.
//!
//! **Why unsafe is allowed here:** the tables are raw memory at addresses the device is told.
#![allow(unsafe_code)]

use crate::Error;
use crate::memory::Memory;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, Ordering, fence};
use packet::{PAGE, Region, prefetch, prefetch_for_writing};
use std::sync::Arc;

/// In a descriptor: the buffer goes on in the next one.
pub(super) const NEXT: u16 = 1;
/// In a descriptor: the device writes to the buffer.
pub(super) const WRITE: u16 = 2;
/// In the available ring: no need to call us.
const NO_INTERRUPT: u16 = 1;
/// In the used ring: no need to kick the device.
const NO_NOTIFY: u16 = 1;

/// The least and the most descriptors a ring may have here. Always a power of two.
pub(super) const SIZES: core::ops::RangeInclusive<u16> = 16..=4096;

/// The tables of one virtqueue.
pub(super) struct Ring {
    descriptors: NonNull<[AtomicU64; 2]>,
    available: NonNull<AtomicU16>,
    used: NonNull<AtomicU16>,
    mask: usize,
    /// What the cells of the available ring hold: a cell that already holds the right number is
    /// not written, so its cache line stays with the device. With a device that keeps the order,
    /// that is every cell after the first round.
    offered: Box<[u16]>,
    /// Buffers offered so far, and those that the device was told of.
    ///
    /// These numbers fill whole registers though 16 bits of them count: of two halves of a word
    /// the compiler would write one and read both, and a processor answers such a read only after
    /// the write, and all writes before it, have reached its cache. These wait for another core.
    next_available: usize,
    published: usize,
    /// Whether the device may still have to be kicked for what was published.
    untold: bool,
    /// Whether it wanted kicks when we last looked.
    notify: bool,
    /// Buffers taken back so far.
    next_used: usize,
    _memory: Arc<Memory>,
}

// SAFETY: the pointers point into the memory it holds; all cells are atomics.
unsafe impl Send for Ring {}

impl Ring {
    /// Pages that the tables of a ring of `size` descriptors take.
    pub(super) fn pages(size: u16) -> usize {
        let size = usize::from(size);
        // The used ring has pages of its own: only the device writes there.
        (16 * size + 6 + 2 * size).div_ceil(PAGE) + (6 + 8 * size).div_ceil(PAGE)
    }

    /// A ring whose tables begin at page `first` of `memory`; they must be zero, and used by
    /// nobody else. `None` if the size cannot be or the tables do not fit.
    pub(super) fn new(memory: &Arc<Memory>, first: usize, size: u16) -> Option<Self> {
        let fits = first.checked_add(Self::pages(size))? <= memory.pages();
        if !SIZES.contains(&size) || !size.is_power_of_two() || !fits {
            return None;
        }
        let table = 16 * usize::from(size);
        let used = (table + 6 + 2 * usize::from(size)).next_multiple_of(PAGE);
        // SAFETY: the tables lie within the memory, checked above, which is page-aligned.
        let (descriptors, available, used) = unsafe {
            let base = memory.base().add(first * PAGE);
            (base.cast(), base.add(table).cast(), base.add(used).cast())
        };
        Some(Self {
            descriptors,
            available,
            used,
            mask: usize::from(size) - 1,
            offered: vec![0; usize::from(size)].into(),
            next_available: 0,
            published: 0,
            untold: false,
            notify: true,
            next_used: 0,
            _memory: Arc::clone(memory),
        })
    }

    /// How many descriptors it has.
    pub(super) fn size(&self) -> u16 {
        self.mask as u16 + 1
    }

    /// Addresses of descriptors, available ring and used ring, for the device.
    pub(super) fn addresses(&self) -> [u64; 3] {
        [
            self.descriptors.as_ptr() as u64,
            self.available.as_ptr() as u64,
            self.used.as_ptr() as u64,
        ]
    }

    /// Writes a descriptor.
    #[inline]
    pub(super) fn describe(&mut self, id: u16, address: u64, len: u32, flags: u16, next: u16) {
        // SAFETY: `id & mask` is below the number of descriptors.
        let cell = unsafe { self.descriptors.add(usize::from(id) & self.mask).as_ref() };
        let rest = u64::from(len) | u64::from(flags) << 32 | u64::from(next) << 48;
        cell[0].store(address.to_le(), Ordering::Relaxed);
        cell[1].store(rest.to_le(), Ordering::Relaxed);
    }

    /// Takes the cache lines of the `count` descriptors from `id` on away from the device's core,
    /// all at once: writing the descriptors one after the other would wait for one after the
    /// other. Only worth it if the device is done with them.
    #[inline]
    pub(super) fn prefetch_descriptors(&self, id: u16, count: usize) {
        const PER_LINE: usize = 4;
        for line in 0..count.div_ceil(PER_LINE) {
            let id = (usize::from(id) + line * PER_LINE) & self.mask;
            prefetch_for_writing(self.descriptors.as_ptr().wrapping_add(id));
        }
    }

    /// Takes the cache line with the index that [`Ring::publish`] writes away from the device's
    /// core, which reads it time and again. A processor finishes its writes in order: one that
    /// waits for that core holds up all behind it.
    #[inline]
    pub(super) fn prefetch_publishing(&self) {
        prefetch_for_writing(self.available.as_ptr());
    }

    /// Asks for the cells of the next `count` used buffers, and of others beside them.
    #[inline]
    pub(super) fn prefetch_used(&self, count: usize) {
        const PER_LINE: usize = 8;
        for line in 0..count.div_ceil(PER_LINE) {
            let place = self.next_used.wrapping_add(PER_LINE * line) & self.mask;
            prefetch(self.used.as_ptr().wrapping_add(2 + 4 * place));
        }
    }

    /// Puts the buffer that begins with descriptor `id` at the end of the available ring. The
    /// device sees it after [`Ring::publish`].
    #[inline]
    pub(super) fn offer(&mut self, id: u16) {
        let place = self.next_available & self.mask;
        if self.offered[place] != id {
            self.offered[place] = id;
            // SAFETY: the ring's cells begin behind flags and index; `place` is below their number.
            unsafe { self.available.add(2 + place).as_ref() }.store(id.to_le(), Ordering::Relaxed);
        }
        self.next_available = self.next_available.wrapping_add(1);
    }

    /// Tells the device of everything offered.
    ///
    /// Whether it wants a kick for that is not looked up now: what says so lies in a cache line
    /// that the device's core is writing to, and reading it would wait for that core. It lies
    /// beside the index that [`Ring::arrived`] reads, so it is seen there; see [`Ring::must_kick`].
    #[inline]
    pub(super) fn publish(&mut self) {
        if self.published != self.next_available {
            self.published = self.next_available;
            self.untold = true;
            // SAFETY: the index lies behind the flags.
            unsafe { self.available.add(1).as_ref() }
                .store((self.next_available as u16).to_le(), Ordering::Release);
        }
    }

    /// Whether the device was given buffers and, when [`Ring::arrived`] last looked, wanted to be
    /// kicked for that; then the caller does it.
    ///
    /// The last look may have come before the device could see the new buffers, and the device
    /// may then have gone to sleep. So the question stays open until it was answered by a kick,
    /// and every call asks it again; before sleeping, ask after [`Ring::settle`].
    #[inline]
    pub(super) fn must_kick(&mut self) -> bool {
        let must = self.untold && self.notify;
        if must {
            self.untold = false;
        }
        must
    }

    /// Makes sure that the device sees everything published before the next look at its wishes.
    pub(super) fn settle(&mut self) -> Result<u16, Impossible> {
        fence(Ordering::SeqCst);
        self.arrived()
    }

    /// How many buffers the device has been offered and has not given back.
    #[inline]
    pub(super) fn outstanding(&self) -> u16 {
        self.next_available.wrapping_sub(self.next_used) as u16
    }

    /// How many used buffers wait to be taken back; an error if it claims more than it has.
    #[inline]
    pub(super) fn arrived(&mut self) -> Result<u16, Impossible> {
        // SAFETY: flags and index lie side by side at the beginning of a page.
        let both = unsafe { self.used.cast::<AtomicU32>().as_ref() }.load(Ordering::Acquire);
        let both = u32::from_le(both);
        self.notify = both as u16 & NO_NOTIFY == 0;
        let arrived = ((both >> 16) as u16).wrapping_sub(self.next_used as u16);
        if usize::from(arrived) > self.published.wrapping_sub(self.next_used) {
            return Err(Impossible);
        }
        Ok(arrived)
    }

    /// The first descriptor of the used buffer that is `ahead` of the next, and how many bytes
    /// the device says it wrote. Both may be any number.
    #[inline]
    pub(super) fn used(&self, ahead: u16) -> (u32, u32) {
        let place = self.next_used.wrapping_add(usize::from(ahead)) & self.mask;
        // SAFETY: the cells begin behind flags and index (four bytes, so they are aligned to
        // four only: two loads) and there are `mask + 1` of them.
        let (id, len) = unsafe {
            let cell = self.used.add(2 + 4 * place).cast::<AtomicU32>();
            (cell.as_ref(), cell.add(1).as_ref())
        };
        (u32::from_le(id.load(Ordering::Relaxed)), u32::from_le(len.load(Ordering::Relaxed)))
    }

    /// Passes over `count` used buffers.
    #[inline]
    pub(super) fn take(&mut self, count: u16) {
        self.next_used = self.next_used.wrapping_add(usize::from(count));
    }

    /// Asks the device to call when it has used a buffer, or not to.
    pub(super) fn want_calls(&mut self, want: bool) {
        let flags = if want { 0 } else { NO_INTERRUPT };
        // SAFETY: the flags are the first cell.
        unsafe { self.available.as_ref() }.store(u16::to_le(flags), Ordering::Relaxed);
        // Whoever looks at the used ring next must not have looked before the device could see
        // the wish.
        fence(Ordering::SeqCst);
    }
}

/// The device says that it used more buffers than it has.
#[derive(Debug)]
pub(super) struct Impossible;

impl Impossible {
    /// As an error of the device called `device`.
    #[cold]
    pub(super) fn of(device: &str) -> Error {
        Error::Peer {
            device: device.into(),
            what: "says that it used more buffers than it was given; open the device again".into(),
        }
    }
}
