//! Address resolution for IPv4 on Ethernet.

use super::Malformed;
use super::ethernet::{EtherType, Mac};
use core::net::Ipv4Addr;
use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// What an ARP message wants.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(transparent)]
pub struct Operation(U16);

impl Operation {
    /// Who has this address?
    pub const REQUEST: Self = Self(U16::new(1));
    /// I have.
    pub const REPLY: Self = Self(U16::new(2));

    /// From its number.
    pub const fn new(number: u16) -> Self {
        Self(U16::new(number))
    }

    /// Its number.
    pub const fn number(self) -> u16 {
        self.0.get()
    }
}

/// An ARP message about IPv4 addresses on Ethernet.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct Arp {
    hardware: U16,
    protocol: EtherType,
    hardware_len: u8,
    protocol_len: u8,
    /// What it wants.
    pub operation: Operation,
    /// Hardware address of who speaks.
    pub sender_mac: Mac,
    sender: [u8; 4],
    /// Hardware address of who is spoken of; without meaning in a request.
    pub target_mac: Mac,
    target: [u8; 4],
}

const ETHERNET: U16 = U16::new(1);

impl Arp {
    /// Bytes in the message.
    pub const LEN: usize = size_of::<Self>();

    /// A message.
    pub const fn new(
        operation: Operation,
        (sender_mac, sender): (Mac, Ipv4Addr),
        (target_mac, target): (Mac, Ipv4Addr),
    ) -> Self {
        Self {
            hardware: ETHERNET,
            protocol: EtherType::IPV4,
            hardware_len: 6,
            protocol_len: 4,
            operation,
            sender_mac,
            sender: sender.octets(),
            target_mac,
            target: target.octets(),
        }
    }

    /// The message at the front of `bytes`, and what follows it (padding).
    #[inline]
    pub fn read(bytes: &[u8]) -> Result<(&Self, &[u8]), Malformed> {
        let (arp, rest) = Self::ref_from_prefix(bytes).map_err(|_| Malformed::Truncated)?;
        arp.check()?;
        Ok((arp, rest))
    }

    /// The message at the front of `bytes`, and what follows it, to write.
    #[inline]
    pub fn read_mut(bytes: &mut [u8]) -> Result<(&mut Self, &mut [u8]), Malformed> {
        let (arp, rest) = Self::mut_from_prefix(bytes).map_err(|_| Malformed::Truncated)?;
        arp.check()?;
        Ok((arp, rest))
    }

    fn check(&self) -> Result<(), Malformed> {
        if self.hardware != ETHERNET || self.protocol != EtherType::IPV4 {
            return Err(Malformed::Field);
        }
        if (self.hardware_len, self.protocol_len) != (6, 4) {
            return Err(Malformed::Length);
        }
        Ok(())
    }

    /// Protocol address of who speaks; unspecified in a probe (RFC 5227).
    #[inline]
    pub const fn sender(&self) -> Ipv4Addr {
        Ipv4Addr::from_octets(self.sender)
    }

    /// Protocol address of who is spoken of.
    #[inline]
    pub const fn target(&self) -> Ipv4Addr {
        Ipv4Addr::from_octets(self.target)
    }

    /// Sets the protocol address of who speaks.
    #[inline]
    pub fn set_sender(&mut self, address: Ipv4Addr) {
        self.sender = address.octets();
    }

    /// Sets the protocol address of who is spoken of.
    #[inline]
    pub fn set_target(&mut self, address: Ipv4Addr) {
        self.target = address.octets();
    }

    /// Turns a request for `mac` into the reply, in place.
    #[inline]
    pub fn answer(&mut self, mac: Mac) {
        self.operation = Operation::REPLY;
        core::mem::swap(&mut self.sender, &mut self.target);
        self.target_mac = self.sender_mac;
        self.sender_mac = mac;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    /// Who has 192.0.2.1? Tell 192.0.2.7.
    const REQUEST: [u8; 28] = *b"\x00\x01\x08\x00\x06\x04\x00\x01\x52\x54\x00\x12\x34\x56\
        \xc0\x00\x02\x07\x00\x00\x00\x00\x00\x00\xc0\x00\x02\x01";

    #[test]
    fn a_request_and_its_answer() {
        let mut bytes = REQUEST;
        let (arp, rest) = Arp::read(&bytes).unwrap();
        assert!(rest.is_empty());
        assert_eq!(arp.operation, Operation::REQUEST);
        assert_eq!(arp.sender(), Ipv4Addr::new(192, 0, 2, 7));
        assert_eq!(arp.target(), Ipv4Addr::new(192, 0, 2, 1));
        let peer = Mac([0x52, 0x54, 0, 0x12, 0x34, 0x56]);
        let us = Mac([2, 0, 0, 0, 0, 1]);
        Arp::read_mut(&mut bytes).unwrap().0.answer(us);
        let reply = Arp::new(
            Operation::REPLY,
            (us, Ipv4Addr::new(192, 0, 2, 1)),
            (peer, Ipv4Addr::new(192, 0, 2, 7)),
        );
        assert_eq!(reply.as_bytes(), bytes);
    }

    #[test]
    fn what_is_not_about_ipv4_on_ethernet() {
        for (at, value, error) in [
            (1, 6, Malformed::Field),
            (2, 9, Malformed::Field),
            (4, 8, Malformed::Length),
            (5, 16, Malformed::Length),
        ] {
            let mut bytes = REQUEST;
            bytes[at] = value;
            assert_eq!(Arp::read(&bytes), Err(error));
            assert_eq!(Arp::read_mut(&mut bytes).err(), Some(error));
        }
        assert_eq!(Arp::read(&REQUEST[..27]), Err(Malformed::Truncated));
    }
}
