//! Answers that are still good, bounded.

use super::{Answer, DnsError, Kind, Name};
use crate::Time;
use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

type Key = (Name, Kind);
type Outcome = Result<Answer, DnsError>;

/// When it is full, what would be over first makes room.
#[derive(Clone, Debug)]
pub(super) struct Cache {
    entries: BTreeMap<Key, (Time, Outcome)>,
    by_end: BTreeSet<(Time, Key)>,
    most: usize,
}

impl Cache {
    pub(super) const fn new(most: usize) -> Self {
        Self { entries: BTreeMap::new(), by_end: BTreeSet::new(), most }
    }

    /// What is known, with the time that it has left.
    pub(super) fn get(&self, now: Time, name: &Name, kind: Kind) -> Option<Outcome> {
        let (until, outcome) = self.entries.get(&(name.clone(), kind))?;
        let left = until.since(now);
        if left.is_zero() {
            return None;
        }
        Some(outcome.clone().map(|answer| Answer { ttl: left, ..answer }))
    }

    pub(super) fn put(
        &mut self,
        now: Time,
        name: &Name,
        kind: Kind,
        outcome: &Outcome,
        ttl: Duration,
    ) {
        let key = (name.clone(), kind);
        if let Some((until, _)) = self.entries.remove(&key) {
            self.by_end.remove(&(until, key.clone()));
        }
        if ttl.is_zero() || self.most == 0 {
            return;
        }
        while self.entries.len() >= self.most
            && let Some((_, oldest)) = self.by_end.pop_first()
        {
            self.entries.remove(&oldest);
        }
        self.by_end.insert((now + ttl, key.clone()));
        self.entries.insert(key, (now + ttl, outcome.clone()));
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.by_end.clear();
    }
}
