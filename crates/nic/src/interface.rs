//! What the kernel knows about a network interface, by name: index, MTU, address, whether it is
//! up and still there. Shared by the drivers that sit on one. It changes nothing, except the MTU
//! when asked.

mod request;

use crate::Error;
use core::time::Duration;
use packet::header::ethernet::Mac;
pub(crate) use request::{Request, last_error};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, netdevice, socket_with};
use std::os::fd::{BorrowedFd, OwnedFd};

/// Smallest MTU over which IPv4 can work at all (RFC 791).
const MIN_MTU: usize = 68;

/// An interface of the network namespace that its finder was in.
#[derive(Debug)]
pub(crate) struct Interface {
    name: String,
    index: u32,
    /// Belongs to the namespace it was made in, and so does every question asked through it,
    /// whichever thread asks later.
    socket: OwnedFd,
}

impl Interface {
    /// Looks an interface up.
    pub(crate) fn find(name: &str) -> Result<Self, Error> {
        let flags = SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)
            .map_err(|source| refused(name, "asking the kernel about it", source))?;
        match netdevice::name_to_index(&socket, name) {
            Ok(index) => Ok(Self { name: name.into(), index, socket }),
            // Linux says ENODEV; EINVAL for a name that cannot be one.
            Err(_) => Err(Error::Unusable {
                device: name.into(),
                what: "there is no network interface of that name; `ip link` lists those there are"
                    .into(),
            }),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    /// Largest payload of an Ethernet frame.
    pub(crate) fn mtu(&self) -> Result<usize, Error> {
        let mtu = Request::named(&self.name)
            .mtu(&self.socket)
            .map_err(|source| refused(&self.name, "reading its MTU", source))?;
        match usize::try_from(mtu) {
            Ok(mtu) if mtu >= MIN_MTU => Ok(mtu),
            _ => Err(self.too_small(mtu)),
        }
    }

    /// Changes the MTU.
    pub(crate) fn set_mtu(&self, mtu: usize) -> Result<(), Error> {
        let wanted = i32::try_from(mtu).unwrap_or(i32::MAX);
        if mtu < MIN_MTU {
            return Err(self.too_small(wanted));
        }
        Request::named(&self.name).set_mtu(&self.socket, wanted).map_err(|source| Error::Kernel {
            device: self.name.clone(),
            doing: "setting its MTU",
            source: source.into(),
            hint: match source {
                Errno::PERM => format!("`sudo ip link set dev {} mtu {mtu}` sets it", self.name),
                Errno::INVAL => format!("an MTU of {mtu} is outside what this device can do"),
                _ => String::new(),
            },
        })
    }

    fn too_small(&self, mtu: i32) -> Error {
        Error::Unusable {
            device: self.name.clone(),
            what: format!(
                "an MTU of {mtu} is too small for IP, which needs {MIN_MTU} (IPv6: 1280); \
                 `ip link set dev {} mtu 1500` sets an ordinary one",
                self.name
            ),
        }
    }

    /// The hardware address.
    pub(crate) fn mac(&self) -> Result<Mac, Error> {
        Request::named(&self.name)
            .mac(&self.socket)
            .map_err(|source| refused(&self.name, "reading its hardware address", source))
    }

    /// Whether the interface is still there (under any name).
    pub(crate) fn is_there(&self) -> bool {
        netdevice::index_to_name_inlined(&self.socket, self.index).is_ok()
    }

    /// Why nothing more can be expected of it, if it is not there any more.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.is_there() { Ok(()) } else { Err(gone(&self.name, "the interface was removed")) }
    }
}

/// The error of a device that went away.
pub(crate) fn gone(device: &str, cause: &str) -> Error {
    Error::Gone { device: device.into(), cause: cause.into() }
}

/// The error of a call that the kernel refused for a reason that needs no advice.
pub(crate) fn refused(device: &str, doing: &'static str, source: Errno) -> Error {
    Error::Kernel { device: device.into(), doing, source: source.into(), hint: String::new() }
}

/// Sleeps until `descriptor` has something to read or an error to tell. `true` if so.
pub(crate) fn wait(
    device: &str,
    descriptor: BorrowedFd<'_>,
    timeout: Option<Duration>,
) -> Result<bool, Error> {
    // A timeout beyond what the kernel can count is for ever.
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    let mut polled = [PollFd::from_borrowed_fd(descriptor, PollFlags::IN)];
    match poll(&mut polled, timeout.as_ref()) {
        Ok(count) => Ok(count > 0),
        Err(Errno::INTR) => Ok(false),
        Err(source) => Err(refused(device, "waiting for frames", source)),
    }
}
