//! What comes in: each frame is judged, then carried to where it belongs.
//!
//! A batch is worked on in passes, so that the misses of many packets overlap: first all are
//! fetched, then all are judged (which touches the stacks they are for), then all are carried
//! out. Judging reads only; whatever it finds wrong has a counter of its own.

use super::address::Cast;
use super::icmp_error::Complaint;
use super::{Host, release};
use crate::udp::{Listener, Plain, Refusal, Stack, header_sum};
use crate::{DropReason, Time};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use packet::checksum::Sum;
use packet::header::Protocol;
use packet::header::ethernet::{EtherType, Ethernet};
use packet::header::ipv4::{self, Ipv4};
use packet::header::ipv6::Ipv6;
use packet::header::ipv6::extension::{self, Blocked};
use packet::header::udp::Udp;
use packet::header::vlan::Vlan;
use packet::{Batch, Checksum, Packet, SegmentationKind};

/// Packets that are worked on together: a driver's usual batch.
const TOGETHER: usize = 32;
/// In place of a stack: look at the packet header by header.
const NOT_PLAIN: u32 = u32::MAX;

/// What is to be done with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Into this stack's queue.
    Stack(u32),
    /// Into the queues of all stacks in the group, or that hear broadcasts.
    Everybody,
    Arp,
    /// A DHCP server's answer.
    Dhcp,
    Icmp4,
    Icmp6,
    Igmp,
    /// Wait for the rest of the packet.
    Fragment,
    /// Say that it cannot be taken, if that may be said, and drop it.
    Complain(DropReason, Complaint),
    Drop(DropReason),
}

use Verdict::Drop;

impl Host {
    /// Takes in frames that a driver received. Each goes to the private queue of the stack it is
    /// for, is answered, or is dropped and counted; buffers that are not kept go to the back of
    /// `free`, and answers that need a buffer of their own take it from the front.
    #[inline]
    pub fn receive(&mut self, now: Time, received: &mut Batch, free: &mut Batch) {
        if !self.spare.is_empty() || self.lenders > 0 {
            self.settle(free);
        }
        if !self.looped.is_empty() {
            self.receive_looped(now, free);
        }
        self.counters.received += received.len() as u64;
        while !received.is_empty() {
            let count = received.len().min(TOGETHER);
            received.range(..count).for_each(Packet::prefetch);
            if self.stacks.are_many() {
                received.range(..count).for_each(|it| self.stacks.prefetch(likely_port(it)));
            }
            let mut whose = [NOT_PLAIN; TOGETHER];
            for (packet, whose) in received.range(..count).zip(&mut whose) {
                *whose = self.judge_plain(packet).unwrap_or(NOT_PLAIN);
            }
            for (packet, &whose) in received.drain(..count).zip(&whose) {
                if whose == NOT_PLAIN {
                    self.receive_other(now, packet, free);
                } else {
                    self.deliver(whose as usize, packet, free);
                }
            }
        }
    }

    /// A frame that takes a look header by header.
    #[inline(never)]
    fn receive_other(&mut self, now: Time, packet: Packet, free: &mut Batch) {
        let verdict = self.judge(&packet, false);
        self.carry_out(now, verdict, packet, free);
    }

    /// Frames that this host sent to itself.
    #[cold]
    fn receive_looped(&mut self, now: Time, free: &mut Batch) {
        // Only those that are there now: answers to them wait for the next round.
        for _ in 0..self.looped.len() {
            if let Some(packet) = self.looped.pop_front() {
                self.counters.looped += 1;
                let verdict = self.judge(&packet, true);
                self.carry_out(now, verdict, packet, free);
            }
        }
    }

    #[inline]
    pub(super) fn carry_out(
        &mut self,
        now: Time,
        verdict: Verdict,
        packet: Packet,
        free: &mut Batch,
    ) {
        match verdict {
            Verdict::Stack(index) => self.deliver(index as usize, packet, free),
            Drop(reason) => self.discard(reason, packet, free),
            other => self.carry_out_rest(now, other, packet, free),
        }
    }

    #[cold]
    fn carry_out_rest(&mut self, now: Time, verdict: Verdict, packet: Packet, free: &mut Batch) {
        match verdict {
            Verdict::Everybody => self.deliver_to_everybody(packet, free),
            Verdict::Arp => self.receive_arp(now, packet, free),
            Verdict::Dhcp => self.receive_dhcp(now, packet, free),
            Verdict::Icmp4 => self.receive_icmpv4(now, packet, free),
            Verdict::Icmp6 => self.receive_icmpv6(now, packet, free),
            Verdict::Igmp => self.receive_igmp(now, packet, free),
            Verdict::Fragment => self.receive_fragment(now, packet, free),
            Verdict::Complain(reason, complaint) => {
                self.complain(now, &packet, complaint, free);
                self.discard(reason, packet, free);
            }
            Verdict::Stack(index) => self.deliver(index as usize, packet, free),
            Drop(reason) => self.discard(reason, packet, free),
        }
    }

    #[inline]
    fn deliver(&mut self, index: usize, packet: Packet, free: &mut Batch) {
        match self.stacks.deliver(index, packet) {
            Ok(()) => self.counters.delivered += 1,
            Err((packet, refusal)) => self.discard(refusal.into(), packet, free),
        }
    }

    /// A copy for each stack that wants it, but the last: that one gets the packet itself.
    fn deliver_to_everybody(&mut self, packet: Packet, free: &mut Batch) {
        let Some((local, remote)) = Self::ends(&packet) else {
            return self.discard(DropReason::UdpMalformed, packet, free);
        };
        let wants = |stack: &Stack| {
            let rest = &stack.rest;
            let group = local.ip();
            stack.port == local.port()
                && rest.remote.is_none_or(|peer| peer == remote)
                && (!group.is_multicast() || rest.groups.contains(&group))
                && match rest.local {
                    ip if ip.is_unspecified() => {
                        ip.is_ipv4() == group.is_ipv4() || rest.binding.reach.covers(group)
                    }
                    ip if group.is_multicast() => ip == group,
                    ip => ip == group || ip.is_ipv4() && group.is_ipv4(),
                }
        };
        let mut last = None;
        let mut index = 0;
        while let Some(next) = self.stacks.next_that(index, &wants) {
            if let Some(last) = last.replace(next) {
                match copy(&packet, free) {
                    Some(copy) => {
                        self.counters.copied += 1;
                        self.deliver(last, copy, free);
                    }
                    None => self.counters.count(DropReason::NoBuffer),
                }
            }
            index = next + 1;
        }
        match last {
            Some(last) => self.deliver(last, packet, free),
            None => self.discard(DropReason::UdpNobody, packet, free),
        }
    }

    /// The stack that a plain datagram without any fault is for; `None` says nothing: then look
    /// at it header by header.
    #[inline]
    fn judge_plain(&self, packet: &Packet) -> Option<u32> {
        let plain = Plain::of(packet)?;
        let bytes = packet.bytes();
        let head = bytes.first_chunk::<42>()?;
        let ours = head[..6] == self.mac.0 && head[6..12] != self.mac.0 && head[6] & 1 == 0;
        let offload = packet.offload();
        if !ours || self.vlan.is_some() || offload.segmentation.is_some() {
            return None;
        }
        let (flag, unsummed) = if plain.is_v4 {
            let ip = head[14..].first_chunk::<20>()?;
            let first = self.addresses.first_v4?;
            let own = first.octets();
            let from = ip[12];
            let honest = from < 224 && from != 127 && ip[12..16] != own && !self.addresses.many_v4;
            if ip[16..] != own || !honest || header_sum(ip) != 0xffff {
                return None;
            }
            (Stack::FIRST_V4, head[40..42] == [0, 0])
        } else {
            let ip = bytes.get(14..)?.first_chunk::<40>()?;
            let first = self.addresses.first_v6?;
            let own = first.octets();
            let honest = ip[8] != 0xff && ip[8] != 0 && !self.addresses.has_v6(&ip[8..24]);
            if ip[24..] != own || !honest {
                return None;
            }
            (Stack::FIRST_V6, bytes.get(60..62)? == [0, 0])
        };
        let right = match offload.checksum {
            Checksum::Unknown if unsummed => plain.is_v4,
            Checksum::Unknown => plain.sum(bytes) == 0xffff,
            Checksum::Verified | Checksum::Partial { .. } => true,
        };
        if !right {
            return None;
        }
        let port = bytes.get(plain.udp + 2..)?.first_chunk().copied()?;
        self.stacks.at_first(u16::from_be_bytes(port), flag)
    }

    /// What is to be done with a frame. `looped`: this host sent it to itself.
    #[inline(never)]
    pub(super) fn judge(&self, packet: &Packet, looped: bool) -> Verdict {
        let bytes = packet.bytes();
        let Ok((ethernet, behind)) = Ethernet::read(bytes) else {
            return Drop(DropReason::EthernetTruncated);
        };
        let group = ethernet.destination != self.mac;
        if group && !self.hears(ethernet) {
            return Drop(DropReason::EthernetNotOurs);
        }
        if !looped && (ethernet.source == self.mac || ethernet.source.is_multicast()) {
            return Drop(DropReason::EthernetFromUs);
        }
        let ethertype = match self.vlan {
            None => ethernet.ethertype,
            Some(id) => match Vlan::read(behind) {
                Ok((tag, _)) if ethernet.ethertype == EtherType::VLAN && tag.id() == id => {
                    tag.ethertype
                }
                _ => return Drop(DropReason::VlanNotOurs),
            },
        };
        match ethertype {
            EtherType::IPV4 => self.judge_v4(packet, group, looped),
            EtherType::IPV6 => self.judge_v6(packet, group, looped),
            EtherType::ARP => Verdict::Arp,
            EtherType::VLAN => Drop(DropReason::VlanNotOurs),
            _ => Drop(DropReason::EthernetUnknown),
        }
    }

    /// Whether a frame that is not to our own hardware address is for us nonetheless.
    #[cold]
    fn hears(&self, ethernet: &Ethernet) -> bool {
        ethernet.destination.is_broadcast() || self.groups.has_mac(ethernet.destination)
    }

    #[inline]
    fn judge_v4(&self, packet: &Packet, group: bool, looped: bool) -> Verdict {
        let (behind, whole) = self.network(packet);
        let Ok((ip, payload)) = Ipv4::read_start(behind, whole) else {
            return Drop(DropReason::Ipv4Malformed);
        };
        if !ip.has_right_checksum() {
            return Drop(DropReason::Ipv4Checksum);
        }
        let (source, destination) = (ip.source(), ip.destination());
        let cast = self.addresses.cast_v4(destination);
        match cast {
            Cast::Own if !group => {}
            Cast::Broadcast if group => {}
            Cast::Group if self.groups.has(destination.into()) => {}
            // A server may send to the address that it is about to give us.
            Cast::Other if !group && self.is_for_dhcp(packet, ip.len()) => {}
            // A unicast packet in a group's frame is none that an honest neighbour sends.
            _ => return Drop(DropReason::IpNotOurs),
        }
        if source.is_multicast() || source.is_broadcast() || source.is_loopback() {
            return Drop(DropReason::IpSource);
        }
        if !looped && self.addresses.has(source.into()) {
            return Drop(DropReason::IpSource);
        }
        if ip.len() > Ipv4::LEN && prescribes_route(ip) {
            return Drop(DropReason::Ipv4SourceRoute);
        }
        if ip.is_fragment() {
            return Verdict::Fragment;
        }
        match ip.protocol() {
            Protocol::UDP => {
                let udp = self.link + ip.len();
                let pseudo = || Sum::pseudo_v4(source, destination, Protocol::UDP, 0);
                self.judge_udp(
                    packet,
                    udp,
                    payload,
                    cast,
                    source.into(),
                    destination.into(),
                    pseudo,
                )
            }
            Protocol::ICMPV4 => Verdict::Icmp4,
            Protocol::IGMP => Verdict::Igmp,
            Protocol::TCP => Drop(DropReason::TcpNobody),
            _ if cast == Cast::Own => {
                Verdict::Complain(DropReason::IpUnknownProtocol, Complaint::Protocol(0))
            }
            _ => Drop(DropReason::IpUnknownProtocol),
        }
    }

    #[inline]
    fn judge_v6(&self, packet: &Packet, group: bool, looped: bool) -> Verdict {
        let (behind, whole) = self.network(packet);
        let Ok((ip, payload)) = Ipv6::read_start(behind, whole) else {
            return Drop(DropReason::Ipv6Malformed);
        };
        let (source, destination) = (ip.source(), ip.destination());
        let cast = self.addresses.cast_v6(destination);
        match cast {
            Cast::Own if !group => {}
            Cast::Group if self.groups.has(destination.into()) => {}
            _ => return Drop(DropReason::IpNotOurs),
        }
        if source.is_multicast() || source.is_loopback() {
            return Drop(DropReason::IpSource);
        }
        // Our own address as the source is another's neighbour discovery for the same address.
        let own = !looped && self.addresses.has(source.into());
        let upper = match extension::upper(
            behind.get(..behind.len().min(Ipv6::LEN + payload)).unwrap_or_default(),
        ) {
            Ok(upper) => upper,
            Err(Blocked::Drop(_)) => return Drop(DropReason::Ipv6Malformed),
            Err(Blocked::Complain { code, pointer, even_multicast }) => {
                return if cast == Cast::Own || even_multicast {
                    let complaint = Complaint::Parameter { code, pointer };
                    Verdict::Complain(DropReason::Ipv6Extension, complaint)
                } else {
                    Drop(DropReason::Ipv6Extension)
                };
            }
        };
        if upper.fragment.is_some_and(|(fragment, _)| !fragment.is_atomic()) {
            return Verdict::Fragment;
        }
        if own && upper.protocol != Protocol::ICMPV6 {
            return Drop(DropReason::IpSource);
        }
        match upper.protocol {
            Protocol::UDP => {
                let Some(payload) = (Ipv6::LEN + payload).checked_sub(upper.offset) else {
                    return Drop(DropReason::Ipv6Malformed);
                };
                let udp = self.link + upper.offset;
                let pseudo = || Sum::pseudo_v6(source, destination, Protocol::UDP, 0);
                self.judge_udp(
                    packet,
                    udp,
                    payload,
                    cast,
                    source.into(),
                    destination.into(),
                    pseudo,
                )
            }
            Protocol::ICMPV6 => Verdict::Icmp6,
            Protocol::TCP => Drop(DropReason::TcpNobody),
            Protocol::NO_NEXT => Drop(DropReason::IpUnknownProtocol),
            _ if cast == Cast::Own => Verdict::Complain(
                DropReason::IpUnknownProtocol,
                Complaint::Protocol(upper.pointer as u16),
            ),
            _ => Drop(DropReason::IpUnknownProtocol),
        }
    }

    #[inline]
    #[expect(clippy::too_many_arguments, reason = "what the IP header said, already in registers")]
    fn judge_udp(
        &self,
        packet: &Packet,
        start: usize,
        available: usize,
        cast: Cast,
        source: IpAddr,
        destination: IpAddr,
        pseudo: impl FnOnce() -> Sum,
    ) -> Verdict {
        let Ok((udp, payload)) =
            Udp::read_start(packet.bytes().get(start..).unwrap_or_default(), available)
        else {
            return Drop(DropReason::UdpMalformed);
        };
        if packet.offload().checksum == Checksum::Unknown {
            if udp.checksum() == 0 {
                if source.is_ipv6() {
                    return Drop(DropReason::UdpChecksum);
                }
            } else {
                let len = payload + Udp::LEN;
                // The length stands in the pseudo header and in the UDP header alike.
                let mut sum = pseudo().and(Sum::of(&(len as u16).to_be_bytes()));
                if !sum.add_chain(packet, start, len) || !sum.is_right() {
                    return Drop(DropReason::UdpChecksum);
                }
            }
        }
        if let Some(segmentation) = packet.offload().segmentation
            && segmentation.kind == SegmentationKind::Udp
        {
            return Drop(DropReason::OffloadUnexpected);
        }
        if self.automatic.takes(udp.destination()) {
            return Verdict::Dhcp;
        }
        if cast != Cast::Own {
            return Verdict::Everybody;
        }
        let index = match self.stacks.listener(udp.destination()) {
            Listener::Nobody => None,
            Listener::One(index) => {
                let flag = if source.is_ipv4() { Stack::OPEN_V4 } else { Stack::OPEN_V6 };
                if self.stacks.at(index).is_some_and(|stack| stack.is(flag)) {
                    return Verdict::Stack(index as u32);
                }
                self.ask(*udp, source, destination)
            }
            Listener::Ask => self.ask(*udp, source, destination),
        };
        match index {
            Some(index) => Verdict::Stack(index),
            None => Verdict::Complain(DropReason::UdpNobody, Complaint::Port),
        }
    }

    /// Whether a packet whose IPv4 header has this length is a datagram to our DHCP client.
    fn is_for_dhcp(&self, packet: &Packet, header: usize) -> bool {
        let bytes = packet.bytes();
        let is_udp = bytes.get(self.link + 9) == Some(&Protocol::UDP.0);
        let port = bytes.get(self.link + header + 2..).and_then(|rest| rest.first_chunk());
        is_udp && port.is_some_and(|port| self.automatic.takes(u16::from_be_bytes(*port)))
    }

    /// The port manager's answer.
    fn ask(&self, udp: Udp, source: IpAddr, destination: IpAddr) -> Option<u32> {
        let local = SocketAddr::new(destination, udp.destination());
        let remote = SocketAddr::new(source, udp.source());
        self.ports.udp_owner(local, remote).map(|owner| owner.0)
    }

    /// The bytes of the first page from the IP header on, and how many there are in all pages.
    #[inline]
    pub(super) fn network<'a>(&self, packet: &'a Packet) -> (&'a [u8], usize) {
        let bytes = packet.bytes();
        let whole = if packet.next().is_none() { bytes.len() } else { packet.frame_len() };
        (bytes.get(self.link..).unwrap_or_default(), whole.saturating_sub(self.link))
    }

    /// The two ends of a datagram that was judged: to whom, and from whom.
    fn ends(packet: &Packet) -> Option<(SocketAddr, SocketAddr)> {
        let place = crate::udp::Place::of(packet)?;
        let bytes = packet.bytes();
        let field = |at: usize| bytes.get(at..)?.first_chunk::<2>().copied();
        let ip = bytes.get(place.ip()..)?;
        let (source, destination): (IpAddr, IpAddr) = if place.is_v4() {
            let at = |at: usize| ip.get(at..)?.first_chunk::<4>().copied().map(Ipv4Addr::from);
            (at(12)?.into(), at(16)?.into())
        } else {
            let at = |at: usize| ip.get(at..)?.first_chunk::<16>().copied().map(Ipv6Addr::from);
            (at(8)?.into(), at(24)?.into())
        };
        let (from, to) = (field(place.udp())?, field(place.udp() + 2)?);
        Some((
            SocketAddr::new(destination, u16::from_be_bytes(to)),
            SocketAddr::new(source, u16::from_be_bytes(from)),
        ))
    }
}

/// To which port a packet is, if it is a plain datagram; else something. Only a hint.
#[inline]
fn likely_port(packet: &Packet) -> u16 {
    let Some(head) = packet.bytes().first_chunk::<58>() else { return 0 };
    let [high, low] = match head[12] {
        0x08 => [head[36], head[37]],
        _ => [head[56], head[57]],
    };
    u16::from_be_bytes([high, low])
}

fn prescribes_route(ip: &Ipv4) -> bool {
    ip.options().flatten().any(|option| {
        matches!(option.kind, ipv4::Option::LOOSE_SOURCE_ROUTE | ipv4::Option::STRICT_SOURCE_ROUTE)
    })
}

/// The same bytes in other buffers; `None`, and `free` as it was, if there are too few.
fn copy(packet: &Packet, free: &mut Batch) -> Option<Packet> {
    let mut copy: Option<Packet> = None;
    for page in packet.pages() {
        let Some(mut other) = free.pop_front() else {
            if let Some(copy) = copy {
                release(copy, free);
            }
            return None;
        };
        other.clear();
        let start = page.headroom();
        if !other.set_range(start, page.len()) {
            release(other, free);
            return None;
        }
        other.bytes_mut().copy_from_slice(page.bytes());
        *other.offload_mut() = *page.offload();
        match &mut copy {
            Some(copy) => copy.append(other),
            None => copy = Some(other),
        }
    }
    copy
}

impl From<Refusal> for DropReason {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::QueueFull => Self::UdpQueueFull,
            Refusal::NoCredit => Self::UdpNoCredit,
            Refusal::HouseFull => Self::UdpHouseFull,
        }
    }
}
