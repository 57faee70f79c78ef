//! Keys that change while a store is open: at every moment one list or the other opens it.

use std::sync::Arc;
use store::keys::{KEY_AREA_AT, KEY_AREA_BYTES, NewSlot, RecoveryKey, Secret, Settings};
use store::medium::{Medium, Randomness};
use store::simulation::Simulation;
use store::{Closed, Error, Heap, Kind, Make, Media, Memory, ObjectId, Store, Taken, Time};

const NOW: Time = Time { seconds: 1_800_000_000, nanoseconds: 0 };
const FIRST: [u8; 32] = [1; 32];
const SECOND: [u8; 32] = [2; 32];

/// Bytes that never come twice.
struct Counted(u64);

impl Randomness for Counted {
    fn fill(&mut self, into: &mut [u8]) {
        for byte in into {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            *byte = (self.0 >> 56) as u8;
        }
    }
}

fn memory() -> Memory {
    Memory { frames: Box::new(Heap::new(256)), nodes: 256 }
}

fn slot<'a>(secret: Secret<'a>, label: &'a str) -> NewSlot<'a> {
    NewSlot { secret, label, settings: Settings::INTERACTIVE, made: 0 }
}

fn media(store: &Simulation, seal: &Simulation) -> Media {
    Media { store: Arc::new(store.clone()), seal: Arc::new(seal.clone()) }
}

fn open(media: Media, key: &[u8; 32], writes: Option<&mut Counted>) -> Result<Store, Error> {
    let writer = writes.map(|randomness| randomness as &mut dyn Randomness);
    Closed::look(media)?.open(&Secret::KeyFile(key), memory(), writer)
}

fn put(store: &mut Store, name: &[u8], contents: &[u8]) {
    let make = Make { kind: Kind::File, permissions: 0o600, user: 0, group: 0, device: 0 };
    let made = store.make(ObjectId::ROOT, name, &make, NOW).unwrap();
    store.write(made.object, 0, contents, NOW).unwrap();
}

fn get(store: &mut Store, name: &[u8]) -> Vec<u8> {
    let found = store.resolve(name).unwrap();
    let mut bytes = vec![0; found.size as usize];
    store.read(found.object, 0, &mut bytes).unwrap();
    bytes
}

struct World {
    store: Simulation,
    seal: Simulation,
    randomness: Counted,
    open: Store,
}

impl World {
    fn new() -> Self {
        let store = Simulation::new();
        let seal = store.beside();
        let mut randomness = Counted(7);
        let first = slot(Secret::KeyFile(&FIRST), "first");
        let media = media(&store, &seal);
        let mut open =
            Store::create(media, &first, memory(), (0, 0), NOW, &mut randomness).unwrap();
        put(&mut open, b"old", &[b'o'; 9000]);
        open.sync(NOW, false).unwrap();
        Self { store, seal, randomness, open }
    }

    fn media(&self) -> Media {
        media(&self.store, &self.seal)
    }

    fn add(&mut self, key: &[u8; 32]) -> usize {
        let new = slot(Secret::KeyFile(key), "added");
        self.open.change_keys(&mut self.randomness, |keys, random| keys.add(&new, random)).unwrap()
    }
}

/// The copies of the key area, as bytes.
fn copies(store: &Simulation) -> [Vec<u8>; 2] {
    [0, 1].map(|number: u64| {
        let mut bytes = vec![0; KEY_AREA_BYTES];
        store.read(KEY_AREA_AT + number * KEY_AREA_BYTES as u64, &mut bytes).unwrap();
        bytes
    })
}

/// The slots of a copy: what lies between the head and the nonce.
fn slots(copy: &[u8]) -> &[u8] {
    &copy[64..4160]
}

#[test]
fn a_key_is_added_and_removed_and_no_copy_keeps_it() {
    let mut world = World::new();
    let index = world.add(&SECOND);
    for key in [&FIRST, &SECOND] {
        assert_eq!(get(&mut open(world.media(), key, None).unwrap(), b"old"), [b'o'; 9000]);
    }
    world.open.change_keys(&mut world.randomness, |keys, _| keys.remove(index)).unwrap();
    assert_eq!(open(world.media(), &SECOND, None).err(), Some(Error::WrongKey));
    let [zero, one] = copies(&world.store);
    assert_eq!(slots(&zero), slots(&one), "a removed slot stays nowhere");
    assert!(slots(&zero).iter().any(|&byte| byte != 0));
    open(world.media(), &FIRST, None).unwrap();
}

#[test]
fn either_copy_may_be_damaged_and_a_writer_mends_it() {
    for number in [0, 1] {
        for at in [0, 16, 24, 40, 100, 4170, 4172, 4176, 4200] {
            let mut world = World::new();
            world.add(&SECOND);
            world.open.finish(NOW, false).unwrap();
            let place = KEY_AREA_AT + number * KEY_AREA_BYTES as u64 + at;
            let mut byte = [0];
            world.store.read(place, &mut byte).unwrap();
            world.store.tamper(place, &[!byte[0]]);
            for key in [&FIRST, &SECOND] {
                open(world.media(), key, None).unwrap_or_else(|error| panic!("{at}: {error}"));
            }
            let mut open = open(world.media(), &FIRST, Some(&mut world.randomness)).unwrap();
            open.finish(NOW, false).unwrap();
            let [zero, one] = copies(&world.store);
            assert_eq!(slots(&zero), slots(&one), "byte {at} of copy {number} is mended");
        }
    }
}

#[test]
fn after_rekey_what_is_written_needs_the_new_list() {
    let mut world = World::new();
    world.add(&SECOND);
    let before = world.store.bytes();
    let keep = [Secret::KeyFile(&FIRST)];
    let dropped =
        world.open.change_keys(&mut world.randomness, |keys, random| keys.rekey(&keep, random));
    assert_eq!(dropped.unwrap().iter().map(|slot| &*slot.label).collect::<Vec<_>>(), ["added"]);
    put(&mut world.open, b"new", &[b'n'; 5000]);
    world.open.finish(NOW, false).unwrap();
    assert_eq!(world.open.keys().keyring().generations(), 2);
    // Contents are not rewritten: the blocks of the old file are the same.
    let after = world.store.bytes();
    let same = before.chunks(4096).zip(after.chunks(4096)).skip(32).filter(|(b, a)| b == a);
    assert!(same.count() >= 3, "contents stay where they are");
    assert_eq!(open(world.media(), &SECOND, None).err(), Some(Error::WrongKey));
    let mut again = open(world.media(), &FIRST, Some(&mut world.randomness)).unwrap();
    assert_eq!(
        (get(&mut again, b"old"), get(&mut again, b"new")),
        (vec![b'o'; 9000], vec![b'n'; 5000])
    );
    // The old list of keys, put back, is noticed.
    for number in [0, 1] {
        let at = KEY_AREA_AT as usize + number * KEY_AREA_BYTES;
        world.store.tamper(at as u64, &before[at..at + KEY_AREA_BYTES]);
    }
    let refused = open(world.media(), &SECOND, None).err();
    assert!(matches!(refused, Some(Error::KeysRolledBack { .. })), "{refused:?}");
}

#[test]
fn a_change_that_fails_changes_nothing() {
    let mut world = World::new();
    let before = copies(&world.store);
    let refused = world.open.change_keys(&mut world.randomness, |keys, random| {
        keys.add(&slot(Secret::KeyFile(&SECOND), "half"), random)?;
        keys.remove(9)
    });
    assert_eq!(refused, Err(Error::NoSuchKey(9)));
    assert_eq!(copies(&world.store), before);
    assert_eq!(world.open.keys().slots().len(), 1);
    let recovery = RecoveryKey::from_bytes(&[5; 32]);
    let new = slot(Secret::Recovery(&recovery), "");
    world.open.change_keys(&mut world.randomness, |keys, random| keys.add(&new, random)).unwrap();
    assert_eq!(world.open.keys().slots().len(), 2, "the half of it is not there either");
    let mut reader = open(world.media(), &FIRST, None).unwrap();
    let refused = reader.change_keys(&mut world.randomness, |_, _| Ok(()));
    assert_eq!(refused, Err(Error::ReadOnly));
}

/// Crashes before every single operation of a change; whoever opens it then goes on, crashes too.
fn crash_everywhere(change: impl Fn(&mut World), seeds: u64) {
    let mut world = World::new();
    world.add(&SECOND);
    world.store.record();
    world.seal.record();
    let from = world.store.next_operation();
    change(&mut world);
    put(&mut world.open, b"new", &[b'n'; 5000]);
    world.open.finish(NOW, false).unwrap();
    let mut lists = [0, 0];
    for operation in from..=world.store.next_operation() {
        for seed in 0..seeds {
            let crashed = (
                world.store.crash_before(operation, seed).unwrap(),
                world.seal.crash_before(operation, seed ^ 0x63).unwrap(),
            );
            let both = || media(&crashed.0, &crashed.1);
            let removed = open(both(), &SECOND, None).is_err();
            lists[usize::from(removed)] += 1;
            let at = format!("before operation {operation}, seed {seed}");
            // What counts does not depend on who asks; and who was removed cannot undo it.
            let list = open(both(), &FIRST, None).map(|store| store.keys().slots().len());
            assert_eq!(list, Ok(if removed { 1 } else { 2 }), "{at}");
            let copy = [&crashed.0, &crashed.1].map(|medium| Simulation::holding(medium.bytes()));
            let writes = open(media(&copy[0], &copy[1]), &SECOND, Some(&mut Counted(seed)));
            match writes.map(drop) {
                Ok(()) => assert!(!removed, "{at}: it opens"),
                // The other copy may be half written.
                Err(Error::WrongKey | Error::KeysDamaged) => assert!(removed, "{at}"),
                Err(error) => panic!("{at}: {error}"),
            }
            assert!(!removed || copy[0].bytes() == crashed.0.bytes(), "{at}: it wrote");
            let mut randomness = Counted(operation << 8 | seed);
            let mut again = open(both(), &FIRST, Some(&mut randomness))
                .unwrap_or_else(|error| panic!("{at}: {error}"));
            assert_eq!(get(&mut again, b"old"), [b'o'; 9000], "{at}");
            put(&mut again, b"more", &[b'm'; 5000]);
            again.finish(NOW, false).unwrap();
            let [zero, one] = copies(&crashed.0);
            assert_eq!(slots(&zero), slots(&one), "{at}: both copies are alike again");
            let mut last = open(both(), &FIRST, None).unwrap();
            assert_eq!(get(&mut last, b"more"), [b'm'; 5000], "{at}");
            assert!(!removed || open(both(), &SECOND, None).is_err(), "{at}: it comes back");
        }
    }
    assert!(lists[0] > 0 && lists[1] > 0, "the crashes were before and after it: {lists:?}");
}

#[test]
fn a_crash_while_a_key_is_removed_leaves_one_list_or_the_other() {
    crash_everywhere(
        |world| world.open.change_keys(&mut world.randomness, |keys, _| keys.remove(1)).unwrap(),
        16,
    );
}

#[test]
fn a_crash_while_new_keys_are_drawn_leaves_one_list_or_the_other() {
    crash_everywhere(
        |world| {
            let keep = [Secret::KeyFile(&FIRST)];
            world
                .open
                .change_keys(&mut world.randomness, |keys, random| keys.rekey(&keep, random))
                .unwrap();
        },
        16,
    );
}

#[test]
fn a_file_without_a_name_is_there_only_when_it_has_one() {
    let mut world = World::new();
    let make = Make { kind: Kind::File, permissions: 0o640, user: 1, group: 2, device: 0 };
    let objects = world.open.room().objects;
    let unnamed = |world: &mut World| {
        let made = world.open.make_unnamed(ObjectId::ROOT, &make, NOW).unwrap().object;
        world.open.write(made, 0, &vec![b'u'; 50_000], NOW).unwrap();
        world.open.sync(NOW, false).unwrap();
        made
    };
    // Closed without a name, it is gone.
    let gone = unnamed(&mut world);
    world.open.close(gone).unwrap();
    assert_eq!(world.open.attributes(gone), Err(Error::Stale));
    assert_eq!(world.open.room().objects, objects);
    // A writer that was killed left one behind: the next one removes it.
    let left = unnamed(&mut world);
    let mut next = open(world.media(), &FIRST, Some(&mut world.randomness)).unwrap();
    assert_eq!(next.attributes(left), Err(Error::Stale));
    assert_eq!(next.room().objects, objects);
    drop(next);
    // Named, it is whole, and replaces only what it is told to.
    let named = world.open.make_unnamed(ObjectId::ROOT, &make, NOW).unwrap().object;
    world.open.write(named, 0, b"contents", NOW).unwrap();
    let name =
        |world: &mut World, taken| world.open.name(named, ObjectId::ROOT, b"old", taken, NOW);
    assert_eq!(name(&mut world, Taken::Refuse), Err(Error::Exists));
    assert_eq!(get(&mut world.open, b"old"), [b'o'; 9000]);
    let attributes = name(&mut world, Taken::Replace).unwrap();
    assert_eq!((attributes.links, attributes.mode & 0o7777, attributes.user), (1, 0o640, 1));
    world.open.close(named).unwrap();
    assert!(matches!(name(&mut world, Taken::Refuse), Err(Error::Invalid(_))));
    world.open.finish(NOW, false).unwrap();
    let mut reader = open(world.media(), &FIRST, None).unwrap();
    assert_eq!(get(&mut reader, b"old"), b"contents");
    assert_eq!(reader.attributes(ObjectId::ROOT).unwrap().size, 1);
    assert_eq!(reader.path_of(named), Some(b"/old".to_vec()));
}
