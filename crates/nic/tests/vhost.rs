//! Both sides of vhost-user against each other, in one process.

use nic::Nic;
use nic::memory::Memory;
use nic::vhost::{Device, DeviceOptions, Driver, DriverOptions};
use packet::{Batch, Checksum, Offload, Packet, Pool, Segmentation, SegmentationKind};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A path nobody else uses; the device removes it when it goes.
fn path(test: &str) -> PathBuf {
    std::env::temp_dir().join(format!("cofferdam-vhost-{test}-{}.sock", std::process::id()))
}

/// Opens a driver while the device attends to its messages.
fn plug(device: &mut Device, options: &DriverOptions, pool: &Pool) -> Driver {
    let (options, pool) = (options.clone(), pool.clone());
    let opening = std::thread::spawn(move || Driver::open(&options, &pool).unwrap());
    let (mut free, mut none) = (Batch::new(), Batch::new());
    while !opening.is_finished() || !device.is_up() {
        device.receive(&mut free, &mut none, 1).unwrap();
    }
    opening.join().unwrap().pop().unwrap()
}

struct World {
    device: Device,
    driver: Driver,
    /// The driver's pool, and the device's.
    shared: Pool,
    plain: Pool,
    free: Batch,
}

impl World {
    fn new(test: &str, change: impl FnOnce(&mut DriverOptions)) -> Self {
        let mut options = DriverOptions::new(path(test));
        change(&mut options);
        let shared = Pool::registered(Memory::shared(1024, false).unwrap());
        let mut device = Device::listen(&DeviceOptions::new(&options.path)).unwrap();
        let driver = plug(&mut device, &options, &shared);
        Self { device, driver, shared, plain: Pool::plain(1024), free: Batch::new() }
    }

    /// Sends from the driver and gives what arrives at the device.
    fn out(&mut self, frames: impl IntoIterator<Item = Packet>) -> Batch {
        let mut ready: Batch = frames.into_iter().collect();
        let (mut free, mut received, count) = (Batch::new(), Batch::new(), ready.len());
        assert_eq!(self.driver.transmit(&mut ready).unwrap(), count);
        self.plain.allocate_batch(&mut free, 64);
        self.device.receive(&mut free, &mut received, 64).unwrap();
        self.plain.recycle_batch(&mut free);
        received
    }

    /// Sends from the device and gives what arrives at the driver.
    fn back(&mut self, frames: impl IntoIterator<Item = Packet>) -> Batch {
        self.lend();
        let mut ready: Batch = frames.into_iter().collect();
        let (mut received, mut sent, count) = (Batch::new(), Batch::new(), ready.len());
        assert_eq!(self.device.transmit(&mut ready).unwrap(), count);
        self.driver.receive(&mut self.free, &mut received, 64).unwrap();
        self.device.reclaim(&mut sent).unwrap();
        self.plain.recycle_batch(&mut sent);
        received
    }

    /// Lends the driver as many buffers as it takes.
    fn lend(&mut self) {
        let missing = 512_usize.saturating_sub(self.free.len());
        self.shared.allocate_batch(&mut self.free, missing);
        assert_eq!(self.driver.receive(&mut self.free, &mut Batch::new(), 0).unwrap(), 0);
    }

    /// Ends it, and sees that every page went home.
    fn end(mut self) {
        // Without a device the driver need not wait for its last word.
        drop(self.device);
        self.shared.recycle_batch(&mut self.free);
        drop(self.driver);
        assert_eq!(self.shared.statistics().away, 0, "of the driver's pool");
        assert_eq!(self.plain.statistics().away, 0, "of the device's pool");
    }
}

fn frame(pool: &mut Pool, len: usize, seed: usize) -> Packet {
    let mut first = pool.allocate().unwrap();
    let mut done = fill(&mut first, len, 0, seed);
    while done < len {
        let mut next = pool.allocate().unwrap();
        done = fill(&mut next, len, done, seed);
        first.append(next);
    }
    first
}

fn fill(page: &mut Packet, len: usize, done: usize, seed: usize) -> usize {
    let count = (len - done).min(page.tailroom());
    for (place, byte) in (done..).zip(page.push_back(count).unwrap()) {
        *byte = (seed + place * 7 + place / 256) as u8;
    }
    done + count
}

fn bytes(packet: &Packet) -> Vec<u8> {
    packet.pages().flat_map(Packet::bytes).copied().collect()
}

#[test]
fn frames_cross_both_ways_without_a_copy_on_the_drivers_side() {
    let mut world = World::new("cross", |_| {});
    for (seed, len) in (14..200).chain([1500, 1514, 2868, 2869, 3900, 9000, 40_000]).enumerate() {
        let packet = frame(&mut world.shared, len, seed);
        let (page, content) = (packet.page_address(), bytes(&packet));
        let arrived = world.out([packet]);
        assert_eq!(arrived.len(), 1, "{len}");
        assert_eq!(bytes(&arrived[0]), content, "{len}");
        let mut sent = Batch::new();
        assert_eq!(world.driver.reclaim(&mut sent).unwrap(), 1);
        assert_eq!(sent[0].page_address(), page, "the very page that was sent comes back");
        assert_eq!(bytes(&sent[0]), content, "as it was");

        let back = world.back(arrived);
        assert_eq!(back.len(), 1, "{len}");
        assert_eq!(bytes(&back[0]), content, "{len}");
        assert!(back[0].pages().all(|page| page.belongs_to(&world.shared)), "it was lent");
        let page = back[0].page_address();
        let arrived = world.out(back);
        assert_eq!(bytes(&arrived[0]), content, "{len}, sent on from where it was received");
        world.driver.reclaim(&mut sent).unwrap();
        assert_eq!(sent[1].page_address(), page);
    }
    let statistics = world.driver.statistics();
    assert_eq!((statistics.copied, statistics.malformed), (0, 0));
    assert_eq!(statistics.sent, 2 * statistics.received);
    assert_eq!(statistics.sent_bytes, 2 * statistics.received_bytes);
    assert_eq!(world.device.statistics().malformed, 0);
    world.end();
}

#[test]
fn many_frames_round_and_round() {
    let mut world = World::new("many", |options| options.size = 64);
    for turn in 0..2000 {
        let count = turn % 40;
        let frames: Vec<_> = (0..count).map(|n| frame(&mut world.shared, 60 + n, turn)).collect();
        let arrived = world.out(frames);
        assert_eq!(arrived.len(), count);
        let back = world.back(arrived);
        assert!(back.iter().map(Packet::len).eq(60..60 + count));
        let mut sent = Batch::new();
        world.driver.reclaim(&mut sent).unwrap();
        assert_eq!(sent.len(), count);
    }
    world.end();
}

#[test]
fn offloads_are_told_and_believed() {
    let mut world = World::new("offloads", |_| {});
    assert!(world.driver.information().offloads.tcp4);
    // A large TCP segment in two pages.
    let mut packet = frame(&mut world.shared, 5000, 0);
    let headers = packet.bytes_mut();
    headers[..54].fill(0);
    headers[12..15].copy_from_slice(&[8, 0, 0x45]);
    headers[23] = 6;
    headers[46] = 0x50;
    let offload = Offload {
        checksum: Checksum::Partial { start: 34, offset: 16 },
        segmentation: Some(Segmentation { kind: SegmentationKind::Tcp4, size: 1000, headers: 54 }),
    };
    *packet.offload_mut() = offload;
    let arrived = world.out([packet]);
    assert_eq!(*arrived[0].offload(), offload);
    let back = world.back(arrived);
    assert_eq!(*back[0].offload(), offload);
    drop(back);
    world.end();
}

#[test]
fn a_frame_the_device_cannot_complete_is_dropped_and_comes_back() {
    let mut world = World::new("cannot", |options| options.offloads = false);
    let mut packet = frame(&mut world.shared, 100, 0);
    packet.offload_mut().checksum = Checksum::Partial { start: 34, offset: 16 };
    assert!(world.out([packet]).is_empty());
    assert_eq!(world.driver.statistics().send_dropped, 1);
    let mut sent = Batch::new();
    assert_eq!(world.driver.reclaim(&mut sent).unwrap(), 1);
    drop(sent);
    world.end();
}

#[test]
fn a_private_driver_copies_and_shows_none_of_our_pages() {
    let mut world = World::new("private", |options| options.private = true);
    assert!(world.driver.information().copies);
    // The caller's pool need not even be one that can be shared.
    world.shared.recycle_batch(&mut world.free);
    world.shared = Pool::plain(1024);
    for len in [60, 1500, 9000] {
        let packet = frame(&mut world.shared, len, len);
        let content = bytes(&packet);
        let arrived = world.out([packet]);
        assert_eq!(bytes(&arrived[0]), content);
        let back = world.back(arrived);
        assert_eq!(bytes(&back[0]), content);
        assert!(back[0].pages().all(|page| page.belongs_to(&world.shared)));
        let mut sent = Batch::new();
        assert_eq!(world.driver.reclaim(&mut sent).unwrap(), 1);
    }
    assert_eq!(world.driver.statistics().copied, 3);
    world.end();
}

#[test]
fn a_private_driver_keeps_what_finds_too_few_pages() {
    let mut world = World::new("few", |options| options.private = true);
    world.shared.recycle_batch(&mut world.free);
    let lend = |world: &mut World, pages| world.shared.allocate_batch(&mut world.free, pages);
    let receive = |world: &mut World| {
        let mut received = Batch::new();
        let count = world.driver.receive(&mut world.free, &mut received, 64).unwrap();
        assert_eq!(count, received.len());
        received.iter().map(bytes).collect::<Vec<_>>()
    };
    assert!(receive(&mut world).is_empty());
    let frames: Vec<_> = (0..3).map(|seed| frame(&mut world.plain, 9000, seed)).collect();
    let contents: Vec<_> = frames.iter().map(bytes).collect();
    assert_eq!(world.device.transmit(&mut frames.into_iter().collect()).unwrap(), 3);
    assert!(receive(&mut world).is_empty(), "no page was lent");
    for content in &contents {
        assert!(world.driver.wait(Some(Duration::ZERO)).unwrap(), "one more waits");
        let missing = 4 - world.free.len();
        lend(&mut world, missing);
        assert_eq!(&receive(&mut world), std::slice::from_ref(content));
    }
    assert!(!world.driver.wait(Some(Duration::ZERO)).unwrap());
    assert_eq!(world.driver.statistics().receive_dropped, 0);

    // Too few from the start: nothing could come of it.
    let mut ready = Batch::from([frame(&mut world.plain, 9000, 0)]);
    assert_eq!(world.device.transmit(&mut ready).unwrap(), 1);
    world.shared.recycle_batch(&mut world.free);
    lend(&mut world, 2);
    assert!(receive(&mut world).is_empty());
    let counted = world.driver.statistics();
    assert_eq!((counted.received, counted.receive_dropped), (3, 1));
    assert_eq!(world.device.reclaim(&mut ready).unwrap(), 4);
    drop(ready);
    world.end();
}

#[test]
fn a_packet_of_another_pool_is_copied_and_comes_back() {
    let mut world = World::new("foreign", |_| {});
    let mut foreign = Pool::plain(4);
    let packet = frame(&mut foreign, 700, 3);
    let content = bytes(&packet);
    let arrived = world.out([packet]);
    assert_eq!(bytes(&arrived[0]), content);
    assert_eq!(world.driver.statistics().copied, 1);
    let mut sent = Batch::new();
    assert_eq!(world.driver.reclaim(&mut sent).unwrap(), 1);
    assert!(sent[0].belongs_to(&foreign));
    drop((arrived, sent));
    assert_eq!(foreign.statistics().away, 0);
    world.end();
}

#[test]
fn a_driver_that_goes_and_comes_again_finds_the_device() {
    let mut world = World::new("again", |_| {});
    for round in 0..3 {
        let packet = frame(&mut world.shared, 80, round);
        assert_eq!(world.out([packet]).len(), 1);
        let old = std::thread::spawn(move || drop(world.driver));
        let (mut free, mut none) = (Batch::new(), Batch::new());
        while !old.is_finished() || world.device.is_up() {
            world.device.receive(&mut free, &mut none, 1).unwrap();
        }
        old.join().unwrap();
        // Nobody is there: what is sent is lost, counted, and comes back.
        let mut lost = Batch::from([frame(&mut world.plain, 80, 0)]);
        assert_eq!(world.device.transmit(&mut lost).unwrap(), 1);
        assert_eq!(world.device.statistics().send_dropped, 1 + round as u64);
        assert_eq!(world.device.reclaim(&mut lost).unwrap(), 1);
        drop(lost);
        let options = DriverOptions::new(path("again"));
        world.driver = plug(&mut world.device, &options, &world.shared);
    }
    world.end();
}

#[test]
fn a_device_that_goes_away_is_gone() {
    let World { device, mut driver, mut free, shared, .. } = World::new("gone", |_| {});
    drop(device);
    let begin = Instant::now();
    let error = loop {
        if let Err(error) = driver.receive(&mut free, &mut Batch::new(), 32) {
            break error;
        }
        assert!(begin.elapsed() < Duration::from_secs(5));
    };
    assert!(error.is_gone(), "{error}");
    assert!(driver.wait(Some(Duration::from_secs(1))).unwrap_err().is_gone());
    drop(driver);
    assert_eq!(shared.statistics().away, 0);
}

#[test]
fn waiting_ends_when_a_frame_comes_and_not_before() {
    let mut world = World::new("wait", |_| {});
    world.lend();
    let begin = Instant::now();
    assert!(!world.driver.wait(Some(Duration::from_millis(50))).unwrap());
    assert!(begin.elapsed() >= Duration::from_millis(50));
    let World { mut device, mut driver, mut plain, free, shared } = world;
    let begin = Instant::now();
    let waiter = std::thread::spawn(move || {
        while !driver.wait(Some(Duration::from_secs(10))).unwrap() {
            assert!(begin.elapsed() < Duration::from_secs(5), "nobody called");
        }
        driver
    });
    std::thread::sleep(Duration::from_millis(50));
    let mut ready = Batch::from([frame(&mut plain, 60, 0)]);
    assert_eq!(device.transmit(&mut ready).unwrap(), 1);
    let driver = waiter.join().unwrap();
    assert!(begin.elapsed() < Duration::from_secs(5), "it slept on");
    drop(device);
    drop((driver, free, shared));
}

fn is_readable(driver: &Driver) -> bool {
    let descriptor = driver.descriptor().unwrap();
    let mut polled = [PollFd::from_borrowed_fd(descriptor, PollFlags::IN)];
    poll(&mut polled, Some(&Timespec::default())).unwrap() > 0
}

/// As somebody does who sleeps on many descriptors at once.
#[test]
fn the_descriptor_announces_each_frame_once_and_the_end() {
    let mut world = World::new("announce", |_| {});
    world.lend();
    for seed in 0..3 {
        assert!(!world.driver.wait(Some(Duration::ZERO)).unwrap());
        assert!(!is_readable(&world.driver), "nothing has come since");
        let packet = frame(&mut world.plain, 60, seed);
        assert_eq!(world.device.transmit(&mut Batch::from([packet])).unwrap(), 1);
        assert!(is_readable(&world.driver));
        let mut received = Batch::new();
        assert_eq!(world.driver.receive(&mut world.free, &mut received, 64).unwrap(), 1);
    }
    assert!(!world.driver.wait(Some(Duration::ZERO)).unwrap());
    let begin = Instant::now();
    assert!(!world.driver.wait(Some(Duration::from_millis(50))).unwrap());
    assert!(begin.elapsed() >= Duration::from_millis(50), "a call that was answered woke it");
    drop(world.device);
    assert!(is_readable(&world.driver), "who sleeps on it hears of the end");
    assert!(world.driver.wait(Some(Duration::ZERO)).unwrap_err().is_gone());
}

#[test]
fn the_device_wakes_when_the_driver_sends() {
    let World { mut device, mut driver, mut shared, .. } = World::new("wake", |_| {});
    assert!(!device.wait(Some(Duration::from_millis(20))).unwrap());
    let begin = Instant::now();
    let waiter = std::thread::spawn(move || {
        while !device.wait(Some(Duration::from_secs(10))).unwrap() {
            assert!(begin.elapsed() < Duration::from_secs(5), "nobody kicked");
        }
        device
    });
    std::thread::sleep(Duration::from_millis(50));
    let mut ready = Batch::from([frame(&mut shared, 60, 0)]);
    driver.transmit(&mut ready).unwrap();
    // Whether a kick is wanted is seen by the calls that follow, as everybody makes them.
    while !waiter.is_finished() {
        driver.reclaim(&mut ready).unwrap();
    }
    drop(waiter.join().unwrap());
    assert!(begin.elapsed() < Duration::from_secs(5), "it slept on");
    drop((driver, ready));
    assert_eq!(shared.statistics().away, 0);
}

#[test]
fn what_cannot_be_opened_says_why() {
    let pool = Pool::registered(Memory::shared(16, false).unwrap());
    let nowhere = DriverOptions::new("/nonexistent/vhost.sock");
    let said = |options: &DriverOptions, pool: &Pool| {
        Driver::open(options, pool).err().unwrap().to_string()
    };
    assert!(said(&nowhere, &pool).contains("the switch must be running"));
    let odd = DriverOptions { size: 100, ..nowhere.clone() };
    assert!(said(&odd, &pool).contains("power of two"));
    assert!(said(&nowhere, &Pool::plain(16)).contains("shared memory"));
    let server = DriverOptions {
        server: true,
        patience: Duration::from_millis(20),
        ..DriverOptions::new(path("patience"))
    };
    assert!(said(&server, &pool).contains("start the other side sooner"));
    assert!(!server.path.exists(), "the socket goes with who made it");
    let _taken = Device::listen(&DeviceOptions::new(path("taken"))).unwrap();
    let again = Device::listen(&DeviceOptions::new(path("taken"))).err().unwrap().to_string();
    assert!(again.contains("somebody else has this name"), "{again}");
}
