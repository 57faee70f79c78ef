//! The table: which hash lies where in memory.
//!
//! Open addressing with linear probing, but in steps of a *bucket*: one cache line that holds
//! eight slots. A slot is eight bytes, 32 of hash and 32 of position, so that a slot is compared,
//! moved and evicted without a look at the entry it stands for; 2^28 slots are 2 GiB.
//!
//! Invariant: for an entry in bucket `b` whose hash belongs into bucket `h`, all buckets from `h`
//! up to the one before `b` are full. So a lookup ends at the first bucket with an empty slot, and
//! a removal has to fill holes only in full buckets; there are no tombstones. No entry is ever
//! [`REACH`] buckets from home, so that keys chosen to collide cost a bounded number of cache
//! lines.
//!
//! The table knows nothing of keys: who asks says which position is the one that was meant.

use crate::{Error, Hash};
use alloc::vec::Vec;
use packet::prefetch;

/// Slots in a bucket.
pub(crate) const SLOTS: usize = 8;
/// Buckets in which an entry may lie, its home first.
pub(crate) const REACH: usize = 16;
/// What an empty slot has for a position; positions are stored plus one.
const EMPTY: u32 = 0;

/// Eight slots in a cache line, hashes and positions apart so that all eight hashes are compared
/// at once.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub(crate) struct Bucket {
    hashes: [u32; SLOTS],
    positions: [u32; SLOTS],
}

impl Bucket {
    /// One bit for each slot with that hash. (An empty slot may be among them.)
    #[inline]
    fn candidates(&self, hash: u32) -> u32 {
        let mut mask = 0;
        for (lane, of_slot) in self.hashes.iter().enumerate() {
            mask |= u32::from(*of_slot == hash) << lane;
        }
        mask
    }

    #[inline]
    fn empty(&self) -> Option<usize> {
        self.positions.iter().position(|position| *position == EMPTY)
    }

    #[inline]
    fn is_full(&self) -> bool {
        !self.positions.contains(&EMPTY)
    }
}

/// A slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    bucket: usize,
    lane: usize,
}

/// All slots within reach of a hash are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Crowded;

/// The table.
#[derive(Debug)]
pub(crate) struct Table {
    buckets: Vec<Bucket>,
    /// Number of buckets, a power of two, less one.
    mask: usize,
}

impl Table {
    /// The least slots there can be.
    pub(crate) const LEAST: usize = 1 << 6;
    /// The most: what 32 bits of hash can tell apart.
    pub(crate) const MOST: usize = 1 << 32;

    /// A table with that many slots, in `memory` if it is large enough.
    pub(crate) fn new(capacity: usize, memory: Vec<Bucket>) -> Result<Self, Error> {
        if !capacity.is_power_of_two() || !(Self::LEAST..=Self::MOST).contains(&capacity) {
            return Err(Error::Capacity { capacity, least: Self::LEAST, most: Self::MOST });
        }
        let count = capacity / SLOTS;
        let mut buckets = memory;
        buckets.clear();
        buckets
            .try_reserve_exact(count)
            .map_err(|_| Error::NoMemory { bytes: count * size_of::<Bucket>(), what: "table" })?;
        buckets.resize(count, Bucket::default());
        Ok(Self { buckets, mask: count - 1 })
    }

    /// How many slots there are.
    pub(crate) fn capacity(&self) -> usize {
        self.buckets.len() * SLOTS
    }

    #[inline]
    fn home(&self, hash: u32) -> usize {
        hash as usize & self.mask
    }

    /// How many buckets it is from `from` on to `to`.
    #[inline]
    fn distance(&self, from: usize, to: usize) -> usize {
        to.wrapping_sub(from) & self.mask
    }

    /// How many buckets a hash can lie in: all of them, if the table is small.
    #[inline]
    fn reach(&self) -> usize {
        REACH.min(self.buckets.len())
    }

    /// Asks for the bucket in which a lookup will begin.
    #[inline]
    pub(crate) fn prefetch(&self, hash: Hash) {
        prefetch(&raw const self.buckets[self.home(hash.number())]);
    }

    /// The first position in the home bucket that may be the one; a hint, for prefetching.
    #[inline]
    pub(crate) fn likely(&self, hash: Hash) -> Option<u32> {
        let bucket = &self.buckets[self.home(hash.number())];
        let lane = bucket.candidates(hash.number()).trailing_zeros() as usize;
        bucket.positions.get(lane)?.checked_sub(1)
    }

    /// The slot with that hash of which `is_it` says that it is the one, and its position.
    #[inline]
    pub(crate) fn find(
        &self,
        hash: Hash,
        mut is_it: impl FnMut(u32) -> bool,
    ) -> Option<(Slot, u32)> {
        let hash = hash.number();
        let mut number = self.home(hash);
        for _ in 0..self.reach() {
            let bucket = &self.buckets[number];
            let mut candidates = bucket.candidates(hash);
            while candidates != 0 {
                let lane = candidates.trailing_zeros() as usize & (SLOTS - 1);
                candidates &= candidates - 1;
                if let Some(position) = bucket.positions[lane].checked_sub(1)
                    && is_it(position)
                {
                    return Some((Slot { bucket: number, lane }, position));
                }
            }
            if !bucket.is_full() {
                return None;
            }
            number = (number + 1) & self.mask;
        }
        None
    }

    /// Puts a position that is not there yet.
    #[inline]
    pub(crate) fn insert(&mut self, hash: Hash, position: u32) -> Result<(), Crowded> {
        let hash = hash.number();
        let mut number = self.home(hash);
        for _ in 0..self.reach() {
            let bucket = &mut self.buckets[number];
            if let Some(lane) = bucket.empty() {
                bucket.hashes[lane] = hash;
                bucket.positions[lane] = position + 1;
                return Ok(());
            }
            number = (number + 1) & self.mask;
        }
        Err(Crowded)
    }

    /// The home bucket of a hash: who may have to go if it is [`Crowded`] there.
    pub(crate) fn neighbours(&self, hash: Hash) -> impl Iterator<Item = (Slot, u32)> + use<> {
        let bucket = self.home(hash.number());
        let positions = self.buckets[bucket].positions.into_iter().enumerate();
        positions.filter_map(move |(lane, position)| {
            Some((Slot { bucket, lane }, position.checked_sub(1)?))
        })
    }

    /// Puts a position where one of its [neighbours](Table::neighbours) was.
    pub(crate) fn exchange(&mut self, slot: Slot, hash: Hash, position: u32) {
        self.buckets[slot.bucket].hashes[slot.lane] = hash.number();
        self.replace(slot, position);
    }

    /// Lets a slot stand for another position of the same key.
    #[inline]
    pub(crate) fn replace(&mut self, slot: Slot, position: u32) {
        self.buckets[slot.bucket].positions[slot.lane] = position + 1;
    }

    /// Empties a slot, and keeps the invariant.
    pub(crate) fn remove(&mut self, slot: Slot) {
        let Slot { bucket: mut hole, mut lane } = slot;
        loop {
            let was_full = self.buckets[hole].is_full();
            self.buckets[hole].positions[lane] = EMPTY;
            if !was_full {
                return;
            }
            let Some(mover) = self.mover(hole) else { return };
            let from = &self.buckets[mover.bucket];
            let (hash, position) = (from.hashes[mover.lane], from.positions[mover.lane]);
            self.buckets[hole].hashes[lane] = hash;
            self.buckets[hole].positions[lane] = position;
            (hole, lane) = (mover.bucket, mover.lane);
        }
    }

    /// An entry behind the hole that had to pass it by because the bucket was full.
    fn mover(&self, hole: usize) -> Option<Slot> {
        for ahead in 1..self.reach() {
            let number = (hole + ahead) & self.mask;
            let bucket = &self.buckets[number];
            for (lane, hash) in bucket.hashes.iter().enumerate() {
                if bucket.positions[lane] != EMPTY
                    && self.distance(self.home(*hash), number) >= ahead
                {
                    return Some(Slot { bucket: number, lane });
                }
            }
            if !bucket.is_full() {
                return None;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use proptest::prelude::*;

    fn check(table: &Table) {
        for (number, bucket) in table.buckets.iter().enumerate() {
            for lane in 0..SLOTS {
                if bucket.positions[lane] == EMPTY {
                    continue;
                }
                let home = table.home(bucket.hashes[lane]);
                let distance = table.distance(home, number);
                assert!(distance < table.reach());
                for passed in 0..distance {
                    assert!(table.buckets[(home + passed) & table.mask].is_full());
                }
            }
        }
    }

    proptest! {
        /// Against a map, with hashes so few that buckets overflow and wrap around.
        #[test]
        fn behaves_like_a_map(
            capacity in prop::sample::select(alloc::vec![64_usize, 256]),
            steps in prop::collection::vec((any::<bool>(), 0_u32..24, 0_u32..40), 0..600),
        ) {
            let mut table = Table::new(capacity, Vec::new()).unwrap();
            let mut model = BTreeSet::new();
            for (insert, hash, position) in steps {
                // Spread over few homes; distinct upper bits for equal homes.
                let hash = Hash::from_number((hash / 3 * 3) | (hash << 24));
                let found = table.find(hash, |there| there == position);
                prop_assert_eq!(found.is_some(), model.contains(&(hash.number(), position)));
                match (insert, found) {
                    (true, None) if table.insert(hash, position).is_ok() => {
                        model.insert((hash.number(), position));
                    }
                    (false, Some((slot, _))) => {
                        table.remove(slot);
                        model.remove(&(hash.number(), position));
                    }
                    _ => {}
                }
                check(&table);
            }
            for (hash, position) in &model {
                let found = table.find(Hash::from_number(*hash), |there| there == *position);
                prop_assert!(found.is_some());
            }
        }
    }

    #[test]
    fn a_capacity_that_cannot_be() {
        for capacity in [0, 1, 63, 65, 100, 1 << 33] {
            assert!(matches!(Table::new(capacity, Vec::new()), Err(Error::Capacity { .. })));
        }
    }
}
