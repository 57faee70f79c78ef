//! ICMP errors of our own: who is told what, and how often.

use super::Host;
use super::ndp::set_icmpv6_checksum;
use crate::{DropReason, Time};
use core::net::{Ipv4Addr, Ipv6Addr};
use packet::checksum::Sum;
use packet::header::Protocol;
use packet::header::ethernet::Ethernet;
use packet::header::icmpv4::{self, Icmpv4};
use packet::header::icmpv6::{self, Icmpv6};
use packet::header::ipv4::Ipv4;
use packet::header::ipv6::Ipv6;
use packet::{Batch, Packet};
use zerocopy::IntoBytes;

/// Most bytes of an error over IPv4 (RFC 1812, 4.3.2.3), from its IP header on.
const LONGEST_V4: usize = 576;

/// Why a packet cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Complaint {
    /// Nobody is bound to the port.
    Port,
    /// Nobody here speaks the protocol; over IPv6, its number lies here.
    Protocol(u16),
    /// Something in an IPv6 header.
    Parameter { code: u8, pointer: u32 },
    /// Not all of its fragments came in time.
    Reassembly,
}

impl Host {
    /// Tells the sender of a frame that it cannot be taken, unless that must not be said: errors
    /// are never answered, nor what came to many, nor fragments but the first, nor who does not
    /// say who he is (RFC 1122, 3.2.2; RFC 4443, 2.4).
    pub(super) fn complain(
        &mut self,
        now: Time,
        packet: &Packet,
        complaint: Complaint,
        free: &mut Batch,
    ) {
        let to_us = Ethernet::read(packet.bytes())
            .is_ok_and(|(ethernet, _)| ethernet.destination == self.mac);
        let parameter = matches!(complaint, Complaint::Parameter { .. });
        if !to_us && !parameter {
            return;
        }
        let quoted = packet.bytes().get(self.link..).unwrap_or_default();
        match quoted.first().map(|first| first >> 4) {
            Some(4) => self.complain_v4(now, quoted, complaint, free),
            Some(6) => self.complain_v6(now, quoted, complaint, free),
            _ => {}
        }
    }

    fn complain_v4(&mut self, now: Time, quoted: &[u8], complaint: Complaint, free: &mut Batch) {
        let Ok((ip, behind)) = Ipv4::read_quoted(quoted) else { return };
        let (source, destination) = (ip.source(), ip.destination());
        let is_error = ip.protocol() == Protocol::ICMPV4
            && Icmpv4::read(behind).is_ok_and(|(icmp, _)| icmp.is_error());
        if is_error || source.is_unspecified() || ip.fragment_offset() != 0 {
            return;
        }
        let unreachable = |code| icmpv4::Message::Unreachable { code, mtu: 0 };
        let message = match complaint {
            Complaint::Port => unreachable(icmpv4::Unreachable::PORT),
            Complaint::Protocol(_) => unreachable(icmpv4::Unreachable::PROTOCOL),
            Complaint::Reassembly => {
                icmpv4::Message::TimeExceeded(icmpv4::TimeExceeded::REASSEMBLY)
            }
            Complaint::Parameter { .. } => return,
        };
        let total = usize::from(ip.total_length()).min(quoted.len());
        let quote = &quoted[..total.min(LONGEST_V4 - Ipv4::LEN - Icmpv4::LEN)];
        let header = Icmpv4::new(message);
        let Some(mut packet) = self.error(now, header.as_bytes(), quote, free) else { return };
        let checksum = Sum::of(packet.bytes()).checksum();
        if let Some(field) = packet.bytes_mut().get_mut(2..4) {
            field.copy_from_slice(&checksum.to_be_bytes());
        }
        let from: Ipv4Addr = if self.addresses.has(destination.into()) {
            destination
        } else {
            match self.source_v4(source) {
                Some(from) => from,
                None => return self.discard(DropReason::NoRoute, packet, free),
            }
        };
        if self.put_ipv4(&mut packet, from, source, Protocol::ICMPV4, 64) {
            self.send(now, packet, source.into(), free);
        }
    }

    fn complain_v6(&mut self, now: Time, quoted: &[u8], complaint: Complaint, free: &mut Batch) {
        let Ok((ip, behind)) = Ipv6::read_quoted(quoted) else { return };
        let (source, destination) = (ip.source(), ip.destination());
        let is_error = ip.next_header() == Protocol::ICMPV6
            && Icmpv6::read(behind).is_ok_and(|(icmp, _)| icmp.is_error());
        if is_error || source.is_unspecified() || source.is_multicast() {
            return;
        }
        let problem = |code, pointer| icmpv6::Message::ParameterProblem { code, pointer };
        let message = match complaint {
            Complaint::Port => icmpv6::Message::Unreachable(icmpv6::Unreachable::PORT),
            Complaint::Protocol(pointer) => {
                problem(icmpv6::ParameterProblem::NEXT_HEADER, pointer.into())
            }
            Complaint::Reassembly => {
                icmpv6::Message::TimeExceeded(icmpv4::TimeExceeded::REASSEMBLY)
            }
            Complaint::Parameter { code, pointer } => {
                problem(icmpv6::ParameterProblem(code), pointer)
            }
        };
        let total = (Ipv6::LEN + usize::from(ip.payload_length())).min(quoted.len());
        let quote = &quoted[..total.min(Ipv6::MINIMUM_MTU - Ipv6::LEN - Icmpv6::LEN)];
        let header = Icmpv6::new(message);
        let Some(mut packet) = self.error(now, header.as_bytes(), quote, free) else { return };
        let from: Option<Ipv6Addr> = if self.addresses.has(destination.into()) {
            Some(destination)
        } else {
            self.source_v6(source)
        };
        let Some(from) = from else {
            return self.discard(DropReason::NoRoute, packet, free);
        };
        set_icmpv6_checksum(&mut packet, from, source);
        if self.put_ipv6(&mut packet, from, source, Protocol::ICMPV6, 64) {
            self.send(now, packet, source.into(), free);
        }
    }

    /// A message with a quote, if one may be sent now.
    fn error(
        &mut self,
        now: Time,
        header: &[u8],
        quote: &[u8],
        free: &mut Batch,
    ) -> Option<Packet> {
        if !self.icmp_budget.take(now) {
            self.counters.count(DropReason::IcmpRateLimit);
            return None;
        }
        let mut packet = self.buffer(free)?;
        packet.push_back(header.len())?.copy_from_slice(header);
        packet.push_back(quote.len())?.copy_from_slice(quote);
        Some(packet)
    }
}
