//! The messages of vhost-user, and the socket they travel on.
//!
//! Both sides use this: the driver asks, the device answers. A message is a header of 12 bytes
//! (request, flags, size), a payload of at most a few hundred, and file descriptors beside it.
//! All numbers are in the machine's own byte order. Lengths and flags are checked here; what the
//! numbers mean is checked by whoever uses them.

use crate::Error;
use core::mem::MaybeUninit;
use core::time::Duration;
use rustix::cmsg_space;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Instant;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Descriptors that can come with one message.
pub(super) const DESCRIPTORS: usize = 8;
/// Regions in a memory table.
pub(super) const REGIONS: usize = 8;
/// The longest payload that is believed: a memory table is the longest we know (264 bytes).
const PAYLOAD: usize = 512;

/// What a message asks for.
pub(super) mod request {
    pub(crate) const GET_FEATURES: u32 = 1;
    pub(crate) const SET_FEATURES: u32 = 2;
    pub(crate) const SET_OWNER: u32 = 3;
    pub(crate) const RESET_OWNER: u32 = 4;
    pub(crate) const SET_MEM_TABLE: u32 = 5;
    pub(crate) const SET_VRING_NUM: u32 = 8;
    pub(crate) const SET_VRING_ADDR: u32 = 9;
    pub(crate) const SET_VRING_BASE: u32 = 10;
    pub(crate) const GET_VRING_BASE: u32 = 11;
    pub(crate) const SET_VRING_KICK: u32 = 12;
    pub(crate) const SET_VRING_CALL: u32 = 13;
    pub(crate) const SET_VRING_ERR: u32 = 14;
    pub(crate) const GET_PROTOCOL_FEATURES: u32 = 15;
    pub(crate) const SET_PROTOCOL_FEATURES: u32 = 16;
    pub(crate) const GET_QUEUE_NUM: u32 = 17;
    pub(crate) const SET_VRING_ENABLE: u32 = 18;
    pub(crate) const SEND_RARP: u32 = 19;
    pub(crate) const NET_SET_MTU: u32 = 20;
}

/// Extensions of the protocol itself.
pub(super) mod protocol {
    pub(crate) const MULTI_QUEUE: u64 = 1 << 0;
    pub(crate) const REPLY_ACK: u64 = 1 << 3;
}

/// What the two sides of a virtio network device can agree on.
pub(super) mod feature {
    pub(crate) const CSUM: u64 = 1 << 0;
    pub(crate) const GUEST_CSUM: u64 = 1 << 1;
    pub(crate) const GUEST_TSO4: u64 = 1 << 7;
    pub(crate) const GUEST_TSO6: u64 = 1 << 8;
    pub(crate) const HOST_TSO4: u64 = 1 << 11;
    pub(crate) const HOST_TSO6: u64 = 1 << 12;
    pub(crate) const MERGE_BUFFERS: u64 = 1 << 15;
    pub(crate) const MULTI_QUEUE: u64 = 1 << 22;
    pub(crate) const PROTOCOL: u64 = 1 << 30;
    pub(crate) const VERSION_1: u64 = 1 << 32;
    pub(crate) const IN_ORDER: u64 = 1 << 35;
    pub(crate) const GUEST_USO4: u64 = 1 << 54;
    pub(crate) const GUEST_USO6: u64 = 1 << 55;
    pub(crate) const HOST_USO: u64 = 1 << 56;
}

/// The version of the protocol; the lowest two bits of the flags.
const VERSION: u32 = 1;
const REPLY: u32 = 1 << 2;
const NEED_REPLY: u32 = 1 << 3;

#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
struct Header {
    request: u32,
    flags: u32,
    size: u32,
}

/// The index of a ring, and a number.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub(super) struct RingState {
    pub(super) index: u32,
    pub(super) number: u32,
}

/// Where a ring lies.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub(super) struct RingAddress {
    pub(super) index: u32,
    pub(super) flags: u32,
    /// In the address space of the driver's process.
    pub(super) descriptors: u64,
    pub(super) used: u64,
    pub(super) available: u64,
    pub(super) log: u64,
}

/// One region of the driver's memory.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub(super) struct MemoryRegion {
    /// The address that descriptors use.
    pub(super) guest: u64,
    pub(super) size: u64,
    /// The address that [`RingAddress`] uses.
    pub(super) user: u64,
    /// Where in the file the region begins.
    pub(super) offset: u64,
}

/// In the number that comes with a kick, call or error descriptor: there is none.
pub(super) const NO_DESCRIPTOR: u64 = 1 << 8;

/// A message that arrived.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) request: u32,
    needs_reply: bool,
    is_reply: bool,
    payload: Vec<u8>,
    pub(super) descriptors: Vec<OwnedFd>,
}

impl Message {
    /// The payload as a `T`, if it is long enough.
    pub(super) fn read<T: FromBytes>(&self) -> Option<T> {
        T::read_from_prefix(&self.payload).ok().map(|(value, _)| value)
    }

    /// The regions of a memory table.
    pub(super) fn regions(&self) -> Option<Vec<MemoryRegion>> {
        let (count, rest) = u64::read_from_prefix(&self.payload).ok()?;
        let count = usize::try_from(count).ok().filter(|count| *count <= REGIONS)?;
        let (regions, _) = <[MemoryRegion]>::ref_from_prefix_with_elems(rest, count).ok()?;
        Some(regions.to_vec())
    }

    /// Whether the sender waits for a word that it was done.
    pub(super) fn needs_reply(&self) -> bool {
        self.needs_reply
    }
}

/// The payload of a memory table.
pub(super) fn memory_table(regions: &[MemoryRegion]) -> Vec<u8> {
    let mut payload = (regions.len() as u64).as_bytes().to_vec();
    payload.extend_from_slice(regions.as_bytes());
    payload
}

/// One end of the socket. Clones are the same end.
#[derive(Clone)]
pub(super) struct Socket {
    stream: Arc<UnixStream>,
    device: Arc<str>,
}

impl Socket {
    fn gone(&self, cause: impl Into<String>) -> Error {
        Error::Gone { device: self.device.to_string(), cause: cause.into() }
    }

    /// An error if the other side has closed its end.
    pub(super) fn check(&self) -> Result<(), Error> {
        let mut sockets = [PollFd::new(self, PollFlags::RDHUP)];
        match poll(&mut sockets, Some(&Timespec::default())) {
            Ok(1..) => Err(self.gone("it closed its socket")),
            _ => Ok(()),
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// The messages that travel on a socket.
pub(super) struct Channel {
    socket: Socket,
    /// Whether requests ask for a word that they were done.
    pub(super) acknowledged: bool,
    patience: Duration,
}

impl Channel {
    pub(super) fn new(stream: UnixStream, device: &str, patience: Duration) -> Self {
        let socket = Socket { stream: Arc::new(stream), device: device.into() };
        Self { socket, acknowledged: false, patience }
    }

    /// What the other side did wrong.
    pub(super) fn peer(&self, what: impl Into<String>) -> Error {
        Error::Peer { device: self.socket.device.to_string(), what: what.into() }
    }

    fn gone(&self, cause: impl Into<String>) -> Error {
        self.socket.gone(cause)
    }

    /// Asks, and gives the number that comes back.
    pub(super) fn ask<T: FromBytes>(
        &mut self,
        request: u32,
        payload: &impl AsPayload,
    ) -> Result<T, Error> {
        self.send(request, VERSION, payload.as_payload(), &[])?;
        let reply = self.reply(request)?;
        reply
            .read()
            .ok_or_else(|| self.peer(format!("answered request {request} with too few bytes")))
    }

    /// Tells, and waits for a word that it was done if that was agreed.
    pub(super) fn tell(
        &mut self,
        request: u32,
        payload: &impl AsPayload,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<(), Error> {
        let flags = if self.acknowledged { VERSION | NEED_REPLY } else { VERSION };
        self.send(request, flags, payload.as_payload(), descriptors)?;
        if self.acknowledged {
            match self.reply(request)?.read::<u64>() {
                Some(0) => {}
                _ => return Err(self.peer(format!("refused request {request}"))),
            }
        }
        Ok(())
    }

    /// Answers a message.
    pub(super) fn answer(
        &mut self,
        message: &Message,
        payload: &impl AsPayload,
    ) -> Result<(), Error> {
        self.send(message.request, VERSION | REPLY, payload.as_payload(), &[])
    }

    fn send(
        &mut self,
        request: u32,
        flags: u32,
        payload: &[u8],
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<(), Error> {
        let header = Header { request, flags, size: payload.len() as u32 };
        let message = [header.as_bytes(), payload].concat();
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(DESCRIPTORS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(self.peer("would have to take too many descriptors at once"));
        }
        let iov = [IoSlice::new(&message)];
        let sent = retry_on_intr(|| sendmsg(&self.socket, &iov, &mut control, SendFlags::NOSIGNAL));
        match sent {
            Ok(count) if count == message.len() => Ok(()),
            Ok(_) => Err(self.gone("its socket took half a message")),
            Err(cause) => Err(self.gone(format!("its socket: {cause}"))),
        }
    }

    fn reply(&mut self, request: u32) -> Result<Message, Error> {
        let reply = self.receive()?;
        if !reply.is_reply || reply.request != request {
            return Err(
                self.peer(format!("answered request {request} with message {}", reply.request))
            );
        }
        Ok(reply)
    }

    /// The next message; waits for it as long as the channel has patience.
    pub(super) fn receive(&mut self) -> Result<Message, Error> {
        let deadline = Instant::now() + self.patience;
        let mut header = [0; size_of::<Header>()];
        let mut descriptors = Vec::new();
        self.fill(&mut header, &mut descriptors, deadline)?;
        let header = Header::read_from_bytes(&header)
            .map_err(|_| self.peer("sent a header that is none"))?;
        if header.flags & 3 != VERSION || header.size as usize > PAYLOAD {
            return Err(self.peer(format!(
                "does not speak vhost-user (flags {:#x}, {} bytes)",
                header.flags, header.size
            )));
        }
        let mut payload = vec![0; header.size as usize];
        self.fill(&mut payload, &mut descriptors, deadline)?;
        Ok(Message {
            request: header.request,
            needs_reply: header.flags & NEED_REPLY != 0,
            is_reply: header.flags & REPLY != 0,
            payload,
            descriptors,
        })
    }

    fn fill(
        &self,
        bytes: &mut [u8],
        descriptors: &mut Vec<OwnedFd>,
        deadline: Instant,
    ) -> Result<(), Error> {
        let mut done = 0;
        while done < bytes.len() {
            if !self.readable(Some(deadline.saturating_duration_since(Instant::now())))? {
                return Err(self.peer(format!("did not answer in {:?}", self.patience)));
            }
            let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(DESCRIPTORS))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let mut iov = [IoSliceMut::new(&mut bytes[done..])];
            let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
            match recvmsg(&self.socket, &mut iov, &mut control, flags) {
                Ok(received) if received.bytes == 0 => {
                    return Err(self.gone("it closed its socket"));
                }
                Ok(received) => done += received.bytes,
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(cause) => return Err(self.gone(format!("its socket: {cause}"))),
            }
            for message in control.drain() {
                if let RecvAncillaryMessage::ScmRights(rights) = message {
                    descriptors.extend(rights);
                }
            }
            if descriptors.len() > DESCRIPTORS {
                return Err(self.peer("sent too many descriptors"));
            }
        }
        Ok(())
    }

    /// Whether something can be read, or the other side is gone (reading says so then).
    pub(super) fn readable(&self, timeout: Option<Duration>) -> Result<bool, Error> {
        let mut sockets = [PollFd::new(&self.socket, PollFlags::IN)];
        match poll(&mut sockets, timespec(timeout).as_ref()) {
            Ok(ready) => Ok(ready > 0),
            Err(Errno::INTR) => Ok(false),
            Err(cause) => Err(self.gone(format!("its socket: {cause}"))),
        }
    }

    /// The socket, to wait for.
    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }
}

/// A time to wait as the kernel wants it.
pub(super) fn timespec(timeout: Option<Duration>) -> Option<Timespec> {
    timeout.map(|timeout| {
        Timespec::try_from(timeout).unwrap_or(Timespec { tv_sec: i64::MAX, tv_nsec: 0 })
    })
}

/// What can be a payload.
pub(super) trait AsPayload {
    fn as_payload(&self) -> &[u8];
}

impl AsPayload for u64 {
    fn as_payload(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl AsPayload for RingState {
    fn as_payload(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl AsPayload for RingAddress {
    fn as_payload(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl AsPayload for Vec<u8> {
    fn as_payload(&self) -> &[u8] {
        self
    }
}

impl AsPayload for () {
    fn as_payload(&self) -> &[u8] {
        &[]
    }
}
