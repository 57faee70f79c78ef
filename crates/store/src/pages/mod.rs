//! The pages of files that are in memory: one cache for reading, writing and mapping.
//!
//! A page is *clean* (the medium has it), *dirty* (only memory has it), or *flying* (it is being
//! written; changed meanwhile, it is dirty again as well). Clean pages go when room is needed;
//! mapped ones stay in their frames, whatever becomes of the file. The cache does no I/O: it says
//! what should be written.

mod frames;
mod mapped;
mod outside;

use crate::place::BLOCK;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;
pub use frames::{AtOnce, Frames, Heap};
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use mapped::{Watched, known};

/// Whose page, and which.
pub(crate) type PageKey = (u64, u64);

/// Frames that room is made for at once: 4 GiB of them.
const MANY: usize = 1 << 20;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Clean,
    Dirty,
    Flying,
    FlyingDirty,
}

struct Slot {
    key: PageKey,
    state: State,
    /// The job that is writing it, or was the last to.
    job: u64,
    used: bool,
    /// Mappings that it is part of.
    mapped: u32,
    /// How many of these may write.
    writable: u32,
}

/// The first pages of a file are looked for one by one, so many and four times as many as it has here.
const FIRST: u64 = 64;

/// The cache.
pub(crate) struct Pages {
    frames: Box<dyn Frames>,
    at_once: Option<Arc<dyn AtOnce>>,
    index: HashMap<PageKey, u32>,
    /// How many pages of each object are here: most files that are removed have none.
    held: HashMap<u64, u32>,
    slots: Vec<Option<Slot>>,
    free: Vec<u32>,
    dirty: BTreeSet<PageKey>,
    /// In mappings that may write, and what is known of what they have written.
    writable: BTreeMap<PageKey, Watched>,
    /// Frames that somebody maps.
    mapped: usize,
    /// Frames that are reserved.
    arriving: usize,
    flying: BTreeSet<PageKey>,
    hand: usize,
    /// How often all of the index was gone through.
    #[cfg(test)]
    searches: usize,
}

/// There is no frame that could be used: pages have to be written first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoFrame;

impl Pages {
    pub(crate) fn new(frames: Box<dyn Frames>) -> Self {
        Self {
            // Whoever reads need not wait while they grow.
            index: HashMap::with_capacity(frames.count().min(MANY)),
            slots: Vec::with_capacity(frames.count().min(MANY)),
            at_once: frames.at_once(),
            frames,
            held: HashMap::new(),
            free: Vec::new(),
            dirty: BTreeSet::new(),
            writable: BTreeMap::new(),
            mapped: 0,
            arriving: 0,
            flying: BTreeSet::new(),
            hand: 0,
            #[cfg(test)]
            searches: 0,
        }
    }

    /// How many wait to be written.
    pub(crate) fn dirty(&self) -> usize {
        self.dirty.len()
    }

    /// How many of one file only memory has; not more than `most`.
    pub(crate) fn waiting_of(&self, object: u64, most: usize) -> usize {
        let all = (object, 0)..=(object, u64::MAX);
        let flying = self.flying.range(all.clone()).filter(|key| !self.dirty.contains(key));
        self.dirty.range(all).chain(flying).take(most).count()
    }

    /// The first page of a file from `page` on that only memory has.
    pub(crate) fn next_waiting(&self, object: u64, page: u64) -> Option<u64> {
        let first = |set: &BTreeSet<PageKey>| {
            set.range((object, page)..=(object, u64::MAX)).next().map(|key| key.1)
        };
        match (first(&self.dirty), first(&self.flying)) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// How many are being written.
    pub(crate) fn flying(&self) -> usize {
        self.flying.len()
    }

    /// Whether writers should wait until some have been written: half of the frames are not clean.
    pub(crate) fn crowded(&self) -> bool {
        self.dirty.len() + self.flying.len() >= (self.usable() / 2).max(1)
    }

    /// How many pages may be written to at a time, so that there are frames for them as long as it
    /// is not crowded.
    pub(crate) fn piece(&self) -> usize {
        (self.usable() / 8).max(1)
    }

    /// Frames that a page may be found for: those that nobody maps, and that nothing arrives in.
    fn usable(&self) -> usize {
        self.frames.count().saturating_sub(self.mapped + self.arriving)
    }

    pub(crate) fn has(&self, key: PageKey) -> bool {
        self.index.contains_key(&key)
    }

    pub(crate) fn is_dirty(&self, key: PageKey) -> bool {
        self.dirty.contains(&key)
    }

    /// Copies from a page; false if it is not here.
    pub(crate) fn read(&mut self, key: PageKey, at: usize, into: &mut [u8]) -> bool {
        let Some(&frame) = self.index.get(&key) else { return false };
        if let Some(Some(slot)) = self.slots.get_mut(frame as usize) {
            slot.used = true;
        }
        self.frames.read(frame as usize, at, into);
        true
    }

    /// Keeps a page that the medium has too; not, if there is no frame for it.
    pub(crate) fn add_clean(&mut self, key: PageKey, page: &[u8]) {
        if self.index.contains_key(&key) {
            return;
        }
        if let Ok(frame) = self.take_frame(key) {
            self.frames.write(frame as usize, 0, page);
        }
    }

    /// Writes to a page that is here or that `page` makes, and marks it dirty. Says whether it was
    /// not before.
    pub(crate) fn write(
        &mut self,
        key: PageKey,
        at: usize,
        from: &[u8],
        page: Option<&[u8]>,
    ) -> Result<bool, NoFrame> {
        let frame = if let Some(&frame) = self.index.get(&key) {
            frame
        } else {
            let frame = self.take_frame(key)?;
            match page {
                Some(page) => self.frames.write(frame as usize, 0, page),
                None if from.len() == BLOCK => {}
                None => self.frames.write(frame as usize, 0, &[0; BLOCK]),
            }
            frame
        };
        self.frames.write(frame as usize, at, from);
        if let Some(Some(slot)) = self.slots.get_mut(frame as usize) {
            slot.used = true;
        }
        Ok(self.soil(key))
    }

    /// Marks a page dirty, if it is here; says whether it was not.
    pub(crate) fn soil(&mut self, key: PageKey) -> bool {
        let slot = self.index.get(&key).and_then(|&frame| self.slots.get_mut(frame as usize));
        let Some(Some(slot)) = slot else { return false };
        slot.state = match slot.state {
            State::Clean | State::Dirty => State::Dirty,
            State::Flying | State::FlyingDirty => State::FlyingDirty,
        };
        self.dirty.insert(key)
    }

    /// Dirty pages that are not flying, in order, from `from` on and then from the first; at most
    /// `most`.
    pub(crate) fn some_dirty(&self, from: PageKey, most: usize) -> Vec<PageKey> {
        let around = self.dirty.range(from..).chain(self.dirty.range(..from));
        around.filter(|&&key| !self.is_flying(key)).take(most).copied().collect()
    }

    /// Copies a dirty page out to be written by a job: it flies.
    pub(crate) fn launch(&mut self, key: PageKey, job: u64, into: &mut [u8]) -> bool {
        let Some(&frame) = self.index.get(&key) else { return false };
        let Some(Some(slot)) = self.slots.get_mut(frame as usize) else { return false };
        if slot.state != State::Dirty {
            return false;
        }
        slot.state = State::Flying;
        slot.job = job;
        self.flying.insert(key);
        self.dirty.remove(&key);
        self.frames.read(frame as usize, 0, into);
        if let Some(watched) = self.writable.get_mut(&key) {
            watched.known = Some(known(into));
        }
        true
    }

    /// A job has written a page. Says whether that counts: the page may have been dropped meanwhile,
    /// and made and written anew.
    pub(crate) fn land(&mut self, key: PageKey, job: u64) -> bool {
        let slot = self.index.get(&key).and_then(|&frame| self.slots.get_mut(frame as usize));
        let Some(Some(slot)) = slot else { return false };
        if slot.job != job {
            return false;
        }
        match slot.state {
            State::Flying => slot.state = State::Clean,
            State::FlyingDirty => slot.state = State::Dirty,
            State::Clean | State::Dirty => return false,
        }
        self.flying.remove(&key);
        true
    }

    /// A dirty page needs no writing, as what was in it, which is `page`, lies elsewhere now.
    pub(crate) fn settle(&mut self, key: PageKey, page: &[u8]) {
        if let Some(Some(slot)) = self.index.get(&key).and_then(|&f| self.slots.get_mut(f as usize))
            && slot.state == State::Dirty
        {
            slot.state = State::Clean;
            self.dirty.remove(&key);
            if let Some(watched) = self.writable.get_mut(&key) {
                watched.known = Some(known(page));
            }
        }
    }

    /// Whether a page is being written.
    pub(crate) fn is_flying(&self, key: PageKey) -> bool {
        let slot = self.index.get(&key).and_then(|&frame| self.slots.get(frame as usize));
        matches!(slot, Some(Some(Slot { state: State::Flying | State::FlyingDirty, .. })))
    }

    /// Drops the pages `from..to` of an object; gives how many of them were dirty.
    pub(crate) fn drop_range(&mut self, object: u64, from: u64, to: u64) -> u64 {
        let Some(&held) = self.held.get(&object) else { return 0 };
        let first = if to - from < self.index.len() as u64 {
            to
        } else {
            to.min(from.saturating_add(FIRST + 4 * u64::from(held)))
        };
        let mut dirty = 0;
        for page in from..first {
            dirty += u64::from(self.drop_page((object, page)));
            if !self.held.contains_key(&object) {
                return dirty;
            }
        }
        if first == to {
            return dirty;
        }
        #[cfg(test)]
        {
            self.searches += 1;
        }
        let keys: Vec<PageKey> = self
            .index
            .keys()
            .filter(|key| key.0 == object && (from..to).contains(&key.1))
            .copied()
            .collect();
        for key in keys {
            dirty += u64::from(self.drop_page(key));
        }
        dirty
    }

    /// Drops what the medium has too.
    pub(crate) fn forget(&mut self) {
        for frame in 0..self.slots.len() {
            let clean =
                self.slots[frame].take_if(|slot| slot.state == State::Clean && slot.mapped == 0);
            if let Some(frame) = clean.and_then(|slot| self.unindex(slot.key)) {
                self.free.push(frame);
            }
        }
    }

    fn drop_page(&mut self, key: PageKey) -> bool {
        let Some(&frame) = self.index.get(&key) else { return false };
        let Some(slot) = self.slots.get_mut(frame as usize) else { return false };
        self.flying.remove(&key);
        let dirty = self.dirty.remove(&key);
        match slot {
            // Somebody sees the frame: it becomes nobody else's, and is zeros.
            Some(slot) if slot.mapped > 0 => {
                slot.state = State::Clean;
                slot.job = 0;
                self.blank(key, 0);
            }
            _ => {
                *slot = None;
                self.unindex(key);
                self.free.push(frame);
            }
        }
        dirty
    }

    /// A frame for a page, with whatever is in it.
    fn take_frame(&mut self, key: PageKey) -> Result<u32, NoFrame> {
        let frame = self.find_frame().ok_or(NoFrame)?;
        self.put(Slot::clean(key), frame);
        Ok(frame)
    }

    fn put(&mut self, slot: Slot, frame: u32) {
        self.index.insert(slot.key, frame);
        *self.held.entry(slot.key.0).or_insert(0) += 1;
        self.slots[frame as usize] = Some(slot);
    }

    /// A page is not here any more; gives the frame that it was in.
    fn unindex(&mut self, key: PageKey) -> Option<u32> {
        let frame = self.index.remove(&key)?;
        if let Entry::Occupied(mut held) = self.held.entry(key.0) {
            *held.get_mut() -= 1;
            if *held.get() == 0 {
                held.remove();
            }
        }
        Some(frame)
    }

    fn find_frame(&mut self) -> Option<u32> {
        if let Some(frame) = self.free.pop() {
            return Some(frame);
        }
        if self.slots.len() < self.frames.count() {
            self.slots.push(None);
            return Some(self.slots.len() as u32 - 1);
        }
        // Twice round: the first time may only find them used.
        for _ in 0..2 * self.slots.len() {
            self.hand = (self.hand + 1) % self.slots.len();
            let Some(Some(slot)) = self.slots.get_mut(self.hand) else { continue };
            let used = core::mem::take(&mut slot.used);
            if !used && slot.state == State::Clean && slot.mapped == 0 {
                let key = slot.key;
                self.slots[self.hand] = None;
                self.unindex(key);
                return Some(self.hand as u32);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
