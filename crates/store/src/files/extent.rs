//! The record that says where pages in a row lie.

use crate::place::{SessionName, number48};
use alloc::vec::Vec;

/// The most pages of one record.
pub(crate) const PAGES: u64 = 64;
const HEAD: usize = 30;
const PROMISED: u16 = 1;

/// Pages in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extent {
    /// The page that it begins with.
    pub(crate) first: u64,
    pub(crate) pages: u64,
    /// Where they lie; nothing if they were only promised.
    pub(crate) written: Option<Written>,
}

/// Where pages lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) address: u64,
    pub(crate) birth: u64,
    pub(crate) session: SessionName,
    /// One for each page.
    pub(crate) tags: Vec<[u8; 16]>,
}

impl Extent {
    pub(crate) fn end(&self) -> u64 {
        self.first + self.pages
    }

    /// The part that is pages `from..to`, which are in it.
    pub(crate) fn part(&self, from: u64, to: u64) -> Self {
        let skip = from - self.first;
        let written = self.written.as_ref().map(|written| Written {
            address: written.address + skip,
            tags: written.tags[skip as usize..(to - self.first) as usize].to_vec(),
            ..*written
        });
        Self { first: from, pages: to - from, written }
    }

    /// Adds one that goes on where this ends; says whether that could be.
    pub(crate) fn extend(&mut self, next: &Self) -> bool {
        if next.first != self.end() {
            return false;
        }
        match (&mut self.written, &next.written) {
            (None, None) => {}
            (Some(mine), Some(its))
                if mine.address + self.pages == its.address
                    && mine.birth == its.birth
                    && mine.session == its.session
                    && self.pages + next.pages <= PAGES =>
            {
                mine.tags.extend_from_slice(&its.tags);
            }
            _ => return false,
        }
        self.pages += next.pages;
        true
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEAD + 16 * PAGES as usize);
        let Some(written) = &self.written else {
            out.extend_from_slice(&[0; 24]);
            out.extend_from_slice(&PROMISED.to_le_bytes());
            out.extend_from_slice(&(self.pages as u32).to_le_bytes());
            return out;
        };
        out.extend_from_slice(&written.address.to_le_bytes()[..6]);
        out.extend_from_slice(&written.birth.to_le_bytes()[..6]);
        out.extend_from_slice(&written.session.0);
        out.extend_from_slice(&0u16.to_le_bytes());
        out.extend_from_slice(&(self.pages as u32).to_le_bytes());
        out.extend_from_slice(written.tags.as_flattened());
        out
    }

    /// Nothing if it is none.
    pub(crate) fn decode(first: u64, bytes: &[u8]) -> Option<Self> {
        let record = Record::read(first, bytes)?;
        Some(record.part(first, record.end()))
    }
}

/// A record as it lies in the tree. Most who look one up want a few of its pages, and no copy of the
/// tags of all.
pub(super) struct Record<'a> {
    first: u64,
    pages: u64,
    /// What comes before the tags, and the tags; nothing if they were only promised.
    written: Option<(&'a [u8], &'a [[u8; 16]])>,
}

impl<'a> Record<'a> {
    /// Nothing if it is none.
    pub(super) fn read(first: u64, bytes: &'a [u8]) -> Option<Self> {
        let (head, tags) = bytes.split_at_checked(HEAD)?;
        let pages = number48(&head[26..30]);
        first.checked_add(pages)?;
        let promised = head[24] & PROMISED as u8 != 0;
        let written = (!promised).then_some((head, tags.as_chunks::<16>().0));
        let right = written.is_none_or(|(_, tags)| tags.len() as u64 == pages);
        (pages > 0 && right).then_some(Self { first, pages, written })
    }

    pub(super) fn end(&self) -> u64 {
        self.first + self.pages
    }

    /// The part that is pages `from..to`, which are in it.
    pub(super) fn part(&self, from: u64, to: u64) -> Extent {
        let skip = from - self.first;
        let written = self.written.map(|(head, tags)| {
            let mut session = [0; 12];
            session.copy_from_slice(&head[12..24]);
            Written {
                address: number48(&head[..6]) + skip,
                birth: number48(&head[6..12]),
                session: SessionName(session),
                tags: tags[skip as usize..(to - self.first) as usize].to_vec(),
            }
        });
        Extent { first: from, pages: to - from, written }
    }
}
