//! `AF_XDP`: the device fills the caller's own pages.
//!
//! The region of a registered pool is made known to the kernel as a whole; buffers are lent and
//! frames are sent by naming their pages. Where the network driver can, nothing is copied; on
//! others the kernel copies each frame once, at less cost than by any other way. A small program
//! in the kernel (`program`) sends all frames of the queues that are open our way.
//!
//! There is nobody here who completes checksums or cuts large frames, on neither side: a frame to
//! send must be complete, and a frame that comes from a machine's own Linux over a veth pair may
//! not be, unless the other end was told with `ethtool -K PEER tx off`.
//!
//! What the kernel names is checked against what it was lent (`slots`).

mod bpf;
mod incoming;
mod open;
mod outgoing;
mod polling;
mod program;
mod ring;
mod slots;
mod socket;

use crate::Error;
use crate::interface::{self, Interface};
use crate::nic::{Information, Nic, Statistics};
use core::time::Duration;
use packet::{Batch, Packet, Pool};
use program::Program;
use rustix::net::{RecvFlags, recv, sockopt};
use slots::Slots;
use socket::{Abilities, Socket};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Instant;

/// After so many empty-handed calls of `receive` the driver asks whether the interface is still
/// there: a caller that never waits hears of it too.
const PATIENCE: u32 = 1024;
/// How long a caller that waits sleeps before it looks whether the interface is still there.
const GLANCE: Duration = Duration::from_millis(500);
/// How long a driver that is dropped waits for what it sent to be on its way.
const FAREWELL: Duration = Duration::from_millis(100);

pub use open::open;
pub use program::Relay;

/// How frames come from the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The best there is: the driver's own path, without a copy if it can, else as `Skb`.
    #[default]
    Best,
    /// Through the kernel's ordinary path: works on every interface.
    Skb,
    /// In the device's driver, with one copy.
    Driver,
    /// In the device's driver, without a copy; falls back to `Driver` with a line in the log.
    ZeroCopy,
}

/// How an interface is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many queues, from queue 0 on: one driver each. Frames of the others go to Linux.
    pub queues: usize,
    /// How frames come from the device.
    pub mode: Mode,
    /// Frames that each ring holds; a power of two.
    pub frames: usize,
    /// Busy polling for so many microseconds; 0 leaves it off.
    pub busy_poll: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { queues: 1, mode: Mode::Best, frames: 1024, busy_poll: 0 }
    }
}

/// One queue of an interface.
#[derive(Debug)]
pub struct Xdp {
    // In the order in which they must go: the kernel lets go of the pages when the socket is
    // closed, and only then may they go home.
    socket: Socket,
    _program: Arc<Program>,
    _settled: Settled,
    slots: Slots,
    sent: Batch,
    /// Pages of a frame of which more is to come.
    started: Option<Packet>,
    /// The rest of the frame that is arriving is to be thrown away: a page of it was bogus.
    skipping: bool,
    interface: Interface,
    information: Information,
    abilities: Abilities,
    statistics: Statistics,
    frames: usize,
    busy_poll: bool,
    /// Calls of `receive` in a row that found nothing.
    empty: u32,
    /// Keeps the region, and has pages for frames that must be copied.
    pool: Pool,
}

impl Nic for Xdp {
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
        let (mut count, mut any) = (0, false);
        while count < limit {
            let Some(descriptor) = self.socket.received.pop() else { break };
            any = true;
            if let Some(frame) = self.collect(descriptor, free) {
                self.statistics.received += 1;
                self.statistics.received_bytes += frame.frame_len() as u64;
                received.push_back(frame);
                count += 1;
            }
        }
        if any {
            self.socket.received.release();
            self.empty = 0;
        } else {
            self.empty += 1;
            if self.empty >= PATIENCE {
                self.empty = 0;
                self.interface.check()?;
            }
        }
        self.lend(free);
        if self.busy_poll && !any || self.socket.fill.needs_wakeup() {
            // It tells the kernel to go on; whether there is something is seen in the ring.
            let _ = recv(&self.socket, &mut [0_u8; 0], RecvFlags::DONTWAIT);
        }
        Ok(count)
    }

    #[inline]
    fn transmit(&mut self, ready: &mut Batch) -> Result<usize, Error> {
        self.complete();
        let mut count = 0;
        while let Some(frame) = ready.front() {
            let length = frame.frame_len();
            match self.offer(ready) {
                None => break,
                Some(true) => {
                    self.statistics.sent += 1;
                    self.statistics.sent_bytes += length as u64;
                }
                Some(false) => self.statistics.send_dropped += 1,
            }
            count += 1;
        }
        self.socket.transmit.publish();
        self.kick()?;
        Ok(count)
    }

    #[inline]
    fn reclaim(&mut self, sent: &mut Batch) -> Result<usize, Error> {
        self.complete();
        self.kick()?;
        let count = self.sent.len();
        sent.append(&mut self.sent);
        Ok(count)
    }

    fn wait(&mut self, timeout: Option<Duration>) -> Result<bool, Error> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        while self.socket.received.is_empty() {
            // Nobody wakes a sleeper when the interface goes away: it has to look for itself.
            let left = deadline.map_or(GLANCE, |deadline| {
                deadline.saturating_duration_since(Instant::now()).min(GLANCE)
            });
            let name = &self.information.name;
            if interface::wait(name, self.socket.as_fd(), Some(left))? {
                return Ok(true);
            }
            self.interface.check()?;
            if left < GLANCE {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.socket.as_fd())
    }

    fn statistics(&self) -> Statistics {
        let Ok(kernel) = sockopt::xdp_statistics(&self.socket) else { return self.statistics };
        let dropped = kernel.rx_dropped + kernel.rx_ring_full.unwrap_or(0);
        Statistics {
            receive_dropped: self.statistics.receive_dropped + dropped,
            malformed: self.statistics.malformed + kernel.rx_invalid_descs,
            send_dropped: self.statistics.send_dropped + kernel.tx_invalid_descs,
            ..self.statistics
        }
    }
}

/// Dropped between socket and pages. A device that reads and writes pages itself is told to stop
/// by a worker of the kernel, a moment after the socket is closed.
#[derive(Debug)]
struct Settled {
    zero_copy: bool,
}

impl Drop for Settled {
    fn drop(&mut self) {
        if self.zero_copy {
            sleep(FAREWELL);
        }
    }
}

impl Drop for Xdp {
    /// Lets what was sent be on its way before its pages go home, where others may write to them.
    fn drop(&mut self) {
        let deadline = Instant::now() + FAREWELL;
        while self.slots.sending() > 0 && Instant::now() < deadline {
            if self.kick().is_err() {
                break;
            }
            self.complete();
            if self.slots.sending() > 0 {
                sleep(Duration::from_micros(100));
            }
        }
    }
}
