//! The rules one by one; `model` holds the table against a simpler one.

mod model;

use super::*;
use alloc::vec;

const FILE: ObjectId = ObjectId(7);
const OTHER: ObjectId = ObjectId(8);
use Mode::{Exclusive, Shared};
use Owner::{Description, Flock, Process};

fn bytes(start: i64, length: i64) -> Range {
    Range::new(start, length).unwrap()
}

fn held_by(refused: Result<Vec<Woken>, Refused>) -> Owner {
    match refused {
        Err(Refused::Held { by, .. }) => by.owner,
        other => panic!("not refused: {other:?}"),
    }
}

fn granted(waiters: &[Waiter]) -> Vec<Woken> {
    waiters.iter().map(|waiter| Woken { waiter: *waiter, outcome: Ok(()) }).collect()
}

#[test]
fn shared_locks_go_together_and_exclusive_ones_do_not() {
    let mut locks = Locks::new(100);
    locks.set(FILE, Process(1), bytes(0, 10), Shared).unwrap();
    locks.set(FILE, Description(1), bytes(5, 10), Shared).unwrap();
    assert_eq!(held_by(locks.set(FILE, Process(2), bytes(9, 1), Exclusive)), Process(1));
    assert_eq!(held_by(locks.set(FILE, Process(2), bytes(10, 1), Exclusive)), Description(1));
    locks.set(FILE, Process(2), bytes(15, 1), Exclusive).unwrap();
    locks.set(OTHER, Process(2), bytes(0, 0), Exclusive).unwrap();
}

#[test]
fn flock_and_fcntl_do_not_see_each_other() {
    let mut locks = Locks::new(100);
    // A range given with `flock` means nothing.
    locks.set(FILE, Flock(1), bytes(3, 1), Exclusive).unwrap();
    locks.set(FILE, Process(1), Range::WHOLE, Exclusive).unwrap();
    assert_eq!(held_by(locks.set(FILE, Flock(2), bytes(9, 1), Shared)), Flock(1));
    assert_eq!(held_by(locks.set(FILE, Description(1), bytes(9, 1), Shared)), Process(1));
}

#[test]
fn a_flock_that_is_to_be_converted_is_lost_when_the_other_is_refused() {
    let mut locks = Locks::new(100);
    locks.set(FILE, Flock(1), Range::WHOLE, Shared).unwrap();
    locks.set(FILE, Flock(2), Range::WHOLE, Shared).unwrap();
    let third = locks.wait(Flock(3), FILE, Range::WHOLE, Exclusive).unwrap();
    let Err(Refused::Held { by, woken }) = locks.set(FILE, Flock(1), Range::WHOLE, Exclusive)
    else {
        panic!("granted beside another's lock");
    };
    assert_eq!((by.owner, woken), (Flock(2), vec![]));
    // The first has nothing now: when the second is gone, the one who waits gets it.
    assert_eq!(locks.release_all(FILE, Flock(2)), granted(&[third]));
}

#[test]
fn a_record_lock_that_is_to_be_upgraded_stays_when_that_is_refused() {
    let mut locks = Locks::new(100);
    locks.set(FILE, Process(1), bytes(0, 10), Shared).unwrap();
    locks.set(FILE, Process(2), bytes(0, 10), Shared).unwrap();
    assert_eq!(held_by(locks.set(FILE, Process(1), bytes(0, 10), Exclusive)), Process(2));
    assert_eq!(held_by(locks.set(FILE, Process(3), bytes(0, 10), Exclusive)), Process(1));
}

#[test]
fn neighbours_of_one_mode_are_one_lock_and_a_hole_makes_two() {
    let mut locks = Locks::new(100);
    locks.set(FILE, Process(1), bytes(0, 10), Exclusive).unwrap();
    locks.set(FILE, Process(1), bytes(10, 10), Exclusive).unwrap();
    let seen = |locks: &Locks, at| locks.test(FILE, Process(2), bytes(at, 1), Shared);
    assert_eq!(seen(&locks, 12).unwrap().range, bytes(0, 20));
    locks.release(FILE, Process(1), bytes(5, 5)).unwrap();
    assert_eq!(seen(&locks, 0).unwrap().range, bytes(0, 5));
    assert_eq!(seen(&locks, 7), None);
    assert_eq!(seen(&locks, 12).unwrap().range, bytes(10, 10));
    // Of another mode in the middle: three.
    locks.set(FILE, Process(1), bytes(12, 2), Shared).unwrap();
    assert_eq!(seen(&locks, 10).unwrap().range, bytes(10, 2));
    assert_eq!(seen(&locks, 12), None);
    assert_eq!(seen(&locks, 14).unwrap().range, bytes(14, 6));
}

#[test]
fn closing_gives_back_everything_of_that_owner_on_that_file_only() {
    let mut locks = Locks::new(4);
    locks.set(FILE, Process(1), bytes(0, 1), Exclusive).unwrap();
    locks.set(FILE, Process(1), bytes(2, 1), Exclusive).unwrap();
    locks.set(FILE, Description(1), bytes(4, 1), Exclusive).unwrap();
    locks.set(OTHER, Process(1), bytes(0, 1), Exclusive).unwrap();
    locks.release_all(FILE, Process(1));
    assert_eq!(locks.test(FILE, Process(2), bytes(0, 3), Exclusive), None);
    assert!(locks.test(FILE, Process(2), bytes(4, 1), Exclusive).is_some());
    assert!(locks.test(OTHER, Process(2), bytes(0, 1), Exclusive).is_some());
    assert_eq!(locks.records, 2);
}

#[test]
fn who_waits_longest_comes_first_and_readers_come_together() {
    let mut locks = Locks::new(100);
    locks.set(FILE, Process(1), bytes(0, 10), Exclusive).unwrap();
    let writer = locks.wait(Process(2), FILE, bytes(0, 10), Exclusive).unwrap();
    let reader = locks.wait(Process(3), FILE, bytes(0, 10), Shared).unwrap();
    let another = locks.wait(Process(4), FILE, bytes(0, 10), Shared).unwrap();
    let elsewhere = locks.wait(Process(5), FILE, bytes(9, 1), Shared).unwrap();
    assert_eq!(locks.release_all(FILE, Process(1)), granted(&[writer]));
    assert!(locks.cancel(another));
    assert!(!locks.cancel(another), "nobody gives up twice");
    assert!(!locks.cancel(writer), "it has it");
    assert_eq!(locks.release_all(FILE, Process(2)), granted(&[reader, elsewhere]));
}

#[test]
fn a_downgrade_wakes_readers() {
    let mut locks = Locks::new(100);
    locks.set(FILE, Process(1), bytes(0, 10), Exclusive).unwrap();
    let reader = locks.wait(Process(2), FILE, bytes(0, 10), Shared).unwrap();
    assert_eq!(locks.set(FILE, Process(1), bytes(0, 10), Shared), Ok(granted(&[reader])));
}

#[test]
fn a_grant_that_is_a_downgrade_wakes_who_waited_before() {
    let mut locks = Locks::new(100);
    locks.set(FILE, Process(1), bytes(0, 10), Exclusive).unwrap();
    locks.set(FILE, Process(2), bytes(15, 1), Exclusive).unwrap();
    let early = locks.wait(Process(3), FILE, bytes(0, 5), Shared).unwrap();
    let grown = locks.wait(Process(1), FILE, bytes(0, 20), Shared).unwrap();
    assert_eq!(locks.release_all(FILE, Process(2)), granted(&[grown, early]));
}

#[test]
fn processes_that_would_wait_for_each_other_are_told() {
    let mut locks = Locks::new(100);
    for process in 1..=3_u32 {
        let at = bytes(i64::from(process), 1);
        locks.set(FILE, Process(process.into()), at, Exclusive).unwrap();
    }
    let first = locks.wait(Process(1), FILE, bytes(2, 1), Exclusive).unwrap();
    locks.wait(Process(2), FILE, bytes(3, 1), Exclusive).unwrap();
    let last = locks.wait(Process(3), FILE, bytes(1, 1), Exclusive);
    assert_eq!(last, Err(Error::Deadlock));
    // On another file, too; and once one of them has given up, there is none.
    locks.set(OTHER, Process(1), Range::WHOLE, Shared).unwrap();
    let other = locks.wait(Process(3), OTHER, bytes(0, 1), Exclusive);
    assert_eq!(other, Err(Error::Deadlock));
    assert!(locks.cancel(first));
    locks.wait(Process(3), OTHER, bytes(0, 1), Exclusive).unwrap();
}

#[test]
fn descriptions_may_wait_for_each_other() {
    let mut locks = Locks::new(100);
    for owner in [Description, Flock] {
        for (file, at) in [(FILE, 1), (OTHER, 2)] {
            locks.set(file, owner(at), Range::WHOLE, Exclusive).unwrap();
        }
        locks.wait(owner(1), OTHER, Range::WHOLE, Exclusive).unwrap();
        locks.wait(owner(2), FILE, Range::WHOLE, Exclusive).unwrap();
    }
}

#[test]
fn the_table_is_bounded_and_unchanged_when_it_is_full() {
    let mut locks = Locks::new(3);
    locks.set(FILE, Process(1), bytes(0, 10), Exclusive).unwrap();
    locks.set(FILE, Process(2), bytes(20, 1), Exclusive).unwrap();
    let waiter = locks.wait(Process(3), FILE, bytes(0, 1), Shared).unwrap();
    assert_eq!(locks.set(FILE, Process(2), bytes(30, 1), Shared), Err(Refused::TooMany));
    assert_eq!(locks.set(OTHER, Process(2), bytes(30, 1), Shared), Err(Refused::TooMany));
    assert_eq!(locks.wait(Process(4), FILE, bytes(0, 1), Shared), Err(Error::TooManyLocks));
    assert_eq!(locks.release(FILE, Process(1), bytes(5, 1)), Err(Error::TooManyLocks));
    let by = locks.test(FILE, Process(2), bytes(5, 1), Shared).unwrap();
    assert_eq!(by.range, bytes(0, 10));
    assert!(!locks.files.contains_key(&OTHER), "a refused lock leaves nothing behind");
    // What does not grow goes on.
    locks.set(FILE, Process(2), bytes(20, 5), Exclusive).unwrap();
    assert_eq!(locks.release(FILE, Process(1), bytes(5, 9)), Ok(vec![]));
    assert_eq!(locks.release_all(FILE, Process(1)), granted(&[waiter]));
    locks.release_all(FILE, Process(2));
    locks.release_all(FILE, Process(3));
    assert_eq!((locks.records, locks.files.len(), locks.queue.len()), (0, 0, 0));
}

#[test]
fn who_waited_is_told_when_there_is_no_room_for_its_lock() {
    let mut locks = Locks::new(4);
    // Process 1 has one long shared lock; an exclusive one in its middle would make three of it.
    locks.set(FILE, Process(1), bytes(0, 30), Shared).unwrap();
    locks.set(FILE, Process(2), bytes(10, 1), Shared).unwrap();
    let waiter = locks.wait(Process(1), FILE, bytes(10, 1), Exclusive).unwrap();
    locks.set(OTHER, Process(2), bytes(0, 1), Shared).unwrap();
    // Process 2 goes on with another lock, so that nothing becomes free in the table.
    locks.set(FILE, Process(2), bytes(10, 9), Shared).unwrap();
    let woken = locks.release(FILE, Process(2), bytes(10, 1)).unwrap();
    assert_eq!(woken, [Woken { waiter, outcome: Err(Error::TooManyLocks) }]);
    let by = locks.test(FILE, Process(3), bytes(10, 1), Exclusive).unwrap();
    assert_eq!((by.range, by.mode), (bytes(0, 30), Shared));
}
