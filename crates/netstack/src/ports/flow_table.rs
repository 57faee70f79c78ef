//! The table of flows: from the two ends of a packet to whose it is, in two cache lines.
//!
//! Records lie dense in one array; an index of eight bytes a place, probed in a line, leads to
//! them. The hash is keyed (`SipHash`), so nobody outside can make places collide. Both grow by
//! doubling up to the bound that the caller keeps; a removal leaves no trace, so lookups do not
//! get slower with age.

use super::Owner;
use super::flow::Key;
use alloc::vec::Vec;

/// Who holds a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Holder {
    /// Somebody.
    Owner(Owner),
    /// Nobody: it ended, and must not begin again yet.
    Rest,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    key: Key,
    holder: Holder,
}

/// A place of the index: the low half of the hash, and where the record lies.
#[derive(Clone, Copy, Debug)]
struct Place {
    hash: u32,
    record: u32,
}

impl Place {
    const EMPTY: Self = Self { hash: 0, record: u32::MAX };
}

#[derive(Clone, Debug)]
pub(super) struct FlowTable {
    secret: [u64; 2],
    records: Vec<Record>,
    /// Empty, or a power of two of places of which at most three quarters are taken.
    index: Vec<Place>,
}

impl FlowTable {
    pub(super) const fn new(secret: [u64; 2]) -> Self {
        Self { secret, records: Vec::new(), index: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Key, Holder)> + '_ {
        self.records.iter().map(|record| (record.key, record.holder))
    }

    #[inline]
    pub(super) fn get(&self, key: &Key) -> Option<Holder> {
        let (_, record) = self.find(key)?;
        self.records.get(record).map(|record| record.holder)
    }

    /// Changes who holds a flow that is there.
    pub(super) fn set(&mut self, key: &Key, holder: Holder) {
        if let Some((_, record)) = self.find(key)
            && let Some(record) = self.records.get_mut(record)
        {
            record.holder = holder;
        }
    }

    /// Puts in a flow that is not there yet. `false` if there is no memory for it.
    #[must_use]
    pub(super) fn insert(&mut self, key: Key, holder: Holder) -> bool {
        if !self.grow() || self.records.try_reserve(1).is_err() {
            return false;
        }
        let record = self.records.len() as u32;
        self.records.push(Record { key, holder });
        self.enter(Place { hash: key.hash(self.secret) as u32, record });
        true
    }

    pub(super) fn remove(&mut self, key: &Key) -> Option<Holder> {
        let (place, record) = self.find(key)?;
        self.close_gap(place);
        let removed = self.records.swap_remove(record);
        // The last record has moved to where the removed one was: tell its place.
        if let Some(moved) = self.records.get(record) {
            let from = self.records.len() as u32;
            let hash = moved.key.hash(self.secret) as u32;
            let mut at = hash as usize & self.mask();
            while let Some(place) = self.index.get_mut(at)
                && place.record != u32::MAX
            {
                if place.record == from {
                    place.record = record as u32;
                    break;
                }
                at = (at + 1) & self.mask();
            }
        }
        Some(removed.holder)
    }

    fn mask(&self) -> usize {
        self.index.len().wrapping_sub(1)
    }

    /// The places in the index and among the records.
    #[inline]
    fn find(&self, key: &Key) -> Option<(usize, usize)> {
        if self.records.is_empty() {
            return None;
        }
        let hash = key.hash(self.secret) as u32;
        let mut at = hash as usize & self.mask();
        loop {
            let place = self.index.get(at)?;
            if place.record == u32::MAX {
                return None;
            }
            if place.hash == hash {
                let record = place.record as usize;
                if self.records.get(record)?.key == *key {
                    return Some((at, record));
                }
            }
            at = (at + 1) & self.mask();
        }
    }

    /// Writes `place` into the first free one from its home on.
    fn enter(&mut self, place: Place) {
        let mask = self.mask();
        let mut at = place.hash as usize & mask;
        while let Some(there) = self.index.get_mut(at) {
            if there.record == u32::MAX {
                *there = place;
                return;
            }
            at = (at + 1) & mask;
        }
    }

    /// Empties a place and moves those behind it that would no longer be found.
    fn close_gap(&mut self, mut gap: usize) {
        let mask = self.mask();
        let mut at = gap;
        loop {
            at = (at + 1) & mask;
            let Some(&place) = self.index.get(at) else { break };
            if place.record == u32::MAX {
                break;
            }
            let way = at.wrapping_sub(place.hash as usize) & mask;
            if way >= at.wrapping_sub(gap) & mask
                && let Some(to) = self.index.get_mut(gap)
            {
                *to = place;
                gap = at;
            }
        }
        if let Some(place) = self.index.get_mut(gap) {
            *place = Place::EMPTY;
        }
    }

    /// Makes room in the index for one more. `false` if there is no memory for it.
    fn grow(&mut self) -> bool {
        if (self.records.len() + 1) * 4 <= self.index.len() * 3 {
            return true;
        }
        let size = (self.index.len() * 2).max(16);
        let mut index = Vec::new();
        if index.try_reserve_exact(size).is_err() {
            return false;
        }
        index.resize(size, Place::EMPTY);
        for place in core::mem::replace(&mut self.index, index) {
            if place.record != u32::MAX {
                self.enter(place);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::Protocol;
    use alloc::collections::BTreeMap;
    use core::net::{Ipv4Addr, SocketAddr};
    use proptest::prelude::*;

    fn key(number: u16) -> Key {
        let end = |port| SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port);
        Key::new(Protocol::Tcp, end(1), end(number))
    }

    proptest! {
        #[test]
        fn it_is_a_map(changes in prop::collection::vec((0..200_u16, any::<bool>(), any::<u32>()), 0..2000)) {
            let mut table = FlowTable::new([1, 2]);
            let mut map = BTreeMap::new();
            for (number, put, owner) in changes {
                let (key, holder) = (key(number), Holder::Owner(Owner(owner)));
                prop_assert_eq!(table.get(&key), map.get(&key).copied());
                if !put {
                    prop_assert_eq!(table.remove(&key), map.remove(&key));
                } else if map.insert(key, holder).is_some() {
                    table.set(&key, holder);
                } else {
                    prop_assert!(table.insert(key, holder));
                }
                prop_assert_eq!(table.len(), map.len());
            }
            for (key, holder) in &map {
                prop_assert_eq!(table.get(key), Some(*holder));
            }
            prop_assert_eq!(table.iter().collect::<BTreeMap<_, _>>(), map);
        }
    }

    #[test]
    fn a_record_is_small() {
        assert!(size_of::<Record>() <= 56);
        assert_eq!(size_of::<Place>(), 8);
    }
}
