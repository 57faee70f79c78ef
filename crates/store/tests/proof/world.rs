//! A store and its seal on media that know what a crash does, and the one key to them.

use std::sync::Arc;
use store::keys::{NewSlot, Secret, Settings};
use store::medium::Medium;
use store::simulation::Dice;
use store::simulation::Simulation;
use store::{Closed, Error, Heap, Media, Memory, Store, Time};

pub(crate) const KEY: [u8; 32] = [7; 32];
pub(crate) const SECRET: Secret<'static> = Secret::KeyFile(&KEY);

/// The two halves, which count their operations together.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) store: Simulation,
    pub(crate) seal: Simulation,
}

impl World {
    pub(crate) fn new() -> Self {
        let store = Simulation::new();
        let seal = store.beside();
        Self { store, seal }
    }

    /// One that holds these bytes, safely.
    pub(crate) fn holding(store: Vec<u8>, seal: &[u8]) -> Self {
        let store = Simulation::holding(store);
        let beside = store.beside();
        beside.grow(seal.len() as u64).unwrap();
        beside.write(0, seal).unwrap();
        beside.sync().unwrap();
        Self { store, seal: beside }
    }

    /// All bytes of both halves.
    pub(crate) fn bytes(&self) -> (Vec<u8>, Vec<u8>) {
        (self.store.bytes(), self.seal.bytes())
    }

    pub(crate) fn record(&self) {
        self.store.record();
        self.seal.record();
    }

    /// Both as they may be after a crash right before that operation.
    pub(crate) fn crash_before(&self, operation: u64, seed: u64) -> Self {
        let store = self.store.crash_before(operation, seed).unwrap();
        // Whatever one half keeps says nothing about the other.
        let seal = self.seal.crash_before(operation, Dice(seed).number()).unwrap();
        Self::holding(store.bytes(), &seal.bytes())
    }

    pub(crate) fn media(&self) -> Media {
        Media { store: Arc::new(self.store.clone()), seal: Arc::new(self.seal.clone()) }
    }

    pub(crate) fn create(&self, dice: &mut Dice) -> Result<Store, Error> {
        create(self.media(), dice)
    }

    /// Opens it for writing.
    pub(crate) fn open(&self, dice: &mut Dice) -> Result<Store, Error> {
        Closed::look(self.media())?.open(&SECRET, memory(), Some(dice))
    }

    /// Opens it for reading.
    pub(crate) fn read(&self) -> Result<Store, Error> {
        Closed::look(self.media())?.open(&SECRET, memory(), None)
    }
}

pub(crate) fn create(media: Media, dice: &mut Dice) -> Result<Store, Error> {
    let first = slot(SECRET);
    Store::create(media, &first, memory(), (0, 0), Time::default(), dice)
}

pub(crate) fn slot(secret: Secret<'_>) -> NewSlot<'_> {
    // So little work that a test need not wait for it.
    let settings = Settings { memory: 8, passes: 1, lanes: 1 };
    NewSlot { secret, label: "test", settings, made: 0 }
}

/// So little that most of what is read comes from the medium.
pub(crate) fn memory() -> Memory {
    Memory { frames: Box::new(Heap::new(24)), nodes: 64 }
}
