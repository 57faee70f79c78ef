//! The options of an `AF_PACKET` socket that rustix does not name.
//!
//! **Why unsafe is allowed here:** `setsockopt`, `getsockopt` and `bind` take pointers.
#![allow(unsafe_code)]

use crate::interface::last_error;
use core::ffi::c_int;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// Bytes in the header in front of each frame, as the kernel wants to be told.
const HEADER: c_int = 10;
const _: () = assert!(HEADER as usize == super::HEADER, "one size everywhere");
/// Every protocol, in network byte order.
const EVERYTHING: u16 = (libc::ETH_P_ALL as u16).to_be();

/// A raw `AF_PACKET` socket.
#[derive(Debug)]
pub(super) struct Socket(OwnedFd);

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Socket {
    /// One that receives nothing yet.
    pub(super) fn new() -> Result<Self, Errno> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        socket_with(AddressFamily::PACKET, SocketType::RAW, flags, None).map(Self)
    }

    /// Ties it to an interface: to receive everything from there, or only to send.
    pub(super) fn bind(&self, index: u32, receives: bool) -> Result<(), Errno> {
        // SAFETY: all zeroes is a valid `sockaddr_ll`, which is integers.
        let mut address: libc::sockaddr_ll = unsafe { core::mem::zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = if receives { EVERYTHING } else { 0 };
        address.sll_ifindex = index.cast_signed();
        let length = size_of_val(&address) as libc::socklen_t;
        // SAFETY: the address is valid, as long as `length` says, and outlives the call.
        checked(unsafe { libc::bind(self.0.as_raw_fd(), (&raw const address).cast(), length) })
    }

    /// Puts a virtio-net header without the count of merged buffers in front of each frame. Says
    /// whether this Linux cuts UDP too.
    pub(super) fn carry_headers(&self) -> Result<bool, Errno> {
        // This option came to Linux after the cutting of UDP did.
        match self.set(libc::PACKET_VNET_HDR_SZ, &HEADER) {
            Ok(()) => Ok(true),
            Err(_) => self.set(libc::PACKET_VNET_HDR, &1).map(|()| false),
        }
    }

    /// Leaves out the frames that this machine sends.
    pub(super) fn ignore_outgoing(&self) -> Result<(), Errno> {
        self.set(libc::PACKET_IGNORE_OUTGOING, &1)
    }

    /// Sends past the queueing discipline.
    pub(super) fn bypass(&self) -> Result<(), Errno> {
        self.set(libc::PACKET_QDISC_BYPASS, &1)
    }

    /// Receives frames for other addresses too.
    pub(super) fn promiscuous(&self, index: u32) -> Result<(), Errno> {
        let request = libc::packet_mreq {
            mr_ifindex: index.cast_signed(),
            mr_type: libc::PACKET_MR_PROMISC as u16,
            mr_alen: 0,
            mr_address: [0; 8],
        };
        self.set(libc::PACKET_ADD_MEMBERSHIP, &request)
    }

    /// Makes the rings, one of each direction.
    pub(super) fn make_rings(&self, request: &libc::tpacket_req) -> Result<(), Errno> {
        self.set(libc::PACKET_VERSION, &(libc::tpacket_versions::TPACKET_V2 as c_int))?;
        // A frame that a slot cannot hold is queued whole besides.
        self.set(libc::PACKET_COPY_THRESH, &1)?;
        // A frame that the kernel cannot send must not stop the ring.
        self.set(libc::PACKET_LOSS, &1)?;
        self.set(libc::PACKET_RX_RING, request)?;
        self.set(libc::PACKET_TX_RING, request)
    }

    /// Joins the sockets among which flows are spread; the first makes the group (`None`). Gives
    /// the group.
    pub(super) fn join(&self, group: Option<u16>) -> Result<u16, Errno> {
        let mut how = libc::PACKET_FANOUT_HASH | libc::PACKET_FANOUT_FLAG_IGNORE_OUTGOING;
        if group.is_none() {
            how |= libc::PACKET_FANOUT_FLAG_UNIQUEID;
        }
        let value = u32::from(group.unwrap_or(0)) | how << 16;
        self.set(libc::PACKET_FANOUT, &value)?;
        self.get::<u32>(libc::PACKET_FANOUT).map(|value| value as u16)
    }

    /// Frames that found no room since this was last asked.
    pub(super) fn dropped(&self) -> u64 {
        let statistics = self.get::<[u32; 2]>(libc::PACKET_STATISTICS);
        statistics.map_or(0, |[_received, dropped]| u64::from(dropped))
    }

    fn set<T>(&self, option: c_int, value: &T) -> Result<(), Errno> {
        let length = size_of::<T>() as libc::socklen_t;
        let pointer = (&raw const *value).cast();
        // SAFETY: the kernel reads `length` bytes of the value, which outlives the call.
        checked(unsafe {
            libc::setsockopt(self.0.as_raw_fd(), libc::SOL_PACKET, option, pointer, length)
        })
    }

    fn get<T: Default + Integers>(&self, option: c_int) -> Result<T, Errno> {
        let mut value = T::default();
        let mut length = size_of::<T>() as libc::socklen_t;
        let pointer = (&raw mut value).cast();
        // SAFETY: the kernel writes at most `length` bytes into the value, all of whose bit
        // patterns are valid.
        checked(unsafe {
            libc::getsockopt(self.0.as_raw_fd(), libc::SOL_PACKET, option, pointer, &raw mut length)
        })?;
        Ok(value)
    }
}

/// Types of which every bit pattern is a value.
///
/// # Safety
///
/// Exactly that.
unsafe trait Integers {}
// SAFETY: an integer.
unsafe impl Integers for u32 {}
// SAFETY: integers, without padding.
unsafe impl Integers for [u32; 2] {}

fn checked(result: c_int) -> Result<(), Errno> {
    if result < 0 { Err(last_error()) } else { Ok(()) }
}
