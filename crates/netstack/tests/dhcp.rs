//! A DHCP client against a server made of bytes.

use netstack::Time;
use netstack::dhcp::{Answer, Client, Event, Identity, Ignored, Kind, Lease, Loss, Outgoing};
use netstack::route::{Prefix, Route};
use packet::header::Malformed;
use packet::header::ethernet::Mac;
use proptest::prelude::*;
use std::net::Ipv4Addr;
use std::time::Duration;

const MAC: Mac = Mac([2, 0, 0, 0, 0, 7]);
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 1);
const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 100);
const RANDOM: u64 = 0x3903_f326_8000_0000;
const XID: [u8; 4] = [0x39, 0x03, 0xf3, 0x26];

const OFFER: u8 = 2;
const ACK: u8 = 5;
const NAK: u8 = 6;

/// The options of an ordinary home router.
const ORDINARY: &[u8] = &[
    54, 4, 192, 168, 1, 1, // server
    51, 4, 0, 0, 0x0e, 0x10, // one hour
    1, 4, 255, 255, 255, 0, // mask
    3, 4, 192, 168, 1, 1, // router
    6, 8, 192, 168, 1, 1, 9, 9, 9, 9, // name servers
    15, 4, b'h', b'o', b'm', b'e', // domain
    26, 2, 0x05, 0xd4, // MTU 1492
    255,
];

fn message(kind: u8, address: Ipv4Addr, options: &[u8]) -> Vec<u8> {
    let mut bytes = vec![2, 1, 6, 0];
    bytes.extend(XID);
    bytes.extend([0, 0, 0x80, 0]); // seconds, flags
    bytes.extend([0; 4]); // client
    bytes.extend(address.octets());
    bytes.extend([0; 8]); // next server, relay
    bytes.extend(MAC.0);
    bytes.resize(236, 0);
    bytes.extend([99, 130, 83, 99, 53, 1, kind]);
    bytes.extend(options);
    bytes
}

fn client() -> Client {
    let host_name = Some("diver".into());
    Client::new(Identity { mac: MAC, host_name, previous: None }, Time::ZERO)
}

/// The value of an option in what the client sends.
fn option(outgoing: &Outgoing, code: u8) -> Option<&[u8]> {
    let mut rest = &outgoing.payload[240..];
    while let [own, len, tail @ ..] = rest
        && *own != 255
    {
        let (value, tail) = tail.split_at(usize::from(*len));
        if *own == code {
            return Some(value);
        }
        rest = tail;
    }
    None
}

/// A client that has the address, at time zero.
fn bound(options: &[u8]) -> Client {
    let mut client = client();
    client.poll(Time::ZERO, RANDOM).unwrap();
    client.receive(Time::ZERO, &message(OFFER, ADDRESS, options), RANDOM);
    client.poll(Time::ZERO, RANDOM).unwrap();
    client.receive(Time::ZERO, &message(ACK, ADDRESS, options), RANDOM);
    assert!(matches!(client.next_event(), Some(Event::Bound(_))), "{client:?}");
    client
}

#[test]
fn the_discovery_byte_for_byte() {
    let outgoing = client().poll(Time::ZERO, RANDOM).unwrap();
    assert_eq!(outgoing.source, Ipv4Addr::UNSPECIFIED);
    assert_eq!(outgoing.destination, Ipv4Addr::BROADCAST);
    let mut right = vec![1, 1, 6, 0];
    right.extend(XID);
    right.extend([0, 0, 0x80, 0]);
    right.extend([0; 16]);
    right.extend(MAC.0);
    right.resize(236, 0);
    right.extend([99, 130, 83, 99]);
    right.extend([53, 1, 1]);
    right.extend([61, 7, 1, 2, 0, 0, 0, 0, 7]);
    right.extend(*b"\x0c\x05diver");
    right.extend([57, 2, 0x05, 0xc0]);
    right.extend([55, 9, 1, 121, 3, 6, 15, 26, 51, 58, 59]);
    right.push(255);
    right.resize(300, 0);
    assert_eq!(outgoing.payload, right);
}

#[test]
fn four_messages_make_a_lease() {
    let mut client = client();
    client.poll(Time::ZERO, RANDOM).unwrap();
    assert_eq!(client.poll(Time::ZERO, RANDOM), None);
    client.receive(Time::ZERO, &message(OFFER, ADDRESS, ORDINARY), RANDOM);
    let request = client.poll(Time::ZERO, !RANDOM).unwrap();
    assert_eq!(request.payload[4..8], XID, "an offer and its request are one transaction");
    assert_eq!(option(&request, 53), Some(&[3][..]));
    assert_eq!(option(&request, 50), Some(&ADDRESS.octets()[..]));
    assert_eq!(option(&request, 54), Some(&SERVER.octets()[..]));
    client.receive(Time::ZERO, &message(ACK, ADDRESS, ORDINARY), RANDOM);
    let lease = Lease {
        address: ADDRESS,
        prefix_len: 24,
        routers: vec![SERVER],
        name_servers: vec![SERVER, Ipv4Addr::new(9, 9, 9, 9)],
        domain: Some("home".into()),
        mtu: Some(1492),
        classless_routes: vec![],
        duration: Some(Duration::from_hours(1)),
        renewal: Duration::from_mins(30),
        rebinding: Duration::from_secs(3150),
    };
    assert_eq!(client.next_event(), Some(Event::Bound(lease)));
    assert_eq!(client.next_event(), None);
    assert_eq!(client.next_timeout(), Some(Time::from_secs(1800)));
    assert_eq!(client.ignored(), Ignored::default());
}

#[test]
fn without_an_answer_it_asks_at_growing_intervals_for_ever() {
    let mut client = client();
    let mut times = Vec::new();
    while times.len() < 8 {
        let now = client.next_timeout().unwrap();
        assert!(client.poll(now, 0x7fff_ffff_7fff_ffff).is_some());
        times.push(now);
    }
    let waits: Vec<_> =
        times.windows(2).map(|pair| pair[1].since(pair[0]).as_secs_f64().round()).collect();
    assert_eq!(waits, [4.0, 8.0, 16.0, 32.0, 64.0, 64.0, 64.0]);
}

#[test]
fn an_offer_that_is_not_confirmed_is_given_up() {
    let mut client = client();
    client.poll(Time::ZERO, RANDOM).unwrap();
    client.receive(Time::ZERO, &message(OFFER, ADDRESS, ORDINARY), RANDOM);
    let mut kinds = Vec::new();
    for _ in 0..5 {
        let outgoing = client.poll(client.next_timeout().unwrap(), RANDOM).unwrap();
        kinds.push(option(&outgoing, 53).unwrap()[0]);
    }
    assert_eq!(kinds, [3, 3, 3, 3, 1]);
}

#[test]
fn it_renews_with_the_server_then_with_everybody_then_gives_up() {
    let mut client = bound(ORDINARY);
    assert_eq!(client.poll(Time::from_secs(1799), RANDOM), None);
    let renewal = client.poll(Time::from_secs(1800), RANDOM).unwrap();
    assert_eq!((renewal.source, renewal.destination), (ADDRESS, SERVER));
    assert_eq!(option(&renewal, 50), None);
    assert_eq!(renewal.payload[12..16], ADDRESS.octets());
    assert_eq!(renewal.payload[10], 0, "it has an address and needs no broadcast");
    let mut destinations = Vec::new();
    let lost = loop {
        let now = client.next_timeout().unwrap();
        assert!(now <= Time::from_secs(3600));
        let outgoing = client.poll(now, RANDOM);
        if let Some(event) = client.next_event() {
            assert_eq!(now, Time::from_secs(3600));
            assert_eq!(option(&outgoing.unwrap(), 53), Some(&[3][..]), "asks for it again");
            break event;
        }
        let Some(outgoing) = outgoing else { continue };
        let is_broadcast = outgoing.destination == Ipv4Addr::BROADCAST;
        assert_eq!(is_broadcast, now >= Time::from_secs(3150));
        destinations.push(outgoing.destination);
    };
    assert_eq!(lost, Event::Lost(ADDRESS, Loss::Expired));
    assert!((4..40).contains(&destinations.len()), "{destinations:?}");
    assert_eq!(client.lease(), None);
}

#[test]
fn a_renewal_moves_the_end() {
    let mut client = bound(ORDINARY);
    let now = Time::from_secs(1800);
    client.poll(now, RANDOM).unwrap();
    client.receive(now, &message(ACK, ADDRESS, ORDINARY), RANDOM);
    assert_eq!(client.next_event(), None, "nothing that an interface must know has changed");
    assert_eq!(client.next_timeout(), Some(Time::from_secs(3600)));
}

#[test]
fn a_refusal_loses_the_address_and_starts_over() {
    let mut client = bound(ORDINARY);
    let now = Time::from_secs(1800);
    client.poll(now, RANDOM).unwrap();
    client.receive(now, &message(NAK, Ipv4Addr::UNSPECIFIED, &[54, 4, 192, 168, 1, 1, 255]), 0);
    assert_eq!(client.next_event(), Some(Event::Lost(ADDRESS, Loss::Refused)));
    let again = client.poll(now, RANDOM).unwrap();
    assert_eq!(option(&again, 53), Some(&[1][..]));
    assert_eq!(option(&again, 50), None);
}

#[test]
fn a_server_that_offers_and_refuses_for_ever_does_not_keep_us_busy() {
    let mut client = client();
    let (mut now, mut discoveries) = (Time::ZERO, 0);
    while now < Time::from_secs(600) {
        now = client.next_timeout().unwrap().max_of(now);
        let Some(outgoing) = client.poll(now, RANDOM) else { continue };
        let is_discovery = option(&outgoing, 53) == Some(&[1][..]);
        discoveries += u32::from(is_discovery);
        let kind = if is_discovery { OFFER } else { NAK };
        client.receive(now, &message(kind, ADDRESS, ORDINARY), u64::MAX / 2);
    }
    assert!(discoveries < 20, "{discoveries}");
}

trait MaxOf {
    fn max_of(self, other: Self) -> Self;
}

impl MaxOf for Time {
    fn max_of(self, other: Self) -> Self {
        std::cmp::max(self, other)
    }
}

#[test]
fn a_duplicate_is_declined_and_another_asked_for_after_ten_seconds() {
    let mut client = bound(ORDINARY);
    client.decline(Time::from_secs(1));
    assert_eq!(client.next_event(), Some(Event::Lost(ADDRESS, Loss::Declined)));
    let decline = client.poll(Time::from_secs(1), RANDOM).unwrap();
    assert_eq!(option(&decline, 53), Some(&[4][..]));
    assert_eq!(option(&decline, 50), Some(&ADDRESS.octets()[..]));
    assert_eq!(decline.payload[12..16], [0; 4]);
    assert_eq!(client.poll(Time::from_secs(10), RANDOM), None);
    let discovery = client.poll(Time::from_secs(11), RANDOM).unwrap();
    assert_eq!(option(&discovery, 53), Some(&[1][..]));
}

#[test]
fn a_release_says_goodbye_and_stops() {
    let mut client = bound(ORDINARY);
    client.release();
    assert_eq!(client.next_event(), Some(Event::Lost(ADDRESS, Loss::Released)));
    let release = client.poll(Time::from_secs(1), RANDOM).unwrap();
    assert_eq!((release.source, release.destination), (ADDRESS, SERVER));
    assert_eq!(option(&release, 53), Some(&[7][..]));
    assert_eq!(client.next_timeout(), None);
    assert_eq!(client.poll(Time::from_secs(100_000), RANDOM), None);
}

#[test]
fn a_host_that_was_here_before_asks_for_its_address() {
    let identity = Identity { mac: MAC, host_name: None, previous: Some(ADDRESS) };
    let mut client = Client::new(identity, Time::ZERO);
    let request = client.poll(Time::ZERO, RANDOM).unwrap();
    assert_eq!(option(&request, 53), Some(&[3][..]));
    assert_eq!(option(&request, 50), Some(&ADDRESS.octets()[..]));
    assert_eq!(option(&request, 54), None);
    client.receive(Time::ZERO, &message(ACK, ADDRESS, ORDINARY), RANDOM);
    assert!(matches!(client.next_event(), Some(Event::Bound(_))));
}

#[test]
fn what_is_not_for_us_is_counted_by_reason() {
    let mut client = client();
    client.poll(Time::ZERO, RANDOM).unwrap();
    let good = message(OFFER, ADDRESS, ORDINARY);
    let mut transaction = good.clone();
    transaction[4] ^= 1;
    let mut hardware = good.clone();
    hardware[33] ^= 1;
    let mut cookie = good.clone();
    cookie[236] ^= 1;
    let mut request = good.clone();
    request[0] = 1;
    let past_the_end = message(OFFER, ADDRESS, &[54, 4, 192, 168]);
    let mut overlong = good.clone();
    overlong.resize(5000, 0);
    for bytes in [&transaction, &hardware, &cookie, &request, &past_the_end, &overlong, &vec![]] {
        client.receive(Time::ZERO, bytes, RANDOM);
    }
    client.receive(Time::ZERO, &message(ACK, ADDRESS, ORDINARY), RANDOM);
    let ignored = client.ignored();
    assert_eq!(ignored.malformed, 5);
    assert_eq!(ignored.other_transaction, 1);
    assert_eq!(ignored.other_hardware, 1);
    assert_eq!(ignored.unexpected, 1);
    assert_eq!(client.poll(Time::ZERO, RANDOM), None, "none of them had an effect");
}

#[test]
fn another_server_cannot_confirm() {
    let mut client = client();
    client.poll(Time::ZERO, RANDOM).unwrap();
    client.receive(Time::ZERO, &message(OFFER, ADDRESS, ORDINARY), RANDOM);
    client.poll(Time::ZERO, RANDOM).unwrap();
    let other = [&[54, 4, 192, 168, 1, 2], &ORDINARY[6..]].concat();
    client.receive(Time::ZERO, &message(ACK, ADDRESS, &other), RANDOM);
    assert_eq!(client.lease(), None);
    assert_eq!(client.ignored().unexpected, 1);
}

#[test]
fn options_in_the_fields_for_names_and_in_pieces() {
    let mut options = vec![52, 1, 3, 54, 4, 192, 168, 1, 1, 51, 4, 0, 0, 0x0e, 0x10];
    options.extend([6, 2, 9, 9]); // half of a name server …
    options.push(255);
    let mut bytes = message(ACK, ADDRESS, &options);
    bytes[108..113].copy_from_slice(&[6, 2, 9, 9, 255]); // … the other half, in `file`
    bytes[44..51].copy_from_slice(&[3, 4, 192, 168, 1, 1, 255]); // a router, in `sname`
    let lease = Answer::read(&bytes).unwrap().lease.unwrap();
    assert_eq!(lease.name_servers, [Ipv4Addr::new(9, 9, 9, 9)]);
    assert_eq!(lease.routers, [SERVER]);
}

#[test]
fn classless_routes_take_the_place_of_routers() {
    let mut options = vec![121, 15];
    options.extend([0, 192, 168, 1, 2]); // default
    options.extend([12, 172, 16, 0, 0, 0, 0]); // 172.16/12 on the link
    options.extend([24, 10, 9]); // cut short …
    options.extend([121, 5, 8, 192, 168, 1, 3]); // … and goes on
    options.extend(&ORDINARY[..ORDINARY.len()]);
    let lease = Answer::read(&message(ACK, ADDRESS, &options)).unwrap().lease.unwrap();
    let prefix = |a, b, c, d, len| Prefix::new(Ipv4Addr::new(a, b, c, d).into(), len).unwrap();
    let source = Some(ADDRESS.into());
    let by =
        |prefix, d| Route { source, ..Route::by(prefix, Ipv4Addr::new(192, 168, 1, d).into(), 3) };
    let on_link = |prefix| Route { source, ..Route::on_link(prefix, 3) };
    let right = [
        on_link(prefix(192, 168, 1, 0, 24)),
        by(Prefix::ALL_V4, 2),
        on_link(prefix(172, 16, 0, 0, 12)),
        by(prefix(10, 9, 8, 0, 24), 3),
    ];
    assert_eq!(lease.routes(3), right);
}

#[test]
fn impossible_values_are_errors() {
    let lease = |options: &[u8]| Answer::read(&message(ACK, ADDRESS, options)).map(|it| it.lease);
    assert_eq!(lease(&[54, 4, 1, 2, 3, 4, 255]), Err(Malformed::Field), "no time");
    assert_eq!(lease(&[51, 4, 0, 0, 0, 0, 255]), Err(Malformed::Field), "no time at all");
    assert_eq!(lease(&[51, 3, 0, 0, 0, 255]), Err(Malformed::Length));
    assert_eq!(lease(&[51, 4, 0, 0, 1, 0, 1, 4, 255, 0, 255, 0]), Err(Malformed::Field));
    assert_eq!(lease(&[51, 4, 0, 0, 1, 0, 121, 5, 33, 1, 2, 3, 4]), Err(Malformed::Length));
    assert_eq!(lease(&[51, 4, 0, 0, 1, 0, 3, 3, 1, 2, 3]), Err(Malformed::Length));
    let multicast = message(ACK, Ipv4Addr::new(224, 0, 0, 1), ORDINARY);
    assert_eq!(Answer::read(&multicast), Err(Malformed::Field));
}

#[test]
fn a_lease_for_ever_has_no_end() {
    let options = [54, 4, 192, 168, 1, 1, 51, 4, 255, 255, 255, 255, 255];
    let client = bound(&options);
    assert_eq!(client.next_timeout(), None);
}

proptest! {
    #[test]
    fn no_bytes_confuse_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = Answer::read(&bytes);
        let _ = Answer::read(&message(ACK, ADDRESS, &bytes));
    }

    #[test]
    fn a_broken_message_is_an_error_or_a_good_answer(
        at in 0..300_usize, value: u8, cut in 0..300_usize,
    ) {
        let mut bytes = message(ACK, ADDRESS, ORDINARY);
        let len = bytes.len();
        bytes[at % len] = value;
        bytes.truncate(len.saturating_sub(cut));
        if let Ok(Answer { kind: Kind::Acknowledgement, lease: Some(lease), .. }) =
            Answer::read(&bytes)
        {
            prop_assert!(lease.prefix_len <= 32);
            prop_assert!(lease.renewal <= lease.rebinding);
            prop_assert!(lease.duration.is_none_or(|it| lease.rebinding <= it));
        }
    }

    #[test]
    fn whatever_happens_it_asks_again_and_never_spins(
        steps in prop::collection::vec((0..2000_u64, 0..6_u8, any::<u64>()), 1..60),
    ) {
        let mut client = client();
        let mut now = Time::ZERO;
        for (seconds, what, random) in steps {
            now = now + Duration::from_secs(seconds);
            let mut sent = 0;
            while let Some(outgoing) = client.poll(now, random) {
                sent += 1;
                prop_assert!(sent < 4, "{:?}", client);
                let kind = [OFFER, ACK, NAK, 0, 0, 0][usize::from(what)];
                let mut answer = message(kind, ADDRESS, ORDINARY);
                answer[4..8].copy_from_slice(&outgoing.payload[4..8]);
                client.receive(now, &answer, random);
            }
            match what {
                3 => client.decline(now),
                4 => client.start(now),
                _ => {}
            }
            // Not stopped, so it must have something to do, and not in the past for ever.
            prop_assert!(client.next_timeout().is_some());
        }
    }
}
