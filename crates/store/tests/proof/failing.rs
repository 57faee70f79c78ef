//! Media that are full, read-only, or fail: every operation goes well or says what is wrong, and the
//! last commit stays.

use crate::snapshot::{self, Snapshot};
use crate::workload::{Worker, make};
use crate::world::World;
use store::medium::{Medium, Trouble};
use store::simulation::Dice;
use store::simulation::{Fault, Operation, Simulation};
use store::{Error, Kind, ObjectId, Store};

const BLOCK: u64 = 4096;

#[test]
fn a_full_medium_refuses_what_has_no_room_and_keeps_what_is_there() {
    let mut full = 0;
    for (seed, blocks) in (0..).zip((150..700).step_by(if crate::soak() > 1 { 3 } else { 21 })) {
        let about = format!("{blocks} blocks");
        let world = World::new();
        world.store.full_at(blocks * BLOCK);
        let mut dice = Dice(seed);
        let mut store = world.create(&mut dice).unwrap();
        let mut worker = Worker::new(seed);
        for step in 0..250 {
            match worker.step(&mut store) {
                Ok(()) => {}
                Err(Error::Full) => full += 1,
                Err(error) => panic!("{about}, step {step}: {error} ({error:?})"),
            }
            if store.needs_commit() || worker.dice.below(10) == 0 {
                // There is always room for what was accepted.
                let done = store.sync(worker.now(), false);
                done.unwrap_or_else(|error| panic!("{about}, step {step}: {error}"));
                let nameless = worker.nameless(&mut store);
                let all = snapshot::of(&mut store);
                snapshot::check(&mut store, &all, nameless);
            }
        }
        // Fill the last block, and then remove something: there is room for that, too.
        let now = worker.now();
        let big = store.make(ObjectId::ROOT, b"big", &make(Kind::File), now).unwrap().object;
        let mut length = 0;
        let error = loop {
            match store.write(big, length, &[1; 4096], now) {
                Ok(()) => length += BLOCK,
                Err(error) => break error,
            }
            if store.needs_commit() {
                store.sync(now, false).unwrap();
            }
        };
        assert_eq!((&error, error.errno()), (&Error::Full, 28), "{about}");
        store.sync(now, false).unwrap();
        let expected = snapshot::of(&mut store);
        drop(store);
        let mut store = world.open(&mut dice).unwrap();
        assert!(snapshot::of(&mut store) == expected, "{about}");
        store.sync(now, false).unwrap();
        snapshot::verify(&mut store, &about);
        store.unlink(ObjectId::ROOT, b"big", now).unwrap();
        store.sync(now, false).unwrap();
        let again = store.make(ObjectId::ROOT, b"again", &make(Kind::File), now).unwrap().object;
        // Not all of it: the nodes of the tree may have become more.
        let bytes = vec![2; (length / 2).min(8 * BLOCK) as usize];
        let done = store.write(again, 0, &bytes, now);
        done.unwrap_or_else(|error| panic!("{about}, after {length} bytes went: {error}"));
        store.finish(now, false).unwrap();
        let all = snapshot::of(&mut store);
        snapshot::check(&mut store, &all, 0);
        snapshot::verify(&mut store, &about);
        assert!(all["/again"].contents == bytes, "{about}");
    }
    assert!(full > 50, "{full} were refused");
}

#[test]
fn where_there_is_no_room_no_store_is_made() {
    let mut made = 0;
    for blocks in 0..60 {
        let world = World::new();
        world.store.full_at(blocks * BLOCK);
        match world.create(&mut Dice(blocks)) {
            Ok(mut store) => {
                snapshot::of(&mut store);
                made += 1;
            }
            Err(error) => assert_eq!(error.errno(), 28, "{blocks} blocks: {error}"),
        }
        let world = World::new();
        world.seal.full_at(blocks.min(1) * BLOCK);
        let error = world.create(&mut Dice(blocks)).err().unwrap();
        assert_eq!(error, Error::SealMedium(Trouble::Full));
    }
    assert!((1..60).contains(&made), "{made} were made");
}

/// A store with something in it, finished.
fn filled(seed: u64) -> (World, Snapshot) {
    let world = World::new();
    let mut dice = Dice(seed);
    let mut store = world.create(&mut dice).unwrap();
    let mut worker = Worker::new(seed);
    for _ in 0..120 {
        worker.step(&mut store).unwrap();
        if store.needs_commit() {
            store.sync(worker.now(), false).unwrap();
        }
    }
    store.finish(worker.now(), false).unwrap();
    drop(store);
    let mut store = world.open(&mut dice).unwrap();
    store.finish(worker.now(), false).unwrap();
    let state = snapshot::of(&mut store);
    (world, state)
}

#[test]
fn a_read_only_medium_is_read_and_says_so_when_it_is_written_to() {
    for (store_refuses, seal_refuses) in [(true, false), (false, true), (true, true)] {
        let (world, expected) = filled(3);
        world.store.read_only(store_refuses);
        world.seal.read_only(seal_refuses);
        assert!(snapshot::of(&mut world.read().unwrap()) == expected);
        let mut reader = world.read().unwrap();
        let now = reader.commit_time();
        let refused = reader.make(ObjectId::ROOT, b"x", &make(Kind::File), now).unwrap_err();
        assert_eq!((&refused, refused.errno()), (&Error::ReadOnly, 30));
        assert_eq!(reader.sync(now, false), Err(Error::ReadOnly));

        let mut store = world.open(&mut Dice(4)).unwrap();
        let made = store.make(ObjectId::ROOT, b"x", &make(Kind::File), now);
        if let Ok(made) = made {
            let _ = store.write(made.object, 0, &[1; 9000], now);
        }
        assert_eq!(store.sync(now, false), Err(Error::Stopped(Trouble::ReadOnly)));
        let refused = store.make(ObjectId::ROOT, b"y", &make(Kind::File), now).unwrap_err();
        assert_eq!(refused, Error::Stopped(Trouble::ReadOnly));
        drop(store);
        world.store.read_only(false);
        world.seal.read_only(false);
        let mut store = world.open(&mut Dice(5)).unwrap();
        assert!(snapshot::of(&mut store) == expected);
    }
}

/// Something that goes wrong once, after so many operations of a kind.
struct Trap<'a> {
    medium: &'a Simulation,
    operation: Operation,
    /// At which call of that kind.
    at: u64,
    trouble: Trouble,
}

impl Trap<'_> {
    fn calls(&self) -> u64 {
        let counts = self.medium.counts();
        match self.operation {
            Operation::Read => counts.reads,
            Operation::Write => counts.writes,
            Operation::Sync => counts.syncs,
            Operation::Grow => counts.grows,
        }
    }

    fn sprung(&self) -> bool {
        self.calls() > self.at
    }

    fn set(&self) {
        if let Some(after) = self.at.checked_sub(self.calls()) {
            let operation = Some(self.operation);
            self.medium.fail(Fault { operation, after, trouble: self.trouble, lasting: false });
        }
    }

    /// Looks without springing it.
    fn look(&mut self, store: &mut Store) -> Snapshot {
        self.medium.heal();
        let before = self.calls();
        let all = snapshot::of(store);
        let looked = self.calls() - before;
        if self.at >= before {
            self.at += looked;
        }
        self.set();
        all
    }
}

/// Works until the trap has sprung and a while longer; gives false if it did not spring.
fn work(world: &World, trap: &mut Trap<'_>, first: Snapshot, seed: u64, about: &str) -> bool {
    let mut dice = Dice(seed);
    // What is safe, and what is being made safe.
    let (mut safe, mut coming) = (first, None);
    trap.set();
    let opened = world.open(&mut dice);
    if let Ok(mut store) = opened {
        let mut worker = Worker::new(seed);
        let mut stopped = false;
        for _ in 0..60 {
            if let Err(error) = worker.step(&mut store) {
                expect_trouble(&error, trap, stopped, about);
            }
            if !store.needs_commit() && worker.dice.below(6) > 0 {
                continue;
            }
            let done = commit(&mut store, &mut worker, trap, &mut coming);
            match done {
                Ok(true) => safe = coming.take().unwrap_or(safe),
                Ok(false) => {}
                Err(error) => {
                    expect_trouble(&error, trap, stopped, about);
                    stopped |= matches!(error, Error::Stopped(_));
                }
            }
            if stopped {
                let now = worker.now();
                let refused = store.make(ObjectId::ROOT, b"late", &make(Kind::File), now);
                assert_eq!(refused.err(), Some(Error::Stopped(trap.trouble)), "{about}");
            }
        }
    } else if let Err(error) = opened {
        expect_trouble(&error, trap, false, about);
    }
    let sprung = trap.sprung();
    trap.medium.heal();
    // As it is if only the program ends, and if the power fails as well.
    let (bytes, seal) = world.bytes();
    let ended = World::holding(bytes, &seal);
    for (how, left) in [("ended", ended)].into_iter().chain(
        (0..3).map(|seed| ("crashed", world.crash_before(world.store.next_operation(), seed))),
    ) {
        snapshot::verify(&mut left.read().unwrap(), &format!("{about}, {how}"));
        let mut store =
            left.open(&mut dice).unwrap_or_else(|error| panic!("{about}, {how}: {error}"));
        let found = snapshot::of(&mut store);
        assert!(found == safe || coming.as_ref() == Some(&found), "{about}, {how}: another state");
        snapshot::check(&mut store, &found, 0);
    }
    sprung
}

/// Commits; says whether there was anything to commit.
fn commit(
    store: &mut Store,
    worker: &mut Worker,
    trap: &mut Trap<'_>,
    coming: &mut Option<Snapshot>,
) -> Result<bool, Error> {
    let Some(mut landing) = store.begin_commit(worker.now())? else { return Ok(false) };
    *coming = Some(trap.look(store));
    let done = landing.land();
    store.finish_commit(landing, done, false)?;
    if worker.dice.below(3) == 0
        && let Some(mut landing) = store.begin_confirm()?
    {
        let done = landing.land();
        // It is safe all the same.
        store.finish_commit(landing, done, false).map(|()| true)
    } else {
        Ok(true)
    }
}

/// Only the trouble that was made may be told of, and only after it was.
fn expect_trouble(error: &Error, trap: &Trap<'_>, stopped: bool, about: &str) {
    assert!(trap.sprung(), "{about}: {error} before anything went wrong");
    let told = match error {
        Error::Medium(trouble) | Error::SealMedium(trouble) | Error::Stopped(trouble) => *trouble,
        Error::Full => Trouble::Full,
        error => panic!("{about}: {error} ({error:?})"),
    };
    assert_eq!(told, trap.trouble, "{about}");
    assert!(!stopped || matches!(error, Error::Stopped(_)), "{about}: {error}");
}

#[test]
fn whatever_fails_once_is_told_and_the_last_commit_stays() {
    let (filled, state) = filled(8);
    let (bytes, seal) = filled.bytes();
    let mut sprung = 0;
    for (half, operation, trouble) in [
        ("store", Operation::Read, Trouble::System(5)),
        ("store", Operation::Write, Trouble::System(5)),
        ("store", Operation::Write, Trouble::Full),
        ("store", Operation::Sync, Trouble::System(5)),
        ("store", Operation::Grow, Trouble::System(5)),
        ("store", Operation::Grow, Trouble::Full),
        ("seal", Operation::Read, Trouble::System(5)),
        ("seal", Operation::Write, Trouble::System(5)),
        ("seal", Operation::Sync, Trouble::Full),
    ] {
        let mut number = 0;
        let mut seed = 0;
        while seed < 4 * crate::soak() as u64 {
            let about =
                format!("{operation:?} {number} of the {half} with {trouble:?}, seed {seed}");
            let world = World::holding(bytes.clone(), &seal);
            world.record();
            let medium = if half == "store" { &world.store } else { &world.seal };
            let mut trap = Trap { medium, operation, at: 0, trouble };
            trap.at = trap.calls() + number;
            if work(&world, &mut trap, state.clone(), seed, &about) {
                sprung += 1;
                number += 1;
            } else {
                // As many of these there are in it; in the next one others fail.
                (number, seed) = (0, seed + 1);
            }
        }
    }
    assert!(sprung > 400, "{sprung} failed");
}

#[test]
fn a_seal_that_cannot_grow_is_no_trouble_later() {
    // It has its size from the beginning.
    let (world, state) = filled(9);
    world.seal.full_at(0);
    let mut store = world.open(&mut Dice(1)).unwrap();
    let now = store.commit_time();
    store.make(ObjectId::ROOT, b"x", &make(Kind::File), now).unwrap();
    store.finish(now, false).unwrap();
    assert!(world.seal.size() == 8192 && !state.contains_key("/x"));
    assert!(snapshot::of(&mut world.read().unwrap()).contains_key("/x"));
}
