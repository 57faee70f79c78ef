//! Neighbour discovery (RFC 4861): ICMPv6 messages between neighbours.
//!
//! Each struct begins with its ICMPv6 header; what `read` gives behind it is options, for
//! [`Options::new`]. Nothing here is to be believed unless the packet's hop limit was 255.

mod options;

pub use options::{Domains, NdpOption, Options, Prefix, Servers};

use super::Malformed;
use super::icmpv6::{Icmpv6, Message};
use core::net::Ipv6Addr;
use zerocopy::byteorder::network_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Hop limit of every message between neighbours: proof that no router passed it on.
pub const HOP_LIMIT: u8 = 255;

/// Gives a message its type and the functions that all have.
macro_rules! message {
    ($message:ident, $kind:literal) => {
        impl $message {
            /// Its ICMPv6 type.
            pub const KIND: u8 = $kind;
            /// Bytes before the options.
            pub const LEN: usize = size_of::<Self>();

            /// The message at the front of `bytes`, and its options.
            #[inline]
            pub fn read(bytes: &[u8]) -> Result<(&Self, &[u8]), Malformed> {
                let (message, rest) =
                    Self::ref_from_prefix(bytes).map_err(|_| Malformed::Truncated)?;
                message.icmp.check(Self::KIND)?;
                Ok((message, rest))
            }

            /// The message at the front of `bytes`, and its options, to write.
            #[inline]
            pub fn read_mut(bytes: &mut [u8]) -> Result<(&mut Self, &mut [u8]), Malformed> {
                let (message, rest) =
                    Self::mut_from_prefix(bytes).map_err(|_| Malformed::Truncated)?;
                message.icmp.check(Self::KIND)?;
                Ok((message, rest))
            }

            fn icmp(rest: [u8; 4]) -> Icmpv6 {
                Icmpv6::new(Message::Other { kind: Self::KIND, code: 0, rest })
            }

            /// The checksum of the whole message and its pseudo header.
            #[inline]
            pub const fn checksum(&self) -> u16 {
                self.icmp.checksum()
            }

            /// Sets the checksum to a known value.
            #[inline]
            pub fn set_checksum(&mut self, checksum: u16) {
                self.icmp.set_checksum(checksum);
            }
        }
    };
}

/// Asks routers to advertise themselves.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct RouterSolicitation {
    icmp: Icmpv6,
}

message!(RouterSolicitation, 133);

impl RouterSolicitation {
    /// A solicitation; its checksum is still to be set.
    pub fn new() -> Self {
        Self { icmp: Self::icmp([0; 4]) }
    }
}

impl Default for RouterSolicitation {
    fn default() -> Self {
        Self::new()
    }
}

/// What a router says of itself and its link.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct RouterAdvertisement {
    icmp: Icmpv6,
    reachable: U32,
    retransmission: U32,
}

message!(RouterAdvertisement, 134);

impl RouterAdvertisement {
    /// An advertisement of a default router for `lifetime` seconds (0: not a default router), all
    /// else unspecified; its checksum is still to be set.
    pub fn new(lifetime: u16) -> Self {
        let [high, low] = lifetime.to_be_bytes();
        Self {
            icmp: Self::icmp([0, 0, high, low]),
            reachable: U32::ZERO,
            retransmission: U32::ZERO,
        }
    }

    /// Hop limit to use; 0 if the router does not care.
    #[inline]
    pub const fn hop_limit(&self) -> u8 {
        self.icmp.rest()[0]
    }

    /// Whether addresses are to be had by DHCPv6.
    #[inline]
    pub const fn managed(&self) -> bool {
        self.icmp.rest()[1] & 0x80 != 0
    }

    /// Whether other configuration is to be had by DHCPv6.
    #[inline]
    pub const fn other_configuration(&self) -> bool {
        self.icmp.rest()[1] & 0x40 != 0
    }

    /// How much the router is preferred (RFC 4191): -1, 0 or 1.
    #[inline]
    pub const fn preference(&self) -> i8 {
        options::preference(self.icmp.rest()[1])
    }

    /// For how many seconds it is a default router; 0: it is none.
    #[inline]
    pub const fn lifetime(&self) -> u16 {
        let [_, _, high, low] = self.icmp.rest();
        u16::from_be_bytes([high, low])
    }

    /// Milliseconds for which a neighbour counts as reachable; 0 if the router does not care.
    #[inline]
    pub const fn reachable(&self) -> u32 {
        self.reachable.get()
    }

    /// Milliseconds between solicitations; 0 if the router does not care.
    #[inline]
    pub const fn retransmission(&self) -> u32 {
        self.retransmission.get()
    }

    /// Sets the hop limit to use.
    #[inline]
    pub fn set_hop_limit(&mut self, hops: u8) {
        self.icmp.rest_mut()[0] = hops;
    }

    /// Says whether addresses are to be had by DHCPv6.
    #[inline]
    pub fn set_managed(&mut self, managed: bool) {
        set_bit(&mut self.icmp.rest_mut()[1], 0x80, managed);
    }

    /// Says whether other configuration is to be had by DHCPv6.
    #[inline]
    pub fn set_other_configuration(&mut self, other: bool) {
        set_bit(&mut self.icmp.rest_mut()[1], 0x40, other);
    }

    /// Sets how much the router is preferred: below, at or above zero.
    #[inline]
    pub fn set_preference(&mut self, preference: i8) {
        let flags = &mut self.icmp.rest_mut()[1];
        *flags = *flags & !0x18 | options::preference_bits(preference);
    }

    /// Sets for how many seconds it is a default router.
    #[inline]
    pub fn set_lifetime(&mut self, seconds: u16) {
        let [_, _, lifetime @ ..] = self.icmp.rest_mut();
        *lifetime = seconds.to_be_bytes();
    }

    /// Sets the milliseconds for which a neighbour counts as reachable.
    #[inline]
    pub fn set_reachable(&mut self, milliseconds: u32) {
        self.reachable.set(milliseconds);
    }

    /// Sets the milliseconds between solicitations.
    #[inline]
    pub fn set_retransmission(&mut self, milliseconds: u32) {
        self.retransmission.set(milliseconds);
    }
}

/// Asks who has an address.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct NeighborSolicitation {
    icmp: Icmpv6,
    target: [u8; 16],
}

message!(NeighborSolicitation, 135);

impl NeighborSolicitation {
    /// A question for `target`; its checksum is still to be set.
    pub fn new(target: Ipv6Addr) -> Self {
        Self { icmp: Self::icmp([0; 4]), target: target.octets() }
    }

    /// The address in question.
    #[inline]
    pub const fn target(&self) -> Ipv6Addr {
        Ipv6Addr::from_octets(self.target)
    }

    /// Sets the address in question.
    #[inline]
    pub fn set_target(&mut self, target: Ipv6Addr) {
        self.target = target.octets();
    }
}

/// Says who has an address.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct NeighborAdvertisement {
    icmp: Icmpv6,
    target: [u8; 16],
}

message!(NeighborAdvertisement, 136);

impl NeighborAdvertisement {
    /// An unsolicited advertisement of `target` by a host; its checksum is still to be set.
    pub fn new(target: Ipv6Addr) -> Self {
        Self { icmp: Self::icmp([0; 4]), target: target.octets() }
    }

    /// Whether a router speaks.
    #[inline]
    pub const fn router(&self) -> bool {
        self.icmp.rest()[0] & 0x80 != 0
    }

    /// Whether it was asked for.
    #[inline]
    pub const fn solicited(&self) -> bool {
        self.icmp.rest()[0] & 0x40 != 0
    }

    /// Whether it replaces what was known.
    #[inline]
    pub const fn overrides(&self) -> bool {
        self.icmp.rest()[0] & 0x20 != 0
    }

    /// The address spoken of.
    #[inline]
    pub const fn target(&self) -> Ipv6Addr {
        Ipv6Addr::from_octets(self.target)
    }

    /// Says whether a router speaks.
    #[inline]
    pub fn set_router(&mut self, router: bool) {
        set_bit(&mut self.icmp.rest_mut()[0], 0x80, router);
    }

    /// Says whether it was asked for.
    #[inline]
    pub fn set_solicited(&mut self, solicited: bool) {
        set_bit(&mut self.icmp.rest_mut()[0], 0x40, solicited);
    }

    /// Says whether it replaces what was known.
    #[inline]
    pub fn set_overrides(&mut self, overrides: bool) {
        set_bit(&mut self.icmp.rest_mut()[0], 0x20, overrides);
    }

    /// Sets the address spoken of.
    #[inline]
    pub fn set_target(&mut self, target: Ipv6Addr) {
        self.target = target.octets();
    }
}

/// Says that there is a better way.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct Redirect {
    icmp: Icmpv6,
    target: [u8; 16],
    destination: [u8; 16],
}

message!(Redirect, 137);

impl Redirect {
    /// Packets to `destination` should go by `target`; its checksum is still to be set.
    pub fn new(target: Ipv6Addr, destination: Ipv6Addr) -> Self {
        Self {
            icmp: Self::icmp([0; 4]),
            target: target.octets(),
            destination: destination.octets(),
        }
    }

    /// The better first hop; the destination itself if that is a neighbour.
    #[inline]
    pub const fn target(&self) -> Ipv6Addr {
        Ipv6Addr::from_octets(self.target)
    }

    /// For what it is better.
    #[inline]
    pub const fn destination(&self) -> Ipv6Addr {
        Ipv6Addr::from_octets(self.destination)
    }

    /// Sets the better first hop.
    #[inline]
    pub fn set_target(&mut self, target: Ipv6Addr) {
        self.target = target.octets();
    }

    /// Sets for what it is better.
    #[inline]
    pub fn set_destination(&mut self, destination: Ipv6Addr) {
        self.destination = destination.octets();
    }
}

fn set_bit(flags: &mut u8, bit: u8, set: bool) {
    *flags = if set { *flags | bit } else { *flags & !bit };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::ethernet::Mac;

    /// What radvd says of a prefix on a link with an MTU of 1500.
    const ADVERTISEMENT: [u8; 64] = *b"\x86\x00\x00\x00\x40\x08\x07\x08\x00\x00\x00\x00\
        \x00\x00\x00\x00\x03\x04\x40\xc0\x00\x01\x51\x80\x00\x00\x38\x40\x00\x00\x00\x00\
        \x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\
        \x05\x01\x00\x00\x00\x00\x05\xdc\x01\x01\x52\x54\x00\x12\x34\x56";

    #[test]
    fn an_advertisement_of_radvd() {
        let (router, options) = RouterAdvertisement::read(&ADVERTISEMENT).unwrap();
        assert_eq!((router.hop_limit(), router.lifetime(), router.preference()), (64, 1800, 1));
        assert!(!router.managed() && !router.other_configuration());
        assert_eq!((router.reachable(), router.retransmission()), (0, 0));
        let prefix = Prefix {
            address: "2001:db8::".parse().unwrap(),
            len: 64,
            on_link: true,
            autonomous: true,
            valid: 86_400,
            preferred: 14_400,
        };
        let expected = [
            NdpOption::Prefix(prefix),
            NdpOption::Mtu(1500),
            NdpOption::SourceLinkLayer(Mac([0x52, 0x54, 0, 0x12, 0x34, 0x56])),
        ];
        assert!(Options::new(options).are_well_formed());
        assert!(Options::new(options).map(Result::unwrap).eq(expected));

        let mut bytes = [0xaa; 64];
        let mut new = RouterAdvertisement::new(1800);
        new.set_hop_limit(64);
        new.set_preference(1);
        bytes[..16].copy_from_slice(new.as_bytes());
        let mut rest = &mut bytes[16..];
        for option in expected {
            rest = option.write(rest).unwrap();
        }
        assert!(rest.is_empty());
        assert_eq!(bytes, ADVERTISEMENT);
    }

    #[test]
    fn flags_of_an_advertisement() {
        let mut router = RouterAdvertisement::new(0);
        router.set_managed(true);
        router.set_other_configuration(true);
        router.set_preference(-1);
        assert_eq!((router.preference(), router.icmp.rest()[1]), (-1, 0xd8));
        router.set_managed(false);
        router.set_lifetime(9000);
        router.set_reachable(30_000);
        router.set_retransmission(1000);
        assert_eq!((router.managed(), router.other_configuration()), (false, true));
        assert_eq!(
            (router.reachable(), router.retransmission(), router.lifetime()),
            (30_000, 1000, 9000)
        );

        let target: Ipv6Addr = "fe80::1".parse().unwrap();
        let mut neighbor = NeighborAdvertisement::new(target);
        neighbor.set_solicited(true);
        neighbor.set_overrides(true);
        assert_eq!(neighbor.as_bytes()[..8], [136, 0, 0, 0, 0x60, 0, 0, 0]);
        neighbor.set_router(true);
        neighbor.set_overrides(false);
        assert!(neighbor.router() && neighbor.solicited() && !neighbor.overrides());
        assert_eq!(neighbor.target(), target);
    }

    #[test]
    fn one_message_is_not_another() {
        let target: Ipv6Addr = "fe80::1".parse().unwrap();
        let solicitation = NeighborSolicitation::new(target);
        let (read, rest) = NeighborSolicitation::read(solicitation.as_bytes()).unwrap();
        assert_eq!((read.target(), rest.len()), (target, 0));
        assert_eq!(NeighborAdvertisement::read(solicitation.as_bytes()), Err(Malformed::Field));
        assert_eq!(Redirect::read(solicitation.as_bytes()), Err(Malformed::Truncated));
        assert_eq!(RouterSolicitation::read(&[133, 1, 0, 0, 0, 0, 0, 0]), Err(Malformed::Field));
        let mut bytes = [0; 40];
        bytes.copy_from_slice(Redirect::new(target, Ipv6Addr::LOCALHOST).as_bytes());
        let (redirect, _) = Redirect::read_mut(&mut bytes).unwrap();
        assert_eq!((redirect.target(), redirect.destination()), (target, Ipv6Addr::LOCALHOST));
    }
}
