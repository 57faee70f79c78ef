//! The drivers that a spec can name.

use super::form::{Address, Choice, File, Interface, Number, Optional, Ports, Switch};
use super::keys::Keys;
use crate::{null, packet_socket, passt, pcap, tap, xdp};
use packet::header::ethernet::Mac;
use std::path::PathBuf;

/// A driver and how it is to be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Driver {
    /// A TAP device of this name.
    Tap(String, tap::Options),
    /// An interface of this name, shared with Linux.
    Packet(String, packet_socket::Options),
    /// An interface of this name, through `AF_XDP`.
    Xdp(String, xdp::Options),
    /// The driver's side of vhost-user.
    Vhost(Vhost),
    /// The device's side of vhost-user.
    VhostDevice(VhostDevice),
    /// A passt of our own.
    Passt(passt::Network),
    /// A passt, or a QEMU, that listens on a socket.
    Stream(Stream),
    /// Capture files.
    Pcap(pcap::Options),
    /// A device without a wire.
    Null(null::Options),
    /// One end of a wire in memory: only where a program makes the other end itself.
    Wire,
}

/// A vhost-user socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vhost {
    /// Where it is.
    pub path: PathBuf,
    /// Whether we listen on it.
    pub server: bool,
    /// Queue pairs.
    pub queues: u16,
    /// Descriptors in each ring.
    pub size: u16,
    /// Largest payload of a frame.
    pub mtu: usize,
    /// Whether checksums and cutting may be left to each other.
    pub large: bool,
    /// The address that the user of the device should take.
    pub mac: Option<Mac>,
    /// Whether the device sees only pages of the driver's own, and every frame is copied.
    pub private: bool,
}

impl Default for Vhost {
    fn default() -> Self {
        Self {
            path: PathBuf::new(),
            server: false,
            queues: 1,
            size: 256,
            mtu: 1500,
            large: true,
            mac: None,
            private: false,
        }
    }
}

/// A vhost-user socket on which we listen for a virtual machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VhostDevice {
    /// Where it is.
    pub path: PathBuf,
    /// Largest payload of a frame.
    pub mtu: usize,
    /// The address that the user of the device should take.
    pub mac: Option<Mac>,
    /// Whether checksums and cutting may be left to each other.
    pub large: bool,
}

impl Default for VhostDevice {
    fn default() -> Self {
        Self { path: PathBuf::new(), mtu: 1500, mac: None, large: true }
    }
}

/// A stream socket that carries frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Where it is.
    pub path: PathBuf,
    /// Largest payload of a frame.
    pub mtu: usize,
}

impl Default for Stream {
    fn default() -> Self {
        Self { path: PathBuf::new(), mtu: passt::MTU }
    }
}

/// What an interface can have: 68 is the least that IPv4 allows. (IPv6 wants 1280.)
const MTU: Number = Number(68, 65_535);
const QUEUES: Number = Number(1, 256);
/// The most that the numbers of rings in vhost-user's messages allow.
const VHOST_QUEUES: Number = Number(1, 128);
const FRAMES: Number = Number(16, 32_768);

impl Driver {
    /// All of them, with their defaults.
    pub(super) fn all() -> [Self; 10] {
        [
            Self::Tap(String::new(), tap::Options::default()),
            Self::Packet(String::new(), packet_socket::Options::default()),
            Self::Xdp(String::new(), xdp::Options::default()),
            Self::Vhost(Vhost::default()),
            Self::VhostDevice(VhostDevice::default()),
            Self::Passt(passt::Network::default()),
            Self::Stream(Stream::default()),
            Self::Pcap(pcap::Options::default()),
            Self::Null(null::Options::default()),
            Self::Wire,
        ]
    }

    /// What it is called in a spec.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Tap(..) => "tap",
            Self::Packet(..) => "packet",
            Self::Xdp(..) => "xdp",
            Self::Vhost(_) => "vhost",
            Self::VhostDevice(_) => "vhost-device",
            Self::Passt(_) => "passt",
            Self::Stream(_) => "stream",
            Self::Pcap(_) => "pcap",
            Self::Null(_) => "null",
            Self::Wire => "wire",
        }
    }

    /// Shows its keys.
    pub(super) fn describe(&mut self, keys: &mut impl Keys) {
        match self {
            Self::Tap(name, options) => {
                let default = tap::Options::default();
                keys.head("tap0", name, &Interface);
                keys.key("queues", &mut options.queues, &default.queues, &QUEUES);
                keys.key("mtu", &mut options.mtu, &default.mtu, &Optional(MTU));
                keys.key("large", &mut options.large, &default.large, &Switch);
                keys.key("persistent", &mut options.persistent, &default.persistent, &Switch);
            }
            Self::Packet(name, options) => {
                let default = packet_socket::Options::default();
                keys.head("eth0", name, &Interface);
                keys.key("queues", &mut options.queues, &default.queues, &QUEUES);
                keys.key("frames", &mut options.frames, &default.frames, &FRAMES);
                keys.key("promiscuous", &mut options.promiscuous, &default.promiscuous, &Switch);
                keys.key("bypass", &mut options.bypass, &default.bypass, &Switch);
            }
            Self::Xdp(name, options) => {
                let default = xdp::Options::default();
                let modes = Choice(&[
                    ("best", xdp::Mode::Best),
                    ("skb", xdp::Mode::Skb),
                    ("driver", xdp::Mode::Driver),
                    ("zero-copy", xdp::Mode::ZeroCopy),
                ]);
                keys.head("eth0", name, &Interface);
                keys.key("queues", &mut options.queues, &default.queues, &QUEUES);
                keys.key("mode", &mut options.mode, &default.mode, &modes);
                keys.key("frames", &mut options.frames, &default.frames, &FRAMES);
                let busy_poll = Number(0, 1_000_000);
                keys.key("busy-poll", &mut options.busy_poll, &default.busy_poll, &busy_poll);
            }
            Self::Vhost(options) => {
                let default = Vhost::default();
                keys.head("/run/vhost.socket", &mut options.path, &File);
                keys.key("server", &mut options.server, &default.server, &Switch);
                keys.key("queues", &mut options.queues, &default.queues, &VHOST_QUEUES);
                keys.key("size", &mut options.size, &default.size, &Number(16, 4096));
                keys.key("mtu", &mut options.mtu, &default.mtu, &MTU);
                keys.key("large", &mut options.large, &default.large, &Switch);
                keys.key("mac", &mut options.mac, &None, &Optional(Address));
                keys.key("private", &mut options.private, &false, &Switch);
            }
            Self::VhostDevice(options) => {
                keys.head("/run/vhost.socket", &mut options.path, &File);
                keys.key("mtu", &mut options.mtu, &1500, &MTU);
                keys.key("mac", &mut options.mac, &None, &Optional(Address));
                keys.key("large", &mut options.large, &true, &Switch);
            }
            Self::Passt(network) => {
                let default = passt::Network::default();
                keys.key("mtu", &mut network.mtu, &default.mtu, &MTU);
                keys.many("tcp", &mut network.tcp, &Ports);
                keys.many("udp", &mut network.udp, &Ports);
                let loopback = &mut network.insecure_loopback;
                keys.key("insecure_loopback", loopback, &false, &Switch);
                keys.key("program", &mut network.program, &default.program, &File);
            }
            Self::Stream(stream) => {
                keys.head("/run/passt.socket", &mut stream.path, &File);
                keys.key("mtu", &mut stream.mtu, &passt::MTU, &MTU);
            }
            Self::Pcap(options) => {
                let default = pcap::Options::default();
                let paces = Choice(&[("fast", pcap::Pace::Fast), ("real", pcap::Pace::Real)]);
                let ends = Choice(&[
                    ("stay", pcap::End::Stay),
                    ("gone", pcap::End::Gone),
                    ("loop", pcap::End::Again),
                ]);
                keys.head("in.pcapng", &mut options.path, &File);
                keys.key("out", &mut options.out, &default.out, &Optional(File));
                keys.key("pace", &mut options.pace, &default.pace, &paces);
                keys.key("end", &mut options.end, &default.end, &ends);
            }
            Self::Null(options) => {
                let default = null::Options::default();
                let size = Number(14, null::LARGEST as u64);
                keys.key("size", &mut options.size, &default.size, &size);
                keys.key("copy", &mut options.copy, &default.copy, &Switch);
            }
            Self::Wire => {}
        }
    }
}
