//! Ethernet II.

use super::Malformed;
use core::fmt;
use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A hardware address.
#[derive(
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    FromBytes,
    IntoBytes,
    KnownLayout,
    Immutable,
    Unaligned,
)]
#[repr(transparent)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// Everybody.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// Whether it stands for a group (broadcast included).
    pub const fn is_multicast(self) -> bool {
        self.0[0] & 1 == 1
    }

    /// Whether it is everybody's.
    pub fn is_broadcast(self) -> bool {
        self == Self::BROADCAST
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [b0, b1, b2, b3, b4, b5] = self.0;
        write!(f, "{b0:02x}:{b1:02x}:{b2:02x}:{b3:02x}:{b4:02x}:{b5:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What an Ethernet frame carries.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(transparent)]
pub struct EtherType(U16);

impl EtherType {
    /// IPv4.
    pub const IPV4: Self = Self::new(0x0800);
    /// ARP.
    pub const ARP: Self = Self::new(0x0806);
    /// A VLAN tag.
    pub const VLAN: Self = Self::new(0x8100);
    /// IPv6.
    pub const IPV6: Self = Self::new(0x86dd);

    /// From its number.
    pub const fn new(number: u16) -> Self {
        Self(U16::new(number))
    }

    /// Its number.
    pub const fn number(self) -> u16 {
        self.0.get()
    }
}

impl fmt::Debug for EtherType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EtherType({:#06x})", self.number())
    }
}

/// An Ethernet header.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct Ethernet {
    /// To whom.
    pub destination: Mac,
    /// From whom.
    pub source: Mac,
    /// What follows.
    pub ethertype: EtherType,
}

impl Ethernet {
    /// Bytes in the header.
    pub const LEN: usize = size_of::<Self>();

    /// The header at the front of `bytes`, and what follows it.
    #[inline]
    pub fn read(bytes: &[u8]) -> Result<(&Self, &[u8]), Malformed> {
        Self::ref_from_prefix(bytes).map_err(|_| Malformed::Truncated)
    }

    /// The header at the front of `bytes`, and what follows it, to write.
    #[inline]
    pub fn read_mut(bytes: &mut [u8]) -> Result<(&mut Self, &mut [u8]), Malformed> {
        Self::mut_from_prefix(bytes).map_err(|_| Malformed::Truncated)
    }

    /// Makes the frame go back to where it came from.
    #[inline]
    pub fn flip(&mut self) {
        core::mem::swap(&mut self.destination, &mut self.source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn a_frame_with_an_arp_request() {
        let mut bytes = *b"\xff\xff\xff\xff\xff\xff\x52\x54\x00\x12\x34\x56\x08\x06\x00\x01";
        let (ethernet, rest) = Ethernet::read(&bytes).unwrap();
        assert!(ethernet.destination.is_broadcast() && ethernet.destination.is_multicast());
        assert!(!ethernet.source.is_multicast());
        assert_eq!(alloc::format!("{}", ethernet.source), "52:54:00:12:34:56");
        assert_eq!(ethernet.ethertype, EtherType::ARP);
        assert_eq!(rest, [0, 1]);
        Ethernet::read_mut(&mut bytes).unwrap().0.flip();
        assert_eq!(bytes[..6], [0x52, 0x54, 0, 0x12, 0x34, 0x56]);
        assert_eq!(bytes[6..12], [0xff; 6]);
        assert_eq!(Ethernet::read(&bytes[..13]), Err(Malformed::Truncated));
    }
}
