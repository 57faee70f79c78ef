//! Bounds on memory and time, and who suffers when they are reached.

use crate::build::{bytes, chain, fragment_v4, pattern, whole};
use core::time::Duration;
use netstack::Time;
use netstack::reassembly::{Limits, Outcome, Reason, Reassembly};
use packet::{Batch, Packet, Pool};

const LIMITS: Limits = Limits { pages: 40, pages_per_source: 10, timeout: Duration::from_secs(30) };

fn fragment(pool: &mut Pool, host: u8, identification: u16, start: usize, more: bool) -> Packet {
    chain(pool, &fragment_v4(host, identification, start, more, &pattern(8)), 3000, 100)
}

#[test]
fn a_flood_from_one_source_harms_nobody_else() {
    let mut pool = Pool::plain(200);
    let (mut free, mut reassembly) = (Batch::new(), Reassembly::new(LIMITS));
    let mut insert = |pool: &mut Pool, host, identification, start, more| {
        let packet = fragment(pool, host, identification, start, more);
        let outcome = reassembly.insert(packet, Time::ZERO, &mut free);
        assert!(reassembly.pages() <= LIMITS.pages);
        pool.recycle_batch(&mut free);
        outcome
    };
    for host in 10..20 {
        assert!(matches!(insert(&mut pool, host, 1, 0, true), Outcome::Kept));
    }
    for identification in 0..5000 {
        assert!(matches!(insert(&mut pool, 66, identification, 0, true), Outcome::Kept));
    }
    for host in 10..20 {
        drop(whole(insert(&mut pool, host, 1, 8, false)));
    }
    assert_eq!(reassembly.pages(), LIMITS.pages_per_source);
    assert_eq!(reassembly.statistics().dropped(Reason::NoRoom), 4990);
    assert_eq!(pool.statistics().away, 10);
}

#[test]
fn one_packet_cannot_take_more_than_its_source_may() {
    let mut pool = Pool::plain(200);
    let (mut free, mut reassembly) = (Batch::new(), Reassembly::new(LIMITS));
    for part in 0..11 {
        let packet = fragment(&mut pool, 1, 1, part * 8, true);
        assert!(matches!(reassembly.insert(packet, Time::ZERO, &mut free), Outcome::Kept));
    }
    assert_eq!((reassembly.pages(), free.len()), (0, 11));
    assert_eq!(reassembly.statistics().dropped(Reason::NoRoom), 11);
}

#[test]
fn when_many_want_too_much_the_oldest_goes() {
    let mut pool = Pool::plain(200);
    let (mut free, mut reassembly) = (Batch::new(), Reassembly::new(LIMITS));
    for host in 0..100 {
        let packet = fragment(&mut pool, host, 1, 0, true);
        assert!(matches!(reassembly.insert(packet, Time::ZERO, &mut free), Outcome::Kept));
    }
    assert_eq!((reassembly.pages(), free.len()), (40, 60));
    let last = fragment(&mut pool, 60, 1, 8, false);
    drop(whole(reassembly.insert(last, Time::ZERO, &mut free)));
    let last = fragment(&mut pool, 59, 1, 8, false);
    assert!(matches!(reassembly.insert(last, Time::ZERO, &mut free), Outcome::Kept));
}

#[test]
fn abandoned_packets_do_not_pile_up() {
    let mut pool = Pool::plain(200);
    let (mut free, mut reassembly) = (Batch::new(), Reassembly::new(LIMITS));
    for round in 0..1000_u16 {
        for start in [0, 0] {
            let len = if free.len().is_multiple_of(2) { 16 } else { 24 };
            let bytes = fragment_v4(round as u8, round, start, true, &pattern(len));
            let packet = chain(&mut pool, &bytes, 3000, 100);
            drop(reassembly.insert(packet, Time::ZERO, &mut free));
            assert!(reassembly.pages() <= LIMITS.pages);
        }
        pool.recycle_batch(&mut free);
    }
    assert!(pool.statistics().away <= LIMITS.pages);
}

#[test]
fn time_runs_out_and_the_sender_is_told() {
    let mut pool = Pool::plain(200);
    let (mut free, mut firsts, mut reassembly) =
        (Batch::new(), Batch::new(), Reassembly::new(LIMITS));
    assert_eq!(reassembly.deadline(), None);
    let first = fragment_v4(1, 1, 0, true, &pattern(16));
    for (at, packet) in [
        (1, chain(&mut pool, &first, 3000, 100)),
        (2, fragment(&mut pool, 1, 1, 16, true)),
        (3, fragment(&mut pool, 1, 2, 8, true)),
        (9, fragment(&mut pool, 1, 3, 0, true)),
    ] {
        let outcome = reassembly.insert(packet, Time::from_secs(at), &mut free);
        assert!(matches!(outcome, Outcome::Kept));
    }
    assert_eq!(reassembly.deadline(), Some(Time::from_secs(31)));
    reassembly.expire(Time::from_millis(30_999), &mut free, &mut firsts);
    assert!(free.is_empty() && firsts.is_empty());
    reassembly.expire(Time::from_secs(33), &mut free, &mut firsts);
    assert_eq!((free.len(), firsts.len(), reassembly.pages()), (2, 1, 1));
    assert_eq!(bytes(&firsts[0]), first);
    assert_eq!(reassembly.statistics().dropped(Reason::Timeout), 3);
    // Nobody called `expire`: what comes too late begins anew.
    let late = fragment(&mut pool, 1, 3, 8, false);
    assert!(matches!(reassembly.insert(late, Time::from_secs(39), &mut free), Outcome::Kept));
    assert_eq!(reassembly.statistics().dropped(Reason::Timeout), 4);
    assert_eq!(reassembly.deadline(), Some(Time::from_secs(69)));
    reassembly.expire(Time::NEVER, &mut free, &mut firsts);
    drop((free, firsts));
    assert_eq!((reassembly.pages(), pool.statistics().away), (0, 0));
}
