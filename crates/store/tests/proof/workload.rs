//! Random work on a store: everything that changes one.

use store::simulation::Dice;
use store::{Allocate, Change, Error, Kind, Make, ObjectId, SetExtra, Store, Taken, Time};

/// Somebody who works.
pub(crate) struct Worker {
    pub(crate) dice: Dice,
    /// Files that are open, some of them without a name by now.
    open: Vec<ObjectId>,
    clock: u32,
}

impl Worker {
    pub(crate) fn new(seed: u64) -> Self {
        Self { dice: Dice(seed), open: Vec::new(), clock: 0 }
    }

    pub(crate) fn now(&mut self) -> Time {
        self.clock += 1;
        Time { seconds: 1 << 33, nanoseconds: self.clock }
    }

    /// How many of the open files have no name.
    pub(crate) fn nameless(&self, store: &mut Store) -> usize {
        let mut open = self.open.clone();
        open.sort_unstable();
        open.dedup();
        open.into_iter().filter(|&file| store.attributes(file).unwrap().links == 0).count()
    }

    /// One operation. That a name is taken or not there is no error.
    pub(crate) fn step(&mut self, store: &mut Store) -> Result<(), Error> {
        let done = self.attempt(store);
        store.tidy();
        match done {
            Err(
                Error::NotFound
                | Error::Exists
                | Error::NotDirectory
                | Error::IsDirectory
                | Error::NotEmpty
                | Error::NoData
                | Error::Invalid(_),
            ) => Ok(()),
            done => done,
        }
    }

    fn attempt(&mut self, store: &mut Store) -> Result<(), Error> {
        let now = self.now();
        let (parent, name) = (self.directory(store)?, self.name());
        match self.dice.below(20) {
            0..=4 => {
                let file = self.file(store, parent, &name)?;
                let bytes = self.contents();
                store.write(file, 0, &bytes, now)
            }
            5 | 6 => {
                let file = self.file(store, parent, &name)?;
                let (offset, bytes) = (self.dice.below(60_000) as u64, self.contents());
                store.write(file, offset, &bytes, now)
            }
            7 => {
                let file = store.lookup(parent, &name)?.object;
                let bytes = self.contents();
                store.append(file, &bytes, now).map(|_| ())
            }
            8 => {
                let file = store.lookup(parent, &name)?.object;
                let size = Some(self.dice.below(30_000) as u64);
                store.change(file, &Change { size, ..Change::default() }, now).map(|_| ())
            }
            9 => {
                let file = store.lookup(parent, &name)?.object;
                let how = [Allocate::Grow, Allocate::KeepSize, Allocate::Punch, Allocate::Zero];
                let how = how[self.dice.below(4)];
                let (offset, length) = (self.dice.below(30_000), 1 + self.dice.below(30_000));
                store.allocate(file, how, offset as u64, length as u64, now)
            }
            10 => {
                let name = [b'd', b'0' + self.dice.below(3) as u8];
                store.make(parent, &name, &make(Kind::Directory), now).map(|_| ())
            }
            11 => {
                let length = 1 + self.dice.below(2000);
                let target = self.dice.bytes(length);
                let target: Vec<u8> = target.iter().map(|byte| byte % 26 + b'a').collect();
                store.make_link(parent, &name, &target, 1, 2, now).map(|_| ())
            }
            12 => {
                let file = store.lookup(parent, &name)?.object;
                let (to, name) = (self.directory(store)?, self.name());
                store.link(file, to, &name, now).map(|_| ())
            }
            13 | 14 => store.unlink(parent, &name, now),
            15 => {
                let name = [b'd', b'0' + self.dice.below(3) as u8];
                store.remove_directory(parent, &name, now)
            }
            16 | 17 => {
                let (to, new) = (self.directory(store)?, self.name());
                let taken = [Taken::Replace, Taken::Exchange][self.dice.below(2)];
                store.rename(parent, &name, to, &new, taken, now)
            }
            18 => {
                let file = store.lookup(parent, &name)?.object;
                let extra = [b"user.a".to_vec(), b"user.bb".to_vec()][self.dice.below(2)].clone();
                if self.dice.below(4) == 0 {
                    return store.remove_extra(file, &extra, now);
                }
                let length = self.dice.below(300);
                let value = self.dice.bytes(length);
                store.set_extra(file, &extra, &value, SetExtra::Any, now)
            }
            _ if self.open.len() < 3 => {
                let file = store.lookup(parent, &name)?.object;
                store.open(file)?;
                self.open.push(file);
                Ok(())
            }
            _ => {
                let file = self.open.remove(0);
                store.close(file)
            }
        }
    }

    fn directory(&mut self, store: &mut Store) -> Result<ObjectId, Error> {
        let mut here = ObjectId::ROOT;
        while self.dice.below(3) > 0 {
            let name = [b'd', b'0' + self.dice.below(3) as u8];
            here = match store.lookup(here, &name) {
                Ok(found) => found.object,
                Err(Error::NotFound) => break,
                Err(error) => return Err(error),
            };
        }
        Ok(here)
    }

    fn name(&mut self) -> Vec<u8> {
        format!("file-{}", self.dice.below(10)).into_bytes()
    }

    fn file(
        &mut self,
        store: &mut Store,
        parent: ObjectId,
        name: &[u8],
    ) -> Result<ObjectId, Error> {
        let now = self.now();
        match store.lookup(parent, name) {
            Ok(found) => Ok(found.object),
            Err(Error::NotFound) => {
                store.make(parent, name, &make(Kind::File), now).map(|made| made.object)
            }
            Err(error) => Err(error),
        }
    }

    fn contents(&mut self) -> Vec<u8> {
        let most = [50, 1024, 1024, 5000, 20_000, 60_000][self.dice.below(6)];
        let length = 1 + self.dice.below(most);
        self.dice.bytes(length)
    }
}

pub(crate) fn make(kind: Kind) -> Make {
    Make { kind, permissions: 0o640, user: 1, group: 2, device: 0 }
}
