//! A packet's page is the same from the driver to the application and back.

mod pair;

use core::time::Duration;
use nic::memory::Memory;
use nic::vhost::{Device, DeviceOptions, Driver, DriverOptions};
use nic::{Information, Nic, Statistics};
use packet::{Batch, PAGE, Packet, Pool};
use pair::{links, v4};
use socket::{Datagram, Link};
use std::collections::HashSet;
use std::sync::{Arc, Mutex};

/// Goes round at both ends until `until` says so.
fn run(left: &mut Link, right: &mut Link, mut until: impl FnMut(&mut Link, &mut Link) -> bool) {
    for _ in 0..100_000 {
        left.poll(32).expect("a wire");
        right.poll(32).expect("a wire");
        if until(left, right) {
            return;
        }
    }
    panic!("what was waited for never came");
}

#[test]
fn the_page_that_was_sent_is_the_page_that_is_answered() {
    let mut pool = Pool::plain(2048);
    let (mut left, mut right) = links(&pool.clone());
    let server = right.bind(v4(2, 7)).expect("a port");
    let client = left.bind(v4(1, 0)).expect("a port");
    let mut ready = Batch::new();
    left.prepare_batch(client, v4(2, 7), b"follow me", 1000, &mut ready).expect("a route");
    let page = ready[0].page_address();
    left.tx_batch(client, &mut ready);
    let mut seen = Vec::new();
    run(&mut left, &mut right, |left, right| {
        let mut batch = Batch::new();
        right.rx_batch(server, &mut batch, 32);
        for packet in &mut batch {
            seen.push(packet.page_address());
            Datagram::read(packet).expect("a datagram").flip();
        }
        right.tx_batch(server, &mut batch);
        if left.rx_batch(client, &mut batch, 32) == 0 {
            return false;
        }
        seen.push(batch[0].page_address());
        let answer = Datagram::read(&mut batch[0]).expect("a datagram");
        assert_eq!(answer.payload(), b"follow me");
        left.recycle(&mut batch);
        true
    });
    assert_eq!(seen, [page, page], "sent, received by the server, received by the client");
    pool.recycle_batch(&mut Batch::new());
}

#[test]
fn no_buffer_is_lost_or_made_up() {
    let pool = Pool::plain(2048);
    let (mut left, mut right) = links(&pool);
    let server = right.bind(v4(2, 7)).expect("a port");
    let client = left.bind(v4(1, 0)).expect("a port");
    // Before a neighbour is known only three packets wait for him.
    let (now, mac) = (left.now(), right.host().mac());
    left.host().add_neighbor(now, v4(2, 7).ip(), mac);
    let (mut sent, mut received, mut pages) = (0_u32, 0_u32, HashSet::new());
    run(&mut left, &mut right, |left, right| {
        let mut batch = Batch::new();
        if sent < 100_000 {
            for _ in 0..32 {
                left.prepare_batch(client, v4(2, 7), &sent.to_be_bytes(), 100, &mut batch)
                    .expect("a route");
                sent += 1;
            }
            left.tx_batch(client, &mut batch);
            assert!(batch.is_empty(), "the wire keeps up");
        }
        right.rx_batch(server, &mut batch, 64);
        for packet in &mut batch {
            Datagram::read(packet).expect("a datagram").flip();
        }
        right.tx_batch(server, &mut batch);
        assert!(batch.is_empty(), "the wire keeps up");
        received += left.rx_batch(client, &mut batch, 64) as u32;
        pages.extend(batch.iter().map(packet::Packet::page_address));
        left.recycle(&mut batch);
        sent >= 100_000 && received == sent
    });
    assert!(pages.len() < 1024, "the same pages again and again, not {}", pages.len());
    drop((left, right));
    assert_eq!(pool.statistics().away, 0);
}

/// A driver whose pages are watched: where they lay when they were received, and when sent.
struct Watched<N> {
    nic: N,
    received: Arc<Mutex<HashSet<usize>>>,
    sent: Arc<Mutex<HashSet<usize>>>,
}

impl<N: Nic> Nic for Watched<N> {
    fn information(&self) -> &Information {
        self.nic.information()
    }

    fn receive(
        &mut self,
        free: &mut Batch,
        received: &mut Batch,
        limit: usize,
    ) -> Result<usize, nic::Error> {
        let count = self.nic.receive(free, received, limit)?;
        self.received.lock().expect("no panic").extend(received.iter().map(Packet::page_address));
        Ok(count)
    }

    fn transmit(&mut self, ready: &mut Batch) -> Result<usize, nic::Error> {
        self.sent.lock().expect("no panic").extend(ready.iter().map(Packet::page_address));
        self.nic.transmit(ready)
    }

    fn reclaim(&mut self, sent: &mut Batch) -> Result<usize, nic::Error> {
        self.nic.reclaim(sent)
    }

    fn wait(&mut self, timeout: Option<Duration>) -> Result<bool, nic::Error> {
        self.nic.wait(timeout)
    }

    fn statistics(&self) -> Statistics {
        self.nic.statistics()
    }
}

/// The device is in this process too, but on the other side of its own mapping, and says that it
/// copies; the driver says that it does not, and lends pages of its pool to be filled and sent.
#[test]
fn over_vhost_the_page_that_was_lent_is_the_page_that_goes_back() {
    let path = std::env::temp_dir().join(format!("cofferdam-copies-{}.sock", std::process::id()));
    let shared = Pool::registered(Memory::shared(2048, false).expect("memory"));
    let plain = Pool::plain(2048);
    let mut device = Device::listen(&DeviceOptions::new(&path)).expect("a socket");
    let opening = {
        let (options, shared) = (DriverOptions::new(&path), shared.clone());
        std::thread::spawn(move || Driver::open(&options, &shared).expect("a device").pop())
    };
    while !opening.is_finished() || !device.is_up() {
        device.receive(&mut Batch::new(), &mut Batch::new(), 1).expect("a device");
    }
    let driver = opening.join().expect("no panic").expect("a queue");
    assert!(device.information().copies && !driver.information().copies);

    let (received, sent) = (Arc::default(), Arc::default());
    let watched = Watched { nic: driver, received: Arc::clone(&received), sent: Arc::clone(&sent) };
    let open = |nic, pool: &Pool, number| {
        Link::open(nic, pool.clone(), pair::config(number)).expect("a link")
    };
    let mut left = open(Box::new(device), &plain, 1);
    let mut right = open(Box::new(watched), &shared, 2);
    let server = right.bind(v4(2, 7)).expect("a port");
    let client = left.bind(v4(1, 0)).expect("a port");
    let region = shared.region().expect("it is one region");
    let start = region.base().as_ptr() as usize;
    let inside = start..start + region.pages() * PAGE;

    let mut ready = Batch::new();
    left.prepare_batch(client, v4(2, 7), b"follow me", 1000, &mut ready).expect("a route");
    left.tx_batch(client, &mut ready);
    let mut seen = None;
    run(&mut left, &mut right, |left, right| {
        let mut batch = Batch::new();
        right.rx_batch(server, &mut batch, 32);
        for packet in &mut batch {
            seen = Some(packet.page_address());
            Datagram::read(packet).expect("a datagram").flip();
        }
        right.tx_batch(server, &mut batch);
        if left.rx_batch(client, &mut batch, 32) == 0 {
            return false;
        }
        assert_eq!(Datagram::read(&mut batch[0]).expect("a datagram").payload(), b"follow me");
        left.recycle(&mut batch);
        true
    });
    let page = seen.expect("the server saw it");
    assert!(inside.contains(&page), "a page that the device was lent");
    assert!(received.lock().expect("no panic").contains(&page), "as the driver gave it");
    assert!(sent.lock().expect("no panic").contains(&page), "and as the driver took it");
    assert_eq!(right.nic().statistics().copied, 0);
    drop((left, right));
    assert_eq!((shared.statistics().away, plain.statistics().away), (0, 0));
}
