//! Pages whose frames are mapped: by programs that read and write them without our seeing it.
//!
//! The frame of such a page stays its frame until the last mapping ends. What was written through a
//! mapping is found by comparing: of each page that may be so written, a digest is kept of what the
//! medium has.

use super::{PageKey, Pages, Slot, State};
use crate::place::BLOCK;
use alloc::vec::Vec;
use sha2::{Digest, Sha256};

/// A digest of what the medium has, or will have once a job is done; nothing if the page was dirty
/// since. Two pages with the same one are the same: a page that was not told from another would be
/// lost.
pub(super) type Known = Option<[u8; 32]>;

/// A page that may be written to through mappings.
pub(super) struct Watched {
    pub(super) known: Known,
    /// It has no block yet: when it gets one, that is more than a change of places.
    homeless: bool,
}

pub(super) fn known(page: &[u8]) -> [u8; 32] {
    Sha256::digest(page).into()
}

impl Pages {
    /// Keeps a page where it is, because somebody maps its frame; gives the frame. It must be here.
    /// `homeless` says whether it has no block yet.
    pub(crate) fn map(&mut self, key: PageKey, writable: bool, homeless: bool) -> Option<usize> {
        let frame = *self.index.get(&key)? as usize;
        let slot = self.slots.get_mut(frame)?.as_mut()?;
        slot.mapped += 1;
        self.mapped += usize::from(slot.mapped == 1);
        slot.writable += u32::from(writable);
        let first = writable && slot.writable == 1;
        let clean = matches!(slot.state, State::Clean | State::Flying);
        if first {
            let known = clean.then(|| self.digest(frame));
            self.writable.insert(key, Watched { known, homeless });
        }
        Some(frame)
    }

    /// A mapping ended.
    pub(crate) fn unmap(&mut self, key: PageKey, writable: bool) {
        let slot = self.index.get(&key).and_then(|&frame| self.slots.get_mut(frame as usize));
        let Some(Some(slot)) = slot else { return };
        self.mapped -= usize::from(slot.mapped == 1);
        slot.mapped = slot.mapped.saturating_sub(1);
        slot.writable = slot.writable.saturating_sub(u32::from(writable));
        if slot.writable == 0 {
            self.writable.remove(&key);
        }
    }

    /// Whether one more frame may be kept for a mapping: some have to be left for what is read and
    /// written.
    pub(crate) fn may_map(&self, key: PageKey) -> bool {
        self.is_mapped(key) || self.mapped < self.frames.count() - self.frames.count().div_ceil(4)
    }

    fn slot(&self, key: PageKey) -> Option<&Slot> {
        self.index.get(&key).and_then(|&frame| self.slots.get(frame as usize))?.as_ref()
    }

    /// Whether somebody maps a page.
    pub(crate) fn is_mapped(&self, key: PageKey) -> bool {
        self.slot(key).is_some_and(|slot| slot.mapped > 0)
    }

    /// How many mappings of a page may write.
    pub(crate) fn writers(&self, key: PageKey) -> u32 {
        self.slot(key).map_or(0, |slot| slot.writable)
    }

    /// Whether a page that may be written to through mappings had no block, and since this was last
    /// asked has not got one.
    pub(crate) fn take_homeless(&mut self, key: PageKey) -> bool {
        self.writable.get_mut(&key).is_some_and(|page| core::mem::take(&mut page.homeless))
    }

    /// Whether any page may be written to through a mapping.
    pub(crate) fn has_writable(&self) -> bool {
        !self.writable.is_empty()
    }

    /// Whether a page may have been written to through a mapping since the medium got it, and counts
    /// as clean.
    pub(crate) fn was_changed(&self, key: PageKey) -> bool {
        let Some(watched) = self.writable.get(&key) else { return false };
        let Some(&frame) = self.index.get(&key) else { return false };
        !self.is_dirty(key) && watched.known != Some(self.digest(frame as usize))
    }

    /// The pages of which that is so.
    pub(crate) fn changed(&self) -> Vec<PageKey> {
        self.writable.keys().filter(|&&key| self.was_changed(key)).copied().collect()
    }

    /// Turns a mapped page into zeros, from a place in it on.
    pub(crate) fn blank(&mut self, key: PageKey, within: usize) {
        let Some(&frame) = self.index.get(&key) else { return };
        if let Some(zeros) = [0; BLOCK].get(within..) {
            self.frames.write(frame as usize, within, zeros);
        }
        if within == 0 && !self.is_dirty(key) {
            let known = Some(self.digest(frame as usize));
            if let Some(watched) = self.writable.get_mut(&key) {
                watched.known = known;
            }
        }
    }

    /// Turns what may have been written through mappings beyond a file's end into zeros.
    pub(crate) fn blank_beyond(&mut self, object: u64, size: u64) {
        let (first, within) = (size / BLOCK as u64, (size % BLOCK as u64) as usize);
        let beyond = self.writable.range((object, first)..=(object, u64::MAX));
        let keys: Vec<PageKey> = beyond.map(|(key, _)| *key).collect();
        for key in keys {
            self.blank(key, if key.1 == first { within } else { 0 });
        }
    }

    /// A dirty page that nobody can write out counts as clean, and what is in it stays for those who
    /// map it. Says whether it was dirty.
    pub(crate) fn give_up(&mut self, key: PageKey) -> bool {
        if !self.is_mapped(key) {
            return self.drop_page(key);
        }
        let mut page = [0; BLOCK];
        self.read(key, 0, &mut page);
        let dirty = self.is_dirty(key);
        self.settle(key, &page);
        dirty
    }

    /// Lets go of a page that is no part of its file any more, as far as nobody maps it.
    pub(crate) fn let_go(&mut self, key: PageKey) -> bool {
        self.drop_page(key)
    }

    fn digest(&self, frame: usize) -> [u8; 32] {
        let mut page = [0; BLOCK];
        self.frames.read(frame, 0, &mut page);
        known(&page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::Heap;
    use alloc::boxed::Box;

    const PAGE: PageKey = (7, 3);

    fn pages(frames: usize) -> Pages {
        Pages::new(Box::new(Heap::new(frames)))
    }

    #[test]
    fn a_mapped_frame_is_nobody_elses_whatever_happens_to_its_page() {
        let mut pages = pages(8);
        pages.add_clean(PAGE, &[1; BLOCK]);
        let frame = pages.map(PAGE, true, false).unwrap();
        // More than there are frames; then it is cut off, and again more.
        for round in 0..2 {
            for page in 0..20 {
                pages.add_clean((8 + round, page), &[2; BLOCK]);
                assert_ne!(pages.index.get(&(8 + round, page)), Some(&(frame as u32)));
            }
            pages.drop_range(PAGE.0, 0, u64::MAX);
            let mut seen = [9; BLOCK];
            pages.frames.read(frame, 0, &mut seen);
            assert_eq!(seen, [0; BLOCK]);
            assert!(pages.changed().is_empty());
        }
        pages.unmap(PAGE, true);
        pages.let_go(PAGE);
        assert!(!pages.has(PAGE));
        assert_eq!((pages.mapped, pages.free.len()), (0, 1));
    }

    #[test]
    fn what_is_written_to_a_frame_is_noticed_once() {
        let mut pages = pages(8);
        pages.add_clean(PAGE, &[1; BLOCK]);
        let frame = pages.map(PAGE, true, false).unwrap();
        assert!(pages.changed().is_empty());
        pages.frames.write(frame, 100, &[5]);
        assert_eq!(pages.changed(), [PAGE]);
        assert!(pages.soil(PAGE));
        assert!(pages.changed().is_empty(), "it is dirty already");
        assert!(pages.launch(PAGE, 1, &mut [0; BLOCK]));
        // While it flies, once more.
        pages.frames.write(frame, 100, &[6]);
        assert!(pages.land(PAGE, 1));
        assert_eq!(pages.changed(), [PAGE]);
    }

    #[test]
    fn some_frames_stay_for_reading_and_writing() {
        let mut pages = pages(8);
        for page in 0..6 {
            pages.add_clean((7, page), &[1; BLOCK]);
            assert!(pages.may_map((7, page)));
            pages.map((7, page), false, false);
        }
        assert!(pages.may_map((7, 5)), "it is mapped already");
        assert!(!pages.may_map((7, 6)));
        pages.write((8, 0), 0, &[1; BLOCK], None).unwrap();
        assert!(pages.crowded());
        pages.unmap((7, 0), false);
        assert!(pages.may_map((7, 6)));
    }
}
