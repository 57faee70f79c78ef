//! Two hosts speak: neighbours are found, datagrams arrive, answers come back.

mod segment;

use core::time::Duration;
use netstack::udp::Options;
use netstack::{DropReason, Error, Event};
use packet::Batch;
use packet::header::ipv4::Ipv4;
use segment::{Segment, v4, v6};

#[test]
fn a_request_and_its_answer() {
    for (to, any) in [(v4(2, 7), v4(1, 0)), (v6(2, 7), v6(1, 0))] {
        let mut link = Segment::new(2);
        let server = link.bind(2, to);
        let client = link.bind(1, any);
        assert_eq!(link.send(1, client, to, b"hello"), 1);
        link.settle();
        assert_eq!(link.echo(2, server), 1);
        link.settle();
        assert_eq!(link.received(1, client), [(to, b"hello".to_vec())]);
        link.pass(Duration::from_secs(100));
        link.assert_nothing_lost();
    }
}

#[test]
fn payloads_of_every_size_arrive_whole() {
    let mut link = Segment::new(2);
    for to in [v4(2, 7), v6(2, 7)] {
        let server = link.bind(2, to);
        let client = link.bind(1, if to.is_ipv4() { v4(1, 0) } else { v6(1, 0) });
        for len in [0, 1, 2, 17, 18, 19, 255, 1000, 1451, 1452] {
            let message: Vec<u8> = (0..len).map(|at: usize| (at % 251) as u8).collect();
            link.send(1, client, to, &message);
            link.settle();
            assert_eq!(link.echo(2, server), 1, "{len} bytes");
            link.settle();
            assert_eq!(link.received(1, client), [(to, message)], "{len} bytes");
        }
    }
    link.pass(Duration::from_secs(10));
    link.assert_nothing_lost();
}

#[test]
fn nobody_at_the_port_is_an_error_at_the_socket() {
    for (to, from) in [(v4(2, 9), v4(1, 0)), (v6(2, 9), v6(1, 0))] {
        let mut link = Segment::new(2);
        let client = link.bind(1, from);
        link.host(1).connect(client, to).expect("a route");
        link.send(1, client, to, b"anybody?");
        link.settle();
        assert_eq!(link.host(1).take_error(client), Some(Error::Refused(to)));
        assert_eq!(link.host(1).take_error(client), None);
        assert_eq!(link.dropped(2, DropReason::UdpNobody), 1);
        link.assert_nothing_lost();
    }
}

#[test]
fn a_neighbour_that_is_not_there_is_an_error_too() {
    let mut link = Segment::new(1);
    let client = link.bind(1, v4(1, 0));
    for _ in 0..5 {
        link.send(1, client, v4(99, 9), b"anybody?");
    }
    link.settle();
    assert_eq!(link.dropped(1, DropReason::NeighborPending), 2, "three may wait");
    link.pass(Duration::from_secs(4));
    assert_eq!(link.dropped(1, DropReason::NeighborUnreachable), 3);
    assert_eq!(link.host(1).take_error(client), Some(Error::Unreachable(v4(99, 9))));
    link.assert_nothing_lost();
}

#[test]
fn a_connected_socket_hears_its_peer_only() {
    let mut link = Segment::new(3);
    let server = link.bind(2, v4(2, 7));
    link.host(2).connect(server, v4(1, 5000)).expect("a route");
    let friend = link.bind(1, v4(1, 5000));
    let stranger = link.bind(3, v4(3, 5000));
    link.send(1, friend, v4(2, 7), b"friend");
    link.send(3, stranger, v4(2, 7), b"stranger");
    link.settle();
    assert_eq!(link.received(2, server), [(v4(1, 5000), b"friend".to_vec())]);
    assert_eq!(link.dropped(2, DropReason::UdpNobody), 1);
}

#[test]
fn broadcast_needs_leave_and_reaches_everybody() {
    let mut link = Segment::new(3);
    let everywhere = v4(255, 7);
    let any = "0.0.0.0:7".parse().expect("an address");
    let (second, third) = (link.bind(2, any), link.bind(3, any));
    let client = link.bind(1, v4(1, 0));
    let (mut free, mut ready) = (Batch::new(), Batch::new());
    let refused = link.host(1).prepare_batch(client, everywhere, b"x", 1, &mut free, &mut ready);
    assert_eq!(refused, Err(Error::Broadcast(everywhere.ip())));
    link.host(1).set_broadcast(client, true).expect("open");
    link.send(1, client, everywhere, b"all");
    link.settle();
    // An answer to what came to all comes from the one who answers.
    assert_eq!(link.echo(2, second), 1);
    assert_eq!(link.received(3, third).len(), 1);
    link.settle();
    assert_eq!(link.received(1, client), [(v4(2, 7), b"all".to_vec())]);
    link.assert_nothing_lost();
}

#[test]
fn groups_are_heard_by_those_who_joined() {
    for group in ["239.1.2.3:7", "[ff15::77]:7"] {
        let to: core::net::SocketAddr = group.parse().expect("an address");
        let mut link = Segment::new(3);
        let any = if to.is_ipv4() { "0.0.0.0:7" } else { "[::]:7" };
        let any = any.parse().expect("an address");
        let members = [link.bind(2, any), link.bind(3, any)];
        let now = link.now;
        link.host(2).join(now, members[0], to.ip()).expect("a group");
        let other = link.bind(2, if to.is_ipv4() { v4(2, 8) } else { v6(2, 8) });
        let client = link.bind(1, if to.is_ipv4() { v4(1, 0) } else { v6(1, 0) });
        link.send(1, client, to, b"group");
        link.settle();
        assert_eq!(link.received(2, members[0]).len(), 1);
        assert!(link.received(2, other).is_empty());
        assert!(link.received(3, members[1]).is_empty());
        let now = link.now;
        link.host(2).leave(now, members[0], to.ip()).expect("a member");
        link.send(1, client, to, b"group");
        link.settle();
        assert!(link.received(2, members[0]).is_empty());
        link.pass(Duration::from_secs(10));
        link.assert_nothing_lost();
    }
}

#[test]
fn several_sockets_get_a_copy_each() {
    let mut link = Segment::new(2);
    let now = link.now;
    let to = "239.1.2.3:7".parse().expect("an address");
    let any: core::net::SocketAddr = "0.0.0.0:7".parse().expect("an address");
    let options = Options { reuse: true, ..Options::new(any) };
    let members: Vec<_> = (0..3)
        .map(|_| {
            let member = link.host(2).bind(now, &options).expect("shared");
            link.host(2).join(now, member, "239.1.2.3".parse().expect("a group")).expect("room");
            member
        })
        .collect();
    let client = link.bind(1, v4(1, 0));
    link.send(1, client, to, b"group");
    link.settle();
    for member in members {
        assert_eq!(link.received(2, member).len(), 1);
    }
    link.assert_nothing_lost();
}

#[test]
fn a_host_speaks_with_itself() {
    let mut link = Segment::new(1);
    let server = link.bind(1, v4(1, 7));
    let client = link.bind(1, v4(1, 0));
    link.send(1, client, v4(1, 7), b"me");
    link.step();
    assert_eq!(link.echo(1, server), 1);
    link.step();
    assert_eq!(link.received(1, client), [(v4(1, 7), b"me".to_vec())]);
    link.assert_nothing_lost();
}

#[test]
fn an_address_twice_on_the_link_is_told() {
    for twin in ["10.0.0.1/24", "fd00::1/64"] {
        let twin = segment::address(twin);
        let other = netstack::Config::new(segment::mac(9)).with_address(twin.ip, twin.prefix);
        let mut link = Segment::with([segment::config(1), other]);
        link.pass(Duration::from_secs(8));
        let mut told = Vec::new();
        for number in [1, 2] {
            while let Some(event) = link.host(number).next_event() {
                told.push((number, event));
            }
        }
        let duplicate = |(_, event): &&(usize, Event)| matches!(event, Event::DuplicateAddress { address, .. } if *address == twin.ip);
        assert!(told.iter().find(duplicate).is_some(), "{twin}: {told:?}");
        link.assert_nothing_lost();
    }
}

#[test]
fn ports_are_exclusive_and_free_again_after_closing() {
    let mut link = Segment::new(1);
    let first = link.bind(1, v4(1, 7));
    let now = link.now;
    let again = link.host(1).bind(now, &Options::new(v4(1, 7)));
    assert_eq!(again, Err(Error::InUse(v4(1, 7))));
    assert_eq!(
        link.host(1).bind(now, &Options::new(v4(77, 7))),
        Err(Error::NotOurs(v4(77, 7).ip()))
    );
    let mut free = Batch::new();
    link.host(1).close(now, first, &mut free);
    let second = link.bind(1, v4(1, 7));
    assert_ne!(first, second, "names are not given again");
    assert_eq!(link.host(1).local(first), None);
}

#[test]
fn what_is_too_long_goes_in_fragments() {
    for (to, any) in [(v4(2, 7), v4(1, 0)), (v6(2, 7), v6(1, 0))] {
        let mut link = Segment::new(2);
        let server = link.bind(2, to);
        let client = link.bind(1, any);
        for len in [1453, 1473, 3000, 9000, 40_000, 65_507] {
            let message: Vec<u8> = (0..len).map(|at: usize| (at % 251) as u8).collect();
            assert_eq!(link.send(1, client, to, &message), 1);
            link.settle();
            assert_eq!(link.echo(2, server), 1, "{len} bytes to {to}");
            link.settle();
            let received = link.received(1, client);
            assert_eq!(received.len(), 1, "{len} bytes to {to}");
            assert!(received[0].1 == message, "{len} bytes to {to}");
        }
        link.pass(Duration::from_secs(40));
        link.assert_nothing_lost();
    }
}

/// A device that completes checksums cannot do so over several frames.
#[test]
fn fragments_are_complete_whatever_the_device_can_do() {
    for (to, any) in [(v4(2, 7), v4(1, 0)), (v6(2, 7), v6(1, 0))] {
        let able = netstack::Config { checksum_offload: true, ..segment::config(1) };
        let mut link = Segment::with([able, segment::config(2)]);
        let server = link.bind(2, to);
        let client = link.bind(1, any);
        for len in [1473, 4000, 65_507] {
            let message: Vec<u8> = (0..=250_u8).cycle().take(len).collect();
            link.send(1, client, to, &message);
            link.settle();
            let received = link.received(2, server);
            assert_eq!(received.len(), 1, "{len} bytes to {to}");
            assert!(received[0].1 == message, "{len} bytes to {to}");
        }
    }
}

/// A datagram may end before the IP packet around it does. What is between is not echoed, and the
/// answer's lengths agree.
#[test]
fn bytes_behind_a_datagram_do_not_come_back() {
    let mut link = Segment::new(2);
    let server = link.bind(2, v4(2, 7));
    let head = [0x45, 0, 0, 40, 0, 0, 0, 0, 64, 17, 0x66, 0xc3, 10, 0, 0, 1, 10, 0, 0, 2];
    let udp = [0x13, 0x88, 0, 7, 0, 12, 0, 0];
    let frame = [&segment::mac(2).0[..], &segment::mac(1).0, &[8, 0], &head, &udp, b"datasurplus!"]
        .concat();
    link.inject(1, &frame);
    assert_eq!(link.echo(2, server), 1);
    let mut sent = Batch::new();
    link.host(2).transmit(&mut sent);
    let answers = sent.iter().map(packet::Packet::bytes).filter(|it| it[12..14] == [8, 0]);
    let answers: Vec<_> = answers.filter(|it| it[23] == 17).collect();
    assert_eq!(answers.len(), 1);
    let (ip, payload) = Ipv4::read(&answers[0][14..]).expect("lengths agree");
    assert!(ip.has_right_checksum());
    assert_eq!(payload, [&[0, 7, 0x13, 0x88, 0, 12, 0, 0], &b"data"[..]].concat());
}

#[test]
fn an_mtu_that_is_too_small_is_refused_with_what_is_needed() {
    for (mtu, fine) in [(67, false), (1279, false), (1280, true), (65_536, false)] {
        let mut config = segment::config(1);
        config.mtu = mtu;
        let made = netstack::Host::new(&config, 1, netstack::Time::ZERO);
        assert_eq!(made.is_ok(), fine, "{mtu}");
        if let Err(error) = made {
            assert!(error.to_string().contains("IPv4 needs 68 bytes and IPv6 1280"), "{error}");
        }
    }
}
