//! UDP.

use super::Malformed;
use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A UDP header.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct Udp {
    source: U16,
    destination: U16,
    length: U16,
    checksum: U16,
}

impl Udp {
    /// Bytes in the header.
    pub const LEN: usize = size_of::<Self>();

    /// The header of a datagram with `payload` bytes; without a checksum.
    ///
    /// A datagram too large to say its length (an offload unit) says 0, as RFC 2675 has it.
    #[inline]
    pub const fn new(source: u16, destination: u16, payload: usize) -> Self {
        let length = if payload > 0xffff - Self::LEN { 0 } else { payload + Self::LEN };
        Self {
            source: U16::new(source),
            destination: U16::new(destination),
            length: U16::new(length as u16),
            checksum: U16::ZERO,
        }
    }

    /// The header at the front of `bytes`, and the payload, without what is behind it.
    #[inline]
    pub fn read(bytes: &[u8]) -> Result<(&Self, &[u8]), Malformed> {
        let (udp, rest) = Self::ref_from_prefix(bytes).map_err(|_| Malformed::Truncated)?;
        let length = usize::from(udp.length()).checked_sub(Self::LEN).ok_or(Malformed::Length)?;
        Ok((udp, rest.get(..length).ok_or(Malformed::Length)?))
    }

    /// The header at the front of `bytes`, and the payload, to write.
    #[inline]
    pub fn read_mut(bytes: &mut [u8]) -> Result<(&mut Self, &mut [u8]), Malformed> {
        let (udp, rest) = Self::mut_from_prefix(bytes).map_err(|_| Malformed::Truncated)?;
        let length = usize::from(udp.length()).checked_sub(Self::LEN).ok_or(Malformed::Length)?;
        Ok((udp, rest.get_mut(..length).ok_or(Malformed::Length)?))
    }

    /// The header at the front of `bytes`, which are the first of `whole` bytes (the rest lies in
    /// other pages), and how many bytes of payload there are.
    #[inline]
    pub fn read_start(bytes: &[u8], whole: usize) -> Result<(&Self, usize), Malformed> {
        let (udp, _) = Self::ref_from_prefix(bytes).map_err(|_| Malformed::Truncated)?;
        let length = usize::from(udp.length());
        if length < Self::LEN || length > whole {
            return Err(Malformed::Length);
        }
        Ok((udp, length - Self::LEN))
    }

    /// The header at the front of `bytes` and what follows, to write, with no field looked at:
    /// for a header that was read before, or is written for the first time.
    #[inline]
    pub fn create(bytes: &mut [u8]) -> Result<(&mut Self, &mut [u8]), Malformed> {
        Self::mut_from_prefix(bytes).map_err(|_| Malformed::Truncated)
    }

    /// Port it comes from; 0 if no answer is wanted.
    #[inline]
    pub const fn source(&self) -> u16 {
        self.source.get()
    }

    /// Port it goes to.
    #[inline]
    pub const fn destination(&self) -> u16 {
        self.destination.get()
    }

    /// Bytes of header and payload.
    #[inline]
    pub const fn length(&self) -> u16 {
        self.length.get()
    }

    /// The checksum; 0 is none.
    #[inline]
    pub const fn checksum(&self) -> u16 {
        self.checksum.get()
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

    /// Sets the bytes of header and payload.
    #[inline]
    pub fn set_length(&mut self, length: u16) {
        self.length.set(length);
    }

    /// Sets the checksum.
    #[inline]
    pub fn set_checksum(&mut self, checksum: u16) {
        self.checksum.set(checksum);
    }

    /// Makes the datagram go back to where it came from. The checksum stays right.
    #[inline]
    pub fn flip(&mut self) {
        core::mem::swap(&mut self.source, &mut self.destination);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn a_query() {
        let mut bytes = *b"\xd4\x31\x00\x35\x00\x0b\x12\x34abc\x00";
        let (udp, payload) = Udp::read(&bytes).unwrap();
        assert_eq!((udp.source(), udp.destination()), (54_321, 53));
        assert_eq!((udp.length(), udp.checksum()), (11, 0x1234));
        assert_eq!(payload, b"abc");
        let mut new = Udp::new(54_321, 53, 3);
        new.set_checksum(0x1234);
        assert_eq!(new.as_bytes(), &bytes[..8]);
        let (udp, _) = Udp::read_mut(&mut bytes).unwrap();
        udp.flip();
        assert_eq!((udp.source(), udp.destination()), (53, 54_321));
        assert_eq!(Udp::read_start(&bytes[..8], 11).unwrap().1, 3);
        assert_eq!(Udp::read_start(&bytes[..8], 10), Err(Malformed::Length));
        assert_eq!(Udp::new(1, 2, 65_527).length(), 65_535);
        assert_eq!(Udp::new(1, 2, 65_528).length(), 0);
    }

    #[test]
    fn what_cannot_be() {
        for length in [0, 7, 5] {
            let bytes = [0, 1, 0, 2, 0, length, 0, 0, 1, 2, 3];
            assert_eq!(Udp::read(&bytes), Err(Malformed::Length));
            assert_eq!(Udp::read_start(&bytes, 11), Err(Malformed::Length));
        }
        assert_eq!(Udp::read(&[0, 1, 0, 2, 0, 12, 0, 0, 1, 2, 3]), Err(Malformed::Length));
        assert_eq!(Udp::read(&[0; 7]), Err(Malformed::Truncated));
    }
}
