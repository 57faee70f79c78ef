//! Which page belongs to which class.

use super::class::{CLASSES, Class, PAGE_LINES};
use super::header::NONE;
use crate::Error;
use alloc::vec::Vec;

/// What is known about a page.
#[derive(Clone, Copy, Debug)]
struct Page {
    class: Class,
    /// Chunks that are not free.
    used: u16,
    /// Neighbours in the ring of the class's pages.
    next: u32,
    back: u32,
}

/// Where a class's clock stands.
#[derive(Clone, Copy, Debug)]
struct Hand {
    page: u32,
    chunk: u32,
}

/// The pages in use, and a ring of them for each class.
#[derive(Debug)]
pub(super) struct Pages {
    all: Vec<Page>,
    most: usize,
    hands: [Hand; CLASSES],
    counts: [u32; CLASSES],
    /// Pages without a used chunk.
    empty: usize,
}

impl Pages {
    pub(super) fn new(most: usize) -> Result<Self, Error> {
        let mut all = Vec::new();
        all.try_reserve_exact(most)
            .map_err(|_| Error::NoMemory { bytes: most * size_of::<Page>(), what: "pages" })?;
        let hands = [Hand { page: NONE, chunk: 0 }; CLASSES];
        Ok(Self { all, most, hands, counts: [0; CLASSES], empty: 0 })
    }

    /// How many pages are in use.
    pub(super) fn count(&self) -> usize {
        self.all.len()
    }

    /// How many of these belong to a class.
    pub(super) fn of_class(&self, class: Class) -> u32 {
        self.counts[class.number()]
    }

    pub(super) fn class(&self, page: u32) -> Class {
        self.all[page as usize].class
    }

    /// Takes one more page into use. `None` if there are all already.
    pub(super) fn add(&mut self, class: Class) -> Option<u32> {
        if self.all.len() == self.most {
            return None;
        }
        let page = self.all.len() as u32;
        self.all.push(Page { class, used: 0, next: page, back: page });
        self.empty += 1;
        self.enter(page);
        Some(page)
    }

    /// Some page without a used chunk.
    pub(super) fn empty(&self) -> Option<u32> {
        if self.empty == 0 {
            return None;
        }
        self.all.iter().position(|page| page.used == 0).map(|page| page as u32)
    }

    /// Gives a page, which is empty, to another class.
    pub(super) fn reassign(&mut self, page: u32, class: Class) {
        self.leave(page);
        self.all[page as usize].class = class;
        self.enter(page);
    }

    fn enter(&mut self, page: u32) {
        let class = self.all[page as usize].class.number();
        let hand = self.hands[class].page;
        let (next, back) =
            if hand == NONE { (page, page) } else { (hand, self.all[hand as usize].back) };
        self.all[page as usize].next = next;
        self.all[page as usize].back = back;
        self.all[back as usize].next = page;
        self.all[next as usize].back = page;
        if hand == NONE {
            self.hands[class] = Hand { page, chunk: 0 };
        }
        self.counts[class] += 1;
    }

    fn leave(&mut self, page: u32) {
        let Page { class, next, back, .. } = self.all[page as usize];
        self.all[back as usize].next = next;
        self.all[next as usize].back = back;
        let hand = &mut self.hands[class.number()];
        if hand.page == page {
            *hand = Hand { page: if next == page { NONE } else { next }, chunk: 0 };
        }
        self.counts[class.number()] -= 1;
    }

    /// One more chunk of the page at `position` is used.
    #[inline]
    pub(super) fn take(&mut self, position: u32) {
        let page = &mut self.all[position as usize / PAGE_LINES];
        self.empty -= usize::from(page.used == 0);
        page.used += 1;
    }

    /// One less.
    #[inline]
    pub(super) fn give_back(&mut self, position: u32) {
        let page = &mut self.all[position as usize / PAGE_LINES];
        page.used -= 1;
        self.empty += usize::from(page.used == 0);
    }

    /// Moves the clock of a class on by one chunk and says which one that is.
    pub(super) fn tick(&mut self, class: Class) -> Option<u32> {
        let hand = &mut self.hands[class.number()];
        if hand.page == NONE {
            return None;
        }
        let position = hand.page * PAGE_LINES as u32 + hand.chunk * class.lines();
        hand.chunk += 1;
        if hand.chunk >= class.chunks() {
            *hand = Hand { page: self.all[hand.page as usize].next, chunk: 0 };
        }
        Some(position)
    }

    /// The chunks of a page.
    pub(super) fn chunks(&self, page: u32) -> impl Iterator<Item = u32> + use<> {
        let class = self.class(page);
        (0..class.chunks()).map(move |chunk| page * PAGE_LINES as u32 + chunk * class.lines())
    }
}
