//! Frames that pages are copied to and from while others have the store.
//!
//! To copy a page takes longer than to find it, so whoever shares a store among threads keeps it for
//! the finding only. A page that is fetched gets a frame first, which is nobody's until it has
//! *arrived*; a page that is read is kept in its frame, as if it were mapped, until it was *copied*.

use super::{AtOnce, PageKey, Pages, Slot, State};
use alloc::sync::Arc;

impl Pages {
    /// The frames, for several threads at once; nothing if they cannot be had so.
    pub(crate) fn at_once(&self) -> Option<&Arc<dyn AtOnce>> {
        self.at_once.as_ref()
    }

    /// A frame for a page that will arrive; nothing if too many are waited for.
    pub(crate) fn reserve(&mut self) -> Option<u32> {
        if self.arriving >= self.frames.count().saturating_sub(self.mapped) / 8 {
            return None;
        }
        let frame = self.find_frame()?;
        self.arriving += 1;
        Some(frame)
    }

    /// A clean page is in the frame that was reserved for it. If it is here already, that one is newer.
    pub(crate) fn arrive(&mut self, key: PageKey, frame: u32) {
        if self.has(key) {
            return self.release(frame);
        }
        self.arriving -= 1;
        self.put(Slot::clean(key), frame);
    }

    /// Nothing arrives in a reserved frame.
    pub(crate) fn release(&mut self, frame: u32) {
        self.arriving -= 1;
        self.free.push(frame);
    }

    /// Keeps a page in its frame to be copied from there; gives the frame. Nothing if it is not here,
    /// or too many are kept so.
    pub(crate) fn lend(&mut self, key: PageKey) -> Option<u32> {
        if self.mapped >= self.frames.count() / 8 {
            return None;
        }
        let frame = self.map(key, false, false)?;
        if let Some(Some(slot)) = self.slots.get_mut(frame) {
            slot.used = true;
        }
        u32::try_from(frame).ok()
    }
}

impl Slot {
    pub(super) fn clean(key: PageKey) -> Self {
        Self { key, state: State::Clean, job: 0, used: true, mapped: 0, writable: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::Heap;
    use crate::place::BLOCK;
    use alloc::boxed::Box;
    use alloc::vec::Vec;

    fn pages(frames: usize) -> Pages {
        Pages::new(Box::new(Heap::new(frames)))
    }

    #[test]
    fn a_reserved_frame_is_nobody_elses() {
        let mut pages = pages(16);
        let frame = pages.reserve().unwrap();
        for page in 0..40 {
            pages.add_clean((7, page), &[1; BLOCK]);
            assert_ne!(pages.index.get(&(7, page)), Some(&frame));
        }
        pages.arrive((8, 0), frame);
        assert_eq!(pages.index.get(&(8, 0)), Some(&frame));
    }

    #[test]
    fn what_is_here_already_is_newer_than_what_arrives() {
        let mut pages = pages(16);
        let frame = pages.reserve().unwrap();
        pages.write((7, 0), 0, &[1; BLOCK], None).unwrap();
        pages.arrive((7, 0), frame);
        let mut found = [0; BLOCK];
        assert!(pages.read((7, 0), 0, &mut found));
        assert_eq!(found, [1; BLOCK]);
        assert!(pages.is_dirty((7, 0)));
        assert_eq!((pages.arriving, pages.free.len()), (0, 1));
    }

    #[test]
    fn few_frames_are_waited_for_at_a_time() {
        let mut pages = pages(64);
        let reserved: Vec<u32> = core::iter::from_fn(|| pages.reserve()).collect();
        assert_eq!(reserved.len(), 8);
        for frame in reserved {
            pages.release(frame);
        }
        assert!(pages.reserve().is_some());
    }

    #[test]
    fn a_page_that_is_copied_stays_in_its_frame() {
        let mut pages = pages(16);
        pages.add_clean((7, 0), &[1; BLOCK]);
        let frame = pages.lend((7, 0)).unwrap();
        for page in 0..40 {
            pages.add_clean((8, page), &[2; BLOCK]);
        }
        pages.forget();
        assert_eq!(pages.index.get(&(7, 0)), Some(&frame));
        pages.unmap((7, 0), false);
        pages.forget();
        assert!(!pages.has((7, 0)));
    }
}
