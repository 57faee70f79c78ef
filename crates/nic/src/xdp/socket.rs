//! One `AF_XDP` socket: its rings, and the memory that it shares with the kernel.

use super::Mode;
use super::open::patiently;
use super::program::RIGHTS;
use super::ring::{Consumer, Descriptor, Producer};
use crate::Error;
use crate::interface::{Interface, refused};
use packet::{PAGE, Pool};
use rustix::io::Errno;
use rustix::net::xdp::{
    SocketAddrXdp, SocketAddrXdpFlags, SocketAddrXdpWithSharedUmem, XDP_PGOFF_RX_RING,
    XDP_PGOFF_TX_RING, XDP_UMEM_PGOFF_COMPLETION_RING, XDP_UMEM_PGOFF_FILL_RING, XdpOptionsFlags,
    XdpUmemReg, XdpUmemRegFlags,
};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with, sockopt};
use rustix::process::{Resource, getrlimit};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Bytes of frames that may wait to be sent on the kernel's own path.
const QUEUE: usize = 8 << 20;

/// A socket and its rings. The rings are unmapped before it is closed.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) fill: Producer<u64>,
    pub(super) completed: Consumer<u64>,
    pub(super) received: Consumer<Descriptor>,
    pub(super) transmit: Producer<Descriptor>,
    descriptor: OwnedFd,
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// What a socket turned out to be able to do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Abilities {
    /// The device reads and writes our pages itself.
    pub(super) zero_copy: bool,
    /// A frame may take several pages.
    pub(super) chains: bool,
}

impl Socket {
    /// Opens a socket and its rings. The first of several registers the pool's region, and the
    /// others share that.
    pub(super) fn new(device: &str, frames: u32, pool: &Pool, first: bool) -> Result<Self, Error> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::XDP, SocketType::RAW, flags, None)
            .map_err(|source| no_socket(device, source))?;
        if first {
            register(device, &socket, pool)?;
        }
        Self::with_rings(socket, frames).map_err(|source| refused(device, "making rings", source))
    }

    fn with_rings(socket: OwnedFd, frames: u32) -> Result<Self, Errno> {
        sockopt::set_xdp_umem_fill_ring_size(&socket, frames)?;
        sockopt::set_xdp_umem_completion_ring_size(&socket, frames)?;
        sockopt::set_xdp_rx_ring_size(&socket, frames)?;
        sockopt::set_xdp_tx_ring_size(&socket, frames)?;
        if sockopt::set_socket_send_buffer_size_force(&socket, QUEUE).is_err() {
            // As much as we may; what does not fit is sent with the next call.
            let _ = sockopt::set_socket_send_buffer_size(&socket, QUEUE);
        }
        let at = sockopt::xdp_mmap_offsets(&socket)?;
        Ok(Self {
            fill: Producer::new(&socket, XDP_UMEM_PGOFF_FILL_RING, at.fr, frames)?,
            completed: Consumer::new(&socket, XDP_UMEM_PGOFF_COMPLETION_RING, at.cr, frames)?,
            received: Consumer::new(&socket, XDP_PGOFF_RX_RING, at.rx, frames)?,
            transmit: Producer::new(&socket, XDP_PGOFF_TX_RING, at.tx, frames)?,
            descriptor: socket,
        })
    }

    /// Ties the socket that registered the region to a queue, with the best that the kernel gives.
    pub(super) fn bind(
        &self,
        interface: &Interface,
        queue: u32,
        mode: Mode,
    ) -> Result<Abilities, Error> {
        let copy: &[SocketAddrXdpFlags] = match mode {
            // Neither flag: the kernel copies only if it must.
            Mode::Best => &[SocketAddrXdpFlags::empty()],
            Mode::Skb | Mode::Driver => &[SocketAddrXdpFlags::XDP_COPY],
            Mode::ZeroCopy => &[SocketAddrXdpFlags::XDP_ZEROCOPY, SocketAddrXdpFlags::XDP_COPY],
        };
        let mut refusal = Errno::OPNOTSUPP;
        for &copy in copy {
            for chains in [true, false] {
                let mut flags = copy | SocketAddrXdpFlags::XDP_USE_NEED_WAKEUP;
                flags.set(SocketAddrXdpFlags::XDP_USE_SG, chains);
                let address = SocketAddrXdp::new(flags, interface.index(), queue);
                match patiently(|| bind(self, &address)) {
                    Ok(()) => return Ok(self.abilities(chains)),
                    Err(source @ (Errno::OPNOTSUPP | Errno::INVAL)) => refusal = source,
                    Err(source) => return Err(not_bound(interface.name(), queue, source)),
                }
            }
            if copy.contains(SocketAddrXdpFlags::XDP_ZEROCOPY) {
                let device = interface.name();
                tracing::warn!(device, queue, cause = %refusal, "no zero-copy: frames are copied");
            }
        }
        Err(not_bound(interface.name(), queue, refusal))
    }

    /// Ties a socket to a queue that shares the region that `first` registered, and how it is
    /// used.
    pub(super) fn bind_shared(
        &self,
        interface: &Interface,
        queue: u32,
        first: &Self,
    ) -> Result<(), Error> {
        let flags = SocketAddrXdpFlags::XDP_SHARED_UMEM;
        let address = SocketAddrXdpWithSharedUmem {
            addr: SocketAddrXdp::new(flags, interface.index(), queue),
            shared_umem_fd: first.as_fd(),
        };
        patiently(|| bind(self, &address))
            .map_err(|source| not_bound(interface.name(), queue, source))
    }

    fn abilities(&self, chains: bool) -> Abilities {
        let zero_copy = sockopt::xdp_options(self)
            .is_ok_and(|options| options.contains(XdpOptionsFlags::XDP_OPTIONS_ZEROCOPY));
        Abilities { zero_copy, chains }
    }
}

/// Tells the kernel of the pool's region, in frames of a page.
fn register(device: &str, socket: &OwnedFd, pool: &Pool) -> Result<(), Error> {
    let Some(region) = pool.region() else {
        return Err(Error::Unusable {
            device: device.into(),
            what: "AF_XDP needs a registered pool, whose pages lie next to each other".into(),
        });
    };
    let bytes = region.pages() * PAGE;
    let registration = XdpUmemReg {
        addr: region.base().as_ptr() as u64,
        len: bytes as u64,
        chunk_size: PAGE as u32,
        headroom: 0,
        flags: XdpUmemRegFlags::empty(),
        tx_metadata_len: 0,
    };
    sockopt::set_xdp_umem_reg(socket, registration).map_err(|source| Error::Kernel {
        device: device.into(),
        doing: "registering the pool's memory",
        source: source.into(),
        hint: match source {
            Errno::NOBUFS | Errno::NOMEM => locked_memory(bytes),
            _ => String::new(),
        },
    })
}

/// What to do about the limit of memory that cannot be paged out.
fn locked_memory(bytes: usize) -> String {
    let limit = getrlimit(Resource::Memlock).current;
    let limit = limit.map_or_else(|| "unlimited".into(), |limit| format!("{} KiB", limit / 1024));
    format!(
        "the pool has {} pages, {} KiB, and the limit of locked memory is {limit} (shared by all \
         that this user has locked): take a smaller pool, or raise the limit with `ulimit -l`",
        bytes / PAGE,
        bytes / 1024,
    )
}

fn no_socket(device: &str, source: Errno) -> Error {
    let hint = match source {
        Errno::PERM => RIGHTS,
        Errno::AFNOSUPPORT => "this kernel has no AF_XDP (CONFIG_XDP_SOCKETS)",
        _ => "",
    };
    let (doing, hint) = ("opening an AF_XDP socket", hint.into());
    Error::Kernel { device: device.into(), doing, source: source.into(), hint }
}

fn not_bound(device: &str, queue: u32, source: Errno) -> Error {
    let hint = match source {
        Errno::BUSY => format!("another AF_XDP socket has queue {queue}: stop what uses it"),
        Errno::INVAL => {
            format!("it may have no queue {queue}: `ethtool -l {device}` says how many it has")
        }
        Errno::NETDOWN => format!("`ip link set dev {device} up`"),
        Errno::NOBUFS | Errno::NOMEM => "smaller rings (`frames=`) may fit".into(),
        _ => String::new(),
    };
    Error::Kernel {
        device: device.into(),
        doing: "binding to a queue",
        source: source.into(),
        hint,
    }
}
