//! Breaks things on purpose: loss, delay, reordering, duplicates, broken bits, a slow line.
//!
//! What happens to a frame follows from the seed and how many frames passed before it in its
//! direction: the same seed and the same traffic give the same faults. When a frame is due follows
//! from the [`Clock`].
//!
//! A frame passes, in this order: loss; duplication (the copy then has a fate of its own); a bound
//! on the frames that are on their way; broken bits and cuts; the rate; the delay; reordering.
//! Frames on their way are packets that their caller does without: a pool must have that many
//! pages more, at most the two [`Impairment::queue`]s.
//!
//! While faults are on, senders have to cut large frames themselves: what is lost is a frame as
//! it is on a wire, not 64 KB at once.

mod fate;
mod line;
mod settings;

pub use line::Counts;
pub use settings::{Distribution, Impairment, Options, Share};

use super::clock::{Clock, SystemClock};
use crate::{Error, Information, Nic, Offloads, Statistics};
use core::time::Duration;
use line::Line;
use packet::Batch;
use std::os::fd::BorrowedFd;

/// How long a frame is held back to be overtaken if no others come.
pub const REORDER_WAIT: Duration = Duration::from_millis(20);

/// Buffers that are kept for duplicates of sent frames: three of the largest.
const RESERVE: usize = 64;

/// Frames that are offered to the driver at once.
const OFFER: usize = 64;

/// A driver whose frames do not all arrive as they were sent.
pub struct Faults<N, C = SystemClock> {
    inner: N,
    clock: C,
    information: Information,
    receiving: Line,
    sending: Line,
    /// Frames just received.
    arrived: Batch,
    /// Received frames that were lost.
    vanished: Batch,
    /// Frames to send that are due.
    due: Batch,
    /// Sent frames that were lost; reclaimed like all others.
    lost: Batch,
    /// Buffers for duplicates of sent frames.
    reserve: Batch,
    reserved: usize,
}

impl<N: Nic> Faults<N> {
    /// Puts faults around a driver.
    pub fn new(inner: N, options: &Options) -> Self {
        Self::with_clock(inner, options, SystemClock::default())
    }
}

impl<N: Nic, C: Clock> Faults<N, C> {
    /// Puts faults around a driver, at the times that `clock` tells.
    pub fn with_clock(inner: N, options: &Options, clock: C) -> Self {
        let mut information = inner.information().clone();
        information.offloads =
            Offloads { tcp4: false, tcp6: false, udp: false, ..information.offloads };
        let duplicates = options.transmit.duplicate > Share::NONE;
        Self {
            inner,
            clock,
            information,
            receiving: Line::new(options.receive.clone(), options.seed, 0),
            sending: Line::new(options.transmit.clone(), options.seed, 1),
            arrived: Batch::new(),
            vanished: Batch::new(),
            due: Batch::new(),
            lost: Batch::new(),
            reserve: Batch::new(),
            reserved: if duplicates { RESERVE } else { 0 },
        }
    }

    /// What happened to received frames.
    pub fn receive_counts(&self) -> Counts {
        self.receiving.counts
    }

    /// What happened to sent frames.
    pub fn transmit_counts(&self) -> Counts {
        self.sending.counts
    }

    /// When the next frame is due in either direction, by the wrapper's clock. A simulation moves
    /// its clock there when nothing else happens before.
    pub fn next_due(&self) -> Option<Duration> {
        let due = [self.receiving.due(), self.sending.due()];
        let blocked = (!self.due.is_empty()).then(|| self.clock.now());
        due.into_iter().chain([blocked]).flatten().min()
    }

    /// Offers the driver the frames that are due; `true` if it took all.
    fn flush(&mut self, now: Duration) -> Result<bool, Error> {
        loop {
            while self.due.len() < OFFER
                && let Some(packet) = self.sending.next(now)
            {
                self.due.push_back(packet);
            }
            if self.due.is_empty() {
                return Ok(true);
            }
            if self.inner.transmit(&mut self.due)? == 0 || !self.due.is_empty() {
                return Ok(false);
            }
        }
    }

    /// Keeps pages of packets at the back of `packets` for duplicates; the first `leave` stay.
    fn keep(&mut self, packets: &mut Batch, leave: usize) {
        while self.reserve.len() < self.reserved
            && packets.len() > leave
            && let Some(packet) = packets.pop_back()
        {
            push_pages(packet, &mut self.reserve);
        }
    }
}

/// Puts the pages of a chain at the back of `free`, each on its own.
fn push_pages(mut packet: packet::Packet, free: &mut Batch) {
    while let Some(rest) = packet.take_next() {
        free.push_back(packet);
        packet = rest;
    }
    free.push_back(packet);
}

impl<N: Nic, C: Clock> Nic for Faults<N, C> {
    fn information(&self) -> &Information {
        &self.information
    }

    fn receive(
        &mut self,
        free: &mut Batch,
        received: &mut Batch,
        limit: usize,
    ) -> Result<usize, Error> {
        let now = self.clock.now();
        // A device that is gone may still have frames to receive.
        let _ = self.flush(now);
        // Half of what there is, so that a caller with few buffers still receives.
        let leave = free.len() - free.len() / 2;
        self.keep(free, leave);
        let end = self.inner.receive(free, &mut self.arrived, limit);
        for packet in self.arrived.drain(..) {
            self.receiving.admit(packet, now, free, &mut self.vanished);
        }
        for packet in self.vanished.drain(..) {
            push_pages(packet, free);
        }
        let mut count = 0;
        while count < limit
            && let Some(packet) = self.receiving.next(now)
        {
            received.push_back(packet);
            count += 1;
        }
        // A device that is gone is so once everything that it brought has been received.
        match end {
            Err(error) if count == 0 && self.receiving.due().is_none() => Err(error),
            _ => Ok(count),
        }
    }

    fn transmit(&mut self, ready: &mut Batch) -> Result<usize, Error> {
        let now = self.clock.now();
        let mut count = 0;
        // As long as the driver takes what is due; a driver without room is no reason to lose
        // frames, unless the settings say so.
        while !ready.is_empty() && self.flush(now)? {
            for packet in ready.drain(..ready.len().min(OFFER)) {
                self.sending.admit(packet, now, &mut self.reserve, &mut self.lost);
                count += 1;
            }
        }
        // What was taken is ours to send, so a failure that shows only now is the next call's.
        let _ = self.flush(now);
        Ok(count)
    }

    fn reclaim(&mut self, sent: &mut Batch) -> Result<usize, Error> {
        self.flush(self.clock.now())?;
        let before = sent.len();
        self.inner.reclaim(sent)?;
        sent.append(&mut self.lost);
        self.keep(sent, before);
        Ok(sent.len() - before)
    }

    fn wait(&mut self, timeout: Option<Duration>) -> Result<bool, Error> {
        let now = self.clock.now();
        let all_sent = self.flush(now)?;
        let is_due = |line: &Line, now| line.due().is_some_and(|due| due <= now);
        if is_due(&self.receiving, now) {
            return Ok(true);
        }
        // A driver without room for what is due is asked again soon.
        let next = self.next_due().map(|due| due.saturating_sub(now));
        let next = if all_sent { next } else { Some(Duration::from_millis(1)) };
        let arrived = self.inner.wait(timeout.into_iter().chain(next).min())?;
        let now = self.clock.now();
        self.flush(now)?;
        Ok(arrived || is_due(&self.receiving, now))
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        // Whoever sleeps on a descriptor would not wake for a frame that is late.
        let late = self.receiving.takes_time() || self.sending.takes_time();
        if late { None } else { self.inner.descriptor() }
    }

    fn statistics(&self) -> Statistics {
        let mut statistics = self.inner.statistics();
        let dropped = |counts: &Counts| counts.lost + counts.overflowed;
        statistics.receive_dropped += dropped(&self.receiving.counts);
        statistics.send_dropped += dropped(&self.sending.counts);
        statistics
    }
}
