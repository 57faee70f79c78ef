//! A store on media that know what a crash does, with memory that processes share.

use std::sync::Arc;
use store::host::SharedFrames;
use store::keys::{NewSlot, Secret, Settings};
use store::simulation::{Dice, Simulation};
use store::{Change, Closed, Heap, Kind, Make, Media, Memory, ObjectId, Store, Time};

const KEY: [u8; 32] = [7; 32];
const SECRET: Secret<'static> = Secret::KeyFile(&KEY);
const FILE: Make = Make { kind: Kind::File, permissions: 0o644, user: 0, group: 0, device: 0 };

/// The second of that number.
pub(crate) fn at(seconds: i64) -> Time {
    Time { seconds, nanoseconds: 0 }
}

pub(crate) struct World {
    pub(crate) medium: Simulation,
    seal: Simulation,
}

fn memory(frames: Box<dyn store::Frames>) -> Memory {
    Memory { frames, nodes: 256 }
}

impl World {
    /// A new store with that memory.
    pub(crate) fn new(frames: SharedFrames) -> (Self, Store) {
        let medium = Simulation::new();
        let world = Self { seal: medium.beside(), medium };
        // So little work that a test need not wait for it.
        let settings = Settings { memory: 8, passes: 1, lanes: 1 };
        let first = NewSlot { secret: SECRET, label: "test", settings, made: 0 };
        let memory = memory(Box::new(frames));
        let store =
            Store::create(world.media(), &first, memory, (0, 0), at(1), &mut Dice(1)).unwrap();
        (world, store)
    }

    fn media(&self) -> Media {
        Media { store: Arc::new(self.medium.clone()), seal: Arc::new(self.seal.clone()) }
    }

    /// What a crash right now leaves.
    pub(crate) fn crash(&self, seed: u64) -> Self {
        let Dice(other) = Dice(seed.rotate_left(32));
        let medium = self.medium.crash(seed);
        let seal = self.seal.crash(other);
        Self { medium, seal }
    }

    /// Opens it for writing, with that memory.
    pub(crate) fn open(&self, frames: SharedFrames, seed: u64) -> Store {
        let closed = Closed::look(self.media()).unwrap();
        closed.open(&SECRET, memory(Box::new(frames)), Some(&mut Dice(seed))).unwrap()
    }

    /// Opens it for reading, with that memory.
    pub(crate) fn read_with(&self, frames: SharedFrames) -> Store {
        Closed::look(self.media()).unwrap().open(&SECRET, memory(Box::new(frames)), None).unwrap()
    }

    /// Opens it for reading.
    pub(crate) fn read(&self) -> Store {
        let memory = memory(Box::new(Heap::new(64)));
        Closed::look(self.media()).unwrap().open(&SECRET, memory, None).unwrap()
    }
}

pub(crate) fn make(store: &mut Store, name: &str) -> ObjectId {
    store.make(ObjectId::ROOT, name.as_bytes(), &FILE, at(2)).unwrap().object
}

pub(crate) fn resize(store: &mut Store, object: ObjectId, size: u64) {
    let change = Change { size: Some(size), ..Change::default() };
    store.change(object, &change, at(3)).unwrap();
}

/// All of a file.
pub(crate) fn contents(store: &mut Store, object: ObjectId) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(store.attributes(object).unwrap().size).unwrap()];
    assert_eq!(store.read(object, 0, &mut bytes).unwrap(), bytes.len());
    bytes
}

/// Nothing is wrong with what was committed.
pub(crate) fn assert_well(store: &mut Store) {
    assert_eq!(store.verify(&mut |_| true).unwrap().findings, []);
}
