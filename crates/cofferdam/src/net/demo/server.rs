//! The server's side: the store behind a UDP stack.

use super::figures::Figures;
use crate::Failure;
use crate::net::clock::Clock;
use kv::netstack::{Answers, Request};
use netstack::StackId;
use packet::Batch;
use socket::Link;
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// Datagrams worked on together.
const BATCH: usize = kv::BATCH;
/// Rounds between two publications of counts.
const PUBLISH: u32 = 64;

/// A key-value server on a link.
pub(super) struct Server {
    link: Link,
    stack: StackId,
    answering: kv::Server,
    clock: Clock,
}

impl Server {
    /// A server that listens at `port` and has room for `keys` entries.
    pub(super) fn new(mut link: Link, port: u16, keys: u32) -> Result<Self, Failure> {
        let stack = link.bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))?;
        // A table half full, as anybody would make it who knows how many keys will come.
        let capacity = (2 * keys as usize).next_power_of_two();
        let memory = keys as usize * 256 + (8 << 20);
        let options = kv::Options { capacity, memory, ..kv::Options::default() };
        let clock = Clock::new();
        let answering =
            kv::Store::new(&options).and_then(|store| kv::Server::new(store, clock.time()));
        let answering = answering.map_err(|error| Failure::Other(format!("the store: {error}")))?;
        Ok(Self { link, stack, answering, clock })
    }

    /// Answers until it is over.
    pub(super) fn serve(&mut self, figures: &Figures) -> Result<(), Failure> {
        let mut received = Batch::new();
        let mut requests: VecDeque<Request> = VecDeque::new();
        let mut answers = Answers::new(self.link.pool().clone());
        let mut rounds = 0_u32;
        while !figures.is_over() {
            if self.link.poll(BATCH)? == 0 && answers.ready.is_empty() {
                self.publish(figures);
                self.link.wait(Some(Duration::from_millis(10)))?;
            }
            while self.link.next_ready().is_some() {
                self.link.rx_batch(self.stack, &mut received, BATCH);
                for packet in received.drain(..) {
                    match Request::read(packet, usize::MAX) {
                        Ok(request) => requests.push_back(request),
                        Err(packet) => answers.free.push_back(packet),
                    }
                }
                let now = self.clock.time();
                self.answering.process_batch(now, &mut requests, &mut answers);
            }
            self.link.tx_batch(self.stack, &mut answers.ready);
            self.link.flush()?;
            self.link.recycle(&mut answers.free);
            rounds = rounds.wrapping_add(1);
            if rounds.is_multiple_of(PUBLISH) {
                self.publish(figures);
            }
        }
        self.publish(figures);
        Ok(())
    }

    fn publish(&self, figures: &Figures) {
        let counters = self.answering.counters();
        figures.received.store(counters.requests, Relaxed);
        figures.answered.store(counters.answers, Relaxed);
        figures.entries.store(self.answering.store().counters().entries, Relaxed);
        // Not all that a host drops was meant for a stack: ARP for others, for one.
        let drops = self.link.host_ref().counters().drops();
        let of_datagrams = drops.filter(|(reason, _)| reason.name().starts_with("udp:"));
        figures.dropped.store(of_datagrams.map(|(_, count)| count).sum(), Relaxed);
    }
}
