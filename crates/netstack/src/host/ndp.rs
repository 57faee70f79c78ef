//! Neighbour discovery (RFC 4861) and the check for duplicate addresses (RFC 4862).

use super::address::{group_mac, solicited_node};
use super::{Event, Host};
use crate::neighbor::Claim;
use crate::{DropReason, Time};
use core::net::{IpAddr, Ipv6Addr};
use packet::checksum::Sum;
use packet::header::ethernet::{Ethernet, Mac};
use packet::header::ipv6::Ipv6;
use packet::header::ndp::{
    self, NdpOption, NeighborAdvertisement, NeighborSolicitation, Options, RouterAdvertisement,
};
use packet::header::{Malformed, Protocol};
use packet::{Batch, Packet};
use zerocopy::IntoBytes;

/// All nodes on the link.
pub(super) const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// Bytes of an option with a hardware address.
const LINK_LAYER: usize = 8;

impl Host {
    /// Takes in a message between neighbours: `kind`, beginning at `start` of the frame.
    pub(super) fn receive_ndp(
        &mut self,
        now: Time,
        kind: u8,
        start: usize,
        packet: Packet,
        free: &mut Batch,
    ) {
        let done = match kind {
            NeighborSolicitation::KIND => self.take_solicitation(now, start, &packet, free),
            NeighborAdvertisement::KIND => self.take_advertisement(now, start, &packet, free),
            RouterAdvertisement::KIND => self.take_router_advertisement(now, start, &packet),
            // Redirects are not believed: on a link where they are needed a route says so.
            _ => None,
        };
        match done {
            Some(()) => self.heard(packet, free),
            None => self.discard(DropReason::NdpInvalid, packet, free),
        }
    }

    /// `None` if it breaks the rules of RFC 4861, 7.1.1, or is not about us.
    fn take_solicitation(
        &mut self,
        now: Time,
        start: usize,
        packet: &Packet,
        free: &mut Batch,
    ) -> Option<()> {
        let (ip, _) = Ipv6::read_start(packet.bytes().get(self.link..)?, usize::MAX).ok()?;
        let (source, destination, hops) = (ip.source(), ip.destination(), ip.hop_limit());
        let message = packet.bytes().get(start..)?;
        let (solicitation, options) = NeighborSolicitation::read(message).ok()?;
        let target = solicitation.target();
        let mac = link_layer(options, |option| match option {
            NdpOption::SourceLinkLayer(mac) => Some(mac),
            _ => None,
        })
        .ok()?;
        if hops != ndp::HOP_LIMIT || !self.addresses.has(target.into()) {
            return None;
        }
        if source.is_unspecified() {
            // Somebody checks whether the address is free.
            if mac.is_some() || destination != solicited_node(target) {
                return None;
            }
            if self.addresses.is_tentative(target.into()) {
                let theirs = Ethernet::read(packet.bytes()).ok()?.0.source;
                self.meet_duplicate_v6(now, target, theirs);
            } else {
                self.advertise(target, ALL_NODES, group_mac(ALL_NODES.into()), false, free);
            }
            return Some(());
        }
        if self.addresses.has(source.into()) {
            return None;
        }
        let to = match mac {
            Some(mac) => {
                let claim = Claim {
                    ip: source.into(),
                    mac,
                    solicited: false,
                    overrides: true,
                    creates: self.is_on_link_v6(source),
                };
                let spread = self.random.next_u16();
                if let Some(waiting) = self.neighbors.claim(now, claim, spread, free) {
                    self.send_waiting(now, mac, waiting, free);
                }
                mac
            }
            // A unicast probe may leave it out: then answer to where the frame came from.
            None => Ethernet::read(packet.bytes()).ok()?.0.source,
        };
        self.advertise(target, source, to, true, free);
        Some(())
    }

    /// `None` if it breaks the rules of RFC 4861, 7.1.2.
    fn take_advertisement(
        &mut self,
        now: Time,
        start: usize,
        packet: &Packet,
        free: &mut Batch,
    ) -> Option<()> {
        let (ip, _) = Ipv6::read_start(packet.bytes().get(self.link..)?, usize::MAX).ok()?;
        let (destination, hops) = (ip.destination(), ip.hop_limit());
        let message = packet.bytes().get(start..)?;
        let (advertisement, options) = NeighborAdvertisement::read(message).ok()?;
        if hops != ndp::HOP_LIMIT
            || advertisement.target().is_multicast()
            || advertisement.solicited() && destination.is_multicast()
        {
            return None;
        }
        let frame = Ethernet::read(packet.bytes()).ok()?.0;
        // Without the option an answer by unicast speaks for the frame's source (7.2.5).
        let mac = link_layer(options, |option| match option {
            NdpOption::TargetLinkLayer(mac) => Some(mac),
            _ => None,
        })
        .ok()?
        .unwrap_or(frame.source);
        let target = advertisement.target();
        if self.addresses.has(target.into()) {
            self.meet_duplicate_v6(now, target, mac);
            return Some(());
        }
        let claim = Claim {
            ip: target.into(),
            mac,
            solicited: advertisement.solicited(),
            overrides: advertisement.overrides(),
            creates: false,
        };
        let spread = self.random.next_u16();
        if let Some(waiting) = self.neighbors.claim(now, claim, spread, free) {
            self.send_waiting(now, mac, waiting, free);
        }
        Some(())
    }

    /// Somebody else uses an address of ours: it is given up (RFC 4862, 5.4.5).
    fn meet_duplicate_v6(&mut self, now: Time, address: Ipv6Addr, mac: Mac) {
        let ip = IpAddr::V6(address);
        self.tell(Event::DuplicateAddress { address: ip, mac });
        if self.addresses.is_tentative(ip) {
            self.remove_address(now, ip);
        }
        self.tell_duplicate(now, ip);
    }

    fn is_on_link_v6(&self, ip: Ipv6Addr) -> bool {
        ip.is_unicast_link_local()
            || self.routes.lookup(ip.into()).is_some_and(|route| route.gateway.is_none())
    }

    /// Asks who has `ip`: its group, or the one who had it.
    pub(super) fn ask_ndp(&mut self, ip: Ipv6Addr, to: Option<Mac>, free: &mut Batch) {
        let Some(IpAddr::V6(source)) = self.source(ip.into()) else { return };
        let message = NeighborSolicitation::new(ip);
        let option = NdpOption::SourceLinkLayer(self.mac);
        let group = solicited_node(ip);
        let (destination, mac) = match to {
            Some(mac) => (ip, mac),
            None => (group, group_mac(group.into())),
        };
        self.send_ndp(message.as_bytes(), Some(option), source, destination, mac, free);
    }

    /// Asks whether somebody has an address of ours.
    pub(super) fn probe_ndp(&mut self, ip: Ipv6Addr, free: &mut Batch) {
        let (message, group) = (NeighborSolicitation::new(ip), solicited_node(ip));
        let source = Ipv6Addr::UNSPECIFIED;
        self.send_ndp(message.as_bytes(), None, source, group, group_mac(group.into()), free);
    }

    /// Tells everybody that an address is ours.
    pub(super) fn announce_ndp(&mut self, ip: Ipv6Addr, free: &mut Batch) {
        self.advertise(ip, ALL_NODES, group_mac(ALL_NODES.into()), false, free);
    }

    fn advertise(
        &mut self,
        target: Ipv6Addr,
        to: Ipv6Addr,
        mac: Mac,
        solicited: bool,
        free: &mut Batch,
    ) {
        let mut message = NeighborAdvertisement::new(target);
        message.set_solicited(solicited);
        message.set_overrides(true);
        let option = NdpOption::TargetLinkLayer(self.mac);
        self.send_ndp(message.as_bytes(), Some(option), target, to, mac, free);
    }

    fn send_ndp(
        &mut self,
        message: &[u8],
        option: Option<NdpOption<'_>>,
        source: Ipv6Addr,
        destination: Ipv6Addr,
        mac: Mac,
        free: &mut Batch,
    ) {
        let Some(mut packet) = self.buffer(free) else { return };
        if let Some(bytes) = packet.push_back(message.len()) {
            bytes.copy_from_slice(message);
        }
        if let Some(option) = option
            && let Some(bytes) = packet.push_back(LINK_LAYER)
        {
            option.write(bytes);
        }
        self.send_icmpv6_to(packet, source, destination, ndp::HOP_LIMIT, mac, free);
    }

    /// Completes an ICMPv6 message and sends it to a hardware address.
    pub(super) fn send_icmpv6_to(
        &mut self,
        mut packet: Packet,
        source: Ipv6Addr,
        destination: Ipv6Addr,
        hops: u8,
        mac: Mac,
        free: &mut Batch,
    ) {
        set_icmpv6_checksum(&mut packet, source, destination);
        if self.put_ipv6(&mut packet, source, destination, Protocol::ICMPV6, hops) {
            super::output::set_destination(&mut packet, mac);
            self.push(packet, free);
        } else {
            self.discard(DropReason::SendMalformed, packet, free);
        }
    }
}

/// Computes the checksum of an ICMPv6 message that fills a packet from its first byte on.
pub(super) fn set_icmpv6_checksum(packet: &mut Packet, source: Ipv6Addr, destination: Ipv6Addr) {
    let len = packet.frame_len();
    if let Some(field) = packet.bytes_mut().get_mut(2..4) {
        field.fill(0);
    }
    let mut sum = Sum::pseudo_v6(source, destination, Protocol::ICMPV6, len);
    sum.add_chain(packet, 0, len);
    if let Some(field) = packet.bytes_mut().get_mut(2..4) {
        field.copy_from_slice(&sum.checksum().to_be_bytes());
    }
}

/// The hardware address among the options, if one is there.
fn link_layer(
    options: &[u8],
    find: impl Fn(NdpOption<'_>) -> Option<Mac>,
) -> Result<Option<Mac>, Malformed> {
    let mut found = None;
    for option in Options::new(options) {
        found = find(option?).or(found);
    }
    Ok(found)
}
