//! All else that can be done to a shared store: each holds it for as long as it takes.

use super::Volume;
use crate::attributes::{
    Allocate, Attributes, Change, Entry, Make, ObjectId, Room, Seek, Taken, Time,
};
use crate::error::Error;
use crate::files::SetExtra;
use crate::files::mapping::Mapping;
use crate::store::Store;
use std::vec::Vec;

impl Volume {
    fn explained<T>(
        &self,
        mut what: impl FnMut(&mut Store) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.0.with(&mut |store| what(store).map_err(|error| store.explain(error)))
    }

    /// What a name in a directory stands for.
    pub fn lookup(&self, parent: ObjectId, name: &[u8]) -> Result<Attributes, Error> {
        self.explained(|store| store.lookup(parent, name))
    }

    /// The directory that a directory is in; the root is in itself.
    pub fn parent(&self, directory: ObjectId) -> Result<ObjectId, Error> {
        self.explained(|store| store.parent(directory))
    }

    /// Follows a path from the root; symbolic links are not followed.
    pub fn resolve(&self, path: &[u8]) -> Result<Attributes, Error> {
        self.explained(|store| store.resolve(path))
    }

    /// All that `stat` shows.
    pub fn attributes(&self, object: ObjectId) -> Result<Attributes, Error> {
        self.explained(|store| store.attributes(object))
    }

    /// Changes what `chmod`, `chown`, `truncate` and `utimensat` change.
    pub fn change(
        &self,
        object: ObjectId,
        change: &Change,
        now: Time,
    ) -> Result<Attributes, Error> {
        self.explained(|store| store.change(object, change, now))
    }

    /// Makes a file, a directory, a pipe, a socket or a device.
    pub fn make(
        &self,
        parent: ObjectId,
        name: &[u8],
        make: &Make,
        now: Time,
    ) -> Result<Attributes, Error> {
        self.explained(|store| store.make(parent, name, make, now))
    }

    /// Makes a symbolic link.
    pub fn make_link(
        &self,
        parent: ObjectId,
        name: &[u8],
        target: &[u8],
        user: u32,
        group: u32,
        now: Time,
    ) -> Result<Attributes, Error> {
        self.explained(|store| store.make_link(parent, name, target, user, group, now))
    }

    /// Where a symbolic link leads.
    pub fn read_link(&self, object: ObjectId) -> Result<Vec<u8>, Error> {
        self.explained(|store| store.read_link(object))
    }

    /// Gives an object one more name.
    pub fn link(
        &self,
        object: ObjectId,
        parent: ObjectId,
        name: &[u8],
        now: Time,
    ) -> Result<Attributes, Error> {
        self.explained(|store| store.link(object, parent, name, now))
    }

    /// Takes a name away from what is not a directory.
    pub fn unlink(&self, parent: ObjectId, name: &[u8], now: Time) -> Result<(), Error> {
        self.explained(|store| store.unlink(parent, name, now))
    }

    /// Removes an empty directory.
    pub fn remove_directory(&self, parent: ObjectId, name: &[u8], now: Time) -> Result<(), Error> {
        self.explained(|store| store.remove_directory(parent, name, now))
    }

    /// Moves a name.
    pub fn rename(
        &self,
        from: ObjectId,
        name: &[u8],
        to: ObjectId,
        new_name: &[u8],
        taken: Taken,
        now: Time,
    ) -> Result<(), Error> {
        self.explained(|store| store.rename(from, name, to, new_name, taken, now))
    }

    /// Shows a directory's entries from after a cookie, until `visit` says false.
    pub fn list(
        &self,
        directory: ObjectId,
        after: u64,
        visit: &mut dyn FnMut(&Entry) -> bool,
    ) -> Result<(), Error> {
        self.explained(|store| store.list(directory, after, visit))
    }

    /// Somebody opens an object: it stays, even without a name, until the last one closes it.
    pub fn open(&self, object: ObjectId) -> Result<(), Error> {
        self.explained(|store| store.open(object))
    }

    /// Somebody closes an object.
    pub fn close_object(&self, object: ObjectId) -> Result<(), Error> {
        self.explained(|store| store.close(object))
    }

    /// Does to a range of a file what `fallocate` does. Its times become `now`.
    pub fn allocate(
        &self,
        object: ObjectId,
        how: Allocate,
        offset: u64,
        length: u64,
        now: Time,
    ) -> Result<(), Error> {
        let end = self.explained(|store| store.check_room(object, how, offset, length))?;
        let mut at = offset;
        loop {
            // With a commit in between, if one is due.
            at = self.explained(|store| store.allocate_some(object, how, at, end - at, now))?;
            if at >= end {
                return Ok(());
            }
        }
    }

    /// The next place where there is data or a hole.
    pub fn seek(&self, object: ObjectId, what: Seek, offset: u64) -> Result<u64, Error> {
        self.explained(|store| store.seek(object, what, offset))
    }

    /// An extended attribute's value.
    pub fn extra(&self, object: ObjectId, name: &[u8]) -> Result<Vec<u8>, Error> {
        self.explained(|store| store.extra(object, name))
    }

    /// The names of all extended attributes.
    pub fn extras(&self, object: ObjectId) -> Result<Vec<Vec<u8>>, Error> {
        self.explained(|store| store.extras(object))
    }

    /// Sets an extended attribute.
    pub fn set_extra(
        &self,
        object: ObjectId,
        name: &[u8],
        value: &[u8],
        how: SetExtra,
        now: Time,
    ) -> Result<(), Error> {
        self.explained(|store| store.set_extra(object, name, value, how, now))
    }

    /// Removes an extended attribute.
    pub fn remove_extra(&self, object: ObjectId, name: &[u8], now: Time) -> Result<(), Error> {
        self.explained(|store| store.remove_extra(object, name, now))
    }

    /// Brings a page into a frame and keeps it there until it is unmapped.
    pub fn map_page(&self, object: ObjectId, page: u64, writable: bool) -> Result<Mapping, Error> {
        self.0.make_frames()?;
        self.explained(|store| store.map_page(object, page, writable))
    }

    /// Ends a mapping of a page: nobody may have its frame mapped for it any more.
    pub fn unmap_page(&self, mapping: Mapping, now: Time) -> Result<(), Error> {
        let mut mapping = Some(mapping);
        self.explained(|store| {
            mapping.take().map_or(Ok(()), |mapping| store.unmap_page(mapping, now))
        })
    }

    /// How full it is.
    pub fn room(&self) -> Result<Room, Error> {
        self.explained(|store| Ok(store.room()))
    }
}
