//! Who a port belongs to, and how far: the nouns of the port manager.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Who holds a port or a flow. A number given by the caller; nothing is known about it here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner(pub u32);

/// The transports that have ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// Datagrams.
    Udp,
    /// Connections.
    Tcp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        })
    }
}

/// Which local addresses a binding takes its port on.
///
/// `::` as Linux means it: without `IPV6_V6ONLY` it is [`Reach::Any`] and takes the port in both
/// families, so it overlaps everything; with it, it is [`Reach::AnyV6`]. The caller sees to it
/// that an IPv4-mapped address is written as the IPv4 address that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// This address only.
    Address(IpAddr),
    /// Every IPv4 address: `0.0.0.0`.
    AnyV4,
    /// Every IPv6 address and no IPv4 address: `::` with `IPV6_V6ONLY`.
    AnyV6,
    /// Every address of both families: `::`.
    Any,
}

impl Reach {
    /// What a socket address means: an unspecified IPv4 address is every IPv4 address, an
    /// unspecified IPv6 address everything, or with `v6_only` every IPv6 address; an IPv4-mapped
    /// address is the IPv4 address in it.
    pub fn of(address: IpAddr, v6_only: bool) -> Self {
        match address.to_canonical() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Self::AnyV4,
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) if v6_only => Self::AnyV6,
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Self::Any,
            address => Self::Address(address),
        }
    }

    /// Whether what is sent to `address` is within this reach.
    #[inline]
    pub fn covers(self, address: IpAddr) -> bool {
        match self {
            Self::Address(own) => own == address,
            Self::AnyV4 => address.is_ipv4(),
            Self::AnyV6 => address.is_ipv6(),
            Self::Any => true,
        }
    }

    /// Whether some address is within both.
    pub fn overlaps(self, other: Self) -> bool {
        match (self, other) {
            (Self::Address(address), reach) | (reach, Self::Address(address)) => {
                reach.covers(address)
            }
            (Self::AnyV4, Self::AnyV6) | (Self::AnyV6, Self::AnyV4) => false,
            _ => true,
        }
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::AnyV4 => f.write_str("any IPv4 address"),
            Self::AnyV6 => f.write_str("any IPv6 address"),
            Self::Any => f.write_str("any address"),
        }
    }
}

/// Whether others may bind what overlaps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sharing {
    /// Nobody else may.
    #[default]
    Exclusive,
    /// Those that name the same group may: `SO_REUSEPORT`, where the group says who trusts whom
    /// (Linux takes the user for it). Of bindings with the same reach a hash over the flow
    /// chooses; of different ones the more specific wins.
    Group(u32),
}

/// Which port is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// This one.
    Exactly(u16),
    /// A free one that nobody can foresee, from the ephemeral range.
    Ephemeral {
        /// A fresh random number.
        random: u64,
    },
}

/// What somebody wants to bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The transport.
    pub protocol: Protocol,
    /// On which addresses.
    pub reach: Reach,
    /// Which port.
    pub port: Port,
    /// With whom together.
    pub sharing: Sharing,
}

/// A port that was given to an owner. Plain data that names the grant: hand it back to release it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Binding {
    /// The transport.
    pub protocol: Protocol,
    /// The port; never 0.
    pub port: u16,
    /// On which addresses.
    pub reach: Reach,
    /// Whose it is.
    pub owner: Owner,
    /// With whom together.
    pub sharing: Sharing,
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} port {} on {}", self.protocol, self.port, self.reach)
    }
}
