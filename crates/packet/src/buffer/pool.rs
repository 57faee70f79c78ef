//! Pools: where pages come from and where they go home to.
//!
//! A pool has one *core*, shared by everybody, and *handles*. A page is at home (on the core's
//! list), in a handle's cache, or in a packet. Taking from a handle's cache and putting back into
//! it touches nothing shared; a packet that is simply dropped, on any thread, goes home by one
//! compare-and-swap. The core lives until the last handle and the last page are gone.

use super::packet::Packet;
use super::record::{Owned, Record};
use super::region::Region;
use super::sync::{AtomicU32, AtomicU64, AtomicUsize, UnsafeCell, alloc_zeroed, dealloc, fence};
use super::{HEADROOM, PAGE};
use crate::{Batch, Offload};
use alloc::alloc::Layout;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ptr::{self, NonNull};
use core::sync::atomic::Ordering;

/// End of the list of pages at home.
const NOBODY: u32 = u32::MAX;
/// Most pages a handle fetches from the core at once.
const FETCH: usize = if cfg!(all(test, loom)) { 2 } else { 64 };
/// Most pages a handle keeps to itself.
const CACHE: usize = 4 * FETCH;

/// What all handles and packets of a pool share.
pub(super) struct Core {
    records: Box<[Record]>,
    region: Option<Box<dyn Region>>,
    /// Number of the first page at home, and in the upper half a tag that changes with every
    /// change of the list, so that a compare-and-swap never mistakes a new list for an old one:
    /// it would have to sleep between its load and its swap through 2^32 changes exactly, minutes
    /// of nothing else by all cores, and wake to find the same page first.
    ///
    /// Every change is a read-modify-write, so the release of whoever brought a page home reaches
    /// whoever takes it, however many changes lie between (they continue its release sequence).
    home: AtomicU64,
    /// Pages with a lower number have been used before.
    fresh: AtomicU32,
    /// Handles, and pages away from home. The core dies with the last.
    references: AtomicUsize,
    handles: AtomicUsize,
}

const PAGE_LAYOUT: Layout = match Layout::from_size_align(PAGE, PAGE) {
    Ok(layout) => layout,
    Err(_) => panic!("a page is its own alignment"),
};

impl Core {
    fn new(pages: usize, region: Option<Box<dyn Region>>) -> NonNull<Self> {
        let pages = pages.min(NOBODY as usize) as u32;
        let core = NonNull::from(Box::leak(Box::new(Self {
            records: Box::default(),
            region,
            home: AtomicU64::new(u64::from(NOBODY)),
            fresh: AtomicU32::new(0),
            references: AtomicUsize::new(1),
            handles: AtomicUsize::new(1),
        })));
        let records = (0..pages).map(|number| Record {
            core,
            number,
            next_home: AtomicU32::new(NOBODY),
            owned: UnsafeCell::new(Owned {
                page: ptr::null_mut(),
                next: None,
                behind: None,
                offload: Offload::default(),
                start: HEADROOM as u16,
                len: 0,
            }),
        });
        // SAFETY: just leaked, and nobody else knows it yet.
        unsafe { (*core.as_ptr()).records = records.collect() };
        core
    }

    /// Takes up to `want` pages that were used before.
    fn take_home(&self, want: usize, cache: &mut Vec<NonNull<Record>>) {
        let mut head = self.home.load(Ordering::Acquire);
        loop {
            let already = cache.len();
            let mut number = head as u32;
            while number != NOBODY && cache.len() - already < want {
                // The list may change under us; then a number read here is stale, but it is
                // always the number of some page, and the exchange below fails.
                let record = &self.records[number as usize];
                cache.push(NonNull::from(record));
                number = record.next_home.load(Ordering::Relaxed);
            }
            let taken = cache.len() - already;
            if taken == 0 {
                return;
            }
            let next = (head >> 32).wrapping_add(1) << 32 | u64::from(number);
            match self.home.compare_exchange_weak(head, next, Ordering::Acquire, Ordering::Acquire)
            {
                Ok(_) => {
                    self.references.fetch_add(taken, Ordering::Relaxed);
                    return;
                }
                Err(now) => {
                    cache.truncate(already);
                    head = now;
                }
            }
        }
    }

    /// Takes the record of a page that was never used.
    fn take_fresh(&self) -> Option<NonNull<Record>> {
        let number = self
            .fresh
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |number| {
                ((number as usize) < self.records.len()).then(|| number + 1)
            })
            .ok()?;
        self.references.fetch_add(1, Ordering::Relaxed);
        Some(NonNull::from(&self.records[number as usize]))
    }

    /// The memory of a page that never had any: its part of the region, or an allocation of its
    /// own. Null if there is no memory now.
    fn memory(&self, number: u32) -> *mut u8 {
        match &self.region {
            // SAFETY: a pool has as many records as its region has pages, so the address lies
            // within the region.
            Some(region) => unsafe { region.base().as_ptr().add(number as usize * PAGE) },
            // SAFETY: the layout's size is not zero.
            None => unsafe { alloc_zeroed(PAGE_LAYOUT) },
        }
    }

    /// Puts pages on the list and lets go of one reference for each of them.
    ///
    /// # Safety
    ///
    /// The caller owns the records, all of this core, gives them up here, and gives up the one
    /// reference that each of them holds.
    pub(super) unsafe fn go_home(this: NonNull<Self>, records: &[NonNull<Record>]) {
        let (Some(first), Some(last)) = (records.first(), records.last()) else { return };
        // SAFETY: the references we give up below keep the core alive until then.
        let core = unsafe { this.as_ref() };
        // SAFETY: records live as long as their core.
        let (first, last) = unsafe { (first.as_ref(), last.as_ref()) };
        for pair in records.windows(2) {
            // SAFETY: as above.
            let (record, behind) = unsafe { (pair[0].as_ref(), pair[1].as_ref()) };
            record.next_home.store(behind.number, Ordering::Relaxed);
        }
        let mut head = core.home.load(Ordering::Relaxed);
        loop {
            last.next_home.store(head as u32, Ordering::Relaxed);
            let next = (head >> 32).wrapping_add(1) << 32 | u64::from(first.number);
            match core.home.compare_exchange_weak(head, next, Ordering::Release, Ordering::Relaxed)
            {
                Ok(_) => break,
                Err(now) => head = now,
            }
        }
        // SAFETY: the caller gives these references up.
        unsafe { Self::release(this, records.len()) };
    }

    /// Lets go of `count` references; the last one frees everything.
    ///
    /// # Safety
    ///
    /// The caller holds that many references and does not use them again.
    unsafe fn release(this: NonNull<Self>, count: usize) {
        // SAFETY: a reference is held until the subtraction.
        if unsafe { this.as_ref() }.references.fetch_sub(count, Ordering::Release) != count {
            return;
        }
        fence(Ordering::Acquire);
        // SAFETY: the count reached zero: no handle, no packet, nobody else knows the core. It
        // was leaked from a box in `new`.
        let core = unsafe { Box::from_raw(this.as_ptr()) };
        if core.region.is_none() {
            for record in &core.records {
                // SAFETY: all pages are at home, so the records are ours alone.
                let page = unsafe { (*record.owned.get()).page };
                if !page.is_null() {
                    // SAFETY: allocated in `memory` with this layout, freed once.
                    unsafe { dealloc(page, PAGE_LAYOUT) };
                }
            }
        }
    }
}

/// A handle to a pool of pages. Clone it for another thread: each handle has a cache of its own.
pub struct Pool {
    core: NonNull<Core>,
    cache: Vec<NonNull<Record>>,
}

// SAFETY: the records in the cache are owned by the handle; the core is shared through atomics.
unsafe impl Send for Pool {}
// SAFETY: a shared handle only reads atomics and the length of its cache.
unsafe impl Sync for Pool {}

/// Where a pool's pages are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolStatistics {
    /// The most pages there can ever be.
    pub pages: usize,
    /// Pages that are neither at home nor in the cache of the handle that was asked: in packets,
    /// in drivers, or in the caches of other handles.
    pub away: usize,
}

impl Pool {
    /// A pool of at most `pages` pages, each allocated on its own when it is first needed.
    pub fn plain(pages: usize) -> Self {
        Self { core: Core::new(pages, None), cache: Vec::with_capacity(CACHE) }
    }

    /// A pool whose pages are cut from one region, which a device can be told about as a whole.
    pub fn registered(region: impl Region + 'static) -> Self {
        let pages = region.pages();
        Self { core: Core::new(pages, Some(Box::new(region))), cache: Vec::with_capacity(CACHE) }
    }

    fn core(&self) -> &Core {
        // SAFETY: a handle holds a reference.
        unsafe { self.core.as_ref() }
    }

    /// An empty packet with [`HEADROOM`] in front, or `None` if all pages are in use.
    #[inline]
    pub fn allocate(&mut self) -> Option<Packet> {
        let record = match self.cache.pop() {
            Some(record) => record,
            None => self.fetch()?,
        };
        // SAFETY: the handle owns the records in its cache.
        if unsafe { (*record.as_ref().owned.get()).page.is_null() } && !self.furnish(record) {
            return None;
        }
        // SAFETY: the handle owns the record, which has a page, and gives it to the packet
        // together with the reference it holds.
        let mut packet = unsafe { Packet::from_record(record) };
        packet.clear();
        Some(packet)
    }

    /// Fills the empty cache and takes one record.
    #[cold]
    fn fetch(&mut self) -> Option<NonNull<Record>> {
        // SAFETY: a handle holds a reference. (Not `self.core()`, which borrows the cache too.)
        let core = unsafe { self.core.as_ref() };
        core.take_home(FETCH, &mut self.cache);
        self.cache.pop().or_else(|| core.take_fresh())
    }

    /// Gives a record its page. If there is no memory the record goes home without one, to be
    /// furnished in better times.
    #[cold]
    fn furnish(&mut self, record: NonNull<Record>) -> bool {
        // SAFETY: the caller took the record from the cache or from home; it is ours.
        let page = self.core().memory(unsafe { record.as_ref() }.number);
        if page.is_null() {
            // SAFETY: ours to give back, and its reference with it.
            unsafe { Core::go_home(self.core, &[record]) };
            return false;
        }
        // SAFETY: as above.
        unsafe { (*record.as_ref().owned.get()).page = page };
        true
    }

    /// Puts up to `count` empty packets at the back of `batch`; says how many there were.
    #[inline]
    pub fn allocate_batch(&mut self, batch: &mut Batch, count: usize) -> usize {
        for done in 0..count {
            match self.allocate() {
                Some(packet) => batch.push_back(packet),
                None => return done,
            }
        }
        count
    }

    /// Takes a packet back without touching anything shared. A packet of another pool goes home
    /// to its own.
    #[inline]
    pub fn recycle(&mut self, packet: Packet) {
        let mut rest = Some(packet);
        while let Some(mut packet) = rest {
            rest = packet.take_next();
            if packet.belongs_to(self) && self.cache.len() < CACHE {
                self.cache.push(packet.into_record());
            } else {
                self.overflow(packet);
            }
        }
    }

    #[cold]
    fn overflow(&mut self, packet: Packet) {
        if packet.belongs_to(self) {
            let keep = self.cache.len().min(CACHE / 2);
            // SAFETY: a handle owns what is in its cache and the reference of each record; it
            // forgets these in the next line.
            unsafe { Core::go_home(self.core, &self.cache[keep..]) };
            self.cache.truncate(keep);
            self.cache.push(packet.into_record());
        }
    }

    /// Takes back all packets of a batch.
    #[inline]
    pub fn recycle_batch(&mut self, batch: &mut Batch) {
        for packet in batch.drain(..) {
            // What `recycle` does, with its common case first.
            let simple = packet.next().is_none() && packet.belongs_to(self);
            if simple && self.cache.len() < CACHE {
                self.cache.push(packet.into_record());
            } else {
                self.recycle(packet);
            }
        }
    }

    /// The region the pages are cut from, if the pool has one: its first byte and its pages.
    ///
    /// A device that is told this address must keep a clone of the pool for as long as it may
    /// use it.
    pub fn region(&self) -> Option<&dyn Region> {
        self.core().region.as_deref()
    }

    /// Counts pages. Exact while no other thread allocates or drops.
    pub fn statistics(&self) -> PoolStatistics {
        let core = self.core();
        // Other threads may do their things between the two, and a page may be taken again before
        // whoever brought it home has let go of it: keep to what can be.
        let (references, handles) =
            (core.references.load(Ordering::Acquire), core.handles.load(Ordering::Acquire));
        let held = references.saturating_sub(handles);
        let pages = core.records.len();
        PoolStatistics { pages, away: held.saturating_sub(self.cache.len()).min(pages) }
    }

    pub(super) fn is_core(&self, core: NonNull<Core>) -> bool {
        self.core == core
    }
}

impl Clone for Pool {
    fn clone(&self) -> Self {
        self.core().references.fetch_add(1, Ordering::Relaxed);
        self.core().handles.fetch_add(1, Ordering::Relaxed);
        Self { core: self.core, cache: Vec::with_capacity(CACHE) }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // SAFETY: a handle owns what is in its cache and the reference of each record.
        unsafe { Core::go_home(self.core, &self.cache) };
        self.core().handles.fetch_sub(1, Ordering::Relaxed);
        // SAFETY: the handle's own reference, given up once.
        unsafe { Core::release(self.core, 1) };
    }
}

impl core::fmt::Debug for Pool {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.statistics().fmt(f)
    }
}

#[cfg(all(test, loom))]
mod tests;
