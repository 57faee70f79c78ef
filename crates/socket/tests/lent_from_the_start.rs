//! A device that fills buffers on its own (as `AF_XDP` and virtio do) has them as soon as an
//! interface is open, not only once somebody looks for what came.

use nic::{Error, Information, Nic, Offloads, Statistics};
use packet::header::ethernet::Mac;
use packet::{Batch, Pool};
use socket::{Config, Link};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A device that keeps every buffer it is given, and tells how many.
struct Hoarder {
    information: Information,
    buffers: Batch,
    count: Arc<AtomicUsize>,
}

impl Nic for Hoarder {
    fn information(&self) -> &Information {
        &self.information
    }

    fn receive(&mut self, free: &mut Batch, _: &mut Batch, _: usize) -> Result<usize, Error> {
        self.buffers.append(free);
        self.count.store(self.buffers.len(), Ordering::Relaxed);
        Ok(0)
    }

    fn transmit(&mut self, _: &mut Batch) -> Result<usize, Error> {
        Ok(0)
    }

    fn reclaim(&mut self, _: &mut Batch) -> Result<usize, Error> {
        Ok(0)
    }

    fn wait(&mut self, _: Option<Duration>) -> Result<bool, Error> {
        Ok(false)
    }

    fn statistics(&self) -> Statistics {
        Statistics::default()
    }
}

#[test]
fn a_device_has_buffers_before_the_first_round() {
    let count = Arc::new(AtomicUsize::new(0));
    let information = Information {
        name: "hoarder".into(),
        mac: None,
        mtu: 1500,
        offloads: Offloads::default(),
        copies: false,
    };
    let device = Hoarder { information, buffers: Batch::new(), count: Arc::clone(&count) };
    let config = Config::new(Mac([2, 0, 0, 0, 0, 1])).with_address([10, 0, 0, 1], 24);
    let link = Link::open(Box::new(device), Pool::plain(1024), config).expect("a link");
    assert!(count.load(Ordering::Relaxed) >= 64);
    drop(link);
}
