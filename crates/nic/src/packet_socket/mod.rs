//! `AF_PACKET`: frames of an interface that Linux goes on using too.
//!
//! Frames pass through rings that the kernel shares with us, one copy between ring and packet;
//! one system call sends a batch, none receives one. Ring slots are cut for the interface's MTU.
//! They are `TPACKET_V2`, which shows each frame as soon as it is there: 1 µs from send to receive
//! over a veth pair (p50; p99 1.6), where `TPACKET_V3` holds it back until its block is full or
//! its timer fires, 1,000 µs later at the least, and costs twice the time a frame in bursts of 32.
//! A frame that stands for several is larger than a slot: it arrives through the socket's queue
//! instead, in order, and is sent through a second socket, in order too.
//!
//! What Linux itself sends on the interface is not received.

mod ring;
mod socket;

use crate::chain::{self, ROOM, SLICES};
use crate::interface::{self, Interface, refused};
use crate::nic::{Information, Nic, Offloads, Statistics};
use crate::{Error, virtio};
use core::array;
use core::cell::Cell;
use core::time::Duration;
use packet::header::ethernet::Ethernet;
use packet::{Batch, Checksum, Packet};
use ring::{Received, Rings};
use rustix::io::{Errno, readv, writev};
use rustix::net::{SendFlags, send, sockopt};
use socket::Socket;
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd};

/// Bytes of a virtio-net header without the count of merged buffers.
const HEADER: usize = 10;
/// Largest frame that Linux cuts for us.
const LARGEST: usize = 65_536 + Ethernet::LEN + 8;
/// A frame may be that much longer than the MTU: the Ethernet header and a VLAN tag.
const OVERHEAD: usize = Ethernet::LEN + VLAN;
/// Bytes of a VLAN tag.
const VLAN: usize = 4;
/// Bytes of large frames that may wait in a socket.
const QUEUE: usize = 8 << 20;
/// After so many empty-handed calls of `receive` the driver asks whether the interface is still
/// there: a caller that never waits hears of it too.
const PATIENCE: u32 = 1024;

/// How an interface is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many queues: one driver each, among which Linux spreads flows.
    pub queues: usize,
    /// Frames that the ring of each direction holds.
    pub frames: usize,
    /// Whether frames for other hardware addresses are received.
    pub promiscuous: bool,
    /// Whether frames are sent past the kernel's queueing discipline.
    pub bypass: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { queues: 1, frames: 1024, promiscuous: false, bypass: false }
    }
}

/// One queue of an interface.
#[derive(Debug)]
pub struct PacketSocket {
    rings: Rings,
    socket: Socket,
    /// Sends what does not fit into a slot.
    large: Socket,
    interface: Interface,
    information: Information,
    statistics: Statistics,
    /// Frames the kernel had no room for; asking it sets its own count to zero.
    overflowed: Cell<u64>,
    /// Copied into the ring, and waiting to be reclaimed.
    sent: Batch,
    /// Whether there are frames in the ring that the kernel was not told of, or refused for now.
    pending: bool,
    /// Calls of `receive` in a row that found nothing.
    empty: u32,
}

/// Opens an interface. One driver for each queue.
pub fn open(name: &str, options: &Options) -> Result<Vec<PacketSocket>, Error> {
    let mut group = None;
    let mut queues = Vec::new();
    for _ in 0..options.queues {
        let queue = PacketSocket::open(name, options)?;
        if options.queues > 1 {
            let joined = queue.socket.join(group);
            group = Some(joined.map_err(|source| refused(name, "spreading flows", source))?);
        }
        queues.push(queue);
    }
    if queues.is_empty() {
        return Err(Error::Unusable {
            device: name.into(),
            what: "a driver without a queue carries nothing; ask for one or more".into(),
        });
    }
    Ok(queues)
}

fn no_rights(name: &str, source: Errno) -> Error {
    let hint = match source {
        Errno::PERM => {
            "run it with `sudo`, or give the program the right once: `sudo setcap \
                        cap_net_raw+ep PROGRAM`"
        }
        Errno::AFNOSUPPORT => "this kernel has no packet sockets (CONFIG_PACKET)",
        _ => "",
    };
    let hint = hint.into();
    Error::Kernel {
        device: name.into(),
        doing: "opening a packet socket",
        source: source.into(),
        hint,
    }
}

impl PacketSocket {
    fn open(name: &str, options: &Options) -> Result<Self, Error> {
        let interface = Interface::find(name)?;
        let (index, mtu) = (interface.index(), interface.mtu()?);
        let failed = |doing| move |source| refused(name, doing, source);
        let socket = Socket::new().map_err(|source| no_rights(name, source))?;
        let large = Socket::new().map_err(|source| no_rights(name, source))?;
        let udp = socket.carry_headers().map_err(failed("asking for virtio-net headers"))?;
        large.carry_headers().map_err(failed("asking for virtio-net headers"))?;
        socket.ignore_outgoing().map_err(failed("leaving out what Linux sends"))?;
        if options.bypass {
            for socket in [&socket, &large] {
                socket.bypass().map_err(failed("bypassing the queueing discipline"))?;
            }
        }
        // More than is allowed to everybody if we may, else as much as we may. Too little costs
        // large frames, which are counted.
        if sockopt::set_socket_recv_buffer_size_force(&socket, QUEUE).is_err() {
            let _ = sockopt::set_socket_recv_buffer_size(&socket, QUEUE);
        }
        for socket in [&socket, &large] {
            if sockopt::set_socket_send_buffer_size_force(socket, QUEUE).is_err() {
                let _ = sockopt::set_socket_send_buffer_size(socket, QUEUE);
            }
        }
        let rings = Rings::new(&socket, options.frames, mtu).map_err(|source| Error::Kernel {
            device: name.into(),
            doing: "making rings",
            source: source.into(),
            hint: format!("rings of fewer than {} frames may fit", options.frames),
        })?;
        if options.promiscuous {
            socket.promiscuous(index).map_err(failed("receiving what is for others"))?;
        }
        large.bind(index, false).map_err(failed("binding to the interface"))?;
        // Last, so that nothing arrives before its place is ready.
        socket.bind(index, true).map_err(failed("binding to the interface"))?;
        let information = Information {
            name: name.into(),
            mac: Some(interface.mac()?),
            mtu,
            offloads: Offloads {
                checksum: true,
                tcp4: true,
                tcp6: true,
                udp,
                receives_large: true,
            },
            copies: true,
        };
        Ok(Self {
            rings,
            socket,
            large,
            interface,
            information,
            statistics: Statistics::default(),
            overflowed: Cell::new(0),
            sent: Batch::new(),
            pending: false,
            empty: 0,
        })
    }

    /// Moves the next frame from the ring into lent pages. `None`: it was lost, and counted.
    #[inline]
    fn unload(&mut self, free: &mut Batch) -> Option<Packet> {
        let slot = self.rings.received()?;
        let frame = if slot.bytes.len() == slot.length {
            chain::copied(free, slot.bytes).map(|frame| (frame, slot.header))
        } else if slot.status & libc::TP_STATUS_COPY != 0 {
            read_large(&self.socket, free, slot.length)
        } else {
            None
        };
        let Some((mut frame, header)) = frame else {
            self.statistics.receive_dropped += 1;
            return None;
        };
        if frame.frame_len() >= Ethernet::LEN && describe(&mut frame, header, &slot).is_some() {
            return Some(frame);
        }
        self.statistics.malformed += 1;
        chain::give_back(free, frame);
        None
    }

    /// The header that goes with a frame, if the frame may be sent.
    #[inline]
    fn header(&self, frame: &Packet) -> Option<[u8; HEADER]> {
        let length = frame.frame_len();
        let largest = match frame.offload().segmentation {
            Some(_) => LARGEST,
            None => self.information.mtu + OVERHEAD,
        };
        if !(Ethernet::LEN..=largest).contains(&length) {
            return None;
        }
        virtio::asking(frame, self.information.offloads)?.first_chunk().copied()
    }

    /// Sends a frame that no slot holds. `Ok(None)`: there is no room now; `Ok(Some(false))`: the
    /// kernel does not take it.
    fn send_large(&mut self, frame: &Packet, header: &[u8; HEADER]) -> Result<Option<bool>, Error> {
        self.kick()?;
        if self.pending {
            return Ok(None);
        }
        let mut slices: [_; SLICES] = array::from_fn(|_| IoSlice::new(&[]));
        let Some(used) = chain::bytes(&mut slices, header, frame) else { return Ok(Some(false)) };
        match writev(&self.large, &slices[..used]) {
            Ok(_) => Ok(Some(true)),
            Err(Errno::AGAIN | Errno::NOBUFS | Errno::INTR) => Ok(None),
            Err(_) => self.interface.check().map(|()| Some(false)),
        }
    }

    /// Tells the kernel of the frames in the ring.
    fn kick(&mut self) -> Result<(), Error> {
        if !self.pending {
            return Ok(());
        }
        // A call may stop half-way, when the socket's budget is used up, and says that all is well.
        // It is not asked again in this call once it gets nowhere.
        loop {
            let sent = send(&self.socket, &[], SendFlags::DONTWAIT);
            self.pending = self.rings.is_waiting();
            match sent {
                Ok(1..) if self.pending => {}
                Ok(_) | Err(Errno::AGAIN | Errno::NOBUFS | Errno::INTR) => break,
                // ENETDOWN while the interface is down: the frames stay until it is up again.
                Err(_) => {
                    self.interface.check()?;
                    break;
                }
            }
        }
        Ok(())
    }
}

/// Reads a frame that waits in the socket's queue, with its header.
fn read_large(socket: &Socket, free: &mut Batch, length: usize) -> Option<(Packet, [u8; HEADER])> {
    let mut header = [0; HEADER];
    let mut slices: [_; SLICES] = array::from_fn(|_| IoSliceMut::new(&mut []));
    let (pages, mut excess) = (length.div_ceil(ROOM), [0]);
    let used = chain::rooms(&mut slices, &mut header, free, pages, &mut excess);
    // Read in any case: the queue must stay in step with the ring.
    let read = readv(socket, &mut slices[..used]).ok()?;
    if read != HEADER + length {
        return None;
    }
    Some((chain::filled(free, length)?, header))
}

/// Puts what the kernel says about a frame into it: the VLAN tag that it took out, and what the
/// header claims. `None` if that contradicts the frame.
fn describe(frame: &mut Packet, header: [u8; HEADER], slot: &Received<'_>) -> Option<()> {
    let mut claim = [0; virtio::HEADER];
    claim[..HEADER].copy_from_slice(&header);
    if let Some((kind, tag)) = slot.vlan {
        let bytes = frame.push_front(VLAN)?;
        let _ = bytes;
        let bytes = frame.bytes_mut();
        // Both addresses move to the front, and the tag takes the place in front of the type.
        bytes.copy_within(VLAN..VLAN + 12, 0);
        let place = bytes.get_mut(12..16)?;
        place[..2].copy_from_slice(&kind.to_be_bytes());
        place[2..].copy_from_slice(&tag.to_be_bytes());
        let start = u16::from_le_bytes([claim[6], claim[7]]).checked_add(VLAN as u16)?;
        claim[6..8].copy_from_slice(&start.to_le_bytes());
    }
    let mut offload = virtio::claimed(&claim, frame).ok()?;
    if offload.checksum == Checksum::Unknown && slot.status & libc::TP_STATUS_CSUM_VALID != 0 {
        offload.checksum = Checksum::Verified;
    }
    *frame.offload_mut() = offload;
    Some(())
}

impl Nic for PacketSocket {
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
        self.kick()?;
        let mut count = 0;
        // Frames that are lost count against the limit too, so that this ends.
        for _ in 0..limit {
            let Some(slot) = self.rings.received() else { break };
            let pages = (slot.length + VLAN).div_ceil(ROOM);
            // A frame for which too little is left may find more in the next call. If it is the
            // first of a call it is dropped, lest it block those behind it for ever.
            if free.is_empty() || (pages > free.len() && count > 0) {
                break;
            }
            if let Some(frame) = self.unload(free) {
                self.statistics.received += 1;
                self.statistics.received_bytes += frame.frame_len() as u64;
                received.push_back(frame);
                count += 1;
            }
            self.rings.release();
        }
        if count > 0 {
            self.empty = 0;
        } else {
            self.empty += 1;
            if self.empty >= PATIENCE {
                self.empty = 0;
                self.interface.check()?;
            }
        }
        Ok(count)
    }

    #[inline]
    fn transmit(&mut self, ready: &mut Batch) -> Result<usize, Error> {
        let mut count = 0;
        while let Some(frame) = ready.front() {
            let length = frame.frame_len();
            let taken = match self.header(frame) {
                None => Some(false),
                Some(header) if HEADER + length <= self.rings.room() => {
                    self.rings.vacant().and_then(|room| {
                        room.first_chunk_mut().map(|place| *place = header)?;
                        frame.copy_out(0, room.get_mut(HEADER..HEADER + length)?);
                        Some(true)
                    })
                }
                Some(header) => match self.send_large(frame, &header)? {
                    Some(true) => {
                        self.statistics.sent += 1;
                        self.statistics.sent_bytes += length as u64;
                        self.sent.extend(ready.pop_front());
                        count += 1;
                        continue;
                    }
                    other => other,
                },
            };
            match taken {
                None => break,
                Some(true) => {
                    self.rings.submit(HEADER + length);
                    self.pending = true;
                    self.statistics.sent += 1;
                    self.statistics.sent_bytes += length as u64;
                }
                Some(false) => self.statistics.send_dropped += 1,
            }
            self.sent.extend(ready.pop_front());
            count += 1;
        }
        self.kick()?;
        Ok(count)
    }

    fn reclaim(&mut self, sent: &mut Batch) -> Result<usize, Error> {
        self.kick()?;
        let count = self.sent.len();
        sent.append(&mut self.sent);
        Ok(count)
    }

    fn wait(&mut self, timeout: Option<Duration>) -> Result<bool, Error> {
        let woken = interface::wait(&self.information.name, self.socket.as_fd(), timeout)?;
        if woken && self.rings.received().is_none() {
            // Woken by an error: the interface went down, or away. Reading it clears it.
            let _ = sockopt::socket_error(&self.socket);
            self.interface.check()?;
        }
        Ok(woken)
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.socket.as_fd())
    }

    fn statistics(&self) -> Statistics {
        self.overflowed.set(self.overflowed.get() + self.socket.dropped());
        let receive_dropped = self.statistics.receive_dropped + self.overflowed.get();
        Statistics { receive_dropped, ..self.statistics }
    }
}
