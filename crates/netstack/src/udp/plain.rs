//! The frame that nearly every datagram comes in: Ethernet without a tag, IPv4 without options or
//! IPv6 without extension headers, not a fragment, all of it in one page.
//!
//! One look at its first bytes tells where everything lies. Whatever does not look like that is
//! left to the views of each header; nothing is judged differently for being plain.

use packet::Packet;
use packet::checksum::Sum;
use packet::header::Protocol;
use packet::header::ethernet::Ethernet;
use packet::header::ipv4::Ipv4;
use packet::header::ipv6::Ipv6;
use packet::header::udp::Udp;

/// First byte of the IP header.
pub(crate) const IP: usize = Ethernet::LEN;
const UDP_V4: usize = IP + Ipv4::LEN;
const UDP_V6: usize = IP + Ipv6::LEN;
/// Bytes of all headers.
const HEADERS_V4: usize = UDP_V4 + Udp::LEN;
const HEADERS_V6: usize = UDP_V6 + Udp::LEN;
/// Up to so many bytes are summed right here; more are worth a call of the wide loop.
const SHORT: usize = 256;

/// A plain frame's shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plain {
    pub(crate) is_v4: bool,
    /// First byte of the UDP header.
    pub(crate) udp: usize,
    /// First byte behind the datagram; what follows is padding.
    pub(crate) end: usize,
}

/// What the four bytes from the `EtherType` on, and those from the fragment offset on, are in every
/// plain IPv4 frame, where the masks say: neither options nor a tag, not a fragment, UDP.
const KIND_V4: (u32, u32) = pattern([0x08, 0x00, 0x45, 0], [0xff, 0xff, 0xff, 0]);
const WHOLE_V4: (u32, u32) = pattern([0, 0, 0, Protocol::UDP.0], [0x3f, 0xff, 0, 0xff]);
/// The same for IPv6: from the `EtherType` on, and from the payload's length on.
const KIND_V6: (u32, u32) = pattern([0x86, 0xdd, 0x60, 0], [0xff, 0xff, 0xf0, 0]);
const NEXT_V6: (u32, u32) = pattern([0, 0, Protocol::UDP.0, 0], [0, 0, 0xff, 0]);

const fn pattern(value: [u8; 4], mask: [u8; 4]) -> (u32, u32) {
    (u32::from_ne_bytes(value), u32::from_ne_bytes(mask))
}

/// Whether the four bytes at a place are as the pattern says.
#[inline]
fn matches<const N: usize>(head: &[u8; N], at: usize, (value, mask): (u32, u32)) -> bool {
    let word = u32::from_ne_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    word & mask == value
}

#[inline]
fn number(high: u8, low: u8) -> usize {
    usize::from(u16::from_be_bytes([high, low]))
}

impl Plain {
    /// The shape of a packet, if it is plain. Lengths agree with each other and with the bytes;
    /// checksums and addresses are not looked at.
    #[inline]
    pub(crate) fn of(packet: &Packet) -> Option<Self> {
        let bytes = packet.bytes();
        let head = bytes.first_chunk::<HEADERS_V4>()?;
        let plain = if matches(head, 12, KIND_V4) {
            let (total, len) = (number(head[16], head[17]), number(head[38], head[39]));
            if !matches(head, 20, WHOLE_V4) || total != len + Ipv4::LEN {
                return None;
            }
            Self { is_v4: true, udp: UDP_V4, end: IP + total }
        } else {
            Self::of_v6(bytes)?
        };
        let possible = plain.end >= plain.udp + Udp::LEN
            && plain.end <= bytes.len()
            && packet.next().is_none();
        possible.then_some(plain)
    }

    #[inline]
    fn of_v6(bytes: &[u8]) -> Option<Self> {
        let head = bytes.first_chunk::<HEADERS_V6>()?;
        let (payload, len) = (number(head[18], head[19]), number(head[58], head[59]));
        let fits = matches(head, 12, KIND_V6) && matches(head, 18, NEXT_V6) && payload == len;
        fits.then_some(Self { is_v4: false, udp: UDP_V6, end: UDP_V6 + payload })
    }

    /// The sum over pseudo header, UDP header and payload, in 16 bits of the machine's byte order:
    /// all ones if the checksum among them is right. The addresses lie right in front of the UDP
    /// header, so all is summed in one go.
    #[inline]
    pub(crate) fn sum(&self, bytes: &[u8]) -> u16 {
        let addresses = if self.is_v4 { UDP_V4 - 8 } else { UDP_V6 - 32 };
        let len = ((self.end - self.udp) as u16).to_be();
        let rest = u64::from(len) + u64::from(u16::from(Protocol::UDP.0).to_be());
        let bytes = bytes.get(addresses..self.end).unwrap_or_default();
        if bytes.len() > SHORT {
            return fold(rest + u64::from(Sum::of(bytes).partial().to_be()));
        }
        let (pairs, _) = bytes.as_chunks::<16>();
        let mut sum = rest;
        for pair in pairs {
            let (first, second) = (pair.first_chunk().copied(), pair.last_chunk().copied());
            sum = wrapped(sum, u64::from_ne_bytes(first.unwrap_or_default()));
            sum = wrapped(sum, u64::from_ne_bytes(second.unwrap_or_default()));
        }
        // There are 16 bytes at least, so what is left is the end of the last eight, or these.
        let left = bytes.len() % 16;
        if left >= 8 {
            let whole = bytes.get(bytes.len() - left..).and_then(<[u8]>::first_chunk).copied();
            sum = wrapped(sum, u64::from_ne_bytes(whole.unwrap_or_default()));
        }
        let last = u64::from_le_bytes(bytes.last_chunk().copied().unwrap_or_default());
        // In two steps, for there may be nothing left, and all 64 bits to shift out.
        let half = 32 - 4 * (left as u32 % 8);
        fold(wrapped(sum, (last >> half >> half).to_le()))
    }

    /// Writes the sum of the pseudo header into the checksum field, for a device to complete.
    #[inline]
    pub(crate) fn set_pseudo_checksum(&self, bytes: &mut [u8]) {
        let addresses = if self.is_v4 { UDP_V4 - 8 } else { UDP_V6 - 32 };
        let mut sum = Sum::of(bytes.get(addresses..self.udp).unwrap_or_default());
        sum.add(&[0, Protocol::UDP.0]);
        sum.add(&((self.end - self.udp) as u16).to_be_bytes());
        if let Some(field) = bytes.get_mut(self.udp + 6..self.udp + 8) {
            field.copy_from_slice(&sum.partial().to_be_bytes());
        }
    }

    /// Computes the checksum and writes it into the header.
    #[inline]
    pub(crate) fn set_checksum(&self, bytes: &mut [u8]) {
        let field = self.udp + 6..self.udp + 8;
        if let Some(field) = bytes.get_mut(field.clone()) {
            field.fill(0);
        }
        // Zero would mean that there is none; all ones is the same.
        let checksum = match !self.sum(bytes) {
            0 => u16::MAX,
            checksum => checksum,
        };
        if let Some(field) = bytes.get_mut(field) {
            field.copy_from_slice(&checksum.to_ne_bytes());
        }
    }
}

/// The sum of an IPv4 header without options, in 16 bits of the machine's byte order: all ones if
/// its checksum is right.
#[inline]
pub(crate) fn header_sum(header: &[u8; Ipv4::LEN]) -> u16 {
    let word = |at: usize| {
        u64::from(u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]))
    };
    fold(word(0) + word(4) + word(8) + word(12) + word(16))
}

/// A sum whose carry is added to it.
#[inline]
const fn wrapped(sum: u64, word: u64) -> u64 {
    let (sum, carry) = sum.overflowing_add(word);
    sum + carry as u64
}

/// The sum of the four 16-bit words in a sum: halves are added to each other, crosswise, so that the
/// carry of the lower sum goes into the upper, which is then the one that counts.
#[inline]
const fn fold(sum: u64) -> u16 {
    let sum = (sum.wrapping_add(sum.rotate_left(32)) >> 32) as u32;
    (sum.wrapping_add(sum.rotate_left(16)) >> 16) as u16
}

/// Computes the checksum of an IPv4 header without options, and sets it.
#[inline]
pub(crate) fn set_header_checksum(header: &mut [u8; Ipv4::LEN]) {
    header[10..12].fill(0);
    let checksum = !header_sum(header);
    header[10..12].copy_from_slice(&checksum.to_ne_bytes());
}
