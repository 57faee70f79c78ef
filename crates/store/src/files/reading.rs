//! Reading: from memory what is there, and a plan for the rest.
//!
//! Whoever shares a store among threads does not keep it while pages are read and decrypted: the
//! store gives out [`Fetch`]es, which need nothing but the medium, and takes them back. In between
//! the file may have changed; then the fetched pages are not used.

use super::extent::{Extent, PAGES, Written};
use crate::Store;
use crate::attributes::{Kind, ObjectId};
use crate::cipher::{Cipher, of_page};
use crate::error::{Damage, Damaged, Error};
use crate::medium::{Medium, Trouble};
use crate::place::{self, BLOCK};
use crate::tree::key::{Key, kind};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

/// A file is at most so large: offsets are signed numbers to programs.
pub(super) const LARGEST: u64 = i64::MAX as u64;

/// Pages of a file that are on the medium and not in memory.
pub struct Fetch {
    object: ObjectId,
    pages: Extent,
    written: Written,
    cipher: Arc<Cipher>,
    medium: Arc<dyn Medium>,
    /// Long enough; whoever had it before may have left more.
    bytes: Vec<u8>,
}

/// What a read found in memory, and what has to be fetched for it.
pub struct Reading {
    /// How many bytes it will be.
    pub length: usize,
    /// What is missing.
    pub fetches: Vec<Fetch>,
}

impl Fetch {
    /// Reads and decrypts the pages.
    ///
    /// # Errors
    /// [`Error::Damaged`], which means nothing yet: while this went on, the file may have changed and
    /// the blocks may have been used for something else. [`Store::fetched`] knows.
    pub fn run(&mut self) -> Result<(), Error> {
        self.bytes.resize(self.pages.pages as usize * BLOCK, 0);
        let damaged = |index: u64| {
            let what = Damaged::Page { object: self.object.0, page: self.pages.first + index };
            Error::Damaged(Damage { block: self.written.address + index, what, path: None })
        };
        match self.medium.read(place::bytes(self.written.address), &mut self.bytes) {
            Ok(()) => {}
            Err(Trouble::Short) => return Err(damaged(0)),
            Err(trouble) => return Err(Error::Medium(trouble)),
        }
        let pages = self.bytes.chunks_exact_mut(BLOCK).zip(&self.written.tags);
        for (index, (page, tag)) in (0..).zip(pages) {
            let nonce = place::nonce(self.written.birth, self.written.address + index);
            let associated = of_page(self.object.0, self.pages.first + index);
            self.cipher.open(&nonce, &associated, page, tag).map_err(|_| damaged(index))?;
        }
        Ok(())
    }

    /// Which pages: whose, from, and up to but not including.
    pub fn span(&self) -> (ObjectId, u64, u64) {
        (self.object, self.pages.first, self.pages.end())
    }

    /// Copies what overlaps to a buffer that begins at `offset` of the file. Whether it is what is in
    /// the file, [`Store::fetched`] knows.
    pub fn copy(&self, offset: u64, into: &mut [u8]) {
        copy(self.pages.first * BLOCK as u64, &self.bytes, offset, into);
    }
}

/// Copies the part of `from`, which lies at `start`, that overlaps with `into`, which lies at `offset`.
fn copy(start: u64, from: &[u8], offset: u64, into: &mut [u8]) {
    let first = start.max(offset);
    let last = (start + from.len() as u64).min(offset + into.len() as u64);
    if first < last {
        let from = &from[(first - start) as usize..(last - start) as usize];
        into[(first - offset) as usize..(last - offset) as usize].copy_from_slice(from);
    }
}

/// Bytes of the medium that will be read soon.
pub struct Announcement {
    medium: Arc<dyn Medium>,
    at: u64,
    length: u64,
}

impl Announcement {
    /// Those of some fetches; what lies side by side is one.
    pub fn of(fetches: &[Fetch]) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for fetch in fetches {
            let at = place::bytes(fetch.written.address);
            let length = fetch.pages.pages * BLOCK as u64;
            match all.last_mut() {
                Some(last) if last.at + last.length == at => last.length += length,
                _ => all.push(Self { medium: fetch.medium.clone(), at, length }),
            }
        }
        all
    }

    /// Says it to the medium.
    pub fn make(&self) {
        self.medium.foresee(self.at, self.length);
    }
}

impl Store {
    /// Reads from a file; gives how many bytes there were.
    pub fn read(&mut self, object: ObjectId, offset: u64, into: &mut [u8]) -> Result<usize, Error> {
        self.check_is_file(object)?;
        self.read_contents(object, offset, into)
    }

    /// Reads what of a file is in memory, or in no block at all, and says what is missing.
    pub fn begin_read_of_file(
        &mut self,
        object: ObjectId,
        offset: u64,
        into: &mut [u8],
    ) -> Result<Reading, Error> {
        self.check_is_file(object)?;
        self.begin_read(object, offset, into)
    }

    /// Pages of `from..from + length` that are on the medium and not in memory, to be fetched before
    /// somebody asks for them.
    pub fn fetch_ahead(
        &mut self,
        object: ObjectId,
        from: u64,
        length: u64,
    ) -> Result<Vec<Fetch>, Error> {
        let size = self.inode(object)?.size;
        let end = from.saturating_add(length).min(size).div_ceil(BLOCK as u64);
        let mut page = from / BLOCK as u64;
        let mut fetches = Vec::new();
        while page < end {
            if self.pages.has((object.0, page)) {
                page += 1;
                continue;
            }
            let missing = self.missing(object, page, end)?;
            page = missing.end();
            if let Some(written) = missing.written.clone() {
                fetches.push(self.fetch(object, missing, written)?);
            }
        }
        Ok(fetches)
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
        let reading = self.begin_read(object, offset, into)?;
        for mut fetch in reading.fetches {
            let done = fetch.run();
            fetch.copy(offset, &mut into[..reading.length]);
            // Nobody could change the file in between.
            self.fetched(fetch, done)?;
        }
        Ok(reading.length)
    }

    fn begin_read(
        &mut self,
        object: ObjectId,
        offset: u64,
        into: &mut [u8],
    ) -> Result<Reading, Error> {
        let inode = self.inode(object)?;
        let length = inode.size.saturating_sub(offset).min(into.len() as u64) as usize;
        let into = &mut into[..length];
        let mut fetches = Vec::new();
        let mut at = 0;
        while at < length {
            let place = offset + at as u64;
            let (page, within) = (place / BLOCK as u64, (place % BLOCK as u64) as usize);
            let part = (BLOCK - within).min(length - at);
            if self.pages.read((object.0, page), within, &mut into[at..at + part]) {
                at += part;
                continue;
            }
            let last = (offset + length as u64 - 1) / BLOCK as u64;
            let missing = self.missing(object, page, last + 1)?;
            let end = (missing.end() * BLOCK as u64).min(offset + length as u64);
            let upto = (end - offset) as usize;
            match missing.written.clone() {
                Some(written) => {
                    let mut fetch = self.fetch(object, missing, written)?;
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
        Ok(Reading { length, fetches })
    }

    /// Takes fetched pages into the cache. Says whether they are right: if not, the file changed
    /// meanwhile, and has to be read again.
    ///
    /// # Errors
    /// What the fetch found, if the file did not change.
    pub fn fetched(&mut self, fetch: Fetch, done: Result<(), Error>) -> Result<bool, Error> {
        let taken = self.take(&fetch, done);
        self.keep_buffer(fetch.bytes);
        taken
    }

    /// Gives a fetch that will be run now a buffer that was used before. The system would clear each
    /// page of a new one, which takes as long as reading it.
    pub fn lend_buffer(&mut self, fetch: &mut Fetch) {
        if fetch.bytes.capacity() == 0 {
            fetch.bytes = self.buffers.pop().unwrap_or_default();
        }
    }

    fn take(&mut self, fetch: &Fetch, done: Result<(), Error>) -> Result<bool, Error> {
        let object = fetch.object;
        let now = self.extent_at(object, fetch.pages.first)?;
        let same = now.is_some_and(|now| {
            now.end() >= fetch.pages.end()
                && now.part(fetch.pages.first, fetch.pages.end()).written.as_ref()
                    == Some(&fetch.written)
        });
        if !same {
            return Ok(false);
        }
        done.map_err(|error| self.explain(error))?;
        let mut right = true;
        for (page, bytes) in (fetch.pages.first..).zip(fetch.bytes.chunks_exact(BLOCK)) {
            // What is in memory by now may be newer.
            let key = (object.0, page);
            right &= !self.pages.is_dirty(key)
                && !self.pages.is_flying(key)
                && self.pages.writers(key) == 0;
            self.pages.add_clean(key, bytes);
        }
        Ok(right)
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
        let Some(written) = missing.written.clone() else {
            let mut bytes = vec![0; BLOCK];
            if page == 0 {
                self.read_small(object, 0, &mut bytes)?;
            }
            return Ok(Some(bytes));
        };
        let mut fetch = self.fetch(object, missing, written)?;
        fetch.run().map_err(|error| self.explain(error))?;
        Ok(Some(fetch.bytes))
    }

    /// What lies at a page and, of the same nature and not in memory, after it, up to `to`.
    fn missing(&mut self, object: ObjectId, page: u64, to: u64) -> Result<Extent, Error> {
        let mut end = to.min(page + PAGES);
        for next in page + 1..end {
            if self.pages.has((object.0, next)) {
                end = next;
                break;
            }
        }
        Ok(match self.extent_from(object, page)? {
            Some(extent) if extent.first <= page => extent.part(page, end.min(extent.end())),
            Some(extent) => {
                Extent { first: page, pages: end.min(extent.first) - page, written: None }
            }
            None => Extent { first: page, pages: end - page, written: None },
        })
    }

    fn fetch(&mut self, object: ObjectId, pages: Extent, written: Written) -> Result<Fetch, Error> {
        let cipher = self.tree.sessions().cipher(written.session).ok_or_else(|| {
            let what = Damaged::Page { object: object.0, page: pages.first };
            Error::Damaged(Damage { block: written.address, what, path: None })
        })?;
        Ok(Fetch { object, pages, written, cipher, medium: self.medium.clone(), bytes: Vec::new() })
    }

    /// A small file's bytes, which are an item of the tree; where there are none, nothing changes.
    fn read_small(&mut self, object: ObjectId, offset: u64, into: &mut [u8]) -> Result<(), Error> {
        if let Some(content) = self.tree.get(Key::new(object.0, kind::CONTENT, 0))? {
            copy(0, content, offset, into);
        }
        Ok(())
    }
}
