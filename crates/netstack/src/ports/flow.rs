//! Flows: the two ends of a connection, as people and as the table see them.

use super::Protocol;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use siphasher::sip::SipHasher13;

/// Two ends that talk to each other. Flow label and scope of an IPv6 end do not count: a flow is
/// its addresses and ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow {
    /// The transport.
    pub protocol: Protocol,
    /// This host's end.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
}

impl Flow {
    /// Whether both ends are specific and of one family.
    pub fn is_possible(&self) -> bool {
        let (local, remote) = (self.local.ip().to_canonical(), self.remote.ip().to_canonical());
        local.is_ipv4() == remote.is_ipv4()
            && !local.is_unspecified()
            && !remote.is_unspecified()
            && self.local.port() != 0
            && self.remote.port() != 0
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} flow from {} to {}", self.protocol, self.local, self.remote)
    }
}

/// A flow as the table keeps it, in 40 bytes. The family is part of it: IPv6 packets that carry
/// IPv4-mapped addresses reach no IPv4 flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    // In this order, keys sort as flows do.
    protocol: Protocol,
    is_v6: bool,
    local: [u64; 2],
    local_port: u16,
    remote: [u64; 2],
    remote_port: u16,
}

fn words(address: IpAddr) -> [u64; 2] {
    match address {
        IpAddr::V4(v4) => [0, u64::from(v4.to_bits())],
        IpAddr::V6(v6) => [(v6.to_bits() >> 64) as u64, v6.to_bits() as u64],
    }
}

/// One keyed hash over two addresses and what belongs to them.
pub(super) fn hash_ends(key: [u64; 2], local: IpAddr, remote: IpAddr, rest: u64) -> u64 {
    let mut bytes = [0; 40];
    let fields = words(local).into_iter().chain(words(remote)).chain([rest]);
    for (field, to) in fields.zip(bytes.chunks_exact_mut(8)) {
        to.copy_from_slice(&field.to_le_bytes());
    }
    SipHasher13::new_with_keys(key[0], key[1]).hash(&bytes)
}

impl Key {
    #[inline]
    pub(super) fn new(protocol: Protocol, local: SocketAddr, remote: SocketAddr) -> Self {
        Self {
            local: words(local.ip()),
            remote: words(remote.ip()),
            local_port: local.port(),
            remote_port: remote.port(),
            protocol,
            is_v6: local.is_ipv6(),
        }
    }

    fn address(&self, [high, low]: [u64; 2]) -> IpAddr {
        if self.is_v6 {
            Ipv6Addr::from_bits((u128::from(high) << 64) | u128::from(low)).into()
        } else {
            Ipv4Addr::from_bits(low as u32).into()
        }
    }

    pub(super) fn of(flow: &Flow) -> Self {
        Self::new(flow.protocol, flow.local, flow.remote)
    }

    pub(super) fn flow(&self) -> Flow {
        Flow {
            protocol: self.protocol,
            local: SocketAddr::new(self.address(self.local), self.local_port),
            remote: SocketAddr::new(self.address(self.remote), self.remote_port),
        }
    }

    /// `SipHash`: who does not know the key cannot choose flows that collide.
    #[inline]
    pub(super) fn hash(&self, key: [u64; 2]) -> u64 {
        let mut bytes = [0; 40];
        let rest = (u64::from(self.local_port) << 24)
            | (u64::from(self.remote_port) << 8)
            | (u64::from(self.is_v6) << 1)
            | self.protocol as u64;
        let fields = self.local.into_iter().chain(self.remote).chain([rest]);
        for (field, to) in fields.zip(bytes.chunks_exact_mut(8)) {
            to.copy_from_slice(&field.to_le_bytes());
        }
        SipHasher13::new_with_keys(key[0], key[1]).hash(&bytes)
    }
}
