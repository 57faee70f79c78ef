//! The headers of datagrams from one stack to one place, made once and copied for each.

use super::datagram::LONGEST_PAYLOAD;
use core::net::{IpAddr, SocketAddr};
use packet::header::Protocol;
use packet::header::ethernet::{EtherType, Ethernet, Mac};
use packet::header::ipv4::Ipv4;
use packet::header::ipv6::Ipv6;
use packet::header::udp::Udp;
use packet::header::vlan::Vlan;
use packet::{Batch, Checksum, HEADROOM, PAGE, Packet};
use zerocopy::IntoBytes;

/// Room for the longest: Ethernet, a tag, IPv6, UDP.
const MOST: usize = Ethernet::LEN + Vlan::LEN + Ipv6::LEN + Udp::LEN;

/// What the headers say besides addresses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Traits {
    pub(crate) ttl: u8,
    pub(crate) traffic_class: u8,
    pub(crate) vlan: Option<u16>,
}

/// The headers of datagrams from one stack to one place.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    bytes: [u8; MOST],
    len: usize,
    ip: usize,
    udp: usize,
    is_v4: bool,
}

impl Template {
    /// From `source` to `destination`, which must be of one family. The hardware address they go
    /// to is left open.
    pub(crate) fn new(
        mac: Mac,
        source: SocketAddr,
        destination: SocketAddr,
        traits: Traits,
    ) -> Self {
        let ethertype = if source.is_ipv4() { EtherType::IPV4 } else { EtherType::IPV6 };
        let mut this = Self { bytes: [0; MOST], len: 0, ip: 0, udp: 0, is_v4: source.is_ipv4() };
        match traits.vlan {
            Some(id) => {
                this.push(&ethernet(mac, EtherType::VLAN));
                this.push(Vlan::new(id, ethertype).as_bytes());
            }
            None => this.push(&ethernet(mac, ethertype)),
        }
        this.ip = this.len;
        match (source.ip(), destination.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let mut header = [0; Ipv4::LEN];
                if let Ok((ip, _)) = Ipv4::create(&mut header, 0) {
                    ip.set_ttl(traits.ttl);
                    ip.set_dscp(traits.traffic_class >> 2);
                    ip.set_protocol(Protocol::UDP);
                    ip.set_source(from);
                    ip.set_destination(to);
                }
                this.push(&header);
            }
            (from, to) => {
                let v6 = |ip: IpAddr| match ip {
                    IpAddr::V4(ip) => ip.to_ipv6_mapped(),
                    IpAddr::V6(ip) => ip,
                };
                let mut ip = Ipv6::new(v6(from), v6(to), Protocol::UDP, 0);
                ip.set_hop_limit(traits.ttl);
                ip.set_dscp(traits.traffic_class >> 2);
                this.push(ip.as_bytes());
            }
        }
        this.udp = this.len;
        this.push(Udp::new(source.port(), destination.port(), 0).as_bytes());
        this
    }

    fn push(&mut self, header: &[u8]) {
        if let Some(room) = self.bytes.get_mut(self.len..self.len + header.len()) {
            room.copy_from_slice(header);
            self.len += header.len();
        }
    }

    /// Makes a datagram that carries `payload`, in a buffer from the front of `free`; in a chain
    /// of several if it is longer than a page. `None`, and `free` as it was but for the order, if
    /// there are too few.
    #[inline]
    pub(crate) fn fill(&self, payload: &[u8], free: &mut Batch) -> Option<Packet> {
        let room = PAGE - HEADROOM;
        if payload.len() > LONGEST_PAYLOAD || payload.len().div_ceil(room).max(1) > free.len() {
            return None;
        }
        let (here, mut rest) = payload.split_at(payload.len().min(room));
        let mut packet = free.pop_front()?;
        packet.clear_spread(here.len());
        packet.push_back(here.len())?.copy_from_slice(here);
        let headers = packet.push_front(self.len)?;
        headers.copy_from_slice(self.bytes.get(..self.len)?);
        let transport = payload.len() + Udp::LEN;
        let (at, value) = if self.is_v4 {
            (self.ip + 2, self.udp - self.ip + transport)
        } else {
            (self.ip + 4, transport)
        };
        headers.get_mut(at..at + 2)?.copy_from_slice(&(value as u16).to_be_bytes());
        let at = self.udp + 4;
        headers.get_mut(at..at + 2)?.copy_from_slice(&(transport as u16).to_be_bytes());
        packet.offload_mut().checksum = Checksum::Partial { start: self.udp as u16, offset: 6 };
        while !rest.is_empty() {
            let here;
            (here, rest) = rest.split_at(rest.len().min(room));
            let mut page = free.pop_front()?;
            page.clear();
            page.push_back(here.len())?.copy_from_slice(here);
            packet.append(page);
        }
        Some(packet)
    }
}

fn ethernet(source: Mac, ethertype: EtherType) -> [u8; Ethernet::LEN] {
    let header = Ethernet { destination: Mac::default(), source, ethertype };
    let mut bytes = [0; Ethernet::LEN];
    bytes.copy_from_slice(header.as_bytes());
    bytes
}
