//! Chunks and the bytes in them.

use super::class::{CLASSES, Class, LINE, PAGE_LINES};
use super::header::{Header, NONE, State};
use super::pages::Pages;
use crate::Error;
use alloc::vec::Vec;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// A cache line of memory.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C, align(64))]
pub(crate) struct Line {
    header: Header,
    behind: [u8; LINE - Header::LEN],
}

const BLANK: Line = Line { header: zerocopy::transmute!([0_u8; Header::LEN]), behind: [0; 32] };

/// The memory of a store.
#[derive(Debug)]
pub(crate) struct Arena {
    lines: Vec<Line>,
    pages: Pages,
    /// First free chunk of each class.
    free: [u32; CLASSES],
}

/// Bytes in a page.
const PAGE: usize = PAGE_LINES * LINE;

impl Arena {
    /// The least memory: a page for some classes to begin with.
    pub(crate) const LEAST: usize = 4 * PAGE;
    /// The most: what positions can count.
    pub(crate) const MOST: usize = (u32::MAX as usize / PAGE_LINES) * PAGE;

    /// At most `memory` bytes, rounded down to pages; in `lines` if that has the room.
    pub(crate) fn new(memory: usize, lines: Vec<Line>) -> Result<Self, Error> {
        if !(Self::LEAST..=Self::MOST).contains(&memory) {
            return Err(Error::Memory { memory, least: Self::LEAST, most: Self::MOST });
        }
        let pages = memory / PAGE;
        let mut lines = lines;
        lines.clear();
        lines
            .try_reserve_exact(pages * PAGE_LINES)
            .map_err(|_| Error::NoMemory { bytes: memory, what: "entries" })?;
        Ok(Self { lines, pages: Pages::new(pages)?, free: [NONE; CLASSES] })
    }

    /// Bytes in pages that are in use; never more than the arena was made for.
    pub(crate) fn bytes(&self) -> usize {
        self.pages.count() * PAGE
    }

    /// The line at a position, to prefetch.
    #[inline]
    pub(crate) fn line(&self, position: u32) -> Option<&Line> {
        self.lines.get(position as usize)
    }

    /// The header of a chunk.
    #[inline]
    pub(crate) fn header(&self, position: u32) -> &Header {
        &self.lines[position as usize].header
    }

    /// The header of a chunk, to change.
    #[inline]
    pub(crate) fn header_mut(&mut self, position: u32) -> &mut Header {
        &mut self.lines[position as usize].header
    }

    /// Bytes of a chunk, behind its header.
    #[inline]
    pub(crate) fn bytes_of(&self, position: u32, offset: usize, len: usize) -> &[u8] {
        let start = position as usize * LINE + Header::LEN + offset;
        &self.lines.as_bytes()[start..start + len]
    }

    /// Bytes of a chunk, behind its header, to write.
    #[inline]
    pub(crate) fn bytes_of_mut(&mut self, position: u32, offset: usize, len: usize) -> &mut [u8] {
        let start = position as usize * LINE + Header::LEN + offset;
        &mut self.lines.as_mut_bytes()[start..start + len]
    }

    /// The class of a chunk.
    #[inline]
    pub(crate) fn class(&self, position: u32) -> Class {
        self.pages.class(position / PAGE_LINES as u32)
    }

    /// A free chunk, from now on held; `None` if there is none and no page to cut some from.
    #[inline]
    pub(crate) fn take(&mut self, class: Class) -> Option<u32> {
        if self.free[class.number()] == NONE && !self.furnish(class) {
            return None;
        }
        let position = self.free[class.number()];
        self.unlink(position, class);
        self.pages.take(position);
        *self.header_mut(position) = Header::bare(State::Held, NONE, NONE);
        Some(position)
    }

    /// Frees a chunk, and the further chunks of its entry if it has some.
    pub(crate) fn give_back(&mut self, position: u32) {
        let mut position = position;
        while position != NONE {
            let next = self.header(position).next();
            self.pages.give_back(position);
            self.link(position);
            position = next;
        }
    }

    /// Takes another page for a class, or one of which no chunk is used.
    #[cold]
    fn furnish(&mut self, class: Class) -> bool {
        if let Some(page) = self.pages.add(class) {
            // Within what was reserved: this neither moves the lines nor asks for memory.
            self.lines.resize((page as usize + 1) * PAGE_LINES, BLANK);
            self.cut(page);
            return true;
        }
        self.pages.empty().inspect(|page| self.reassign(*page, class)).is_some()
    }

    /// Gives a page, of which no chunk is used, to a class.
    pub(crate) fn reassign(&mut self, page: u32, class: Class) {
        let before = self.pages.class(page);
        for position in self.pages.chunks(page) {
            self.unlink(position, before);
        }
        self.pages.reassign(page, class);
        self.cut(page);
    }

    /// Makes all of a page free chunks of its class.
    fn cut(&mut self, page: u32) {
        for position in self.pages.chunks(page) {
            self.link(position);
        }
    }

    fn link(&mut self, position: u32) {
        let class = self.class(position).number();
        let next = self.free[class];
        *self.header_mut(position) = Header::bare(State::Free, next, NONE);
        if next != NONE {
            self.header_mut(next).set_back(position);
        }
        self.free[class] = position;
    }

    #[inline]
    fn unlink(&mut self, position: u32, class: Class) {
        let header = self.header(position);
        let (next, back) = (header.next(), header.back());
        if next != NONE {
            self.header_mut(next).set_back(back);
        }
        if back == NONE {
            self.free[class.number()] = next;
        } else {
            self.header_mut(back).set_next(next);
        }
    }

    /// How many pages are in use.
    pub(crate) fn page_count(&self) -> usize {
        self.pages.count()
    }

    /// How many pages a class has.
    pub(crate) fn pages_of(&self, class: Class) -> u32 {
        self.pages.of_class(class)
    }

    /// The class of a page.
    pub(crate) fn class_of_page(&self, page: u32) -> Class {
        self.pages.class(page)
    }

    /// The chunks of a page.
    pub(crate) fn chunks(&self, page: u32) -> impl Iterator<Item = u32> + use<> {
        self.pages.chunks(page)
    }

    /// Moves the clock of a class on by one chunk and says which one that is.
    pub(crate) fn tick(&mut self, class: Class) -> Option<u32> {
        self.pages.tick(class)
    }
}
