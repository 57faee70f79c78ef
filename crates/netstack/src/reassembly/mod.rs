//! Packets put together again from their fragments, IPv4 and IPv6.
//!
//! Fragments come in as packets that begin with their IP header; the pages of those that belong
//! together are chained, headers cut off, nothing copied (but for transport headers that a sender
//! spread over several fragments). Whole packets go out, again beginning with their IP header.
//! Pages of what is dropped go to the caller's free buffers.
//!
//! **Bounds.** All fragments that wait hold at most [`Limits::pages`] pages, those of one source
//! at most [`Limits::pages_per_source`]: a source that wants more loses its own oldest packet,
//! and nobody else's. When many sources together want too much, the oldest packet goes: an honest
//! one is complete in milliseconds, so a flood mostly drowns itself. No fragment waits longer
//! than [`Limits::timeout`].
//!
//! **Overlaps.** Fragments that overlap, or disagree about where the packet ends, are an attack
//! or a mistake (of IPv4 identifications used again too soon). The packet is dropped, with what
//! still comes of it (RFC 5722; for IPv4 too, as Linux does). An exact duplicate is tolerated.

mod arrival;
mod datagram;
mod outcome;

pub use outcome::{Outcome, Reason, Statistics};

use crate::Time;
use alloc::collections::{BTreeMap, BTreeSet};
use arrival::{Arrival, Key, Read, Source};
use core::time::Duration;
use datagram::Datagram;
use packet::{Batch, Packet};

/// What fragments may take up while they wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Pages of all.
    pub pages: usize,
    /// Pages of one source: an IPv4 address, a `/64` of IPv6, a link-local address. The largest
    /// packet takes 48 pages at 1,500 bytes a fragment, 125 at 576.
    pub pages_per_source: usize,
    /// How long a packet's first arrival waits for the last.
    pub timeout: Duration,
}

impl Default for Limits {
    /// 4 MiB; a quarter of them for one source; 30 s as in Linux, since IPv4's identifications
    /// come round sooner than the 60 s of the RFCs.
    fn default() -> Self {
        Self { pages: 1024, pages_per_source: 256, timeout: Duration::from_secs(30) }
    }
}

/// Fragments that wait for the rest of their packet.
#[derive(Debug)]
pub struct Reassembly {
    limits: Limits,
    /// Number of the packet that is begun next. Older packets have lower numbers.
    next: u64,
    datagrams: BTreeMap<u64, Datagram>,
    by_key: BTreeMap<Key, u64>,
    by_source: BTreeSet<(Source, u64)>,
    pages_by_source: BTreeMap<Source, usize>,
    pages: usize,
    statistics: Statistics,
}

impl Reassembly {
    /// Nothing waits.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            next: 0,
            datagrams: BTreeMap::new(),
            by_key: BTreeMap::new(),
            by_source: BTreeSet::new(),
            pages_by_source: BTreeMap::new(),
            pages: 0,
            statistics: Statistics::default(),
        }
    }

    /// Takes a packet that begins with its IP header, and perhaps is a fragment. One that is none
    /// comes back as it is, less padding and an atomic fragment header (RFC 6946).
    ///
    /// Pages that become free on the way go to the back of `free`.
    pub fn insert(&mut self, packet: Packet, now: Time, free: &mut Batch) -> Outcome {
        let arrival = match Arrival::read(packet, free) {
            Read::Fragment(arrival) => arrival,
            Read::Whole(packet) => return Outcome::Whole(packet),
            Read::Refused { packet, reason, pointer } => {
                self.statistics.fragments += 1;
                self.statistics.drop(reason, 1);
                return Outcome::Refused { packet, reason, pointer };
            }
        };
        self.statistics.fragments += 1;
        let (key, source) = (arrival.key, arrival.source);
        let number = self.datagram(key, source, now, free);
        let Some(datagram) = self.datagrams.get_mut(&number) else { return Outcome::Kept };
        if let Err((packet, reason)) = datagram.add(arrival) {
            if reason == Reason::Overlap {
                let dropped = datagram.abandon(free);
                self.statistics.drop(reason, dropped);
            }
            self.statistics.drop(reason, 1);
            self.account(number);
            return Outcome::Refused { packet, reason, pointer: 0 };
        }
        if datagram.is_complete() {
            let Some(datagram) = self.remove(number) else { return Outcome::Kept };
            return self.put_together(datagram, free);
        }
        self.account(number);
        self.keep_within_limits(source, free);
        Outcome::Kept
    }

    /// Drops what has waited too long. The first fragment of each such packet, if it came, goes
    /// to the back of `firsts`, as it was received: the sender is owed an ICMP "time exceeded"
    /// that quotes it. All other pages go to the back of `free`.
    pub fn expire(&mut self, now: Time, free: &mut Batch, firsts: &mut Batch) {
        while self.deadline().is_some_and(|deadline| deadline <= now) {
            let Some((&number, _)) = self.datagrams.first_key_value() else { return };
            let Some(mut datagram) = self.remove(number) else { return };
            let first = datagram.take_first();
            let dropped = u64::from(first.is_some()) + datagram.abandon(free);
            firsts.extend(first);
            self.statistics.drop(Reason::Timeout, dropped);
        }
    }

    /// When to call [`Reassembly::expire`] next.
    pub fn deadline(&self) -> Option<Time> {
        self.datagrams.first_key_value().map(|(_, datagram)| datagram.deadline)
    }

    /// Pages that are held (a packet that was dropped, but of which more may come, counts as one).
    pub fn pages(&self) -> usize {
        self.pages
    }

    /// Fragments that wait.
    pub fn fragments(&self) -> usize {
        self.datagrams.values().map(Datagram::fragments).sum()
    }

    /// What happened so far.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// Number of the packet with `key`, begun now if there is none.
    fn datagram(&mut self, key: Key, source: Source, now: Time, free: &mut Batch) -> u64 {
        if let Some(&number) = self.by_key.get(&key) {
            if self.datagrams.get(&number).is_some_and(|datagram| now < datagram.deadline) {
                return number;
            }
            // Nobody called `expire` in time.
            self.evict(number, Reason::Timeout, free);
        }
        let number = self.next;
        self.next += 1;
        self.datagrams.insert(number, Datagram::new(key, source, now + self.limits.timeout));
        self.by_key.insert(key, number);
        self.by_source.insert((source, number));
        number
    }

    fn put_together(&mut self, mut datagram: Datagram, free: &mut Batch) -> Outcome {
        let fragments = datagram.fragments() as u64;
        let Some(mut packet) = datagram.take_chain(free) else { return Outcome::Kept };
        match datagram.finish(&mut packet) {
            Ok(()) => {
                self.statistics.whole += 1;
                self.statistics.joined += fragments;
                Outcome::Whole(packet)
            }
            Err(reason) => {
                self.statistics.drop(reason, fragments);
                Outcome::Refused { packet, reason, pointer: 0 }
            }
        }
    }

    fn keep_within_limits(&mut self, source: Source, free: &mut Batch) {
        while self.pages_by_source.get(&source).is_some_and(|&p| p > self.limits.pages_per_source) {
            let oldest = self.by_source.range((source, 0)..=(source, u64::MAX)).next();
            let Some(&(_, number)) = oldest else { break };
            self.evict(number, Reason::NoRoom, free);
        }
        while self.pages > self.limits.pages {
            let Some((&number, _)) = self.datagrams.first_key_value() else { break };
            self.evict(number, Reason::NoRoom, free);
        }
    }

    fn evict(&mut self, number: u64, reason: Reason, free: &mut Batch) {
        if let Some(mut datagram) = self.remove(number) {
            let dropped = datagram.abandon(free);
            self.statistics.drop(reason, dropped);
        }
    }

    fn remove(&mut self, number: u64) -> Option<Datagram> {
        let datagram = self.datagrams.remove(&number)?;
        self.by_key.remove(&datagram.key);
        self.by_source.remove(&(datagram.source, number));
        self.change(datagram.source, datagram.charged, 0);
        Some(datagram)
    }

    /// Brings the accounts up to date with what a packet holds.
    fn account(&mut self, number: u64) {
        let Some(datagram) = self.datagrams.get_mut(&number) else { return };
        let (source, before, after) = (datagram.source, datagram.charged, datagram.charge());
        datagram.charged = after;
        self.change(source, before, after);
    }

    fn change(&mut self, source: Source, before: usize, after: usize) {
        self.pages = self.pages + after - before;
        let pages = self.pages_by_source.entry(source).or_default();
        *pages = *pages + after - before;
        if *pages == 0 {
            self.pages_by_source.remove(&source);
        }
    }
}

/// Puts each page of a chain at the back of `free`.
fn give_back(packet: Packet, free: &mut Batch) {
    let mut rest = Some(packet);
    while let Some(mut packet) = rest {
        rest = packet.take_next();
        free.push_back(packet);
    }
}
