//! Putting headers in front of messages of the host's own.

use super::Host;
use crate::DropReason;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use packet::header::Protocol;
use packet::header::ethernet::{EtherType, Ethernet, Mac};
use packet::header::ipv4::Ipv4;
use packet::header::ipv6::Ipv6;
use packet::header::vlan::Vlan;
use packet::{Batch, Packet};
use zerocopy::IntoBytes;

impl Host {
    /// An empty buffer from the front of `free`; counted, if there is none.
    pub(super) fn buffer(&mut self, free: &mut Batch) -> Option<Packet> {
        let Some(mut packet) = free.pop_front() else {
            self.counters.count(DropReason::NoBuffer);
            return None;
        };
        packet.clear();
        Some(packet)
    }

    /// Puts an Ethernet header in front, and a tag if the interface is in a VLAN.
    pub(super) fn put_ethernet(&self, packet: &mut Packet, to: Mac, ethertype: EtherType) -> bool {
        let outer = match self.vlan {
            None => ethertype,
            Some(id) => {
                let Some(bytes) = packet.push_front(Vlan::LEN) else { return false };
                bytes.copy_from_slice(Vlan::new(id, ethertype).as_bytes());
                EtherType::VLAN
            }
        };
        let header = Ethernet { destination: to, source: self.mac, ethertype: outer };
        let Some(bytes) = packet.push_front(Ethernet::LEN) else { return false };
        bytes.copy_from_slice(header.as_bytes());
        true
    }

    /// Puts an IPv4 header with everything in front of it before a message. The hardware address
    /// that it goes to is left open.
    pub(super) fn put_ipv4(
        &self,
        packet: &mut Packet,
        source: Ipv4Addr,
        destination: Ipv4Addr,
        protocol: Protocol,
        ttl: u8,
    ) -> bool {
        let total = packet.frame_len() + Ipv4::LEN;
        let Some(bytes) = packet.push_front(Ipv4::LEN) else { return false };
        let Ok((ip, _)) = Ipv4::create(bytes, 0) else { return false };
        ip.set_total_length(total as u16);
        ip.set_protocol(protocol);
        ip.set_ttl(ttl);
        ip.set_source(source);
        ip.set_destination(destination);
        ip.update_checksum();
        self.put_ethernet(packet, Mac::default(), EtherType::IPV4)
    }

    /// Puts an IPv6 header with everything in front of it before a message, whose first header is
    /// `next`. The hardware address that it goes to is left open.
    pub(super) fn put_ipv6(
        &self,
        packet: &mut Packet,
        source: Ipv6Addr,
        destination: Ipv6Addr,
        next: Protocol,
        hops: u8,
    ) -> bool {
        let mut header = Ipv6::new(source, destination, next, packet.frame_len() as u16);
        header.set_hop_limit(hops);
        let Some(bytes) = packet.push_front(Ipv6::LEN) else { return false };
        bytes.copy_from_slice(header.as_bytes());
        self.put_ethernet(packet, Mac::default(), EtherType::IPV6)
    }

    /// To whom a frame of ours goes, by its IP header.
    pub(super) fn destination(&self, packet: &Packet) -> Option<IpAddr> {
        let ip = packet.bytes().get(self.link..)?;
        match ip.first()? >> 4 {
            4 => {
                let octets: [u8; 4] = ip.get(16..)?.first_chunk().copied()?;
                Some(Ipv4Addr::from(octets).into())
            }
            6 => {
                let octets: [u8; 16] = ip.get(24..)?.first_chunk().copied()?;
                Some(Ipv6Addr::from(octets).into())
            }
            _ => None,
        }
    }
}
