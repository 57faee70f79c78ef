//! The driver's side of vhost-user, with DPDK at the other end, alone and inside Open vSwitch.

mod bridge;
mod folder;
pub(crate) mod switch;

use crate::station::{Station, bytes};
use crate::udp::PARTIAL;
use nic::memory::Memory;
use nic::vhost::DriverOptions;
use nic::{Nic, Offloads};
use packet::header::ethernet::Mac;
use packet::{Batch, Checksum, Offload, Packet, Pool};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket::{Config, Network};
use std::net::IpAddr;
use std::os::fd::BorrowedFd;
use std::thread;
use std::time::{Duration, Instant};
use switch::{BURST, Listens, Switch, greet, marked, swapped};
use system_tests::frame::{OURS, Udp, payload, udp_checksum_holds};
use system_tests::{PATIENCE, eventually};

fn pool() -> Pool {
    Pool::registered(Memory::shared(2048, false).unwrap())
}

/// Sends frames of many lengths, one by one and in bursts, more than the rings hold; each comes
/// back by its queue and as it was.
pub(crate) fn exchange(station: &mut Station, queue: usize, longest: usize) {
    let lengths: Vec<_> = (60..=longest).step_by(longest / 100).chain([longest]).collect();
    for length in &lengths {
        let frame = marked(queue, *length, 1);
        station.send(&frame, Offload::default());
        assert_eq!(bytes(&next(station)), swapped(&frame), "{length} bytes");
    }
    for round in 0..12 {
        let frames: Vec<_> = (0..BURST)
            .map(|place| marked(queue, lengths[lengths.len() - 1 - place], round + place as u8))
            .collect();
        for frame in &frames {
            station.send(frame, Offload::default());
        }
        for frame in &frames {
            assert_eq!(bytes(&next(station)), swapped(frame), "in its turn");
        }
    }
}

/// The next frame that is not a greeting which comes late.
fn next(station: &mut Station) -> Packet {
    let hello = swapped(&marked(0, 60, 0xff));
    station.receive_that(|packet| packet.bytes()[14..] != hello[14..])
}

/// Lets the drivers go; every page must be home then.
#[track_caller]
pub(crate) fn finish(stations: Vec<Station>, pool: &Pool) {
    drop(stations);
    assert_eq!(pool.statistics().away, 0, "pages leaked");
}

/// One switch after whose drivers others come: each finds it, or is found by it, anew.
fn one_after_the_other(listens: Listens) {
    let mut switch = Switch::start(listens, 1);
    let pool = pool();
    let usual = switch.options();
    let jumbo = DriverOptions { mtu: 9000, size: 1024, ..usual.clone() };
    let kinds = [
        usual.clone(),
        jumbo.clone(),
        DriverOptions { private: true, size: 64, ..usual },
        DriverOptions { private: true, offloads: false, ..jumbo },
    ];
    for options in kinds {
        let mut stations = switch.meet(&options, &pool);
        let station = &mut stations[0];
        exchange(station, 0, options.mtu + 14);
        let counted = station.nic.statistics();
        let broken = (counted.malformed, counted.send_dropped, counted.receive_dropped);
        assert_eq!(broken, (0, 0, 0), "{counted:?}");
        assert!(counted.sent >= counted.received, "{counted:?}");
        assert_eq!(counted.copied > 0, options.private, "{counted:?}");
        finish(stations, &pool);
        assert_eq!(options.path.exists(), listens == Listens::Switch, "who made it has it");
    }
}

#[test]
fn frames_cross_both_ways_if_the_switch_comes_to_us() {
    one_after_the_other(Listens::Driver);
}

#[test]
fn frames_cross_both_ways_if_we_come_to_the_switch() {
    one_after_the_other(Listens::Switch);
}

#[test]
fn every_queue_pair_has_its_own_frames() {
    for listens in [Listens::Driver, Listens::Switch] {
        let mut switch = Switch::start(listens, 2);
        let pool = pool();
        let mut stations = switch.meet(&switch.options(), &pool);
        assert_eq!(stations.len(), 2);
        for (queue, station) in stations.iter_mut().enumerate() {
            exchange(station, queue, 1514);
        }
        // Both at once, each in a thread of its own.
        thread::scope(|scope| {
            for (queue, station) in stations.iter_mut().enumerate() {
                scope.spawn(move || exchange(station, queue, 1514));
            }
        });
        for (queue, station) in stations.iter_mut().enumerate() {
            let stray = station.receive_in(Duration::from_millis(50));
            assert!(stray.is_none_or(|stray| stray.bytes()[5] == queue as u8), "another's");
        }
        finish(stations, &pool);
    }
}

/// Whoever sleeps at one queue holds nobody up at another.
#[test]
fn one_queue_pair_sleeps_while_the_other_works() {
    let mut switch = Switch::start(Listens::Switch, 2);
    let pool = pool();
    let mut stations = switch.meet(&switch.options(), &pool);
    let (mut busy, mut idle) = (stations.pop().unwrap(), stations.pop().unwrap());
    while idle.receive_in(Duration::from_millis(50)).is_some() {}
    let sleep = Duration::from_secs(2);
    let begin = Instant::now();
    let sleeper = thread::spawn(move || {
        while begin.elapsed() < sleep {
            let left = sleep.saturating_sub(begin.elapsed());
            assert!(!idle.nic.wait(Some(left)).unwrap(), "nobody sends here");
        }
        idle
    });
    // It sleeps by now; looking in vain, again and again, for the end of the device's process.
    thread::sleep(Duration::from_millis(100));
    for _ in 0..20_000 {
        busy.poll().unwrap();
    }
    exchange(&mut busy, 1, 1514);
    assert!(begin.elapsed() < sleep, "held up for {:?}", begin.elapsed());
    finish(vec![busy, sleeper.join().unwrap()], &pool);
}

/// DPDK believes that it has as many as anybody asks for, and serves those that it has.
#[test]
fn a_switch_may_have_more_or_fewer_queue_pairs() {
    let mut switch = Switch::start(Listens::Switch, 2);
    let pool = pool();
    for queues in [1, 3, 2] {
        let drivers = switch.open(&DriverOptions { queues, ..switch.options() }, &pool);
        assert_eq!(drivers.len(), usize::from(queues));
        let mut stations: Vec<_> =
            drivers.into_iter().map(|nic| Station::new(nic, &pool)).collect();
        for (queue, station) in stations.iter_mut().enumerate().take(2) {
            greet(station, queue);
            exchange(station, queue, 1514);
        }
        if let Some(unserved) = stations.get_mut(2) {
            unserved.send(&marked(2, 60, 0), Offload::default());
            assert!(unserved.receive_in(Duration::from_millis(50)).is_none());
        }
        finish(stations, &pool);
    }
}

/// DPDK completes the checksum that we leave open, and believes what we say of it.
#[test]
fn a_checksum_is_left_to_the_switch() {
    let mut switch = Switch::start(Listens::Switch, 1);
    let pool = pool();
    let mut stations = switch.meet(&switch.options(), &pool);
    let station = &mut stations[0];
    let Offloads { checksum, .. } = station.nic.information().offloads;
    assert!(checksum, "net_vhost completes them");
    let udp = Udp {
        hardware: ([0x12; 6], OURS),
        addresses: ([10, 0, 0, 1], [10, 0, 0, 2]),
        ports: (7, 8),
    };
    let sent = udp.partial(b"left open");
    station.send(&sent, Offload { checksum: PARTIAL, segmentation: None });
    let back = station.receive_that(|packet| packet.bytes().ends_with(b"left open"));
    let mut expected = swapped(&sent);
    if matches!(back.offload().checksum, Checksum::Partial { .. }) {
        assert_eq!(back.offload().checksum, PARTIAL);
    } else {
        assert!(udp_checksum_holds(back.bytes()));
        expected[40..42].copy_from_slice(&back.bytes()[40..42]);
    }
    assert_eq!(bytes(&back), expected);
    drop(back);
    finish(stations, &pool);
}

fn is_readable(descriptor: BorrowedFd<'_>) -> bool {
    let mut polled = [PollFd::from_borrowed_fd(descriptor, PollFlags::IN)];
    poll(&mut polled, Some(&Timespec::default())).unwrap() > 0
}

/// As somebody does who sleeps on many descriptors at once.
#[test]
fn the_descriptor_announces_each_frame_once() {
    let mut switch = Switch::start(Listens::Switch, 1);
    let pool = pool();
    let mut stations = switch.meet(&switch.options(), &pool);
    let station = &mut stations[0];
    for seed in 0..20 {
        // What is late is taken, and what it was announced by is forgotten.
        while station.nic.wait(Some(Duration::ZERO)).unwrap() {
            while station.poll().unwrap() > 0 {}
        }
        assert!(!is_readable(station.nic.descriptor().unwrap()), "nothing has come");
        let frame = marked(0, 100, seed);
        station.send(&frame, Offload::default());
        eventually("the descriptor is readable", || is_readable(station.nic.descriptor().unwrap()));
        assert_eq!(bytes(&next(station)), swapped(&frame));
    }
    finish(stations, &pool);
}

#[test]
fn a_switch_that_is_killed_is_gone() {
    for polls in [true, false] {
        let mut switch = Switch::start(Listens::Driver, 1);
        let pool = pool();
        let mut stations = switch.meet(&switch.options(), &pool);
        let station = &mut stations[0];
        let mut ready = Batch::from([station.frame(&marked(0, 60, 0))]);
        drop(switch);
        if polls {
            station.poll_until_gone();
        } else {
            assert!(is_readable(station.nic.descriptor().unwrap()), "who sleeps hears of it");
            station.wait_until_gone();
        }
        // Nobody takes what the ring takes.
        let _ = station.nic.transmit(&mut ready);
        drop(ready);
        finish(stations, &pool);
    }
}

/// A whole stack over it, whose thread sleeps on the driver's descriptor.
#[test]
fn a_network_over_it_wakes_when_an_answer_comes_and_when_the_switch_is_gone() {
    let mut switch = Switch::with_mode(Listens::Driver, 1, "icmpecho");
    let pool = pool();
    let driver = switch.open(&switch.options(), &pool).remove(0);
    let config = Config::new(Mac(OURS)).with_address([10, 0, 0, 1], 24);
    let network = Network::open(Box::new(driver), pool.clone(), config).unwrap();
    let there = IpAddr::from([10, 0, 0, 2]);
    // The first may be lost.
    eventually("it answers", || network.ping(there, b"hello", PATIENCE / 10).is_ok());
    for size in [1, 56, 1000, 1472] {
        let sent = payload(size, 7);
        let pong = network.ping(there, &sent, PATIENCE).unwrap();
        assert_eq!((pong.from, pong.payload), (there, sent));
        assert!(pong.time < Duration::from_millis(500), "{:?}: nobody woke it", pong.time);
    }
    drop(switch);
    eventually("it hears of the end", || network.bind("10.0.0.1:7".parse().unwrap()).is_err());
    drop(network);
    assert_eq!(pool.statistics().away, 0);
}
