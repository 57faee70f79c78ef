//! `AF_PACKET`, with a Linux at the other end of a veth pair as peer.

use crate::station::{Station, bytes};
use crate::tap::large_tcp;
use crate::udp;
use nic::Error;
use nic::memory::Memory;
use nic::packet_socket::{self, Options, PacketSocket};
use packet::header::ethernet::Mac;
use packet::{Batch, Offload, Packet, Pool};
use std::time::Duration;
use system_tests::frame::{OURS, experimental, is_experimental};
use system_tests::{FAR, HEADER, NEAR, Namespace, Raw, Rights, World, eventually};

fn open(world: &World, options: &Options) -> Result<Vec<PacketSocket>, Error> {
    let options = options.clone();
    world.near.run(move || packet_socket::open(NEAR, &options))
}

fn ready(options: &Options) -> (World, Station) {
    let world = World::silent();
    let queue = open(&world, options).unwrap().remove(0);
    (world, Station::new(queue, &pool()))
}

fn pool() -> Pool {
    Pool::registered(Memory::private(512, false).unwrap())
}

fn raw(world: &World) -> Raw {
    world.far.run(|| Raw::new(FAR))
}

/// The hardware address of an interface.
fn hardware(namespace: &Namespace, interface: &str) -> [u8; 6] {
    let shown = namespace.output(&["ip", "-o", "link", "show", interface]);
    let address = shown.split("link/ether ").nth(1).unwrap();
    let mut bytes = address[..17].split(':').map(|byte| u8::from_str_radix(byte, 16).unwrap());
    std::array::from_fn(|_| bytes.next().unwrap())
}

#[test]
fn frames_cross_both_ways_unchanged() {
    for bypass in [false, true] {
        let (world, mut station) = ready(&Options { bypass, ..Options::default() });
        let peer = raw(&world);
        let mac = hardware(&world.near, NEAR);
        assert_eq!(station.nic.information().mac, Some(Mac(mac)));
        for length in (60..=1514).step_by(73) {
            let frame = experimental(mac, [0x12; 6], length, 1);
            peer.send(&frame);
            let packet = station.receive_that(|packet| is_experimental(packet.bytes()));
            assert_eq!(bytes(&packet), frame);

            let frame = experimental([0xff; 6], mac, length, 2);
            station.send(&frame, Offload::default());
            assert_eq!(peer.receive(is_experimental), frame);
        }
        let counted = station.nic.statistics();
        assert_eq!((counted.sent, counted.send_dropped, counted.malformed), (20, 0, 0));
        station.finish();
    }
}

/// More frames than the rings hold, so that each slot is used many times.
#[test]
fn rings_go_round() {
    let (world, mut station) = ready(&Options { frames: 64, ..Options::default() });
    let peer = raw(&world);
    for round in 0..20_u8 {
        let frames: Vec<_> =
            (0..40).map(|seed| experimental([0xff; 6], [2; 6], 100, seed ^ round)).collect();
        for frame in &frames {
            peer.send(frame);
        }
        for frame in &frames {
            assert_eq!(&bytes(&station.receive()), frame);
        }
        let mut ready: Batch = frames.iter().map(|frame| station.frame(frame)).collect();
        while !ready.is_empty() {
            station.nic.transmit(&mut ready).unwrap();
            station.reclaim();
        }
        for frame in &frames {
            assert_eq!(&station.sent_to(&peer), frame);
        }
    }
    station.finish();
}

#[test]
fn what_overflows_the_ring_is_counted() {
    let (world, mut station) = ready(&Options { frames: 32, ..Options::default() });
    let peer = raw(&world);
    let frame = experimental([0xff; 6], [2; 6], 100, 0);
    (0..200).for_each(|_| peer.send(&frame));
    let mut received = 0;
    while station.receive_in(Duration::from_millis(100)).is_some() {
        received += 1;
    }
    let dropped = station.nic.statistics().receive_dropped;
    assert!(dropped > 0);
    assert_eq!(received + dropped, 200);
    assert_eq!(station.nic.statistics().receive_dropped, dropped, "asking changes nothing");
    station.finish();
}

#[test]
fn what_linux_sends_is_not_received() {
    let (world, mut station) = ready(&Options::default());
    let other = world.near.run(|| Raw::new(NEAR));
    other.send(&experimental([0xff; 6], [2; 6], 100, 0));
    raw(&world).receive_in(Duration::ZERO);
    assert!(station.receive_in(Duration::from_millis(100)).is_none());
    // And what we send is not received by ourselves.
    station.send(&experimental([0xff; 6], [2; 6], 100, 0), Offload::default());
    assert!(station.receive_in(Duration::from_millis(100)).is_none());
    station.finish();
}

#[test]
fn checksums_and_cutting_are_left_to_linux() {
    let (world, mut station) = ready(&Options::default());
    let hardware = hardware(&world.far, FAR);
    udp::checksums_are_left_to_linux(&mut station, &world.far, FAR, hardware);
    udp::datagrams_cross_in_one_piece(&mut station, &world.far, FAR, hardware);
    udp::what_cannot_be_done_is_refused(&mut station);
    station.finish();
}

/// Larger than any slot, between two that are not: in order, both ways.
#[test]
fn a_large_segment_crosses_in_one_piece_and_in_order() {
    let (world, mut station) = ready(&Options::default());
    let peer = world.far.run(|| Raw::with_headers(FAR));
    let (large, offload, header) = large_tcp();
    let small = |seed| experimental([0xff; 6], [0x12; 6], 80, seed);
    for seed in 0..5 {
        peer.send(&[&[0; HEADER], &small(seed)[..]].concat());
        peer.send(&[&header[..], &large].concat());
        peer.send(&[&[0; HEADER], &small(!seed)[..]].concat());
        assert_eq!(bytes(&station.receive()), small(seed));
        let packet = station.receive();
        assert_eq!(packet.offload(), &offload);
        assert_eq!(bytes(&packet), large);
        drop(packet);
        assert_eq!(bytes(&station.receive()), small(!seed));

        let mut batch = Batch::from([station.frame(&small(seed))]);
        let mut packet = station.frame(&large);
        *packet.offload_mut() = offload;
        batch.extend([packet, station.frame(&small(!seed))]);
        while !batch.is_empty() {
            station.nic.transmit(&mut batch).unwrap();
        }
        station.reclaim();
        assert_eq!(peer.receive(|_| true)[HEADER..], small(seed));
        let back = peer.receive(|_| true);
        assert_eq!(back[HEADER..], large);
        assert_eq!((&back[..2], &back[4..HEADER]), (&header[..2], &header[4..]));
        assert_eq!(peer.receive(|_| true)[HEADER..], small(!seed));
    }
    station.finish();
}

/// A large frame for which too few buffers were lent is dropped; those behind it are not.
#[test]
fn a_large_segment_without_room_is_dropped_and_counted() {
    let (world, station) = ready(&Options::default());
    let peer = world.far.run(|| Raw::with_headers(FAR));
    let Station { mut nic, mut pool, .. } = station;
    let (large, _, header) = large_tcp();
    let small = experimental([0xff; 6], [0x12; 6], 80, 1);
    peer.send(&[&header[..], &large].concat());
    peer.send(&[&header[..], &large].concat());
    peer.send(&[&[0; HEADER], &small[..]].concat());
    let (mut free, mut received) = (Batch::new(), Batch::new());
    pool.allocate_batch(&mut free, 2);
    while !received.iter().any(|packet: &Packet| is_experimental(packet.bytes())) {
        assert_eq!(free.len(), 2, "nothing else arrives");
        assert!(nic.wait(Some(Duration::from_secs(5))).unwrap());
        nic.receive(&mut free, &mut received, 8).unwrap();
    }
    assert_eq!(nic.statistics().receive_dropped, 2);
}

#[test]
fn a_vlan_tag_that_linux_took_out_is_put_back() {
    let (world, mut station) = ready(&Options::default());
    let (socket, _) = {
        // Linux tags what leaves by far0.7, in metadata of its own as long as it can.
        let add = ["ip", "link", "add", "link", FAR, "name", "far0.7", "type", "vlan", "id", "7"];
        let made = world.far.start(&add).wait();
        if !made.success {
            // No VLAN devices in this kernel: a tagged frame is the next best, and Linux takes
            // tags out of those too on their way in.
            let peer = raw(&world);
            let mut frame = experimental([0xff; 6], [0x12; 6], 100, 3);
            frame.splice(12..12, [0x81, 0, 0, 7]);
            peer.send(&frame);
            let packet = station.receive();
            assert_eq!(bytes(&packet), frame);
            drop(packet);
            return station.finish();
        }
        world.far.output(&["ip", "link", "set", "far0.7", "up"]);
        udp::linux_socket(&world.far, "far0.7")
    };
    socket.send_to(b"tagged", "10.0.0.1:7").unwrap();
    let packet = station.receive_that(|packet| packet.bytes().ends_with(b"tagged"));
    assert_eq!(packet.bytes()[12..18], [0x81, 0, 0, 7, 8, 0]);
    let open = packet::Checksum::Partial { start: 38, offset: 6 };
    assert_eq!(packet.offload().checksum, open, "counted from the first byte, tag included");
    drop(packet);
    station.finish();
}

#[test]
fn every_queue_carries_its_share() {
    let world = World::silent();
    let pool = pool();
    let queues = open(&world, &Options { queues: 2, ..Options::default() }).unwrap();
    let mut stations: Vec<_> = queues.into_iter().map(|queue| Station::new(queue, &pool)).collect();
    let peer = raw(&world);
    for port in 0..64 {
        peer.send(&udp::to_linux([0xff; 6], 1000 + port).complete(b"flow"));
    }
    let mut share = [0; 2];
    for (share, station) in share.iter_mut().zip(&mut stations) {
        while let Some(packet) = station.receive_in(Duration::from_millis(200)) {
            *share += usize::from(packet.bytes().ends_with(b"flow"));
        }
    }
    assert_eq!(share.iter().sum::<usize>(), 64, "each frame once");
    assert!(share.iter().all(|&share| share > 8), "{share:?}");
    for (seed, station) in stations.iter_mut().enumerate() {
        let frame = experimental([0xff; 6], OURS, 100, seed as u8);
        station.send(&frame, Offload::default());
        assert_eq!(peer.receive(is_experimental), frame);
    }
}

#[test]
fn an_interface_that_is_removed_is_gone() {
    for polls in [true, false] {
        let (world, mut station) = ready(&Options::default());
        world.near.output(&["ip", "link", "delete", NEAR]);
        if polls {
            let error = station.poll_until_gone();
            assert!(error.contains(NEAR) && error.contains("removed"), "{error}");
        } else {
            station.wait_until_gone();
        }
        let mut ready = Batch::from([station.frame(&experimental(OURS, OURS, 60, 0))]);
        assert!(station.nic.transmit(&mut ready).unwrap_err().is_gone());
        drop(ready);
        station.finish();
    }
}

#[test]
fn an_interface_that_is_down_for_a_while_goes_on() {
    let (world, mut station) = ready(&Options::default());
    world.near.output(&["ip", "link", "set", NEAR, "down"]);
    assert!(station.receive_in(Duration::from_millis(50)).is_none());
    world.near.output(&["ip", "link", "set", NEAR, "up"]);
    world.settle();
    let peer = raw(&world);
    let frame = experimental([0xff; 6], [2; 6], 100, 0);
    peer.send(&frame);
    assert_eq!(bytes(&station.receive()), frame);
    station.send(&frame, Offload::default());
    assert_eq!(peer.receive(is_experimental), frame);
    station.finish();
}

#[test]
fn what_cannot_be_opened_says_why() {
    let world = World::silent();
    let error = world.near.run(|| packet_socket::open("none", &Options::default()).unwrap_err());
    assert!(error.to_string().contains("no network interface of that name"), "{error}");
    let open = || packet_socket::open(NEAR, &Options::default()).unwrap_err();
    let error = world.near.run_without(Rights::all(), open).to_string();
    assert!(error.contains("sudo") && error.contains("cap_net_raw"), "{error}");
}

#[test]
fn jumbo_frames_are_chains() {
    let world =
        World::with(&system_tests::Options { mtu: 9000, addresses: false, ..Default::default() });
    let queue = open(&world, &Options::default()).unwrap().remove(0);
    let mut station = Station::new(queue, &pool());
    assert_eq!(station.nic.information().mtu, 9000);
    let peer = raw(&world);
    let frame = experimental([0xff; 6], [0x12; 6], 9014, 8);
    peer.send(&frame);
    let packet = station.receive();
    assert_eq!(packet.pages().count(), 3);
    assert_eq!(bytes(&packet), frame);
    station.send_packet(packet);
    assert_eq!(peer.receive(is_experimental), frame);
    station.finish();
}

#[test]
fn frames_for_others_are_received_only_when_asked_for() {
    // A veth pair passes everything on; what differs is whether the interface is told.
    for promiscuous in [false, true] {
        let (world, station) = ready(&Options { promiscuous, ..Options::default() });
        let shown = world.near.output(&["ip", "-d", "link", "show", NEAR]);
        assert_eq!(shown.contains("promiscuity 1"), promiscuous, "{shown}");
        drop(station);
        eventually("the interface is as it was", || {
            let shown = world.near.output(&["ip", "-d", "link", "show", NEAR]);
            shown.contains("promiscuity 0")
        });
    }
}
