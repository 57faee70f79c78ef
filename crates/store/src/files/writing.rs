//! Writing: into the cache, with blocks promised for it.

use super::reading::LARGEST;
use crate::Store;
use crate::attributes::{Kind, ObjectId, Time};
use crate::error::Error;
use crate::files::inode::Inode;
use crate::pages::Pages;
use crate::place::{BLOCK, SMALL};
use crate::tree::key::{Key, kind};
use alloc::vec::Vec;

impl Store {
    /// Writes to a file: all of it, or nothing. Its times become `now`.
    pub fn write(
        &mut self,
        object: ObjectId,
        offset: u64,
        from: &[u8],
        now: Time,
    ) -> Result<(), Error> {
        match self.inode(object)?.kind() {
            Kind::File => self.write_contents(object, offset, from, now),
            Kind::Directory => Err(Error::IsDirectory),
            _ => Err(Error::Invalid("only a file can be written to")),
        }
    }

    /// Writes to the end of a file, wherever that is by now; gives where that was.
    pub fn append(&mut self, object: ObjectId, from: &[u8], now: Time) -> Result<u64, Error> {
        let end = self.inode(object)?.size;
        self.write(object, end, from, now)?;
        Ok(end)
    }

    pub(super) fn write_contents(
        &mut self,
        object: ObjectId,
        offset: u64,
        from: &[u8],
        now: Time,
    ) -> Result<(), Error> {
        self.may_write()?;
        if from.is_empty() {
            return Ok(());
        }
        let end = offset.checked_add(from.len() as u64).filter(|&end| end <= LARGEST);
        let end = end.ok_or(Error::FileTooLarge)?;
        self.make_frames()?;
        let inode = self.inode(object)?;
        self.enlarge(object, &inode, inode.size.max(end))?;
        let promise = self.promise(object, offset, end)?;
        let done = self.write_promised(object, offset, from, now);
        self.space.correct_promise(promise, *done.as_ref().unwrap_or(&0));
        done.map(|_| ())
    }

    /// Writes what was promised, in pieces that memory has room for. Gives how many pages became
    /// dirty.
    fn write_promised(
        &mut self,
        object: ObjectId,
        offset: u64,
        from: &[u8],
        now: Time,
    ) -> Result<u64, Error> {
        let (mut offset, mut rest, mut dirtied) = (offset, from, 0);
        let piece = self.pages.piece() * BLOCK;
        while !rest.is_empty() {
            // Not before the first: a file that is about to become large would be put away as a
            // small one.
            if rest.len() < from.len() {
                self.make_frames()?;
            }
            let length = piece - (offset % BLOCK as u64) as usize;
            let (now_written, later) = rest.split_at(length.min(rest.len()));
            dirtied += self.put_piece(object, offset, now_written)?;
            offset += now_written.len() as u64;
            rest = later;
            let mut inode = self.inode(object)?;
            inode.size = inode.size.max(offset);
            inode.touch(now);
            self.put_inode(object, &inode)?;
        }
        Ok(dirtied)
    }

    /// Sets a file's size. What is beyond is gone for good: if the file grows again, it is zeros.
    pub(super) fn resize(
        &mut self,
        object: ObjectId,
        inode: Inode,
        size: u64,
        now: Time,
    ) -> Result<Inode, Error> {
        if size > LARGEST {
            return Err(Error::FileTooLarge);
        }
        if size < inode.size {
            let page = size / BLOCK as u64;
            let within = (size % BLOCK as u64) as usize;
            if within > 0 && self.holds(object, page, &inode)? {
                self.put_bytes(object, size, &[0; BLOCK][within..])?;
            }
            let from = size.div_ceil(BLOCK as u64);
            let dirty = self.pages.drop_range(object.0, from, u64::MAX);
            self.space.release_promise(dirty);
            let gone = self.punch(object, from, u64::MAX)?;
            let mut inode = self.inode(object)?;
            inode.blocks = inode.blocks.saturating_sub(gone);
            if size == 0 {
                self.tree.remove(Key::new(object.0, kind::CONTENT, 0))?;
            }
            return Ok(Inode { size, changed: now, ..inode });
        }
        self.enlarge(object, &inode, size)?;
        Ok(Inode { size, changed: now, ..self.inode(object)? })
    }

    /// Puts a few bytes into pages, with a promise of its own; the size stays.
    pub(super) fn put_bytes(
        &mut self,
        object: ObjectId,
        offset: u64,
        from: &[u8],
    ) -> Result<(), Error> {
        let promise = self.promise(object, offset, offset + from.len() as u64)?;
        let done = self.put_piece(object, offset, from);
        self.space.correct_promise(promise, *done.as_ref().unwrap_or(&0));
        done.map(|_| ())
    }

    /// Writes pages out if so many are dirty that there might be no frame for a piece more. Never
    /// between changes that belong together.
    pub(super) fn make_frames(&mut self) -> Result<(), Error> {
        if self.pages.crowded() { self.flush_all() } else { Ok(()) }
    }

    /// Gives how many pages became dirty. What it needs is read before anything is changed.
    fn put_piece(&mut self, object: ObjectId, offset: u64, from: &[u8]) -> Result<u64, Error> {
        let end = offset + from.len() as u64;
        let (first, last) = (offset / BLOCK as u64, (end - 1) / BLOCK as u64);
        let head = if offset.is_multiple_of(BLOCK as u64) && end >= (first + 1) * BLOCK as u64 {
            None
        } else {
            self.load_page(object, first)?
        };
        let tail = if end.is_multiple_of(BLOCK as u64) || last == first {
            None
        } else {
            self.load_page(object, last)?
        };
        // The last page stays while frames are found for those before it.
        let kept = self.pages.map((object.0, last), false, false).is_some();
        let done = self.put_pages_of(object, offset, from, [head, tail]);
        if kept {
            self.pages.unmap((object.0, last), false);
        }
        done
    }

    /// Copies bytes to pages; of the first and the last, `edges` are what is around them, if they are
    /// not in memory. Gives how many pages became dirty.
    fn put_pages_of(
        &mut self,
        object: ObjectId,
        offset: u64,
        from: &[u8],
        edges: [Option<Vec<u8>>; 2],
    ) -> Result<u64, Error> {
        let [head, tail] = edges;
        let end = offset + from.len() as u64;
        let (first, last) = (offset / BLOCK as u64, (end - 1) / BLOCK as u64);
        let mut dirtied = 0;
        let mut rest = from;
        for page in first..=last {
            let within = if page == first { (offset % BLOCK as u64) as usize } else { 0 };
            let (part, more) = rest.split_at((BLOCK - within).min(rest.len()));
            rest = more;
            let old = match page {
                page if page == first => head.as_deref(),
                page if page == last => tail.as_deref(),
                _ => None,
            };
            let written = self.pages.write((object.0, page), within, part, old);
            dirtied += u64::from(written.map_err(|_| Error::Full)?);
        }
        Ok(dirtied)
    }

    /// Promises blocks for the pages of a range that are about to become dirty; gives how many.
    /// Those that `fallocate` promised already are there even if the store is full.
    fn promise(&mut self, object: ObjectId, from: u64, to: u64) -> Result<u64, Error> {
        let (first, last) = (from / BLOCK as u64, (to - 1) / BLOCK as u64);
        let clean = |pages: &Pages, page: u64| !pages.is_dirty((object.0, page));
        let blocks = (first..=last).filter(|&page| clean(&self.pages, page)).count() as u64;
        match self.space.promise(blocks) {
            Err(Error::Full) => {}
            done => return done.map(|()| blocks),
        }
        let mut reserved = 0;
        for page in first..=last {
            let extent = self.extent_at(object, page)?;
            let promised = extent.is_some_and(|extent| extent.written.is_none());
            reserved += u64::from(promised && clean(&self.pages, page));
        }
        if reserved == 0 {
            return Err(Error::Full);
        }
        self.space.promise(blocks - reserved)?;
        self.space.correct_promise(0, reserved);
        Ok(blocks)
    }

    /// Before a file gets that large: if it was small, it becomes one with pages.
    fn enlarge(&mut self, object: ObjectId, inode: &Inode, size: u64) -> Result<(), Error> {
        if size > inode.size {
            self.blank_beyond_end(object, inode.size);
        }
        if size <= SMALL || inode.blocks > 0 {
            return Ok(());
        }
        self.give_pages(object)
    }

    /// Makes a file that lies in the tree one that has pages. Before it is written out it must have
    /// become too large to lie there, or have blocks.
    pub(super) fn give_pages(&mut self, object: ObjectId) -> Result<(), Error> {
        let key = Key::new(object.0, kind::CONTENT, 0);
        let Some(content) = self.tree.get(key)?.map(<[u8]>::to_vec) else { return Ok(()) };
        if self.pages.has((object.0, 0)) {
            // Newer than the item, perhaps.
            self.soil((object.0, 0))?;
        } else if !content.is_empty() {
            self.put_bytes(object, 0, &content)?;
        }
        self.tree.remove(key)?;
        Ok(())
    }

    /// Whether a page is anything but zeros.
    fn holds(&mut self, object: ObjectId, page: u64, inode: &Inode) -> Result<bool, Error> {
        Ok(self.pages.has((object.0, page))
            || self.extent_at(object, page)?.is_some_and(|extent| extent.written.is_some())
            || (page == 0
                && inode.blocks == 0
                && self.tree.get(Key::new(object.0, kind::CONTENT, 0))?.is_some()))
    }
}
