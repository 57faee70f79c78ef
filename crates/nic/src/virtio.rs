//! The header that virtio devices put in front of a frame, and what it means as an [`Offload`].
//!
//! TAP, `AF_PACKET` and vhost-user all carry it. A header that comes in is a claim: it is held
//! against the frame, and one that contradicts it makes the frame [`Malformed`]; so whoever
//! reads an [`Offload`] may rely on it. This module moves no frame.

use crate::nic::Offloads;
use packet::header::Malformed;
use packet::header::ethernet::{EtherType, Ethernet};
use packet::{Checksum, Offload, Packet, Segmentation, SegmentationKind};

/// Bytes of the header with the count of merged buffers, as every modern device has it.
pub(crate) const HEADER: usize = 12;

const NEEDS_CHECKSUM: u8 = 1;
const DATA_VALID: u8 = 2;

const GSO_NONE: u8 = 0;
const GSO_TCP4: u8 = 1;
const GSO_TCP6: u8 = 4;
const GSO_UDP: u8 = 5;
const GSO_TCP4_ECN: u8 = 0x80 | GSO_TCP4;
const GSO_TCP6_ECN: u8 = 0x80 | GSO_TCP6;

const TCP: u8 = 6;
const UDP: u8 = 17;
/// 802.1ad, the outer of two VLAN tags.
const SERVICE_VLAN: EtherType = EtherType::new(0x88a8);

/// What the header of a received frame says, if the frame bears it out.
pub(crate) fn claimed(header: &[u8; HEADER], frame: &Packet) -> Result<Offload, Malformed> {
    let [flags, gso, h0, h1, s0, s1, c0, c1, o0, o1, ..] = *header;
    let size = u16::from_le_bytes([s0, s1]);
    let start = u16::from_le_bytes([c0, c1]);
    let offset = u16::from_le_bytes([o0, o1]);
    // `hdr_len` is a hint by the standard, and Linux fills in the length of its first fragment.
    let _ = [h0, h1];
    let checksum = if flags & NEEDS_CHECKSUM != 0 {
        let end = usize::from(start) + usize::from(offset) + 2;
        if usize::from(start) < Ethernet::LEN || end > frame.frame_len() {
            return Err(Malformed::Length);
        }
        Checksum::Partial { start, offset }
    } else if flags & DATA_VALID != 0 {
        Checksum::Verified
    } else {
        Checksum::Unknown
    };
    // That of a flow which marks congestion is cut the same way, but for one bit (CWR), which
    // concerns whoever cuts it again.
    let kind = match gso {
        GSO_NONE => return Ok(Offload { checksum, segmentation: None }),
        GSO_TCP4 | GSO_TCP4_ECN => SegmentationKind::Tcp4,
        GSO_TCP6 | GSO_TCP6_ECN => SegmentationKind::Tcp6,
        GSO_UDP => SegmentationKind::Udp,
        _ => return Err(Malformed::Field),
    };
    let headers = header_length(frame, kind)?;
    if size == 0 || usize::from(headers) > frame.frame_len() {
        return Err(Malformed::Length);
    }
    if let Checksum::Partial { start, .. } = checksum
        && start >= headers
    {
        return Err(Malformed::Field);
    }
    Ok(Offload { checksum, segmentation: Some(Segmentation { kind, size, headers }) })
}

/// The header that tells the device what is left to do for a frame; `None` if that is more than
/// `offloads`, or impossible.
pub(crate) fn asking(frame: &Packet, offloads: Offloads) -> Option<[u8; HEADER]> {
    let mut header = [0; HEADER];
    let offload = frame.offload();
    if let Checksum::Partial { start, offset } = offload.checksum {
        let end = usize::from(start) + usize::from(offset) + 2;
        if !offloads.checksum || end > frame.frame_len() {
            return None;
        }
        header[0] = NEEDS_CHECKSUM;
        header[6..8].copy_from_slice(&start.to_le_bytes());
        header[8..10].copy_from_slice(&offset.to_le_bytes());
    }
    if let Some(Segmentation { kind, size, headers }) = offload.segmentation {
        let (gso, able) = match kind {
            SegmentationKind::Tcp4 => (GSO_TCP4, offloads.tcp4),
            SegmentationKind::Tcp6 => (GSO_TCP6, offloads.tcp6),
            SegmentationKind::Udp => (GSO_UDP, offloads.udp),
        };
        // Each segment needs a checksum of its own, so the device must be let compute them.
        if !able || size == 0 || !matches!(offload.checksum, Checksum::Partial { .. }) {
            return None;
        }
        let headers = match headers {
            0 => header_length(frame, kind).ok()?,
            told => told,
        };
        if usize::from(headers) > frame.frame_len() {
            return None;
        }
        header[1] = gso;
        header[2..4].copy_from_slice(&headers.to_le_bytes());
        header[4..6].copy_from_slice(&size.to_le_bytes());
    }
    Some(header)
}

/// Length of all headers of a frame that stands for several, read from the frame itself. An error
/// if the frame is not of the kind it is said to be.
fn header_length(frame: &Packet, kind: SegmentationKind) -> Result<u16, Malformed> {
    let mut place = Ethernet::LEN;
    let mut ethertype = EtherType::new(u16::from_be_bytes(at(frame, place - 2)?));
    while ethertype == EtherType::VLAN || ethertype == SERVICE_VLAN {
        place += 4;
        ethertype = EtherType::new(u16::from_be_bytes(at(frame, place - 2)?));
        if place > Ethernet::LEN + 8 {
            return Err(Malformed::Field);
        }
    }
    let protocol = match ethertype {
        EtherType::IPV4 if kind != SegmentationKind::Tcp6 => {
            let [first] = at(frame, place)?;
            let [protocol] = at(frame, place + 9)?;
            if first >> 4 != 4 || first & 0xf < 5 {
                return Err(Malformed::Version);
            }
            place += usize::from(first & 0xf) * 4;
            protocol
        }
        EtherType::IPV6 if kind != SegmentationKind::Tcp4 => {
            let [first] = at(frame, place)?;
            let [mut protocol] = at(frame, place + 6)?;
            if first >> 4 != 6 {
                return Err(Malformed::Version);
            }
            place += 40;
            // Hop-by-hop, routing and destination options may stand before TCP and UDP. Each is
            // at least eight bytes long, so the end of the frame bounds this loop.
            while matches!(protocol, 0 | 43 | 60) {
                let [next, length] = at(frame, place)?;
                place += (usize::from(length) + 1) * 8;
                protocol = next;
            }
            protocol
        }
        _ => return Err(Malformed::Field),
    };
    place += match (protocol, kind) {
        (TCP, SegmentationKind::Tcp4 | SegmentationKind::Tcp6) => {
            let [offset] = at(frame, place + 12)?;
            if offset >> 4 < 5 {
                return Err(Malformed::Length);
            }
            usize::from(offset >> 4) * 4
        }
        (UDP, SegmentationKind::Udp) => 8,
        _ => return Err(Malformed::Field),
    };
    u16::try_from(place).map_err(|_| Malformed::Length)
}

/// So many bytes of the frame, from `place` on.
fn at<const N: usize>(frame: &Packet, place: usize) -> Result<[u8; N], Malformed> {
    let mut bytes = [0; N];
    if frame.copy_out(place, &mut bytes) == N { Ok(bytes) } else { Err(Malformed::Truncated) }
}

#[cfg(test)]
mod tests;
