//! The few calls of `bpf(2)` that the redirecting program needs.
//!
//! Each takes a struct of its own that begins like the kernel's `union bpf_attr`; the kernel takes
//! what lies behind it as zero.
//!
//! **Why unsafe is allowed here:** the system call takes a pointer to that struct, and some structs
//! hold addresses.
#![allow(unsafe_code)]

use crate::interface::last_error;
use core::ffi::CStr;
use rustix::io::Errno;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

const MAP_CREATE: i32 = 0;
const MAP_UPDATE_ELEM: i32 = 2;
const PROG_LOAD: i32 = 5;
const LINK_CREATE: i32 = 28;

const MAP_TYPE_XSKMAP: u32 = 17;
const PROG_TYPE_XDP: u32 = 6;
const ATTACH_XDP: u32 = 37;
const LICENSE: &CStr = c"Dual MIT/GPL";

/// The program may see frames of several buffers.
pub(super) const HAS_FRAGMENTS: u32 = 1 << 5;

/// A map from queue numbers to `AF_XDP` sockets.
pub(super) fn socket_map(entries: u32) -> Result<OwnedFd, Errno> {
    #[repr(C)]
    struct Create {
        kind: u32,
        key_size: u32,
        value_size: u32,
        max_entries: u32,
    }
    let create = Create { kind: MAP_TYPE_XSKMAP, key_size: 4, value_size: 4, max_entries: entries };
    // SAFETY: the struct is how the attributes of this command begin, and holds no address.
    unsafe { call_for_descriptor(MAP_CREATE, &create) }
}

/// Puts a socket into the map.
pub(super) fn put(map: impl AsFd, queue: u32, socket: impl AsFd) -> Result<(), Errno> {
    #[repr(C)]
    struct Update {
        map: u32,
        padding: u32,
        key: u64,
        value: u64,
        flags: u64,
    }
    let value = descriptor(socket);
    let update = Update {
        map: descriptor(map),
        padding: 0,
        key: (&raw const queue) as u64,
        value: (&raw const value) as u64,
        flags: 0,
    };
    // SAFETY: the struct is how the attributes of this command begin. The kernel reads four bytes
    // at each address, as the map was made; both integers outlive the call.
    unsafe { call(MAP_UPDATE_ELEM, &update) }.map(drop)
}

/// Loads a program.
pub(super) fn load(instructions: &[u64], flags: u32) -> Result<OwnedFd, Errno> {
    #[repr(C)]
    struct Load {
        kind: u32,
        instruction_count: u32,
        instructions: u64,
        license: u64,
        log: [u32; 2],
        log_buffer: u64,
        kernel_version: u32,
        flags: u32,
        name: [u8; 16],
        interface: u32,
        expected_attach: u32,
    }
    let load = Load {
        kind: PROG_TYPE_XDP,
        instruction_count: instructions.len() as u32,
        instructions: instructions.as_ptr() as u64,
        license: LICENSE.as_ptr() as u64,
        log: [0; 2],
        log_buffer: 0,
        kernel_version: 0,
        flags,
        name: *b"cofferdam\0\0\0\0\0\0\0",
        interface: 0,
        expected_attach: ATTACH_XDP,
    };
    // SAFETY: the struct is how the attributes of this command begin. The instructions are as many
    // as it says, the license ends with a zero, and both outlive the call.
    unsafe { call_for_descriptor(PROG_LOAD, &load) }
}

/// Attaches a program to an interface for as long as the descriptor that this gives is open.
pub(super) fn link(program: impl AsFd, interface: u32, flags: u32) -> Result<OwnedFd, Errno> {
    #[repr(C)]
    struct Link {
        program: u32,
        interface: u32,
        attach: u32,
        flags: u32,
    }
    let link = Link { program: descriptor(program), interface, attach: ATTACH_XDP, flags };
    // SAFETY: the struct is how the attributes of this command begin, and holds no address.
    unsafe { call_for_descriptor(LINK_CREATE, &link) }
}

fn descriptor(of: impl AsFd) -> u32 {
    of.as_fd().as_raw_fd().cast_unsigned()
}

/// # Safety
///
/// `T` must be how the attributes of the command begin, without padding, and every address in it
/// must be good for what the command does with it.
unsafe fn call<T>(command: i32, attributes: &T) -> Result<i32, Errno> {
    let size = size_of::<T>();
    // SAFETY: the kernel reads `size` bytes of the attributes, which outlive the call; the caller
    // answers for what they say.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, &raw const *attributes, size) };
    i32::try_from(result).ok().filter(|&result| result >= 0).ok_or_else(last_error)
}

/// # Safety
///
/// As for [`call`]; and the command must be one that gives a new descriptor.
unsafe fn call_for_descriptor<T>(command: i32, attributes: &T) -> Result<OwnedFd, Errno> {
    // SAFETY: the caller's.
    let number = unsafe { call(command, attributes) }?;
    // SAFETY: the kernel just gave us this descriptor, and nobody else knows it. (It closes on
    // exec: the kernel makes all of BPF's descriptors so.)
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}
