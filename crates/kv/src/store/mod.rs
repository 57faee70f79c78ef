//! The data: a table of positions and an arena of entries.
//!
//! One owner, one thread: a server with several workers has a store for each. Every operation
//! takes the time as an argument; an entry whose time is over, or that was flushed, is found dead
//! and removed by whoever comes across it.

mod change;
mod entry;
mod key;
mod memory;
mod room;
mod statistics;
#[cfg(test)]
mod tests;

pub use change::{Arithmetic, Condition, Counted, Stored, Write};
pub use entry::Entry;
pub use key::Key;
pub use memory::Memory;
pub use statistics::Counters;

use crate::memory::{Arena, Header, State};
use crate::table::{Slot, Table};
use crate::time::{Expiry, Time};
use crate::{Error, Hash};
use packet::prefetch;

/// What a store does when its memory is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// Forgets entries that were not used lately.
    #[default]
    Evict,
    /// Refuses to store more. Entries whose time is over still make room.
    Refuse,
}

/// The measures of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Slots in the table, a power of two: more entries than that there can never be. Eight bytes
    /// each.
    pub capacity: usize,
    /// Bytes for entries: keys, values, and 32 bytes for each entry.
    pub memory: usize,
    /// What to do when either is full.
    pub when_full: WhenFull,
}

impl Default for Options {
    fn default() -> Self {
        Self { capacity: 1 << 20, memory: 64 << 20, when_full: WhenFull::Evict }
    }
}

/// Where an entry is, until the store is changed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found(u32);

/// A key-value store.
#[derive(Debug)]
pub struct Store {
    table: Table,
    arena: Arena,
    when_full: WhenFull,
    limit: usize,
    /// The last number given to a change.
    cas: u64,
    /// Entries with a lower number were flushed.
    flushed_below: u64,
    /// When everything that is there by then will be flushed.
    flush_at: Option<Time>,
    balance: room::Balance,
    counters: Counters,
}

impl Store {
    /// The longest key.
    pub const LONGEST_KEY: usize = 250;
    /// The longest key and value together.
    pub const LONGEST_ENTRY: usize = (1 << 20) - Header::LEN;

    /// An empty store.
    pub fn new(options: &Options) -> Result<Self, Error> {
        Self::in_memory(options, Memory::default())
    }

    /// An empty store in memory that was reserved, and perhaps prepared, before.
    pub fn in_memory(options: &Options, memory: Memory) -> Result<Self, Error> {
        Ok(Self {
            table: Table::new(options.capacity, memory.table)?,
            arena: Arena::new(options.memory, memory.entries)?,
            when_full: options.when_full,
            limit: options.memory,
            cas: 0,
            flushed_below: 0,
            flush_at: None,
            balance: room::Balance::default(),
            counters: Counters::default(),
        })
    }

    /// Slots in the table.
    pub fn capacity(&self) -> usize {
        self.table.capacity()
    }

    /// Bytes for entries, at most.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Whether it evicts when it is full.
    pub(crate) fn evicts(&self) -> bool {
        self.when_full == WhenFull::Evict
    }

    /// Bytes for entries that are in use now, in whole pages.
    pub fn bytes(&self) -> usize {
        self.arena.bytes()
    }

    /// What happened so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Counts from zero again (but for what is there).
    pub fn reset_counters(&mut self) {
        self.counters.reset();
    }

    /// Asks the processor for the part of the table where the key will be looked for.
    #[inline]
    pub fn prefetch_slot(&self, hash: Hash) {
        self.table.prefetch(hash);
    }

    /// Asks the processor for the entry that a lookup will probably look at. Worth calling once
    /// the slot has arrived.
    #[inline]
    pub fn prefetch_entry(&self, hash: Hash) {
        if let Some(line) = self.table.likely(hash).and_then(|position| self.arena.line(position)) {
            prefetch(line);
        }
    }

    /// Lets time go on: a flush that was put off happens when its time has come.
    #[inline]
    pub fn advance(&mut self, now: Time) {
        if self.flush_at.is_some_and(|at| at <= now) {
            self.flush_at = None;
            self.flushed_below = self.next_cas();
        }
    }

    /// The entry of a key.
    #[inline]
    pub fn get(&mut self, key: Key<'_>, now: Time) -> Option<Entry<'_>> {
        self.look_up(key, None, now).map(|found| self.entry(found))
    }

    /// The entry of a key, which from now on expires at another time (by the protocol's rules).
    pub fn touch(&mut self, key: Key<'_>, expiry: i64, now: Time) -> Option<Entry<'_>> {
        self.look_up(key, Some(expiry), now).map(|found| self.entry(found))
    }

    /// Where the entry of a key is. With `expiry` it expires at another time from now on.
    #[inline]
    pub(crate) fn look_up(
        &mut self,
        key: Key<'_>,
        expiry: Option<i64>,
        now: Time,
    ) -> Option<Found> {
        let found = self.find(key, now);
        let (all, misses) = match expiry {
            None => (&mut self.counters.gets, &mut self.counters.get_misses),
            Some(_) => (&mut self.counters.touches, &mut self.counters.touch_misses),
        };
        *all += 1;
        let Some((_, position)) = found else {
            *misses += 1;
            return None;
        };
        if let Some(expiry) = expiry {
            self.arena.header_mut(position).set_expiry(Expiry::from_protocol(expiry, now));
        }
        self.reference(position);
        Some(Found(position))
    }

    /// The entry that was just found.
    #[inline]
    pub(crate) fn entry(&self, found: Found) -> Entry<'_> {
        Entry::new(&self.arena, found.0)
    }

    /// Removes the entry of a key, if its number is `cas` or that is 0. Says how it went:
    /// [`Stored::Stored`] if it was removed.
    pub fn delete(&mut self, key: Key<'_>, cas: u64, now: Time) -> Stored {
        let Some((slot, position)) = self.find(key, now) else {
            self.counters.delete_misses += 1;
            return Stored::NotFound;
        };
        if cas != 0 && cas != self.arena.header(position).cas() {
            return Stored::Exists;
        }
        self.counters.delete_hits += 1;
        self.remove(slot, position);
        Stored::Stored(0)
    }

    /// Makes everything that is there invalid, now or in `delay` seconds (by the rules for expiry).
    pub fn flush(&mut self, delay: i64, now: Time) {
        self.counters.flushes += 1;
        if delay > 0 {
            self.flush_at = Some(Time(Expiry::from_protocol(delay, now).number()));
            self.advance(now);
        } else {
            self.flush_at = None;
            self.flushed_below = self.next_cas();
        }
    }

    /// The slot and position of a key's entry, which is alive.
    #[inline]
    fn find(&mut self, key: Key<'_>, now: Time) -> Option<(Slot, u32)> {
        let arena = &self.arena;
        let (slot, position) = self.table.find(key.hash(), |position| {
            let header = arena.header(position);
            header.key_len() == key.bytes().len()
                && arena.bytes_of(position, 0, header.key_len()) == key.bytes()
        })?;
        if self.is_dead(position, now) {
            self.counters.expired += 1;
            self.remove(slot, position);
            return None;
        }
        Some((slot, position))
    }

    #[inline]
    fn is_dead(&self, position: u32, now: Time) -> bool {
        let header = self.arena.header(position);
        header.expiry().is_over(now) || header.cas() < self.flushed_below
    }

    /// Saves an entry from the next passing of the clock's hand.
    #[inline]
    fn reference(&mut self, position: u32) {
        // Most entries that are read are read often: look first, and leave the line clean.
        if !self.arena.header(position).is_referenced() {
            self.arena.header_mut(position).set_referenced(true);
        }
    }

    fn remove(&mut self, slot: Slot, position: u32) {
        debug_assert_eq!(self.arena.header(position).state(), State::Entry);
        self.table.remove(slot);
        self.forget(position);
    }

    /// Frees an entry that the table does not know any more.
    fn forget(&mut self, position: u32) {
        let header = self.arena.header(position);
        self.counters.entries -= 1;
        self.counters.bytes -= (Header::LEN + header.key_len() + header.value_len()) as u64;
        self.arena.give_back(position);
    }

    #[inline]
    fn next_cas(&mut self) -> u64 {
        self.cas += 1;
        self.cas
    }
}
