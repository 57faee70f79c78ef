//! A fragment as it arrives: what its headers say.

use super::outcome::Reason;
use core::net::{Ipv4Addr, Ipv6Addr};
use packet::header::ipv4::Ipv4;
use packet::header::ipv6::Ipv6;
use packet::header::ipv6::extension::{self, Fragment, Upper};
use packet::header::tcp::Tcp;
use packet::header::udp::Udp;
use packet::header::{Malformed, Protocol};
use packet::{Batch, Offload, Packet};

/// Longest IP packet, and longest payload of an IPv6 header.
const LONGEST: usize = 65_535;
/// Where an IPv6 header's payload length lies, and, in a fragment header, the offset.
const PAYLOAD_LENGTH_OFFSET: usize = 4;
const FRAGMENT_OFFSET_OFFSET: usize = 2;

/// What the fragments of one packet have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    V4(Ipv4Addr, Ipv4Addr, u16, Protocol),
    V6(Ipv6Addr, Ipv6Addr, u32),
}

/// Who is held to account for pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    V4(Ipv4Addr),
    V6(Ipv6Addr),
}

impl Source {
    /// Whoever has one address of a /64 has all of them, but for link-local ones.
    fn v6(address: Ipv6Addr) -> Self {
        let [a, b, c, d, ..] = address.segments();
        let link_local = a & 0xffc0 == 0xfe80;
        Self::V6(if link_local { address } else { Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0) })
    }
}

/// A fragment.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) key: Key,
    pub(super) source: Source,
    /// Where it lies in the fragmentable part of the packet.
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) more: bool,
    /// Congestion notification, 2 bits.
    pub(super) ecn: u8,
    /// Bytes in front of the fragment's part of the packet.
    pub(super) header: usize,
    /// As it came, from the first byte of its IP header, less padding.
    pub(super) packet: Packet,
}

/// What was found to have arrived.
pub(super) enum Read {
    Fragment(Arrival),
    Whole(Packet),
    Refused { packet: Packet, reason: Reason, pointer: u32 },
}

/// What the headers say, while they are borrowed.
enum Said {
    Whole {
        len: usize,
    },
    Atomic {
        len: usize,
        upper: Upper,
    },
    Fragment {
        key: Key,
        source: Source,
        start: usize,
        len: usize,
        more: bool,
        ecn: u8,
        header: usize,
    },
}

type Refusal = (Reason, usize);

impl From<Malformed> for Reason {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl Arrival {
    /// Reads a packet that begins with its IP header.
    pub(super) fn read(mut packet: Packet, free: &mut Batch) -> Read {
        let whole = packet.frame_len();
        let said = match packet.bytes().first().map(|byte| byte >> 4) {
            Some(4) => read_v4(packet.bytes(), whole),
            Some(6) => read_v6(packet.bytes(), whole),
            _ => Err((Reason::Malformed, 0)),
        };
        match said {
            Err((reason, pointer)) => Read::Refused { packet, reason, pointer: pointer as u32 },
            Ok(Said::Whole { len }) => {
                cut(&mut packet, len, free);
                Read::Whole(packet)
            }
            Ok(Said::Atomic { len, upper }) => {
                cut(&mut packet, len, free);
                remove_fragment_header(&mut packet, &upper);
                *packet.offload_mut() = Offload::default();
                Read::Whole(packet)
            }
            Ok(Said::Fragment { key, source, start, len, more, ecn, header }) => {
                cut(&mut packet, header + len, free);
                let end = start + len;
                Read::Fragment(Self { key, source, start, end, more, ecn, header, packet })
            }
        }
    }
}

fn read_v4(bytes: &[u8], whole: usize) -> Result<Said, Refusal> {
    let (ip, len) = Ipv4::read_start(bytes, whole).map_err(|error| (error.into(), 0))?;
    if !ip.is_fragment() {
        return Ok(Said::Whole { len: ip.len() + len });
    }
    let (start, more) = (ip.fragment_offset(), ip.more_fragments());
    check(start, len, more, LONGEST - ip.len())?;
    Ok(Said::Fragment {
        key: Key::V4(ip.source(), ip.destination(), ip.identification(), ip.protocol()),
        source: Source::V4(ip.source()),
        start,
        len,
        more,
        ecn: ip.ecn(),
        header: ip.len(),
    })
}

fn read_v6(bytes: &[u8], whole: usize) -> Result<Said, Refusal> {
    const MALFORMED: Refusal = (Reason::Malformed, 0);
    let (ip, payload) = Ipv6::read_start(bytes, whole).map_err(|error| (error.into(), 0))?;
    let packet_len = Ipv6::LEN + payload;
    let bytes = bytes.get(..packet_len).unwrap_or(bytes);
    let upper = extension::upper(bytes).map_err(|_| MALFORMED)?;
    let Some((fragment, fragment_at)) = upper.fragment else {
        return Ok(Said::Whole { len: packet_len });
    };
    if fragment.is_atomic() {
        return Ok(Said::Atomic { len: packet_len, upper });
    }
    let len = packet_len.checked_sub(upper.offset).ok_or(MALFORMED)?;
    let (start, more) = (fragment.offset(), fragment.more_fragments());
    // Extension headers in front count as payload, the fragment header does not survive.
    let room = LONGEST - (fragment_at - Ipv6::LEN);
    check(start, len, more, room).map_err(|(reason, _)| match reason {
        Reason::Misaligned => (reason, PAYLOAD_LENGTH_OFFSET),
        Reason::Oversized => (reason, fragment_at + FRAGMENT_OFFSET_OFFSET),
        reason => (reason, 0),
    })?;
    if start == 0 {
        let last = extension::upper_of_first(bytes, upper).map_err(|blocked| match blocked {
            extension::Blocked::Drop(Malformed::Truncated) => (Reason::IncompleteHeaders, 0),
            _ => MALFORMED,
        })?;
        let transport = match last.protocol {
            Protocol::TCP => Tcp::LEN,
            Protocol::UDP | Protocol::ICMPV6 => Udp::LEN,
            _ => 0,
        };
        if last.offset + transport > packet_len {
            return Err((Reason::IncompleteHeaders, 0));
        }
    }
    Ok(Said::Fragment {
        key: Key::V6(ip.source(), ip.destination(), fragment.identification()),
        source: Source::v6(ip.source()),
        start,
        len,
        more,
        ecn: ip.ecn(),
        header: upper.offset,
    })
}

/// What must hold of every fragment of `len` bytes of a packet that has room for `room`.
fn check(start: usize, len: usize, more: bool, room: usize) -> Result<(), Refusal> {
    if len == 0 {
        return Err((Reason::Malformed, 0));
    }
    if more && !len.is_multiple_of(8) {
        return Err((Reason::Misaligned, 0));
    }
    if start + len > room {
        return Err((Reason::Oversized, 0));
    }
    Ok(())
}

/// Cuts padding off; pages that are nothing but padding go to `free`.
fn cut(packet: &mut Packet, len: usize, free: &mut Batch) {
    let (mut page, mut left) = (packet, len);
    loop {
        page.truncate(left);
        left -= page.len();
        if left == 0 {
            if let Some(rest) = page.take_next() {
                super::give_back(rest, free);
            }
            return;
        }
        match page.next_mut() {
            Some(next) => page = next,
            None => return,
        }
    }
}

/// Takes the fragment header out of a packet, of which `upper` says where it lies, by moving what
/// is in front of it.
pub(super) fn remove_fragment_header(packet: &mut Packet, upper: &Upper) {
    let Some((fragment, at)) = upper.fragment else { return };
    let bytes = packet.bytes_mut();
    if let Some(number) = bytes.get_mut(upper.fragment_pointer) {
        *number = fragment.next_header().0;
    }
    if at + Fragment::LEN <= bytes.len() {
        bytes.copy_within(..at, Fragment::LEN);
        packet.cut_front(Fragment::LEN);
    }
    let payload = packet.frame_len().saturating_sub(Ipv6::LEN);
    if let Ok((ip, _)) = Ipv6::create(packet.bytes_mut()) {
        ip.set_payload_length(payload as u16);
    }
}
