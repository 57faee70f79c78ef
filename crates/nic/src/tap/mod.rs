//! TAP: the wire is the Linux of this machine, through `/dev/net/tun`.
//!
//! A frame is read straight into the caller's pages and written straight from them; the kernel
//! copies each once. Every frame carries a virtio-net header, so that checksums and the cutting
//! of large frames can be left undone in both directions: between Linux and a stack on the same
//! machine nobody needs them.
//!
//! One system call a frame. A caller who can take large frames should lend 18 buffers or more at a
//! time: the kernel takes a frame off its queue whole, and one for which too few were lent is lost,
//! and counted.
//!
//! The driver never changes the interface, except its MTU when asked.

mod device;

use crate::chain::{self, ROOM, SLICES};
use crate::interface::{self, Interface};
use crate::nic::{Information, Nic, Offloads, Statistics};
use crate::{Error, virtio};
use core::array;
use core::time::Duration;
use device::{Device, Open};
use packet::header::ethernet::Ethernet;
use packet::{Batch, Packet};
use rustix::io::{Errno, readv, writev};
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd};

/// Largest frame that Linux hands over when it may leave the cutting to us.
const LARGEST: usize = 65_536 + Ethernet::LEN + 8;
/// A frame may be that much longer than the MTU: the Ethernet header and a VLAN tag.
const OVERHEAD: usize = Ethernet::LEN + 4;

/// How a TAP device is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many queues: one driver each. More than one needs a device made with `multi_queue`.
    pub queues: usize,
    /// The MTU to set; `None` leaves it.
    pub mtu: Option<usize>,
    /// Whether Linux may hand over frames that stand for several, and leave their checksum open.
    pub large: bool,
    /// Whether a device that is made by opening it stays when it is closed.
    pub persistent: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { queues: 1, mtu: None, large: true, persistent: false }
    }
}

/// One queue of a TAP device.
#[derive(Debug)]
pub struct Tap {
    device: Device,
    information: Information,
    statistics: Statistics,
    /// Written, and waiting to be reclaimed.
    sent: Batch,
    /// Pages that the largest frame takes.
    pages: usize,
}

/// Opens a TAP device, making it if there is none of that name. One driver for each queue.
pub fn open(name: &str, options: &Options) -> Result<Vec<Tap>, Error> {
    let how = Open { queues: options.queues, large: options.large, persistent: options.persistent };
    let (devices, cuts_udp) = device::open(name, how)?;
    // Looked up after opening, which may have made it.
    let interface = Interface::find(name)?;
    if let Some(mtu) = options.mtu {
        interface.set_mtu(mtu)?;
    }
    let information = Information {
        name: interface.name().into(),
        // The interface's address is the kernel's end of the wire; ours must be another.
        mac: None,
        mtu: interface.mtu()?,
        offloads: Offloads {
            checksum: true,
            tcp4: true,
            tcp6: true,
            udp: cuts_udp,
            receives_large: options.large,
        },
        copies: true,
    };
    let largest = if options.large { LARGEST } else { information.mtu + OVERHEAD };
    let open = |device| Tap {
        device,
        information: information.clone(),
        statistics: Statistics::default(),
        sent: Batch::new(),
        pages: largest.div_ceil(ROOM),
    };
    Ok(devices.into_iter().map(open).collect())
}

/// What became of an attempt to read one frame.
enum Read {
    Frame(Packet),
    /// There was one, and it is lost.
    Lost,
    Nothing,
}

impl Tap {
    #[inline]
    fn read(&mut self, free: &mut Batch) -> Result<Read, Error> {
        let mut header = [0; virtio::HEADER];
        let read = {
            let mut slices: [_; SLICES] = array::from_fn(|_| IoSliceMut::new(&mut []));
            let mut excess = [0];
            let used = chain::rooms(&mut slices, &mut header, free, self.pages, &mut excess);
            readv(&self.device, &mut slices[..used])
        };
        let length = match read {
            Ok(length) => length,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(Read::Nothing),
            Err(source) => return Err(self.broken("reading a frame", source)),
        };
        let length = length.saturating_sub(virtio::HEADER);
        if length < Ethernet::LEN {
            self.statistics.malformed += 1;
            return Ok(Read::Lost);
        }
        // The kernel cuts off what does not fit into the rooms and the byte behind them.
        let Some(mut frame) = chain::filled(free, length) else {
            self.statistics.receive_dropped += 1;
            return Ok(Read::Lost);
        };
        if let Ok(offload) = virtio::claimed(&header, &frame) {
            *frame.offload_mut() = offload;
            Ok(Read::Frame(frame))
        } else {
            self.statistics.malformed += 1;
            chain::give_back(free, frame);
            Ok(Read::Lost)
        }
    }

    /// Whether the frame may be given to the kernel, and the header that goes with it.
    #[inline]
    fn header(&self, frame: &Packet) -> Option<[u8; virtio::HEADER]> {
        let length = frame.frame_len();
        let largest = match frame.offload().segmentation {
            Some(_) => LARGEST,
            None => self.information.mtu + OVERHEAD,
        };
        if !(Ethernet::LEN..=largest).contains(&length) {
            return None;
        }
        virtio::asking(frame, self.information.offloads)
    }

    /// Writes one frame. `Ok(None)`: the device has no room now; `Ok(Some(false))`: it will
    /// never take this one.
    #[inline]
    fn write(&self, frame: &Packet) -> Result<Option<bool>, Error> {
        let Some(header) = self.header(frame) else { return Ok(Some(false)) };
        let mut slices: [_; SLICES] = array::from_fn(|_| IoSlice::new(&[]));
        let Some(used) = chain::bytes(&mut slices, &header, frame) else { return Ok(Some(false)) };
        match writev(&self.device, &slices[..used]) {
            Ok(_) => Ok(Some(true)),
            Err(Errno::AGAIN | Errno::INTR) => Ok(None),
            Err(source @ (Errno::BADFD | Errno::BADF | Errno::NODEV | Errno::NXIO)) => {
                Err(self.broken("writing a frame", source))
            }
            // EIO while the interface is down, EINVAL for a header that Linux dislikes, ENOBUFS
            // and ENOMEM: this frame is lost, as it would be on a wire; the device lives.
            Err(_) => Ok(Some(false)),
        }
    }

    fn broken(&self, doing: &'static str, source: Errno) -> Error {
        let name = &self.information.name;
        match source {
            Errno::BADFD | Errno::BADF | Errno::NODEV | Errno::NXIO => {
                interface::gone(name, "the interface was removed")
            }
            _ => interface::refused(name, doing, source),
        }
    }
}

impl Nic for Tap {
    fn information(&self) -> &Information {
        &self.information
    }

    fn receive(
        &mut self,
        free: &mut Batch,
        received: &mut Batch,
        limit: usize,
    ) -> Result<usize, Error> {
        let mut count = 0;
        // Frames that are lost count against the limit too, so that this ends.
        for _ in 0..limit {
            if free.is_empty() {
                break;
            }
            match self.read(free)? {
                Read::Frame(frame) => {
                    self.statistics.received += 1;
                    self.statistics.received_bytes += frame.frame_len() as u64;
                    received.push_back(frame);
                    count += 1;
                }
                Read::Lost => {}
                Read::Nothing => break,
            }
        }
        Ok(count)
    }

    fn transmit(&mut self, ready: &mut Batch) -> Result<usize, Error> {
        let mut count = 0;
        while let Some(frame) = ready.front() {
            match self.write(frame)? {
                None => break,
                Some(true) => {
                    self.statistics.sent += 1;
                    self.statistics.sent_bytes += frame.frame_len() as u64;
                }
                Some(false) => self.statistics.send_dropped += 1,
            }
            self.sent.extend(ready.pop_front());
            count += 1;
        }
        Ok(count)
    }

    fn reclaim(&mut self, sent: &mut Batch) -> Result<usize, Error> {
        let count = self.sent.len();
        sent.append(&mut self.sent);
        Ok(count)
    }

    fn wait(&mut self, timeout: Option<Duration>) -> Result<bool, Error> {
        interface::wait(&self.information.name, self.device.as_fd(), timeout)
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.device.as_fd())
    }

    fn statistics(&self) -> Statistics {
        self.statistics
    }
}
