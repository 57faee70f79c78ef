//! Lists of what was learned, each entry until a time, bounded.

use crate::Time;
use alloc::vec::Vec;
use core::time::Duration;

/// When a lifetime that begins now ends.
pub(super) fn end(now: Time, lifetime: Duration) -> Time {
    if lifetime == Duration::MAX { Time::NEVER } else { now + lifetime }
}

#[derive(Clone, Debug)]
pub(super) struct Entry<K, V> {
    pub(super) key: K,
    pub(super) value: V,
    pub(super) until: Time,
}

/// In the order in which they were learned.
#[derive(Clone, Debug)]
pub(super) struct Learned<K, V> {
    entries: Vec<Entry<K, V>>,
    most: usize,
}

/// What [`Learned::learn`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing but perhaps a time has changed.
    Same,
    /// An entry is new, changed or gone.
    Changed,
    /// There is no room for it.
    Full,
}

impl<K: PartialEq, V: PartialEq> Learned<K, V> {
    pub(super) const fn new(most: usize) -> Self {
        Self { entries: Vec::new(), most }
    }

    /// Puts in an entry or changes it; a lifetime of zero takes it out.
    pub(super) fn learn(&mut self, now: Time, key: K, value: V, lifetime: Duration) -> Outcome {
        let until = end(now, lifetime);
        let count = self.entries.len();
        match self.entries.iter_mut().find(|entry| entry.key == key) {
            Some(entry) if !lifetime.is_zero() => {
                entry.until = until;
                let is_same = entry.value == value;
                entry.value = value;
                if is_same { Outcome::Same } else { Outcome::Changed }
            }
            Some(_) => {
                self.entries.retain(|entry| entry.key != key);
                Outcome::Changed
            }
            None if lifetime.is_zero() => Outcome::Same,
            None if count >= self.most => Outcome::Full,
            None => {
                self.entries.push(Entry { key, value, until });
                Outcome::Changed
            }
        }
    }

    /// Takes out what is over; whether there was something.
    pub(super) fn expire(&mut self, now: Time) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| entry.until > now);
        self.entries.len() < before
    }

    pub(super) fn next_end(&self) -> Option<Time> {
        self.entries.iter().map(|entry| entry.until).filter(|it| *it != Time::NEVER).min()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry<K, V>> + '_ {
        self.entries.iter()
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }
}
