//! A store on a counting medium: made, opened with so much memory, and treated as whoever has one
//! must, committing when it says so.

use crate::medium::Counting;
use std::sync::Arc;
use store::keys::{NewSlot, Secret, Settings};
use store::simulation::Dice;
use store::{Closed, Error, Heap, Kind, Make, Media, Memory, ObjectId, Store, Time};

const KEY: [u8; 32] = [7; 32];
pub(crate) const NOW: Time = Time { seconds: 1_700_000_000, nanoseconds: 0 };

/// What a store may keep.
#[derive(Clone, Copy)]
pub(crate) struct Cache {
    /// Pages, 4 KiB each.
    pub(crate) frames: usize,
    /// Nodes, 8 KiB each.
    pub(crate) nodes: usize,
}

/// Next to nothing: the smallest number of nodes that a store goes down to.
pub(crate) const COLD: Cache = Cache { frames: 64, nodes: 64 };

/// More than so many files need, or pages of one file.
pub(crate) fn warm(size: u64) -> Cache {
    Cache { frames: size as usize * 2 + 4096, nodes: 1 << 20 }
}

/// Enough to fill a store quickly.
pub(crate) const FILLING: Cache = Cache { frames: 4096, nodes: 16_384 };

impl Cache {
    fn memory(self) -> Memory {
        Memory { frames: Box::new(Heap::new(self.frames)), nodes: self.nodes }
    }

    /// Bytes that were asked for.
    pub(crate) fn bytes(self) -> usize {
        self.frames * 4096 + self.nodes * 8192
    }
}

/// Where a store is.
pub(crate) struct Place {
    pub(crate) medium: Arc<Counting>,
    seal: Arc<Counting>,
}

impl Place {
    /// A new one, and what is in it: nothing.
    pub(crate) fn new(cache: Cache) -> (Self, Store) {
        let this = Self { medium: Arc::default(), seal: Arc::default() };
        let first = NewSlot {
            secret: Secret::KeyFile(&KEY),
            label: "test",
            settings: Settings::INTERACTIVE,
            made: 0,
        };
        let mut dice = Dice(1);
        let made = Store::create(this.media(), &first, cache.memory(), (0, 0), NOW, &mut dice);
        (this, made.unwrap())
    }

    fn media(&self) -> Media {
        Media { store: self.medium.clone(), seal: self.seal.clone() }
    }

    /// Opened anew. The seed must be another one each time, as keys are drawn from it.
    pub(crate) fn open(&self, cache: Cache, seed: u64) -> Store {
        let closed = Closed::look(self.media()).unwrap();
        closed.open(&Secret::KeyFile(&KEY), cache.memory(), Some(&mut Dice(seed << 20))).unwrap()
    }
}

/// What is due between two operations.
pub(crate) fn between(store: &mut Store) {
    store.tidy();
    if store.needs_commit() {
        sync(store).unwrap();
    }
}

pub(crate) fn sync(store: &mut Store) -> Result<(), Error> {
    store.sync(NOW, false)
}

pub(crate) fn make(store: &mut Store, parent: ObjectId, name: &str, kind: Kind) -> ObjectId {
    let make = Make { kind, permissions: 0o755, user: 0, group: 0, device: 0 };
    store.make(parent, name.as_bytes(), &make, NOW).unwrap().object
}
