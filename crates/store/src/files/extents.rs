//! Where a file's pages lie: looking it up, cutting pieces out, putting pieces in.

use super::extent::{Extent, PAGES, Record};
use crate::Store;
use crate::attributes::ObjectId;
use crate::error::{Damage, Damaged, Error};
use crate::tree::key::{Key, kind};
use alloc::vec::Vec;

/// How many records are changed at a time when many have to be: what bounds the memory for it.
const STEP: usize = 256;

impl Store {
    /// The record that a page is in.
    pub(super) fn extent_at(
        &mut self,
        object: ObjectId,
        page: u64,
    ) -> Result<Option<Extent>, Error> {
        let key = Key::new(object.0, kind::EXTENT, page);
        let Some((key, record)) = self.tree.at_or_before(key)? else { return Ok(None) };
        let extent = decode(object, key, record)?;
        Ok((extent.end() > page).then_some(extent))
    }

    /// The record that a page is in, or the first one after it.
    pub(super) fn extent_from(
        &mut self,
        object: ObjectId,
        page: u64,
    ) -> Result<Option<Extent>, Error> {
        match self.extent_at(object, page)? {
            None => self.extent_after(object, page),
            extent => Ok(extent),
        }
    }

    /// The first record that begins at a page or after it.
    fn extent_after(&mut self, object: ObjectId, page: u64) -> Result<Option<Extent>, Error> {
        let (from, to) =
            (Key::new(object.0, kind::EXTENT, page), Key::new(object.0, kind::EXTENT + 1, 0));
        let Some((key, record)) = self.tree.first(from, to)? else { return Ok(None) };
        decode(object, key, &record).map(Some)
    }

    /// What lies at a page and, of the same nature, after it, up to `to`.
    pub(super) fn run_at(&mut self, object: ObjectId, page: u64, to: u64) -> Result<Extent, Error> {
        let key = Key::new(object.0, kind::EXTENT, page);
        if let Some((key, record)) = self.tree.at_or_before(key)? {
            let record = Record::read(key.position, record).ok_or_else(|| damaged(object))?;
            if record.end() > page {
                return Ok(record.part(page, to.min(record.end())));
            }
        }
        let end = self.extent_after(object, page)?.map_or(to, |next| next.first.min(to));
        Ok(Extent { first: page, pages: end - page, written: None })
    }

    /// Makes a hole of the pages `from..to`: gives back their blocks and promises. Says how many
    /// that were.
    pub(super) fn punch(&mut self, object: ObjectId, from: u64, to: u64) -> Result<u64, Error> {
        let mut gone = 0;
        loop {
            let touched = self.touched(object, from, to)?;
            if gone == 0 && touched.len() == STEP {
                // Not all of it is read yet: if it cannot be, nothing is changed.
                let (start, end) =
                    (Key::new(object.0, kind::EXTENT, from), Key::new(object.0, kind::EXTENT, to));
                self.tree.visit(start, end, &mut |_, _| true)?;
            }
            for extent in &touched {
                let (start, end) = (extent.first.max(from), extent.end().min(to));
                let middle = extent.part(start, end);
                self.tree.remove(Key::new(object.0, kind::EXTENT, extent.first))?;
                if extent.first < start {
                    self.put_extent(object, &extent.part(extent.first, start))?;
                }
                if end < extent.end() {
                    self.put_extent(object, &extent.part(end, extent.end()))?;
                }
                match middle.written {
                    Some(written) => self.space.give_back(written.address, middle.pages),
                    None => self.space.release_promise(middle.pages),
                }
                gone += middle.pages;
            }
            if touched.len() < STEP {
                return Ok(gone);
            }
        }
    }

    /// Puts pages where a hole is, joined with those before if that can be.
    pub(super) fn put_pages(&mut self, object: ObjectId, extent: &Extent) -> Result<(), Error> {
        if let Some(before) = extent.first.checked_sub(1)
            && let Some(mut before) = self.extent_at(object, before)?
            && before.extend(extent)
        {
            return self.put_extent(object, &before);
        }
        if extent.written.is_none() || extent.pages <= PAGES {
            return self.put_extent(object, extent);
        }
        let mut from = extent.first;
        while from < extent.end() {
            let to = extent.end().min(from + PAGES);
            self.put_extent(object, &extent.part(from, to))?;
            from = to;
        }
        Ok(())
    }

    fn put_extent(&mut self, object: ObjectId, extent: &Extent) -> Result<(), Error> {
        self.tree.put(Key::new(object.0, kind::EXTENT, extent.first), &extent.encode())
    }

    /// The records that pages `from..to` are in, a step's worth.
    fn touched(&mut self, object: ObjectId, from: u64, to: u64) -> Result<Vec<Extent>, Error> {
        let mut out: Vec<Extent> = Vec::new();
        if let Some(first) = self.extent_at(object, from)? {
            out.push(first);
        }
        let start = Key::new(object.0, kind::EXTENT, from);
        let end = Key::new(object.0, kind::EXTENT, to);
        let mut bad = None;
        self.tree.visit(start, end, &mut |key, record| {
            match decode(object, key, record) {
                Ok(extent) if out.last().is_none_or(|last| last.first < extent.first) => {
                    out.push(extent);
                }
                Ok(_) => {}
                Err(error) => bad = Some(error),
            }
            out.len() < STEP && bad.is_none()
        })?;
        bad.map_or(Ok(out), Err)
    }
}

fn decode(object: ObjectId, key: Key, record: &[u8]) -> Result<Extent, Error> {
    Extent::decode(key.position, record).ok_or_else(|| damaged(object))
}

fn damaged(object: ObjectId) -> Error {
    let what = Damaged::Item { object: object.0, kind: kind::EXTENT };
    Error::Damaged(Damage { block: 0, what, path: None })
}
