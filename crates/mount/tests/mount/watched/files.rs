//! The operations that are watched, or fail where a test wants that.

use super::Watched;
use mount::Files;
use std::ops::Deref;
use std::sync::atomic::Ordering;
use store::host::Volume;
use store::{Attributes, Change, Entry, Error, ObjectId, Time};

impl Files for Watched {
    fn volume(&self) -> impl Deref<Target = Volume> {
        self.volume.lock().unwrap().clone()
    }

    fn lookup(&self, parent: ObjectId, name: &[u8]) -> Result<Attributes, Error> {
        self.lookups.fetch_add(1, Ordering::Relaxed);
        assert!(!self.failing.load(Ordering::Relaxed), "as the test wants it");
        let found = self.whole(parent)?.lookup(parent, name)?;
        self.whole(found.object).map(|_| found)
    }

    fn attributes(&self, object: ObjectId) -> Result<Attributes, Error> {
        self.whole(object)?.attributes(object)
    }

    fn change(&self, object: ObjectId, change: &Change, now: Time) -> Result<Attributes, Error> {
        self.whole(object)?.change(object, change, now)
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
        Files::close(&*self.volume(), object);
    }

    fn read(&self, object: ObjectId, offset: u64, into: &mut [u8]) -> Result<usize, Error> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.whole(object)?.read(object, offset, into)
    }

    fn write(&self, object: ObjectId, offset: u64, from: &[u8], now: Time) -> Result<(), Error> {
        self.whole(object)?.write(object, offset, from, now)
    }

    fn sync(&self) -> Result<(), Error> {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        self.volume().sync()
    }

    fn extra(&self, object: ObjectId, name: &[u8]) -> Result<Vec<u8>, Error> {
        self.whole(object)?.extra(object, name)
    }
}
