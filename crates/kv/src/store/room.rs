//! Making room: which entries go when memory or table is full.
//!
//! Each class of sizes has a clock: its hand passes over the class's chunks, takes the mark from
//! entries that were used since it last came by, and evicts the first one without a mark. So that
//! memory follows the sizes that are stored now, a class that keeps evicting may now and then take
//! a page from a class that does not use its own; a class without any page always may. No step
//! looks at more than a bounded number of chunks.

use super::{Store, WhenFull};
use crate::Hash;
use crate::memory::{Class, NONE, State};
use crate::time::Time;

/// Chunks the clock's hand passes before it takes the next entry, marked or not.
const PATIENCE: usize = 128;
/// Chunks it passes before it gives up, where there is nothing that may be taken.
const PASSES: usize = 512;
/// Pages that are looked at when a class needs one of another's.
const CANDIDATES: u32 = 4;
/// Evictions between two such looks: a quarter of a page's worth, but no less than this, so that
/// the looks cost little beside them.
const LEAST_BETWEEN: u32 = 64;

/// When to move a page from one class to another, and where to look.
#[derive(Debug, Default)]
pub(super) struct Balance {
    /// Evictions in each class since it last asked for a page.
    evicted: [u32; Class::LAST_NUMBER + 1],
    /// The page to be looked at next.
    page: u32,
}

impl Store {
    /// A chunk for an entry of that many bytes. Evicts if it must and may.
    pub(super) fn room(&mut self, class: Class, now: Time) -> Option<u32> {
        if let Some(position) = self.arena.take(class) {
            return Some(position);
        }
        let short = self.is_short(class);
        if (short && self.take_page(class, now))
            || self.pass(class, now)
            || (!short && self.take_page(class, now))
        {
            return self.arena.take(class);
        }
        None
    }

    /// Whether a class has evicted so much that it should get another page.
    fn is_short(&mut self, class: Class) -> bool {
        let short = self.arena.pages_of(class) == 0
            || self.balance.evicted[class.number()] >= (class.chunks() / 4).max(LEAST_BETWEEN);
        if short {
            self.balance.evicted[class.number()] = 0;
        }
        short
    }

    /// Moves the clock of a class on until an entry had to go. `false` if none could.
    fn pass(&mut self, class: Class, now: Time) -> bool {
        for passed in 0..PASSES {
            let Some(position) = self.arena.tick(class) else { return false };
            if self.arena.header(position).state() != State::Entry {
                continue;
            }
            if self.is_dead(position, now) {
                self.counters.expired += 1;
                self.evict(position);
                return true;
            }
            if self.when_full == WhenFull::Refuse {
                if passed >= PATIENCE {
                    return false;
                }
                continue;
            }
            if self.arena.header(position).is_referenced() && passed < PATIENCE {
                self.arena.header_mut(position).set_referenced(false);
                continue;
            }
            self.balance.evicted[class.number()] += 1;
            self.counters.evictions += 1;
            self.evict(position);
            return true;
        }
        false
    }

    /// Takes the least used of the next few pages from its class.
    #[cold]
    fn take_page(&mut self, class: Class, now: Time) -> bool {
        let count = self.arena.page_count() as u32;
        // A class that has pages of its own takes only one that nobody used.
        let modest = self.arena.pages_of(class) > 0;
        let mut best: Option<(u32, u32)> = None;
        for looked in 0..count {
            if looked >= CANDIDATES && (modest || best.is_some()) {
                break;
            }
            let page = self.balance.page % count;
            self.balance.page = page + 1;
            if self.arena.class_of_page(page) == class {
                continue;
            }
            if let Some(marks) = self.marks(page, now)
                && best.is_none_or(|(_, fewest)| marks < fewest)
            {
                best = Some((page, marks));
            }
        }
        let Some((page, _)) = best.filter(|(_, marks)| !modest || *marks == 0) else {
            return false;
        };
        self.clear(page, now);
        self.arena.reassign(page, class);
        self.counters.pages_moved += 1;
        true
    }

    /// Counts and removes the marks of the entries in a page. `None` if it cannot be taken: a chunk
    /// of it is held, or an entry that may not be evicted is alive.
    fn marks(&mut self, page: u32, now: Time) -> Option<u32> {
        let mut marks = 0;
        for position in self.arena.chunks(page) {
            let first = self.first(position);
            let kept = self.when_full == WhenFull::Refuse && !self.is_dead(first, now);
            let header = self.arena.header_mut(first);
            match header.state() {
                State::Held => return None,
                State::Entry if kept => return None,
                State::Entry if header.is_referenced() => {
                    header.set_referenced(false);
                    marks += 1;
                }
                _ => {}
            }
        }
        Some(marks)
    }

    /// Evicts everything in a page of which no chunk is held.
    fn clear(&mut self, page: u32, now: Time) {
        for position in self.arena.chunks(page) {
            let first = self.first(position);
            if self.arena.header(first).state() == State::Entry {
                if self.is_dead(first, now) {
                    self.counters.expired += 1;
                } else {
                    self.counters.evictions += 1;
                }
                self.evict(first);
            }
        }
    }

    /// The first chunk of the entry to which a chunk belongs.
    fn first(&self, position: u32) -> u32 {
        let header = self.arena.header(position);
        match header.state() {
            State::Further if header.back() != NONE => header.back(),
            _ => position,
        }
    }

    /// Removes the entry at a position.
    pub(super) fn evict(&mut self, position: u32) {
        let hash = Hash::from_number(self.arena.header(position).hash());
        let slot = self.table.find(hash, |there| there == position);
        debug_assert!(slot.is_some(), "every entry is in the table");
        if let Some((slot, _)) = slot {
            self.remove(slot, position);
        }
    }

    /// Puts an entry into the table; the one that has to go for it, if all slots within reach are
    /// taken, is in its home bucket: a dead one, or one without a mark if there is one. `false` if
    /// none may go.
    pub(super) fn enter(&mut self, hash: Hash, position: u32, now: Time) -> bool {
        if self.table.insert(hash, position).is_ok() {
            return true;
        }
        let mut victim = None;
        for (slot, there) in self.table.neighbours(hash) {
            if self.is_dead(there, now) {
                victim = Some((slot, there));
                break;
            }
            let header = self.arena.header(there);
            if self.when_full == WhenFull::Evict
                && header.state() == State::Entry
                && (victim.is_none() || !header.is_referenced())
            {
                victim = Some((slot, there));
            }
        }
        let Some((slot, victim)) = victim else { return false };
        if self.is_dead(victim, now) {
            self.counters.expired += 1;
        } else {
            self.counters.evictions += 1;
        }
        self.table.exchange(slot, hash, position);
        self.forget(victim);
        true
    }
}
