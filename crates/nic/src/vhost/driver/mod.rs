//! The driver's side of vhost-user: our packets, lent to another process.
//!
//! Nothing here copies a frame, unless it comes from a pool that the device cannot see, or
//! [`DriverOptions::private`] asks for it.

mod bell;
mod handshake;
mod private;
mod receiving;
mod sending;

use super::message::{Channel, RingState, feature, request};
use super::ring::Impossible;
use crate::Error;
use crate::nic::{Information, Nic, Offloads, Statistics};
use bell::Bell;
use core::time::Duration;
use packet::header::ethernet::Mac;
use packet::{Batch, Pool};
use private::Private;
use receiving::Receiving;
use sending::Sending;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// After so many calls in a row that brought nothing, one looks whether the peer is still there.
const IDLE: u32 = 4096;

/// How a connection to a vhost-user device is opened.
#[derive(Clone, Debug)]
pub struct DriverOptions {
    /// The socket.
    pub path: PathBuf,
    /// Whether we listen on the socket and the device connects, instead of the reverse.
    pub server: bool,
    /// Queue pairs, from 1 to 128.
    pub queues: u16,
    /// Descriptors in each ring: a power of two from 16 to 4096.
    pub size: u16,
    /// Largest payload of an Ethernet frame.
    pub mtu: usize,
    /// The address that the user of the device should take, if it was agreed.
    pub mac: Option<Mac>,
    /// Whether checksums and cutting may be left to each other, where the device can do it.
    pub offloads: bool,
    /// Whether the device sees only pages of the driver's own, and every frame is copied.
    pub private: bool,
    /// How long the device may take to connect, and for each answer.
    pub patience: Duration,
}

impl DriverOptions {
    /// The usual: connect to `path`, one queue pair of 256 descriptors, offloads.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            server: false,
            queues: 1,
            size: 256,
            mtu: 1500,
            mac: None,
            offloads: true,
            private: false,
            patience: Duration::from_secs(10),
        }
    }
}

/// One queue pair of a vhost-user device that another process is.
pub struct Driver {
    information: Information,
    statistics: Statistics,
    receiving: Receiving,
    sending: Sending,
    /// The pool whose pages the device can see.
    registered: Pool,
    /// With [`DriverOptions::private`]: what stands between these pages and the caller's.
    private: Option<Private>,
    /// For the farewell; the drivers of all queue pairs share it.
    channel: Arc<Mutex<Channel>>,
    /// Number of the queue pair.
    pair: u16,
    /// Tell the device of new buffers in the receiving and the sending ring.
    kicks: [OwnedFd; 2],
    /// Tells us of received frames.
    bell: Bell,
    idle: u32,
}

impl Driver {
    /// Opens all queue pairs of the device. Unless the options say `private`, the device maps all
    /// of `pool`, which must be one of shared memory ([`crate::memory::Memory`]).
    pub fn open(options: &DriverOptions, pool: &Pool) -> Result<Vec<Self>, Error> {
        handshake::open(options, pool)
    }

    /// Nothing came: is anybody there?
    #[inline]
    fn look_around(&mut self) -> Result<(), Error> {
        self.idle += 1;
        if self.idle < IDLE { Ok(()) } else { self.check() }
    }

    #[cold]
    fn check(&mut self) -> Result<(), Error> {
        self.idle = 0;
        self.bell.check()
    }

    /// Kicks the device where it must be, and says whether a frame waits.
    fn settle(&mut self) -> Result<bool, Error> {
        let impossible = |_| Impossible::of(&self.information.name);
        let (waits, kick) = self.receiving.settle().map_err(impossible)?;
        if kick {
            self.kick(0);
        }
        if self.sending.settle().map_err(impossible)? {
            self.kick(1);
        }
        Ok(waits || self.private.as_ref().is_some_and(Private::waits))
    }

    #[cold]
    fn kick(&self, ring: usize) {
        // Full (2^64 kicks wait) or interrupted: it has been kicked, or will be with the next.
        let _ = rustix::io::write(&self.kicks[ring], &1_u64.to_ne_bytes());
    }
}

impl Nic for Driver {
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
        let arrived = match &mut self.private {
            None => self.receiving.receive(free, received, limit),
            Some(private) => private.receive(
                &mut self.receiving,
                &mut self.registered,
                free,
                received,
                limit,
                &mut self.statistics,
            ),
        };
        let arrived = arrived.map_err(|_| Impossible::of(&self.information.name))?;
        if arrived.kick {
            self.kick(0);
        }
        self.statistics.malformed += arrived.malformed;
        if arrived.frames == 0 {
            self.look_around()?;
            return Ok(0);
        }
        self.idle = 0;
        self.statistics.received += arrived.frames as u64;
        self.statistics.received_bytes += arrived.bytes;
        Ok(arrived.frames)
    }

    #[inline]
    fn transmit(&mut self, ready: &mut Batch) -> Result<usize, Error> {
        let taken = self.sending.transmit(ready, &mut self.registered);
        if taken.kick {
            self.kick(1);
        }
        self.statistics.sent += taken.frames as u64;
        self.statistics.sent_bytes += taken.bytes;
        self.statistics.copied += taken.copied;
        self.statistics.send_dropped += taken.dropped;
        if taken.frames == 0 {
            self.look_around()?;
        }
        Ok(taken.frames + taken.dropped as usize)
    }

    #[inline]
    fn reclaim(&mut self, sent: &mut Batch) -> Result<usize, Error> {
        let returned = self
            .sending
            .reclaim(sent, &mut self.registered)
            .map_err(|_| Impossible::of(&self.information.name))?;
        if returned.kick {
            self.kick(1);
        }
        self.statistics.malformed += returned.malformed;
        Ok(returned.count)
    }

    fn wait(&mut self, timeout: Option<Duration>) -> Result<bool, Error> {
        self.receiving.ring.want_calls(true);
        if !self.settle()? {
            self.bell.sleep(timeout);
        }
        // Also calls for frames that were taken since without waiting: they would cut every later
        // sleep short.
        self.bell.silence();
        // Calls stay wanted while nothing waits, for somebody who sleeps on the descriptor.
        let waits = self.settle()?;
        if waits {
            self.receiving.ring.want_calls(false);
        }
        self.check()?;
        Ok(waits)
    }

    /// Polls readable when a frame arrives after [`Nic::wait`] was `false`, or the device is gone;
    /// so call that, with no time to wait, before sleeping on the descriptor.
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.bell.descriptor())
    }

    fn statistics(&self) -> Statistics {
        self.statistics
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // The answer to this question says that the device is done with the ring. If it gives
        // none it may write into pages that are others' by then: into their bytes, as it could
        // all along, and into nothing else.
        let mut channel = self.channel.lock().unwrap_or_else(PoisonError::into_inner);
        for ring in 0..2 {
            let index = u32::from(2 * self.pair + ring);
            let state = RingState { index, number: 0 };
            if channel.ask::<RingState>(request::GET_VRING_BASE, &state).is_err() {
                return;
            }
        }
    }
}

/// What the device does for us, by what was agreed.
fn offloads(features: u64) -> Offloads {
    let has = |bit| features & bit != 0;
    Offloads {
        checksum: has(feature::CSUM),
        tcp4: has(feature::HOST_TSO4),
        tcp6: has(feature::HOST_TSO6),
        udp: has(feature::HOST_USO),
        receives_large: has(feature::GUEST_TSO4 | feature::GUEST_TSO6 | feature::GUEST_CSUM),
    }
}
