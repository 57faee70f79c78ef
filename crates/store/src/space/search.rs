//! Finding a free run: for nodes or for data, long or short, and without looking at all records.
//!
//! The records that were looked at are remembered by how long a run they may have. A store that was
//! just opened remembers none: then a search looks at one that is new, and takes what lies behind all
//! that was ever used. So it costs the same in a large store as in a small one.

use super::region::BLOCKS;
use super::{Purpose, Space, put, read};
use crate::error::Error;
use crate::place::{FIRST, NODE_BLOCKS};
use crate::tree::Tree;

/// One region in so many is for nodes, as long as there is a choice: data then lies in a row.
pub(super) const NODE_REGIONS: u64 = 8;
/// A run of data is looked for that has at least so many blocks, before shorter ones will do.
const GOOD_RUN: u64 = 64;
/// Records of a search that were not looked at since the store was opened.
pub(super) const NEW_RECORDS: usize = 1;

/// Where a run is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Where {
    /// In regions for such runs.
    Own,
    /// In all regions of which something was ever used.
    Used,
    Any,
}

/// What is known about a region without looking at its record.
#[derive(Clone, Copy)]
pub(super) struct Hint {
    /// No run in it is longer than this.
    pub(super) longest: u16,
    /// Its record was read before.
    pub(super) seen: bool,
}

impl Hint {
    const NONE: Self = Self { longest: BLOCKS as u16, seen: false };
}

impl Space {
    /// Takes a run of free blocks, at most `most`, at least `least`, and puts it on record.
    pub(crate) fn allocate(
        &mut self,
        tree: &mut Tree,
        purpose: Purpose,
        least: u64,
        most: u64,
    ) -> Result<(u64, u64), Error> {
        let good = most.min(GOOD_RUN).max(least);
        // At first in what is known, and a little further: so each search makes more of a store known
        // that was just opened, and none costs more in a larger one.
        let mut new = NEW_RECORDS;
        if let Some(run) = self.look(tree, purpose, good, most, Where::Own, &mut new)? {
            return Ok(run);
        }
        let free = self.size.saturating_sub(self.used + self.pins.count());
        if new > 0 && free > self.size / 8 {
            if let Some(run) = self.look(tree, purpose, good, most, Where::Used, &mut new)? {
                return Ok(run);
            }
            // Nodes that lie here and there would be as many writes for the disk in each commit. Those
            // that go behind all that was used leave long runs when they are written anew.
            if new > 0
                && purpose == Purpose::Data
                && let Some(run) = self.look(tree, purpose, least, most, Where::Any, &mut new)?
            {
                return Ok(run);
            }
        } else if new > 0
            && self.grow(most).is_ok()
            && let Some(run) = self.look(tree, purpose, good, most, Where::Any, &mut new)?
        {
            return Ok(run);
        }
        if let Some(run) = self.look_at_end(tree, purpose, good, most)? {
            return Ok(run);
        }
        // There is no room behind. Somewhere there must be some.
        let mut all = usize::MAX;
        if let Some(run) = self.look(tree, purpose, good, most, Where::Own, &mut all)? {
            return Ok(run);
        }
        self.look(tree, purpose, least, most, Where::Any, &mut all)?.ok_or(Error::Full)
    }

    /// Looks for a run behind all that was ever used, and makes room there.
    fn look_at_end(
        &mut self,
        tree: &mut Tree,
        purpose: Purpose,
        least: u64,
        most: u64,
    ) -> Result<Option<(u64, u64)>, Error> {
        // The next search goes on where the last one stopped: what is free in front is not left for
        // what makes the medium larger.
        let hands = (self.hand, self.low);
        let mut found = Ok(None);
        for attempt in 0..2 {
            if attempt > 0 && self.grow(most).is_err() {
                break;
            }
            let (number, within) = (self.end / BLOCKS, self.end % BLOCKS);
            found = self.take(tree, purpose, number, within, least, most);
            if found == Ok(None) {
                found = self.take(tree, purpose, number + 1, 0, least, most);
            }
            if found != Ok(None) {
                break;
            }
        }
        (self.hand, self.low) = hands;
        found
    }

    /// Looks for a run from where the last one was found, once around, and at so many new records.
    fn look(
        &mut self,
        tree: &mut Tree,
        purpose: Purpose,
        least: u64,
        most: u64,
        place: Where,
        new: &mut usize,
    ) -> Result<Option<(u64, u64)>, Error> {
        let regions = self.size.div_ceil(BLOCKS);
        self.hints.resize(regions as usize, Hint::NONE);
        let long = purpose == Purpose::Data && most >= GOOD_RUN;
        let hand = if long { self.hand } else { self.low };
        let first = hand / BLOCKS;
        // The first region is looked at twice: from the hand on, and at the end from its beginning.
        for step in 0..=regions {
            let number = (first + step) % regions.max(1);
            // Short runs lie with the nodes that are written after them: that is one piece for the
            // disk.
            let mine = number.is_multiple_of(NODE_REGIONS) != long;
            let hint = self.hints.get(number as usize).copied().unwrap_or(Hint::NONE);
            // Where nothing of old may be used, there is no choice.
            let unwanted = match place {
                Where::Own => !mine && !self.pins.unknown(),
                Where::Used => number * BLOCKS >= self.end,
                Where::Any => false,
            };
            if unwanted || u64::from(hint.longest) < least || self.pins.all_of(number) {
                continue;
            }
            // One that lies behind all that was ever used has no record.
            if !hint.seen && number * BLOCKS < self.end {
                let Some(left) = new.checked_sub(1) else { return Ok(None) };
                *new = left;
            }
            let from = if step == 0 { hand % BLOCKS } else { 0 };
            if let Some(run) = self.take(tree, purpose, number, from, least, most)? {
                return Ok(Some(run));
            }
        }
        Ok(None)
    }

    /// Takes a run from one region.
    fn take(
        &mut self,
        tree: &mut Tree,
        purpose: Purpose,
        number: u64,
        from: u64,
        least: u64,
        most: u64,
    ) -> Result<Option<(u64, u64)>, Error> {
        if let Some(hint) = self.hints.get_mut(number as usize) {
            hint.seen = true;
        }
        // A region whose record cannot be read has nothing to give; the rest still has.
        let Some(mut region) = read(tree, number)? else {
            self.hint(number, 0);
            return Ok(None);
        };
        let mut busy = region.clone();
        self.pins.mark(number, &mut busy);
        let to = BLOCKS.min(self.size.saturating_sub(number * BLOCKS));
        let Some((start, blocks)) = busy.find(from, to, least, most) else {
            // What lies in front of the first block was never anybody's.
            let first = if number == 0 { FIRST } else { 0 };
            if from <= first && to == BLOCKS {
                self.hint(number, least as u16 - 1);
            }
            return Ok(None);
        };
        let blocks =
            if purpose == Purpose::Nodes { blocks / NODE_BLOCKS * NODE_BLOCKS } else { blocks };
        region.set(start, blocks);
        put(tree, number, &region)?;
        let address = number * BLOCKS + start;
        self.used += blocks;
        self.end = self.end.max(address + blocks);
        if purpose == Purpose::Data && most >= GOOD_RUN {
            self.hand = address + blocks;
        } else {
            self.low = address + blocks;
        }
        Ok(Some((address, blocks)))
    }

    fn hint(&mut self, number: u64, longest: u16) {
        if let Some(hint) = self.hints.get_mut(number as usize) {
            hint.longest = hint.longest.min(longest);
        }
    }
}
