//! Crashes while the list of keys changes: who may still open the store can, whatever was lost.

use crate::snapshot;
use crate::workload::Worker;
use crate::world::{SECRET, World, memory, slot};
use store::keys::Secret;
use store::simulation::Dice;
use store::{Closed, Error, Store};

const OTHER: [u8; 32] = [8; 32];
pub(crate) const DROPPED: Secret<'static> = Secret::KeyFile(&OTHER);

/// Two ways to open it, of which a new set of keys keeps one.
pub(crate) fn change(world: &World, rekey: bool, dice: &mut Dice) {
    let mut store = open(world, &SECRET, dice).unwrap();
    let changed = store.change_keys(dice, |keys, randomness| {
        if rekey {
            keys.rekey(&[SECRET], randomness).map(|dropped| dropped.len())
        } else {
            keys.add(&slot(DROPPED), randomness)
        }
    });
    assert_eq!(changed, Ok(1));
}

fn open(world: &World, secret: &Secret<'_>, dice: &mut Dice) -> Result<Store, Error> {
    Closed::look(world.media())?.open(secret, memory(), Some(dice))
}

fn filled(dice: &mut Dice, finished: bool) -> World {
    let world = World::new();
    let mut store = world.create(dice).unwrap();
    let mut worker = Worker::new(dice.number());
    for _ in 0..40 {
        worker.step(&mut store).unwrap();
        if worker.dice.below(10) == 0 {
            store.sync(worker.now(), false).unwrap();
        }
    }
    store.sync(worker.now(), false).unwrap();
    if finished {
        store.finish(worker.now(), false).unwrap();
    }
    drop(store);
    // Those that were open are gone now.
    let mut store = world.open(dice).unwrap();
    store.sync(worker.now(), false).unwrap();
    world
}

#[test]
fn a_change_of_keys_happens_or_does_not() {
    for seed in 0..6 {
        let mut dice = Dice(seed);
        let world = filled(&mut dice, seed % 2 == 0);
        change(&world, false, &mut dice);
        let expected = snapshot::of(&mut open(&world, &DROPPED, &mut dice).unwrap());
        let world = World::holding(world.store.bytes(), &world.seal.bytes());
        world.record();
        let begin = world.store.next_operation();
        change(&world, true, &mut dice);
        let end = world.store.next_operation();
        let mut outcomes = [0; 2];
        for operation in begin..=end {
            for crash in 0..15 {
                let about = format!("seed {seed}, before {operation}, with {crash}");
                let crashed = world.crash_before(operation, crash);
                match open(&crashed, &DROPPED, &mut dice) {
                    Ok(_) => {
                        assert!(operation < end, "{about}: it was dropped");
                        outcomes[0] += 1;
                    }
                    // Cut short in the older copy, a slot may open there, and nothing behind it.
                    Err(Error::WrongKey | Error::KeysDamaged) => outcomes[1] += 1,
                    Err(error) => panic!("{about}: {error} ({error:?})"),
                }
                let mut store = open(&crashed, &SECRET, &mut dice).unwrap();
                assert!(snapshot::of(&mut store) == expected, "{about}");
                let generations = store.keys().keyring().generations();
                assert!(generations == 2 || operation < end, "{about}");
                // A write settles which keys count; it must be those that were found.
                let mut worker = Worker::new(crash);
                for _ in 0..5 {
                    worker.step(&mut store).unwrap();
                }
                store.finish(worker.now(), false).unwrap();
                drop(store);
                let store = crashed.read().unwrap();
                assert_eq!(store.keys().keyring().generations(), generations, "{about}");
            }
        }
        assert!(outcomes.iter().all(|&count| count > 10), "{outcomes:?}");
    }
}
