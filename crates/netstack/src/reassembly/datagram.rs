//! One packet in the making.

use super::arrival::{Arrival, Key, Source, remove_fragment_header};
use super::give_back;
use super::outcome::Reason;
use crate::Time;
use alloc::vec::Vec;
use packet::header::ipv4::Ipv4;
use packet::header::ipv6::Ipv6;
use packet::header::ipv6::extension::{self, Fragment};
use packet::{Batch, Offload, Packet};

/// Bytes behind the IP header that are brought into the first page, if they are not there yet:
/// the longest transport header.
const TRANSPORT: usize = 60;
/// Values of the two bits of congestion notification.
const NOT_CAPABLE: u8 = 0;
const CONGESTION: u8 = 3;

#[derive(Debug)]
struct Piece {
    start: usize,
    end: usize,
    /// The first piece of a packet with its headers, any other without.
    packet: Packet,
}

/// What came of a packet so far.
#[derive(Debug)]
pub(super) struct Datagram {
    pub(super) key: Key,
    pub(super) source: Source,
    pub(super) deadline: Time,
    /// Pages that its source is charged for.
    pub(super) charged: usize,
    /// By where they lie; none overlaps another.
    pieces: Vec<Piece>,
    pages: usize,
    received: usize,
    /// Where it ends, once the last fragment came.
    end: Option<usize>,
    /// One bit for each value of congestion notification that was seen.
    congestion: u8,
    abandoned: bool,
}

impl Datagram {
    pub(super) fn new(key: Key, source: Source, deadline: Time) -> Self {
        Self {
            key,
            source,
            deadline,
            charged: 0,
            pieces: Vec::new(),
            pages: 0,
            received: 0,
            end: None,
            congestion: 0,
            abandoned: false,
        }
    }

    /// Pages it has to answer for: even an abandoned one takes memory.
    pub(super) fn charge(&self) -> usize {
        self.pages.max(1)
    }

    pub(super) fn fragments(&self) -> usize {
        self.pieces.len()
    }

    pub(super) fn is_complete(&self) -> bool {
        self.end == Some(self.received)
    }

    /// Takes a fragment, or gives it back.
    pub(super) fn add(&mut self, arrival: Arrival) -> Result<(), (Packet, Reason)> {
        let Arrival { start, end, more, ecn, header, mut packet, .. } = arrival;
        if self.abandoned {
            return Err((packet, Reason::Late));
        }
        let index = self.pieces.partition_point(|piece| piece.start < start);
        let (before, behind) = self.pieces.split_at(index);
        let is_last = self.end == Some(end);
        match behind.first() {
            Some(same) if (same.start, same.end) == (start, end) && is_last != more => {
                return Err((packet, Reason::Duplicate));
            }
            Some(next) if next.start < end => return Err((packet, Reason::Overlap)),
            _ => {}
        }
        if before.last().is_some_and(|previous| previous.end > start) {
            return Err((packet, Reason::Overlap));
        }
        let beyond = self.pieces.last().is_some_and(|last| last.end > end);
        let disagrees = match self.end {
            Some(known) if more => end >= known,
            Some(known) => end != known,
            None => !more && beyond,
        };
        if disagrees {
            return Err((packet, Reason::Overlap));
        }
        if !more {
            self.end = Some(end);
        }
        if start > 0 {
            packet.cut_front(header);
        }
        self.pages += packet.pages().count();
        self.received += end - start;
        self.congestion |= 1 << ecn;
        self.pieces.insert(index, Piece { start, end, packet });
        Ok(())
    }

    /// Gives everything up; what still comes is refused. Says how many fragments it had.
    pub(super) fn abandon(&mut self, free: &mut Batch) -> u64 {
        let count = self.pieces.len() as u64;
        for piece in self.pieces.drain(..) {
            give_back(piece.packet, free);
        }
        self.abandoned = true;
        self.pages = 0;
        count
    }

    /// The first fragment as it came, if it did.
    pub(super) fn take_first(&mut self) -> Option<Packet> {
        let is_there = self.pieces.first().is_some_and(|piece| piece.start == 0);
        is_there.then(|| self.pieces.remove(0).packet)
    }

    /// All that came, in order, as one chain.
    pub(super) fn take_chain(&mut self, free: &mut Batch) -> Option<Packet> {
        // From the last to the first, so that each page is walked past once.
        let mut chain: Option<Packet> = None;
        while let Some(Piece { mut packet, .. }) = self.pieces.pop() {
            if let Some(behind) = chain {
                packet.append(behind);
            }
            if packet.len() > 0 {
                chain = Some(packet);
                continue;
            }
            // A page that held nothing but headers.
            chain = packet.take_next();
            free.push_back(packet);
        }
        chain
    }

    /// Makes the chain of all that came into a packet that never was cut.
    pub(super) fn finish(&self, whole: &mut Packet) -> Result<(), Reason> {
        *whole.offload_mut() = Offload::default();
        let seen = |value: u8| self.congestion & 1 << value != 0;
        if seen(CONGESTION) && seen(NOT_CAPABLE) {
            return Err(Reason::Congestion);
        }
        let header = match self.key {
            Key::V4(..) => finish_v4(whole, seen(CONGESTION))?,
            Key::V6(..) => finish_v6(whole, seen(CONGESTION))?,
        };
        let together = (header + TRANSPORT).min(whole.frame_len());
        if whole.gather(together) { Ok(()) } else { Err(Reason::IncompleteHeaders) }
    }
}

/// Gives the length of the headers.
fn finish_v4(whole: &mut Packet, congestion: bool) -> Result<usize, Reason> {
    let total = whole.frame_len();
    // The header still speaks of the first fragment alone, all of which is there.
    let header = Ipv4::read_start(whole.bytes(), total)?.0.len();
    let bytes = whole.bytes_mut().get_mut(..header).ok_or(Reason::Malformed)?;
    if let Some(length) = bytes.get_mut(2..4) {
        length.copy_from_slice(&(header as u16).to_be_bytes());
    }
    let (ip, _) = Ipv4::read_mut(bytes)?;
    ip.set_total_length(total as u16);
    ip.set_more_fragments(false);
    ip.set_fragment_offset(0);
    if congestion {
        ip.set_ecn(CONGESTION);
    }
    ip.update_checksum();
    Ok(header)
}

/// Gives the length of the headers.
fn finish_v6(whole: &mut Packet, congestion: bool) -> Result<usize, Reason> {
    let upper = extension::upper(whole.bytes()).map_err(|_| Reason::Malformed)?;
    remove_fragment_header(whole, &upper);
    if congestion {
        Ipv6::create(whole.bytes_mut())?.0.set_ecn(CONGESTION);
    }
    Ok(upper.offset.saturating_sub(Fragment::LEN))
}
