//! What is mounted, as it is seen from here: the operations of a store's volume.
//!
//! A trait, so that a test can watch what is asked, and answer some of it otherwise. Every operation
//! may be called by several threads at once, and is all done or not done.

use std::ops::Deref;
use store::host::Volume;
use store::{
    Allocate, Attributes, Change, Entry, Error, Make, ObjectId, Room, Seek, SetExtra, Taken, Time,
};

/// Files to be mounted: a volume's, in all that is not said otherwise.
pub trait Files: Send + Sync + 'static {
    /// The volume whose files they are.
    fn volume(&self) -> impl Deref<Target = Volume>;

    /// What a name in a directory stands for.
    fn lookup(&self, parent: ObjectId, name: &[u8]) -> Result<Attributes, Error> {
        self.volume().lookup(parent, name)
    }

    /// In which directory a directory lies.
    fn parent(&self, directory: ObjectId) -> Result<ObjectId, Error> {
        self.volume().parent(directory)
    }

    /// All that `stat` shows.
    fn attributes(&self, object: ObjectId) -> Result<Attributes, Error> {
        self.volume().attributes(object)
    }

    /// Changes some of that.
    fn change(&self, object: ObjectId, change: &Change, now: Time) -> Result<Attributes, Error> {
        self.volume().change(object, change, now)
    }

    /// Makes a file, directory, pipe, device or socket.
    fn make(
        &self,
        parent: ObjectId,
        name: &[u8],
        make: &Make,
        now: Time,
    ) -> Result<Attributes, Error> {
        self.volume().make(parent, name, make, now)
    }

    /// Makes a symbolic link.
    fn make_link(
        &self,
        parent: ObjectId,
        name: &[u8],
        target: &[u8],
        user: u32,
        group: u32,
        now: Time,
    ) -> Result<Attributes, Error> {
        self.volume().make_link(parent, name, target, user, group, now)
    }

    /// Where a symbolic link points.
    fn read_link(&self, object: ObjectId) -> Result<Vec<u8>, Error> {
        self.volume().read_link(object)
    }

    /// Gives a file one more name.
    fn link(
        &self,
        object: ObjectId,
        parent: ObjectId,
        name: &[u8],
        now: Time,
    ) -> Result<Attributes, Error> {
        self.volume().link(object, parent, name, now)
    }

    /// Takes a name away from what is no directory.
    fn unlink(&self, parent: ObjectId, name: &[u8], now: Time) -> Result<(), Error> {
        self.volume().unlink(parent, name, now)
    }

    /// Removes an empty directory.
    fn remove_directory(&self, parent: ObjectId, name: &[u8], now: Time) -> Result<(), Error> {
        self.volume().remove_directory(parent, name, now)
    }

    /// Gives something another name.
    fn rename(
        &self,
        from: ObjectId,
        name: &[u8],
        to: ObjectId,
        new_name: &[u8],
        taken: Taken,
        now: Time,
    ) -> Result<(), Error> {
        self.volume().rename(from, name, to, new_name, taken, now)
    }

    /// Shows the entries of a directory after a cookie (0: all), without `.` and `..`, until
    /// `visit` says `false`.
    fn list(
        &self,
        directory: ObjectId,
        after: u64,
        visit: &mut dyn FnMut(&Entry) -> bool,
    ) -> Result<(), Error> {
        self.volume().list(directory, after, visit)
    }

    /// Keeps an object alive without a name, until it is closed as often as it was opened.
    fn open(&self, object: ObjectId) -> Result<(), Error> {
        self.volume().open(object)
    }

    /// Undoes one [`open`](Self::open).
    fn close(&self, object: ObjectId) {
        // Whatever stands in the way of removing it, is there when the store is next opened: then
        // it is removed.
        let _ = self.volume().close_object(object);
    }

    /// Fills `into` from a file, less at its end; answers how much.
    fn read(&self, object: ObjectId, offset: u64, into: &mut [u8]) -> Result<usize, Error> {
        self.volume().read(object, offset, into)
    }

    /// Writes all of `from`; the file's times become `now`.
    fn write(&self, object: ObjectId, offset: u64, from: &[u8], now: Time) -> Result<(), Error> {
        self.volume().write(object, offset, from, now)
    }

    /// Whoever wrote has been answered, and there is a moment.
    fn get_ahead(&self) {
        // Whatever goes wrong is told when somebody asks for something again.
        let _ = self.volume().get_ahead();
    }

    /// What `fallocate` does; the file's times become `now`.
    fn allocate(
        &self,
        object: ObjectId,
        how: Allocate,
        offset: u64,
        length: u64,
        now: Time,
    ) -> Result<(), Error> {
        self.volume().allocate(object, how, offset, length, now)
    }

    /// Where, from an offset on, data or a hole begins.
    fn seek(&self, object: ObjectId, what: Seek, offset: u64) -> Result<u64, Error> {
        self.volume().seek(object, what, offset)
    }

    /// Returns when everything is safe from a crash.
    fn sync(&self) -> Result<(), Error> {
        self.volume().sync()
    }

    /// How full it is.
    fn room(&self) -> Result<Room, Error> {
        self.volume().room()
    }

    /// An extended attribute.
    fn extra(&self, object: ObjectId, name: &[u8]) -> Result<Vec<u8>, Error> {
        self.volume().extra(object, name)
    }

    /// Sets one.
    fn set_extra(
        &self,
        object: ObjectId,
        name: &[u8],
        value: &[u8],
        how: SetExtra,
        now: Time,
    ) -> Result<(), Error> {
        self.volume().set_extra(object, name, value, how, now)
    }

    /// Removes one.
    fn remove_extra(&self, object: ObjectId, name: &[u8], now: Time) -> Result<(), Error> {
        self.volume().remove_extra(object, name, now)
    }

    /// The names of all.
    fn extras(&self, object: ObjectId) -> Result<Vec<Vec<u8>>, Error> {
        self.volume().extras(object)
    }
}

impl Files for Volume {
    fn volume(&self) -> impl Deref<Target = Volume> {
        self
    }
}
