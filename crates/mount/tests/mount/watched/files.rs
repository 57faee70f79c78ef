//! Each operation, passed on to the store.

use super::Watched;
use mount::Files;
use std::sync::atomic::Ordering;
use store::{
    Allocate, Attributes, Change, Entry, Error, Make, ObjectId, Room, Seek, SetExtra, Taken, Time,
};

impl Files for Watched {
    fn lookup(&self, parent: ObjectId, name: &[u8]) -> Result<Attributes, Error> {
        self.lookups.fetch_add(1, Ordering::Relaxed);
        assert!(!self.failing.load(Ordering::Relaxed), "as the test wants it");
        let found = self.whole(parent)?.lookup(parent, name)?;
        self.whole(found.object).map(|_| found)
    }

    fn parent(&self, directory: ObjectId) -> Result<ObjectId, Error> {
        self.volume().parent(directory)
    }

    fn attributes(&self, object: ObjectId) -> Result<Attributes, Error> {
        self.whole(object)?.attributes(object)
    }

    fn change(&self, object: ObjectId, change: &Change, now: Time) -> Result<Attributes, Error> {
        self.whole(object)?.change(object, change, now)
    }

    fn make(
        &self,
        parent: ObjectId,
        name: &[u8],
        make: &Make,
        now: Time,
    ) -> Result<Attributes, Error> {
        self.volume().make(parent, name, make, now)
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
        self.volume().make_link(parent, name, target, user, group, now)
    }

    fn read_link(&self, object: ObjectId) -> Result<Vec<u8>, Error> {
        self.volume().read_link(object)
    }

    fn link(
        &self,
        object: ObjectId,
        parent: ObjectId,
        name: &[u8],
        now: Time,
    ) -> Result<Attributes, Error> {
        self.volume().link(object, parent, name, now)
    }

    fn unlink(&self, parent: ObjectId, name: &[u8], now: Time) -> Result<(), Error> {
        self.volume().unlink(parent, name, now)
    }

    fn remove_directory(&self, parent: ObjectId, name: &[u8], now: Time) -> Result<(), Error> {
        self.volume().remove_directory(parent, name, now)
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
        self.volume().rename(from, name, to, new_name, taken, now)
    }

    fn list(
        &self,
        directory: ObjectId,
        after: u64,
        visit: &mut dyn FnMut(&Entry) -> bool,
    ) -> Result<(), Error> {
        assert!(after == 0 || after > 2, "{after} is no cookie of an entry");
        self.volume().list(directory, after, visit)
    }

    fn open(&self, object: ObjectId) -> Result<(), Error> {
        // What is damaged can be opened: it is there.
        self.volume().open(object)?;
        *self.opened.lock().unwrap().entry(object.0).or_default() += 1;
        Ok(())
    }

    fn close(&self, object: ObjectId) {
        let mut opened = self.opened.lock().unwrap();
        let count = opened.get_mut(&object.0).expect("only what is open is closed");
        *count -= 1;
        if *count == 0 {
            opened.remove(&object.0);
        }
        drop(opened);
        Files::close(&self.volume(), object);
    }

    fn read(&self, object: ObjectId, offset: u64, into: &mut [u8]) -> Result<usize, Error> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.whole(object)?.read(object, offset, into)
    }

    fn write(
        &self,
        object: ObjectId,
        offset: u64,
        from: &[u8],
        now: Option<Time>,
    ) -> Result<(), Error> {
        self.whole(object)?.write(object, offset, from, now)
    }

    fn allocate(
        &self,
        object: ObjectId,
        how: Allocate,
        offset: u64,
        length: u64,
        now: Option<Time>,
    ) -> Result<(), Error> {
        self.volume().allocate(object, how, offset, length, now)
    }

    fn seek(&self, object: ObjectId, what: Seek, offset: u64) -> Result<u64, Error> {
        self.volume().seek(object, what, offset)
    }

    fn sync(&self) -> Result<(), Error> {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        self.volume().sync()
    }

    fn room(&self) -> Result<Room, Error> {
        self.volume().room()
    }

    fn extra(&self, object: ObjectId, name: &[u8]) -> Result<Vec<u8>, Error> {
        self.whole(object)?.extra(object, name)
    }

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

    fn remove_extra(&self, object: ObjectId, name: &[u8], now: Time) -> Result<(), Error> {
        self.volume().remove_extra(object, name, now)
    }

    fn extras(&self, object: ObjectId) -> Result<Vec<Vec<u8>>, Error> {
        self.volume().extras(object)
    }
}
