//! Datagrams of a kernel socket, a batch a call: the peer that a stack of its own has to beat.
//!
//! **Why unsafe is allowed here:** `recvmmsg` and `sendmmsg` take tables of pointers, and no crate
//! that we use anyway has both.
#![allow(unsafe_code)]

use std::io::{Error, Result};
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::ptr;

/// Datagrams together.
pub(crate) const BATCH: usize = 32;

/// Bytes that one has room for.
const ROOM: usize = 2048;

/// Room for a batch of datagrams and the addresses they come from or go to.
pub(crate) struct Datagrams {
    bytes: Vec<[u8; ROOM]>,
    names: Vec<libc::sockaddr_in>,
    slices: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
}

impl Datagrams {
    /// Empty ones.
    pub(crate) fn new() -> Self {
        // SAFETY: all zeroes is a valid `sockaddr_in`, which is integers.
        let name: libc::sockaddr_in = unsafe { std::mem::zeroed() };
        let slice = libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 };
        // SAFETY: all zeroes is a valid `mmsghdr`: integers, and pointers that may be null.
        let header: libc::mmsghdr = unsafe { std::mem::zeroed() };
        Self {
            bytes: vec![[0; ROOM]; BATCH],
            names: vec![name; BATCH],
            slices: vec![slice; BATCH],
            headers: vec![header; BATCH],
        }
    }

    /// Has the tables point to each other, for one call: in between, the bytes may be borrowed.
    fn point(&mut self) {
        for index in 0..BATCH {
            self.slices[index].iov_base = self.bytes[index].as_mut_ptr().cast();
            let header = &mut self.headers[index].msg_hdr;
            header.msg_name = (&raw mut self.names[index]).cast();
            header.msg_iov = &raw mut self.slices[index];
            header.msg_iovlen = 1;
        }
    }

    /// The first `count`, to be answered where they lie.
    pub(crate) fn each(&mut self, count: usize) -> impl Iterator<Item = Datagram<'_>> {
        let lengths = self.slices.iter_mut().map(|slice| &mut slice.iov_len);
        let both = self.bytes.iter_mut().zip(lengths).take(count);
        both.map(|(bytes, len)| Datagram { bytes, len })
    }

    /// Waits for a datagram, and takes all that are there, up to [`BATCH`]. Says how many.
    pub(crate) fn receive(&mut self, socket: &UdpSocket) -> Result<usize> {
        for (slice, header) in self.slices.iter_mut().zip(&mut self.headers) {
            slice.iov_len = ROOM;
            header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
        }
        self.point();
        let (table, flags) = (self.headers.as_mut_ptr(), libc::MSG_WAITFORONE);
        // SAFETY: the table has BATCH headers. Their pointers are to elements of our own vectors,
        // which nobody borrows during the call; their lengths are those of the elements.
        let count = unsafe {
            libc::recvmmsg(socket.as_raw_fd(), table, BATCH as u32, flags, ptr::null_mut())
        };
        let count = usize::try_from(count).map_err(|_| Error::last_os_error())?;
        for (slice, header) in self.slices.iter_mut().zip(&self.headers).take(count) {
            slice.iov_len = (header.msg_len as usize).min(ROOM);
        }
        Ok(count)
    }

    /// Sends the first `count` to where they came from. Says how many the kernel took.
    pub(crate) fn send_back(&mut self, socket: &UdpSocket, count: usize) -> Result<usize> {
        self.point();
        let (table, count) = (self.headers.as_mut_ptr(), count.min(BATCH) as u32);
        // SAFETY: as in `receive`; `iov_len` never exceeds the element.
        let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), table, count, 0) };
        usize::try_from(sent).map_err(|_| Error::last_os_error())
    }
}

/// One datagram, answered where it lies.
pub(crate) struct Datagram<'a> {
    bytes: &'a mut [u8; ROOM],
    len: &'a mut usize,
}

impl kv::Datagram for Datagram<'_> {
    fn payload(&self) -> &[u8] {
        self.bytes.get(..*self.len).unwrap_or_default()
    }

    fn room(&self) -> usize {
        ROOM
    }

    fn resize(&mut self, len: usize) -> Option<&mut [u8]> {
        let bytes = self.bytes.get_mut(..len)?;
        *self.len = len;
        Some(bytes)
    }
}
