//! Datagrams of a stack on their way out: complete from here on, or given back.
//!
//! Nearly all of them are plain ones that go back by the way they came; these are worked on where
//! they lie, as many as follow each other, and move on together.

use super::Host;
use super::address::Cast;
use crate::udp::{Place, Plain, Stack, Stacks, set_header_checksum};
use crate::{DropReason, Time};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use packet::checksum::{self, Sum};
use packet::header::Protocol;
use packet::header::ipv6::Ipv6;
use packet::header::udp::Udp;
use packet::{Batch, Checksum, Offload, Packet};

/// What all plain datagrams of a host have in common.
pub(super) struct Common<'a> {
    mac: &'a [u8; 6],
    own_v4: Option<&'a Ipv4Addr>,
    own_v6: Option<&'a Ipv6Addr>,
    /// Where the longest one ends.
    most: usize,
    checksum_offload: bool,
}

impl Common<'_> {
    /// Completes a plain datagram of a stack's that goes back by the way it came. `false`, and
    /// nothing changed, if anything about it takes a second look.
    #[inline]
    pub(super) fn complete(&self, stack: &Stack, packet: &mut Packet) -> bool {
        let changed = matches!(packet.offload().checksum, Checksum::Partial { .. });
        let Some(plain) = Plain::of(packet) else { return false };
        let bytes = packet.bytes_mut();
        let Some((ethernet, behind)) = bytes.split_first_chunk_mut::<14>() else { return false };
        let addressed =
            ethernet[..6] != [0; 6] && ethernet[..6] != *self.mac && ethernet[0] & 1 == 0;
        let ports = behind.get(plain.udp - 14..plain.udp - 12);
        if !addressed || plain.end > self.most || ports != Some(&stack.port.to_be_bytes()) {
            return false;
        }
        if plain.is_v4 {
            let Some(ip) = behind.first_chunk_mut::<20>() else { return false };
            if self.own_v4.is_none_or(|own| own.octets() != ip[12..16]) || ip[16] >= 224 {
                return false;
            }
            if changed || ip[8] != stack.ttl || ip[1] != stack.traffic_class {
                (ip[8], ip[1]) = (stack.ttl, stack.traffic_class);
                set_header_checksum(ip);
            }
        } else {
            let Some(ip) = behind.first_chunk_mut::<40>() else { return false };
            if self.own_v6.is_none_or(|own| own.octets() != ip[8..24]) || ip[24] == 0xff {
                return false;
            }
            ip[7] = stack.ttl;
            ip[0] = 0x60 | stack.traffic_class >> 4;
            ip[1] = stack.traffic_class << 4 | ip[1] & 0x0f;
        }
        ethernet[6..12].copy_from_slice(self.mac);
        let mut offload = Offload::default();
        if changed && self.checksum_offload {
            plain.set_pseudo_checksum(bytes);
            offload.checksum = Checksum::Partial { start: plain.udp as u16, offset: 6 };
        } else if changed {
            plain.set_checksum(bytes);
        }
        *packet.offload_mut() = offload;
        packet.truncate(plain.end);
        true
    }
}

impl Host {
    /// What plain datagrams have in common, and the stacks they may be of; `None` if each takes a
    /// second look.
    #[inline]
    pub(super) fn common(&mut self) -> Option<(Common<'_>, &mut Stacks)> {
        if self.vlan.is_some() || !self.path_mtus.is_empty() {
            return None;
        }
        let common = Common {
            mac: &self.mac.0,
            own_v4: self.addresses.first_v4.as_ref(),
            own_v6: self.addresses.first_v6.as_ref(),
            most: self.link + self.mtu,
            checksum_offload: self.checksum_offload,
        };
        Some((common, &mut self.stacks))
    }

    /// Sends the datagrams at the front of `ready`, at most `limit` of them, that are plain and go
    /// back by the way they came; stops at one that takes a second look. Says how many were sent.
    #[inline]
    pub(super) fn depart_plain(&mut self, index: usize, ready: &mut Batch, limit: usize) -> usize {
        let Some((common, stacks)) = self.common() else { return 0 };
        let Some(stack) = stacks.at_mut(index) else { return 0 };
        let limit = limit.min(ready.len());
        let open = ready.iter_mut().take(limit).position(|packet| !common.complete(stack, packet));
        let count = open.unwrap_or(limit);
        Stacks::left_plain(stack, count);
        if count == ready.len() {
            self.outgoing.append(ready);
        } else {
            self.outgoing.extend(ready.drain(..count));
        }
        count
    }

    /// Sends one datagram of a stack, or gives it back, counted.
    pub(super) fn depart(
        &mut self,
        now: Time,
        index: usize,
        mut packet: Packet,
        free: &mut Batch,
    ) -> Result<(), Packet> {
        let Some(place) = Place::of(&packet) else { return Err(self.refuse(packet)) };
        let Some(stack) = self.stacks.at_mut(index) else { return Err(self.refuse(packet)) };
        let end = place.payload_start() + place.payload();
        // Padding that a short frame came with, or bytes between the end of the datagram and that of
        // the IP packet around it: who sent those learns nothing from getting them back.
        packet.truncate_frame(end);
        let mut changed = matches!(packet.offload().checksum, Checksum::Partial { .. });
        let (mac, first_v4, first_v6) =
            (self.mac, self.addresses.first_v4, self.addresses.first_v6);
        let bytes = packet.bytes_mut();
        let Some((ethernet, behind)) = bytes.split_first_chunk_mut::<14>() else {
            return Err(self.refuse(packet));
        };
        let (ports, open) = {
            let at = place.udp() - 14;
            let from = behind.get(at..at + 2).map(|it| u16::from_be_bytes([it[0], it[1]]));
            (from, ethernet[..6] == [0; 6] || ethernet[..6] == mac.0)
        };
        if ports != Some(stack.port) || place.ip() != self.link {
            return Err(self.refuse(packet));
        }
        ethernet[6..12].copy_from_slice(&mac.0);
        let Some(ip) = behind.get_mut(place.ip() - 14..) else { return Err(self.refuse(packet)) };
        let (to, own): (IpAddr, bool) = if place.is_v4() {
            let total = ((end - place.ip()) as u16).to_be_bytes();
            let Some(header) = ip.get_mut(..place.udp() - place.ip()).filter(|it| it.len() >= 20)
            else {
                return Err(self.refuse(packet));
            };
            let source = Ipv4Addr::new(header[12], header[13], header[14], header[15]);
            let to = Ipv4Addr::new(header[16], header[17], header[18], header[19]);
            let ttl = if to.is_multicast() { stack.rest.multicast_ttl } else { stack.ttl };
            let stale =
                header[8] != ttl || header[1] != stack.traffic_class || header[2..4] != total;
            if stale || changed {
                header[8] = ttl;
                header[1] = stack.traffic_class;
                header[2..4].copy_from_slice(&total);
                header[10..12].fill(0);
                let sum = Sum::of(header).checksum();
                header[10..12].copy_from_slice(&sum.to_be_bytes());
            }
            (to.into(), Some(source) == first_v4)
        } else {
            let Some(header) = ip.first_chunk_mut::<40>() else {
                return Err(self.refuse(packet));
            };
            let address = |at: usize| {
                let octets: Option<[u8; 16]> = header[at..].first_chunk().copied();
                Ipv6Addr::from(octets.unwrap_or_default())
            };
            let (source, to) = (address(8), address(24));
            let payload = ((end - place.ip() - Ipv6::LEN) as u16).to_be_bytes();
            header[4..6].copy_from_slice(&payload);
            header[7] = if to.is_multicast() { stack.rest.multicast_ttl } else { stack.ttl };
            header[0] = 0x60 | stack.traffic_class >> 4;
            header[1] = stack.traffic_class << 4 | header[1] & 0x0f;
            (to.into(), Some(source) == first_v6)
        };
        Stacks::left(stack, &packet);
        if !own {
            match self.correct_source(&mut packet, place, to) {
                Some(corrected) => changed |= corrected,
                None => {
                    return Err(self.take_back(index, DropReason::SendMalformed, packet));
                }
            }
        }
        if changed {
            self.finish_checksum(&mut packet, place);
        } else {
            *packet.offload_mut() = Offload::default();
        }
        if open {
            if self.addresses.cast(to) == Cast::Broadcast
                && self.stacks.at(index).is_some_and(|stack| !stack.rest.broadcast)
            {
                return Err(self.take_back(index, DropReason::SendRefused, packet));
            }
            self.send(now, packet, to, free);
        } else {
            self.emit(now, packet, to, free);
        }
        Ok(())
    }

    #[cold]
    fn refuse(&mut self, packet: Packet) -> Packet {
        self.counters.count(DropReason::SendMalformed);
        packet
    }

    /// Gives a packet that was counted as sent back to who sent it.
    #[cold]
    fn take_back(&mut self, index: usize, reason: DropReason, packet: Packet) -> Packet {
        if let Some(stack) = self.stacks.at_mut(index) {
            Stacks::returned(stack, &packet);
        }
        self.counters.count(reason);
        packet
    }

    /// A source that is not our first address: another of ours, or, in an answer to what came to
    /// many, the group; then our own address goes in. Whether it did; `None` if none can.
    #[cold]
    fn correct_source(&self, packet: &mut Packet, place: Place, to: IpAddr) -> Option<bool> {
        let (at, len) = if place.is_v4() { (place.ip() + 12, 4) } else { (place.ip() + 8, 16) };
        let field = packet.bytes().get(at..at + len)?;
        let source: IpAddr = match *field {
            [a, b, c, d] => Ipv4Addr::new(a, b, c, d).into(),
            _ => Ipv6Addr::from(field.first_chunk::<16>().copied()?).into(),
        };
        match self.addresses.cast(source) {
            Cast::Own => return Some(false),
            Cast::Other if !source.is_unspecified() => return None,
            _ => {}
        }
        let own = self.source(to)?;
        let field = packet.bytes_mut().get_mut(at..at + len)?;
        match own {
            IpAddr::V4(ip) if place.is_v4() => field.copy_from_slice(&ip.octets()),
            IpAddr::V6(ip) if !place.is_v4() => field.copy_from_slice(&ip.octets()),
            _ => return None,
        }
        if place.is_v4() {
            self.update_ipv4_checksum(packet);
        }
        Some(true)
    }

    /// Writes the sum of the pseudo header into the checksum field, and completes it unless the
    /// device does.
    #[inline]
    pub(super) fn finish_checksum(&self, packet: &mut Packet, place: Place) {
        let len = place.payload() + Udp::LEN;
        let bytes = packet.bytes_mut();
        let addresses = if place.is_v4() {
            bytes.get(place.ip() + 12..place.ip() + 20)
        } else {
            bytes.get(place.ip() + 8..place.ip() + 40)
        };
        let mut sum = Sum::of(addresses.unwrap_or_default());
        sum.add(&[0, Protocol::UDP.0]);
        sum.add(&(len as u16).to_be_bytes());
        let partial = sum.partial();
        if let Some(field) = bytes.get_mut(place.udp() + 6..place.udp() + 8) {
            field.copy_from_slice(&partial.to_be_bytes());
        }
        *packet.offload_mut() = Offload {
            checksum: Checksum::Partial { start: place.udp() as u16, offset: 6 },
            segmentation: None,
        };
        if !self.checksum_offload {
            // It has a UDP header: `Place` found it.
            let _ = checksum::complete(packet);
        }
    }
}
