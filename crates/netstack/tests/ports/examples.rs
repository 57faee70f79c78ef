//! What users of the port manager rely on, one by one.

use netstack::Time;
use netstack::ports::{
    Flow, Options, Owner, Port, PortError, Ports, Protocol, Reach, Request, Sharing, TcpOwner,
};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

const NOW: Time = Time::from_secs(100);

fn ports() -> Ports {
    Ports::new(&Options::new([1, 2, 3, 4]))
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn request(protocol: Protocol, reach: Reach, port: u16) -> Request {
    Request { protocol, reach, port: Port::Exactly(port), sharing: Sharing::Exclusive }
}

#[test]
fn the_unspecified_ipv6_address_is_dual_stack_unless_told_otherwise() {
    let unspecified = "::".parse().unwrap();
    assert_eq!(Reach::of(unspecified, false), Reach::Any);
    assert_eq!(Reach::of(unspecified, true), Reach::AnyV6);
    assert_eq!(Reach::of("0.0.0.0".parse().unwrap(), true), Reach::AnyV4);
    let mapped = Reach::of("::ffff:192.0.2.1".parse().unwrap(), false);
    assert_eq!(mapped, Reach::Address("192.0.2.1".parse().unwrap()));

    let mut ports = ports();
    ports.bind(Owner(1), request(Protocol::Udp, Reach::AnyV6, 53), NOW).unwrap();
    ports.bind(Owner(2), request(Protocol::Udp, Reach::AnyV4, 53), NOW).unwrap();
    let taken = ports.bind(Owner(3), request(Protocol::Udp, Reach::Any, 53), NOW);
    assert!(matches!(taken, Err(PortError::Taken(_))));
    assert_eq!(ports.udp_owner(at("[2001:db8::1]:53"), at("[2001:db8::2]:9")), Some(Owner(1)));
    assert_eq!(ports.udp_owner(at("192.0.2.1:53"), at("192.0.2.2:9")), Some(Owner(2)));
}

#[test]
fn what_an_error_says() {
    let mut ports = ports();
    ports.bind(Owner(1), request(Protocol::Tcp, Reach::AnyV4, 80), NOW).unwrap();
    let error = ports.bind(Owner(2), request(Protocol::Tcp, Reach::Any, 80), NOW).unwrap_err();
    let zero = ports.bind(Owner(2), request(Protocol::Tcp, Reach::Any, 0), NOW);
    assert_eq!(zero, Err(PortError::OutOfRange(0)));
    assert_eq!(
        error.to_string(),
        "TCP port 80 on any IPv4 address is taken; choose another port, or let both sides share \
         it as one group"
    );
}

#[test]
fn a_listener_that_died_is_back_at_once_and_its_connections_go_on() {
    let mut ports = ports();
    let listen = request(Protocol::Tcp, Reach::Any, 443);
    ports.bind(Owner(1), listen, NOW).unwrap();
    let (local, remote) = (at("192.0.2.1:443"), at("198.51.100.1:5000"));
    assert_eq!(ports.tcp_owner(local, remote), Some(TcpOwner::Listener(Owner(1))));
    let flow = Flow { protocol: Protocol::Tcp, local, remote };
    ports.open_tcp(Owner(7), &flow, NOW).unwrap();
    assert_eq!(ports.release_all(Owner(1), NOW), 1);
    assert_eq!(ports.tcp_owner(local, remote), Some(TcpOwner::Flow(Owner(7))));
    ports.bind(Owner(2), listen, NOW).unwrap();
    assert_eq!(ports.tcp_owner(local, at("198.51.100.1:5001")), Some(TcpOwner::Listener(Owner(2))));
}

#[test]
fn a_closed_flow_rests_for_its_time_and_no_longer() {
    let mut ports = ports();
    let (local, remote) = (at("192.0.2.1:443"), at("198.51.100.1:5000"));
    let flow = Flow { protocol: Protocol::Tcp, local, remote };
    ports.open_tcp(Owner(7), &flow, NOW).unwrap();
    ports.close_tcp(Owner(7), &flow, NOW).unwrap();
    assert_eq!(ports.tcp_owner(local, remote), Some(TcpOwner::Resting));
    let end = NOW + Duration::from_mins(1);
    assert_eq!(ports.next_expiry(), Some(end));
    let early = ports.open_tcp(Owner(8), &flow, NOW + Duration::from_secs(59));
    assert_eq!(early, Err(PortError::FlowResting(flow)));
    ports.open_tcp(Owner(8), &flow, end).unwrap();
    assert_eq!(ports.next_expiry(), None);
}

#[test]
fn those_who_share_get_about_the_same() {
    let mut ports = ports();
    for owner in 0..4 {
        let sharing = Sharing::Group(9);
        let request = Request { sharing, ..request(Protocol::Udp, Reach::AnyV4, 11_211) };
        ports.bind(Owner(owner), request, NOW).unwrap();
    }
    let mut counts = BTreeMap::new();
    for port in 1..=10_000 {
        let remote = SocketAddr::from(([198, 51, 100, 1], port));
        let owner = ports.udp_owner(at("192.0.2.1:11211"), remote).unwrap();
        *counts.entry(owner).or_insert(0) += 1;
    }
    assert_eq!(counts.len(), 4);
    assert!(counts.values().all(|count| (2_200..2_800).contains(count)), "{counts:?}");
}

#[test]
fn a_stranger_to_the_group_cannot_join() {
    let mut ports = ports();
    let of = |group| Request {
        sharing: Sharing::Group(group),
        ..request(Protocol::Udp, Reach::AnyV4, 53)
    };
    ports.bind(Owner(1), of(1), NOW).unwrap();
    ports.bind(Owner(2), of(1), NOW).unwrap();
    assert!(matches!(ports.bind(Owner(3), of(2), NOW), Err(PortError::Taken(_))));
}

#[test]
fn all_ephemeral_ports_can_be_had_and_then_none() {
    let mut ports = ports();
    for number in 0..28_232_u64 {
        let random = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let port = Port::Ephemeral { random };
        let request = Request { port, ..request(Protocol::Udp, Reach::Any, 1) };
        let binding = ports.bind(Owner(1), request, NOW).unwrap();
        assert!((32_768..=60_999).contains(&binding.port));
    }
    let port = Port::Ephemeral { random: 5 };
    let request = Request { port, ..request(Protocol::Udp, Reach::Any, 1) };
    let error = ports.bind(Owner(1), request, NOW).unwrap_err();
    assert_eq!(error, PortError::Exhausted(Protocol::Udp, 32_768, 60_999));
    assert_eq!(ports.release_all(Owner(1), NOW), 28_232);
    assert_eq!(ports.broken_invariant(), None);
}

#[test]
fn many_connections_to_many_destinations_share_ports() {
    let mut ports = ports();
    let local = "192.0.2.1".parse().unwrap();
    for number in 0..60_000_u32 {
        let [.., high, low] = number.to_be_bytes();
        let remote = SocketAddr::from(([198, 51, high, low], 443));
        let random = u64::from(number);
        ports.connect_tcp(Owner(number), local, remote, random, NOW).unwrap();
    }
    let flows: Vec<_> = ports.flows().collect();
    assert_eq!(flows.len(), 60_000);
    for (flow, owner) in flows {
        let found = ports.tcp_owner(flow.local, flow.remote);
        assert_eq!(found, owner.map(TcpOwner::Flow));
    }
}

#[test]
fn addresses_that_only_look_like_ipv4_reach_no_ipv4_flow() {
    let mut ports = ports();
    let (local, remote) = (at("192.0.2.1:443"), at("198.51.100.1:5000"));
    let flow = Flow { protocol: Protocol::Tcp, local, remote };
    ports.open_tcp(Owner(7), &flow, NOW).unwrap();
    let mapped = ports.tcp_owner(at("[::ffff:192.0.2.1]:443"), at("[::ffff:198.51.100.1]:5000"));
    assert_eq!(mapped, None);
}
