//! Busy polling: the caller's own calls drive the device, instead of its interrupts.
//!
//! **Why unsafe is allowed here:** rustix does not name these socket options.
#![allow(unsafe_code)]

use crate::interface::last_error;
use core::ffi::c_int;
use rustix::io::Errno;
use std::os::fd::{AsFd, AsRawFd};

/// Frames that one call may process: what Linux's own documentation suggests.
const BUDGET: c_int = 64;

/// Switches it on, for so many microseconds in each call that waits.
pub(super) fn prefer(socket: impl AsFd, microseconds: c_int) -> Result<(), Errno> {
    let socket = socket.as_fd().as_raw_fd();
    for (option, value) in [
        (libc::SO_PREFER_BUSY_POLL, 1),
        (libc::SO_BUSY_POLL, microseconds),
        (libc::SO_BUSY_POLL_BUDGET, BUDGET),
    ] {
        let (pointer, length) = ((&raw const value).cast(), size_of_val(&value));
        // SAFETY: the kernel reads one `int`, which outlives the call.
        let result = unsafe {
            libc::setsockopt(socket, libc::SOL_SOCKET, option, pointer, length as libc::socklen_t)
        };
        if result < 0 {
            return Err(last_error());
        }
    }
    Ok(())
}
