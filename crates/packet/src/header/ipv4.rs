//! IPv4, with options.

mod options;

pub use options::{Option, Options};

use super::{Malformed, Protocol};
use crate::checksum::Sum;
use core::net::Ipv4Addr;
use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

const DONT_FRAGMENT: u16 = 0x4000;
const MORE_FRAGMENTS: u16 = 0x2000;
const OFFSET: u16 = 0x1fff;

/// An IPv4 header, its options included.
#[derive(Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Ipv4 {
    version_and_length: u8,
    traffic_class: u8,
    total_length: U16,
    identification: U16,
    fragment: U16,
    ttl: u8,
    protocol: Protocol,
    checksum: U16,
    source: [u8; 4],
    destination: [u8; 4],
    options: [u8],
}

impl Ipv4 {
    /// Bytes in a header without options.
    pub const LEN: usize = 20;
    /// Most bytes of options.
    pub const MAX_OPTIONS: usize = 40;

    /// Checks what the first bytes say; gives the header's and the packet's length.
    #[inline]
    fn lengths(bytes: &[u8], whole: usize) -> Result<(usize, usize), Malformed> {
        let &[first, _, high, low, ..] = bytes else { return Err(Malformed::Truncated) };
        if first >> 4 != 4 {
            return Err(Malformed::Version);
        }
        let header = usize::from(first & 0x0f) * 4;
        let total = usize::from(u16::from_be_bytes([high, low]));
        if header < Self::LEN || total < header || total > whole {
            return Err(Malformed::Length);
        }
        Ok((header, total))
    }

    /// The header at the front of `bytes`, and the payload, without what is behind it (Ethernet's
    /// padding). The checksum is not looked at.
    #[inline]
    pub fn read(bytes: &[u8]) -> Result<(&Self, &[u8]), Malformed> {
        let (header, total) = Self::lengths(bytes, bytes.len())?;
        let bytes = bytes.get(..total).ok_or(Malformed::Length)?;
        Self::ref_from_prefix_with_elems(bytes, header - Self::LEN)
            .map_err(|_| Malformed::Truncated)
    }

    /// The header at the front of `bytes`, and the payload, to write.
    #[inline]
    pub fn read_mut(bytes: &mut [u8]) -> Result<(&mut Self, &mut [u8]), Malformed> {
        let (header, total) = Self::lengths(bytes, bytes.len())?;
        let bytes = bytes.get_mut(..total).ok_or(Malformed::Length)?;
        Self::mut_from_prefix_with_elems(bytes, header - Self::LEN)
            .map_err(|_| Malformed::Truncated)
    }

    /// The header at the front of `bytes`, which are the first of `whole` bytes (the rest lies in
    /// other pages), and how many bytes of payload there are.
    #[inline]
    pub fn read_start(bytes: &[u8], whole: usize) -> Result<(&Self, usize), Malformed> {
        let (header, total) = Self::lengths(bytes, whole)?;
        let (ip, _) = Self::ref_from_prefix_with_elems(bytes, header - Self::LEN)
            .map_err(|_| Malformed::Truncated)?;
        Ok((ip, total - header))
    }

    /// The header that an ICMP error quotes, and what is there of its payload: the total length
    /// may be more than the bytes.
    #[inline]
    pub fn read_quoted(bytes: &[u8]) -> Result<(&Self, &[u8]), Malformed> {
        let (header, total) = Self::lengths(bytes, usize::MAX)?;
        let bytes = &bytes[..total.min(bytes.len())];
        Self::ref_from_prefix_with_elems(bytes, header - Self::LEN)
            .map_err(|_| Malformed::Truncated)
    }

    /// A fresh header at the front of `bytes`, with room for `options` bytes of options, and what
    /// follows it. The packet ends with `bytes`; hop limit 64, may not be fragmented, all else
    /// zero: set the checksum last.
    #[inline]
    pub fn create(bytes: &mut [u8], options: usize) -> Result<(&mut Self, &mut [u8]), Malformed> {
        if options > Self::MAX_OPTIONS || !options.is_multiple_of(4) {
            return Err(Malformed::Length);
        }
        let total = u16::try_from(bytes.len()).unwrap_or(0);
        let (ip, rest) =
            Self::mut_from_prefix_with_elems(bytes, options).map_err(|_| Malformed::Truncated)?;
        ip.as_mut_bytes().fill(0);
        ip.version_and_length = 0x45 + (options / 4) as u8;
        ip.total_length.set(total);
        ip.fragment.set(DONT_FRAGMENT);
        ip.ttl = 64;
        Ok((ip, rest))
    }

    /// Bytes in this header, options included.
    #[inline]
    #[expect(clippy::len_without_is_empty, reason = "a header is never empty")]
    pub fn len(&self) -> usize {
        size_of_val(self)
    }

    /// Its options.
    #[inline]
    pub const fn options(&self) -> Options<'_> {
        Options::new(&self.options)
    }

    /// The bytes of its options.
    #[inline]
    pub const fn option_bytes(&self) -> &[u8] {
        &self.options
    }

    /// The bytes of its options, to write.
    #[inline]
    pub fn option_bytes_mut(&mut self) -> &mut [u8] {
        &mut self.options
    }

    /// Differentiated services code point, 6 bits.
    #[inline]
    pub const fn dscp(&self) -> u8 {
        self.traffic_class >> 2
    }

    /// Explicit congestion notification, 2 bits.
    #[inline]
    pub const fn ecn(&self) -> u8 {
        self.traffic_class & 3
    }

    /// Bytes of header and payload.
    #[inline]
    pub const fn total_length(&self) -> u16 {
        self.total_length.get()
    }

    /// What the fragments of one packet have in common.
    #[inline]
    pub const fn identification(&self) -> u16 {
        self.identification.get()
    }

    /// Whether routers must not fragment it.
    #[inline]
    pub const fn dont_fragment(&self) -> bool {
        self.fragment.get() & DONT_FRAGMENT != 0
    }

    /// Whether more fragments follow.
    #[inline]
    pub const fn more_fragments(&self) -> bool {
        self.fragment.get() & MORE_FRAGMENTS != 0
    }

    /// Where in the whole packet's payload this fragment's payload lies, in bytes.
    #[inline]
    pub const fn fragment_offset(&self) -> usize {
        (self.fragment.get() & OFFSET) as usize * 8
    }

    /// Whether it is a part of a packet only.
    #[inline]
    pub const fn is_fragment(&self) -> bool {
        self.fragment.get() & (MORE_FRAGMENTS | OFFSET) != 0
    }

    /// Hops it may still make.
    #[inline]
    pub const fn ttl(&self) -> u8 {
        self.ttl
    }

    /// What it carries.
    #[inline]
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Checksum of the header.
    #[inline]
    pub const fn checksum(&self) -> u16 {
        self.checksum.get()
    }

    /// From whom.
    #[inline]
    pub const fn source(&self) -> Ipv4Addr {
        Ipv4Addr::from_octets(self.source)
    }

    /// To whom.
    #[inline]
    pub const fn destination(&self) -> Ipv4Addr {
        Ipv4Addr::from_octets(self.destination)
    }

    /// Sets the differentiated services code point; 6 bits count.
    #[inline]
    pub fn set_dscp(&mut self, dscp: u8) {
        self.traffic_class = dscp << 2 | self.ecn();
    }

    /// Sets explicit congestion notification; 2 bits count.
    #[inline]
    pub fn set_ecn(&mut self, ecn: u8) {
        self.traffic_class = self.traffic_class & !3 | ecn & 3;
    }

    /// Sets the bytes of header and payload.
    #[inline]
    pub fn set_total_length(&mut self, length: u16) {
        self.total_length.set(length);
    }

    /// Sets what the fragments of one packet have in common.
    #[inline]
    pub fn set_identification(&mut self, identification: u16) {
        self.identification.set(identification);
    }

    /// Says whether routers must not fragment it.
    #[inline]
    pub fn set_dont_fragment(&mut self, dont: bool) {
        let rest = self.fragment.get() & !DONT_FRAGMENT;
        self.fragment.set(if dont { rest | DONT_FRAGMENT } else { rest });
    }

    /// Says whether more fragments follow.
    #[inline]
    pub fn set_more_fragments(&mut self, more: bool) {
        let rest = self.fragment.get() & !MORE_FRAGMENTS;
        self.fragment.set(if more { rest | MORE_FRAGMENTS } else { rest });
    }

    /// Sets where this fragment's payload lies: bytes, rounded down to a multiple of 8.
    #[inline]
    pub fn set_fragment_offset(&mut self, bytes: usize) {
        self.fragment.set(self.fragment.get() & !OFFSET | (bytes / 8) as u16 & OFFSET);
    }

    /// Sets the hops it may still make.
    #[inline]
    pub fn set_ttl(&mut self, ttl: u8) {
        self.ttl = ttl;
    }

    /// Sets what it carries.
    #[inline]
    pub fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }

    /// Sets the checksum to a known value; [`Ipv4::update_checksum`] computes it.
    #[inline]
    pub fn set_checksum(&mut self, checksum: u16) {
        self.checksum.set(checksum);
    }

    /// Sets from whom.
    #[inline]
    pub fn set_source(&mut self, address: Ipv4Addr) {
        self.source = address.octets();
    }

    /// Sets to whom.
    #[inline]
    pub fn set_destination(&mut self, address: Ipv4Addr) {
        self.destination = address.octets();
    }

    /// Whether the header's checksum is right.
    #[inline]
    pub fn has_right_checksum(&self) -> bool {
        Sum::of(self.as_bytes()).is_right()
    }

    /// Computes the header's checksum and sets it.
    #[inline]
    pub fn update_checksum(&mut self) {
        self.checksum.set(0);
        self.checksum.set(Sum::of(self.as_bytes()).checksum());
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
    /// An echo request from 10.0.0.1 to 10.0.0.2 as Linux's ping sends it, cut to no payload, with
    /// two bytes of padding behind.
    const PACKET: [u8; 30] = *b"\x45\x00\x00\x1c\x12\x34\x40\x00\x40\x01\x14\xab\
        \x0a\x00\x00\x01\x0a\x00\x00\x02\x08\x00\xf7\xfe\x00\x01\x00\x00\x00\x00";

    #[test]
    fn a_packet_of_ping() {
        let (ip, payload) = Ipv4::read(&PACKET).unwrap();
        assert_eq!(payload, &PACKET[20..28]);
        assert_eq!((ip.len(), ip.total_length()), (20, 28));
        assert_eq!((ip.dscp(), ip.ecn(), ip.ttl()), (0, 0, 64));
        assert_eq!((ip.identification(), ip.fragment_offset()), (0x1234, 0));
        assert!(ip.dont_fragment() && !ip.more_fragments() && !ip.is_fragment());
        assert_eq!(ip.protocol(), Protocol::ICMPV4);
        assert_eq!(ip.source(), Ipv4Addr::new(10, 0, 0, 1));
        assert_eq!(ip.destination(), Ipv4Addr::new(10, 0, 0, 2));
        assert!(ip.has_right_checksum());
        assert_eq!(Ipv4::read_start(&PACKET[..22], 28).unwrap().1, 8);
        assert_eq!(Ipv4::read_start(&PACKET[..22], 27), Err(Malformed::Length));
        assert_eq!(Ipv4::read_quoted(&PACKET[..24]).unwrap().1, &PACKET[20..24]);
    }

    #[test]
    fn writing_it_anew_gives_the_same_bytes() {
        let mut bytes = [0xaa; 28];
        let (ip, _) = Ipv4::create(&mut bytes, 0).unwrap();
        ip.set_identification(0x1234);
        ip.set_protocol(Protocol::ICMPV4);
        ip.set_source(Ipv4Addr::new(10, 0, 0, 1));
        ip.set_destination(Ipv4Addr::new(10, 0, 0, 2));
        ip.update_checksum();
        assert_eq!(bytes[..20], PACKET[..20]);
        let (ip, _) = Ipv4::read_mut(&mut bytes).unwrap();
        ip.flip();
        assert_eq!(ip.source(), Ipv4Addr::new(10, 0, 0, 2));
        assert!(ip.has_right_checksum());
        ip.set_ttl(63);
        assert!(!ip.has_right_checksum());
    }

    #[test]
    fn bits_do_not_spill_into_their_neighbours() {
        let mut bytes = [0; 20];
        let (ip, _) = Ipv4::create(&mut bytes, 0).unwrap();
        ip.set_dscp(0xff);
        ip.set_ecn(0);
        assert_eq!((ip.dscp(), ip.ecn()), (63, 0));
        ip.set_ecn(0xff);
        ip.set_dscp(0);
        assert_eq!((ip.dscp(), ip.ecn()), (0, 3));
        ip.set_fragment_offset(65_535);
        ip.set_dont_fragment(false);
        assert_eq!(ip.fragment_offset(), 65_528);
        assert!(!ip.more_fragments() && ip.is_fragment());
        ip.set_more_fragments(true);
        ip.set_fragment_offset(0);
        assert!(ip.more_fragments() && ip.is_fragment() && !ip.dont_fragment());
    }

    #[test]
    fn options_are_read_one_by_one() {
        let mut bytes = [0; 32];
        let (ip, _) = Ipv4::create(&mut bytes, 12).unwrap();
        ip.option_bytes_mut().copy_from_slice(&[1, 148, 4, 0, 0, 7, 3, 4, 1, 0, 9, 9]);
        let (ip, rest) = Ipv4::read(&bytes).unwrap();
        assert_eq!((ip.len(), rest.len()), (32, 0));
        let options = ip.options().map(Result::unwrap).collect::<alloc::vec::Vec<_>>();
        assert_eq!(options[0], Option { kind: Option::ROUTER_ALERT, data: &[0, 0] });
        assert_eq!(options[1], Option { kind: Option::RECORD_ROUTE, data: &[4] });
        assert!(options[0].is_copied() && !options[1].is_copied());
        assert_eq!(options.len(), 2);
        for broken in [[7, 0, 0, 0], [7, 1, 0, 0], [7, 5, 0, 0], [1, 1, 1, 7]] {
            let mut options = Options::new(&broken);
            assert_eq!(options.next(), Some(Err(Malformed::Length)));
            assert_eq!(options.next(), None);
        }
    }

    #[test]
    fn what_cannot_be() {
        let broken = |at: usize, value: u8| {
            let mut bytes = PACKET;
            bytes[at] = value;
            Ipv4::read(&bytes).err()
        };
        assert_eq!(broken(0, 0x65), Some(Malformed::Version));
        assert_eq!(broken(0, 0x44), Some(Malformed::Length));
        assert_eq!(broken(0, 0x4f), Some(Malformed::Length));
        assert_eq!(broken(3, 19), Some(Malformed::Length));
        assert_eq!(broken(3, 31), Some(Malformed::Length));
        assert_eq!(broken(3, 30), None);
        assert_eq!(Ipv4::read(&PACKET[..3]), Err(Malformed::Truncated));
        assert_eq!(Ipv4::read(&PACKET[..19]), Err(Malformed::Length));
        assert_eq!(Ipv4::read_quoted(&PACKET[..19]), Err(Malformed::Truncated));
        assert_eq!(Ipv4::create(&mut [0; 60], 41).err(), Some(Malformed::Length));
        assert_eq!(Ipv4::create(&mut [0; 60], 44).err(), Some(Malformed::Length));
        assert_eq!(Ipv4::create(&mut [0; 30], 12).err(), Some(Malformed::Truncated));
    }
}
