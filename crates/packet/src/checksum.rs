//! The Internet checksum: in full, over chains, incrementally, and as devices offload it.
//!
//! A [`Sum`] adds 16-bit words in ones' complement, in the machine's own byte order, which the
//! sum does not mind (RFC 1071); only what goes into a header or comes from there is turned.

mod words;

use crate::header::{Malformed, Protocol};
use crate::{Checksum, Packet};
use core::net::{Ipv4Addr, Ipv6Addr};

/// A sum of 16-bit words in ones' complement, on its way to being a checksum.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum {
    /// Far from overflowing: each addition brings 16 bits.
    total: u64,
    /// Whether an odd number of bytes was added so far.
    odd: bool,
}

impl Sum {
    /// Of nothing.
    #[inline]
    pub const fn new() -> Self {
        Self { total: 0, odd: false }
    }

    /// Of some bytes.
    #[inline]
    pub fn of(bytes: &[u8]) -> Self {
        let mut sum = Self::new();
        sum.add(bytes);
        sum
    }

    /// Of the pseudo header that protocols over IPv4 sum besides their own bytes.
    #[inline]
    pub fn pseudo_v4(
        source: Ipv4Addr,
        destination: Ipv4Addr,
        protocol: Protocol,
        length: usize,
    ) -> Self {
        let mut sum = Self::new();
        sum.add_numbers(&source.octets());
        sum.add_numbers(&destination.octets());
        sum.add_numbers(&[0, protocol.0]);
        sum.add_numbers(&(length as u32).to_be_bytes());
        sum
    }

    /// Of the pseudo header that protocols over IPv6 sum besides their own bytes.
    #[inline]
    pub fn pseudo_v6(
        source: Ipv6Addr,
        destination: Ipv6Addr,
        protocol: Protocol,
        length: usize,
    ) -> Self {
        let mut sum = Self::new();
        sum.add_numbers(&source.octets());
        sum.add_numbers(&destination.octets());
        sum.add_numbers(&[0, protocol.0]);
        sum.add_numbers(&(length as u32).to_be_bytes());
        sum
    }

    /// Adds whole 16-bit words, whatever was added before.
    #[inline]
    fn add_numbers<const N: usize>(&mut self, bytes: &[u8; N]) {
        for &word in bytes.as_chunks().0 {
            self.total += u64::from(u16::from_ne_bytes(word));
        }
    }

    /// Adds bytes that follow those added before.
    #[inline]
    pub fn add(&mut self, bytes: &[u8]) {
        let part = words::sum(bytes);
        self.total += u64::from(if self.odd { part.swap_bytes() } else { part });
        self.odd ^= bytes.len() % 2 == 1;
    }

    /// Adds `len` bytes of a chain from `offset` on; `false` if there are not that many (then
    /// those that are there were added).
    #[inline]
    pub fn add_chain(&mut self, packet: &Packet, offset: usize, len: usize) -> bool {
        let (mut skip, mut left) = (offset, len);
        for page in packet.pages() {
            let bytes = page.bytes().get(skip..).unwrap_or_default();
            skip = skip.saturating_sub(page.len());
            let bytes = &bytes[..left.min(bytes.len())];
            self.add(bytes);
            left -= bytes.len();
            if left == 0 {
                break;
            }
        }
        left == 0
    }

    /// The sum of both: of a pseudo header and what follows it. What was added to `self` must have
    /// been an even number of bytes.
    #[inline]
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { total: self.total + other.total, odd: other.odd }
    }

    /// The checksum: the complement of the sum, as the number to put into a header.
    #[inline]
    pub const fn checksum(self) -> u16 {
        !self.partial()
    }

    /// The checksum for UDP, in which 0 would mean that there is none: all ones instead, which is
    /// the same in ones' complement. (It is right for TCP and ICMP too.)
    #[inline]
    pub const fn udp_checksum(self) -> u16 {
        match self.checksum() {
            0 => 0xffff,
            checksum => checksum,
        }
    }

    /// The sum itself, as the number to put into a header that is left to a device to complete
    /// ([`Checksum::Partial`]): of the pseudo header only.
    #[inline]
    pub const fn partial(self) -> u16 {
        u16::from_be(words::fold(self.total))
    }

    /// Whether this, the sum of bytes with their checksum among them, says that all is well.
    #[inline]
    pub const fn is_right(self) -> bool {
        words::fold(self.total) == 0xffff
    }
}

/// What can be replaced under a checksum: numbers and addresses.
pub trait Summed: Copy {
    /// The sum of its 16-bit words, as they would be sent.
    fn words(self) -> u32;
}

impl Summed for u16 {
    #[inline]
    fn words(self) -> u32 {
        self.into()
    }
}

impl Summed for u32 {
    #[inline]
    fn words(self) -> u32 {
        (self >> 16) + (self & 0xffff)
    }
}

impl Summed for Ipv4Addr {
    #[inline]
    fn words(self) -> u32 {
        self.to_bits().words()
    }
}

impl Summed for Ipv6Addr {
    #[inline]
    fn words(self) -> u32 {
        self.segments().iter().map(|&word| u32::from(word)).sum()
    }
}

/// A header's checksum after `old`, a part of what it sums, is replaced by `new` (RFC 1624,
/// equation 3). For UDP: leave a checksum of 0 alone, and make 0 into all ones.
///
/// If nothing but zeros is left under the checksum the result is 0 and should be all ones: that
/// cannot be told from here. Where a pseudo header or a version is summed it cannot happen.
#[inline]
pub fn updated<T: Summed>(checksum: u16, old: T, new: T) -> u16 {
    // The complement of `old`, word for word: at most eight words of 0xffff each.
    let complement = 0x7_fff8 - old.words();
    !words::fold(u64::from(!checksum) + u64::from(complement) + u64::from(new.words()))
}

/// Does in software what a frame leaves to a device: completes [`Checksum::Partial`]. A frame
/// that leaves nothing stays as it is.
///
/// All ones stands for zero, as UDP wants it and everybody else allows.
pub fn complete(frame: &mut Packet) -> Result<(), Malformed> {
    let Checksum::Partial { start, offset } = frame.offload().checksum else { return Ok(()) };
    let (start, offset) = (usize::from(start), usize::from(offset));
    let left = frame.frame_len().checked_sub(start).ok_or(Malformed::Truncated)?;
    if left < offset + 2 {
        return Err(Malformed::Truncated);
    }
    let mut sum = Sum::new();
    sum.add_chain(frame, start, left);
    let [high, low] = sum.udp_checksum().to_be_bytes();
    write_byte(frame, start + offset, high);
    write_byte(frame, start + offset + 1, low);
    frame.offload_mut().checksum = Checksum::Unknown;
    Ok(())
}

/// Writes one byte of a chain; two neighbours may lie in two pages.
fn write_byte(frame: &mut Packet, offset: usize, value: u8) {
    let (mut page, mut offset) = (frame, offset);
    while offset >= page.len() {
        offset -= page.len();
        let Some(next) = page.next_mut() else { return };
        page = next;
    }
    if let Some(byte) = page.bytes_mut().get_mut(offset) {
        *byte = value;
    }
}

/// Whether `len` bytes of a received frame from `start` on, and their pseudo header, agree with
/// the checksum among them. Not looked at if a device vouches for it, or if the checksum is
/// still partial: then the frame never was on a wire that could have broken it.
///
/// UDP over IPv4 without a checksum (0 in the field) is for the caller to wave through.
#[inline]
pub fn verify(frame: &Packet, start: usize, len: usize, pseudo: Sum) -> Result<(), Malformed> {
    match frame.offload().checksum {
        Checksum::Verified | Checksum::Partial { .. } => Ok(()),
        Checksum::Unknown => {
            let mut sum = pseudo;
            if !sum.add_chain(frame, start, len) {
                return Err(Malformed::Truncated);
            }
            if sum.is_right() { Ok(()) } else { Err(Malformed::Checksum) }
        }
    }
}
