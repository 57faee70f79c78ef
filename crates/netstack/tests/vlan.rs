//! Hosts in a VLAN: everything they say is tagged, and what does not carry their tag is not heard.

mod segment;

use core::net::SocketAddr;
use core::time::Duration;
use netstack::{Addressing, Config, Counters, DropReason, Error};
use packet::{Batch, Checksum, Packet, checksum};
use segment::{Node, Segment, config, mac, v4, v6};
use std::collections::BTreeSet;

const VLAN: u16 = 0x123;
/// `EtherType`s.
const TAG: [u8; 2] = [0x81, 0x00];
const SERVICE_TAG: [u8; 2] = [0x88, 0xa8];
const IPV4: [u8; 2] = [0x08, 0x00];
const ARP: [u8; 2] = [0x08, 0x06];
const IPV6: [u8; 2] = [0x86, 0xdd];
/// The longest frame with a tag.
const LONGEST: usize = 14 + 4 + 1500;

fn tagged(number: u8) -> Config {
    Config { vlan: Some(VLAN), ..config(number) }
}

fn link() -> Segment {
    let mut link = Segment::with([tagged(1), tagged(2)]);
    link.seen = Some(Vec::new());
    link
}

/// Both ends of a conversation: the server at host 2, the client at host 1. Each server has its port
/// to itself, so that the short way would be open to what comes without a tag.
fn families() -> [(SocketAddr, SocketAddr); 2] {
    [(v4(2, 7), v4(1, 5000)), (v6(2, 8), v6(1, 5000))]
}

/// Sees that everything so far was in the VLAN, and nothing longer than a frame may be. Says what
/// was behind the tags.
fn assert_tagged(link: &Segment) -> BTreeSet<[u8; 2]> {
    let frames = link.seen.as_deref().expect("they are kept");
    for frame in frames {
        assert_eq!(frame[12..16], [0x81, 0x00, 0x01, 0x23], "{frame:02x?}");
        assert!(frame.len() <= LONGEST, "{} bytes", frame.len());
    }
    frames.iter().map(|frame| [frame[16], frame[17]]).collect()
}

fn pattern(len: usize) -> Vec<u8> {
    (0..=250_u8).cycle().take(len).collect()
}

#[test]
fn datagrams_of_every_size_come_and_go_inside_the_tag() {
    for (to, from) in families() {
        let mut link = link();
        let (server, client) = (link.bind(2, to), link.bind(1, from));
        // What fits into a frame, just fits, and goes in two and more fragments.
        for len in [0, 1, 17, 18, 1000, 1452, 1472, 1473, 3000, 9000, 65_507] {
            let message = pattern(len);
            link.send(1, client, to, &message);
            link.settle();
            assert_eq!(link.echo(2, server), 1, "{len} bytes to {to}");
            link.settle();
            assert!(link.received(1, client) == [(to, message)], "{len} bytes to {to}");
        }
        // Neighbours are forgotten and asked for again; fragments that came are all used.
        link.pass(Duration::from_secs(100));
        let kinds = assert_tagged(&link);
        // Both families check for duplicates of their addresses.
        let expected: &[_] = if to.is_ipv4() { &[IPV4, ARP, IPV6] } else { &[ARP, IPV6] };
        assert_eq!(kinds.into_iter().collect::<Vec<_>>(), expected);
        let longest = link.seen.iter().flatten().map(Vec::len).max();
        assert!(longest.is_some_and(|longest| longest > LONGEST - 8), "{longest:?}");
        link.assert_nothing_lost();
    }
}

#[test]
fn pings_of_every_size_are_answered_inside_the_tag() {
    for (to, _) in families() {
        let mut link = link();
        for len in [0, 56, 1472, 1473, 60_000] {
            let (now, payload) = (link.now, pattern(len));
            let Node { host, free, .. } = &mut link.nodes[0];
            let id = host.ping(now, to.ip(), 64, &payload, free).expect("a route");
            link.settle();
            let pong = link.host(1).take_pong(id).expect("an outcome").expect("an answer");
            assert_eq!((pong.from, pong.payload.len()), (to.ip(), len));
            assert!(pong.payload == payload);
        }
        link.pass(Duration::from_secs(10));
        assert_tagged(&link);
        link.assert_nothing_lost();
    }
}

#[test]
fn complaints_are_tagged_and_reach_who_they_concern() {
    for (to, from) in families() {
        let mut link = link();
        let client = link.bind(1, from);
        link.host(1).connect(client, to).expect("a route");
        link.send(1, client, to, b"anybody?");
        link.settle();
        assert_eq!(link.host(1).take_error(client), Some(Error::Refused(to)));
        assert_tagged(&link);
        link.assert_nothing_lost();
    }
}

/// A packet of which only the first fragment came is complained about: so its tag was put back.
#[test]
fn fragments_that_wait_in_vain_are_told_of() {
    for (to, from) in families() {
        let mut link = link();
        let client = link.bind(1, from);
        link.send(1, client, to, b"who are you?");
        link.settle();
        link.send(1, client, to, &pattern(2000));
        let mut fragments = Batch::new();
        assert_eq!(link.host(1).transmit(&mut fragments), 2);
        let mut first = vec![0; fragments[0].frame_len()];
        fragments[0].copy_out(0, &mut first);
        link.inject(1, &first);
        assert_eq!(link.host(2).waiting_fragments(), 1);
        link.pass(Duration::from_secs(70));
        assert_eq!(link.dropped(2, DropReason::FragmentTimeout), 1);
        let from_two = link.seen.iter().flatten().filter(|frame| frame[6..12] == mac(2).0);
        // Time exceeded, while it was put together.
        let told = |frame: &&Vec<u8>| match to {
            SocketAddr::V4(_) => {
                frame[16..18] == [8, 0] && frame[27] == 1 && frame[38..40] == [11, 1]
            }
            SocketAddr::V6(_) => frame[24] == 58 && frame[58..60] == [3, 1],
        };
        assert_eq!(from_two.filter(told).count(), 1, "{to}");
        assert_tagged(&link);
    }
}

/// Everything that a host says of its own accord.
#[test]
fn a_host_that_looks_for_its_addresses_does_so_inside_the_tag() {
    let mut link = Segment::with([Config { addressing: Addressing::Automatic, ..tagged(1) }]);
    link.seen = Some(Vec::new());
    let socket = link.bind(1, "[::]:7".parse().expect("an address"));
    for group in ["239.1.2.3", "ff15::77"] {
        let now = link.now;
        link.host(1).join(now, socket, group.parse().expect("a group")).expect("room");
    }
    link.pass(Duration::from_secs(10));
    assert_tagged(&link);
    // Protocol and, where it tells them apart, what is behind: DHCP, IGMP, MLD, neighbour and router
    // discovery; and ARP.
    let said: BTreeSet<_> = link
        .seen
        .iter()
        .flatten()
        .map(|frame| match [frame[16], frame[17]] {
            IPV4 if frame[27] == 17 => ("udp to port", frame[41]),
            IPV4 => ("ipv4 carries", frame[27]),
            IPV6 if frame[24] == 0 => ("ipv6 behind options", frame[66]),
            IPV6 => ("icmpv6", frame[58]),
            _ => ("arp", frame[25]),
        })
        .collect();
    let expected = [
        ("udp to port", 67),
        ("ipv4 carries", 2),
        ("ipv6 behind options", 143),
        ("icmpv6", 133),
        ("icmpv6", 135),
        ("icmpv6", 136),
        ("arp", 1),
    ];
    assert_eq!(said, BTreeSet::from(expected));
}

/// Frames of host 1 that host 2 takes in: a question for its hardware address, a datagram, an echo
/// request, of both families.
fn frames_for_two() -> Vec<Vec<u8>> {
    let mut link = link();
    for (to, from) in families() {
        link.bind(2, to);
        let client = link.bind(1, from);
        link.send(1, client, to, b"hello");
        let now = link.now;
        let Node { host, free, .. } = &mut link.nodes[0];
        host.ping(now, to.ip(), 64, b"there?", free).expect("a route");
    }
    link.settle();
    let seen = link.seen.take().unwrap_or_default();
    let ours = seen.into_iter().filter(|frame| frame[6..12] == mac(1).0);
    ours.filter(|frame| outcome(frame).dropped_total() == 0).collect()
}

/// What a fresh host 2 with a socket for each family counts when a frame comes.
fn outcome(frame: &[u8]) -> Counters {
    received_by(tagged(2), frame)
}

fn received_by(config: Config, frame: &[u8]) -> Counters {
    let mut link = Segment::with([config]);
    let sockets = families().map(|(to, _)| link.bind(1, to));
    link.inject(0, frame);
    let counters = link.host(1).counters().clone();
    let delivered: usize = sockets.map(|socket| link.received(1, socket).len()).iter().sum();
    assert_eq!(counters.delivered, delivered as u64);
    let mut answers = Batch::new();
    link.host(1).transmit(&mut answers);
    if counters.dropped_total() > 0 {
        assert!(answers.is_empty(), "{frame:02x?} was answered");
    }
    counters
}

/// The frame with another tag, and more bytes behind it.
fn with_tag(frame: &[u8], ethertype: [u8; 2], control: u16, more: &[u8]) -> Vec<u8> {
    [&frame[..12], &ethertype, &control.to_be_bytes(), more, &frame[16..]].concat()
}

fn without_tag(frame: &[u8]) -> Vec<u8> {
    [&frame[..12], &frame[16..]].concat()
}

#[test]
fn frames_without_our_tag_are_dropped_and_counted() {
    let frames = frames_for_two();
    let kinds: BTreeSet<_> = frames.iter().map(|frame| &frame[16..18]).collect();
    assert_eq!(kinds.len(), 3, "ARP, IPv4, IPv6: {kinds:02x?}");
    assert!(frames.len() >= 6, "{frames:02x?}");
    for frame in &frames {
        let mut foreign = vec![without_tag(frame), frame[..14].to_vec(), frame[..17].to_vec()];
        // No VLAN, only a priority; its neighbours; the same in twelve bits but for one; the last.
        for other in [0, VLAN - 1, VLAN + 1, VLAN | 0x800, VLAN & 0xff, 0xfff] {
            foreign.push(with_tag(frame, TAG, other, &[]));
        }
        foreign.push(with_tag(frame, TAG, 7 << 13, &[]));
        foreign.push(with_tag(frame, SERVICE_TAG, VLAN, &[]));
        // In a provider's VLAN; and in one inside ours.
        foreign.push(with_tag(frame, SERVICE_TAG, 7, &[0x81, 0x00, 0x01, 0x23]));
        foreign.push(with_tag(frame, TAG, VLAN, &[0x81, 0x00, 0x00, 0x07]));
        foreign.push(with_tag(frame, TAG, VLAN, &[0x81, 0x00, 0x01, 0x23]));
        for foreign in foreign {
            let counters = outcome(&foreign);
            let drops: Vec<_> = counters.drops().collect();
            assert_eq!(drops, [(DropReason::VlanNotOurs, 1)], "{foreign:02x?}");
            assert_eq!(counters.received, 1);
        }
    }
}

#[test]
fn a_priority_beside_our_number_does_not_matter() {
    for frame in frames_for_two() {
        let plain = outcome(&frame);
        for priority in [0x1000, 1 << 13, 7 << 13 | 0x1000] {
            let counters = outcome(&with_tag(&frame, TAG, VLAN | priority, &[]));
            assert_eq!(counters.dropped_total(), 0, "{frame:02x?}");
            let taken = |it: &Counters| (it.delivered, it.answered, it.heard);
            assert_eq!(taken(&counters), taken(&plain));
        }
    }
}

#[test]
fn a_host_in_no_vlan_drops_what_is_tagged() {
    for frame in frames_for_two() {
        assert_eq!(received_by(config(2), &without_tag(&frame)).dropped_total(), 0);
        for control in [0, VLAN, 7 << 13] {
            let counters = received_by(config(2), &with_tag(&frame, TAG, control, &[]));
            let drops: Vec<_> = counters.drops().collect();
            assert_eq!(drops, [(DropReason::VlanNotOurs, 1)], "{frame:02x?}");
        }
    }
}

/// Two VLANs on one wire, with the same addresses in both.
#[test]
fn vlans_on_one_wire_do_not_hear_each_other() {
    let other = |number, it| Config { vlan: Some(VLAN + 1), mac: mac(number), ..config(it) };
    let mut link = Segment::with([tagged(1), tagged(2), other(3, 1), other(4, 2)]);
    for (to, from) in families() {
        let servers = [link.bind(2, to), link.bind(4, to)];
        let clients = [link.bind(1, from), link.bind(3, from)];
        link.send(1, clients[0], to, b"first");
        link.send(3, clients[1], to, b"second");
        link.settle();
        assert_eq!(link.received(2, servers[0]), [(from, b"first".to_vec())]);
        assert_eq!(link.received(4, servers[1]), [(from, b"second".to_vec())]);
    }
    link.pass(Duration::from_secs(8));
    for number in 1..=4 {
        let events: Vec<_> = core::iter::from_fn(|| link.host(number).next_event()).collect();
        let duplicate =
            |event: &netstack::Event| matches!(event, netstack::Event::DuplicateAddress { .. });
        assert!(!events.iter().any(duplicate), "{events:?}");
    }
}

/// What came with options goes back without them, and keeps the tag.
#[test]
fn a_flipped_datagram_keeps_the_tag_and_loses_its_options() {
    let mut link = link();
    let server = link.bind(2, v4(2, 7));
    let head = [0x46, 0, 0, 37, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 1, 1, 1, 0];
    let mut ip = head;
    let sum = checksum::Sum::of(&head).checksum();
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    let udp = [0x13, 0x88, 0, 7, 0, 13, 0, 0];
    let ethernet = [&mac(2).0[..], &mac(1).0, &TAG, &VLAN.to_be_bytes(), &[8, 0]].concat();
    link.inject(1, &[&ethernet[..], &ip, &udp, b"hello"].concat());
    assert_eq!(link.echo(2, server), 1);
    let mut sent = Batch::new();
    link.host(2).transmit(&mut sent);
    let answers = sent.iter().map(Packet::bytes).filter(|it| it[16..18] == [8, 0]);
    let answers: Vec<_> = answers.filter(|it| it[27] == 17).collect();
    assert_eq!(answers.len(), 1);
    let back = [&mac(1).0[..], &mac(2).0, &TAG, &VLAN.to_be_bytes(), &[8, 0, 0x45]].concat();
    assert_eq!(answers[0][..19], back);
    assert_eq!(answers[0].len(), 18 + 20 + 8 + 5);
    assert_eq!(answers[0][46..], *b"hello");
}

/// A device that completes checksums is told where they lie behind the tag.
#[test]
fn a_devices_checksums_begin_behind_the_tag() {
    for (to, from) in families() {
        let able = Config { checksum_offload: true, ..tagged(1) };
        let mut link = Segment::with([able, tagged(2)]);
        let now = link.now;
        link.host(1).add_neighbor(now, to.ip(), mac(2));
        let (server, client) = (link.bind(2, to), link.bind(1, from));
        link.send(1, client, to, b"hello");
        let mut sent = Batch::new();
        assert_eq!(link.host(1).transmit(&mut sent), 1);
        let start = 18 + if to.is_ipv4() { 20 } else { 40 };
        let partial = Checksum::Partial { start, offset: 6 };
        assert_eq!(sent[0].offload().checksum, partial);
        checksum::complete(&mut sent[0]).expect("a place");
        let frame = sent[0].bytes().to_vec();
        link.inject(1, &frame);
        assert_eq!(link.received(2, server), [(from, b"hello".to_vec())]);
    }
}

#[test]
fn a_number_that_no_vlan_has_is_refused() {
    for (id, fine) in [(0, false), (1, true), (4094, true), (4095, false), (0x1123, false)] {
        let config = Config { vlan: Some(id), ..config(1) };
        let made = netstack::Host::new(&config, 1, netstack::Time::ZERO).map(|_| ());
        assert_eq!(made, if fine { Ok(()) } else { Err(Error::Vlan(id)) });
    }
}
