//! TCP, with options.

mod options;

pub use options::{Options, SackBlocks, TcpOption, Writer};

use super::Malformed;
use core::fmt;
use core::ops::{BitOr, BitOrAssign};
use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The flags of a segment.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Flags(pub u16);

impl Flags {
    /// The sender has no more to send.
    pub const FIN: Self = Self(0x01);
    /// Sequence numbers begin here.
    pub const SYN: Self = Self(0x02);
    /// The connection is no more.
    pub const RST: Self = Self(0x04);
    /// Hand over what there is.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgement number means something.
    pub const ACK: Self = Self(0x10);
    /// The urgent pointer means something.
    pub const URG: Self = Self(0x20);
    /// Congestion was seen.
    pub const ECE: Self = Self(0x40);
    /// The congestion window was reduced.
    pub const CWR: Self = Self(0x80);
    /// Accurate ECN.
    pub const AE: Self = Self(0x100);

    /// Whether all of `flags` are set.
    #[inline]
    pub const fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// Whether any of `flags` is set.
    #[inline]
    pub const fn intersects(self, flags: Self) -> bool {
        self.0 & flags.0 != 0
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Flags {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE"];
        let mut between = "";
        f.write_str("Flags(")?;
        for (bit, name) in names.iter().enumerate() {
            if self.0 >> bit & 1 == 1 {
                write!(f, "{between}{name}")?;
                between = " ";
            }
        }
        f.write_str(")")
    }
}

/// A TCP header, its options included.
#[derive(Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Tcp {
    source: U16,
    destination: U16,
    sequence: U32,
    acknowledgement: U32,
    /// Four bits of length, three of nothing, nine of flags.
    length_and_flags: U16,
    window: U16,
    checksum: U16,
    urgent: U16,
    options: [u8],
}

impl Tcp {
    /// Bytes in a header without options.
    pub const LEN: usize = 20;
    /// Most bytes of options.
    pub const MAX_OPTIONS: usize = 40;

    #[inline]
    fn option_len(bytes: &[u8]) -> Result<usize, Malformed> {
        let length = bytes.get(12).ok_or(Malformed::Truncated)? >> 4;
        (usize::from(length) * 4).checked_sub(Self::LEN).ok_or(Malformed::Length)
    }

    /// The header at the front of `bytes`, and the payload. The checksum is not looked at.
    #[inline]
    pub fn read(bytes: &[u8]) -> Result<(&Self, &[u8]), Malformed> {
        let options = Self::option_len(bytes)?;
        Self::ref_from_prefix_with_elems(bytes, options).map_err(|_| Malformed::Truncated)
    }

    /// The header at the front of `bytes`, and the payload, to write.
    #[inline]
    pub fn read_mut(bytes: &mut [u8]) -> Result<(&mut Self, &mut [u8]), Malformed> {
        let options = Self::option_len(bytes)?;
        Self::mut_from_prefix_with_elems(bytes, options).map_err(|_| Malformed::Truncated)
    }

    /// A fresh header at the front of `bytes`, with room for `options` bytes of options, all zero,
    /// and what follows it.
    #[inline]
    pub fn create(bytes: &mut [u8], options: usize) -> Result<(&mut Self, &mut [u8]), Malformed> {
        if options > Self::MAX_OPTIONS || !options.is_multiple_of(4) {
            return Err(Malformed::Length);
        }
        let (tcp, rest) =
            Self::mut_from_prefix_with_elems(bytes, options).map_err(|_| Malformed::Truncated)?;
        tcp.as_mut_bytes().fill(0);
        tcp.length_and_flags.set(((Self::LEN + options) as u16 / 4) << 12);
        Ok((tcp, rest))
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

    /// The bytes of its options, to write; see [`Writer`].
    #[inline]
    pub fn option_bytes_mut(&mut self) -> &mut [u8] {
        &mut self.options
    }

    /// Port it comes from.
    #[inline]
    pub const fn source(&self) -> u16 {
        self.source.get()
    }

    /// Port it goes to.
    #[inline]
    pub const fn destination(&self) -> u16 {
        self.destination.get()
    }

    /// Sequence number of the first byte.
    #[inline]
    pub const fn sequence(&self) -> u32 {
        self.sequence.get()
    }

    /// Sequence number that is expected next.
    #[inline]
    pub const fn acknowledgement(&self) -> u32 {
        self.acknowledgement.get()
    }

    /// The flags.
    #[inline]
    pub const fn flags(&self) -> Flags {
        Flags(self.length_and_flags.get() & 0x1ff)
    }

    /// The window, not scaled.
    #[inline]
    pub const fn window(&self) -> u16 {
        self.window.get()
    }

    /// The checksum.
    #[inline]
    pub const fn checksum(&self) -> u16 {
        self.checksum.get()
    }

    /// The urgent pointer.
    #[inline]
    pub const fn urgent(&self) -> u16 {
        self.urgent.get()
    }

    /// Sets the port it comes from.
    #[inline]
    pub fn set_source(&mut self, port: u16) {
        self.source.set(port);
    }

    /// Sets the port it goes to.
    #[inline]
    pub fn set_destination(&mut self, port: u16) {
        self.destination.set(port);
    }

    /// Sets the sequence number of the first byte.
    #[inline]
    pub fn set_sequence(&mut self, number: u32) {
        self.sequence.set(number);
    }

    /// Sets the sequence number that is expected next.
    #[inline]
    pub fn set_acknowledgement(&mut self, number: u32) {
        self.acknowledgement.set(number);
    }

    /// Sets the flags.
    #[inline]
    pub fn set_flags(&mut self, flags: Flags) {
        self.length_and_flags.set(self.length_and_flags.get() & !0x1ff | flags.0 & 0x1ff);
    }

    /// Sets the window, not scaled.
    #[inline]
    pub fn set_window(&mut self, window: u16) {
        self.window.set(window);
    }

    /// Sets the checksum.
    #[inline]
    pub fn set_checksum(&mut self, checksum: u16) {
        self.checksum.set(checksum);
    }

    /// Sets the urgent pointer.
    #[inline]
    pub fn set_urgent(&mut self, pointer: u16) {
        self.urgent.set(pointer);
    }

    /// Makes the segment go back to where it came from. The checksum stays right.
    #[inline]
    pub fn flip(&mut self) {
        core::mem::swap(&mut self.source, &mut self.destination);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    /// A SYN as Linux sends it.
    const SYN: [u8; 40] = *b"\xc0\x15\x00\x50\x6b\x2f\xa1\x09\x00\x00\x00\x00\xa0\x02\xfa\xf0\
        \xfe\x30\x00\x00\x02\x04\x05\xb4\x04\x02\x08\x0a\x9b\x5e\x1d\x00\x00\x00\x00\x00\
        \x01\x03\x03\x07";

    #[test]
    fn a_syn() {
        let (tcp, payload) = Tcp::read(&SYN).unwrap();
        assert!(payload.is_empty());
        assert_eq!((tcp.source(), tcp.destination()), (49_173, 80));
        assert_eq!((tcp.sequence(), tcp.acknowledgement()), (0x6b2f_a109, 0));
        assert_eq!(tcp.flags(), Flags::SYN);
        assert_eq!((tcp.window(), tcp.checksum(), tcp.urgent()), (64_240, 0xfe30, 0));
        let options = tcp.options().map(Result::unwrap).collect::<alloc::vec::Vec<_>>();
        assert_eq!(
            options,
            [
                TcpOption::MaximumSegment(1460),
                TcpOption::SackPermitted,
                TcpOption::Timestamps { value: 0x9b5e_1d00, echo: 0 },
                TcpOption::WindowScale(7),
            ]
        );
    }

    #[test]
    fn writing_it_anew_gives_the_same_header() {
        let mut bytes = [0xaa; 41];
        let (tcp, rest) = Tcp::create(&mut bytes, 20).unwrap();
        assert_eq!(rest, [0xaa]);
        tcp.option_bytes_mut().copy_from_slice(&SYN[20..]);
        tcp.set_source(49_173);
        tcp.set_destination(80);
        tcp.set_sequence(0x6b2f_a109);
        tcp.set_flags(Flags::SYN);
        tcp.set_window(64_240);
        tcp.set_checksum(0xfe30);
        assert_eq!(bytes[..40], SYN);
        let (tcp, _) = Tcp::read_mut(&mut bytes).unwrap();
        tcp.set_acknowledgement(7);
        tcp.set_urgent(8);
        tcp.set_flags(Flags(0xffff));
        tcp.flip();
        assert_eq!((tcp.source(), tcp.acknowledgement(), tcp.urgent()), (80, 7, 8));
        assert_eq!((tcp.flags(), tcp.len()), (Flags(0x1ff), 40));
        assert!(tcp.flags().contains(Flags::SYN | Flags::ACK));
        assert_eq!(alloc::format!("{:?}", Flags::SYN | Flags::ACK), "Flags(SYN ACK)");
    }

    #[test]
    fn what_cannot_be() {
        let mut bytes = SYN;
        bytes[12] = 0x40;
        assert_eq!(Tcp::read(&bytes), Err(Malformed::Length));
        bytes[12] = 0xb0;
        assert_eq!(Tcp::read(&bytes), Err(Malformed::Truncated));
        assert_eq!(Tcp::read(&SYN[..12]), Err(Malformed::Truncated));
        assert_eq!(Tcp::create(&mut bytes, 44).err(), Some(Malformed::Length));
    }
}
