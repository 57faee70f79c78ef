//! Directories as the kernel reads them: piece by piece, each beginning where the last one ended.
//!
//! A piece is as long as the kernel's buffer, and only that tells when it is full. Cookies 1 and 2
//! stand after `.` and `..`, which the store does not keep as entries.

use super::{KEEP, Server, translate};
use crate::Files;
use fuser::{FileType, Generation, INodeNo, ReplyDirectory, ReplyDirectoryPlus};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;
use store::{Entry, Error, ObjectId};

const AFTER_DOT: u64 = 1;
const AFTER_DOT_DOT: u64 = 2;

/// How many entries are taken from the store at a time: about what fits a page with attributes.
const SOME: usize = 32;

impl<F: Files> Server<F> {
    /// Names, numbers and kinds.
    pub(super) fn names(
        &self,
        directory: ObjectId,
        after: u64,
        reply: &mut ReplyDirectory,
    ) -> Result<(), Error> {
        let folder = FileType::Directory;
        if after < AFTER_DOT && reply.add(INodeNo(directory.0), AFTER_DOT, folder, ".") {
            return Ok(());
        }
        if after < AFTER_DOT_DOT {
            let parent = INodeNo(self.files.parent(directory)?.0);
            if reply.add(parent, AFTER_DOT_DOT, folder, "..") {
                return Ok(());
            }
        }
        self.files.list(directory, beginning(after), &mut |entry| {
            let kind = translate::file_type(entry.kind);
            !reply.add(INodeNo(entry.object.0), entry.cookie, kind, OsStr::from_bytes(&entry.name))
        })
    }

    /// Names with attributes: each one counts as having been looked up.
    pub(super) fn names_and_attributes(
        &self,
        directory: ObjectId,
        after: u64,
        reply: &mut ReplyDirectoryPlus,
    ) -> Result<(), Error> {
        for (cookie, name) in [(AFTER_DOT, "."), (AFTER_DOT_DOT, "..")] {
            if after >= cookie {
                continue;
            }
            let which =
                if cookie == AFTER_DOT { directory } else { self.files.parent(directory)? };
            // These two do not count.
            let attr = translate::file_attr(&self.files.attributes(which)?);
            if reply.add(attr.ino, cookie, name, &KEEP, &attr, Generation(0)) {
                return Ok(());
            }
        }
        let mut after = beginning(after);
        let mut some: Vec<Entry> = Vec::with_capacity(SOME);
        loop {
            some.clear();
            self.files.list(directory, after, &mut |entry| {
                some.push(entry.clone());
                some.len() < SOME
            })?;
            for entry in &some {
                if self.add(entry, reply) {
                    return Ok(());
                }
                after = entry.cookie;
            }
            if some.len() < SOME {
                return Ok(());
            }
        }
    }

    /// Adds one entry; answers whether it was one too many.
    fn add(&self, entry: &Entry, reply: &mut ReplyDirectoryPlus) -> bool {
        let (attr, keep) = match self.files.attributes(entry.object) {
            Ok(attributes) => (translate::file_attr(&attributes), KEEP),
            // It has gone since the list was made.
            Err(Error::NotFound | Error::Stale) => return false,
            // One damaged file must not hide the others: its name is shown, and whoever asks for
            // more than that gets the error.
            Err(error) => {
                self.teller.consider(&error);
                (translate::unreadable(entry.object, entry.kind), Duration::ZERO)
            }
        };
        if let Err(error) = self.known.learn(&*self.files, entry.object) {
            self.teller.consider(&error);
            return false;
        }
        let name = OsStr::from_bytes(&entry.name);
        let full = reply.add(attr.ino, entry.cookie, name, &keep, &attr, Generation(0));
        if full {
            self.known.forget(&*self.files, entry.object, 1);
        }
        full
    }
}

/// Where the store's own list goes on.
fn beginning(after: u64) -> u64 {
    if after <= AFTER_DOT_DOT { 0 } else { after }
}
