//! Blocks that are free on record, and must not be written to yet.
//!
//! What a transaction frees is still part of the commit before it: until the transaction is safe, a
//! crash goes back there. And while somebody reads an older commit (a backup, `ls` of a store that
//! is mounted elsewhere), what was freed since must stay as it is.

use super::region::Region;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;

/// A set of blocks.
#[derive(Default)]
pub(crate) struct Blocks {
    regions: BTreeMap<u64, Box<Region>>,
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
        let before = mine.free();
        mine.join(region);
        self.count += before - mine.free();
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
}

impl Pins {
    pub(crate) fn pin(&mut self, number: u64, region: &Region) {
        self.now.join(number, region);
    }

    /// How many blocks are pinned.
    pub(crate) fn count(&self) -> u64 {
        self.now.count + self.flying.count + self.held.count
    }

    /// Adds the pinned blocks of a region to those in use.
    pub(crate) fn mark(&self, number: u64, region: &mut Region) {
        for set in [&self.now, &self.flying, &self.held] {
            if let Some(pinned) = set.regions.get(&number) {
                region.join(pinned);
            }
        }
    }

    /// The transaction ends; it is about to be made safe.
    pub(crate) fn fly(&mut self) {
        let now = core::mem::take(&mut self.now);
        self.flying.absorb(now);
    }

    /// Whether anything is kept for those who read an older commit.
    pub(crate) fn holds(&self) -> bool {
        self.held.count > 0
    }

    /// Nobody reads an older commit any more. Gives what became usable.
    pub(crate) fn unheld(&mut self) -> Released {
        Released(core::mem::take(&mut self.held))
    }

    /// It is safe. What it freed may be used, unless somebody reads an older commit. Gives what
    /// became usable.
    pub(crate) fn landed(&mut self, held: bool) -> Released {
        let flown = core::mem::take(&mut self.flying);
        if held {
            self.held.absorb(flown);
            return Released(Blocks::default());
        }
        let mut released = core::mem::take(&mut self.held);
        released.absorb(flown);
        Released(released)
    }
}

/// What can be used again.
pub(crate) struct Released(Blocks);

impl Released {
    pub(crate) fn regions(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.regions.keys().copied()
    }
}
