//! What an enemy on the link can send: everything is counted, memory stays within bounds, and
//! every buffer comes home.

mod segment;

use core::time::Duration;
use netstack::{DropReason, Time};
use proptest::prelude::*;
use segment::{Segment, config, mac, v4, v6};

/// A frame that host 1 sends to host 2, from the wire.
fn good_frames() -> Vec<Vec<u8>> {
    let mut link = Segment::new(2);
    link.seen = Some(Vec::new());
    link.bind(2, "[::]:7".parse().expect("an address"));
    for (from, to) in [(v4(1, 9), v4(2, 7)), (v6(1, 9), v6(2, 7)), (v4(1, 10), v4(2, 99))] {
        let client = link.bind(1, from);
        link.send(1, client, to, b"good");
        link.send(1, client, to, &[5; 3000]);
        link.settle();
    }
    link.pass(Duration::from_secs(5));
    link.seen.take().expect("kept")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Frames that were good until a few bytes changed, or were cut: none panics, none is kept.
    #[test]
    fn broken_frames_are_counted_and_gone(
        changes in prop::collection::vec(
            (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>(), 0_usize..80),
            1..400,
        ),
    ) {
        let good = good_frames();
        let mut link = Segment::new(2);
        let stack = link.bind(2, "[::]:7".parse().expect("an address"));
        for (which, at, value, cut) in changes {
            let mut frame = which.get(&good).clone();
            let at = at.index(frame.len());
            frame[at] = value;
            if cut > 40 {
                frame.truncate(cut - 40);
            }
            if frame.len() >= 6 {
                frame[..6].copy_from_slice(&mac(2).0);
            }
            link.inject(1, &frame);
        }
        link.received(2, stack);
        link.pass(Duration::from_mins(1));
        link.assert_nothing_lost();
    }

    /// Bytes that never were a frame.
    #[test]
    fn noise_is_dropped(frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..100)) {
        let mut link = Segment::new(1);
        for mut frame in frames {
            if frame.len() >= 12 {
                frame[..6].copy_from_slice(&mac(1).0);
                frame[6] &= 0xfe;
            }
            link.inject(0, &frame);
        }
        link.pass(Duration::from_mins(1));
        link.assert_nothing_lost();
    }
}

#[test]
fn many_neighbours_do_not_fill_the_memory() {
    let mut config = config(1);
    config.neighbor_entries = 64;
    let mut link = Segment::with([config]);
    let client = link.bind(1, v4(1, 0));
    let gateway = netstack::route::Route::on_link(
        netstack::route::Prefix::new([10, 0, 0, 0].into(), 8).expect("a prefix"),
        0,
    );
    link.host(1).add_route(gateway).expect("room");
    for number in 0..2000_u32 {
        let to = core::net::IpAddr::V4((0x0a01_0000 + number).into());
        link.send(1, client, (to, 9).into(), b"x");
    }
    assert!(link.nodes[0].free.len() >= link.nodes[0].pages - 64);
    assert!(link.dropped(1, DropReason::NeighborPending) >= 2000 - 64);
    link.pass(Duration::from_secs(10));
    link.assert_nothing_lost();
}

#[test]
fn requests_from_a_thousand_strangers_are_answered_and_forgotten() {
    let mut config = config(1);
    config.neighbor_entries = 16;
    let mut link = Segment::with([config]);
    link.pass(Duration::from_secs(10));
    for number in 0..1000_u16 {
        let [high, low] = number.to_be_bytes();
        let mut frame = vec![0xff; 6];
        frame.extend([2, 9, 9, 9, high, low, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
        frame.extend([2, 9, 9, 9, high, low, 10, 0, 0, 100, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1]);
        link.inject(0, &frame);
        link.settle();
    }
    assert_eq!(link.host(1).counters().dropped(DropReason::ArpMalformed), 0);
    assert!(link.host(1).counters().sent >= 1000, "each was answered");
    link.assert_nothing_lost();
}

#[test]
fn fragments_without_end_stay_within_bounds() {
    let mut link = Segment::new(2);
    link.seen = Some(Vec::new());
    let client = link.bind(1, v4(1, 0));
    link.send(1, client, v4(2, 7), &[7; 5000]);
    link.settle();
    let first = link
        .seen
        .take()
        .expect("kept")
        .into_iter()
        .find(|frame| frame.len() > 1000 && frame[12..14] == [8, 0] && frame[20] & 0x20 != 0)
        .expect("a fragment");
    let mut config = config(2);
    config.fragments.pages = 32;
    config.fragments.pages_per_source = 32;
    let mut victim = Segment::with([config]);
    for number in 0..5000_u16 {
        let mut frame = first.clone();
        frame[18..20].copy_from_slice(&number.to_be_bytes());
        frame[24..26].fill(0);
        let sum: u32 = frame[14..34]
            .chunks(2)
            .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
            .sum();
        let sum = (sum >> 16) + (sum & 0xffff);
        let sum = !((sum >> 16) + sum) as u16;
        frame[24..26].copy_from_slice(&sum.to_be_bytes());
        victim.inject(0, &frame);
        assert!(victim.nodes[0].free.len() + 40 >= victim.nodes[0].pages);
    }
    assert!(victim.dropped(1, DropReason::FragmentNoRoom) >= 4900);
    victim.pass(Duration::from_secs(61));
    assert!(victim.dropped(1, DropReason::FragmentTimeout) > 0);
    victim.assert_nothing_lost();
}

#[test]
fn errors_about_floods_are_few() {
    let mut link = Segment::new(2);
    let client = link.bind(1, v4(1, 0));
    link.send(1, client, v4(2, 9), b"x");
    link.settle();
    for _ in 0..1000 {
        link.send(1, client, v4(2, 9), b"x");
        link.settle();
    }
    assert_eq!(link.dropped(2, DropReason::UdpNobody), 1001);
    assert_eq!(link.dropped(2, DropReason::IcmpRateLimit), 1001 - 50);
    assert_eq!(link.now, Time::ZERO);
    link.assert_nothing_lost();
}
