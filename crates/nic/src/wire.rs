//! A wire in memory: two ends, each a driver, across threads if need be.
//!
//! A packet that one end sends is moved to the other, which gives one of its free buffers in
//! exchange; so a frame crosses without a copy, and nobody loses a buffer by receiving.

use crate::Error;
use crate::nic::{Information, Nic, Offloads, Statistics};
use core::time::Duration;
use packet::{Batch, Packet};
use rtrb::{Consumer, Producer, RingBuffer};
use std::time::Instant;

/// How a wire is made.
#[derive(Clone, Debug)]
pub struct Options {
    /// Frames that can be on their way in each direction.
    pub depth: usize,
    /// Largest payload of an Ethernet frame.
    pub mtu: usize,
    /// Whether frames may leave their checksum and their cutting to the (imagined) device.
    pub offloads: Offloads,
}

impl Default for Options {
    fn default() -> Self {
        Self { depth: 512, mtu: 1500, offloads: Offloads::default() }
    }
}

/// One end of a wire.
pub struct Wire {
    information: Information,
    statistics: Statistics,
    /// Frames to the other end, and buffers that it gave for them.
    outgoing: Producer<Packet>,
    exchanged: Consumer<Packet>,
    /// Frames from the other end, and where buffers for them go.
    incoming: Consumer<Packet>,
    exchange: Producer<Packet>,
}

/// Makes a wire and gives its two ends.
pub fn wire(options: &Options) -> (Wire, Wire) {
    let (left_out, right_in) = RingBuffer::new(options.depth);
    let (right_out, left_in) = RingBuffer::new(options.depth);
    // A buffer in exchange needs room for every frame that can be on its way, and for those
    // whose exchange the other end has not fetched yet.
    let (left_give, right_take) = RingBuffer::new(2 * options.depth);
    let (right_give, left_take) = RingBuffer::new(2 * options.depth);
    let end = |outgoing, exchanged, incoming, exchange| Wire {
        information: Information {
            name: "wire".into(),
            mac: None,
            mtu: options.mtu,
            offloads: options.offloads,
            copies: false,
        },
        statistics: Statistics::default(),
        outgoing,
        exchanged,
        incoming,
        exchange,
    };
    (end(left_out, left_take, left_in, left_give), end(right_out, right_take, right_in, right_give))
}

impl Wire {
    /// Whether the other end is gone and everything it sent was received.
    fn is_cut(&self) -> bool {
        self.incoming.is_abandoned() && self.incoming.is_empty()
    }

    fn cut(&self) -> Error {
        Error::Gone {
            device: self.information.name.clone(),
            cause: "the other end was dropped".into(),
        }
    }
}

impl Nic for Wire {
    fn information(&self) -> &Information {
        &self.information
    }

    #[inline]
    fn receive(
        &mut self,
        free: &mut Batch,
        received: &mut Batch,
        limit: usize,
    ) -> Result<usize, Error> {
        let count = limit.min(free.len()).min(self.incoming.slots()).min(self.exchange.slots());
        if count == 0 {
            return if self.is_cut() { Err(self.cut()) } else { Ok(0) };
        }
        // Both rings have that much: nothing below stops half-way.
        let Ok(incoming) = self.incoming.read_chunk(count) else { return Ok(0) };
        let before = received.len();
        received.extend(incoming);
        let Ok(exchange) = self.exchange.write_chunk_uninit(count) else { return Ok(0) };
        exchange.fill_from_iter(free.drain(..count));
        self.statistics.received += count as u64;
        self.statistics.received_bytes +=
            received.range(before..).map(|packet| packet.frame_len() as u64).sum::<u64>();
        Ok(count)
    }

    #[inline]
    fn transmit(&mut self, ready: &mut Batch) -> Result<usize, Error> {
        let count = ready.len().min(self.outgoing.slots());
        if count == 0 {
            return if self.outgoing.is_abandoned() { Err(self.cut()) } else { Ok(0) };
        }
        let bytes = ready.range(..count).map(|packet| packet.frame_len() as u64).sum::<u64>();
        let Ok(outgoing) = self.outgoing.write_chunk_uninit(count) else { return Ok(0) };
        outgoing.fill_from_iter(ready.drain(..count));
        self.statistics.sent += count as u64;
        self.statistics.sent_bytes += bytes;
        Ok(count)
    }

    #[inline]
    fn reclaim(&mut self, sent: &mut Batch) -> Result<usize, Error> {
        let count = self.exchanged.slots();
        if count > 0
            && let Ok(exchanged) = self.exchanged.read_chunk(count)
        {
            sent.extend(exchanged);
        }
        Ok(count)
    }

    fn wait(&mut self, timeout: Option<Duration>) -> Result<bool, Error> {
        // The other end may be on this very thread, so there is nobody to wake us: yield at
        // first, then sleep in steps too short for a person to notice.
        let deadline = timeout.map(|timeout| Instant::now() + timeout);
        let mut turns = 0_u32;
        while self.incoming.is_empty() {
            if self.is_cut() {
                return Err(self.cut());
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Ok(false);
            }
            turns = turns.saturating_add(1);
            if turns < 100 {
                std::thread::yield_now();
            } else {
                std::thread::sleep(Duration::from_micros(50));
            }
        }
        Ok(true)
    }

    fn statistics(&self) -> Statistics {
        self.statistics
    }
}
