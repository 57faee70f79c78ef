//! What was released a moment ago and must rest before it is used again.

use crate::Time;
use alloc::collections::{BTreeMap, BTreeSet};

/// Things at rest, each until a time of its own.
#[derive(Clone, Debug)]
pub(super) struct Quarantine<T> {
    until: BTreeMap<T, Time>,
    by_end: BTreeSet<(Time, T)>,
}

impl<T: Copy + Ord> Quarantine<T> {
    pub(super) const fn new() -> Self {
        Self { until: BTreeMap::new(), by_end: BTreeSet::new() }
    }

    pub(super) fn add(&mut self, thing: T, until: Time) {
        self.remove(&thing);
        self.until.insert(thing, until);
        self.by_end.insert((until, thing));
    }

    pub(super) fn remove(&mut self, thing: &T) -> bool {
        let until = self.until.remove(thing);
        until.is_some_and(|until| self.by_end.remove(&(until, *thing)))
    }

    pub(super) fn contains(&self, thing: &T) -> bool {
        self.until.contains_key(thing)
    }

    /// When the next one has rested enough.
    pub(super) fn next_end(&self) -> Option<Time> {
        self.by_end.first().map(|(until, _)| *until)
    }

    /// Takes out one that has rested enough by `now`.
    pub(super) fn pop_ended(&mut self, now: Time) -> Option<T> {
        if self.next_end()? <= now { self.pop_first() } else { None }
    }

    /// Takes out the one that would be the next.
    pub(super) fn pop_first(&mut self) -> Option<T> {
        let (_, thing) = self.by_end.pop_first()?;
        self.until.remove(&thing);
        Some(thing)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (T, Time)> + '_ {
        self.until.iter().map(|(thing, until)| (*thing, *until))
    }

    /// Whether both views tell the same.
    pub(super) fn is_consistent(&self) -> bool {
        self.until.len() == self.by_end.len()
            && self.iter().all(|(thing, until)| self.by_end.contains(&(until, thing)))
    }
}
