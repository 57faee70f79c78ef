//! Groups that the interface is in, and how routers and switches learn of it: IGMP versions 2
//! and 3 (RFC 2236, RFC 3376), MLD versions 1 and 2 (RFC 2710, RFC 3810).
//!
//! We speak the newest version until a router that asks speaks an older one. A report carries one
//! group; whoever is in so many groups that this matters is no host.

use super::Host;
use super::address::group_mac;
use crate::{DropReason, Random, Time};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use packet::checksum::{self, Sum};
use packet::header::Protocol;
use packet::header::ethernet::{EtherType, Mac};
use packet::header::ipv4::Ipv4;
use packet::header::ipv6::{Ipv6, extension};
use packet::{Batch, Packet};

/// Most groups of one interface.
pub(super) const MOST: usize = 256;
/// How often a change is told (robustness variable).
const REPORTS: u8 = 2;
/// Longest pause between two of them (`Unsolicited Report Interval` of the newest versions).
const PAUSE: Duration = Duration::from_secs(1);
/// How long a router of an older version is remembered (RFC 3376, 8.12, with default values).
const OLDER: Duration = Duration::from_secs(260);

const ALL_SYSTEMS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);
const ALL_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 2);
const IGMP_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 22);
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_ROUTERS_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
const MLD_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x16);

/// What a report says of a group: record types of the newest versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    /// We are in it.
    In = 2,
    /// We left.
    Left = 3,
    /// We joined.
    Joined = 4,
}

#[derive(Clone, Copy, Debug)]
struct Group {
    ip: IpAddr,
    /// How many want it; with none it stays until it was told that we left.
    users: usize,
    said: Said,
    reports: u8,
    next: Time,
}

/// The groups of an interface.
#[derive(Debug)]
pub(super) struct Groups {
    joined: Vec<Group>,
    /// Until when routers of older versions are taken into account.
    older_v4: Time,
    older_v6: Time,
}

/// Whether a group is told to routers at all: all hosts are in two of them, and what does not leave
/// an interface is nobody else's (RFC 3810, 6).
fn is_reported(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip != ALL_SYSTEMS,
        IpAddr::V6(ip) => ip != ALL_NODES && ip.octets()[1] & 0xf > 1,
    }
}

impl Groups {
    pub(super) const fn new() -> Self {
        Self { joined: Vec::new(), older_v4: Time::ZERO, older_v6: Time::ZERO }
    }

    /// Whether we are in a group.
    #[inline]
    pub(super) fn has(&self, ip: IpAddr) -> bool {
        self.joined.iter().any(|group| group.ip == ip && group.users > 0)
    }

    /// Whether we are in a group with this hardware address.
    pub(super) fn has_mac(&self, mac: Mac) -> bool {
        mac.is_multicast()
            && self.joined.iter().any(|group| group.users > 0 && group_mac(group.ip) == mac)
    }

    /// One more wants a group; `false` if there are too many.
    pub(super) fn join(&mut self, now: Time, ip: IpAddr, random: &mut Random) -> bool {
        let reports = if is_reported(ip) { REPORTS } else { 0 };
        if let Some(group) = self.joined.iter_mut().find(|group| group.ip == ip) {
            group.users += 1;
            if group.users == 1 {
                group.said = Said::Joined;
                group.reports = reports;
                group.next = if reports > 0 { now } else { Time::NEVER };
            }
            return true;
        }
        if self.joined.len() >= MOST {
            return false;
        }
        let pause = Duration::from_nanos(random.below(10_000_000));
        let next = if reports > 0 { now + pause } else { Time::NEVER };
        self.joined.push(Group { ip, users: 1, said: Said::Joined, reports, next });
        true
    }

    /// One less wants a group.
    pub(super) fn leave(&mut self, now: Time, ip: IpAddr) {
        let Some(group) = self.joined.iter_mut().find(|group| group.ip == ip) else { return };
        group.users = group.users.saturating_sub(1);
        if group.users == 0 {
            group.said = Said::Left;
            group.reports = if is_reported(ip) { REPORTS } else { 0 };
            group.next = now;
        }
    }

    /// A router asks who is in `ip`, or in any group of its family.
    fn asked(&mut self, now: Time, ip: IpAddr, within: Duration, random: &mut Random) {
        let within = u64::try_from(within.as_nanos()).unwrap_or(u64::MAX);
        for group in &mut self.joined {
            let meant = group.ip.is_ipv4() == ip.is_ipv4()
                && (ip.is_unspecified() || group.ip == ip)
                && is_reported(group.ip);
            if !meant || group.users == 0 {
                continue;
            }
            let next = now + Duration::from_nanos(random.below(within.max(1)));
            if group.reports == 0 {
                group.said = Said::In;
                group.reports = 1;
                group.next = next;
            } else {
                // A report that is due anyway answers too, if it comes in time: who asks for one
                // group is about to forget it, and may want to know sooner than who asked before.
                group.next = group.next.min(next);
            }
        }
    }

    /// A report that is due.
    fn due(&mut self, now: Time, random: &mut Random) -> Option<(IpAddr, Said)> {
        self.joined.retain(|group| group.users > 0 || group.reports > 0);
        let group = self.joined.iter_mut().find(|group| group.next <= now)?;
        let told = (group.ip, group.said);
        group.reports = group.reports.saturating_sub(1);
        group.next = match group.reports {
            0 => Time::NEVER,
            _ => now + Duration::from_nanos(1 + random.below(PAUSE.as_nanos() as u64)),
        };
        Some(told)
    }

    pub(super) fn next_timeout(&self) -> Time {
        self.joined.iter().map(|group| group.next).min().unwrap_or(Time::NEVER)
    }
}

impl Host {
    /// Sends the reports that are due.
    pub(super) fn poll_groups(&mut self, now: Time, free: &mut Batch) {
        while let Some((ip, said)) = self.groups.due(now, &mut self.random) {
            match ip {
                IpAddr::V4(ip) => self.report_igmp(now, ip, said, free),
                IpAddr::V6(ip) => self.report_mld(now, ip, said, free),
            }
        }
    }

    pub(super) fn receive_igmp(&mut self, now: Time, packet: Packet, free: &mut Batch) {
        match self.take_igmp(now, &packet) {
            Some(()) => self.heard(packet, free),
            None => self.discard(DropReason::IgmpInvalid, packet, free),
        }
    }

    fn take_igmp(&mut self, now: Time, packet: &Packet) -> Option<()> {
        let (behind, whole) = self.network(packet);
        let (ip, payload) = Ipv4::read_start(behind, whole).ok()?;
        // Routers ask those on the link: who asks from further away has no business to.
        if ip.ttl() != 1 {
            return None;
        }
        let start = self.link + ip.len();
        checksum::verify(packet, start, payload, Sum::new()).ok()?;
        let message = packet.bytes().get(start..start + payload)?;
        // Reports of other hosts do not matter to us: we tell our own.
        let &[0x11, code, _, _, a, b, c, d, ref newest @ ..] = message else { return None };
        let group = Ipv4Addr::new(a, b, c, d);
        let tenths = if newest.is_empty() {
            self.groups.older_v4 = now + OLDER;
            code.into()
        } else {
            names_sources(newest, 4)?;
            float(code)
        };
        let within = Duration::from_millis(100 * tenths.max(1));
        self.groups.asked(now, group.into(), within, &mut self.random);
        Some(())
    }

    /// Takes in a question for group members, beginning at `start` of the frame.
    pub(super) fn receive_mld(
        &mut self,
        now: Time,
        start: usize,
        packet: Packet,
        free: &mut Batch,
    ) {
        match self.take_mld(now, start, &packet) {
            Some(()) => self.heard(packet, free),
            None => self.discard(DropReason::IgmpInvalid, packet, free),
        }
    }

    fn take_mld(&mut self, now: Time, start: usize, packet: &Packet) -> Option<()> {
        let (ip, behind) = Ipv6::read_quoted(packet.bytes().get(self.link..)?).ok()?;
        let to_routers = ip.next_header() == Protocol::HOP_BY_HOP && has_alert(behind);
        if ip.hop_limit() != 1 || !ip.source().is_unicast_link_local() || !to_routers {
            return None;
        }
        let message = packet.bytes().get(start..)?;
        let code = u16::from_be_bytes([*message.get(4)?, *message.get(5)?]);
        let (octets, newest) = message.get(8..)?.split_first_chunk::<16>()?;
        let millis = if newest.is_empty() {
            self.groups.older_v6 = now + OLDER;
            code.into()
        } else {
            names_sources(newest, 16)?;
            float_16(code)
        };
        let within = Duration::from_millis(millis.max(1));
        self.groups.asked(now, Ipv6Addr::from(*octets).into(), within, &mut self.random);
        Some(())
    }

    fn report_igmp(&mut self, now: Time, group: Ipv4Addr, said: Said, free: &mut Batch) {
        let octets = group.octets();
        let older = now < self.groups.older_v4;
        let mut message = [0; 16];
        let (len, to) = if older {
            message[0] = if said == Said::Left { 0x17 } else { 0x16 };
            message[4..8].copy_from_slice(&octets);
            (8, if said == Said::Left { ALL_ROUTERS } else { group })
        } else {
            message[0] = 0x22;
            message[7] = 1;
            message[8] = said as u8;
            message[12..16].copy_from_slice(&octets);
            (16, IGMP_ROUTERS)
        };
        let message = &mut message[..len];
        let checksum = Sum::of(message).checksum();
        message[2..4].copy_from_slice(&checksum.to_be_bytes());
        let source = self.addresses.first_v4.unwrap_or(Ipv4Addr::UNSPECIFIED);
        let Some(mut packet) = self.buffer(free) else { return };
        let made = packet.push_back(24 + len).and_then(|bytes| {
            let (ip, payload) = Ipv4::create(bytes, 4).ok()?;
            ip.set_ttl(1);
            ip.set_protocol(Protocol::IGMP);
            ip.set_source(source);
            ip.set_destination(to);
            ip.option_bytes_mut().copy_from_slice(&[0x94, 4, 0, 0]);
            ip.update_checksum();
            payload.copy_from_slice(message);
            Some(())
        });
        if made.is_some() && self.put_ethernet(&mut packet, group_mac(to.into()), EtherType::IPV4) {
            self.push(packet, free);
        } else {
            self.discard(DropReason::SendMalformed, packet, free);
        }
    }

    fn report_mld(&mut self, now: Time, group: Ipv6Addr, said: Said, free: &mut Batch) {
        let octets = group.octets();
        let older = now < self.groups.older_v6;
        let mut message = [0; 28];
        let (len, to) = if older {
            message[0] = if said == Said::Left { 132 } else { 131 };
            message[8..24].copy_from_slice(&octets);
            (24, if said == Said::Left { ALL_ROUTERS_V6 } else { group })
        } else {
            message[0] = 143;
            message[7] = 1;
            message[8] = said as u8;
            message[12..28].copy_from_slice(&octets);
            (28, MLD_ROUTERS)
        };
        let message = &mut message[..len];
        let source = self
            .addresses
            .iter()
            .find_map(|it| match it.ip {
                IpAddr::V6(ip) if ip.is_unicast_link_local() => Some(ip),
                _ => None,
            })
            .unwrap_or(Ipv6Addr::UNSPECIFIED);
        let sum = Sum::pseudo_v6(source, to, Protocol::ICMPV6, len).and(Sum::of(message));
        message[2..4].copy_from_slice(&sum.checksum().to_be_bytes());
        let Some(mut packet) = self.buffer(free) else { return };
        if let Some(bytes) = packet.push_back(8 + len) {
            // Hop-by-hop options: a router alert for MLD, and padding.
            bytes[..8].copy_from_slice(&[Protocol::ICMPV6.0, 0, 5, 2, 0, 0, 1, 0]);
            bytes[8..].copy_from_slice(message);
        }
        if self.put_ipv6(&mut packet, source, to, Protocol::HOP_BY_HOP, 1) {
            super::output::set_destination(&mut packet, group_mac(to.into()));
            self.push(packet, free);
        } else {
            self.discard(DropReason::SendMalformed, packet, free);
        }
    }
}

/// Sees that a question of the newest versions has, behind the group, all the sources that it says
/// it names, each of so many bytes. All of them are wanted here, so which they are does not matter.
fn names_sources(behind: &[u8], width: usize) -> Option<()> {
    let &[_, _, a, b, ref sources @ ..] = behind else { return None };
    (sources.len() >= usize::from(u16::from_be_bytes([a, b])) * width).then_some(())
}

/// Whether hop-by-hop options, at the start of these bytes, ask routers to look at a message for
/// group members, as all such messages do (RFC 3810, 6.2).
fn has_alert(bytes: &[u8]) -> bool {
    let &[_, length, ..] = bytes else { return false };
    let header = bytes.get(..(usize::from(length) + 1) * 8).unwrap_or_default();
    let mut options = extension::Options::new(header).flatten();
    options.any(|it| it.kind == extension::Option::ROUTER_ALERT && it.data == [0, 0])
}

/// The time codes of IGMP version 3 (RFC 3376, 4.1.1): numbers up to 127 as they are, others as a
/// mantissa of four bits and an exponent of three.
fn float(code: u8) -> u64 {
    if code < 128 {
        return code.into();
    }
    u64::from(code & 0xf | 0x10) << ((code >> 4 & 7) + 3)
}

/// The same in 16 bits, for MLDv2 (RFC 3810, 5.1.3).
fn float_16(code: u16) -> u64 {
    if code < 32_768 {
        return code.into();
    }
    u64::from(code & 0xfff | 0x1000) << ((code >> 12 & 7) + 3)
}
