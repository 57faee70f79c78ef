//! What is mounted, as it is seen from here: the operations of a store's volume.
//!
//! A trait, so that what is said to the kernel can be tested on files in memory. Every operation
//! may be called by several threads at once, and is all done or not done.

use store::host::Volume;
use store::{
    Allocate, Attributes, Change, Entry, Error, Make, ObjectId, Room, Seek, SetExtra, Taken, Time,
};

/// Files to be mounted.
pub trait Files: Send + Sync + 'static {
    /// What a name in a directory stands for.
    fn lookup(&self, parent: ObjectId, name: &[u8]) -> Result<Attributes, Error>;
    /// In which directory a directory lies.
    fn parent(&self, directory: ObjectId) -> Result<ObjectId, Error>;
    /// All that `stat` shows.
    fn attributes(&self, object: ObjectId) -> Result<Attributes, Error>;
    /// Changes some of that.
    fn change(&self, object: ObjectId, change: &Change, now: Time) -> Result<Attributes, Error>;
    /// Makes a file, directory, pipe, device or socket.
    fn make(
        &self,
        parent: ObjectId,
        name: &[u8],
        make: &Make,
        now: Time,
    ) -> Result<Attributes, Error>;
    /// Makes a symbolic link.
    fn make_link(
        &self,
        parent: ObjectId,
        name: &[u8],
        target: &[u8],
        user: u32,
        group: u32,
        now: Time,
    ) -> Result<Attributes, Error>;
    /// Where a symbolic link points.
    fn read_link(&self, object: ObjectId) -> Result<Vec<u8>, Error>;
    /// Gives a file one more name.
    fn link(
        &self,
        object: ObjectId,
        parent: ObjectId,
        name: &[u8],
        now: Time,
    ) -> Result<Attributes, Error>;
    /// Takes a name away from what is no directory.
    fn unlink(&self, parent: ObjectId, name: &[u8], now: Time) -> Result<(), Error>;
    /// Removes an empty directory.
    fn remove_directory(&self, parent: ObjectId, name: &[u8], now: Time) -> Result<(), Error>;
    /// Gives something another name.
    fn rename(
        &self,
        from: ObjectId,
        name: &[u8],
        to: ObjectId,
        new_name: &[u8],
        taken: Taken,
        now: Time,
    ) -> Result<(), Error>;
    /// Shows the entries of a directory after a cookie (0: all), without `.` and `..`, until
    /// `visit` says `false`.
    fn list(
        &self,
        directory: ObjectId,
        after: u64,
        visit: &mut dyn FnMut(&Entry) -> bool,
    ) -> Result<(), Error>;
    /// Keeps an object alive without a name, until it is closed as often as it was opened.
    fn open(&self, object: ObjectId) -> Result<(), Error>;
    /// Undoes one [`open`](Self::open).
    fn close(&self, object: ObjectId);
    /// Fills `into` from a file, less at its end; answers how much.
    fn read(&self, object: ObjectId, offset: u64, into: &mut [u8]) -> Result<usize, Error>;
    /// Writes all of `from`; the file's times become `now`, if one is given.
    fn write(
        &self,
        object: ObjectId,
        offset: u64,
        from: &[u8],
        now: Option<Time>,
    ) -> Result<(), Error>;
    /// What `fallocate` does; the file's times become `now`, if one is given.
    fn allocate(
        &self,
        object: ObjectId,
        how: Allocate,
        offset: u64,
        length: u64,
        now: Option<Time>,
    ) -> Result<(), Error>;
    /// Where, from an offset on, data or a hole begins.
    fn seek(&self, object: ObjectId, what: Seek, offset: u64) -> Result<u64, Error>;
    /// Returns when everything is safe from a crash.
    fn sync(&self) -> Result<(), Error>;
    /// How full it is.
    fn room(&self) -> Result<Room, Error>;
    /// An extended attribute.
    fn extra(&self, object: ObjectId, name: &[u8]) -> Result<Vec<u8>, Error>;
    /// Sets one.
    fn set_extra(
        &self,
        object: ObjectId,
        name: &[u8],
        value: &[u8],
        how: SetExtra,
        now: Time,
    ) -> Result<(), Error>;
    /// Removes one.
    fn remove_extra(&self, object: ObjectId, name: &[u8], now: Time) -> Result<(), Error>;
    /// The names of all.
    fn extras(&self, object: ObjectId) -> Result<Vec<Vec<u8>>, Error>;
}

/// All of it is the volume's own.
impl Files for Volume {
    fn lookup(&self, parent: ObjectId, name: &[u8]) -> Result<Attributes, Error> {
        self.lookup(parent, name)
    }

    fn parent(&self, directory: ObjectId) -> Result<ObjectId, Error> {
        self.parent(directory)
    }

    fn attributes(&self, object: ObjectId) -> Result<Attributes, Error> {
        self.attributes(object)
    }

    fn change(&self, object: ObjectId, change: &Change, now: Time) -> Result<Attributes, Error> {
        self.change(object, change, now)
    }

    fn make(
        &self,
        parent: ObjectId,
        name: &[u8],
        make: &Make,
        now: Time,
    ) -> Result<Attributes, Error> {
        self.make(parent, name, make, now)
    }

    fn make_link(
        &self,
        parent: ObjectId,
        name: &[u8],
        target: &[u8],
        user: u32,
        group: u32,
        now: Time,
    ) -> Result<Attributes, Error> {
        self.make_link(parent, name, target, user, group, now)
    }

    fn read_link(&self, object: ObjectId) -> Result<Vec<u8>, Error> {
        self.read_link(object)
    }

    fn link(
        &self,
        object: ObjectId,
        parent: ObjectId,
        name: &[u8],
        now: Time,
    ) -> Result<Attributes, Error> {
        self.link(object, parent, name, now)
    }

    fn unlink(&self, parent: ObjectId, name: &[u8], now: Time) -> Result<(), Error> {
        self.unlink(parent, name, now)
    }

    fn remove_directory(&self, parent: ObjectId, name: &[u8], now: Time) -> Result<(), Error> {
        self.remove_directory(parent, name, now)
    }

    fn rename(
        &self,
        from: ObjectId,
        name: &[u8],
        to: ObjectId,
        new_name: &[u8],
        taken: Taken,
        now: Time,
    ) -> Result<(), Error> {
        self.rename(from, name, to, new_name, taken, now)
    }

    fn list(
        &self,
        directory: ObjectId,
        after: u64,
        visit: &mut dyn FnMut(&Entry) -> bool,
    ) -> Result<(), Error> {
        self.list(directory, after, visit)
    }

    fn open(&self, object: ObjectId) -> Result<(), Error> {
        self.open(object)
    }

    fn close(&self, object: ObjectId) {
        // Whatever stands in the way of removing it, is there when the store is next opened: then
        // it is removed.
        let _ = self.close_object(object);
    }

    fn read(&self, object: ObjectId, offset: u64, into: &mut [u8]) -> Result<usize, Error> {
        self.read(object, offset, into)
    }

    fn write(
        &self,
        object: ObjectId,
        offset: u64,
        from: &[u8],
        now: Option<Time>,
    ) -> Result<(), Error> {
        self.write(object, offset, from, now)
    }

    fn allocate(
        &self,
        object: ObjectId,
        how: Allocate,
        offset: u64,
        length: u64,
        now: Option<Time>,
    ) -> Result<(), Error> {
        self.allocate(object, how, offset, length, now)
    }

    fn seek(&self, object: ObjectId, what: Seek, offset: u64) -> Result<u64, Error> {
        self.seek(object, what, offset)
    }

    fn sync(&self) -> Result<(), Error> {
        self.sync()
    }

    fn room(&self) -> Result<Room, Error> {
        self.room()
    }

    fn extra(&self, object: ObjectId, name: &[u8]) -> Result<Vec<u8>, Error> {
        self.extra(object, name)
    }

    fn set_extra(
        &self,
        object: ObjectId,
        name: &[u8],
        value: &[u8],
        how: SetExtra,
        now: Time,
    ) -> Result<(), Error> {
        self.set_extra(object, name, value, how, now)
    }

    fn remove_extra(&self, object: ObjectId, name: &[u8], now: Time) -> Result<(), Error> {
        self.remove_extra(object, name, now)
    }

    fn extras(&self, object: ObjectId) -> Result<Vec<Vec<u8>>, Error> {
        self.extras(object)
    }
}
