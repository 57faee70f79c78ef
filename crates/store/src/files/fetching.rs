//! Fetching: pages that are on the medium and not in memory.
//!
//! Whoever shares a store among threads does not keep it while pages are read and decrypted: the
//! store gives out [`Fetch`]es, which need nothing but the medium and memory to put the pages in, and
//! takes them back. In between the file may have changed; then the fetched pages are not used.

use super::extent::Written;
use crate::Store;
use crate::attributes::ObjectId;
use crate::blocks::Blocks;
use crate::cipher::{Cipher, Forged, of_page};
use crate::error::{Damage, Damaged, Error};
use crate::medium::{Medium, Trouble};
use crate::pages::AtOnce;
use crate::place::{self, BLOCK};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Pages of a file that are on the medium and not in memory.
pub struct Fetch {
    object: ObjectId,
    /// Its first page.
    first: u64,
    written: Written,
    /// The state of the tree when it was looked up.
    seen: u64,
    cipher: Arc<Cipher>,
    medium: Arc<dyn Medium>,
    pub(super) bytes: Blocks,
    /// Past a cache below.
    straight: bool,
    /// Frames for the first of the pages, to which these are decrypted; nobody else's until the fetch is
    /// handed back.
    reserved: Vec<u32>,
    frames: Option<Arc<dyn AtOnce>>,
}

impl Fetch {
    /// Reads and decrypts the pages.
    ///
    /// # Errors
    /// [`Error::Damaged`], which means nothing yet: while this went on, the file may have changed and
    /// the blocks may have been used for something else. [`Store::fetched`] knows.
    pub fn run(&mut self) -> Result<(), Error> {
        self.bytes.resize(self.pages() as usize);
        let damaged = |index: u64| {
            let what = Damaged::Page { object: self.object.0, page: self.first + index };
            Error::Damaged(Damage { block: self.written.address + index, what, path: None })
        };
        let (at, bytes) = (place::bytes(self.written.address), self.bytes.bytes_mut());
        let read = if self.straight {
            self.medium.read_straight(at, bytes)
        } else {
            self.medium.read(at, bytes)
        };
        match read {
            Ok(()) => {}
            Err(Trouble::Short) => return Err(damaged(0)),
            Err(trouble) => return Err(Error::Medium(trouble)),
        }
        for (index, (page, tag)) in (0..).zip(self.bytes.each_mut().zip(&self.written.tags)) {
            let nonce = place::nonce(self.written.birth, self.written.address + index);
            let associated = of_page(self.object.0, self.first + index);
            let mut done = Err(Forged);
            if let (Some(frames), Some(&frame)) = (&self.frames, self.reserved.get(index as usize))
            {
                frames.fill(frame as usize, &mut |frame| {
                    done = self.cipher.open_to(&nonce, &associated, page, tag, frame);
                });
            } else {
                done = self.cipher.open(&nonce, &associated, page, tag);
            }
            done.map_err(|_| damaged(index))?;
        }
        Ok(())
    }

    /// Has it read past a cache below, which then keeps what others need.
    pub fn go_straight(&mut self) {
        self.straight = true;
    }

    fn pages(&self) -> u64 {
        self.written.tags.len() as u64
    }

    /// Which pages: whose, from, and up to but not including.
    pub fn span(&self) -> (ObjectId, u64, u64) {
        (self.object, self.first, self.first + self.pages())
    }

    /// Copies what overlaps to a buffer that begins at `offset` of the file. Whether it is what is in
    /// the file, [`Store::fetched`] knows.
    pub fn copy(&self, offset: u64, into: &mut [u8]) {
        copy(self.first * BLOCK as u64, self.bytes.bytes(), offset, into);
    }
}

/// Copies the part of `from`, which lies at `start`, that overlaps with `into`, which lies at `offset`.
pub(super) fn copy(start: u64, from: &[u8], offset: u64, into: &mut [u8]) {
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
    /// Those of some fetches; what lies side by side is one. What is read past a cache below need not
    /// be announced to it.
    pub fn of(fetches: &[Fetch]) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for fetch in fetches.iter().filter(|fetch| !fetch.straight) {
            let at = place::bytes(fetch.written.address);
            let length = fetch.pages() * BLOCK as u64;
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
            if let Some(written) = missing.written {
                fetches.push(self.fetch(object, page, written)?);
            }
            page += missing.pages;
        }
        Ok(fetches)
    }

    /// Takes fetched pages into the cache. Says whether they are right: if not, the file changed
    /// meanwhile, and has to be read again.
    ///
    /// # Errors
    /// What the fetch found, if the file did not change.
    pub fn fetched(&mut self, fetch: Fetch, done: Result<(), Error>) -> Result<bool, Error> {
        let still = self.is_still_so(&fetch);
        if !matches!((&still, &done), (Ok(true), Ok(()))) {
            self.not_fetched(fetch);
            return if still? {
                done.map(|()| true).map_err(|error| self.explain(error))
            } else {
                Ok(false)
            };
        }
        let mut right = true;
        let mut reserved = fetch.reserved.into_iter();
        for (page, bytes) in (fetch.first..).zip(fetch.bytes.each()) {
            let key = (fetch.object.0, page);
            // What is in memory by now may be newer.
            right &= !self.pages.is_dirty(key) && !self.pages.is_flying(key);
            match reserved.next() {
                Some(frame) => self.pages.arrive(key, frame),
                None => self.pages.add_clean(key, bytes),
            }
        }
        self.keep_buffer(fetch.bytes);
        Ok(right)
    }

    /// Gives a fetch that will be run now a buffer that was used before. The system would clear each
    /// page of a new one, which takes as long as reading it.
    pub(super) fn lend_buffer(&mut self, fetch: &mut Fetch) {
        if fetch.bytes.are_new() {
            fetch.bytes = self.buffers.pop().unwrap_or_default();
        }
    }

    /// Prepares a fetch that will be run while others have the store, and then be handed to
    /// [`fetched`](Self::fetched) or [`not_fetched`](Self::not_fetched): it decrypts pages to their
    /// frames.
    pub fn prepare(&mut self, fetch: &mut Fetch) {
        self.lend_buffer(fetch);
        if fetch.frames.is_none()
            && let Some(frames) = self.pages.at_once().cloned()
        {
            fetch.frames = Some(frames);
            let pages = &mut self.pages;
            let reserve = core::iter::from_fn(|| pages.reserve());
            fetch.reserved = reserve.take(fetch.pages() as usize).collect();
        }
    }

    /// Takes a fetch back that brought nothing.
    pub fn not_fetched(&mut self, fetch: Fetch) {
        for frame in fetch.reserved {
            self.pages.release(frame);
        }
        self.keep_buffer(fetch.bytes);
    }

    /// Whether the pages of a fetch are where they were when it was made.
    fn is_still_so(&mut self, fetch: &Fetch) -> Result<bool, Error> {
        if fetch.seen == self.tree.changes() {
            return Ok(true);
        }
        let (object, first, end) = fetch.span();
        Ok(self.run_at(object, first, end)?.written.as_ref() == Some(&fetch.written))
    }

    pub(super) fn fetch(
        &mut self,
        object: ObjectId,
        first: u64,
        written: Written,
    ) -> Result<Fetch, Error> {
        let cipher = self.tree.sessions().cipher(written.session).ok_or_else(|| {
            let what = Damaged::Page { object: object.0, page: first };
            Error::Damaged(Damage { block: written.address, what, path: None })
        })?;
        Ok(Fetch {
            object,
            first,
            written,
            seen: self.tree.changes(),
            cipher,
            medium: self.medium.clone(),
            bytes: Blocks::default(),
            straight: false,
            reserved: Vec::new(),
            frames: None,
        })
    }
}
