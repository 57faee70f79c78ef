//! Opening `/dev/net/tun`, and why it may be refused.
//!
//! **Why unsafe is allowed here:** the ioctls that configure the device.
#![allow(unsafe_code)]

use crate::Error;
use crate::interface::{Interface, Request, last_error, refused};
use core::ffi::c_int;
use rustix::fs::{Mode, OFlags, open as open_file};
use rustix::io::Errno;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

const NODE: &str = "/dev/net/tun";
/// Bytes in the header in front of each frame, as the kernel wants to be told.
const HEADER: c_int = 12;
const _: () = assert!(HEADER as usize == crate::virtio::HEADER, "one size everywhere");

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    pub(super) queues: usize,
    pub(super) large: bool,
    pub(super) persistent: bool,
}

/// One open queue.
#[derive(Debug)]
pub(super) struct Device(OwnedFd);

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Opens all queues; says too whether the kernel cuts UDP.
pub(super) fn open(name: &str, how: Open) -> Result<(Vec<Device>, bool), Error> {
    if name.is_empty() || name.len() >= libc::IFNAMSIZ || name.contains(['/', '%', ' ']) {
        return Err(Error::Unusable {
            device: name.into(),
            what: format!(
                "this cannot be the name of an interface: 1 to {} letters and digits",
                libc::IFNAMSIZ - 1
            ),
        });
    }
    if how.queues == 0 {
        return Err(Error::Unusable {
            device: name.into(),
            what: "a driver without a queue carries nothing; ask for one or more".into(),
        });
    }
    let existed = Interface::find(name).is_ok();
    let mut devices = Vec::new();
    let mut cuts_udp = false;
    for queue in 0..how.queues {
        let device = attach(name, how.queues > 1)
            // A device that was made with several queues wants to be told so even for one.
            .or_else(|error| match error {
                Errno::INVAL if how.queues == 1 => attach(name, true),
                error => Err(error),
            })
            .map_err(|source| explained(name, how.queues, queue, existed, source))?;
        cuts_udp = configure(&device, how.large)
            .map_err(|source| refused(name, "setting its offloads", source))?;
        devices.push(device);
    }
    if let (true, Some(device)) = (how.persistent && !existed, devices.first()) {
        set(device, libc::TUNSETPERSIST, 1)
            .map_err(|source| refused(name, "making it persistent", source))?;
    }
    Ok((devices, cuts_udp))
}

fn attach(name: &str, several: bool) -> Result<Device, Errno> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = open_file(NODE, flags, Mode::empty())?;
    let mut flags = libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR;
    if several {
        flags |= libc::IFF_MULTI_QUEUE;
    }
    let mut request = Request::named(name);
    request.set_flags(flags as i16);
    // SAFETY: TUNSETIFF takes an `ifreq`.
    unsafe { request.ask(&file, libc::TUNSETIFF) }?;
    Ok(Device(file))
}

/// Sets the size of the header and the offloads; says whether the kernel cuts UDP.
fn configure(device: &Device, large: bool) -> Result<bool, Errno> {
    set_by_reference(device, libc::TUNSETVNETHDRSZ, HEADER)?;
    let tcp = libc::TUN_F_CSUM | libc::TUN_F_TSO4 | libc::TUN_F_TSO6;
    let udp = libc::TUN_F_USO4 | libc::TUN_F_USO6;
    // Linux before 6.2 does not know the last two, and refuses the call.
    let cuts_udp = set(device, libc::TUNSETOFFLOAD, tcp | udp).is_ok();
    if !large {
        set(device, libc::TUNSETOFFLOAD, 0)?;
    } else if !cuts_udp {
        set(device, libc::TUNSETOFFLOAD, tcp)?;
    }
    Ok(cuts_udp)
}

/// An ioctl that takes a number.
fn set(device: &Device, call: libc::Ioctl, value: u32) -> Result<(), Errno> {
    let value = libc::c_ulong::from(value);
    // SAFETY: both calls made with this take a number, not a pointer.
    let result = unsafe { libc::ioctl(device.0.as_raw_fd(), call, value) };
    if result < 0 { Err(last_error()) } else { Ok(()) }
}

/// An ioctl that takes a pointer to a number.
fn set_by_reference(device: &Device, call: libc::Ioctl, value: c_int) -> Result<(), Errno> {
    // SAFETY: the call made with this reads one `int`, which outlives it.
    let result = unsafe { libc::ioctl(device.0.as_raw_fd(), call, &raw const value) };
    if result < 0 { Err(last_error()) } else { Ok(()) }
}

fn explained(name: &str, queues: usize, queue: usize, existed: bool, source: Errno) -> Error {
    let several = if queues > 1 { " multi_queue" } else { "" };
    let unusable = |what| Error::Unusable { device: name.into(), what };
    let hint = match source {
        Errno::NOENT | Errno::NODEV | Errno::NXIO => format!("`sudo modprobe tun` makes {NODE}"),
        Errno::ACCESS => format!("{NODE} is for others; run it with `sudo`"),
        Errno::PERM => format!(
            "run it with `sudo`, or have the device made for you: `sudo ip tuntap add dev {name} \
             mode tap{several} user $USER`"
        ),
        Errno::BUSY if queue == 0 => {
            return unusable(
                "another program has it open; stop that one (`ss -xp` and `fuser /dev/net/tun` \
                 find it) or choose another name"
                    .into(),
            );
        }
        Errno::BUSY | Errno::TOOBIG => {
            return unusable(format!("only {queue} of {queues} queues could be opened"));
        }
        Errno::INVAL if existed && queues > 1 => {
            return unusable(format!(
                "it is no TAP device that can have {queues} queues; `ip tuntap add dev NAME mode \
                 tap multi_queue` makes one"
            ));
        }
        Errno::INVAL if existed => {
            return unusable(
                "an interface of that name is there, and is no TAP device; `ip -d link` says \
                 what it is; choose another name"
                    .into(),
            );
        }
        _ => String::new(),
    };
    Error::Kernel {
        device: name.into(),
        doing: "opening it as a TAP device",
        source: source.into(),
        hint,
    }
}
