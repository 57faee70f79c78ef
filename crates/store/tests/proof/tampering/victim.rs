//! A small store with something of everything in it, as it was after each of its commits.

use crate::snapshot::{self, Snapshot};
use crate::workload::make;
use crate::world::World;
use store::simulation::Dice;
use store::{Change, Kind, ObjectId, SetExtra, Store, Time};

pub(super) const BLOCK: usize = 4096;
/// So small that blocks have to be used again.
const ROOM: u64 = 400 * BLOCK as u64;
/// How often it is changed; its last commit has one number more.
const ROUNDS: u32 = 10;
/// The number of its last commit.
pub(super) const NEWEST: u64 = ROUNDS as u64 + 1;

/// What both media held after a commit, and what was in the store.
pub(super) struct Version {
    pub(super) store: Vec<u8>,
    pub(super) seal: Vec<u8>,
    pub(super) state: Snapshot,
}

impl Version {
    pub(super) fn of(world: &World, store: &mut Store) -> Self {
        let (bytes, seal) = world.bytes();
        Self { store: bytes, seal, state: snapshot::of(store) }
    }

    pub(super) fn blocks(&self) -> usize {
        self.store.len() / BLOCK
    }

    /// It, with another medium.
    pub(super) fn with(&self, store: Vec<u8>) -> World {
        World::holding(store, &self.seal)
    }

    /// It, with blocks that were changed.
    pub(super) fn changed(&self, change: impl FnOnce(&mut [[u8; BLOCK]])) -> World {
        let mut bytes = self.store.clone();
        change(bytes.as_chunks_mut().0);
        self.with(bytes)
    }

    pub(super) fn block(&self, number: usize) -> &[u8] {
        &self.store[number * BLOCK..(number + 1) * BLOCK]
    }
}

fn put(store: &mut Store, path: &str, offset: usize, bytes: &[u8], now: Time) {
    let (above, name) = path.rsplit_once('/').unwrap();
    let parent = store.resolve(above.as_bytes()).unwrap().object;
    let file = match store.lookup(parent, name.as_bytes()) {
        Ok(found) => found.object,
        Err(_) => store.make(parent, name.as_bytes(), &make(Kind::File), now).unwrap().object,
    };
    store.write(file, offset as u64, bytes, now).unwrap();
}

/// All versions of it, each of them finished; the last is the newest.
pub(super) fn versions(seed: u64) -> Vec<Version> {
    let world = World::new();
    world.store.full_at(ROOM);
    let mut dice = Dice(seed);
    let mut store = world.create(&mut dice).unwrap();
    let mut versions = vec![Version::of(&world, &mut store)];
    for round in 0..ROUNDS {
        let now = Time { seconds: 1000 + i64::from(round), nanoseconds: 5 };
        change(&mut store, &mut dice, round as usize, now);
        store.finish(now, false).unwrap();
        versions.push(Version::of(&world, &mut store));
    }
    versions
}

fn change(store: &mut Store, dice: &mut Dice, round: usize, now: Time) {
    if round == 0 {
        store.make(ObjectId::ROOT, b"sub", &make(Kind::Directory), now).unwrap();
        store.make(ObjectId::ROOT, b"empty", &make(Kind::File), now).unwrap();
        store.make(ObjectId::ROOT, b"pipe", &make(Kind::Fifo), now).unwrap();
        store.make_link(ObjectId::ROOT, b"link", b"where it leads", 0, 0, now).unwrap();
        store.make_link(ObjectId::ROOT, b"far", &[b'x'; 2000], 0, 0, now).unwrap();
        put(store, "/pages", 0, &dice.bytes(10 * BLOCK), now);
        let pages = store.resolve(b"pages").unwrap().object;
        let sub = store.resolve(b"sub").unwrap().object;
        store.link(pages, sub, b"hard", now).unwrap();
        put(store, "/large", 0, &dice.bytes(70 * BLOCK + 17), now);
        for number in 0..40 {
            put(store, &format!("/sub/small-{number}"), 0, &dice.bytes(900), now);
        }
    }
    put(store, "/holes", round * 3 * BLOCK, &dice.bytes(BLOCK), now);
    // One page here, one there: an extent for each.
    for page in 0..6 {
        put(store, "/scattered", (2 * page + round % 2) * BLOCK, &dice.bytes(BLOCK), now);
    }
    put(store, "/pages", round * BLOCK, &dice.bytes(BLOCK), now);
    put(store, &format!("/sub/small-{round}"), 0, &dice.bytes(800 + 10 * round), now);
    put(store, &format!("/sub/of round {round}"), 0, &dice.bytes(5000), now);
    let small = store.resolve(b"sub/small-20").unwrap().object;
    let value = dice.bytes(200);
    store.set_extra(small, b"user.round", &value, SetExtra::Any, now).unwrap();
    if round > 1 {
        let sub = store.resolve(b"sub").unwrap().object;
        store.unlink(sub, format!("of round {}", round - 2).as_bytes(), now).unwrap();
        let size = Some((70 - round as u64) * BLOCK as u64);
        let large = store.resolve(b"large").unwrap().object;
        store.change(large, &Change { size, ..Change::default() }, now).unwrap();
    }
}
