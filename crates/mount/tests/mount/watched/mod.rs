//! A real store on a medium in memory, watched while it is mounted: how often it was asked for what,
//! what it has open, and errors where a test wants some.

mod files;

use mount::Files;
use std::collections::HashMap;
use std::ops::{Deref, Range};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use store::host::{SystemRandomness, Volume};
use store::keys::{NewSlot, Secret, Settings};
use store::simulation::Simulation;
use store::{
    Attributes, Change, Closed, Damage, Damaged, Error, Media, ObjectId, Room, Store, Time,
};

const KEY: [u8; 32] = [7; 32];
const BLOCK: usize = 4096;

pub(crate) struct Watched {
    medium: Simulation,
    seal: Simulation,
    volume: Mutex<Arc<Volume>>,
    opened: Mutex<HashMap<u64, u64>>,
    damaged: Mutex<Option<u64>>,
    pub(crate) syncs: AtomicU64,
    pub(crate) reads: AtomicU64,
    pub(crate) lookups: AtomicU64,
    failing: AtomicBool,
}

fn memory() -> store::Memory {
    store::Memory { frames: store::host::frames(8192).unwrap(), nodes: 2048 }
}

fn media(medium: &Simulation, seal: &Simulation) -> Media {
    Media { store: Arc::new(medium.clone()), seal: Arc::new(seal.clone()) }
}

impl Watched {
    /// An empty store, whose root everybody may look at, with room for so many bytes.
    pub(crate) fn with_room(bytes: u64) -> Self {
        let medium = Simulation::new();
        let seal = medium.beside();
        medium.full_at(bytes);
        let first = NewSlot {
            secret: Secret::KeyFile(&KEY),
            label: "test",
            settings: Settings::INTERACTIVE,
            made: 0,
        };
        let mut randomness = SystemRandomness::new().unwrap();
        let user = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let created = Store::create(
            media(&medium, &seal),
            &first,
            memory(),
            user,
            Time::default(),
            &mut randomness,
        );
        let volume = Volume::new(created.unwrap(), None);
        let open = Change { permissions: Some(0o755), ..Change::default() };
        volume.change(ObjectId::ROOT, &open, Time::default()).unwrap();
        Self {
            medium,
            seal,
            volume: Mutex::new(Arc::new(volume)),
            opened: Mutex::default(),
            damaged: Mutex::default(),
            syncs: AtomicU64::new(0),
            reads: AtomicU64::new(0),
            lookups: AtomicU64::new(0),
            failing: AtomicBool::new(false),
        }
    }

    pub(crate) fn new() -> Self {
        Self::with_room(1 << 30)
    }

    /// Closes the store and opens it from its medium, so that nothing is remembered of it.
    pub(crate) fn reopen(&self) {
        let mut volume = self.volume.lock().unwrap();
        volume.close().unwrap();
        let closed = Closed::look(media(&self.medium, &self.seal)).unwrap();
        let mut randomness = SystemRandomness::new().unwrap();
        let secret = Secret::KeyFile(&KEY);
        let store = closed.open(&secret, memory(), Some(&mut randomness)).unwrap();
        *volume = Arc::new(Volume::new(store, None));
    }

    pub(crate) fn room(&self) -> Room {
        self.volume().room().unwrap()
    }

    /// How many objects there are, the root included, with a name or without.
    pub(crate) fn objects(&self) -> u64 {
        self.room().objects
    }

    /// How many objects are open.
    pub(crate) fn opened(&self) -> usize {
        self.opened.lock().unwrap().len()
    }

    /// What is stored about something in the root.
    pub(crate) fn stored(&self, name: &[u8]) -> Attributes {
        self.volume().lookup(ObjectId::ROOT, name).unwrap()
    }

    /// From now on, every lookup panics.
    pub(crate) fn fail(&self) {
        self.failing.store(true, Ordering::Relaxed);
    }

    /// From now on, whoever asks for this object is told that it is damaged.
    pub(crate) fn damage(&self, object: u64) {
        *self.damaged.lock().unwrap() = Some(object);
    }

    /// Writes to the medium.
    pub(crate) fn writes(&self) -> u64 {
        self.medium.counts().writes
    }

    /// The medium, to tell later what has changed on it.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.medium.bytes()
    }

    /// Changes one bit on the medium, in the midst of the longest run of blocks that have changed
    /// since it had these bytes: the pages of a large file.
    pub(crate) fn spoil_what_was_written_since(&self, before: &[u8]) {
        let after = self.medium.bytes();
        let changed = |block: usize| {
            let at = Range { start: block * BLOCK, end: (block + 1) * BLOCK };
            // What the medium has grown by was zeros.
            after.get(at.clone()) != Some(before.get(at).unwrap_or(&[0; BLOCK]))
        };
        let (mut run, mut longest) = (0..0, 0..0);
        for block in 0..after.len() / BLOCK {
            if !changed(block) {
                continue;
            }
            run = if run.end == block { run.start..block + 1 } else { block..block + 1 };
            if run.len() > longest.len() {
                longest = run.clone();
            }
        }
        let at = usize::midpoint(longest.start, longest.end) * BLOCK + 100;
        self.medium.tamper(at as u64, &[after[at] ^ 1]);
    }

    /// The store, unless this object is to be damaged.
    fn whole(&self, object: ObjectId) -> Result<impl Deref<Target = Volume>, Error> {
        if *self.damaged.lock().unwrap() != Some(object.0) {
            return Ok(self.volume());
        }
        let what = Damaged::Page { object: object.0, page: 0 };
        Err(Error::Damaged(Damage { block: 99, what, path: Some("/the/file".to_owned()) }))
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let closed = self.volume().close();
        assert!(std::thread::panicking() || closed.is_ok(), "{closed:?}");
    }
}
