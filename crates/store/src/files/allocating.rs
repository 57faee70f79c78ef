//! `fallocate`: room promised, holes made, ranges turned to zeros.

use super::extent::Extent;
use super::reading::LARGEST;
use crate::Store;
use crate::attributes::{Allocate, Kind, ObjectId, Time};
use crate::error::Error;
use crate::place::BLOCK;

/// Holes that are filled by one transaction, at most: each may change a node of its own, and nodes
/// that were changed stay in memory until the commit.
const HOLES: usize = 512;

impl Store {
    /// Does to a range of a file what `fallocate` does. Its times become `now`.
    ///
    /// In a file with very many holes this changes very much at once: who commits in between calls
    /// [`allocate_some`](Self::allocate_some).
    pub fn allocate(
        &mut self,
        object: ObjectId,
        how: Allocate,
        offset: u64,
        length: u64,
        now: Time,
    ) -> Result<(), Error> {
        let end = self.check_room(object, how, offset, length)?;
        let mut at = offset;
        loop {
            at = self.allocate_some(object, how, at, end - at, now)?;
            if at >= end {
                return Ok(());
            }
        }
    }

    /// Does it to as much of the range as one transaction should change; gives where the rest begins.
    /// The file then is as if only that much had been asked for.
    pub fn allocate_some(
        &mut self,
        object: ObjectId,
        how: Allocate,
        offset: u64,
        length: u64,
        now: Time,
    ) -> Result<u64, Error> {
        let (size, mut end) = self.check_range(object, offset, length)?;
        self.make_frames()?;
        self.blank_beyond_end(object, size);
        if how != Allocate::Punch {
            let (first, last) = (offset / BLOCK as u64, end.div_ceil(BLOCK as u64));
            let mut holes = 0;
            let upto = self.holes(object, first, last, &mut |_, _| {
                holes += 1;
                holes < HOLES
            })?;
            end = end.min(upto.saturating_mul(BLOCK as u64));
        }
        self.give_pages(object)?;
        if matches!(how, Allocate::Punch | Allocate::Zero | Allocate::ZeroKeepSize) {
            self.clear(object, offset, end.min(size.max(offset)))?;
            if how == Allocate::Punch {
                self.make_hole(object, offset.div_ceil(BLOCK as u64), end, size)?;
            }
        }
        if how != Allocate::Punch {
            self.reserve(object, offset / BLOCK as u64, end.div_ceil(BLOCK as u64))?;
        }
        let mut inode = self.inode(object)?;
        if matches!(how, Allocate::Grow | Allocate::Zero) {
            inode.size = inode.size.max(end);
        }
        inode.touch(now);
        self.put_inode(object, &inode)?;
        Ok(end)
    }

    /// The file's size and the range's end, if such a range can be.
    fn check_range(
        &mut self,
        object: ObjectId,
        offset: u64,
        length: u64,
    ) -> Result<(u64, u64), Error> {
        self.may_write()?;
        let inode = self.inode(object)?;
        match inode.kind() {
            Kind::File => {}
            Kind::Directory => return Err(Error::IsDirectory),
            _ => return Err(Error::Invalid("only a file can have room promised")),
        }
        if length == 0 {
            return Err(Error::Invalid("the range is empty"));
        }
        let end = offset.checked_add(length).filter(|&end| end <= LARGEST);
        Ok((inode.size, end.ok_or(Error::FileTooLarge)?))
    }

    /// Says, before anything is changed, whether there is room for all that is to be promised; gives
    /// the range's end.
    pub(crate) fn check_room(
        &mut self,
        object: ObjectId,
        how: Allocate,
        offset: u64,
        length: u64,
    ) -> Result<u64, Error> {
        let (_, end) = self.check_range(object, offset, length)?;
        let (first, last) = (offset / BLOCK as u64, end.div_ceil(BLOCK as u64));
        if how == Allocate::Punch || last - first <= self.space.free() {
            return Ok(end);
        }
        let mut pages = 0;
        self.holes(object, first, last, &mut |from, to| {
            pages += to - from;
            true
        })?;
        self.space.look_at_total();
        if pages <= self.space.free() { Ok(end) } else { Err(Error::Full) }
    }

    /// Shows the holes among the pages `from..to` until `visit` says false; gives up to where that
    /// was. Changes nothing.
    fn holes(
        &mut self,
        object: ObjectId,
        from: u64,
        to: u64,
        visit: &mut dyn FnMut(u64, u64) -> bool,
    ) -> Result<u64, Error> {
        let mut at = from;
        while at < to {
            let upto = match self.extent_from(object, at)? {
                Some(extent) if extent.first <= at => {
                    at = extent.end();
                    self.tidy();
                    continue;
                }
                Some(extent) => extent.first.min(to),
                None => to,
            };
            let begun = core::mem::replace(&mut at, upto);
            if !visit(begun, upto) {
                break;
            }
        }
        Ok(at.min(to))
    }

    /// Turns `from..to`, which is within the file, into zeros: whole pages become holes.
    fn clear(&mut self, object: ObjectId, from: u64, to: u64) -> Result<(), Error> {
        if from >= to {
            return Ok(());
        }
        let page = BLOCK as u64;
        let (first, last) = (from.div_ceil(page), to / page);
        if first > last {
            // Within one page.
            return self.put_bytes(object, from, &[0; BLOCK][..(to - from) as usize]);
        }
        if from < first * page {
            self.put_bytes(object, from, &[0; BLOCK][..(first * page - from) as usize])?;
        }
        if last * page < to {
            self.put_bytes(object, last * page, &[0; BLOCK][..(to - last * page) as usize])?;
        }
        self.drop_pages(object, first, last)
    }

    /// Gives back what was promised in whole pages of a range that reaches beyond the file's end.
    fn make_hole(
        &mut self,
        object: ObjectId,
        first: u64,
        end: u64,
        size: u64,
    ) -> Result<(), Error> {
        let last = if end >= size { end.div_ceil(BLOCK as u64) } else { end / BLOCK as u64 };
        let first = first.max(size.div_ceil(BLOCK as u64));
        if first < last { self.drop_pages(object, first, last) } else { Ok(()) }
    }

    fn drop_pages(&mut self, object: ObjectId, first: u64, last: u64) -> Result<(), Error> {
        let dirty = self.pages.drop_range(object.0, first, last);
        self.space.release_promise(dirty);
        let gone = self.punch(object, first, last)?;
        let mut inode = self.inode(object)?;
        inode.blocks = inode.blocks.saturating_sub(gone);
        self.put_inode(object, &inode)
    }

    /// Promises room for the holes among the pages `from..to`: for all of them, or none.
    fn reserve(&mut self, object: ObjectId, from: u64, to: u64) -> Result<(), Error> {
        let mut holes = alloc::vec::Vec::new();
        self.holes(object, from, to, &mut |from, to| {
            holes.push((from, to));
            true
        })?;
        let pages: u64 = holes.iter().map(|(from, to)| to - from).sum();
        self.space.promise(pages)?;
        for (from, to) in holes {
            // The record counts pages in 32 bits.
            let mut first = from;
            while first < to {
                let pages = (to - first).min(1 << 30);
                self.put_pages(object, &Extent { first, pages, written: None })?;
                first += pages;
            }
        }
        let mut inode = self.inode(object)?;
        inode.blocks += pages;
        self.put_inode(object, &inode)
    }
}
