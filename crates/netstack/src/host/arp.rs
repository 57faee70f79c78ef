//! ARP (RFC 826), with probes and announcements (RFC 5227).

use super::{Event, Host};
use crate::neighbor::Claim;
use crate::{DropReason, Time};
use core::net::{IpAddr, Ipv4Addr};
use packet::header::arp::{Arp, Operation};
use packet::header::ethernet::{EtherType, Ethernet, Mac};
use packet::{Batch, Packet};
use zerocopy::IntoBytes;

impl Host {
    pub(super) fn receive_arp(&mut self, now: Time, mut packet: Packet, free: &mut Batch) {
        let (link, mac) = (self.link, self.mac);
        let Some((arp, _)) = packet.bytes().get(link..).and_then(|it| Arp::read(it).ok()) else {
            return self.discard(DropReason::ArpMalformed, packet, free);
        };
        let arp = *arp;
        let (sender, target) = (arp.sender(), arp.target());
        // A sender that names another hardware address than its frame came from may be a proxy;
        // a group, or our own, it cannot be.
        if arp.sender_mac.is_multicast() || arp.sender_mac == mac || sender.is_multicast() {
            return self.discard(DropReason::ArpMalformed, packet, free);
        }
        let ours = self.addresses.has(target.into());
        if self.addresses.has(sender.into()) {
            self.meet_duplicate(now, sender.into(), arp.sender_mac, free);
            return self.discard(DropReason::ArpNotOurs, packet, free);
        }
        let is_reply = arp.operation == Operation::REPLY;
        // A probe for an address that we check ourselves: two begin at once (RFC 5227, 2.1.1).
        if sender.is_unspecified() && ours && self.addresses.is_tentative(target.into()) {
            self.meet_duplicate(now, target.into(), arp.sender_mac, free);
        }
        if !sender.is_unspecified() {
            let to_us = Ethernet::read(packet.bytes())
                .is_ok_and(|(ethernet, _)| ethernet.destination == mac);
            let claim = Claim {
                ip: sender.into(),
                mac: arp.sender_mac,
                // An answer comes to our own address; what comes to everybody may be anybody's.
                solicited: is_reply && ours && to_us,
                overrides: true,
                creates: arp.operation == Operation::REQUEST && ours && self.is_on_link(sender),
            };
            let spread = self.random.next_u16();
            if let Some(waiting) = self.neighbors.claim(now, claim, spread, free) {
                self.send_waiting(now, arp.sender_mac, waiting, free);
            }
        }
        if arp.operation != Operation::REQUEST || !ours {
            let answered = is_reply && ours;
            if answered {
                return self.heard(packet, free);
            }
            return self.discard(DropReason::ArpNotOurs, packet, free);
        }
        packet.truncate(link + Arp::LEN);
        *packet.offload_mut() = packet::Offload::default();
        if let Some((arp, _)) =
            packet.bytes_mut().get_mut(link..).and_then(|it| Arp::read_mut(it).ok())
        {
            arp.answer(mac);
        }
        if let Ok((ethernet, _)) = Ethernet::read_mut(packet.bytes_mut()) {
            ethernet.destination = arp.sender_mac;
            ethernet.source = mac;
        }
        self.counters.answered += 1;
        self.push(packet, free);
    }

    /// Whether a neighbour may have this address.
    fn is_on_link(&self, ip: Ipv4Addr) -> bool {
        self.routes.lookup(ip.into()).is_some_and(|route| route.gateway.is_none())
            || self.routes.iter().any(|route| route.gateway == Some(ip.into()))
    }

    /// Somebody else uses one of our addresses.
    pub(super) fn meet_duplicate(
        &mut self,
        now: Time,
        address: IpAddr,
        mac: Mac,
        free: &mut Batch,
    ) {
        self.tell(Event::DuplicateAddress { address, mac });
        self.tell_duplicate(now, address);
        if let IpAddr::V4(ip) = address
            && self.addresses.has(address)
            && self.addresses.defend(now, address)
        {
            self.announce_arp(ip, free);
        }
    }

    /// Asks who has `ip`: everybody, or the one who had it.
    pub(super) fn ask_arp(&mut self, ip: Ipv4Addr, to: Option<Mac>, free: &mut Batch) {
        let Some(source) = self.source_v4(ip) else { return };
        self.send_arp(Operation::REQUEST, source, ip, to.unwrap_or(Mac::BROADCAST), free);
    }

    /// Asks whether somebody has an address of ours.
    pub(super) fn probe_arp(&mut self, ip: Ipv4Addr, free: &mut Batch) {
        self.send_arp(Operation::REQUEST, Ipv4Addr::UNSPECIFIED, ip, Mac::BROADCAST, free);
    }

    /// Tells everybody that an address is ours.
    pub(super) fn announce_arp(&mut self, ip: Ipv4Addr, free: &mut Batch) {
        self.send_arp(Operation::REQUEST, ip, ip, Mac::BROADCAST, free);
    }

    fn send_arp(
        &mut self,
        operation: Operation,
        sender: Ipv4Addr,
        target: Ipv4Addr,
        to: Mac,
        free: &mut Batch,
    ) {
        let Some(mut packet) = self.buffer(free) else { return };
        let arp = Arp::new(operation, (self.mac, sender), (Mac::default(), target));
        if let Some(bytes) = packet.push_back(Arp::LEN) {
            bytes.copy_from_slice(arp.as_bytes());
        }
        if self.put_ethernet(&mut packet, to, EtherType::ARP) {
            self.push(packet, free);
        } else {
            self.discard(DropReason::SendMalformed, packet, free);
        }
    }
}
