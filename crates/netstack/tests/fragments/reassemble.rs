//! What is put together, and what is refused.

use crate::build::{bytes, chain, fragment_v4, fragment_v6, pattern, refused, v4, v6, whole};
use netstack::Time;
use netstack::reassembly::{Limits, Outcome, Reason, Reassembly};
use packet::header::Protocol;
use packet::header::ipv4::Ipv4;
use packet::header::ipv6::Ipv6;
use packet::{Batch, Checksum, Pool};

struct Bench {
    pool: Pool,
    free: Batch,
    reassembly: Reassembly,
}

impl Bench {
    fn new() -> Self {
        let reassembly = Reassembly::new(Limits::default());
        Self { pool: Pool::plain(2000), free: Batch::new(), reassembly }
    }

    fn insert(&mut self, packet: &[u8]) -> Outcome {
        let packet = chain(&mut self.pool, packet, 3000, 100);
        self.reassembly.insert(packet, Time::ZERO, &mut self.free)
    }

    fn all_home(mut self) {
        assert_eq!(self.reassembly.pages(), 0);
        self.pool.recycle_batch(&mut self.free);
        assert_eq!(self.pool.statistics().away, 0);
    }
}

#[test]
fn what_is_no_fragment_comes_back_without_its_padding() {
    let mut bench = Bench::new();
    for packet in [v4(1, &[], &pattern(100)), v6(Protocol::UDP, &[], &pattern(100))] {
        let padded = [&packet[..], &[0; 20]].concat();
        assert_eq!(bytes(&whole(bench.insert(&padded))), packet);
    }
    assert_eq!(bench.reassembly.statistics().fragments, 0);
    bench.all_home();
}

#[test]
fn fragments_in_any_order_without_a_copy() {
    let payload = pattern(2000);
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut bench = Bench::new();
        let mut addresses = vec![0; 3];
        let mut done = None;
        for part in order {
            let start = part * 800;
            let end = (start + 800).min(2000);
            let padded =
                [fragment_v4(1, 5, start, part < 2, &payload[start..end]), vec![0xee; 9]].concat();
            let mut packet = chain(&mut bench.pool, &padded, 3000, 100);
            packet.offload_mut().checksum = Checksum::Verified;
            addresses[part] = packet.page_address();
            match bench.reassembly.insert(packet, Time::ZERO, &mut bench.free) {
                Outcome::Kept => {}
                outcome => done = Some(whole(outcome)),
            }
        }
        let packet = done.unwrap();
        assert!(packet.pages().map(packet::Packet::page_address).eq(addresses));
        assert_eq!(packet.offload().checksum, Checksum::Unknown);
        let all = bytes(&packet);
        let (ip, rest) = Ipv4::read(&all).unwrap();
        assert!(ip.has_right_checksum() && !ip.is_fragment());
        assert_eq!(rest, payload);
        assert_eq!(bench.reassembly.statistics().whole, 1);
        drop(packet);
        bench.all_home();
    }
}

#[test]
fn an_ipv6_packet_loses_its_fragment_headers() {
    let options = [44, 0, 1, 4, 0, 0, 0, 0];
    let payload = pattern(1200);
    let fragment = |start: usize, more| {
        let header =
            packet::header::ipv6::extension::Fragment::new(Protocol(200), start as u16, more, 9);
        let end = (start + 800).min(1200);
        let front = [&options, zerocopy::IntoBytes::as_bytes(&header)].concat();
        v6(Protocol::HOP_BY_HOP, &front, &payload[start..end])
    };
    let mut bench = Bench::new();
    assert!(matches!(bench.insert(&fragment(800, false)), Outcome::Kept));
    let packet = whole(bench.insert(&fragment(0, true)));
    assert_eq!(bytes(&packet), v6(Protocol::HOP_BY_HOP, &[200, 0, 1, 4, 0, 0, 0, 0], &payload));
    drop(packet);
    bench.all_home();
}

#[test]
fn an_atomic_fragment_waits_for_nobody() {
    let mut bench = Bench::new();
    let udp = pattern(40);
    assert!(matches!(bench.insert(&fragment_v6(Protocol::UDP, 0, true, &udp)), Outcome::Kept));
    let packet = whole(bench.insert(&fragment_v6(Protocol::UDP, 0, false, &udp)));
    assert_eq!(bytes(&packet), v6(Protocol::UDP, &[], &udp));
    assert_eq!(bench.reassembly.pages(), 1);
}

#[test]
fn a_transport_header_in_small_pieces_is_gathered() {
    let mut bench = Bench::new();
    let payload = pattern(64);
    for start in (8..64).step_by(8) {
        let fragment = fragment_v4(1, 5, start, start < 56, &payload[start..start + 8]);
        assert!(matches!(bench.insert(&fragment), Outcome::Kept));
    }
    let packet = whole(bench.insert(&fragment_v4(1, 5, 0, true, &payload[..8])));
    assert_eq!(packet.len(), 20 + 60);
    assert_eq!(bytes(&packet)[20..], payload);
    drop(packet);
    bench.all_home();
}

#[test]
fn a_page_of_nothing_but_headers_is_freed() {
    let mut bench = Bench::new();
    let payload = pattern(64);
    let second = fragment_v4(1, 5, 32, false, &payload[32..]);
    let packet = chain(&mut bench.pool, &second, 20, 100);
    assert!(matches!(bench.reassembly.insert(packet, Time::ZERO, &mut bench.free), Outcome::Kept));
    let packet = whole(bench.insert(&fragment_v4(1, 5, 0, true, &payload[..32])));
    assert_eq!(bytes(&packet)[20..], payload);
    drop(packet);
    bench.all_home();
}

#[test]
fn a_duplicate_is_tolerated() {
    let mut bench = Bench::new();
    let payload = pattern(48);
    let first = fragment_v4(1, 5, 0, true, &payload[..24]);
    let last = fragment_v4(1, 5, 24, false, &payload[24..]);
    assert!(matches!(bench.insert(&first), Outcome::Kept));
    assert_eq!(refused(bench.insert(&first)).0, Reason::Duplicate);
    let packet = whole(bench.insert(&last));
    assert_eq!(bytes(&packet)[20..], payload);
    assert_eq!(bench.reassembly.statistics().dropped(Reason::Duplicate), 1);
    drop(packet);
    bench.all_home();
}

#[test]
fn an_overlap_costs_the_whole_packet_and_what_still_comes() {
    let payload = pattern(96);
    // (start, end, more) of a third fragment, besides 24..48 and 72..96 (the last).
    for (start, end, more) in [
        (0, 32, true),
        (40, 72, true),
        (48, 80, true),
        (16, 56, true),
        (32, 40, true),
        (24, 48, false),
        (72, 96, true),
        (96, 104, true),
        (48, 56, false),
        (96, 100, false),
    ] {
        let mut bench = Bench::new();
        assert!(matches!(
            bench.insert(&fragment_v4(1, 5, 24, true, &payload[24..48])),
            Outcome::Kept
        ));
        assert!(matches!(
            bench.insert(&fragment_v4(1, 5, 72, false, &payload[72..96])),
            Outcome::Kept
        ));
        let third = fragment_v4(1, 5, start, more, &pattern(end - start));
        assert_eq!(refused(bench.insert(&third)).0, Reason::Overlap, "{start}..{end} {more}");
        assert_eq!(bench.free.len(), 2);
        let rest = fragment_v4(1, 5, 0, true, &payload[..24]);
        assert_eq!(refused(bench.insert(&rest)).0, Reason::Late);
        assert_eq!(bench.reassembly.statistics().dropped(Reason::Overlap), 3);
        assert_eq!(bench.reassembly.pages(), 1);
        let mut firsts = Batch::new();
        bench.reassembly.expire(Time::from_secs(30), &mut bench.free, &mut firsts);
        assert!(firsts.is_empty());
        bench.all_home();
    }
}

#[test]
fn what_differs_in_one_thing_is_another_packet() {
    let mut bench = Bench::new();
    let first = fragment_v4(1, 5, 0, true, &pattern(24));
    assert!(matches!(bench.insert(&first), Outcome::Kept));
    for other in [fragment_v4(2, 5, 24, false, &[1]), fragment_v4(1, 6, 24, false, &[1])] {
        assert!(matches!(bench.insert(&other), Outcome::Kept));
    }
    let mut protocol = fragment_v4(1, 5, 24, false, &[1]);
    Ipv4::read_mut(&mut protocol).unwrap().0.set_protocol(Protocol::UDP);
    assert!(matches!(bench.insert(&protocol), Outcome::Kept));
    assert_eq!(bench.reassembly.pages(), 4);
    // In IPv6 the protocol does not count (RFC 8200).
    assert!(matches!(bench.insert(&fragment_v6(Protocol(200), 0, true, &[0; 8])), Outcome::Kept));
    drop(whole(bench.insert(&fragment_v6(Protocol(201), 8, false, &[1]))));
}

#[test]
fn what_cannot_be() {
    let mut bench = Bench::new();
    assert_eq!(refused(bench.insert(&[0x50; 40])).0, Reason::Malformed);
    assert_eq!(refused(bench.insert(&fragment_v4(1, 5, 8, true, &[]))).0, Reason::Malformed);
    assert_eq!(refused(bench.insert(&fragment_v4(1, 5, 8, false, &[]))).0, Reason::Malformed);
    assert_eq!(refused(bench.insert(&fragment_v4(1, 5, 8, true, &[0; 9]))).0, Reason::Misaligned);
    assert_eq!(
        refused(bench.insert(&fragment_v4(1, 5, 65_512, true, &[0; 8]))).0,
        Reason::Oversized
    );
    assert_eq!(
        refused(bench.insert(&fragment_v6(Protocol(200), 0, true, &[0; 9]))),
        (Reason::Misaligned, 4)
    );
    assert_eq!(
        refused(bench.insert(&fragment_v6(Protocol(200), 65_528, false, &[0; 8]))),
        (Reason::Oversized, 42)
    );
    for (next, payload) in [
        (Protocol::TCP, &[0; 16][..]),
        (Protocol::DESTINATION_OPTIONS, &[17, 1, 0, 0, 0, 0, 0, 0][..]),
        (Protocol::DESTINATION_OPTIONS, &[17, 0, 0, 0, 0, 0, 0, 0][..]),
    ] {
        let outcome = bench.insert(&fragment_v6(next, 0, true, payload));
        assert_eq!(refused(outcome), (Reason::IncompleteHeaders, 0));
    }
    assert_eq!(Reason::IncompleteHeaders.parameter_problem(), Some(3));
    assert_eq!(Reason::Overlap.parameter_problem(), None);
    bench.all_home();
}

#[test]
fn congestion_seen_by_one_fragment_was_seen_by_the_packet() {
    let marked = |start, more, ecn| {
        let mut fragment = fragment_v4(1, 5, start, more, &[7; 8]);
        Ipv4::read_mut(&mut fragment).unwrap().0.set_ecn(ecn);
        fragment
    };
    let mut bench = Bench::new();
    assert!(matches!(bench.insert(&marked(0, true, 2)), Outcome::Kept));
    let packet = whole(bench.insert(&marked(8, false, 3)));
    assert_eq!(Ipv4::read_start(packet.bytes(), packet.frame_len()).unwrap().0.ecn(), 3);
    drop(packet);
    assert!(matches!(bench.insert(&marked(0, true, 0)), Outcome::Kept));
    assert_eq!(refused(bench.insert(&marked(8, false, 3))).0, Reason::Congestion);
    bench.all_home();

    let mut bench = Bench::new();
    let mut second = fragment_v6(Protocol(200), 8, false, &[1]);
    Ipv6::read_mut(&mut second).unwrap().0.set_ecn(3);
    let mut first = fragment_v6(Protocol(200), 0, true, &[0; 8]);
    Ipv6::read_mut(&mut first).unwrap().0.set_ecn(1);
    assert!(matches!(bench.insert(&first), Outcome::Kept));
    let packet = whole(bench.insert(&second));
    assert_eq!(Ipv6::read_start(packet.bytes(), packet.frame_len()).unwrap().0.ecn(), 3);
}
