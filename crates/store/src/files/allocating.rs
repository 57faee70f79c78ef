//! `fallocate`: room promised, holes made, ranges turned to zeros.

use super::extent::Extent;
use super::reading::LARGEST;
use crate::Store;
use crate::attributes::{Allocate, Kind, ObjectId, Time};
use crate::error::Error;
use crate::place::BLOCK;

impl Store {
    /// Does to a range of a file what `fallocate` does. Its times become `now`; who sees to them
    /// himself leaves that out.
    pub fn allocate(
        &mut self,
        object: ObjectId,
        how: Allocate,
        offset: u64,
        length: u64,
        now: impl Into<Option<Time>>,
    ) -> Result<(), Error> {
        let now = now.into();
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
        let end = end.ok_or(Error::FileTooLarge)?;
        self.make_frames()?;
        self.blank_beyond_end(object, inode.size);
        self.give_pages(object)?;
        if matches!(how, Allocate::Punch | Allocate::Zero | Allocate::ZeroKeepSize) {
            self.clear(object, offset, end.min(inode.size.max(offset)))?;
            if how == Allocate::Punch {
                self.make_hole(object, offset.div_ceil(BLOCK as u64), end, inode.size)?;
            }
        }
        if how != Allocate::Punch {
            self.reserve(object, offset / BLOCK as u64, end.div_ceil(BLOCK as u64))?;
        }
        let mut inode = self.inode(object)?;
        if matches!(how, Allocate::Grow | Allocate::Zero) {
            inode.size = inode.size.max(end);
        }
        if let Some(now) = now {
            inode.touch(now);
        }
        self.put_inode(object, &inode)
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
        let mut at = from;
        while at < to {
            let upto = match self.extent_from(object, at)? {
                Some(extent) if extent.first <= at => {
                    at = extent.end();
                    continue;
                }
                Some(extent) => extent.first.min(to),
                None => to,
            };
            holes.push((at, upto));
            at = upto;
        }
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
