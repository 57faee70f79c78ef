//! Time exceeded: what a router or the other side says of a packet that did not get through, and
//! who is told.

mod segment;

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;
use netstack::{Config, DropReason, Error, StackId};
use packet::checksum::Sum;
use packet::header::Protocol;
use packet::header::ethernet::Ethernet;
use packet::header::icmpv4::{Icmpv4, Message, TimeExceeded};
use packet::header::icmpv6::{self, Icmpv6};
use packet::header::ipv4::Ipv4;
use packet::header::ipv6::Ipv6;
use segment::{Segment, v4, v6};
use zerocopy::IntoBytes;

/// Behind the router.
const FAR: [&str; 2] = ["192.0.2.1:7", "[2001:db8::1]:7"];

/// We are host 1. Host 2 is our router, as far as we know; it passes nothing on.
fn link() -> Segment {
    let config = Config {
        gateway4: Some(Ipv4Addr::new(10, 0, 0, 2)),
        gateway6: Some(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2)),
        ..segment::config(1)
    };
    let mut link = Segment::with([config, segment::config(2)]);
    link.seen = Some(Vec::new());
    link
}

fn far(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// A connected socket of ours.
fn client(link: &mut Segment, to: SocketAddr) -> StackId {
    let client = link.bind(1, if to.is_ipv4() { v4(1, 0) } else { v6(1, 0) });
    link.host(1).connect(client, to).expect("a route");
    client
}

/// The packets with an upper protocol that we sent to the router, without their Ethernet headers.
fn packets(link: &mut Segment, protocols: [Protocol; 2]) -> Vec<Vec<u8>> {
    link.settle();
    let frames = link.seen.replace(Vec::new()).unwrap_or_default();
    let ours = frames.into_iter().filter(|frame| frame[6..12] == segment::mac(1).0);
    let packets = ours.map(|frame| frame[Ethernet::LEN..].to_vec());
    let of = |packet: &Vec<u8>| match Ipv4::read(packet) {
        Ok((ip, _)) => ip.protocol() == protocols[0],
        Err(_) => Ipv6::read(packet).is_ok_and(|(ip, _)| ip.next_header() == protocols[1]),
    };
    packets.filter(of).collect()
}

/// What the router says of a packet, as a frame to us.
fn complaint(quote: &[u8], code: TimeExceeded) -> Vec<u8> {
    let mut icmp = if quote[0] >> 4 == 4 {
        Icmpv4::new(Message::TimeExceeded(code)).as_bytes().to_vec()
    } else {
        Icmpv6::new(icmpv6::Message::TimeExceeded(code)).as_bytes().to_vec()
    };
    icmp.extend(&quote[..quote.len().min(500)]);
    let (kind, packet) = if quote[0] >> 4 == 4 {
        let sum = Sum::of(&icmp).checksum();
        icmp[2..4].copy_from_slice(&sum.to_be_bytes());
        let mut packet = vec![0; Ipv4::LEN + icmp.len()];
        let (ip, payload) = Ipv4::create(&mut packet, 0).expect("room");
        payload.copy_from_slice(&icmp);
        ip.set_protocol(Protocol::ICMPV4);
        ip.set_source(Ipv4Addr::new(10, 0, 0, 2));
        ip.set_destination(Ipv4Addr::new(10, 0, 0, 1));
        ip.update_checksum();
        ([0x08, 0x00], packet)
    } else {
        let address = |last| Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, last);
        let (from, to) = (address(2), address(1));
        let pseudo = Sum::pseudo_v6(from, to, Protocol::ICMPV6, icmp.len());
        let sum = pseudo.and(Sum::of(&icmp)).checksum();
        icmp[2..4].copy_from_slice(&sum.to_be_bytes());
        let ip = Ipv6::new(from, to, Protocol::ICMPV6, icmp.len() as u16);
        ([0x86, 0xdd], [ip.as_bytes(), &icmp].concat())
    };
    [&segment::mac(1).0[..], &segment::mac(2).0, &kind, &packet].concat()
}

#[test]
fn hops_that_were_used_up_are_an_error_of_their_own() {
    for to in FAR.map(far) {
        let mut link = link();
        let client = client(&mut link, to);
        link.host(1).set_hop_limit(client, 1).expect("open");
        link.send(1, client, to, b"anybody?");
        let sent = packets(&mut link, [Protocol::UDP; 2]);
        assert_eq!(sent.len(), 1, "{to}");
        link.inject(0, &complaint(&sent[0], TimeExceeded::HOPS));
        let error = link.host(1).take_error(client).expect("it is told");
        assert_eq!(error, Error::HopsUsedUp(to));
        let told = error.to_string();
        assert!(told.starts_with(&to.to_string()) && told.contains("allow more"), "{told}");
        assert_eq!(link.host(1).take_error(client), None, "it is told once");
        link.pass(Duration::from_secs(10));
        link.assert_nothing_lost();
    }
}

#[test]
fn fragments_that_were_missing_are_another() {
    for to in FAR.map(far) {
        let mut link = link();
        let client = client(&mut link, to);
        link.send(1, client, to, &[7; 3000]);
        let sent = packets(&mut link, [Protocol::UDP, Protocol::FRAGMENT]);
        assert_eq!(sent.len(), 3, "{to}");
        link.inject(0, &complaint(&sent[0], TimeExceeded::REASSEMBLY));
        let error = link.host(1).take_error(client).expect("it is told");
        assert_eq!(error, Error::FragmentsMissing(to));
        let told = error.to_string();
        assert!(told.starts_with(&to.to_string()) && told.contains("smaller messages"), "{told}");
        // A later fragment does not show whose it was.
        link.inject(0, &complaint(&sent[1], TimeExceeded::REASSEMBLY));
        assert_eq!(link.host(1).take_error(client), None);
        assert_eq!(link.dropped(1, DropReason::IcmpUnknown), 1);
        link.pass(Duration::from_secs(10));
        link.assert_nothing_lost();
    }
}

#[test]
fn who_pings_too_far_is_told() {
    for to in FAR.map(far).map(|to| to.ip()) {
        let mut link = link();
        let now = link.now;
        let node = &mut link.nodes[0];
        let ping = node.host.ping(now, to, 1, b"there?", &mut node.free).expect("a route");
        // Among questions for neighbours, which are ICMPv6 as well.
        let sent = packets(&mut link, [Protocol::ICMPV4, Protocol::ICMPV6]);
        let asks = |packet: &&Vec<u8>| {
            let kinds = (packet[0] >> 4, packet.get(20), packet.get(40));
            matches!(kinds, (4, Some(8), _) | (6, _, Some(128)))
        };
        let request = sent.iter().find(asks).expect("a request");
        link.inject(0, &complaint(request, TimeExceeded::HOPS));
        let error = link.host(1).take_pong(ping).expect("an outcome").expect_err("too far");
        assert_eq!(error, Error::HopsUsedUp((to, 0).into()));
        assert!(error.to_string().starts_with(&format!("{to} is more hops away")), "{error}");
    }
}

#[test]
fn what_we_did_not_send_is_nobodys() {
    for to in FAR.map(far) {
        let mut link = link();
        let client = client(&mut link, to);
        link.send(1, client, to, b"anybody?");
        let mut sent = packets(&mut link, [Protocol::UDP; 2]).swap_remove(0);
        // Another port than ours.
        let ports = sent.len() - b"anybody?".len() - 8;
        sent[ports] ^= 1;
        link.inject(0, &complaint(&sent, TimeExceeded::HOPS));
        assert_eq!(link.host(1).take_error(client), None, "{to}");
        assert_eq!(link.dropped(1, DropReason::IcmpUnknown), 1, "{to}");
    }
}
