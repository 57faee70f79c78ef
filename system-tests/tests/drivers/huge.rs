//! Packets in huge pages, by each driver that can take a region of memory.

use crate::station::{Station, bytes, frame};
use crate::vhost::switch::{Listens, Switch};
use crate::vhost::{exchange, finish};
use nic::memory::Memory;
use nic::{tap, xdp};
use packet::{PAGE, Pool};
use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};
use system_tests::frame::{OURS, experimental, is_experimental};
use system_tests::{FAR, HugePages, NEAR, Namespace, Raw, World, eventually};

/// Bytes in a huge page.
const HUGE: usize = 2 << 20;
/// Pages of a pool: eight huge ones.
const PAGES: usize = 4096;

/// Huge pages for one pool. Their number is the machine's, so one test at a time has them.
fn set_aside() -> (HugePages, MutexGuard<'static, ()>) {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    (HugePages::of(PAGES * PAGE).unwrap(), turn)
}

/// A pool in huge pages, as the kernel says too.
fn pool(memory: Memory) -> Pool {
    let pool = Pool::registered(memory);
    let base = pool.region().unwrap().base().as_ptr() as usize;
    let maps = fs::read_to_string("/proc/self/smaps").unwrap();
    let mapping = maps.split_once(&format!("{base:08x}-")).expect("it is mapped").1;
    let size = mapping.split_once("KernelPageSize:").unwrap().1.lines().next().unwrap();
    assert_eq!(size.trim(), "2048 kB");
    pool
}

/// Frames from all over the region cross in both directions.
fn frames_cross(station: &mut Station, peer: &Raw, mac: [u8; 6]) {
    let mut held = Vec::new();
    for (seed, length) in (60..=1514).step_by(97).enumerate() {
        let there = experimental(mac, [0x12; 6], length, seed as u8);
        peer.send(&there);
        let packet = station.receive_that(|packet| is_experimental(packet.bytes()));
        assert_eq!(bytes(&packet), there);
        station.send_packet(packet);
        assert_eq!(peer.receive(is_experimental), there);
        // From another huge page the next time.
        held.extend(std::iter::from_fn(|| station.pool.allocate()).take(PAGES / 16));
    }
}

/// How many huge pages there are, or how many of them are free.
fn number(name: &str) -> usize {
    let path = format!("/sys/kernel/mm/hugepages/hugepages-2048kB/{name}");
    fs::read_to_string(path).unwrap().trim().parse().unwrap()
}

#[test]
fn what_was_set_aside_is_given_back_also_after_a_killed_process() {
    let _huge = set_aside();
    let before = number("nr_hugepages");
    let bytes = (number("free_hugepages") + 3) * HUGE;
    let more = HugePages::of(bytes).unwrap();
    assert_eq!(number("nr_hugepages"), before + 3);
    drop(more);
    assert_eq!(number("nr_hugepages"), before);

    let hold = env!("CARGO_BIN_EXE_hold");
    let namespace = Namespace::new();
    let held = namespace.start(&[hold, "huge", &bytes.to_string()]);
    eventually("they are set aside", || number("nr_hugepages") == before + 3);
    // The guard kills it, by SIGKILL.
    drop(held);
    eventually("they are given back", || number("nr_hugepages") == before);
}

#[test]
fn a_switch_reads_and_fills_huge_pages() {
    let _huge = set_aside();
    let pool = pool(Memory::shared(PAGES, true).unwrap());
    let mut switch = Switch::start(Listens::Driver, 2);
    let mut stations = switch.meet(&switch.options(), &pool);
    for (queue, station) in stations.iter_mut().enumerate() {
        exchange(station, queue, 1514);
        assert_eq!(station.nic.statistics().copied, 0);
    }
    finish(stations, &pool);
}

#[test]
fn tap_takes_huge_pages() {
    let _huge = set_aside();
    let pool = pool(Memory::private(PAGES, true).unwrap());
    let namespace = Namespace::new();
    let nic = namespace.run(|| tap::open("tap0", &tap::Options::default()).unwrap().remove(0));
    namespace.output(&["ip", "link", "set", "tap0", "addrgenmode", "none"]);
    namespace.output(&["ip", "link", "set", "tap0", "up"]);
    let peer = namespace.run(|| Raw::new("tap0"));
    let mut station = Station::new(nic, &pool);
    frames_cross(&mut station, &peer, OURS);
    station.finish();
}

#[test]
fn xdp_takes_huge_pages() {
    let _huge = set_aside();
    let pool = pool(Memory::private(PAGES, true).unwrap());
    let world = World::silent();
    let options = xdp::Options { frames: 64, ..xdp::Options::default() };
    let region = pool.clone();
    let nic = world.near.run(move || xdp::open(NEAR, &options, &region).unwrap().remove(0));
    let mut station = Station::new(nic, &pool);
    let peer = world.far.run(|| Raw::new(FAR));
    frames_cross(&mut station, &peer, OURS);
    // And one that must be copied into them.
    let there = experimental([0xff; 6], OURS, 900, 0);
    station.send_packet(frame(&mut Pool::plain(1), &there));
    assert_eq!(peer.receive(is_experimental), there);
    station.finish();
}
