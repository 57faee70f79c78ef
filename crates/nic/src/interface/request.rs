//! The `ifreq` of the socket ioctls: a name, and a value in a union.
//!
//! **Why unsafe is allowed here:** an ioctl gets a pointer, and a union must be read by the field
//! that the kernel wrote.
#![allow(unsafe_code)]

use packet::header::ethernet::Mac;
use rustix::io::Errno;
use std::os::fd::{AsFd, AsRawFd};

/// A question to the kernel about one interface.
pub(crate) struct Request(libc::ifreq);

impl Request {
    /// About the interface of that name. A name that is too long is cut, and so names none.
    pub(crate) fn named(name: &str) -> Self {
        // SAFETY: all zeroes is a valid `ifreq`: integers, and a union of plain data.
        let mut request: libc::ifreq = unsafe { core::mem::zeroed() };
        let room = libc::IFNAMSIZ - 1;
        for (to, &from) in request.ifr_name.iter_mut().take(room).zip(name.as_bytes()) {
            *to = from.cast_signed();
        }
        Self(request)
    }

    /// Puts flags in.
    pub(crate) fn set_flags(&mut self, flags: i16) {
        self.0.ifr_ifru.ifru_flags = flags;
    }

    /// Asks.
    ///
    /// # Safety
    ///
    /// `call` must be an ioctl that takes a pointer to an `ifreq` and follows no pointer in it.
    pub(crate) unsafe fn ask(&mut self, on: impl AsFd, call: libc::Ioctl) -> Result<(), Errno> {
        // SAFETY: the request is a valid `ifreq` for as long as the call lasts; the caller
        // promises that this is what the call takes.
        let result = unsafe { libc::ioctl(on.as_fd().as_raw_fd(), call, &raw mut self.0) };
        if result < 0 { Err(last_error()) } else { Ok(()) }
    }

    pub(crate) fn mtu(mut self, on: impl AsFd) -> Result<i32, Errno> {
        // SAFETY: SIOCGIFMTU takes an `ifreq`.
        unsafe { self.ask(on, libc::SIOCGIFMTU as libc::Ioctl) }?;
        // SAFETY: the call wrote this field; every bit pattern is an integer.
        Ok(unsafe { self.0.ifr_ifru.ifru_mtu })
    }

    pub(crate) fn set_mtu(mut self, on: impl AsFd, mtu: i32) -> Result<(), Errno> {
        self.0.ifr_ifru.ifru_mtu = mtu;
        // SAFETY: SIOCSIFMTU takes an `ifreq`.
        unsafe { self.ask(on, libc::SIOCSIFMTU as libc::Ioctl) }
    }

    pub(crate) fn mac(mut self, on: impl AsFd) -> Result<Mac, Errno> {
        // SAFETY: SIOCGIFHWADDR takes an `ifreq`.
        unsafe { self.ask(on, libc::SIOCGIFHWADDR as libc::Ioctl) }?;
        // SAFETY: the call wrote this field; every bit pattern is a `sockaddr`.
        let address = unsafe { self.0.ifr_ifru.ifru_hwaddr };
        let [b0, b1, b2, b3, b4, b5, ..] = address.sa_data.map(i8::cast_unsigned);
        Ok(Mac([b0, b1, b2, b3, b4, b5]))
    }
}

/// What the last call that failed on this thread said.
pub(crate) fn last_error() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}
