//! The device's side of vhost-user: the network card of a virtual machine.
//!
//! QEMU connects to our socket and tells where the guest's memory and rings lie:
//!
//! ```text
//! -object memory-backend-memfd,id=m,size=1G,share=on -machine memory-backend=m
//! -chardev socket,id=c,path=/run/vm.sock -netdev vhost-user,id=n,chardev=c
//! -device virtio-net-pci,netdev=n
//! ```
//!
//! While no virtual machine is connected, or its guest has not set the card up, the device is a
//! wire with nobody at the other end: nothing arrives, and what is sent is lost and counted. A
//! guest may reboot, and QEMU may go and come again, without the device being opened again.
//!
//! One queue pair. Frames are copied, since a guest's memory is not ours to lend. What a guest
//! says is checked ([`super::guest`], [`queue`]); the messages of QEMU itself are read between
//! two batches, on the thread that uses the device.

mod queue;
mod session;

use super::message::{Channel, feature, timespec};
use crate::chain::ROOM;
use crate::nic::{Information, Nic, Offloads, Statistics};
use crate::virtio::{HEADER, asking, claimed};
use crate::{Error, chain, socket_path};
use core::time::Duration;
use packet::header::ethernet::Mac;
use packet::{Batch, Packet};
use queue::Buffer;
use rustix::event::{PollFd, PollFlags, poll};
use session::{FROM_GUEST, Session, TO_GUEST};
use std::path::PathBuf;

/// The longest frame: 64 KiB of IP and an Ethernet header with two tags.
const LONGEST: usize = 65_535 + 22;
/// Calls between two looks at the socket, while frames come and while none do.
const BUSY: u32 = 256;
const IDLE: u32 = 16;
/// How long one message may take to arrive once it has begun.
const PATIENCE: Duration = Duration::from_secs(2);

/// How a device is made.
#[derive(Clone, Debug)]
pub struct DeviceOptions {
    /// The socket on which we listen.
    pub path: PathBuf,
    /// Largest payload of an Ethernet frame.
    pub mtu: usize,
    /// The address that the user of the device should take. (The guest's is QEMU's to give.)
    pub mac: Option<Mac>,
    /// Whether checksums and cutting may be left to each other.
    pub offloads: bool,
}

impl DeviceOptions {
    /// The usual: 1500 bytes, offloads.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), mtu: 1500, mac: None, offloads: true }
    }
}

/// The network card of a virtual machine, seen from outside.
pub struct Device {
    information: Information,
    statistics: Statistics,
    listening: socket_path::Listening,
    session: Option<Session>,
    offloads: bool,
    /// Calls until the next look at the socket.
    patience: u32,
    /// Frames that were copied to the guest, or lost.
    sent: Batch,
    /// Room for the guest's buffers, kept to be used again.
    buffers: Vec<Buffer>,
    /// Room for one frame from the guest.
    frame: Vec<u8>,
}

impl Device {
    /// Listens for a virtual machine.
    pub fn listen(options: &DeviceOptions) -> Result<Self, Error> {
        let listening = socket_path::listen(&options.path)?;
        listening.socket.set_nonblocking(true).map_err(|source| Error::Kernel {
            device: options.path.display().to_string(),
            doing: "listening",
            source,
            hint: String::new(),
        })?;
        let on = options.offloads;
        Ok(Self {
            information: Information {
                name: options.path.display().to_string(),
                mac: options.mac,
                mtu: options.mtu,
                offloads: Offloads {
                    checksum: on,
                    tcp4: on,
                    tcp6: on,
                    udp: false,
                    receives_large: on,
                },
                copies: true,
            },
            statistics: Statistics::default(),
            listening,
            session: None,
            offloads: on,
            patience: 0,
            sent: Batch::new(),
            buffers: Vec::new(),
            frame: Vec::with_capacity(LONGEST + HEADER),
        })
    }

    /// Whether a virtual machine is connected and its guest has set the card up.
    pub fn is_up(&mut self) -> bool {
        self.session.as_mut().is_some_and(|session| {
            let Session { queues, memory, .. } = session;
            queues.iter_mut().all(|queue| queue.is_ready(memory))
        })
    }

    /// Lets a virtual machine in, and reads its messages, if it is time.
    #[inline]
    fn look_around(&mut self, idle: bool) {
        self.patience = self.patience.saturating_sub(if idle { BUSY / IDLE } else { 1 });
        if self.patience == 0 {
            self.attend();
        }
    }

    #[cold]
    fn attend(&mut self) {
        self.patience = BUSY;
        if self.session.is_none() {
            let Ok((socket, _)) = self.listening.socket.accept() else { return };
            let channel = Channel::new(socket, &self.information.name, PATIENCE);
            self.session = Some(Session::new(channel, self.offloads));
        }
        // QEMU sets a card up with some thirty messages; more in one go wait for the next.
        for _ in 0..64 {
            let Some(session) = &mut self.session else { return };
            let now = Some(Duration::ZERO);
            let attended = match session.channel.readable(now) {
                Ok(false) => return,
                Ok(true) => session.attend(),
                Err(gone) => Err(gone),
            };
            if let Err(error) = attended {
                tracing::info!(%error, "the virtual machine is gone");
                self.session = None;
            }
        }
    }

    /// Takes one frame from the guest, if there is one and buffers for it.
    fn take_frame(&mut self, free: &mut Batch) -> Taken {
        let Some(Session { queues, memory, .. }) = &mut self.session else { return Taken::Nothing };
        let queue = &mut queues[FROM_GUEST];
        if queue.offered() == 0 {
            return Taken::Nothing;
        }
        let mut buffer = self.buffers.pop().unwrap_or_default();
        queue.peek(0, false, &mut buffer);
        let sound = buffer.sound && (HEADER..=LONGEST + HEADER).contains(&buffer.len);
        let short = sound && (buffer.len - HEADER).div_ceil(ROOM).max(1) > free.len();
        let taken = if short {
            Taken::Nothing
        } else {
            self.frame.resize(if sound { buffer.len } else { 0 }, 0);
            let mut rest = &mut self.frame[..];
            let read = sound
                && buffer.segments.iter().all(|segment| {
                    let Some((now, later)) =
                        core::mem::take(&mut rest).split_at_mut_checked(segment.len)
                    else {
                        return false;
                    };
                    rest = later;
                    memory.read(segment.address, now)
                });
            queue.take(buffer.head, 0);
            if read { frame(&self.frame, free) } else { Taken::Malformed }
        };
        self.buffers.push(buffer);
        taken
    }

    /// Copies one frame into buffers of the guest; `false` if it offers too few.
    fn give_frame(&mut self, packet: &Packet) -> Given {
        let Some(Session { queues, memory, features, .. }) = &mut self.session else {
            return Given::Lost;
        };
        let Some(mut header) = asking(packet, guest_offloads(*features)) else {
            return Given::Lost;
        };
        let queue = &mut queues[TO_GUEST];
        let (offered, len) = (queue.offered(), HEADER + packet.frame_len());
        let merges = *features & feature::MERGE_BUFFERS != 0;
        // First find out whether there is enough room, then fill it.
        let (mut room, mut count) = (0, 0);
        while room < len {
            if count == usize::from(offered) {
                return Given::NoRoom;
            }
            if count == self.buffers.len() {
                self.buffers.push(Buffer::default());
            }
            let buffer = &mut self.buffers[count];
            queue.peek(count as u16, true, buffer);
            if !buffer.sound || buffer.len == 0 || (!merges && buffer.len < len) {
                // It is passed over, and the frame with it.
                for buffer in &self.buffers[..=count] {
                    queue.take(buffer.head, 0);
                }
                return Given::Malformed;
            }
            room += buffer.len;
            count += 1;
        }
        header[10..].copy_from_slice(&(count as u16).to_le_bytes());
        let mut written = 0;
        let mut whole = true;
        for buffer in &self.buffers[..count] {
            let before = written;
            for segment in &buffer.segments {
                let now = segment.len.min(len - written);
                whole &= put(memory, segment.address, &header, packet, written, now);
                written += now;
            }
            queue.take(buffer.head, (written - before) as u32);
        }
        if whole { Given::Sent } else { Given::Malformed }
    }
}

/// Writes the bytes from `from` on of a header and the frame behind it.
fn put(
    memory: &super::guest::GuestMemory,
    address: u64,
    header: &[u8; HEADER],
    packet: &Packet,
    from: usize,
    len: usize,
) -> bool {
    let (mut skip, mut left, mut address, mut whole) = (from, len, address, true);
    for part in core::iter::once(&header[..]).chain(packet.pages().map(Packet::bytes)) {
        let bytes = part.get(skip..).unwrap_or_default();
        skip = skip.saturating_sub(part.len());
        let now = bytes.len().min(left);
        whole &= memory.write(address, &bytes[..now]);
        left -= now;
        address = address.wrapping_add(now as u64);
    }
    whole
}

/// What a header and a frame from the guest are.
fn frame(bytes: &[u8], free: &mut Batch) -> Taken {
    let Some((header, bytes)) = bytes.split_first_chunk::<HEADER>() else {
        return Taken::Malformed;
    };
    let Some(mut packet) = chain::copied(free, bytes) else { return Taken::Nothing };
    let Ok(offload) = claimed(header, &packet) else {
        chain::give_back(free, packet);
        return Taken::Malformed;
    };
    *packet.offload_mut() = offload;
    Taken::Frame(packet)
}

enum Taken {
    Frame(Packet),
    Malformed,
    Nothing,
}

enum Given {
    Sent,
    /// Nobody is there, or the guest cannot complete it.
    Lost,
    /// The guest offered buffers that are none.
    Malformed,
    NoRoom,
}

/// What the guest completes of frames that are sent to it.
fn guest_offloads(features: u64) -> Offloads {
    let has = |bit| features & bit != 0;
    Offloads {
        checksum: has(feature::GUEST_CSUM),
        tcp4: has(feature::GUEST_TSO4),
        tcp6: has(feature::GUEST_TSO6),
        udp: false,
        receives_large: false,
    }
}

impl Nic for Device {
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
        if self.is_up() {
            // What is malformed counts too: a guest may make it faster than we pass over it.
            for _ in 0..limit {
                match self.take_frame(free) {
                    Taken::Frame(packet) => {
                        count += 1;
                        self.statistics.received_bytes += packet.frame_len() as u64;
                        received.push_back(packet);
                    }
                    Taken::Malformed => self.statistics.malformed += 1,
                    Taken::Nothing => break,
                }
            }
            if let Some(session) = &mut self.session {
                session.queues[FROM_GUEST].publish();
            }
        }
        self.statistics.received += count as u64;
        self.look_around(count == 0);
        Ok(count)
    }

    fn transmit(&mut self, ready: &mut Batch) -> Result<usize, Error> {
        let up = self.is_up();
        let mut count = 0;
        while let Some(packet) = ready.pop_front() {
            match if up { self.give_frame(&packet) } else { Given::Lost } {
                Given::Sent => {
                    self.statistics.sent += 1;
                    self.statistics.sent_bytes += packet.frame_len() as u64;
                }
                Given::Lost => self.statistics.send_dropped += 1,
                Given::Malformed => {
                    self.statistics.malformed += 1;
                    self.statistics.send_dropped += 1;
                }
                Given::NoRoom => {
                    ready.push_front(packet);
                    break;
                }
            }
            count += 1;
            self.sent.push_back(packet);
        }
        if let Some(session) = &mut self.session {
            session.queues[TO_GUEST].publish();
        }
        self.look_around(count == 0);
        Ok(count)
    }

    fn reclaim(&mut self, sent: &mut Batch) -> Result<usize, Error> {
        let count = self.sent.len();
        sent.append(&mut self.sent);
        Ok(count)
    }

    fn wait(&mut self, timeout: Option<Duration>) -> Result<bool, Error> {
        self.attend();
        let mut up = self.is_up();
        if let (true, Some(session)) = (up, &self.session) {
            session.queues[FROM_GUEST].want_kicks(true);
            if session.queues[FROM_GUEST].offered() == 0 {
                sleep(&self.listening, Some(session), timeout);
            }
            session.queues[FROM_GUEST].want_kicks(false);
        } else {
            sleep(&self.listening, self.session.as_ref(), timeout);
        }
        self.attend();
        up = self.is_up();
        Ok(up && self.session.as_ref().is_some_and(|it| it.queues[FROM_GUEST].offered() > 0))
    }

    fn statistics(&self) -> Statistics {
        self.statistics
    }
}

/// Sleeps until the guest kicks, its machine has a message, or a machine connects.
fn sleep(listening: &socket_path::Listening, session: Option<&Session>, timeout: Option<Duration>) {
    let mut waited = Vec::with_capacity(2);
    match session {
        None => waited.push(PollFd::new(&listening.socket, PollFlags::IN)),
        Some(session) => {
            waited.push(PollFd::new(session.channel.socket(), PollFlags::IN));
            if let Some(kick) = &session.queues[FROM_GUEST].kick {
                waited.push(PollFd::new(kick, PollFlags::IN));
            }
        }
    }
    // Interrupted is as good as too early.
    let _ = poll(&mut waited, timespec(timeout).as_ref());
    let kicked = waited.get(1).is_some_and(|kick| !kick.revents().is_empty());
    if let (true, Some(kick)) = (kicked, session.and_then(|it| it.queues[FROM_GUEST].kick.as_ref()))
    {
        // Readable, so it does not block.
        let _ = rustix::io::read(kick, &mut [0_u8; 8]);
    }
}
