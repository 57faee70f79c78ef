//! The simulated medium does what a disk may do, and nothing that it may not.

use proptest::prelude::*;
use std::collections::BTreeSet;
use store::medium::{Medium, Trouble};
use store::simulation::{Fault, Operation, Simulation};

const SECTOR: usize = 512;

fn grown(size: usize) -> Simulation {
    let medium = Simulation::new();
    medium.grow(size as u64).unwrap();
    medium.sync().unwrap();
    medium
}

#[test]
fn what_was_synchronised_survives_every_crash() {
    let medium = grown(8192);
    medium.write(100, &[1; 5000]).unwrap();
    medium.sync().unwrap();
    medium.write(200, &[2; 5000]).unwrap();
    for seed in 0..200 {
        let bytes = medium.crash(seed).bytes();
        assert_eq!((&bytes[..100], &bytes[5200..]), (&[0; 100][..], &[0; 2992][..]));
        assert_eq!(bytes[100..200], [1; 100]);
        assert!(bytes[200..5100].iter().all(|byte| matches!(byte, 1 | 2)));
        assert!(bytes[5100..5200].iter().all(|byte| matches!(byte, 0 | 2)));
    }
    assert_eq!(medium.crash(5).bytes(), medium.crash(5).bytes());
}

#[test]
fn unsynchronised_sectors_are_kept_and_lost_one_by_one_and_one_is_torn() {
    let medium = grown(4 * SECTOR);
    medium.write(0, &[1; 4 * SECTOR]).unwrap();
    let mut whole = BTreeSet::new();
    let mut torn = 0;
    for seed in 0..2000 {
        let bytes = medium.crash(seed).bytes();
        let kinds: Vec<_> = bytes
            .chunks(SECTOR)
            .map(|sector| {
                let kept = sector.iter().take_while(|byte| **byte == 1).count();
                assert!(sector[kept..].iter().all(|byte| *byte == 0), "only its beginning");
                kept
            })
            .collect();
        let cut = kinds.iter().filter(|kept| !matches!(**kept, 0 | SECTOR)).count();
        assert!(cut <= 1, "one head writes");
        torn += cut;
        if cut == 0 {
            whole.insert(kinds);
        }
    }
    assert_eq!(whole.len(), 16, "each choice of sectors is met");
    assert!(torn > 100, "{torn} were torn");
}

#[test]
fn a_later_write_may_be_there_without_an_earlier_one() {
    let medium = grown(2 * SECTOR);
    medium.write(0, &[1; SECTOR]).unwrap();
    medium.write(SECTOR as u64, &[2; SECTOR]).unwrap();
    let crashed = |seed| medium.crash(seed).bytes();
    assert!((0..100).any(|seed| crashed(seed) == [[0; SECTOR], [2; SECTOR]].concat()));
    assert!((0..100).any(|seed| crashed(seed) == [[1; SECTOR], [0; SECTOR]].concat()));
}

#[test]
fn growing_is_lost_too_and_discarded_bytes_are_anything() {
    let medium = grown(SECTOR);
    medium.grow(4 * SECTOR as u64).unwrap();
    medium.write(SECTOR as u64, &[1; SECTOR]).unwrap();
    let sizes: BTreeSet<_> = (0..100).map(|seed| medium.crash(seed).size()).collect();
    assert_eq!(sizes, BTreeSet::from([SECTOR as u64, 4 * SECTOR as u64]));
    medium.sync().unwrap();
    medium.discard(SECTOR as u64, SECTOR as u64);
    medium.discard(0, u64::MAX);
    assert!(medium.bytes()[SECTOR..2 * SECTOR].iter().all(|byte| !matches!(byte, 0 | 1)));
    let first: BTreeSet<_> = (0..100).map(|seed| medium.crash(seed).bytes()[SECTOR]).collect();
    assert_eq!(first.len(), 2, "there before, or discarded");
}

#[test]
fn who_lies_about_sync_loses() {
    let medium = grown(SECTOR);
    medium.lie_about_sync(true);
    medium.write(0, &[1; SECTOR]).unwrap();
    medium.sync().unwrap();
    assert!((0..100).any(|seed| medium.crash(seed).bytes() == [0; SECTOR]));
    medium.lie_about_sync(false);
    medium.sync().unwrap();
    assert!((0..100).all(|seed| medium.crash(seed).bytes() == [1; SECTOR]));
}

#[test]
fn what_a_failed_sync_left_no_later_one_makes_safe() {
    let medium = grown(3 * SECTOR);
    medium.write(0, &[1; 2 * SECTOR]).unwrap();
    let trouble = Trouble::System(5);
    medium.fail(Fault { operation: Some(Operation::Sync), after: 0, trouble, lasting: false });
    assert_eq!(medium.sync(), Err(trouble));
    medium.write(SECTOR as u64, &[2; 2 * SECTOR]).unwrap();
    medium.sync().unwrap();
    let crashed: Vec<_> = (0..200).map(|seed| medium.crash(seed).bytes()).collect();
    assert!(crashed.iter().all(|bytes| bytes[SECTOR..] == [2; 2 * SECTOR]), "safe since");
    let first: BTreeSet<_> = crashed.iter().map(|bytes| bytes[SECTOR - 1]).collect();
    assert_eq!(first, BTreeSet::from([0, 1]), "nobody knows");
}

#[test]
fn faults_come_when_they_are_told_to() {
    let medium = grown(4096);
    let fault = |operation, after, trouble, lasting| Fault { operation, after, trouble, lasting };
    medium.fail(fault(Some(Operation::Write), 2, Trouble::System(5), false));
    let write = || medium.write(0, &[1; 100]);
    let mut byte = [0];
    assert_eq!((write(), write()), (Ok(()), Ok(())));
    medium.read(0, &mut byte).unwrap();
    assert_eq!((write(), write()), (Err(Trouble::System(5)), Ok(())));
    medium.fail(fault(None, 1, Trouble::Short, true));
    assert_eq!(medium.read(0, &mut byte), Ok(()));
    assert_eq!((write(), medium.sync()), (Err(Trouble::Short), Err(Trouble::Short)));
    assert_eq!(medium.grow(8192), Err(Trouble::Short));
    medium.heal();
    assert_eq!(write(), Ok(()));
    medium.full_at(8192);
    assert_eq!((medium.grow(8193), medium.size()), (Err(Trouble::Full), 4096));
    assert_eq!((medium.grow(8192), medium.limit()), (Ok(()), 8192));
    medium.read_only(true);
    assert_eq!((write(), medium.grow(8193)), (Err(Trouble::ReadOnly), Err(Trouble::ReadOnly)));
    medium.read_only(false);
    assert_eq!(medium.write(8192, &[1]), Err(Trouble::Short));
    assert_eq!(medium.read(u64::MAX, &mut byte), Err(Trouble::Short));
    let counts = medium.counts();
    assert_eq!((counts.reads, counts.writes, counts.syncs, counts.grows), (3, 8, 2, 5));
}

#[test]
fn a_failed_write_leaves_a_part_of_it() {
    let medium = grown(4096);
    let trouble = Trouble::System(5);
    medium.fail(Fault { operation: None, after: 0, trouble, lasting: false });
    assert_eq!(medium.write(0, &[1; 1000]), Err(trouble));
    assert_eq!(medium.bytes()[..1000], [[1; 500], [0; 500]].concat());
}

#[test]
fn media_beside_each_other_crash_at_the_same_moment() {
    let store = grown(SECTOR);
    let seal = store.beside();
    seal.grow(SECTOR as u64).unwrap();
    seal.sync().unwrap();
    assert!(store.crash_before(0, 0).is_none(), "nothing was recorded yet");
    store.record();
    seal.record();
    let begin = store.next_operation();
    for step in 1..=5_u8 {
        store.write(0, &[step; SECTOR]).unwrap();
        store.sync().unwrap();
        seal.write(0, &[step; SECTOR]).unwrap();
        seal.sync().unwrap();
    }
    let end = seal.next_operation();
    assert_eq!(end - begin, 20);
    let mut pairs = BTreeSet::new();
    for operation in begin..=end {
        for seed in 0..40 {
            let (store, seal) =
                (store.crash_before(operation, seed), seal.crash_before(operation, seed));
            let (store, seal) = (store.unwrap().bytes()[0], seal.unwrap().bytes()[0]);
            // The store was always safe before the seal was begun.
            assert!(seal == store || seal + 1 == store, "{seal} and {store}");
            pairs.insert((store, seal));
        }
    }
    assert_eq!(pairs.len(), 11, "each state between two syncs is met: {pairs:?}");
}

#[test]
fn there_is_a_state_before_each_operation_and_one_after_all() {
    let medium = grown(SECTOR);
    assert_eq!(medium.states(0).count(), 1, "nothing was recorded");
    medium.record();
    medium.write(0, &[1]).unwrap();
    medium.sync().unwrap();
    medium.grow(1024).unwrap();
    let states: Vec<_> = medium.states(0).collect();
    let numbers: Vec<_> = states.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [2, 3, 4, 5]);
    assert_eq!(states[0].1.bytes(), [0; SECTOR]);
    assert_eq!(states[2].1.bytes()[0], 1);
    assert!((0..50).any(|seed| medium.states(seed).last().unwrap().1.size() == 1024));
}

#[test]
fn tampering_is_there_before_and_after_a_crash() {
    let medium = grown(1024);
    medium.write(0, &[1; 1024]).unwrap();
    medium.tamper(500, &[9; 24]);
    medium.tamper(1020, &[9; 24]);
    for seed in 0..20 {
        for bytes in [medium.bytes(), medium.crash(seed).bytes()] {
            assert_eq!((&bytes[500..524], &bytes[1020..]), (&[9; 24][..], &[9; 4][..]));
        }
    }
}

proptest! {
    #[test]
    fn without_a_crash_it_is_a_row_of_bytes(
        steps in prop::collection::vec((0_usize..5000, prop::collection::vec(any::<u8>(), 0..3000), any::<bool>()), 0..20)
    ) {
        let medium = grown(8192);
        let mut expected = vec![0; 8192];
        for (at, bytes, sync) in steps {
            medium.write(at as u64, &bytes).unwrap();
            expected[at..at + bytes.len()].copy_from_slice(&bytes);
            if sync {
                medium.sync().unwrap();
            }
            prop_assert_eq!(&medium.bytes(), &expected);
        }
        medium.sync().unwrap();
        prop_assert_eq!(&medium.crash(3).bytes(), &expected);
    }
}
