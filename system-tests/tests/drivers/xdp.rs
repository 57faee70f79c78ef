//! `AF_XDP`, with a Linux at the other end of a veth pair as peer.

use crate::station::{Station, bytes, frame};
use crate::udp::{self, PARTIAL};
use nic::Error;
use nic::memory::Memory;
use nic::xdp::{self, Mode, Options, Xdp};
use packet::header::ethernet::Mac;
use packet::{Batch, Offload, Pool, Segmentation, SegmentationKind};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::time::{Duration, Instant};
use system_tests::frame::{OURS, UDP_PAYLOAD, experimental, is_experimental, udp_checksum_holds};
use system_tests::{FAR, NEAR, PATIENCE, Raw, Rights, World, eventually};

const PAGES: usize = 512;

fn pool() -> Pool {
    Pool::registered(Memory::private(PAGES, false).unwrap())
}

fn options(mode: Mode) -> Options {
    Options { mode, frames: 64, ..Options::default() }
}

fn open(world: &World, options: &Options, pool: &Pool) -> Result<Vec<Xdp>, Error> {
    let (options, pool) = (options.clone(), pool.clone());
    world.near.run(move || xdp::open(NEAR, &options, &pool))
}

fn ready(mode: Mode) -> (World, Station) {
    let world = World::silent();
    let pool = pool();
    let queue = open(&world, &options(mode), &pool).unwrap().remove(0);
    (world, Station::new(queue, &pool))
}

fn raw(world: &World) -> Raw {
    world.far.run(|| Raw::new(FAR))
}

fn shown(world: &World) -> String {
    world.near.output(&["ip", "-d", "link", "show", NEAR])
}

#[test]
fn frames_cross_both_ways_unchanged() {
    for mode in [Mode::Skb, Mode::Driver, Mode::Best, Mode::ZeroCopy] {
        let (world, mut station) = ready(mode);
        let peer = raw(&world);
        let Mac(mac) = station.nic.information().mac.unwrap();
        assert!(shown(&world).contains(&Mac(mac).to_string()));
        // veth has no zero-copy: the driver must say that it copies.
        assert!(station.nic.information().copies);
        // More than the rings hold, so that they go round.
        for length in (60..=1514).step_by(9) {
            let frame = experimental(mac, [0x12; 6], length, 1);
            peer.send(&frame);
            let packet = station.receive();
            assert_eq!(bytes(&packet), frame);
            drop(packet);

            let frame = experimental([0xff; 6], mac, length, 2);
            station.send(&frame, Offload::default());
            assert_eq!(peer.receive(is_experimental), frame);
        }
        let counted = station.nic.statistics();
        let broken = (counted.send_dropped, counted.malformed, counted.copied);
        assert_eq!((counted.received, counted.sent, broken), (162, 162, (0, 0, 0)));
        station.finish();
    }
}

/// Frames that come in at one interface leave through another, and no more when the relay is gone.
#[test]
fn a_relay_passes_frames_on_until_it_is_dropped() {
    let world = World::silent();
    let (mouth, relayed) = ("mouth0", "relayed0");
    world.near.output(&["ip", "link", "add", mouth, "type", "veth", "peer", "name", relayed]);
    for name in [mouth, relayed] {
        world.near.output(&["ip", "link", "set", name, "up"]);
    }
    // A veth end can be given what another driver received if its peer receives by itself.
    system_tests::tool("ethtool", "ethtool");
    world.far.output(&["ethtool", "-K", FAR, "gro", "on"]);
    let relay = world.near.run(|| xdp::Relay::attach("relayed0", NEAR)).unwrap();
    let sender = world.near.run(|| Raw::new("mouth0"));
    let receiver = raw(&world);
    let first = experimental([0xff; 6], [0x12; 6], 900, 1);
    sender.send(&first);
    assert_eq!(receiver.receive(is_experimental), first);

    drop(relay);
    assert!(!world.near.output(&["ip", "-d", "link", "show", relayed]).contains("xdp"));
    sender.send(&experimental([0xff; 6], [0x12; 6], 900, 2));
    // What goes straight comes; what was sent before it at the other end does not.
    let straight = world.near.run(|| Raw::new(NEAR));
    let last = experimental([0xff; 6], [0x12; 6], 900, 3);
    straight.send(&last);
    assert_eq!(receiver.receive(is_experimental), last);

    let error = world.near.run(|| xdp::Relay::attach("relayed0", "nobody0")).unwrap_err();
    assert!(error.to_string().contains("nobody0"), "{error}");
}

/// The page that the device filled is the one that the application had lent, and the one that
/// goes back to the wire and comes home.
#[test]
fn a_page_is_never_copied_by_us() {
    let (world, mut station) = ready(Mode::Best);
    let peer = raw(&world);
    let base = station.pool.region().unwrap().base().as_ptr() as usize;
    let there = experimental(OURS, [0x12; 6], 700, 5);
    peer.send(&there);
    let mut packet = station.receive();
    let page = packet.page_address();
    assert_eq!(page, base + packet.number() * packet::PAGE);
    packet.bytes_mut()[..12].rotate_left(6);
    let data = packet.bytes().as_ptr() as usize;
    assert!((page..page + packet::PAGE).contains(&data));
    station.send_packet(packet);
    let back = peer.receive(is_experimental);
    assert_eq!((&back[..6], &back[6..12], &back[12..]), (&[0x12; 6][..], &OURS[..], &there[12..]));
    let deadline = Instant::now() + PATIENCE;
    while !station.reclaimed.contains(&page) {
        assert!(Instant::now() < deadline, "the page comes back");
        station.reclaim();
    }
    assert_eq!(station.nic.statistics().copied, 0);
    station.finish();
}

#[test]
fn full_rings_push_back_and_lose_nothing() {
    let (world, mut station) = ready(Mode::Best);
    let peer = raw(&world);
    let frames: Vec<_> = (0..200).map(|seed| experimental([0xff; 6], [2; 6], 100, seed)).collect();
    let mut ready: Batch = frames.iter().map(|frame| station.frame(frame)).collect();
    let deadline = Instant::now() + PATIENCE;
    while !ready.is_empty() {
        assert!(Instant::now() < deadline);
        station.nic.transmit(&mut ready).unwrap();
        station.reclaim();
    }
    for frame in &frames {
        assert_eq!(&station.sent_to(&peer), frame);
    }
    while station.reclaimed.len() < 200 {
        assert!(Instant::now() < deadline, "all pages come back");
        station.reclaim();
    }
    station.finish();
}

#[test]
fn what_finds_no_buffer_is_counted() {
    let (world, mut station) = ready(Mode::Best);
    let peer = raw(&world);
    let frame = experimental([0xff; 6], [2; 6], 100, 0);
    (0..200).for_each(|_| peer.send(&frame));
    let mut received = 0;
    while station.receive_in(Duration::from_millis(100)).is_some() {
        received += 1;
    }
    let counted = station.nic.statistics();
    assert!(counted.receive_dropped > 0, "{counted:?}");
    assert_eq!(received + counted.receive_dropped, 200);
    station.finish();
}

#[test]
fn checksums_are_complete_on_both_sides() {
    let world = World::with(&system_tests::Options {
        offloads: false,
        addresses: false,
        ..Default::default()
    });
    let pool = pool();
    let queue = open(&world, &options(Mode::Best), &pool).unwrap().remove(0);
    let mut station = Station::new(queue, &pool);
    let (socket, port) = udp::linux_socket(&world.far, FAR);
    socket.send_to(b"there", "10.0.0.1:7").unwrap();
    let packet = station.receive_that(|packet| packet.bytes().get(UDP_PAYLOAD..) == Some(b"there"));
    assert!(udp_checksum_holds(&bytes(&packet)));
    let hardware = std::array::from_fn(|place| packet.bytes()[6 + place]);
    drop(packet);
    station.send(&udp::to_linux(hardware, port).complete(b"back"), Offload::default());
    let mut buffer = [0; 16];
    assert_eq!(socket.recv(&mut buffer).unwrap(), 4);
    station.finish();
}

#[test]
fn what_is_not_complete_is_refused() {
    let (_world, mut station) = ready(Mode::Best);
    assert_eq!(station.nic.information().offloads, nic::Offloads::default());
    let whole = udp::to_linux([0xff; 6], 9);
    station.send(&whole.partial(b"x"), Offload { checksum: PARTIAL, segmentation: None });
    let segmentation = Some(Segmentation { kind: SegmentationKind::Udp, size: 1, headers: 42 });
    let offload = Offload { segmentation, ..Offload::default() };
    station.send(&whole.complete(b"xyz"), offload);
    station.send(&[0; 13], Offload::default());
    station.send(&[0; 1519], Offload::default());
    let counted = station.nic.statistics();
    assert_eq!((counted.send_dropped, counted.sent), (4, 0));
    assert_eq!(station.reclaimed.len(), 1, "the same page, refused and reclaimed each time");
    station.finish();
}

#[test]
fn pages_of_another_pool_are_copied_to_be_sent_and_never_lent() {
    let (world, mut station) = ready(Mode::Best);
    let peer = raw(&world);
    let mut foreign = Pool::plain(4);
    let there = experimental([0xff; 6], [2; 6], 1000, 7);
    let packet = frame(&mut foreign, &there);
    let page = packet.page_address();
    station.send_packet(packet);
    assert_eq!(peer.receive(is_experimental), there);
    assert_eq!(station.nic.statistics().copied, 1);
    assert!(station.reclaimed.contains(&page), "it comes back at once");

    let mut free = Batch::new();
    foreign.allocate_batch(&mut free, 3);
    let mut received = Batch::new();
    station.nic.receive(&mut free, &mut received, 8).unwrap();
    assert_eq!(free.len(), 3, "the device cannot fill what it cannot reach");
    drop(free);
    assert_eq!(foreign.statistics().away, 0);
    station.finish();
}

#[test]
fn without_a_spare_page_a_foreign_packet_stays() {
    let (_world, mut station) = ready(Mode::Best);
    let held: Vec<_> = std::iter::from_fn(|| station.pool.allocate()).collect();
    let mut ready = Batch::from([frame(&mut Pool::plain(1), &experimental(OURS, OURS, 60, 0))]);
    assert_eq!(station.nic.transmit(&mut ready).unwrap(), 0);
    assert_eq!(ready.len(), 1);
    drop(held);
    assert_eq!(station.nic.transmit(&mut ready).unwrap(), 1);
    station.finish();
}

#[test]
fn jumbo_frames_are_chains() {
    for mode in [Mode::Skb, Mode::Driver] {
        let world = World::with(&system_tests::Options {
            mtu: 9000,
            addresses: false,
            ..Default::default()
        });
        let pool = pool();
        let queue = open(&world, &options(mode), &pool).unwrap().remove(0);
        let mut station = Station::new(queue, &pool);
        let peer = raw(&world);
        let there = experimental([0xff; 6], [0x12; 6], 9014, 8);
        for _ in 0..100 {
            peer.send(&there);
            let packet = station.receive();
            assert!(packet.next().is_some());
            assert_eq!(bytes(&packet), there);
            station.send_packet(packet);
            assert_eq!(peer.receive(is_experimental), there);
        }
        // And one that must be copied, into several pages.
        station.send_packet(frame(&mut Pool::plain(3), &there));
        assert_eq!(peer.receive(is_experimental), there);
        station.finish();
    }
}

#[test]
fn every_queue_carries_its_share_and_pages_pass_between_them() {
    // In mode `Skb` veth calls every queue the first.
    let world =
        World::with(&system_tests::Options { queues: 2, addresses: false, ..Default::default() });
    let pool = pool();
    let queues = open(&world, &Options { queues: 2, ..options(Mode::Driver) }, &pool).unwrap();
    let mut stations: Vec<_> = queues.into_iter().map(|queue| Station::new(queue, &pool)).collect();
    let peer = raw(&world);
    let mut received = [Batch::new(), Batch::new()];
    for port in 0..64 {
        peer.send(&udp::to_linux([0xff; 6], 1000 + port).complete(b"flow"));
        for (received, station) in received.iter_mut().zip(&mut stations) {
            received.extend(station.receive_in(Duration::from_millis(2)));
        }
    }
    for (received, station) in received.iter_mut().zip(&mut stations) {
        while let Some(packet) = station.receive_in(Duration::from_millis(100)) {
            received.push_back(packet);
        }
    }
    let share = received.each_ref().map(Batch::len);
    assert_eq!(share.iter().sum::<usize>(), 64, "{share:?}");
    assert!(share.iter().all(|&share| share > 8), "{share:?}");
    // What came in by one queue goes out by the other.
    let [first, second] = received;
    let pages: usize = first.iter().chain(&second).map(|packet| packet.pages().count()).sum();
    assert_eq!(pages, 64);
    for (station, batch) in stations.iter_mut().rev().zip([first, second]) {
        for packet in batch {
            station.send_packet(packet);
        }
    }
    (0..64).for_each(|_| drop(peer.receive(|frame| frame.ends_with(b"flow"))));
    drop(stations);
    assert_eq!(pool.statistics().away, 0);
}

#[test]
fn the_program_is_there_while_a_driver_is_and_no_longer() {
    for (mode, word) in [(Mode::Skb, "xdpgeneric"), (Mode::Driver, "xdp"), (Mode::Best, "xdp")] {
        let (world, station) = ready(mode);
        let now = shown(&world);
        assert!(now.contains(&format!(" {word} ")) || now.contains("prog/xdp"), "{now}");
        station.finish();
        eventually("the program is gone", || !shown(&world).contains("xdp"));
        // What was just closed may be opened at once.
        let pool = pool();
        let queue = open(&world, &options(mode), &pool).unwrap().remove(0);
        Station::new(queue, &pool).finish();
    }
}

#[test]
fn a_killed_process_leaves_no_program() {
    let world = World::silent();
    let held = world.near.start(&[env!("CARGO_BIN_EXE_hold"), "xdp", NEAR]);
    eventually("it opens the interface", || shown(&world).contains("prog/xdp"));
    // The guard kills it, by SIGKILL.
    drop(held);
    eventually("the program is gone", || !shown(&world).contains("xdp"));
}

#[test]
fn frames_of_queues_that_are_not_open_go_to_linux() {
    let world =
        World::with(&system_tests::Options { queues: 2, addresses: false, ..Default::default() });
    let pool = pool();
    let queue = open(&world, &options(Mode::Driver), &pool).unwrap().remove(0);
    let mut station = Station::new(queue, &pool);
    let linux = world.near.run(|| Raw::new(NEAR));
    let peer = raw(&world);
    (0..64).for_each(|port| peer.send(&udp::to_linux([0xff; 6], port).complete(b"flow")));
    let (mut ours, mut theirs) = (0, 0);
    while station.receive_in(Duration::from_millis(100)).is_some() {
        ours += 1;
    }
    while linux.receive_in(Duration::from_millis(100)).is_some() {
        theirs += 1;
    }
    assert_eq!(ours + theirs, 64);
    assert!(ours > 8 && theirs > 8, "{ours} {theirs}");
    station.finish();
}

#[test]
fn an_interface_that_is_removed_is_gone() {
    for polls in [true, false] {
        let (world, mut station) = ready(Mode::Best);
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
fn what_cannot_be_opened_says_why() {
    let world = World::silent();
    let pool = pool();
    let error = |name: &'static str, options: Options, pool: &Pool| {
        let pool = pool.clone();
        world.near.run(move || xdp::open(name, &options, &pool)).unwrap_err().to_string()
    };
    let absent = error("none", options(Mode::Best), &pool);
    assert!(absent.contains("no network interface of that name"), "{absent}");
    let plain = error(NEAR, options(Mode::Best), &Pool::plain(8));
    assert!(plain.contains("registered pool"), "{plain}");
    let odd = error(NEAR, Options { frames: 100, ..Options::default() }, &pool);
    assert!(odd.contains("power of two"), "{odd}");
    let queue = error(NEAR, Options { queues: 2, ..options(Mode::Best) }, &pool);
    assert!(queue.contains("no queue 1"), "{queue}");
    let held = open(&world, &options(Mode::Best), &pool).unwrap();
    let busy = error(NEAR, options(Mode::Best), &pool);
    assert!(busy.contains("another XDP program is attached"), "{busy}");
    drop(held);
    let again = pool.clone();
    let open = move || xdp::open(NEAR, &options(Mode::Best), &again).unwrap_err().to_string();
    let rights = world.near.run_without(Rights::all(), open);
    assert!(rights.contains("run it with `sudo`"), "{rights}");
    assert_eq!(pool.statistics().away, 0);
}

#[test]
fn busy_polling_works_where_linux_has_it() {
    let world = World::silent();
    let pool = pool();
    let busy = Options { busy_poll: 20, ..options(Mode::Best) };
    let queue = open(&world, &busy, &pool).unwrap().remove(0);
    let mut station = Station::new(queue, &pool);
    let peer = raw(&world);
    let there = experimental([0xff; 6], [2; 6], 500, 3);
    peer.send(&there);
    assert_eq!(bytes(&station.receive()), there);
    station.send(&there, Offload::default());
    assert_eq!(peer.receive(is_experimental), there);
    station.finish();
}

#[test]
fn a_pool_beyond_the_limit_of_locked_memory_is_an_error_that_names_both() {
    let limit = Rlimit { current: Some(8 << 20), maximum: None };
    let world = World::silent();
    let error = world.near.run_without(Rights::IPC_LOCK, move || {
        // Whoever has all rights, like the tests beside this one, does not feel it.
        let maximum = getrlimit(Resource::Memlock).maximum;
        setrlimit(Resource::Memlock, Rlimit { maximum, ..limit }).unwrap();
        let pool = Pool::registered(Memory::private(4096, false).unwrap());
        xdp::open(NEAR, &options(Mode::Best), &pool).unwrap_err().to_string()
    });
    assert!(error.contains("4096 pages, 16384 KiB"), "{error}");
    assert!(error.contains("locked memory is 8192 KiB"), "{error}");
    assert!(error.contains("`ulimit -l`"), "{error}");
}
