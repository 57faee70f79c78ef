//! Operations, done to a store.

use crate::memory::Memory;
use crate::operation::{OPEN, Operation, Path};
use crate::outcome::{Outcome, Status};
use std::sync::Arc;
use store::keys::{NewSlot, Secret, Settings};
use store::simulation::Dice;
use store::{Change, Closed, Error, Heap, Kind, Make, Media, ObjectId, SetExtra, Store, Time};

const KEY: [u8; 32] = [7; 32];

pub(crate) struct InStore {
    media: Media,
    store: Option<Store>,
    open: [Option<ObjectId>; OPEN],
    dice: Dice,
    clock: u32,
    /// Frames and nodes that it may use.
    memory: (usize, usize),
}

impl InStore {
    pub(crate) fn new(seed: u64, memory: (usize, usize)) -> Self {
        let media = Media { store: Arc::new(Memory::default()), seal: Arc::new(Memory::default()) };
        let mut dice = Dice(seed);
        let first = NewSlot {
            secret: Secret::KeyFile(&KEY),
            label: "test",
            settings: Settings::INTERACTIVE,
            made: 0,
        };
        let store =
            Store::create(media.clone(), &first, give(memory), (0, 0), Time::default(), &mut dice);
        Self { media, store: Some(store.unwrap()), open: [None; OPEN], dice, clock: 1, memory }
    }

    pub(crate) fn apply(&mut self, operation: &Operation) -> Outcome {
        self.clock += 1;
        let done = self.attempt(operation);
        let now = self.now();
        let store = self.store.as_mut().unwrap();
        store.tidy();
        if store.needs_commit() {
            store.sync(now, false).unwrap();
        }
        match done {
            Ok(outcome) => outcome,
            Err(error) => Outcome::Refused(error.errno()),
        }
    }

    fn now(&self) -> Time {
        Time { seconds: 1 << 41, nanoseconds: self.clock }
    }

    fn attempt(&mut self, operation: &Operation) -> Result<Outcome, Error> {
        let now = self.now();
        let make = |kind, permissions| Make { kind, permissions, user: 0, group: 0, device: 0 };
        match operation {
            Operation::Sync => self.store().sync(now, false)?,
            Operation::Forget => self.store().forget(),
            Operation::Reopen => self.reopen()?,
            Operation::Make(path) => {
                let (parent, name) = self.parent(path)?;
                self.store().make(parent, name, &make(Kind::File, 0o644), now)?;
            }
            Operation::MakeDirectory(path) => {
                let (parent, name) = self.parent(path)?;
                self.store().make(parent, name, &make(Kind::Directory, 0o755), now)?;
            }
            Operation::MakePipe(path) => {
                let (parent, name) = self.parent(path)?;
                self.store().make(parent, name, &make(Kind::Fifo, 0o600), now)?;
            }
            // The kernel looks at the target before it looks at the path.
            Operation::MakeLink(_, target) if target.is_empty() => return Err(Error::NotFound),
            Operation::MakeLink(path, target) => {
                let (parent, name) = self.parent(path)?;
                self.store().make_link(parent, name, target, 0, 0, now)?;
            }
            Operation::ReadLink(path) => {
                let object = self.object(path)?;
                return self.store().read_link(object).map(Outcome::Bytes);
            }
            Operation::Link(old, new) => {
                let object = self.object(old)?;
                let (parent, name) = self.parent(new)?;
                self.store().link(object, parent, name, now)?;
            }
            Operation::Unlink(path) => {
                let (parent, name) = self.parent(path)?;
                self.store().unlink(parent, name, now)?;
            }
            Operation::RemoveDirectory(path) => {
                let (parent, name) = self.parent(path)?;
                self.store().remove_directory(parent, name, now)?;
            }
            Operation::Rename(old, new, taken) => {
                let (from, name) = self.parent(old)?;
                let (to, new_name) = self.parent(new)?;
                self.store().rename(from, name, to, new_name, *taken, now)?;
            }
            Operation::Stat(path) => {
                let object = self.object(path)?;
                return self.status(object);
            }
            Operation::List(path) => return self.list(path),
            Operation::Permissions(path, permissions) => {
                let object = self.object(path)?;
                if self.store().attributes(object)?.kind() == Kind::Link {
                    return Err(Error::Locked);
                }
                let change = Change { permissions: Some(*permissions), ..Change::default() };
                self.store().change(object, &change, now)?;
            }
            Operation::Times(path, seconds, nanoseconds) => {
                let object = self.object(path)?;
                let time = Time { seconds: *seconds, nanoseconds: *nanoseconds };
                let change = Change { read: Some(time), changed: Some(time), ..Change::default() };
                self.store().change(object, &change, now)?;
            }
            Operation::SetExtra(path, name, value) => {
                let object = self.extras_allowed(path)?;
                self.store().set_extra(object, name.as_bytes(), value, SetExtra::Any, now)?;
            }
            Operation::Extra(path, name) => {
                let object = self.object(path)?;
                return self.store().extra(object, name.as_bytes()).map(Outcome::Bytes);
            }
            Operation::RemoveExtra(path, name) => {
                let object = self.extras_allowed(path)?;
                self.store().remove_extra(object, name.as_bytes(), now)?;
            }
            Operation::Open(file, path) => {
                let object = self.object(path)?;
                match self.store().attributes(object)?.kind() {
                    Kind::File => {}
                    Kind::Directory => return Err(Error::IsDirectory),
                    _ => return Err(Error::Locked),
                }
                self.store().open(object)?;
                if let Some(old) = self.open[*file].replace(object) {
                    self.store().close(old)?;
                }
            }
            Operation::Close(file) => {
                if let Some(old) = self.open[*file].take() {
                    self.store().close(old)?;
                }
            }
            _ => return self.attempt_open(operation),
        }
        Ok(Outcome::Done)
    }

    /// What is done to an open file.
    fn attempt_open(&mut self, operation: &Operation) -> Result<Outcome, Error> {
        let now = self.now();
        match operation {
            Operation::StatOpen(file) => {
                let Some(object) = self.open[*file] else { return Ok(Outcome::Done) };
                return self.status(object);
            }
            Operation::Read(file, offset, length) => {
                let Some(object) = self.open[*file] else { return Ok(Outcome::Done) };
                let mut bytes = vec![0xaa; *length];
                let read = self.store().read(object, *offset, &mut bytes)?;
                bytes.truncate(read);
                return Ok(Outcome::Bytes(bytes));
            }
            Operation::Write(file, offset, bytes) => {
                let Some(object) = self.open[*file] else { return Ok(Outcome::Done) };
                self.store().write(object, *offset, bytes, now)?;
            }
            Operation::Append(file, bytes) => {
                let Some(object) = self.open[*file] else { return Ok(Outcome::Done) };
                self.store().append(object, bytes, now)?;
            }
            Operation::Resize(file, size) => {
                let Some(object) = self.open[*file] else { return Ok(Outcome::Done) };
                let change = Change { size: Some(*size), ..Change::default() };
                self.store().change(object, &change, now)?;
            }
            Operation::Allocate(file, how, offset, length) => {
                let Some(object) = self.open[*file] else { return Ok(Outcome::Done) };
                self.store().allocate(object, *how, *offset, *length, now)?;
            }
            Operation::Seek(file, what, offset) => {
                let Some(object) = self.open[*file] else { return Ok(Outcome::Done) };
                return self.store().seek(object, *what, *offset).map(Outcome::Place);
            }
            _ => unreachable!("{operation:?} is of a path"),
        }
        Ok(Outcome::Done)
    }

    fn store(&mut self) -> &mut Store {
        self.store.as_mut().unwrap()
    }

    fn reopen(&mut self) -> Result<(), Error> {
        let now = self.now();
        for file in 0..OPEN {
            if let Some(object) = self.open[file].take() {
                self.store().close(object)?;
            }
        }
        let mut store = self.store.take().unwrap();
        store.finish(now, false)?;
        drop(store);
        let closed = Closed::look(self.media.clone())?;
        let secret = Secret::KeyFile(&KEY);
        let mut store = closed.open(&secret, give(self.memory), Some(&mut self.dice))?;
        let report = store.verify(&mut |_| true)?;
        assert_eq!(report.findings, [], "all records fit together");
        self.store = Some(store);
        Ok(())
    }

    fn parent<'a>(&mut self, path: &'a Path) -> Result<(ObjectId, &'a [u8]), Error> {
        let (name, above) = path.split_last().unwrap();
        let parent = self.object(above)?;
        if self.store().attributes(parent)?.kind() != Kind::Directory {
            return Err(Error::NotDirectory);
        }
        Ok((parent, name.as_bytes()))
    }

    fn object(&mut self, path: &[String]) -> Result<ObjectId, Error> {
        let mut here = ObjectId::ROOT;
        for name in path {
            here = self.store().lookup(here, name.as_bytes())?.object;
        }
        Ok(here)
    }

    /// The kernel allows attributes of programs on files and directories only.
    fn extras_allowed(&mut self, path: &Path) -> Result<ObjectId, Error> {
        let object = self.object(path)?;
        match self.store().attributes(object)?.kind() {
            Kind::File | Kind::Directory => Ok(object),
            _ => Err(Error::NotPermitted),
        }
    }

    fn status(&mut self, object: ObjectId) -> Result<Outcome, Error> {
        let attributes = self.store().attributes(object)?;
        let kind = attributes.kind();
        Ok(Outcome::Status(Status {
            kind,
            permissions: attributes.mode & 0o7777,
            links: attributes.links,
            size: matches!(kind, Kind::File | Kind::Link).then_some(attributes.size),
            changed: (attributes.changed.seconds < 1 << 41)
                .then_some((attributes.changed.seconds, attributes.changed.nanoseconds)),
        }))
    }

    fn list(&mut self, path: &Path) -> Result<Outcome, Error> {
        let object = self.object(path)?;
        let mut names = Vec::new();
        let mut after = 0;
        // In pieces, as a program does.
        loop {
            let mut piece = 0;
            self.store().list(object, after, &mut |entry| {
                names.push((entry.name.clone(), entry.kind));
                after = entry.cookie;
                piece += 1;
                piece < 3
            })?;
            if piece < 3 {
                break;
            }
        }
        names.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(Outcome::Names(names))
    }
}

fn give(memory: (usize, usize)) -> store::Memory {
    store::Memory { frames: Box::new(Heap::new(memory.0)), nodes: memory.1 }
}
