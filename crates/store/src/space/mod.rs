//! Which blocks are free.
//!
//! The records are items of the tree, one for each [`Region`]. Blocks are taken on record at once,
//! but given back only when the transaction commits: until then they are in `waiting`, and after
//! that they are pinned until the commit is safe. So no block that the last safe commit needs is
//! ever written to, and no address is written twice by one commit.
//!
//! Room is *promised* before it is needed: a write to a file that is accepted finds its blocks later.

mod pins;
mod region;
mod search;

use crate::error::Error;
use crate::medium::{Medium, Trouble};
use crate::place::{BLOCK, FIRST, NODE_BLOCKS};
use crate::tree::Tree;
use crate::tree::key::{Key, kind};
use alloc::sync::Arc;
use alloc::vec::Vec;
use pins::{Blocks, Pins, Released};
use region::BLOCKS;
pub(crate) use region::{BLOCKS as REGION, Region};
use search::{Hint, NODE_REGIONS};

/// Shorter runs are not worth giving back: each makes the file below one piece more. 64 KiB.
const GOOD_TRIM: u64 = 16;

/// What blocks are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Nodes,
    Data,
}

/// The records of free space, and what is to be done to them.
pub(crate) struct Space {
    medium: Arc<dyn Medium>,
    hints: Vec<Hint>,
    /// Where to look next for long runs.
    hand: u64,
    /// Where to look next for nodes, and for short runs of data: each commit begins at the front
    /// anew. What was written to before is written to again, so the file below seldom grows, and
    /// making it safe is one flush instead of a change to its own records.
    low: u64,
    pins: Pins,
    /// What this transaction has freed and not recorded. A file may have had any number of runs; a
    /// set takes a bit for each block that there is, at most.
    waiting: Blocks,
    /// Blocks in use, on record.
    used: u64,
    /// No block at or beyond it was ever used.
    end: u64,
    /// Blocks that the medium has room for.
    size: u64,
    /// Blocks that there could be, when that was last asked: it is a question to the system.
    total: u64,
    /// Blocks that were promised to writes and to `fallocate`.
    promised: u64,
    /// Blocks that stand by for what is written through mappings: one for each page, and one more
    /// for each that has none yet.
    standing: u64,
}

impl Space {
    pub(crate) fn new(medium: Arc<dyn Medium>, used: u64, end: u64, promised: u64) -> Self {
        let size = medium.size() / BLOCK as u64;
        let total = (medium.limit() / BLOCK as u64).max(size);
        Self {
            total,
            medium,
            hints: Vec::new(),
            hand: FIRST,
            low: FIRST,
            pins: Pins::default(),
            waiting: Blocks::default(),
            used,
            end,
            size,
            promised,
            standing: 0,
        }
    }

    /// Records the header as used, in a new store.
    pub(crate) fn begin(&mut self, tree: &mut Tree) -> Result<(), Error> {
        let mut region = Region::EMPTY;
        region.set(0, FIRST);
        put(tree, 0, &region)?;
        self.used = FIRST;
        self.end = FIRST;
        Ok(())
    }

    pub(crate) fn used(&self) -> u64 {
        self.used
    }

    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Blocks that there are, and that there could be.
    pub(crate) fn total(&self) -> u64 {
        self.total.max(self.size)
    }

    /// Asks anew how many blocks there could be.
    pub(crate) fn look_at_total(&mut self) {
        self.total = self.medium.limit() / BLOCK as u64;
    }

    /// Blocks that may still be promised.
    pub(crate) fn free(&self) -> u64 {
        let total = self.total();
        total.saturating_sub(self.taken() + reserve(total))
    }

    /// How many fresh nodes the reserve is enough for: more, and a commit might not find its blocks.
    pub(crate) fn affordable_nodes(&self) -> usize {
        (reserve(self.total()) / (2 * NODE_BLOCKS)) as usize
    }

    /// Blocks promised and not yet taken.
    pub(crate) fn promised(&self) -> u64 {
        self.promised
    }

    /// Blocks that a commit makes free.
    pub(crate) fn will_be_free(&self) -> u64 {
        self.waiting.count() + self.pins.count()
    }

    fn taken(&self) -> u64 {
        self.used + self.pins.count() + self.promised + self.standing
    }

    /// Promises blocks to somebody who will write them: they will be there. Makes the medium
    /// larger if it has to be.
    pub(crate) fn promise(&mut self, blocks: u64) -> Result<(), Error> {
        let needed = self.taken() + blocks;
        if needed + reserve(self.size) > self.size {
            self.look_at_total();
            let total = self.total();
            if needed + reserve(total) > total {
                return Err(Error::Full);
            }
            self.grow(needed + reserve(total) - self.size)?;
        }
        self.promised += blocks;
        Ok(())
    }

    /// Has blocks stand by for a page that may be written to through a mapping.
    pub(crate) fn stand_by(&mut self, blocks: u64) -> Result<(), Error> {
        self.promise(blocks)?;
        self.release_promise(blocks);
        self.standing += blocks;
        Ok(())
    }

    /// They need not any more.
    pub(crate) fn stand_down(&mut self, blocks: u64) {
        self.standing = self.standing.saturating_sub(blocks);
    }

    /// Promises a block to a page that has one standing by. It is that one; what the page leaves for
    /// it, once the commit is safe, stands by then. Refused only if a commit might not find its blocks
    /// afterwards: somebody reads an older one, and nothing becomes free.
    pub(crate) fn promise_to_mapped(&mut self) -> Result<(), Error> {
        // Nodes may have taken of the reserve by now, as they should; half of it is enough for the
        // next commit.
        let needed = self.taken() - self.standing + 1 + reserve(self.size) / 2;
        if needed > self.size {
            self.grow(needed - self.size)?;
        }
        self.promised += 1;
        Ok(())
    }

    /// Takes a promise back, because it was kept or is not needed.
    pub(crate) fn release_promise(&mut self, blocks: u64) {
        self.promised = self.promised.saturating_sub(blocks);
    }

    /// What was promised turned out to be another number.
    pub(crate) fn correct_promise(&mut self, promised: u64, needed: u64) {
        self.promised = (self.promised + needed).saturating_sub(promised);
    }

    /// Gives a run back; it can be used after the next commit.
    pub(crate) fn give_back(&mut self, start: u64, blocks: u64) {
        self.waiting.insert(start, blocks);
    }

    /// Records what was given back, and gives every fresh node its place. Afterwards the tree can be
    /// written.
    pub(crate) fn settle(&mut self, tree: &mut Tree) -> Result<(), Error> {
        loop {
            for address in tree.take_left() {
                self.give_back(address, NODE_BLOCKS);
            }
            let waiting = core::mem::take(&mut self.waiting);
            let settled = waiting.count() == 0;
            for (number, freed) in waiting.into_regions() {
                self.record_free(tree, number, &freed)?;
            }
            let unplaced = tree.unplaced() as u64;
            if settled && unplaced == 0 {
                return Ok(());
            }
            if unplaced > 0 {
                let most = unplaced * NODE_BLOCKS;
                let (start, blocks) = self.allocate(tree, Purpose::Nodes, NODE_BLOCKS, most)?;
                tree.place(start, blocks);
            }
        }
    }

    /// Somebody reads an older commit: nothing that it may have is used until they have ended. If it
    /// is not known which blocks those are, none that is free is.
    pub(crate) fn keep_for_readers(&mut self, kept: Option<&[(u64, u64)]>) {
        let possible = |&(start, blocks): &(u64, u64)| {
            start >= FIRST && start.checked_add(blocks).is_some_and(|end| end <= self.end)
        };
        match kept.filter(|kept| kept.iter().all(possible)) {
            Some(kept) => kept.iter().for_each(|&(start, blocks)| self.pins.hold(start, blocks)),
            None => self.pins.keep_below(self.end, self.end.saturating_sub(self.used)),
        }
    }

    /// The runs that are kept for those who read; nothing if it is not known which.
    pub(crate) fn kept_for_readers(&self) -> Option<impl Iterator<Item = (u64, u64)> + '_> {
        self.pins.for_readers()
    }

    /// The transaction ends.
    pub(crate) fn fly(&mut self) {
        self.pins.fly();
    }

    /// It is safe; `held` says whether somebody reads an older commit.
    pub(crate) fn landed(&mut self, held: bool) {
        self.low = FIRST;
        let released = self.pins.landed(held);
        self.look_again(&released);
    }

    /// Runs of a region's blocks that are free, and of which no commit that counts has any. Those that
    /// a commit looks at first stay, as many as it may need: its room is there even when the medium
    /// below gives none any more. `kept` counts them.
    pub(crate) fn free_runs(
        &mut self,
        tree: &mut Tree,
        number: u64,
        kept: &mut u64,
    ) -> Result<Vec<(u64, u64)>, Error> {
        let Some(mut region) = read(tree, number)? else { return Ok(Vec::new()) };
        self.pins.mark(number, &mut region);
        if number == 0 {
            region.set(0, FIRST);
        }
        let to = BLOCKS.min(self.size.saturating_sub(number * BLOCKS));
        let (mut runs, mut from) = (Vec::new(), 0);
        while let Some((start, blocks)) = region.find(from, to, GOOD_TRIM, BLOCKS) {
            from = start + blocks;
            let keep = if number.is_multiple_of(NODE_REGIONS) {
                blocks.min(reserve(self.size).saturating_sub(*kept))
            } else {
                0
            };
            *kept += keep;
            if blocks > keep {
                runs.push((number * BLOCKS + start + keep, blocks - keep));
            }
        }
        Ok(runs)
    }

    /// How many regions there are.
    pub(crate) fn regions(&self) -> u64 {
        self.size.div_ceil(BLOCKS)
    }

    /// Whether anything is kept for those who read an older commit.
    pub(crate) fn holds(&self) -> bool {
        self.pins.holds()
    }

    /// Nobody reads an older commit any more.
    pub(crate) fn unheld(&mut self) {
        let released = self.pins.unheld();
        self.look_again(&released);
    }

    fn look_again(&mut self, released: &Released) {
        for region in released.regions() {
            if let Some(hint) = self.hints.get_mut(region as usize) {
                hint.longest = BLOCKS as u16;
            }
        }
    }

    fn record_free(&mut self, tree: &mut Tree, number: u64, freed: &Region) -> Result<(), Error> {
        // Blocks of a region whose record is damaged stay lost.
        if let Some(mut region) = read(tree, number)? {
            let were = region.take_out(freed);
            put(tree, number, &region)?;
            self.used = self.used.saturating_sub(were);
            self.pins.pin(number, freed);
        }
        Ok(())
    }

    /// Makes the medium larger by at least that many blocks.
    fn grow(&mut self, blocks: u64) -> Result<(), Error> {
        // In steps of an eighth, so that growing is rare; but not so large that a full disk is met
        // long before it has to be.
        let step = blocks.max((self.size / 8).clamp(256, 16384));
        for step in [step, blocks] {
            match self.medium.grow((self.size + step) * BLOCK as u64) {
                Ok(()) => {
                    self.size += step;
                    return Ok(());
                }
                Err(Trouble::Full) => {}
                Err(trouble) => return Err(Error::Medium(trouble)),
            }
        }
        Err(Error::Full)
    }
}

/// A run of blocks, region by region: which, from where in it, how many.
pub(crate) fn pieces(start: u64, blocks: u64) -> impl Iterator<Item = (u64, u64, u64)> {
    let end = start + blocks;
    let mut at = start;
    core::iter::from_fn(move || {
        let (number, within) = (at / BLOCKS, at % BLOCKS);
        let upto = end.min((number + 1) * BLOCKS);
        let count = upto.checked_sub(at).filter(|&count| count > 0)?;
        at = upto;
        Some((number, within, count))
    })
}

/// Blocks that only commits may use, so that there is always room to remove something.
fn reserve(total: u64) -> u64 {
    (total / 32).clamp(256, 65_536).min(total / 4)
}

/// A region's record, as far as it can be read.
fn read(tree: &mut Tree, number: u64) -> Result<Option<Region>, Error> {
    match tree.get(Key::new(0, kind::SPACE, number)) {
        Ok(record) => Ok(Region::decode(record)),
        Err(Error::Damaged(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn put(tree: &mut Tree, number: u64, region: &Region) -> Result<(), Error> {
    let mut bytes = [0; region::BYTES];
    tree.put(Key::new(0, kind::SPACE, number), region.encode(&mut bytes))
}

#[cfg(test)]
mod tests;
