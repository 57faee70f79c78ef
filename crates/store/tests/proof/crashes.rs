//! Crashes before every single operation of the media: what is found afterwards is exactly the last
//! commit that was acknowledged, or the one that was being made.
//!
//! Blocks and seal become safe at the same time on a real machine, so every order of the two is
//! met. After a crash work goes on, and crashes again.

mod history;
mod keys;

use crate::snapshot;
use crate::workload::{Worker, make};
use crate::world::World;
use history::{History, Order};
pub(crate) use keys::{DROPPED, change as change_keys};
use store::simulation::Dice;
use store::{Error, Kind, ObjectId, Store};

/// Works for a while, and records what must be there after a crash at which operation.
fn work(world: &World, store: &mut Store, history: &mut History, seed: u64, steps: usize) {
    let mut worker = Worker::new(seed);
    for _ in 0..steps {
        worker.step(store).unwrap();
        let order = Order::draw(&mut worker.dice);
        if store.needs_commit() || worker.dice.below(8) == 0 {
            history.commit(world, store, &mut worker, order);
        }
        if worker.dice.below(25) == 0 {
            history::confirm(store, order);
        }
        if worker.dice.below(12) == 0 {
            // Pages go out long before the commit that they belong to.
            history::flush_some(store);
        }
    }
}

/// Opens what a crash left: it must be one of those states.
fn recover(
    world: &World,
    history: &History,
    operation: u64,
    dice: &mut Dice,
    about: &str,
) -> Store {
    match world.read() {
        Ok(mut store) => snapshot::verify(&mut store, about),
        Err(error) => panic!("{about}: {error} ({error:?})"),
    }
    let mut store = match world.open(dice) {
        Ok(store) => store,
        Err(error) => panic!("{about}: {error} ({error:?})"),
    };
    let commit = store.commit_number();
    let expected = history.allowed(operation).find(|(number, _)| *number == commit);
    let Some((_, expected)) = expected else {
        let allowed: Vec<u64> = history.allowed(operation).map(|(number, _)| number).collect();
        panic!("{about}: commit {commit} is found, and {allowed:?} may be");
    };
    let found = snapshot::of(&mut store);
    assert!(found == *expected, "{about}: commit {commit} is not what was committed");
    snapshot::check(&mut store, &found, 0);
    store
}

/// Crashes before operations of a recorded time, checks, goes on, and crashes again.
fn crash(
    world: &World,
    history: &History,
    seed: u64,
    trail: &str,
    again: usize,
    points: Option<usize>,
) -> usize {
    let mut dice = Dice(seed);
    let (begin, end) = (history.begin, world.store.next_operation());
    let operations: Vec<u64> = match points {
        None => (begin..=end).collect(),
        Some(count) => {
            (0..count).map(|_| begin + dice.below((end - begin + 1) as usize) as u64).collect()
        }
    };
    let mut tried = 0;
    for operation in operations {
        let seed = dice.number();
        let about = format!("{trail}, crash before {operation} with {seed}");
        let crashed = world.crash_before(operation, seed);
        crashed.record();
        let begin = crashed.store.next_operation();
        let mut store = recover(&crashed, history, operation, &mut dice, &about);
        tried += 1;
        let found = (store.commit_number(), snapshot::of(&mut store));
        let mut next = History::beginning(begin, found);
        if again > 0 && (points.is_some() || dice.below(6) == 0) {
            work(&crashed, &mut store, &mut next, dice.number(), 25);
            drop(store);
            tried += crash(&crashed, &next, dice.number(), &about, again - 1, Some(3));
        } else {
            go_on(&crashed, store, &mut dice, &about);
        }
    }
    tried
}

/// One more file, and it is there when the store is opened the next time.
fn go_on(world: &World, mut store: Store, dice: &mut Dice, about: &str) {
    let now = store.commit_time();
    let bytes = dice.bytes(9000);
    let made = store.make(ObjectId::ROOT, b"after the crash", &make(Kind::File), now);
    match made {
        Ok(made) => store.write(made.object, 0, &bytes, now).unwrap(),
        Err(Error::Exists) => {}
        Err(error) => panic!("{about}: {error}"),
    }
    store.sync(now, false).unwrap();
    let expected = snapshot::of(&mut store);
    drop(store);
    let mut store = world.read().unwrap();
    assert!(snapshot::of(&mut store) == expected, "{about}: what went on is not there");
    snapshot::verify(&mut store, about);
}

fn life(seed: u64, steps: usize, points: Option<usize>) -> usize {
    let world = World::new();
    let mut dice = Dice(seed);
    let mut store = world.create(&mut dice).unwrap();
    world.record();
    let found = (store.commit_number(), snapshot::of(&mut store));
    let mut history = History::beginning(world.store.next_operation(), found);
    work(&world, &mut store, &mut history, seed, steps);
    drop(store);
    crash(&world, &history, seed, &format!("seed {seed}"), 3, points)
}

#[test]
fn after_a_crash_anywhere_all_is_as_it_was_committed() {
    let mut tried = 0;
    for seed in 0..4 * crate::soak() as u64 {
        tried += life(seed, 120, None);
    }
    assert!(tried > 1000, "{tried} crashes");
}

#[test]
fn crash_follows_crash() {
    // One store, a few operations between one crash and the next.
    for seed in 100..100 + 10 * crate::soak() as u64 {
        let world = World::new();
        let mut dice = Dice(seed);
        let mut store = world.create(&mut dice).unwrap();
        let found = (store.commit_number(), snapshot::of(&mut store));
        world.record();
        let mut history = History::beginning(world.store.next_operation(), found);
        let mut world = world;
        for crash in 0..60 {
            let about = format!("seed {seed}, crash {crash}");
            let steps = 1 + dice.below(20);
            work(&world, &mut store, &mut history, dice.number(), steps);
            drop(store);
            let span = world.store.next_operation() - history.begin + 1;
            let operation = history.begin + dice.below(span as usize) as u64;
            let crashed = world.crash_before(operation, dice.number());
            crashed.record();
            let begin = crashed.store.next_operation();
            store = recover(&crashed, &history, operation, &mut dice, &about);
            history = History::beginning(begin, (store.commit_number(), snapshot::of(&mut store)));
            world = crashed;
        }
    }
}

#[test]
fn a_crash_while_it_is_made_leaves_a_store_or_none() {
    let world = World::new();
    world.record();
    let begin = world.store.next_operation();
    let mut made = world.create(&mut Dice(1)).unwrap();
    let expected = snapshot::of(&mut made);
    let end = world.store.next_operation();
    let mut whole = 0;
    for operation in begin..=end {
        for seed in 0..20 {
            let crashed = world.crash_before(operation, seed);
            match crashed.open(&mut Dice(2)) {
                Ok(mut store) => {
                    assert_eq!(snapshot::of(&mut store), expected);
                    whole += 1;
                }
                Err(
                    Error::NotAStore
                    | Error::NotASeal
                    | Error::SealDamaged
                    | Error::SuperblockDamaged,
                ) => assert!(operation < end),
                Err(error) => panic!("before {operation}, with {seed}: {error}"),
            }
        }
    }
    assert!(whole >= 20, "{whole} were whole");
}
