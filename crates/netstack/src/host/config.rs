//! How an interface is set up.

use super::Address;
use crate::reassembly::Limits;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use packet::header::ethernet::Mac;

/// How an interface comes by its addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Addressing {
    /// As listed, and nothing else.
    #[default]
    Static,
    /// DHCP for IPv4.
    Dhcp,
    /// Router advertisements for IPv6.
    Slaac,
    /// DHCP for IPv4, and router advertisements for IPv6.
    Automatic,
}

impl Addressing {
    /// Whether IPv4 addresses come from DHCP.
    pub const fn wants_v4(self) -> bool {
        matches!(self, Self::Dhcp | Self::Automatic)
    }

    /// Whether IPv6 addresses come from router advertisements.
    pub const fn wants_v6(self) -> bool {
        matches!(self, Self::Slaac | Self::Automatic)
    }
}

/// How an interface is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its hardware address.
    pub mac: Mac,
    /// The largest payload of an Ethernet frame.
    pub mtu: usize,
    /// The VLAN that it is in, 1 to 4094, if frames carry a tag.
    pub vlan: Option<u16>,
    /// Whether the device completes transport checksums of what is sent.
    pub checksum_offload: bool,
    /// Where addresses come from besides the list.
    pub addressing: Addressing,
    /// Addresses it has from the start.
    pub addresses: Vec<Address>,
    /// Router for everything that is not on the link, for IPv4.
    pub gateway4: Option<Ipv4Addr>,
    /// Router for everything that is not on the link, for IPv6.
    pub gateway6: Option<Ipv6Addr>,
    /// Neighbours that are known for good.
    pub neighbors: Vec<(IpAddr, Mac)>,
    /// Neighbours that may be remembered.
    pub neighbor_entries: usize,
    /// Buffers that may wait in the queues of all stacks that do not lend their own.
    pub house_buffers: usize,
    /// How much may wait of packets that came in fragments.
    pub fragments: Limits,
}

impl Config {
    /// An interface with this hardware address, an MTU of 1500 and no addresses.
    pub fn new(mac: Mac) -> Self {
        Self {
            mac,
            mtu: 1500,
            vlan: None,
            checksum_offload: false,
            addressing: Addressing::Static,
            addresses: Vec::new(),
            gateway4: None,
            gateway6: None,
            neighbors: Vec::new(),
            neighbor_entries: 1024,
            house_buffers: 4096,
            fragments: Limits::default(),
        }
    }

    /// The same with one more address.
    #[must_use]
    pub fn with_address(mut self, ip: impl Into<IpAddr>, prefix: u8) -> Self {
        self.addresses.push(Address { ip: ip.into(), prefix });
        self
    }
}
