//! Storing and changing values.

use super::entry::{Entry, FULL_CHUNK};
use super::{Key, Store};
use crate::memory::{Class, Header, LARGEST, NONE, State};
use crate::number;
use crate::table::Slot;
use crate::time::{Expiry, Time};

/// On what condition, and how, a value is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// In any case.
    Set,
    /// If the key has none.
    Add,
    /// If the key has one.
    Replace,
    /// Behind the one that the key has.
    Append,
    /// In front of the one that the key has.
    Prepend,
    /// If the key's entry still has the number in [`Write::cas`].
    Cas,
}

/// A value to store.
#[derive(Clone, Copy, Debug)]
pub struct Write<'a> {
    /// On what condition.
    pub condition: Condition,
    /// Kept with the value. (Ignored by append and prepend.)
    pub flags: u32,
    /// When it shall be over, by the protocol's rules. (Ignored by append and prepend.)
    pub expiry: i64,
    /// The number that the entry must have, for [`Condition::Cas`]; for append and prepend too if
    /// it is not 0.
    pub cas: u64,
    /// The value.
    pub value: &'a [u8],
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// Done; the number of this change.
    Stored(u64),
    /// The condition did not hold.
    NotStored,
    /// The entry was changed since.
    Exists,
    /// There is no such entry.
    NotFound,
    /// Larger than any entry can be.
    TooLarge,
    /// Memory or table is full.
    NoMemory,
}

/// A number to add or to subtract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arithmetic {
    /// Whether to add.
    pub increment: bool,
    /// By how much. Adding wraps at 2^64, subtracting stops at 0.
    pub delta: u64,
    /// The number that the entry must have, or 0.
    pub cas: u64,
}

/// How arithmetic went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Done.
    Value {
        /// What it is now.
        value: u64,
        /// The number of this change.
        cas: u64,
    },
    /// The value is no number.
    NonNumeric,
    /// There is no such entry.
    NotFound,
    /// The entry was changed since.
    Exists,
    /// Memory is full.
    NoMemory,
}

/// What goes into a new entry besides its key.
#[derive(Clone, Copy)]
struct Content<'a> {
    flags: u32,
    expiry: Expiry,
    before: &'a [u8],
    /// Position of an entry whose value comes in between; [`NONE`] if there is none.
    middle: u32,
    after: &'a [u8],
}

impl Store {
    /// Stores a value.
    pub fn write(&mut self, key: Key<'_>, write: &Write<'_>, now: Time) -> Stored {
        self.counters.sets += 1;
        if key.bytes().len() + write.value.len() > Self::LONGEST_ENTRY {
            self.refuse_too_large(key, write.condition, now);
            return Stored::TooLarge;
        }
        let found = self.find(key, now);
        let cas = found.map(|(_, position)| self.arena.header(position).cas());
        let fresh = Content {
            flags: write.flags,
            expiry: Expiry::from_protocol(write.expiry, now),
            before: write.value,
            middle: NONE,
            after: &[],
        };
        let content = match (write.condition, found) {
            (Condition::Set | Condition::Replace, Some(_))
            | (Condition::Set | Condition::Add, None) => fresh,
            (Condition::Cas, Some(_)) if write.cas != 0 && cas == Some(write.cas) => {
                self.counters.cas_hits += 1;
                fresh
            }
            (Condition::Cas, Some(_)) => {
                self.counters.cas_stale += 1;
                return Stored::Exists;
            }
            (Condition::Cas, None) => {
                self.counters.cas_misses += 1;
                return Stored::NotFound;
            }
            (Condition::Append | Condition::Prepend, Some((_, position))) => {
                if write.cas != 0 && cas != Some(write.cas) {
                    return Stored::Exists;
                }
                let header = self.arena.header(position);
                let whole = header.key_len() + header.value_len() + write.value.len();
                if whole > Self::LONGEST_ENTRY {
                    self.counters.too_large += 1;
                    return Stored::NotStored;
                }
                let (flags, expiry) = (header.flags(), header.expiry());
                let (before, after): (&[u8], &[u8]) = match write.condition {
                    Condition::Append => (&[], write.value),
                    _ => (write.value, &[]),
                };
                Content { flags, expiry, before, middle: position, after }
            }
            (Condition::Add, Some((_, position))) => {
                self.reference(position);
                return Stored::NotStored;
            }
            (Condition::Replace | Condition::Append | Condition::Prepend, None) => {
                return Stored::NotStored;
            }
        };
        match self.place(key, found, content, now) {
            Some(cas) => Stored::Stored(cas),
            None => self.refuse(key, write.condition, Stored::NoMemory, now),
        }
    }

    /// Adds to, or subtracts from, a value that is a decimal number.
    pub fn count(&mut self, key: Key<'_>, arithmetic: Arithmetic, now: Time) -> Counted {
        let Some((slot, position)) = self.find(key, now) else {
            let counters = &mut self.counters;
            *(if arithmetic.increment {
                &mut counters.increment_misses
            } else {
                &mut counters.decrement_misses
            }) += 1;
            return Counted::NotFound;
        };
        let header = *self.arena.header(position);
        if arithmetic.cas != 0 && arithmetic.cas != header.cas() {
            return Counted::Exists;
        }
        // Longer than any number; what follows white space does not count.
        let mut text = [0; 64];
        let len = Entry::new(&self.arena, position).copy_value(&mut text);
        let Some(value) = number::unsigned(&text[..len]) else { return Counted::NonNumeric };
        let value = if arithmetic.increment {
            self.counters.increment_hits += 1;
            value.wrapping_add(arithmetic.delta)
        } else {
            self.counters.decrement_hits += 1;
            value.saturating_sub(arithmetic.delta)
        };
        let mut digits = number::Digits::default();
        let digits = digits.of(value);
        self.reference(position);
        if digits.len() <= header.value_len() && header.next() == NONE {
            let bytes = self.arena.bytes_of_mut(position, header.key_len(), header.value_len());
            let (number, padding) = bytes.split_at_mut(digits.len());
            number.copy_from_slice(digits);
            padding.fill(b' ');
            let cas = self.next_cas();
            self.arena.header_mut(position).set_cas(cas);
            return Counted::Value { value, cas };
        }
        let content = Content {
            flags: header.flags(),
            expiry: header.expiry(),
            before: digits,
            middle: NONE,
            after: &[],
        };
        match self.place(key, Some((slot, position)), content, now) {
            Some(cas) => Counted::Value { value, cas },
            None => Counted::NoMemory,
        }
    }

    /// A value was too large to be stored: so large, perhaps, that it never arrived.
    pub(crate) fn refuse_too_large(&mut self, key: Key<'_>, condition: Condition, now: Time) {
        self.counters.too_large += 1;
        self.refuse(key, condition, Stored::TooLarge, now);
    }

    /// A value was refused. What a client wanted to overwrite must not be served any more.
    fn refuse(&mut self, key: Key<'_>, condition: Condition, why: Stored, now: Time) -> Stored {
        if why == Stored::NoMemory {
            self.counters.refused += 1;
        }
        if condition == Condition::Set
            && let Some((slot, position)) = self.find(key, now)
        {
            self.remove(slot, position);
        }
        why
    }

    /// Makes an entry and puts it in the place of the one that was found. Gives its number, or
    /// `None` if there is no room for it.
    fn place(
        &mut self,
        key: Key<'_>,
        found: Option<(Slot, u32)>,
        content: Content<'_>,
        now: Time,
    ) -> Option<u64> {
        let key_len = key.bytes().len();
        let middle_len = match content.middle {
            NONE => 0,
            position => self.arena.header(position).value_len(),
        };
        let value_len = content.before.len() + middle_len + content.after.len();
        let total = Header::LEN + key_len + value_len;
        if let Some((_, old)) = found
            && content.middle == NONE
            && total <= LARGEST
            && self.arena.class(old) == Class::fitting(total)
            && self.arena.header(old).next() == NONE
        {
            return Some(self.overwrite(key, old, content));
        }
        if content.middle != NONE {
            self.arena.header_mut(content.middle).set_state(State::Held);
        }
        let new = self.allocate(key_len, value_len, now);
        if content.middle != NONE {
            self.arena.header_mut(content.middle).set_state(State::Entry);
        }
        let new = new?;
        self.fill(new, key.bytes(), content);
        // Making room may have moved the old entry's slot, or evicted the entry itself.
        let slot = found.and_then(|(_, old)| self.table.find(key.hash(), |there| there == old));
        let entered = if let Some((slot, old)) = slot {
            self.table.replace(slot, new);
            self.forget(old);
            true
        } else {
            self.enter(key.hash(), new, now)
        };
        if !entered {
            self.arena.give_back(new);
            return None;
        }
        let next = self.arena.header(new).next();
        let cas = self.next_cas();
        let header = self.arena.header_mut(new);
        let hash = key.hash().number();
        *header = Header::entry(hash, cas, content.flags, content.expiry, key_len, value_len);
        header.set_next(next);
        self.counters.entries += 1;
        self.counters.total_entries += 1;
        self.counters.bytes += total as u64;
        Some(cas)
    }

    /// Writes a new value over an old one whose chunk is of the right size.
    fn overwrite(&mut self, key: Key<'_>, position: u32, content: Content<'_>) -> u64 {
        let cas = self.next_cas();
        let (key_len, value) = (key.bytes().len(), content.before);
        let header = self.arena.header_mut(position);
        self.counters.bytes -= header.value_len() as u64;
        self.counters.bytes += value.len() as u64;
        self.counters.total_entries += 1;
        let (hash, referenced) = (key.hash().number(), header.is_referenced());
        *header = Header::entry(hash, cas, content.flags, content.expiry, key_len, value.len());
        header.set_referenced(referenced);
        self.arena.bytes_of_mut(position, key_len, value.len()).copy_from_slice(value);
        cas
    }

    /// A chunk, or a chain of chunks, for an entry; held.
    fn allocate(&mut self, key_len: usize, value_len: usize, now: Time) -> Option<u32> {
        let first = self.room(Class::fitting(Header::LEN + key_len + value_len), now)?;
        let mut left = (key_len + value_len).saturating_sub(FULL_CHUNK);
        let mut last = first;
        while left > 0 {
            let Some(further) = self.room(Class::LAST, now) else {
                self.arena.give_back(first);
                return None;
            };
            *self.arena.header_mut(further) = Header::bare(State::Further, NONE, first);
            self.arena.header_mut(last).set_next(further);
            left = left.saturating_sub(FULL_CHUNK);
            last = further;
        }
        Some(first)
    }

    /// Writes key and value into the chunks of a new entry.
    fn fill(&mut self, first: u32, key: &[u8], content: Content<'_>) {
        let mut at = (first, 0);
        self.append(&mut at, key);
        self.append(&mut at, content.before);
        if content.middle != NONE {
            self.append_value(&mut at, content.middle);
        }
        self.append(&mut at, content.after);
    }

    /// Writes bytes from a place in a chain of chunks on; moves that place on.
    fn append(&mut self, at: &mut (u32, usize), bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            if at.1 == FULL_CHUNK {
                *at = (self.arena.header(at.0).next(), 0);
            }
            let (now, later) = rest.split_at(rest.len().min(FULL_CHUNK - at.1));
            self.arena.bytes_of_mut(at.0, at.1, now.len()).copy_from_slice(now);
            at.1 += now.len();
            rest = later;
        }
    }

    /// Writes the value of another entry from a place in a chain of chunks on.
    fn append_value(&mut self, at: &mut (u32, usize), from: u32) {
        let header = self.arena.header(from);
        let (mut chunk, mut offset) = (from, header.key_len());
        let mut left = header.value_len();
        let mut step = [0; 512];
        while left > 0 {
            if offset == FULL_CHUNK {
                (chunk, offset) = (self.arena.header(chunk).next(), 0);
            }
            let count = left.min(step.len()).min(FULL_CHUNK - offset);
            step[..count].copy_from_slice(self.arena.bytes_of(chunk, offset, count));
            self.append(at, &step[..count]);
            offset += count;
            left -= count;
        }
    }
}
