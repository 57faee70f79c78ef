//! Blocks that are free on record, and must not be written to yet.
//!
//! What a transaction frees is still part of the commit before it: until the transaction is safe, a
//! crash goes back there. And while somebody reads an older commit (a backup, `ls` of a store that
//! is mounted elsewhere), what was freed since must stay as it is.
//!
//! Who opens a store that somebody reads is told by the writer before what that one kept. Where it was
//! killed, nobody knows: then every block below the end of what was ever used stays as it is.

use super::region::{self, Region};
use alloc::boxed::Box;
use alloc::collections::BTreeMap;

/// A set of blocks.
#[derive(Default)]
pub(crate) struct Blocks {
    pub(super) regions: BTreeMap<u64, Box<Region>>,
    count: u64,
}

impl Blocks {
    pub(crate) fn insert(&mut self, start: u64, blocks: u64) {
        for (number, within, count) in super::pieces(start, blocks) {
            let region = self.regions.entry(number).or_insert_with(|| Box::new(Region::EMPTY));
            self.count += count - region.set(within, count);
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Region by region, in order.
    pub(super) fn into_regions(self) -> impl Iterator<Item = (u64, Box<Region>)> {
        self.regions.into_iter()
    }

    fn join(&mut self, number: u64, region: &Region) {
        let mine = self.regions.entry(number).or_insert_with(|| Box::new(Region::EMPTY));
        self.count += mine.join(region);
    }

    fn absorb(&mut self, other: Self) {
        for (number, region) in other.regions {
            self.join(number, &region);
        }
    }
}

/// All that is pinned, by what pins it.
#[derive(Default)]
pub(crate) struct Pins {
    /// Freed by the transaction that goes on.
    now: Blocks,
    /// Freed by the one that is being made safe.
    flying: Blocks,
    /// Freed while somebody reads an older commit.
    held: Blocks,
    /// Free, but perhaps part of what somebody reads since before this was opened.
    before: Option<Before>,
}

/// Blocks of which nobody here knows whether an older commit has them.
struct Before {
    /// They lie below it.
    end: u64,
    /// So many of them are free on record.
    free: u64,
}

impl Pins {
    pub(crate) fn pin(&mut self, number: u64, region: &Region) {
        self.now.join(number, region);
    }

    /// Pins all that is free below `end`, until nobody reads.
    pub(crate) fn keep_below(&mut self, end: u64, free: u64) {
        self.before.get_or_insert(Before { end, free });
    }

    /// Pins a run until nobody reads.
    pub(crate) fn hold(&mut self, start: u64, blocks: u64) {
        self.held.insert(start, blocks);
    }

    /// The runs that are pinned for those who read; nothing if it is not known which.
    pub(crate) fn for_readers(&self) -> Option<impl Iterator<Item = (u64, u64)> + '_> {
        let regions = self.held.regions.iter();
        let runs = regions.flat_map(|(number, region)| {
            let first = number * region::BLOCKS;
            region.runs().map(move |(at, blocks)| (first + at, blocks))
        });
        self.before.is_none().then_some(runs)
    }

    /// Whether it is not known what those who read have.
    pub(crate) fn unknown(&self) -> bool {
        self.before.is_some()
    }

    /// Whether no block of a region may be used.
    pub(crate) fn all_of(&self, number: u64) -> bool {
        self.before.as_ref().is_some_and(|before| (number + 1) * region::BLOCKS <= before.end)
    }

    /// How many blocks are pinned.
    pub(crate) fn count(&self) -> u64 {
        let before = self.before.as_ref().map_or(0, |before| before.free);
        self.now.count + self.flying.count + self.held.count + before
    }

    /// Adds the pinned blocks of a region to those in use.
    pub(crate) fn mark(&self, number: u64, region: &mut Region) {
        for set in [&self.now, &self.flying, &self.held] {
            if let Some(pinned) = set.regions.get(&number) {
                region.join(pinned);
            }
        }
        if let Some(before) = &self.before {
            region.set(0, before.end.saturating_sub(number * region::BLOCKS).min(region::BLOCKS));
        }
    }

    /// The transaction ends; it is about to be made safe.
    pub(crate) fn fly(&mut self) {
        let now = core::mem::take(&mut self.now);
        self.flying.absorb(now);
    }

    /// Whether anything is kept for those who read an older commit.
    pub(crate) fn holds(&self) -> bool {
        self.held.count > 0 || self.before.is_some()
    }

    /// Nobody reads an older commit any more. Gives what became usable.
    pub(crate) fn unheld(&mut self) -> Released {
        let below = self.before.take().map_or(0, |before| before.end);
        Released { blocks: core::mem::take(&mut self.held), below }
    }

    /// It is safe. What it freed may be used, unless somebody reads an older commit. Gives what
    /// became usable.
    pub(crate) fn landed(&mut self, held: bool) -> Released {
        let flown = core::mem::take(&mut self.flying);
        if held {
            self.held.absorb(flown);
            return Released::default();
        }
        let mut released = self.unheld();
        released.blocks.absorb(flown);
        released
    }
}

/// What can be used again.
#[derive(Default)]
pub(crate) struct Released {
    blocks: Blocks,
    /// And everything below.
    below: u64,
}

impl Released {
    pub(crate) fn regions(&self) -> impl Iterator<Item = u64> + '_ {
        (0..self.below.div_ceil(region::BLOCKS)).chain(self.blocks.regions.keys().copied())
    }
}
