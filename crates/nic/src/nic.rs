//! The one trait.

use crate::Error;
use core::time::Duration;
use packet::Batch;
use packet::header::ethernet::Mac;
use std::os::fd::BorrowedFd;

/// One queue pair of a network card, real or imagined.
///
/// A card with several queues is several of these, one for each worker; nothing is shared
/// between them that a caller could see.
///
/// # What an implementation promises
///
/// * It never blocks, except in [`Nic::wait`].
/// * It never allocates packets and never drops one that it was given to send without counting
///   it in [`Statistics`].
/// * It copies no payload, unless [`Information::copies`] says so, or a packet to send comes from
///   a pool that was not registered with the device (counted in [`Statistics::copied`]).
/// * Packets it holds when it is dropped go home to their pool.
/// * Bad frames from the wire are counted and skipped, not errors. An error means that the device
///   is gone or broken; [`Error::is_gone`] tells which.
pub trait Nic: Send {
    /// What this device is and can do. Does not change while it is open.
    fn information(&self) -> &Information;

    /// Receives up to `limit` frames.
    ///
    /// Takes buffers from the front of `free` and puts filled ones at the back of `received`.
    /// A driver whose device fills buffers on its own takes as many as the device has room for
    /// and keeps them until they are filled; any other takes only what it fills. A frame larger
    /// than one page takes several buffers and arrives as a chain. Buffers that are taken are
    /// cleared first; whatever `free` holds need not be.
    ///
    /// Says how many frames were received.
    fn receive(
        &mut self,
        free: &mut Batch,
        received: &mut Batch,
        limit: usize,
    ) -> Result<usize, Error>;

    /// Sends frames from the front of `ready`, as many as the device has room for; the rest stay.
    ///
    /// Frames are complete from the first byte of the Ethernet header. What their
    /// [`packet::Offload`] leaves to the device must be within [`Information::offloads`].
    ///
    /// Says how many frames were taken.
    fn transmit(&mut self, ready: &mut Batch) -> Result<usize, Error>;

    /// Puts buffers that have been sent at the back of `sent`, for the caller to use again.
    /// Says how many packets (chains count once).
    fn reclaim(&mut self, sent: &mut Batch) -> Result<usize, Error>;

    /// Sleeps until a frame may have arrived, or `timeout` is over (`None`: for ever). May wake
    /// early. `true` if [`Nic::receive`] is worth calling.
    fn wait(&mut self, timeout: Option<Duration>) -> Result<bool, Error>;

    /// A descriptor that polls readable when a frame may have arrived, if the device has one.
    ///
    /// Before sleeping on it, call [`Nic::wait`] with a timeout of zero, which asks the device to
    /// announce what arrives from then on; and go on calling the driver after it woke.
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// What happened so far.
    fn statistics(&self) -> Statistics;
}

/// A driver that is known only when the program runs, and a wrapper around one.
impl<N: Nic + ?Sized> Nic for Box<N> {
    fn information(&self) -> &Information {
        (**self).information()
    }

    fn receive(
        &mut self,
        free: &mut Batch,
        received: &mut Batch,
        limit: usize,
    ) -> Result<usize, Error> {
        (**self).receive(free, received, limit)
    }

    fn transmit(&mut self, ready: &mut Batch) -> Result<usize, Error> {
        (**self).transmit(ready)
    }

    fn reclaim(&mut self, sent: &mut Batch) -> Result<usize, Error> {
        (**self).reclaim(sent)
    }

    fn wait(&mut self, timeout: Option<Duration>) -> Result<bool, Error> {
        (**self).wait(timeout)
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        (**self).descriptor()
    }

    fn statistics(&self) -> Statistics {
        (**self).statistics()
    }
}

/// What a device is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Information {
    /// How people call it: `tap0`, `wire`, `/run/vhost.sock`.
    pub name: String,
    /// The address the device has, where it has one; else the user of the driver chooses.
    pub mac: Option<Mac>,
    /// Largest payload of an Ethernet frame (1500 on an ordinary wire).
    pub mtu: usize,
    /// What the device does for those who send.
    pub offloads: Offloads,
    /// Whether frames are copied between packets and the device.
    pub copies: bool,
}

/// What a device does for those who send through it, and may do to what it receives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a property that a device has or not")]
pub struct Offloads {
    /// Completes [`packet::Checksum::Partial`].
    pub checksum: bool,
    /// Cuts TCP over IPv4.
    pub tcp4: bool,
    /// Cuts TCP over IPv6.
    pub tcp6: bool,
    /// Cuts UDP.
    pub udp: bool,
    /// Hands up received frames that stand for several, or whose checksum is partial.
    pub receives_large: bool,
}

/// Counters of one queue pair. They only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Frames received.
    pub received: u64,
    /// Bytes in them.
    pub received_bytes: u64,
    /// Frames sent.
    pub sent: u64,
    /// Bytes in them.
    pub sent_bytes: u64,
    /// Frames the device received and had to drop: too large, or no buffer for them.
    pub receive_dropped: u64,
    /// Frames that could not be sent: too large, or refused by the device.
    pub send_dropped: u64,
    /// Frames that were broken on arrival (a descriptor out of range, a bogus length).
    pub malformed: u64,
    /// Frames that had to be copied into a registered page to be sent.
    pub copied: u64,
}
