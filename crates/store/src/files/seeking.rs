//! Finding holes, and what is not one.

use crate::Store;
use crate::attributes::{Kind, ObjectId, Seek};
use crate::error::Error;
use crate::place::BLOCK;
use crate::tree::key::{Key, kind};

impl Store {
    /// The next place, from `offset` on, where there is data or a hole.
    ///
    /// # Errors
    /// [`Error::NothingThere`] beyond the end, and if no data follows.
    pub fn seek(&mut self, object: ObjectId, what: Seek, offset: u64) -> Result<u64, Error> {
        let inode = self.inode(object)?;
        if inode.kind() != Kind::File {
            return Err(Error::Invalid("only a file has holes"));
        }
        if offset >= inode.size {
            return Err(Error::NothingThere);
        }
        let end = inode.size;
        let small = self.tree.get(Key::new(object.0, kind::CONTENT, 0))?.is_some();
        let mut at = offset;
        while at < end {
            let page = at / BLOCK as u64;
            let (on_medium, upto) = match self.extent_from(object, page)? {
                Some(extent) if extent.first <= page => (extent.written.is_some(), extent.end()),
                Some(extent) => (false, extent.first),
                None => (false, u64::MAX / BLOCK as u64),
            };
            // A page that only memory has is in no record, also while it is being written.
            let (is_data, upto) = match self.pages.next_waiting(object.0, page) {
                _ if on_medium => (true, upto),
                Some(waiting) if waiting == page => (true, page + 1),
                _ if small && page == 0 => (true, 1),
                Some(waiting) => (false, upto.min(waiting)),
                None => (false, upto),
            };
            if is_data == (what == Seek::Data) {
                return Ok(at);
            }
            at = upto * BLOCK as u64;
            // It may go on like that through all of a large file, and changes nothing.
            self.tidy();
        }
        match what {
            Seek::Data => Err(Error::NothingThere),
            Seek::Hole => Ok(end),
        }
    }
}
