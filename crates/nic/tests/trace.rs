//! One readable line for each frame that passed, and none for one that did not.

mod frames;

use frames::{frame, numbered, receive};
use nic::Nic;
use nic::wire::{self, wire};
use nic::wrap::Trace;
use packet::header::Protocol;
use packet::header::arp::{Arp, Operation};
use packet::header::ethernet::{EtherType, Ethernet, Mac};
use packet::header::icmpv4::{Echo, Icmpv4, Message};
use packet::header::ipv4::Ipv4;
use packet::header::ipv6::Ipv6;
use packet::header::tcp::{Flags, Tcp};
use packet::header::udp::Udp;
use packet::{Batch, Checksum, Pool, Segmentation, SegmentationKind};
use proptest::prelude::*;
use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex};
use tracing_subscriber::fmt::MakeWriter;
use zerocopy::IntoBytes;

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// The lines that are logged meanwhile.
fn logged(filter: &str, work: impl FnOnce()) -> Vec<String> {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(log.clone())
        .with_ansi(false)
        .without_time()
        .with_level(false)
        .with_target(false)
        .finish();
    tracing::subscriber::with_default(subscriber, work);
    let bytes = log.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap().lines().map(|line| line.trim_end().to_owned()).collect()
}

const ONE: Mac = Mac([2, 0, 0, 0, 0, 1]);
const TWO: Mac = Mac([2, 0, 0, 0, 0, 2]);

fn ethernet(ethertype: EtherType, payload: &[u8]) -> Vec<u8> {
    let header = Ethernet { destination: TWO, source: ONE, ethertype };
    [header.as_bytes(), payload].concat()
}

fn ipv4(protocol: Protocol, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0; Ipv4::LEN + payload.len()];
    packet[Ipv4::LEN..].copy_from_slice(payload);
    let (ip, _) = Ipv4::create(&mut packet, 0).unwrap();
    ip.set_protocol(protocol);
    ip.set_source(Ipv4Addr::new(10, 0, 0, 1));
    ip.set_destination(Ipv4Addr::new(10, 0, 0, 2));
    ethernet(EtherType::IPV4, &packet)
}

fn udp(payload: usize) -> Vec<u8> {
    let mut datagram = vec![0; Udp::LEN + payload];
    let (udp, _) = Udp::create(&mut datagram).unwrap();
    udp.set_source(1234);
    udp.set_destination(53);
    udp.set_length((Udp::LEN + payload) as u16);
    datagram
}

/// What is logged of one frame that is sent.
fn line(bytes: &[u8]) -> String {
    let lines = logged("frame=info", || {
        let mut pool = Pool::plain(64);
        let (near, far) = wire(&wire::Options::default());
        let mut near = Trace::new(near);
        near.transmit(&mut Batch::from([frame(&mut pool, bytes)])).unwrap();
        drop(far);
    });
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    line.strip_prefix("wire out 02:00:00:00:00:01 > 02:00:00:00:00:02, ").unwrap_or(line).to_owned()
}

#[test]
fn each_protocol_has_its_words() {
    let address = |last| Ipv4Addr::new(10, 0, 0, last);
    let arp = Arp::new(Operation::REQUEST, (ONE, address(1)), (Mac::default(), address(2)));
    assert_eq!(
        line(&ethernet(EtherType::ARP, arp.as_bytes())),
        "ARP, length 42: who has 10.0.0.2, tell 10.0.0.1"
    );
    assert_eq!(
        line(&ipv4(Protocol::UDP, &udp(20))),
        "IPv4, length 62: 10.0.0.1:1234 > 10.0.0.2:53: UDP, length 20"
    );
    // The rest of it lies in other pages.
    assert_eq!(
        line(&ipv4(Protocol::UDP, &udp(60_000))),
        "IPv4, length 60042: 10.0.0.1:1234 > 10.0.0.2:53: UDP, length 60000"
    );
    let icmp = Icmpv4::new(Message::EchoRequest(Echo { identifier: 7, sequence: 1 }));
    assert_eq!(
        line(&ipv4(Protocol::ICMPV4, icmp.as_bytes())),
        "IPv4, length 42: 10.0.0.1 > 10.0.0.2: ICMP echo request, id 7, seq 1, length 8"
    );
    let mut segment = vec![0; Tcp::LEN + 5];
    let (tcp, _) = Tcp::create(&mut segment, 0).unwrap();
    tcp.set_source(80);
    tcp.set_destination(4000);
    tcp.set_sequence(1);
    tcp.set_flags(Flags::SYN | Flags::ACK);
    tcp.set_window(1000);
    assert_eq!(
        line(&ipv4(Protocol::TCP, &segment)),
        "IPv4, length 59: 10.0.0.1:80 > 10.0.0.2:4000: TCP SYN ACK, seq 1, ack 0, win 1000, length 5"
    );
    let mut packet = vec![0; Ipv6::LEN];
    packet[0] = 0x60;
    let (ip, _) = Ipv6::create(&mut packet).unwrap();
    ip.set_payload_length(28);
    ip.set_next_header(Protocol::UDP);
    ip.set_source(Ipv6Addr::LOCALHOST);
    ip.set_destination("fe80::2".parse().unwrap());
    packet.extend(udp(20));
    assert_eq!(
        line(&ethernet(EtherType::IPV6, &packet)),
        "IPv6, length 82: [::1]:1234 > [fe80::2]:53: UDP, length 20"
    );
    let tagged = [&[0x00, 0x05, 0x08, 0x00], &ipv4(Protocol::UDP, &udp(0))[14..]].concat();
    assert_eq!(
        line(&ethernet(EtherType::VLAN, &tagged)),
        "VLAN 5, IPv4, length 46: 10.0.0.1:1234 > 10.0.0.2:53: UDP, length 0"
    );
    assert_eq!(line(&ethernet(EtherType::new(0x88b5), b"x")), "type 0x88b5, length 15");
    assert_eq!(line(&ethernet(EtherType::IPV4, b"x")), "IPv4, length 15: truncated");
    assert_eq!(line(b"x"), "wire out Ethernet, length 1: truncated");
}

#[test]
fn what_is_left_to_the_device_is_told() {
    let lines = logged("frame=info", || {
        let mut pool = Pool::plain(64);
        let (near, _far) = wire(&wire::Options::default());
        let mut packet = frame(&mut pool, &ipv4(Protocol::UDP, &udp(3000)));
        packet.offload_mut().checksum = Checksum::Partial { start: 34, offset: 6 };
        packet.offload_mut().segmentation =
            Some(Segmentation { kind: SegmentationKind::Udp, size: 1000, headers: 42 });
        Trace::new(near).transmit(&mut Batch::from([packet])).unwrap();
    });
    assert!(lines[0].ends_with("to be cut every 1000, checksum to be completed"), "{lines:?}");
}

#[test]
fn only_frames_that_pass_are_logged_and_only_if_asked_for() {
    let work = || {
        let mut pool = Pool::plain(64);
        let (near, mut far) = wire(&wire::Options { depth: 2, ..wire::Options::default() });
        let mut near = Trace::new(near);
        let mut ready: Batch = (0..3).map(|n| frame(&mut pool, &numbered(n, 60))).collect();
        assert_eq!(near.transmit(&mut ready).unwrap(), 2);
        assert_eq!(near.transmit(&mut ready).unwrap(), 0);
        let mut received = receive(&mut far, &mut pool, 2);
        far.transmit(&mut received).unwrap();
        assert_eq!(receive(&mut near, &mut pool, 8).len(), 2);
        assert_eq!(near.transmit(&mut ready).unwrap(), 1);
    };
    let ways: Vec<_> = logged("frame=info", work)
        .iter()
        .map(|line| line.split(' ').nth(1).unwrap().to_owned())
        .collect();
    assert_eq!(ways, ["out", "out", "in", "in", "out"]);
    assert_eq!(logged("frame=off", work), [""; 0]);
}

proptest! {
    #[test]
    fn any_frame_has_one_line(
        kind in prop_oneof![Just([8, 0]), Just([0x86, 0xdd]), Just([8, 6]), Just([0x81, 0]), any::<[u8; 2]>()],
        mut bytes in proptest::collection::vec(any::<u8>(), 1..200),
        start in proptest::option::of(prop_oneof![
            Just(vec![0x45, 0, 0, 60, 0, 0, 0, 0, 9, 6]),
            Just(vec![0x45, 0, 0, 40, 0, 0, 0, 0, 9, 1]),
            Just(vec![0x60, 0, 0, 0, 0, 60, 0]),
            Just(vec![0x60, 0, 0, 0, 0, 60, 58]),
            Just(vec![0x60, 0, 0, 0, 0, 60, 44]),
        ]),
    ) {
        if let Some(start) = start {
            bytes.splice(0..start.len().min(bytes.len()), start);
        }
        let shown = line(&ethernet(EtherType::new(u16::from_be_bytes(kind)), &bytes));
        prop_assert!(shown.contains("length"), "{}", shown);
    }
}
