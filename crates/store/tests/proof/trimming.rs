//! Free blocks are given back, and nothing that anybody could come back to.

use crate::world::World;
use store::medium::Medium;
use store::simulation::Dice;
use store::{Error, Kind, Make, ObjectId, Store, Time};

const NOW: Time = Time { seconds: 5, nanoseconds: 0 };
const FILE: Make = Make { kind: Kind::File, permissions: 0o644, user: 0, group: 0, device: 0 };

/// Files by name, as they should be.
type Files = Vec<(String, Vec<u8>)>;

fn put(store: &mut Store, dice: &mut Dice, files: &mut Files, number: usize, length: usize) {
    let name = format!("file {number}");
    let object = store.make(ObjectId::ROOT, name.as_bytes(), &FILE, NOW).unwrap().object;
    let bytes = dice.bytes(length);
    store.write(object, 0, &bytes, NOW).unwrap();
    files.push((name, bytes));
}

fn remove(store: &mut Store, files: &mut Files, at: usize) {
    let (name, _) = files.remove(at);
    store.unlink(ObjectId::ROOT, name.as_bytes(), NOW).unwrap();
}

/// Whether a store has exactly these files.
fn has(store: &mut Store, files: &Files) -> bool {
    let mut names = Vec::new();
    let listed = store.list(ObjectId::ROOT, 0, &mut |entry| {
        names.push(String::from_utf8(entry.name.clone()).unwrap());
        true
    });
    listed.unwrap();
    names.len() == files.len()
        && files.iter().all(|(name, bytes)| {
            let Ok(found) = store.lookup(ObjectId::ROOT, name.as_bytes()) else { return false };
            let mut read = vec![0; bytes.len()];
            let length = store.read(found.object, 0, &mut read).unwrap();
            length == bytes.len() && read == *bytes
        })
}

/// Nothing is wrong with what was committed.
fn assert_well(store: &mut Store) {
    assert_eq!(store.verify(&mut |_| true).unwrap().findings, []);
}

/// A store with holes, after some commits that nothing was confirmed of.
fn with_holes(world: &World, dice: &mut Dice) -> (Store, Files) {
    let mut store = world.create(dice).unwrap();
    let mut files = Files::new();
    for number in 0..8 {
        let length = dice.below(100_000);
        put(&mut store, dice, &mut files, number, length);
        store.sync(NOW, false).unwrap();
    }
    for _ in 0..4 {
        let at = dice.below(files.len());
        remove(&mut store, &mut files, at);
        store.sync(NOW, false).unwrap();
    }
    (store, files)
}

#[test]
fn a_crash_at_any_time_of_a_trim_or_after_it_loses_nothing() {
    let soak = crate::soak() as u64;
    for seed in 0..4 * soak {
        let mut dice = Dice(seed);
        let world = World::new();
        let (mut store, mut files) = with_holes(&world, &mut dice);
        // Something that is not safe yet is made so.
        let gone = files.remove(0);
        store.unlink(ObjectId::ROOT, gone.0.as_bytes(), NOW).unwrap();
        let before = [std::slice::from_ref(&gone), &files].concat();
        world.record();
        let first = world.store.next_operation();
        let discards = world.store.counts().discards;
        let bytes = store.trim(NOW, false, &mut |_| true).unwrap();
        assert!(bytes > 65_536, "{bytes}");
        assert!(world.store.counts().discards > discards);
        assert!(has(&mut store, &files));
        assert_well(&mut store);
        let trimmed = world.store.next_operation();
        // And the store goes on, with what was given back.
        let after_trim = files.clone();
        for number in 20..22 {
            put(&mut store, &mut dice, &mut files, number, 150_000);
        }
        store.sync(NOW, false).unwrap();
        let end = world.store.next_operation();
        // Each of the trim's own; of those that follow, some.
        for operation in (first..trimmed).chain((trimmed..end).step_by(3)).chain([end]) {
            let crashed = world.crash_before(operation, seed ^ operation);
            // By who reads, and by who writes.
            let states = [&before, &after_trim, &files];
            let mut reader = crashed.read().unwrap();
            assert_well(&mut reader);
            let found = states.map(|files| has(&mut reader, files));
            assert_eq!(found.iter().filter(|found| **found).count(), 1, "at {operation}");
            assert!(operation < trimmed || !found[0], "the trim had made it safe");
            let mut writer = crashed.open(&mut dice).unwrap();
            let again = states.map(|files| has(&mut writer, files));
            assert_eq!(found, again, "at {operation}");
        }
        assert!(has(&mut world.read().unwrap(), &files));
    }
}

#[test]
fn both_superblocks_name_the_commit_before_the_first_block_goes() {
    let mut dice = Dice(3);
    let world = World::new();
    let (mut store, files) = with_holes(&world, &mut dice);
    store.trim(NOW, false, &mut |_| true).unwrap();
    drop(store);
    for slot in 0..2 {
        let (mut bytes, seal) = world.bytes();
        bytes[slot * 4096..][..4096].fill(0xff);
        let damaged = World::holding(bytes, &seal);
        let mut reader = damaged.read().unwrap();
        assert!(has(&mut reader, &files), "without slot {slot}");
        assert_well(&mut reader);
    }
}

#[test]
fn nothing_is_given_back_that_somebody_reads_or_that_nobody_may_change() {
    let mut dice = Dice(4);
    let world = World::new();
    let (mut store, files) = with_holes(&world, &mut dice);
    assert_eq!(store.trim(NOW, true, &mut |_| true), Err(Error::Locked));
    assert_eq!(world.store.counts().discards, 0);
    store.finish(NOW, false).unwrap();
    let mut reader = world.read().unwrap();
    assert_eq!(reader.trim(NOW, false, &mut |_| true), Err(Error::ReadOnly));
    // Who wants no more of it gets no more; a second time gives the same again.
    let size = world.store.size();
    store.trim(NOW, false, &mut |_| false).unwrap();
    let bytes = store.trim(NOW, false, &mut |_| true).unwrap();
    assert_eq!(store.trim(NOW, false, &mut |_| true), Ok(bytes));
    assert_eq!(world.store.size(), size);
    assert!(has(&mut store, &files));
    assert_well(&mut store);
}
