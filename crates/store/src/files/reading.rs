//! Reading: from memory what is there, and a plan for the rest.
//!
//! Of much that is in memory, where it is is all that is found out here: whoever shares a store among
//! threads copies it while others have the store. The same goes for what is [missing](Fetch).

use super::extent::{Extent, PAGES};
use super::fetching::{Fetch, copy};
use crate::Store;
use crate::attributes::{Kind, ObjectId};
use crate::error::Error;
use crate::pages::AtOnce;
use crate::place::BLOCK;
use crate::tree::key::{Key, kind};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

/// A file is at most so large: offsets are signed numbers to programs.
pub(super) const LARGEST: u64 = i64::MAX as u64;

/// What a read found in memory, and what has to be fetched for it.
pub struct Reading {
    /// How many bytes it will be.
    pub length: usize,
    /// What is missing.
    pub fetches: Vec<Fetch>,
    /// What is in memory and not copied yet.
    pub lent: Lent,
}

/// Pages in memory that are kept there to be copied while others have the store.
#[must_use = "they are kept until this is handed back to `copied`"]
pub struct Lent {
    object: ObjectId,
    /// Which page in which frame, from where in it, to where and how much.
    pages: Vec<(u64, u32, usize, usize, usize)>,
    frames: Option<Arc<dyn AtOnce>>,
}

impl Lent {
    /// Whether there is nothing to copy.
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    /// Copies them to the buffer that was read to.
    pub fn copy(&self, into: &mut [u8]) {
        for &(_, frame, within, at, length) in &self.pages {
            if let (Some(frames), Some(into)) = (&self.frames, into.get_mut(at..at + length)) {
                frames.read(frame as usize, within, into);
            }
        }
    }
}

/// Less is copied at once, with the store kept meanwhile: to lend pages costs something, too.
const MUCH: usize = 64 << 10;

impl Store {
    /// Reads from a file; gives how many bytes there were.
    pub fn read(&mut self, object: ObjectId, offset: u64, into: &mut [u8]) -> Result<usize, Error> {
        self.check_is_file(object)?;
        self.read_contents(object, offset, into)
    }

    /// Reads what of a file is in memory, or in no block at all, and says what is missing. Of much,
    /// what is in memory is lent.
    pub fn begin_read_of_file(
        &mut self,
        object: ObjectId,
        offset: u64,
        into: &mut [u8],
    ) -> Result<Reading, Error> {
        self.check_is_file(object)?;
        let frames = self.pages.at_once().filter(|_| into.len() >= MUCH).cloned();
        let mut lent = Lent { object, pages: Vec::new(), frames };
        match self.begin_read(object, offset, into, &mut lent) {
            Ok((length, fetches)) => Ok(Reading { length, fetches, lent }),
            Err(error) => {
                self.copied(&lent);
                Err(error)
            }
        }
    }

    /// Takes lent pages back.
    pub fn copied(&mut self, lent: &Lent) {
        if lent.is_empty() {
            return;
        }
        // If the file's records are damaged by now, they count as part of it.
        let size = self.inode(lent.object).map_or(u64::MAX, |inode| inode.size);
        for &(page, ..) in &lent.pages {
            let key = (lent.object.0, page);
            self.pages.unmap(key, false);
            if page >= size.div_ceil(BLOCK as u64) {
                self.pages.let_go(key);
            }
        }
    }

    fn check_is_file(&mut self, object: ObjectId) -> Result<(), Error> {
        match self.inode(object)?.kind() {
            Kind::File => Ok(()),
            Kind::Directory => Err(Error::IsDirectory),
            _ => Err(Error::Invalid("only a file can be read")),
        }
    }

    pub(super) fn read_contents(
        &mut self,
        object: ObjectId,
        offset: u64,
        into: &mut [u8],
    ) -> Result<usize, Error> {
        let mut lent = Lent { object, pages: Vec::new(), frames: None };
        let (length, fetches) = self.begin_read(object, offset, into, &mut lent)?;
        for mut fetch in fetches {
            let done = fetch.run();
            fetch.copy(offset, &mut into[..length]);
            // Nobody could change the file in between.
            self.fetched(fetch, done)?;
        }
        Ok(length)
    }

    fn begin_read(
        &mut self,
        object: ObjectId,
        offset: u64,
        into: &mut [u8],
        lent: &mut Lent,
    ) -> Result<(usize, Vec<Fetch>), Error> {
        let inode = self.inode(object)?;
        let length = inode.size.saturating_sub(offset).min(into.len() as u64) as usize;
        let into = &mut into[..length];
        let mut fetches = Vec::new();
        let mut at = 0;
        while at < length {
            let place = offset + at as u64;
            let (page, within) = (place / BLOCK as u64, (place % BLOCK as u64) as usize);
            let part = (BLOCK - within).min(length - at);
            if lent.frames.is_some()
                && let Some(frame) = self.pages.lend((object.0, page))
            {
                lent.pages.push((page, frame, within, at, part));
                at += part;
                continue;
            }
            if self.pages.read((object.0, page), within, &mut into[at..at + part]) {
                at += part;
                continue;
            }
            let last = (offset + length as u64 - 1) / BLOCK as u64;
            let missing = self.missing(object, page, last + 1)?;
            let end = (missing.end() * BLOCK as u64).min(offset + length as u64);
            let upto = (end - offset) as usize;
            match missing.written {
                Some(written) => {
                    let mut fetch = self.fetch(object, page, written)?;
                    self.lend_buffer(&mut fetch);
                    fetches.push(fetch);
                }
                None => into[at..upto].fill(0),
            }
            if page == 0 && inode.blocks == 0 {
                self.read_small(object, offset, into)?;
            }
            at = upto;
        }
        Ok((length, fetches))
    }

    /// Brings a page into the cache, if it is on the medium. Says whether it is in the cache.
    pub(super) fn load_page(
        &mut self,
        object: ObjectId,
        page: u64,
    ) -> Result<Option<Vec<u8>>, Error> {
        if self.pages.has((object.0, page)) {
            return Ok(None);
        }
        let missing = self.missing(object, page, page + 1)?;
        let Some(written) = missing.written else {
            let mut bytes = vec![0; BLOCK];
            if page == 0 {
                self.read_small(object, 0, &mut bytes)?;
            }
            return Ok(Some(bytes));
        };
        let mut fetch = self.fetch(object, page, written)?;
        fetch.run().map_err(|error| self.explain(error))?;
        Ok(Some(fetch.bytes.bytes().to_vec()))
    }

    /// What lies at a page and, of the same nature and not in memory, after it, up to `to`.
    pub(super) fn missing(
        &mut self,
        object: ObjectId,
        page: u64,
        to: u64,
    ) -> Result<Extent, Error> {
        let mut end = to.min(page + PAGES);
        for next in page + 1..end {
            if self.pages.has((object.0, next)) {
                end = next;
                break;
            }
        }
        self.run_at(object, page, end)
    }

    /// A small file's bytes, which are an item of the tree; where there are none, nothing changes.
    fn read_small(&mut self, object: ObjectId, offset: u64, into: &mut [u8]) -> Result<(), Error> {
        if let Some(content) = self.tree.get(Key::new(object.0, kind::CONTENT, 0))? {
            copy(0, content, offset, into);
        }
        Ok(())
    }
}
