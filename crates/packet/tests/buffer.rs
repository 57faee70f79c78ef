//! Pages have one owner, are bounded in number, and all come home.

use packet::{Batch, Checksum, Contiguous, HEADROOM, PAGE, Packet, Pool, Queue, SPREAD};
use proptest::prelude::*;
use std::thread;

fn away(pool: &Pool) -> usize {
    pool.statistics().away
}

fn numbered(pool: &mut Pool, number: u8) -> Packet {
    let mut packet = pool.allocate().unwrap();
    packet.push_back(1).unwrap()[0] = number;
    packet
}

#[test]
fn a_pool_has_a_bound() {
    let mut pool = Pool::plain(3);
    let mut taken = Batch::new();
    assert_eq!(pool.allocate_batch(&mut taken, 5), 3);
    assert!(pool.allocate().is_none());
    assert_eq!(away(&pool), 3);
    drop(taken.pop_front());
    assert_eq!(away(&pool), 2);
    assert!(pool.allocate().is_some());
    pool.recycle_batch(&mut taken);
    assert_eq!((away(&pool), pool.statistics().pages), (0, 3));
    assert!(Pool::plain(0).allocate().is_none());
}

#[test]
fn a_fresh_packet_is_empty_whatever_it_was_before() {
    let mut pool = Pool::plain(1);
    let mut packet = pool.allocate().unwrap();
    assert!(packet.set_range(10, 20));
    packet.offload_mut().checksum = Checksum::Verified;
    pool.recycle(packet);
    let packet = pool.allocate().unwrap();
    assert_eq!((packet.headroom(), packet.len()), (HEADROOM, 0));
    assert_eq!(packet.offload().checksum, Checksum::Unknown);
}

#[test]
fn ranges_stay_within_the_page() {
    let mut pool = Pool::plain(1);
    let mut packet = pool.allocate().unwrap();
    assert!(!packet.set_range(PAGE, 1) && !packet.set_range(usize::MAX, 2));
    assert!(!packet.set_range(1, usize::MAX) && packet.set_range(PAGE, 0));
    assert!(packet.push_back(1).is_none());
    assert_eq!(packet.push_front(PAGE).unwrap().len(), PAGE);
    assert!(packet.push_front(1).is_none());
    packet.cut_front(usize::MAX);
    assert_eq!((packet.len(), packet.headroom(), packet.tailroom()), (0, PAGE, 0));
    assert!(packet.set_range(100, 50));
    packet.truncate(usize::MAX);
    assert_eq!(packet.len(), 50);
}

#[test]
fn pages_of_a_registered_pool_lie_where_they_should() {
    let region = Contiguous::new(4).unwrap();
    let base = packet::Region::base(&region).as_ptr() as usize;
    let mut pool = Pool::registered(region);
    let mut all = Batch::new();
    assert_eq!(pool.allocate_batch(&mut all, 9), 4);
    for packet in &all {
        assert_eq!(packet.page_address(), base + packet.number() * PAGE);
        assert!(packet.belongs_to(&pool));
    }
    assert_eq!(pool.region().unwrap().pages(), 4);
}

#[test]
fn packets_outlive_their_pool() {
    let mut pool = Pool::registered(Contiguous::new(2).unwrap());
    let mut packet = numbered(&mut pool, 42);
    packet.append(numbered(&mut pool, 43));
    drop(pool);
    let packet = thread::spawn(move || packet).join().unwrap();
    assert_eq!(packet.pages().map(|page| page.bytes()[0]).collect::<Vec<_>>(), [42, 43]);
}

#[test]
fn foreign_packets_go_home_to_their_own_pool() {
    let (mut ours, mut theirs) = (Pool::plain(4), Pool::plain(4));
    let mut mixed = numbered(&mut ours, 1);
    mixed.append(numbered(&mut theirs, 2));
    mixed.append(numbered(&mut ours, 3));
    assert_eq!((away(&ours), away(&theirs)), (2, 1));
    ours.recycle(mixed);
    assert_eq!((away(&ours), away(&theirs)), (0, 0));
}

#[test]
fn a_handle_keeps_a_bounded_number_to_itself() {
    let mut pool = Pool::plain(2000);
    let mut all = Batch::new();
    assert_eq!(pool.allocate_batch(&mut all, 2000), 2000);
    pool.recycle_batch(&mut all);
    assert_eq!(away(&pool), 0);
    let mut other = pool.clone();
    let reachable = other.allocate_batch(&mut all, 2000);
    assert!(reachable >= 2000 - 256, "{reachable} of 2000 are within another handle's reach");
    drop(pool);
    assert_eq!(other.allocate_batch(&mut all, 2000) + reachable, 2000);
}

#[test]
fn dropping_a_long_chain_does_not_recurse() {
    let mut pool = Pool::plain(10_000);
    let mut chain: Option<Packet> = None;
    for _ in 0..10_000 {
        let mut packet = pool.allocate().unwrap();
        if let Some(rest) = chain {
            packet.append(rest);
        }
        chain = Some(packet);
    }
    assert_eq!(away(&pool), 10_000);
    let small_stack = thread::Builder::new().stack_size(64 << 10);
    small_stack.spawn(move || drop(chain)).unwrap().join().unwrap();
    assert_eq!(away(&pool), 0);
}

#[test]
fn a_queue_is_first_in_first_out_and_lets_go() {
    let mut pool = Pool::plain(16);
    let mut queue = Queue::new();
    for number in 0..5 {
        queue.push_back(numbered(&mut pool, number));
        assert_eq!(queue.front().unwrap().bytes(), [0]);
    }
    assert_eq!(queue.pop_front().unwrap().bytes(), [0]);
    queue.extend([numbered(&mut pool, 5)]);
    let mut moved = queue;
    for number in 1..6 {
        assert_eq!(moved.len(), 6 - usize::from(number));
        assert_eq!(moved.pop_front().unwrap().bytes(), [number]);
    }
    assert!(moved.is_empty() && moved.pop_front().is_none());
    moved.extend((0..9).map(|number| numbered(&mut pool, number)));
    assert_eq!(away(&pool), 9);
    drop(moved);
    assert_eq!(away(&pool), 0);
}

proptest! {
    /// A chain against a plain vector of its pages' bytes.
    #[test]
    fn chains_hold_what_was_put_into_them(
        pages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 1..8),
        keep in 0_usize..300,
        first in 0_usize..300,
        starts in prop::collection::vec(0_usize..PAGE - 50, 8),
    ) {
        let mut pool = Pool::plain(8);
        let mut whole = pages.concat();
        let mut chain = None::<Packet>;
        for (page, start) in pages.iter().zip(starts) {
            let mut packet = pool.allocate().unwrap();
            prop_assert!(packet.set_range(start, page.len()));
            packet.bytes_mut().copy_from_slice(page);
            match &mut chain {
                Some(chain) => chain.append(packet),
                None => chain = Some(packet),
            }
        }
        let mut chain = chain.unwrap();
        prop_assert_eq!(chain.frame_len(), whole.len());
        prop_assert_eq!(chain.gather(first), first <= whole.len());
        prop_assert!(chain.len() >= first || first > whole.len());
        let read = |chain: &Packet, from: usize| {
            let mut bytes = vec![0; 500];
            let count = chain.copy_out(from, &mut bytes);
            bytes.truncate(count);
            bytes
        };
        prop_assert_eq!(&read(&chain, 0), &whole);
        prop_assert_eq!(&read(&chain, first)[..], whole.get(first..).unwrap_or_default());
        chain.truncate_frame(keep);
        whole.truncate(keep);
        prop_assert_eq!(read(&chain, 0), whole);
        drop(chain);
        prop_assert_eq!(pool.statistics().away, 0);
    }
}

#[test]
fn no_page_can_hold_more_than_a_page() {
    let mut pool = Pool::plain(3);
    let mut chain = pool.allocate().unwrap();
    for _ in 0..2 {
        let mut page = pool.allocate().unwrap();
        page.push_back(3000).unwrap().fill(7);
        chain.append(page);
    }
    assert!(!chain.gather(PAGE + 1));
    assert!(chain.gather(PAGE));
    assert_eq!((chain.len(), chain.frame_len(), away(&pool)), (PAGE, 6000, 2));
}

#[test]
fn spread_frames_lie_in_their_pages_and_use_all_lines_alike() {
    const LINES: usize = PAGE / 64;
    let mut pool = Pool::plain(256);
    let mut packets = Batch::new();
    pool.allocate_batch(&mut packets, 256);
    for len in [1, 60, 700, 900, 1500, SPREAD] {
        for batch in packets.chunks_mut(32) {
            let mut used = [0; LINES];
            for packet in batch {
                packet.clear_spread(len);
                assert_eq!((packet.headroom() % 64, packet.len()), (0, 0));
                assert!(packet.headroom() >= HEADROOM);
                assert_eq!(packet.push_back(len).map(|bytes| bytes.len()), Some(len));
                let first = packet.headroom() / 64;
                used[first..first + len.div_ceil(64)].iter_mut().for_each(|count| *count += 1);
            }
            // As many as there would be if they began at equal distances, and a few more.
            let places = if len < 512 { 32 } else { (PAGE - HEADROOM - len) / 64 + 1 };
            let fair = (32 * len.div_ceil(64)).div_ceil(places).min(32);
            let most = used.into_iter().max();
            assert!(
                most <= Some(fair + 2),
                "{len} bytes: {most:?} in a line, {fair} would be fair"
            );
        }
    }
    for len in [SPREAD + 1, PAGE - HEADROOM, PAGE, usize::MAX] {
        packets[7].clear_spread(len);
        assert_eq!(packets[7].headroom(), HEADROOM);
    }
}
