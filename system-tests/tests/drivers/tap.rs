//! TAP, with the Linux behind the device as peer.

use crate::station::{Station, bytes};
use crate::udp;
use nic::Error;
use nic::memory::Memory;
use nic::tap::{self, Options, Tap};
use packet::{Checksum, Offload, Packet, Pool, Segmentation, SegmentationKind};
use std::time::Duration;
use system_tests::frame::{OURS, experimental, is_experimental, payload};
use system_tests::{HEADER, Namespace, Raw, Rights, eventually};

const NAME: &str = "tap0";

fn open(namespace: &Namespace, options: &Options) -> Result<Vec<Tap>, Error> {
    let options = options.clone();
    namespace.run(move || tap::open(NAME, &options))
}

/// An open device that is up, with an address on Linux's side.
fn ready(options: &Options) -> (Namespace, Vec<Station>) {
    let namespace = Namespace::new();
    let queues = open(&namespace, options).unwrap();
    namespace.output(&["ip", "link", "set", NAME, "addrgenmode", "none"]);
    namespace.output(&["ip", "link", "set", NAME, "up"]);
    namespace.output(&["ip", "address", "add", "10.0.0.2/24", "dev", NAME]);
    let pool = Pool::registered(Memory::private(512, false).unwrap());
    let stations = queues.into_iter().map(|queue| Station::new(queue, &pool)).collect();
    (namespace, stations)
}

fn one(options: &Options) -> (Namespace, Station) {
    let (namespace, mut stations) = ready(options);
    (namespace, stations.remove(0))
}

fn raw(namespace: &Namespace) -> Raw {
    namespace.run(|| Raw::new(NAME))
}

/// The hardware address of Linux's end.
fn hardware(namespace: &Namespace) -> [u8; 6] {
    let shown = namespace.output(&["ip", "-o", "link", "show", NAME]);
    let address = shown.split("link/ether ").nth(1).unwrap();
    let mut bytes = address[..17].split(':').map(|byte| u8::from_str_radix(byte, 16).unwrap());
    std::array::from_fn(|_| bytes.next().unwrap())
}

#[test]
fn frames_cross_both_ways_unchanged() {
    let (namespace, mut station) = one(&Options::default());
    let peer = raw(&namespace);
    for length in (60..=1514).step_by(73) {
        let frame = experimental(OURS, [0x12; 6], length, 1);
        peer.send(&frame);
        let packet = station.receive_that(|packet| is_experimental(packet.bytes()));
        assert_eq!(bytes(&packet), frame);
        assert_eq!(packet.offload(), &Offload::default());

        let frame = experimental([0xff; 6], OURS, length, 2);
        station.send(&frame, Offload::default());
        assert_eq!(peer.receive(is_experimental), frame);
    }
    let counted = station.nic.statistics();
    assert_eq!((counted.sent, counted.send_dropped, counted.malformed), (20, 0, 0));
    station.finish();
}

#[test]
fn a_received_page_goes_back_to_the_wire() {
    let (namespace, mut station) = one(&Options::default());
    let peer = raw(&namespace);
    let there = experimental(OURS, [0x12; 6], 700, 5);
    peer.send(&there);
    let mut packet = station.receive_that(|packet| is_experimental(packet.bytes()));
    let page = packet.page_address();
    packet.bytes_mut()[..12].rotate_left(6);
    station.send_packet(packet);
    let back = peer.receive(is_experimental);
    assert_eq!(back[..6], [0x12; 6]);
    assert_eq!(back[6..12], OURS);
    assert_eq!(back[12..], there[12..]);
    assert!(station.reclaimed.contains(&page));
    station.finish();
}

#[test]
fn checksums_and_cutting_are_left_to_linux() {
    let (namespace, mut station) = one(&Options::default());
    let hardware = hardware(&namespace);
    udp::checksums_are_left_to_linux(&mut station, &namespace, NAME, hardware);
    udp::datagrams_cross_in_one_piece(&mut station, &namespace, NAME, hardware);
    udp::what_cannot_be_done_is_refused(&mut station);
    station.finish();
}

#[test]
fn without_large_frames_everything_arrives_complete() {
    let (namespace, mut station) = one(&Options { large: false, ..Options::default() });
    assert!(!station.nic.information().offloads.receives_large);
    udp::what_arrives_is_complete(&mut station, &namespace, NAME);
    station.finish();
}

/// A TCP segment of 60,000 bytes, and the header that goes with it.
pub(crate) fn large_tcp() -> (Vec<u8>, Offload, [u8; HEADER]) {
    let headers = 14 + 20 + 20;
    let mut frame = [&OURS[..], &[0x12; 6], &[8, 0, 0x45, 0]].concat();
    frame.resize(headers, 0);
    let length = 20 + 20 + 60_000_u16;
    frame[16..18].copy_from_slice(&length.to_be_bytes());
    frame[22..24].copy_from_slice(&[64, 6]);
    frame[26..34].copy_from_slice(&[10, 0, 0, 3, 10, 0, 0, 1]);
    let sum = !system_tests::frame::sum(&frame[14..34]);
    frame[24..26].copy_from_slice(&sum.to_be_bytes());
    // Ports, five words of header, acknowledgement.
    frame[34..38].copy_from_slice(&[0, 7, 0, 8]);
    frame[46..48].copy_from_slice(&[0x50, 0x10]);
    frame.extend(payload(60_000, 4));
    let offload = Offload {
        checksum: Checksum::Partial { start: 34, offset: 16 },
        segmentation: Some(Segmentation { kind: SegmentationKind::Tcp4, size: 1448, headers: 54 }),
    };
    // Checksum is open; TCP over IPv4; 54 bytes of headers; 1448 a segment; from 34 on; at 16.
    let [s0, s1] = 1448_u16.to_le_bytes();
    (frame, offload, [1, 1, 54, 0, s0, s1, 34, 0, 16, 0])
}

#[test]
fn a_large_segment_crosses_in_one_piece() {
    let (namespace, mut station) = one(&Options::default());
    let peer = namespace.run(|| Raw::with_headers(NAME));
    let (frame, offload, header) = large_tcp();
    peer.send(&[&header[..], &frame].concat());
    let packet = station.receive_that(|packet| packet.frame_len() > 2000);
    assert_eq!(packet.offload(), &offload);
    assert_eq!(bytes(&packet), frame);
    drop(packet);

    station.send(&frame, offload);
    let back = peer.receive(|back| back.len() > 2000);
    assert_eq!(back[HEADER..], frame);
    // Linux says of the headers' length what it likes.
    assert_eq!((&back[..2], &back[4..HEADER]), (&header[..2], &header[4..]));
    station.finish();
}

#[test]
fn a_large_segment_without_room_is_dropped_and_counted() {
    let (namespace, station) = one(&Options::default());
    let peer = namespace.run(|| Raw::with_headers(NAME));
    let Station { mut nic, mut pool, .. } = station;
    let (frame, _, header) = large_tcp();
    peer.send(&[&header[..], &frame].concat());
    let small = experimental(OURS, [0x12; 6], 60, 1);
    peer.send(&[&[0; HEADER], &small[..]].concat());
    let mut free = packet::Batch::new();
    let mut received = packet::Batch::new();
    pool.allocate_batch(&mut free, 2);
    while !received.iter().any(|packet: &Packet| is_experimental(packet.bytes())) {
        assert_eq!(free.len(), 2, "nothing else arrives");
        assert!(nic.wait(Some(Duration::from_secs(5))).unwrap());
        nic.receive(&mut free, &mut received, 8).unwrap();
    }
    assert_eq!(nic.statistics().receive_dropped, 1);
}

#[test]
fn every_queue_carries_its_share() {
    let (namespace, mut stations) = ready(&Options { queues: 2, ..Options::default() });
    assert_eq!(stations.len(), 2);
    let peer = raw(&namespace);
    for port in 0..64 {
        peer.send(&udp::to_linux([0x22; 6], 1000 + port).complete(b"flow"));
    }
    let mut share = [0; 2];
    let wait = Duration::from_millis(200);
    for (share, station) in share.iter_mut().zip(&mut stations) {
        while let Some(packet) = station.receive_in(wait) {
            *share += usize::from(packet.bytes().ends_with(b"flow"));
        }
    }
    assert_eq!(share.iter().sum::<usize>(), 64);
    assert!(share.iter().all(|&share| share > 8), "{share:?}");
    for (seed, station) in stations.iter_mut().enumerate() {
        let frame = experimental([0xff; 6], OURS, 100, seed as u8);
        station.send(&frame, Offload::default());
        assert_eq!(peer.receive(is_experimental), frame);
    }
}

#[test]
fn a_device_that_is_removed_is_gone() {
    for polls in [true, false] {
        let (namespace, mut station) = one(&Options::default());
        namespace.output(&["ip", "link", "delete", NAME]);
        if polls {
            let error = station.poll_until_gone();
            assert!(error.contains("tap0") && error.contains("removed"), "{error}");
        } else {
            station.wait_until_gone();
        }
        let mut ready = packet::Batch::from([station.frame(&experimental(OURS, OURS, 60, 0))]);
        assert!(station.nic.transmit(&mut ready).unwrap_err().is_gone());
        assert_eq!(ready.len(), 1, "what was not sent stays");
        drop(ready);
        station.finish();
    }
}

#[test]
fn a_device_that_is_down_drops_and_lives() {
    let (namespace, mut station) = one(&Options::default());
    namespace.output(&["ip", "link", "set", NAME, "down"]);
    let frame = experimental([0xff; 6], OURS, 60, 0);
    station.send(&frame, Offload::default());
    assert_eq!(station.nic.statistics().send_dropped, 1);
    namespace.output(&["ip", "link", "set", NAME, "up"]);
    let peer = raw(&namespace);
    station.send(&frame, Offload::default());
    assert_eq!(peer.receive(is_experimental), frame);
    station.finish();
}

#[test]
fn a_name_that_is_taken_is_an_error_that_says_so() {
    let namespace = Namespace::new();
    let held = open(&namespace, &Options::default()).unwrap();
    let error = open(&namespace, &Options::default()).unwrap_err().to_string();
    assert!(error.contains("another program has it open"), "{error}");
    drop(held);
    namespace.output(&["ip", "link", "add", NAME, "type", "veth", "peer", "name", "other"]);
    let error = open(&namespace, &Options::default()).unwrap_err().to_string();
    assert!(error.contains("is no TAP device"), "{error}");
}

#[test]
fn a_device_that_was_made_before_is_opened_and_stays() {
    let namespace = Namespace::new();
    namespace.output(&["ip", "tuntap", "add", "dev", NAME, "mode", "tap"]);
    let two = Options { queues: 2, ..Options::default() };
    let error = open(&namespace, &two).unwrap_err().to_string();
    assert!(error.contains("multi_queue"), "{error}");
    drop(open(&namespace, &Options::default()).unwrap());
    namespace.output(&["ip", "link", "delete", NAME]);
    namespace.output(&["ip", "tuntap", "add", "dev", NAME, "mode", "tap", "multi_queue"]);
    assert_eq!(open(&namespace, &Options::default()).unwrap().len(), 1);
    assert_eq!(open(&namespace, &two).unwrap().len(), 2);
    namespace.output(&["ip", "link", "show", NAME]);
}

#[test]
fn a_device_that_is_made_vanishes_unless_it_is_to_stay() {
    let namespace = Namespace::new();
    drop(open(&namespace, &Options::default()).unwrap());
    eventually("it vanishes", || !namespace.output(&["ip", "link"]).contains(NAME));
    drop(open(&namespace, &Options { persistent: true, ..Options::default() }).unwrap());
    assert!(namespace.output(&["ip", "link"]).contains(NAME));
}

#[test]
fn without_rights_the_error_names_the_way() {
    let namespace = Namespace::new();
    let error =
        namespace.run_without(Rights::all(), || tap::open(NAME, &Options::default()).unwrap_err());
    let error = error.to_string();
    assert!(error.contains("sudo ip tuntap add dev tap0 mode tap user"), "{error}");
}

#[test]
fn names_and_sizes_that_cannot_be_are_errors() {
    let namespace = Namespace::new();
    for name in ["", "a/b", "much-too-long-for-linux"] {
        let error = namespace.run(|| tap::open(name, &Options::default()).unwrap_err());
        assert!(error.to_string().contains("cannot be the name"), "{error}");
    }
    let error = open(&namespace, &Options { mtu: Some(60), ..Options::default() }).unwrap_err();
    assert!(error.to_string().contains("too small"), "{error}");
    let error = open(&namespace, &Options { mtu: Some(1 << 20), ..Options::default() });
    let error = error.unwrap_err().to_string();
    assert!(error.contains("outside what this device can do"), "{error}");
    let error = open(&namespace, &Options { queues: 0, ..Options::default() }).unwrap_err();
    assert!(error.to_string().contains("one or more"), "{error}");
}

#[test]
fn jumbo_frames_are_chains() {
    let (namespace, mut station) = one(&Options { mtu: Some(9000), ..Options::default() });
    assert_eq!(station.nic.information().mtu, 9000);
    let peer = raw(&namespace);
    let frame = experimental(OURS, [0x12; 6], 9014, 8);
    peer.send(&frame);
    let packet = station.receive_that(|packet| is_experimental(packet.bytes()));
    assert_eq!(packet.pages().count(), 3);
    assert_eq!(bytes(&packet), frame);
    station.send_packet(packet);
    assert_eq!(peer.receive(is_experimental), frame);
    station.finish();
}
