//! Mapping: the frames of the cache that a file's pages are in, so that a mapping, a read and a write
//! are all of the same memory.

use crate::Store;
use crate::attributes::{Kind, ObjectId};
use crate::error::Error;
use crate::place::BLOCK;

impl Store {
    /// Brings a page into a frame and keeps it there until it is unmapped; gives the frame. What
    /// is written to it through a writable mapping goes to the medium with every commit.
    pub fn map_page(
        &mut self,
        object: ObjectId,
        page: u64,
        writable: bool,
    ) -> Result<usize, Error> {
        let inode = self.inode(object)?;
        if inode.kind() != Kind::File {
            return Err(Error::Invalid("only a file can be mapped"));
        }
        if page >= inode.size.div_ceil(BLOCK as u64) {
            return Err(Error::Invalid("the page lies beyond the end of the file"));
        }
        self.make_frames()?;
        if writable {
            self.may_write()?;
        }
        if let Some(bytes) = self.load_page(object, page)? {
            self.pages.add_clean((object.0, page), &bytes);
        }
        let frame = self.pages.map((object.0, page), writable).ok_or(Error::Full)?;
        if writable && let Err(error) = self.soil((object.0, page)) {
            self.pages.unmap((object.0, page), writable);
            return Err(error);
        }
        Ok(frame)
    }

    /// Ends a mapping of a page.
    pub fn unmap_page(&mut self, object: ObjectId, page: u64, writable: bool) -> Result<(), Error> {
        if writable {
            self.soil((object.0, page))?;
        }
        self.pages.unmap((object.0, page), writable);
        Ok(())
    }

    /// Before a commit: whatever may have been written through a mapping counts as dirty.
    pub(crate) fn note_all_mapped(&mut self) -> Result<(), Error> {
        for key in self.pages.writable() {
            self.soil(key)?;
        }
        Ok(())
    }

    /// Marks a page in memory as dirty, with a block promised for it.
    pub(super) fn soil(&mut self, (object, page): (u64, u64)) -> Result<(), Error> {
        if self.pages.has((object, page)) && !self.pages.is_dirty((object, page)) {
            self.space.promise(1)?;
            if !self.pages.soil((object, page)) {
                self.space.release_promise(1);
            }
        }
        Ok(())
    }
}
