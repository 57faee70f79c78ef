//! Fragments: what came in pieces is put together, what is too long goes out in pieces.

use super::icmp_error::Complaint;
use super::{Host, release};
use crate::fragment;
use crate::reassembly::{Outcome, Reason};
use crate::{DropReason, Time};
use packet::header::ipv4::Ipv4;
use packet::{Batch, Packet, checksum};

/// Room for an Ethernet header and a tag.
type LinkHeader = [u8; 18];

impl Host {
    pub(super) fn receive_fragment(&mut self, now: Time, mut packet: Packet, free: &mut Batch) {
        let header = self.cut_link_header(&mut packet);
        match self.reassembly.insert(packet, now, free) {
            Outcome::Kept => {}
            Outcome::Whole(mut whole) => {
                if !self.put_link_header(&mut whole, &header) {
                    return self.discard(DropReason::FragmentMalformed, whole, free);
                }
                match self.judge(&whole, false) {
                    super::demux::Verdict::Fragment => {
                        self.discard(DropReason::FragmentMalformed, whole, free);
                    }
                    verdict => self.carry_out(now, verdict, whole, free),
                }
            }
            Outcome::Refused { mut packet, reason, pointer } => {
                if let Some(code) = reason.parameter_problem()
                    && self.put_link_header(&mut packet, &header)
                {
                    self.complain(now, &packet, Complaint::Parameter { code, pointer }, free);
                }
                release(packet, free);
            }
        }
        self.count_fragments();
    }

    /// Drops packets whose rest did not come, and tells those who sent them.
    pub(super) fn poll_fragments(&mut self, now: Time, free: &mut Batch) {
        let mut firsts = Batch::new();
        self.reassembly.expire(now, free, &mut firsts);
        for mut packet in firsts {
            // The link's header still lies in front of a packet that was kept as it came.
            if packet.push_front(self.link).is_some() {
                self.complain(now, &packet, Complaint::Reassembly, free);
            }
            release(packet, free);
        }
        self.count_fragments();
    }

    pub(super) fn fragments_timeout(&self) -> Time {
        self.reassembly.deadline().unwrap_or(Time::NEVER)
    }

    fn count_fragments(&mut self) {
        let statistics = *self.reassembly.statistics();
        let counted = core::mem::replace(&mut self.counted, statistics);
        let new = |reason: &Reason| statistics.dropped(*reason) - counted.dropped(*reason);
        let sum = |reasons: &[Reason]| reasons.iter().map(new).sum();
        let bad = [
            Reason::Malformed,
            Reason::Misaligned,
            Reason::Oversized,
            Reason::IncompleteHeaders,
            Reason::Congestion,
        ];
        for (reason, count) in [
            (DropReason::FragmentMalformed, sum(&bad)),
            (DropReason::FragmentOverlap, sum(&[Reason::Overlap, Reason::Late])),
            (DropReason::FragmentDuplicate, sum(&[Reason::Duplicate])),
            (DropReason::FragmentNoRoom, sum(&[Reason::NoRoom])),
            (DropReason::FragmentTimeout, sum(&[Reason::Timeout])),
        ] {
            self.counters.count_many(reason, count);
        }
        let whole = statistics.whole - counted.whole;
        self.counters.joined += statistics.joined - counted.joined - whole;
    }

    /// Cuts a frame that is too long for `mtu`.
    #[cold]
    pub(super) fn emit_in_fragments(&mut self, mut packet: Packet, mtu: usize, free: &mut Batch) {
        // Its place is counted from the link's header, which is about to go.
        if checksum::complete(&mut packet).is_err() {
            return self.discard(DropReason::SendMalformed, packet, free);
        }
        let header = self.cut_link_header(&mut packet);
        if let Ok((ip, _)) = Ipv4::read_start(packet.bytes(), usize::MAX)
            && ip.dont_fragment()
            && let Some(bytes) = packet.bytes_mut().first_chunk_mut::<{ Ipv4::LEN }>()
        {
            // What nobody could send in one piece may be cut by us, and by routers too. The
            // checksum of each fragment is made anew.
            bytes[6] &= !0x40;
        }
        self.identification = self.identification.wrapping_add(1);
        let mut pieces = Batch::new();
        match fragment::cut(packet, mtu, self.identification, free, &mut pieces) {
            Ok(_) => {
                for mut piece in pieces {
                    if self.put_link_header(&mut piece, &header) {
                        self.push(piece, free);
                    } else {
                        self.discard(DropReason::SendMalformed, piece, free);
                    }
                }
            }
            Err(uncut) => {
                let reason = match uncut.error {
                    fragment::Error::NoPages(_) => DropReason::NoBuffer,
                    fragment::Error::Malformed(_) => DropReason::SendMalformed,
                    _ => DropReason::SendRefused,
                };
                self.discard(reason, uncut.packet, free);
            }
        }
    }

    fn cut_link_header(&self, packet: &mut Packet) -> LinkHeader {
        let mut header = [0; 18];
        packet.copy_out(0, header.get_mut(..self.link).unwrap_or_default());
        packet.cut_front(self.link);
        header
    }

    fn put_link_header(&self, packet: &mut Packet, header: &LinkHeader) -> bool {
        let Some(header) = header.get(..self.link) else { return false };
        let Some(bytes) = packet.push_front(header.len()) else { return false };
        bytes.copy_from_slice(header);
        true
    }
}
