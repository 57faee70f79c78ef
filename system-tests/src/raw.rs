//! A peer at frame level: a packet socket without rings, tricks or any code of ours.
//!
//! **Why unsafe is allowed here:** rustix does not know the addresses and options of packet
//! sockets.
#![allow(unsafe_code)]

use crate::PATIENCE;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netdevice, recv, send,
    socket_with, sockopt,
};
use std::io::Error;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// Bytes of the virtio-net header that a [`Raw`] with headers puts in front of a frame.
pub const HEADER: usize = 10;

/// A packet socket on one interface. It does not see what it sends.
pub struct Raw(OwnedFd);

impl Raw {
    /// On an interface of the namespace that this thread is in: frames as they are.
    pub fn new(interface: &str) -> Self {
        Self::open(interface, false)
    }

    /// As [`Raw::new`], but each frame has a virtio-net header of 10 bytes in front, in both
    /// directions.
    pub fn with_headers(interface: &str) -> Self {
        Self::open(interface, true)
    }

    fn open(interface: &str, headers: bool) -> Self {
        let flags = SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::PACKET, SocketType::RAW, flags, None)
            .expect("a packet socket needs root: `sudo -E cargo xtask test`");
        let index = netdevice::name_to_index(&socket, interface).expect("the interface is there");
        // More than one test sends.
        let _ = sockopt::set_socket_recv_buffer_size_force(&socket, 32 << 20);
        if headers {
            set(&socket, libc::SOL_PACKET, libc::PACKET_VNET_HDR, 1);
        }
        set(&socket, libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, 1);
        // SAFETY: all zeroes is a valid `sockaddr_ll`, which is integers.
        let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
        address.sll_ifindex = index.cast_signed();
        let length = size_of_val(&address) as libc::socklen_t;
        // SAFETY: the address is as long as `length` says and outlives the call.
        let bound = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) };
        assert_eq!(bound, 0, "bind: {}", Error::last_os_error());
        Self(socket)
    }

    /// Sends one frame.
    ///
    /// # Panics
    ///
    /// If Linux does not take it.
    #[track_caller]
    pub fn send(&self, frame: &[u8]) {
        let sent = send(&self.0, frame, SendFlags::empty());
        assert_eq!(sent, Ok(frame.len()), "sending {} bytes", frame.len());
    }

    /// The next frame, if there is one in that time.
    ///
    /// # Panics
    ///
    /// If Linux takes the socket away.
    pub fn receive_in(&self, time: Duration) -> Option<Vec<u8>> {
        let time = Timespec::try_from(time).unwrap_or_default();
        let mut polled = [PollFd::new(&self.0, PollFlags::IN)];
        if poll(&mut polled, Some(&time)) == Ok(0) {
            return None;
        }
        let mut frame = vec![0; 1 << 17];
        match recv(&self.0, &mut frame[..], RecvFlags::DONTWAIT) {
            Ok((length, _)) => frame.truncate(length),
            Err(Errno::AGAIN | Errno::INTR) => return None,
            Err(error) => panic!("receiving: {error}"),
        }
        Some(frame)
    }

    /// The next frame that is `wanted`; others are passed over.
    ///
    /// # Panics
    ///
    /// If none comes in [`PATIENCE`].
    #[track_caller]
    pub fn receive(&self, wanted: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no such frame came");
            if let Some(frame) = self.receive_in(left)
                && wanted(&frame)
            {
                return frame;
            }
        }
    }
}

/// Makes a UDP socket of the system's cut what it sends into datagrams of that size, as late as
/// it can: what a driver sees may still be whole.
pub fn segment_udp(socket: &std::net::UdpSocket, size: u16) {
    set(socket, libc::SOL_UDP, libc::UDP_SEGMENT, i32::from(size));
}

fn set(socket: &impl AsRawFd, level: i32, option: i32, value: i32) {
    let (pointer, length) = ((&raw const value).cast(), size_of_val(&value) as libc::socklen_t);
    // SAFETY: the kernel reads one `int`, which outlives the call.
    let result = unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, pointer, length) };
    assert_eq!(result, 0, "setsockopt {option}: {}", Error::last_os_error());
}
