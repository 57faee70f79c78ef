//! Programs in the kernel that send frames our way, or to another interface, and where they are
//! attached.
//!
//! Ours sends each frame to the socket of the queue that it came in on, and lets the kernel have
//! those of queues that have none. It is attached by a BPF link, which is a descriptor: when it is
//! closed, and so too when this process is killed, the program is gone.

use super::open::patiently;
use super::{Mode, bpf};
use crate::Error;
use crate::interface::Interface;
use rustix::io::Errno;
use std::os::fd::{AsFd, OwnedFd};

/// `XDP_FLAGS_SKB_MODE` and `XDP_FLAGS_DRV_MODE`.
const SKB: u32 = 1 << 1;
const DRIVER: u32 = 1 << 2;
/// `XDP_PASS`: the kernel's own path.
const PASS: i32 = 2;
/// Where `struct xdp_md` has the number of the queue.
const RX_QUEUE_INDEX: i16 = 16;
/// The numbers of the functions `bpf_redirect` and `bpf_redirect_map`.
const REDIRECT: i32 = 23;
const REDIRECT_MAP: i32 = 51;

/// A program that is attached.
#[derive(Debug)]
pub(super) struct Program {
    /// Keeps it attached.
    _link: OwnedFd,
    /// From queues to sockets.
    map: OwnedFd,
    /// How it is attached: as `Skb`, or in the driver.
    pub(super) mode: Mode,
}

impl Program {
    /// Loads and attaches it. `mode` is what is wished for.
    pub(super) fn attach(interface: &Interface, queues: u32, mode: Mode) -> Result<Self, Error> {
        let map = bpf::socket_map(queues)
            .map_err(|source| failed(interface, "making a BPF map", RIGHTS)(source))?;
        let (link, mode) = attach(interface, &to_sockets(map.as_fd()), mode)?;
        Ok(Self { _link: link, map, mode })
    }

    /// Sends the frames of a queue to a socket.
    pub(super) fn serve(&self, queue: u32, socket: impl AsFd) -> Result<(), Errno> {
        bpf::put(&self.map, queue, socket)
    }
}

/// Every frame that comes in at one interface leaves through another, without leaving the kernel,
/// for as long as this is kept. Both must be in the network namespace of the caller, and the
/// driver of the other must be able to send what another has received.
#[derive(Debug)]
pub struct Relay {
    /// Keeps the program attached.
    _link: OwnedFd,
}

impl Relay {
    /// From one interface to another.
    pub fn attach(from: &str, to: &str) -> Result<Self, Error> {
        let (from, to) = (Interface::find(from)?, Interface::find(to)?);
        let (link, _) = attach(&from, &to_interface(to.index()), Mode::Driver)?;
        Ok(Self { _link: link })
    }
}

pub(super) const RIGHTS: &str = "run it with `sudo`, or give the program the rights once: `sudo \
                                 setcap cap_net_admin,cap_net_raw,cap_bpf+ep PROGRAM`";

fn failed(
    interface: &Interface,
    doing: &'static str,
    hint: impl Into<String>,
) -> impl FnOnce(Errno) -> Error {
    let (device, hint) = (interface.name().into(), hint.into());
    move |source| Error::Kernel { device, doing, source: source.into(), hint }
}

/// Loads a program and attaches it to an interface; gives what keeps it there, and how it is
/// attached.
fn attach(
    interface: &Interface,
    instructions: &[u64],
    mode: Mode,
) -> Result<(OwnedFd, Mode), Error> {
    let device = interface.name();
    let program = bpf::load(instructions, bpf::HAS_FRAGMENTS)
        // Linux before 5.18 does not know frames of several buffers.
        .or_else(|_| bpf::load(instructions, 0))
        .map_err(|source| failed(interface, "loading the XDP program", RIGHTS)(source))?;
    let attach = |flags| patiently(|| bpf::link(&program, interface.index(), flags));
    let (link, mode) = match mode {
        Mode::Skb => (attach(SKB), Mode::Skb),
        Mode::Driver | Mode::ZeroCopy => (attach(DRIVER), mode),
        Mode::Best => match attach(DRIVER) {
            Ok(link) => (Ok(link), Mode::Best),
            Err(error @ (Errno::BUSY | Errno::EXIST | Errno::PERM)) => (Err(error), mode),
            Err(cause) => {
                tracing::info!(device, %cause, "no XDP in the driver: using mode=skb");
                (attach(SKB), Mode::Skb)
            }
        },
    };
    let link = link.map_err(|source| {
        let hint = match source {
            Errno::BUSY | Errno::EXIST => format!(
                "another XDP program is attached: stop what uses it, or `ip link set dev \
                 {device} xdp off`"
            ),
            Errno::OPNOTSUPP => "its driver cannot do this: try mode=skb".into(),
            Errno::PERM => RIGHTS.into(),
            _ => String::new(),
        };
        failed(interface, "attaching the XDP program", hint)(source)
    })?;
    Ok((link, mode))
}

/// `return bpf_redirect(interface, 0)`.
fn to_interface(interface: u32) -> [u64; 4] {
    [
        instruction(0xb7, 1, 0, 0, interface.cast_signed()),
        instruction(0xb7, 2, 0, 0, 0),
        instruction(0x85, 0, 0, 0, REDIRECT),
        instruction(0x95, 0, 0, 0, 0),
    ]
}

/// `return bpf_redirect_map(&map, context->rx_queue_index, XDP_PASS)`.
fn to_sockets(map: impl AsFd) -> [u64; 6] {
    use std::os::fd::AsRawFd;
    let map = map.as_fd().as_raw_fd();
    [
        // r2 = *(u32 *)(r1 + rx_queue_index)
        instruction(0x61, 2, 1, RX_QUEUE_INDEX, 0),
        // r1 = map (two instructions long; 1 in the source register: "a descriptor of a map")
        instruction(0x18, 1, 1, 0, map),
        instruction(0, 0, 0, 0, 0),
        // r3 = what to do with a frame of a queue without a socket
        instruction(0xb7, 3, 0, 0, PASS),
        instruction(0x85, 0, 0, 0, REDIRECT_MAP),
        // return r0
        instruction(0x95, 0, 0, 0, 0),
    ]
}

/// One instruction, as the kernel lays it out.
fn instruction(code: u8, destination: u8, source: u8, offset: i16, immediate: i32) -> u64 {
    let [o0, o1] = offset.to_le_bytes();
    let [i0, i1, i2, i3] = immediate.to_le_bytes();
    // The two registers share a byte; which half is whose depends on the machine's byte order.
    let registers = if cfg!(target_endian = "little") {
        destination | source << 4
    } else {
        destination << 4 | source
    };
    let mut bytes = [code, registers, o0, o1, i0, i1, i2, i3];
    if cfg!(target_endian = "big") {
        bytes[2..4].reverse();
        bytes[4..8].reverse();
    }
    u64::from_ne_bytes(bytes)
}
