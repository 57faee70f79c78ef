//! IPv6: the fixed header; its extension headers are in [`extension`].

pub mod extension;

use super::{Malformed, Protocol};
use core::net::Ipv6Addr;
use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// An IPv6 header.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct Ipv6 {
    version_class_flow: U32,
    payload_length: U16,
    next_header: Protocol,
    hop_limit: u8,
    source: [u8; 16],
    destination: [u8; 16],
}

impl Ipv6 {
    /// Bytes in the header.
    pub const LEN: usize = size_of::<Self>();
    /// Where the next header's number lies, counted from the first byte.
    pub const NEXT_HEADER_OFFSET: usize = 6;
    /// What every link must carry in one piece.
    pub const MINIMUM_MTU: usize = 1280;

    /// A header with hop limit 64, all else zero.
    #[inline]
    pub const fn new(
        source: Ipv6Addr,
        destination: Ipv6Addr,
        next_header: Protocol,
        payload: u16,
    ) -> Self {
        Self {
            version_class_flow: U32::new(6 << 28),
            payload_length: U16::new(payload),
            next_header,
            hop_limit: 64,
            source: source.octets(),
            destination: destination.octets(),
        }
    }

    /// Checks what must hold; gives the payload's length.
    #[inline]
    fn check(&self, available: usize) -> Result<usize, Malformed> {
        if self.version_class_flow.get() >> 28 != 6 {
            return Err(Malformed::Version);
        }
        let length = usize::from(self.payload_length());
        if length > available { Err(Malformed::Length) } else { Ok(length) }
    }

    /// The header at the front of `bytes`, and the payload (extension headers first), without
    /// what is behind it.
    #[inline]
    pub fn read(bytes: &[u8]) -> Result<(&Self, &[u8]), Malformed> {
        let (ip, rest) = Self::ref_from_prefix(bytes).map_err(|_| Malformed::Truncated)?;
        let length = ip.check(rest.len())?;
        Ok((ip, rest.get(..length).ok_or(Malformed::Length)?))
    }

    /// The header at the front of `bytes`, and the payload, to write.
    #[inline]
    pub fn read_mut(bytes: &mut [u8]) -> Result<(&mut Self, &mut [u8]), Malformed> {
        let (ip, rest) = Self::mut_from_prefix(bytes).map_err(|_| Malformed::Truncated)?;
        let length = ip.check(rest.len())?;
        Ok((ip, rest.get_mut(..length).ok_or(Malformed::Length)?))
    }

    /// The header at the front of `bytes`, which are the first of `whole` bytes (the rest lies in
    /// other pages), and how many bytes of payload there are.
    #[inline]
    pub fn read_start(bytes: &[u8], whole: usize) -> Result<(&Self, usize), Malformed> {
        let (ip, _) = Self::ref_from_prefix(bytes).map_err(|_| Malformed::Truncated)?;
        let length = ip.check(whole.saturating_sub(Self::LEN))?;
        Ok((ip, length))
    }

    /// The header that an ICMP error quotes, and what is there of its payload: the payload length
    /// may be more than the bytes.
    #[inline]
    pub fn read_quoted(bytes: &[u8]) -> Result<(&Self, &[u8]), Malformed> {
        let (ip, rest) = Self::ref_from_prefix(bytes).map_err(|_| Malformed::Truncated)?;
        let length = ip.check(usize::MAX)?;
        Ok((ip, &rest[..length.min(rest.len())]))
    }

    /// The bytes at the front of `bytes` as a header, to be written for the first time, and what
    /// follows; no field is looked at.
    #[inline]
    pub fn create(bytes: &mut [u8]) -> Result<(&mut Self, &mut [u8]), Malformed> {
        Self::mut_from_prefix(bytes).map_err(|_| Malformed::Truncated)
    }

    /// Differentiated services code point, 6 bits.
    #[inline]
    pub const fn dscp(&self) -> u8 {
        (self.version_class_flow.get() >> 22) as u8 & 0x3f
    }

    /// Explicit congestion notification, 2 bits.
    #[inline]
    pub const fn ecn(&self) -> u8 {
        (self.version_class_flow.get() >> 20) as u8 & 3
    }

    /// Flow label, 20 bits.
    #[inline]
    pub const fn flow_label(&self) -> u32 {
        self.version_class_flow.get() & 0x000f_ffff
    }

    /// Bytes behind this header, extension headers included.
    #[inline]
    pub const fn payload_length(&self) -> u16 {
        self.payload_length.get()
    }

    /// What follows this header.
    #[inline]
    pub const fn next_header(&self) -> Protocol {
        self.next_header
    }

    /// Hops it may still make.
    #[inline]
    pub const fn hop_limit(&self) -> u8 {
        self.hop_limit
    }

    /// From whom.
    #[inline]
    pub const fn source(&self) -> Ipv6Addr {
        Ipv6Addr::from_octets(self.source)
    }

    /// To whom.
    #[inline]
    pub const fn destination(&self) -> Ipv6Addr {
        Ipv6Addr::from_octets(self.destination)
    }

    /// Sets the differentiated services code point; 6 bits count.
    #[inline]
    pub fn set_dscp(&mut self, dscp: u8) {
        let rest = self.version_class_flow.get() & !(0x3f << 22);
        self.version_class_flow.set(rest | u32::from(dscp & 0x3f) << 22);
    }

    /// Sets explicit congestion notification; 2 bits count.
    #[inline]
    pub fn set_ecn(&mut self, ecn: u8) {
        let rest = self.version_class_flow.get() & !(3 << 20);
        self.version_class_flow.set(rest | u32::from(ecn & 3) << 20);
    }

    /// Sets the flow label; 20 bits count.
    #[inline]
    pub fn set_flow_label(&mut self, label: u32) {
        let rest = self.version_class_flow.get() & !0x000f_ffff;
        self.version_class_flow.set(rest | label & 0x000f_ffff);
    }

    /// Sets the bytes behind this header.
    #[inline]
    pub fn set_payload_length(&mut self, length: u16) {
        self.payload_length.set(length);
    }

    /// Sets what follows this header.
    #[inline]
    pub fn set_next_header(&mut self, protocol: Protocol) {
        self.next_header = protocol;
    }

    /// Sets the hops it may still make.
    #[inline]
    pub fn set_hop_limit(&mut self, hops: u8) {
        self.hop_limit = hops;
    }

    /// Sets from whom.
    #[inline]
    pub fn set_source(&mut self, address: Ipv6Addr) {
        self.source = address.octets();
    }

    /// Sets to whom.
    #[inline]
    pub fn set_destination(&mut self, address: Ipv6Addr) {
        self.destination = address.octets();
    }

    /// Makes the packet go back to where it came from. All checksums stay right.
    #[inline]
    pub fn flip(&mut self) {
        core::mem::swap(&mut self.source, &mut self.destination);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    /// The beginning of a router solicitation, with two bytes of padding behind.
    const PACKET: [u8; 50] = *b"\x60\x00\x00\x00\x00\x08\x3a\xff\
        \xfe\x80\x00\x00\x00\x00\x00\x00\x50\x54\x00\xff\xfe\x12\x34\x56\
        \xff\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\
        \x85\x00\x7b\x37\x00\x00\x00\x00\x00\x00";

    #[test]
    fn a_solicitation() {
        let (ip, payload) = Ipv6::read(&PACKET).unwrap();
        assert_eq!(payload, &PACKET[40..48]);
        assert_eq!((ip.payload_length(), ip.hop_limit()), (8, 255));
        assert_eq!((ip.dscp(), ip.ecn(), ip.flow_label()), (0, 0, 0));
        assert_eq!(ip.next_header(), Protocol::ICMPV6);
        let source: Ipv6Addr = "fe80::5054:ff:fe12:3456".parse().unwrap();
        let destination: Ipv6Addr = "ff02::2".parse().unwrap();
        assert_eq!((ip.source(), ip.destination()), (source, destination));
        let mut new = Ipv6::new(source, destination, Protocol::ICMPV6, 8);
        new.set_hop_limit(255);
        assert_eq!(new.as_bytes(), &PACKET[..40]);
        new.flip();
        assert_eq!((new.source(), new.destination()), (destination, source));
        assert_eq!(Ipv6::read_start(&PACKET[..40], 48).unwrap().1, 8);
        assert_eq!(Ipv6::read_start(&PACKET[..40], 47), Err(Malformed::Length));
        assert_eq!(Ipv6::read_quoted(&PACKET[..44]).unwrap().1, &PACKET[40..44]);
    }

    #[test]
    fn bits_do_not_spill_into_their_neighbours() {
        let mut bytes = PACKET;
        let (ip, _) = Ipv6::read_mut(&mut bytes).unwrap();
        ip.set_dscp(0xff);
        assert_eq!((ip.dscp(), ip.ecn(), ip.flow_label()), (63, 0, 0));
        ip.set_ecn(0xfe);
        ip.set_flow_label(0xffff_ffff);
        ip.set_dscp(0);
        assert_eq!((ip.dscp(), ip.ecn(), ip.flow_label()), (0, 2, 0xf_ffff));
        assert_eq!(bytes[..4], [0x60, 0x2f, 0xff, 0xff]);
    }

    #[test]
    fn what_cannot_be() {
        let mut bytes = PACKET;
        bytes[0] = 0x45;
        assert_eq!(Ipv6::read(&bytes), Err(Malformed::Version));
        bytes = PACKET;
        bytes[5] = 11;
        assert_eq!(Ipv6::read(&bytes), Err(Malformed::Length));
        assert_eq!(Ipv6::read_mut(&mut bytes).err(), Some(Malformed::Length));
        assert_eq!(Ipv6::read(&PACKET[..39]), Err(Malformed::Truncated));
    }
}
