//! The list of pages at home, in every order in which threads can meet there. `cargo xtask test`
//! does this, or
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test -p cofferdam-packet --lib buffer::pool::tests \
//!   --profile orders --target-dir target/loom
//! ```
//!
//! It is the code itself that runs, with loom's atomics, cells and allocations in the place of
//! core's (`sync`), and [`super::FETCH`] so small that a handle leaves others something. Loom goes
//! through all orders of what two or three threads do to atomics, and all that each load may see by
//! the rules of C++11, and ends the test when
//!
//! - two touch the owner's half of a record and neither is told of the other: so a page has one
//!   owner, and sees all that the one before did;
//! - a page's memory is freed twice, or not at all, or without being told of its last use: so the
//!   core goes when the last reference does, and not before.
//!
//! Not tried: more than three threads and three pages; more changes of thread in the middle of
//! something than [`TURNS`]; exchanges that fail without a reason, and loads that see what others
//! store only later, which processors may do and loom does not; tags that come round after 2^32
//! changes. `tests/stress.rs` has many of all but the last, and tries few orders.

use super::{FETCH, Pool};
use crate::Packet;
use alloc::vec::Vec;
use core::iter;
use loom::thread;

/// Times that a thread is held up where it could go on. What goes wrong with such lists does so
/// with one or two.
const TURNS: usize = 4;

fn in_every_order(work: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(TURNS);
    model.check(work);
}

/// A pool whose pages all were used before, and are at home.
fn at_home(pages: usize) -> Pool {
    let mut pool = Pool::plain(pages);
    drop(all(&mut pool));
    assert_eq!(pool.statistics().away, 0);
    pool
}

/// All that a handle can get.
fn all(pool: &mut Pool) -> Vec<Packet> {
    iter::from_fn(|| pool.allocate()).collect()
}

/// Takes a packet, if there is one, and writes its own number to it.
fn take(pool: &mut Pool) -> Option<Packet> {
    let mut packet = pool.allocate()?;
    let mark = packet.number() as u8;
    packet.push_back(1).unwrap()[0] = mark;
    Some(packet)
}

fn take_two(pool: &mut Pool) -> Vec<Packet> {
    take(pool).into_iter().chain(take(pool)).collect()
}

/// Reads what was written: whoever else did so to one of these would be found out.
fn assert_marked<'a>(packets: impl IntoIterator<Item = &'a Packet>) {
    for packet in packets {
        assert_eq!(packet.bytes(), [packet.number() as u8]);
    }
}

/// Everything is home, once.
fn assert_whole(mut pool: Pool, pages: usize) {
    let packets = all(&mut pool);
    let mut numbers: Vec<_> = packets.iter().map(Packet::number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..pages).collect::<Vec<_>>());
}

/// Two take, write and drop: one page more than a handle fetches at once, so that both get some.
#[test]
fn a_page_has_one_owner() {
    in_every_order(|| {
        let mut mine = at_home(FETCH + 1);
        let mut others = mine.clone();
        let other = thread::spawn(move || {
            for _ in 0..2 {
                assert_marked(&take(&mut others));
            }
        });
        assert_marked(&take(&mut mine));
        other.join().unwrap();
        assert_whole(mine, FETCH + 1);
    });
}

/// While one looks along the list, another takes two and brings one of them back: the list begins
/// with the same page as before, and the page that came behind it is not there any more.
#[test]
fn a_list_that_looks_like_before_is_not_taken_for_the_one_before() {
    for back in 0..2 {
        in_every_order(move || {
            let mut mine = at_home(FETCH + 1);
            let mut others = mine.clone();
            let other = thread::spawn(move || {
                let mut packets = take_two(&mut others);
                if packets.len() == 2 {
                    drop(packets.remove(back));
                }
                assert_marked(&packets);
            });
            let packets = take_two(&mut mine);
            assert_marked(&packets);
            drop(packets);
            other.join().unwrap();
            assert_whole(mine, FETCH + 1);
        });
    }
}

/// Pages that nobody used yet are given out once.
#[test]
fn a_fresh_page_has_one_owner() {
    in_every_order(|| {
        let mut mine = Pool::plain(2);
        let mut others = mine.clone();
        let other = thread::spawn(move || take(&mut others));
        let packet = take(&mut mine).unwrap();
        let theirs = other.join().unwrap().unwrap();
        assert_ne!(packet.number(), theirs.number());
        assert_marked([&packet, &theirs]);
        assert!(mine.allocate().is_none());
        drop((packet, theirs));
        assert_whole(mine, 2);
    });
}

/// A handle gives its cache back, all at once, while others take and bring.
#[test]
fn a_handle_that_goes_leaves_its_pages() {
    in_every_order(|| {
        let mut mine = at_home(FETCH + 1);
        let mut others = mine.clone();
        let other = thread::spawn(move || {
            if let Some(packet) = take(&mut others) {
                others.recycle(packet);
            }
        });
        let packet = take(&mut mine);
        assert!(mine.statistics().away <= FETCH + 1);
        assert_marked(&packet);
        drop(packet);
        other.join().unwrap();
        assert_whole(mine, FETCH + 1);
    });
}

/// Packets outlive all handles, each on a thread of its own; whoever lets go last frees everything.
#[test]
fn whoever_lets_go_last_frees_everything() {
    in_every_order(|| {
        let mut pool = Pool::plain(2);
        let threads = [(); 2].map(|()| {
            let packet = take(&mut pool).unwrap();
            thread::spawn(move || assert_marked([&packet]))
        });
        drop(pool);
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

/// A chain goes home page by page, while its pages are taken again.
#[test]
fn pages_of_a_chain_go_home_one_by_one() {
    in_every_order(|| {
        let mut mine = at_home(2);
        let mut chain = take(&mut mine).unwrap();
        chain.append(take(&mut mine).unwrap());
        let mut others = mine.clone();
        let other = thread::spawn(move || assert_marked(&take_two(&mut others)));
        drop(chain);
        other.join().unwrap();
        assert_whole(mine, 2);
    });
}
