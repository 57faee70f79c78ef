//! The way out: route, neighbour, fragments, driver.

use super::address::{Cast, group_mac};
use super::{EVENTS, Host, OUTGOING, SPARE, release};
use crate::neighbor::Due;
use crate::{DropReason, Error, Time};
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use packet::header::ethernet::{Ethernet, Mac};
use packet::header::ipv4::Ipv4;
use packet::{Batch, Packet, Queue, checksum};

impl Host {
    /// Sends a frame that is complete but for the hardware address that it goes to. Packets that
    /// cannot go are dropped, counted, and released to `free`.
    pub(super) fn send(&mut self, now: Time, mut packet: Packet, to: IpAddr, free: &mut Batch) {
        let mac = match self.addresses.cast(to) {
            Cast::Own => return self.send_to_self(packet, free),
            Cast::Broadcast => Mac::BROADCAST,
            Cast::Group => group_mac(to),
            Cast::Other => {
                let Some(hop) = self.routes.lookup(to).map(|route| route.next_hop(to)) else {
                    self.fail(&packet, Error::Unreachable);
                    return self.discard(DropReason::NoRoute, packet, free);
                };
                let Some(mac) = self.neighbors.lookup(now, hop) else {
                    let displaced = self.neighbors.wait(now, hop, packet, free);
                    return self.counters.count_many(DropReason::NeighborPending, displaced);
                };
                mac
            }
        };
        set_destination(&mut packet, mac);
        self.emit(now, packet, to, free);
    }

    /// Sends a frame that is complete; in fragments, if it is too long for the link or the path.
    #[inline]
    pub(super) fn emit(&mut self, now: Time, packet: Packet, to: IpAddr, free: &mut Batch) {
        let len = if packet.next().is_none() { packet.len() } else { packet.frame_len() };
        let mtu = self.path_mtus.get(now, to).unwrap_or(self.mtu).min(self.mtu);
        if len > self.link + mtu {
            self.emit_in_fragments(packet, mtu, free);
        } else {
            self.push(packet, free);
        }
    }

    /// Puts a frame that is complete before the driver.
    #[inline]
    pub(super) fn push(&mut self, packet: Packet, free: &mut Batch) {
        if self.outgoing.len() < OUTGOING {
            self.outgoing.push_back(packet);
        } else {
            self.discard(DropReason::OutgoingFull, packet, free);
        }
    }

    /// Sends to one of our own addresses: it comes in again with the next round.
    #[cold]
    fn send_to_self(&mut self, mut packet: Packet, free: &mut Batch) {
        if self.looped.len() >= OUTGOING {
            return self.discard(DropReason::OutgoingFull, packet, free);
        }
        // It never was on a wire that could have broken it.
        packet.offload_mut().checksum = packet::Checksum::Verified;
        set_destination(&mut packet, self.mac);
        self.looped.push_back(packet);
    }

    /// Sends what waited for a neighbour.
    pub(super) fn send_waiting(
        &mut self,
        now: Time,
        mac: Mac,
        mut waiting: Queue,
        free: &mut Batch,
    ) {
        while let Some(mut packet) = waiting.pop_front() {
            set_destination(&mut packet, mac);
            match self.destination(&packet) {
                Some(to) => self.emit(now, packet, to, free),
                None => self.discard(DropReason::SendMalformed, packet, free),
            }
        }
    }

    /// Asks for neighbours, and gives up those that do not answer.
    pub(super) fn poll_neighbors(&mut self, now: Time, free: &mut Batch) {
        while let Some(due) = self.neighbors.due(now) {
            match due {
                Due::Ask(IpAddr::V4(ip), mac) => self.ask_arp(ip, mac, free),
                Due::Ask(IpAddr::V6(ip), mac) => self.ask_ndp(ip, mac, free),
                Due::Unreachable(mut waiting) => {
                    while let Some(packet) = waiting.pop_front() {
                        self.fail(&packet, Error::Unreachable);
                        self.discard(DropReason::NeighborUnreachable, packet, free);
                    }
                }
            }
        }
    }

    /// Notes an error at the stack that sends from `port` to `remote`.
    pub(super) fn fail_stack(&mut self, port: u16, remote: SocketAddr, error: Error) {
        let index = self
            .stacks
            .next_that(0, &|stack| stack.port == port && stack.rest.remote == Some(remote))
            .or_else(|| {
                self.stacks.next_that(0, &|stack| stack.port == port && stack.rest.remote.is_none())
            });
        let Some(index) = index else { return };
        let Some(stack) = self.stacks.at_mut(index) else { return };
        stack.fail(error);
        let id = stack.id(index);
        if self.failed.len() < EVENTS && !self.failed.contains(&id) {
            self.failed.push_back(id);
        }
    }

    /// Exchanges buffers with the owner of the driver: what stacks lent goes to it, and a few are
    /// kept at hand for stacks that want theirs back.
    pub(super) fn settle(&mut self, free: &mut Batch) {
        let keep = if self.lenders > 0 { SPARE } else { 0 };
        while self.spare.len() > keep
            && let Some(packet) = self.spare.pop_front()
        {
            release(packet, free);
        }
        // Half at most: the driver must not go without.
        while self.spare.len() < keep && free.len() > self.spare.len() {
            let Some(packet) = free.pop_back() else { return };
            self.spare.push_back(packet);
        }
    }

    /// Recomputes the checksum of an IPv4 header of ours.
    pub(super) fn update_ipv4_checksum(&self, packet: &mut Packet) {
        if let Some(bytes) = packet.bytes_mut().get_mut(self.link..)
            && let Some(header) = bytes.first_chunk_mut::<{ Ipv4::LEN }>()
        {
            header[10..12].fill(0);
            let checksum = checksum::Sum::of(header).checksum();
            header[10..12].copy_from_slice(&checksum.to_be_bytes());
        }
    }

    /// An IPv4 address to send from to `to`.
    pub(super) fn source_v4(&self, to: Ipv4Addr) -> Option<Ipv4Addr> {
        match self.source(to.into())? {
            IpAddr::V4(ip) => Some(ip),
            IpAddr::V6(_) => None,
        }
    }

    /// The address to send from to `to`, or why there is none.
    pub(super) fn source_or_why_not(&self, to: IpAddr) -> Result<IpAddr, Error> {
        match self.source(to) {
            Some(source) => Ok(source),
            None if self.addresses.iter().all(|it| it.ip.is_ipv4() != to.is_ipv4()) => {
                Err(Error::NoAddress(to))
            }
            None => Err(Error::NoRoute(to)),
        }
    }

    /// The address to send from to `to`: the route's, or the nearest.
    pub(super) fn source(&self, to: IpAddr) -> Option<IpAddr> {
        let route = self.routes.lookup(to);
        route
            .and_then(|route| route.source)
            .or_else(|| self.addresses.source_for(route.map_or(to, |route| route.next_hop(to))))
    }
}

/// Writes the hardware address that a frame goes to.
pub(super) fn set_destination(packet: &mut Packet, mac: Mac) {
    if let Ok((ethernet, _)) = Ethernet::read_mut(packet.bytes_mut()) {
        ethernet.destination = mac;
    }
}
