//! Echo requests of a host's own: answered, refused, forgotten.

mod segment;

use core::net::IpAddr;
use core::time::Duration;
use netstack::{DropReason, Error, PingId};
use segment::{Segment, v4, v6};

fn ping(link: &mut Segment, number: usize, to: IpAddr, payload: &[u8]) -> PingId {
    let now = link.now;
    let node = &mut link.nodes[number - 1];
    node.host.ping(now, to, 64, payload, &mut node.free).expect("a route")
}

#[test]
fn answers_bring_back_what_was_sent_of_any_size() {
    for to in [v4(2, 0).ip(), v6(2, 0).ip()] {
        let mut link = Segment::new(2);
        for len in [0, 1, 56, 1472, 1473, 9000, 60_000, 65_507] {
            let sent: Vec<u8> = (0..=250_u8).cycle().take(len).collect();
            let id = ping(&mut link, 1, to, &sent);
            link.settle();
            let pong = link.host(1).take_pong(id).expect("an outcome").expect("an answer");
            assert_eq!((pong.from, pong.hops), (to, 64));
            assert!(pong.payload == sent, "{len} bytes from {to}");
            assert_eq!(link.host(1).take_pong(id), None, "it is told once");
        }
        link.pass(Duration::from_secs(10));
        link.assert_nothing_lost();
    }
}

#[test]
fn a_neighbour_that_is_not_there_is_told() {
    let mut link = Segment::new(1);
    let id = ping(&mut link, 1, v4(9, 0).ip(), b"there?");
    link.pass(Duration::from_secs(4));
    let error = link.host(1).take_pong(id).expect("an outcome").expect_err("nobody");
    assert_eq!(error, Error::Unreachable(v4(9, 0)));
    assert_eq!(error.to_string(), "10.0.0.9 cannot be reached");
}

#[test]
fn answers_that_come_late_or_unasked_are_nobodys() {
    let mut link = Segment::new(2);
    let id = ping(&mut link, 1, v4(2, 0).ip(), b"there?");
    link.host(1).forget_ping(id);
    link.settle();
    assert_eq!(link.host(1).take_pong(id), None);
    assert_eq!(link.dropped(1, DropReason::IcmpUnknown), 1);
}

#[test]
fn requests_that_nobody_fetches_do_not_grow() {
    let mut link = Segment::new(2);
    let first = ping(&mut link, 1, v4(2, 0).ip(), b"there?");
    link.settle();
    for _ in 0..1000 {
        ping(&mut link, 1, v4(2, 0).ip(), b"there?");
        link.pass(Duration::from_millis(1));
    }
    assert_eq!(link.host(1).take_pong(first), None, "the oldest gave way");
    link.pass(Duration::from_secs(10));
    link.assert_nothing_lost();
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let mut link = Segment::new(1);
    let mut refused = |to: &str, len: usize| {
        let (now, node) = (link.now, &mut link.nodes[0]);
        let to = to.parse().expect("an address");
        node.host.ping(now, to, 64, &vec![0; len], &mut node.free).expect_err("it cannot be")
    };
    assert!(matches!(refused("10.0.0.255", 1), Error::Broadcast(_)));
    assert!(matches!(refused("192.0.2.1", 1), Error::NoRoute(_)));
    assert!(matches!(refused("10.0.0.2", 65_508), Error::TooLong { .. }));
    link.assert_nothing_lost();
}
