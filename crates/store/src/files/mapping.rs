//! Mapping: the frames of the cache that a file's pages are in, so that a mapping, a read and a write
//! are all of the same memory.
//!
//! What is written through a mapping goes to the medium with the next commit, like what is
//! [written](Store::write); it is noticed then, and when the mapping ends, and the file's times with
//! it. Blocks for it stand by from the beginning, so that a full store refuses to map, and not to commit;
//! unless a hole was made of the page meanwhile, or a reader of an older commit keeps all blocks.
//!
//! Where Linux sends SIGBUS, beyond the end of a file that was made shorter, a frame is zeros, and
//! what is written to it goes nowhere. If the file grows over it again, it begins with zeros and is
//! the file's page again, as is what a hole was made of. A frame is never given to another page as
//! long as it is mapped.

use crate::Store;
use crate::attributes::{Kind, ObjectId, Time};
use crate::error::Error;
use crate::pages::PageKey;
use crate::place::BLOCK;

/// A page of a file that stays in its frame, until this is handed back to
/// [`Store::unmap_page`]. As long as that has not happened, the file is there, also without a name.
#[must_use = "the frame is kept until this is handed back to `unmap_page`"]
#[derive(Debug)]
pub struct Mapping {
    object: ObjectId,
    page: u64,
    writable: bool,
    frame: usize,
}

impl Mapping {
    /// The number of the frame.
    pub fn frame(&self) -> usize {
        self.frame
    }
}

impl Store {
    /// Brings a page into a frame and keeps it there until it is unmapped. Whoever reads only may
    /// map it privately: nobody looks for changes then.
    ///
    /// # Errors
    /// [`Error::TooManyMapped`] if three quarters of the frames are mapped.
    pub fn map_page(
        &mut self,
        object: ObjectId,
        page: u64,
        writable: bool,
    ) -> Result<Mapping, Error> {
        let inode = self.inode(object)?;
        if inode.kind() != Kind::File {
            return Err(Error::Invalid("only a file can be mapped"));
        }
        if page >= inode.size.div_ceil(BLOCK as u64) {
            return Err(Error::Invalid("the page lies beyond the end of the file"));
        }
        if writable {
            self.may_write()?;
        }
        self.make_frames()?;
        let key = (object.0, page);
        if !self.pages.may_map(key) {
            return Err(Error::TooManyMapped);
        }
        if let Some(bytes) = self.load_page(object, page)? {
            self.pages.add_clean(key, &bytes);
        }
        let mut standing = 0;
        let mut homeless = false;
        if writable && self.pages.writers(key) == 0 {
            // One to write it to, while the last commit still needs the one it has.
            homeless = self.extent_at(object, page)?.is_none_or(|it| it.written.is_none());
            standing = 1 + u64::from(homeless);
            self.space.stand_by(standing)?;
        }
        let Some(frame) = self.pages.map(key, writable, homeless) else {
            self.space.stand_down(standing);
            return Err(Error::TooManyMapped);
        };
        *self.opened.entry(object).or_insert(0) += 1;
        Ok(Mapping { object, page, writable, frame })
    }

    /// Ends a mapping of a page. Nobody may have its frame mapped for this mapping any more: it may
    /// be used for another page now.
    pub fn unmap_page(
        &mut self,
        Mapping { object, page, writable, .. }: Mapping,
        now: Time,
    ) -> Result<(), Error> {
        let key = (object.0, page);
        // If the file's records are damaged, the page counts as part of it: whoever synchronises is
        // told then that it is lost.
        let size = self.inode(object).map_or(u64::MAX, |inode| inode.size);
        let last = writable && self.pages.writers(key) == 1;
        let inside = page < size.div_ceil(BLOCK as u64);
        let changed = last && inside && self.pages.was_changed(key);
        if last {
            self.space.stand_down(1 + u64::from(self.pages.take_homeless(key)));
            if size / (BLOCK as u64) == page {
                self.pages.blank(key, (size % BLOCK as u64) as usize);
            }
        }
        if changed {
            // The block that stood by is for it.
            self.space.correct_promise(0, u64::from(self.pages.soil(key)));
        }
        self.pages.unmap(key, writable);
        if !inside {
            self.pages.let_go(key);
        }
        let touched = if changed { self.touch(object, now) } else { Ok(()) };
        self.close(object).and(touched)
    }

    /// Whether a mapping may be writing to a page.
    pub(crate) fn is_written_through_mappings(&self) -> bool {
        self.pages.has_writable()
    }

    /// Before a commit: what was written through mappings counts as dirty.
    pub(crate) fn note_all_mapped(&mut self, now: Time) -> Result<(), Error> {
        let changed = self.pages.changed();
        for keys in changed.chunk_by(|one, next| one.0 == next.0) {
            let Some(object) = keys.first().map(|key| ObjectId(key.0)) else { continue };
            let size = match self.inode(object) {
                Ok(inode) => inode.size,
                Err(Error::Damaged(_) | Error::Stale) => u64::MAX,
                Err(error) => return Err(error),
            };
            let end = size.div_ceil(BLOCK as u64);
            let inside: &[PageKey] = keys.split(|key| key.1 >= end).next().unwrap_or_default();
            if inside.is_empty() {
                continue;
            }
            for &key in inside {
                if self.pages.take_homeless(key) {
                    self.space.stand_down(1);
                    self.space.correct_promise(0, 1);
                } else {
                    self.space.promise_to_mapped()?;
                }
                self.pages.soil(key);
            }
            match self.touch(object, now) {
                Ok(()) | Err(Error::Damaged(_) | Error::Stale) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Before a file gets larger: what was written beyond its end through mappings is no part of
    /// it.
    pub(super) fn blank_beyond_end(&mut self, object: ObjectId, size: u64) {
        if self.pages.has_writable() {
            self.pages.blank_beyond(object.0, size);
        }
    }

    fn touch(&mut self, object: ObjectId, now: Time) -> Result<(), Error> {
        let mut inode = self.inode(object)?;
        inode.touch(now);
        self.put_inode(object, &inode)
    }

    /// Marks a page in memory as dirty, with a block promised for it.
    pub(super) fn soil(&mut self, key: PageKey) -> Result<(), Error> {
        if self.pages.has(key) && !self.pages.is_dirty(key) {
            self.space.promise(1)?;
            if !self.pages.soil(key) {
                self.space.release_promise(1);
            }
        }
        Ok(())
    }
}
