//! Addresses and routes that others give: by DHCP, and by router advertisements.
//!
//! The clients only say what to do; here it is done, and undone when a lease ends.

use super::{Address, Event, Host};
use crate::route::{Prefix, Route};
use crate::udp::{Place, Template, Traits};
use crate::{Addressing, DropReason, Time, dhcp, slaac};
use alloc::vec;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv6Addr, SocketAddr};
use packet::header::ethernet::Mac;
use packet::header::ipv6::Ipv6;
use packet::{Batch, Packet};

/// Where DHCP's clients and servers listen.
const CLIENT: u16 = 68;
const SERVER: u16 = 67;
const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);

/// The clients, and what came of them.
#[derive(Debug)]
pub(super) struct Automatic {
    dhcp: Option<dhcp::Client>,
    slaac: Option<slaac::Client>,
    leased: Option<Address>,
    leased_routes: Vec<Route>,
    advertised_routes: Vec<Route>,
}

impl Automatic {
    pub(super) fn new(addressing: Addressing, mac: Mac, now: Time) -> Self {
        let identity = dhcp::Identity { mac, host_name: None, previous: None };
        let eui64 = slaac::Identifier::Eui64;
        Self {
            dhcp: addressing.wants_v4().then(|| dhcp::Client::new(identity, now)),
            slaac: addressing.wants_v6().then(|| slaac::Client::new(mac, eui64, now)),
            leased: None,
            leased_routes: Vec::new(),
            advertised_routes: Vec::new(),
        }
    }

    /// Whether datagrams to this port are for the DHCP client.
    #[inline]
    pub(super) fn takes(&self, port: u16) -> bool {
        port == CLIENT && self.dhcp.is_some()
    }

    pub(super) fn next_timeout(&self) -> Time {
        let dhcp = self.dhcp.as_ref().and_then(dhcp::Client::next_timeout);
        let slaac = self.slaac.as_ref().and_then(slaac::Client::next_timeout);
        dhcp.unwrap_or(Time::NEVER).min(slaac.unwrap_or(Time::NEVER))
    }
}

impl Host {
    /// Name servers that DHCP and router advertisements named.
    pub fn name_servers(&self) -> Vec<IpAddr> {
        let lease = self.automatic.dhcp.as_ref().and_then(dhcp::Client::lease);
        let leased = lease.into_iter().flat_map(|lease| lease.name_servers.iter().copied());
        let client = self.automatic.slaac.iter();
        let advertised = client.flat_map(slaac::Client::name_servers);
        leased.map(IpAddr::V4).chain(advertised.map(IpAddr::V6)).collect()
    }

    pub(super) fn receive_dhcp(&mut self, now: Time, packet: Packet, free: &mut Batch) {
        let random = self.random.next_u64();
        if let Some(place) = Place::of(&packet)
            && let Some(client) = &mut self.automatic.dhcp
        {
            let start = place.payload_start();
            // Copied together from however many pages it lies in: it is rare, and small.
            let mut payload = vec![0; place.payload()];
            packet.copy_out(start, &mut payload);
            client.receive(now, &payload, random);
        }
        self.heard(packet, free);
        self.poll_automatic(now, free);
    }

    /// Takes in a router advertisement, beginning at `start` of the frame; `None` if nobody here
    /// wants one.
    pub(super) fn take_router_advertisement(
        &mut self,
        now: Time,
        start: usize,
        packet: &Packet,
    ) -> Option<()> {
        let (ip, _) = Ipv6::read_start(packet.bytes().get(self.link..)?, usize::MAX).ok()?;
        let message = packet.bytes().get(start..)?;
        let client = self.automatic.slaac.as_mut()?;
        client.receive(now, ip.source(), ip.hop_limit(), message);
        self.apply_advertised(now);
        Some(())
    }

    /// Tells the client an address came from that somebody else has it.
    pub(super) fn tell_duplicate(&mut self, now: Time, ip: IpAddr) {
        match ip {
            IpAddr::V4(_) if self.automatic.leased.is_some_and(|leased| leased.ip == ip) => {
                if let Some(client) = &mut self.automatic.dhcp {
                    client.decline(now);
                }
                self.apply_lease(now);
            }
            IpAddr::V6(ip) => {
                if let Some(client) = &mut self.automatic.slaac {
                    client.duplicate(ip);
                }
                self.apply_advertised(now);
            }
            IpAddr::V4(_) => {}
        }
    }

    pub(super) fn poll_automatic(&mut self, now: Time, free: &mut Batch) {
        // A client that always has one more message is stopped by the number of buffers.
        while let Some(client) = &mut self.automatic.dhcp
            && let Some(message) = client.poll(now, self.random.next_u64())
        {
            let source = SocketAddr::new(message.source.into(), CLIENT);
            let to = SocketAddr::new(message.destination.into(), SERVER);
            let traits = Traits { ttl: 64, traffic_class: 0, vlan: self.vlan };
            let template = Template::new(self.mac, source, to, traits);
            let Some(mut packet) = template.fill(&message.payload, free) else {
                self.counters.count(DropReason::NoBuffer);
                break;
            };
            if let Some(place) = Place::of(&packet) {
                self.finish_checksum(&mut packet, place);
            }
            self.update_ipv4_checksum(&mut packet);
            self.send(now, packet, to.ip(), free);
        }
        self.apply_lease(now);
        if let Some(client) = &mut self.automatic.slaac
            && let Some(message) = client.poll(now, self.random.next_u64())
            && let Some(source) = client.link_local()
            && let Some(mut packet) = self.buffer(free)
        {
            if let Some(bytes) = packet.push_back(message.len()) {
                bytes.copy_from_slice(&message);
            }
            let mac = super::address::group_mac(ALL_ROUTERS.into());
            self.send_icmpv6_to(packet, source, ALL_ROUTERS, 255, mac, free);
        }
        self.apply_advertised(now);
    }

    fn apply_lease(&mut self, now: Time) {
        while let Some(client) = &mut self.automatic.dhcp
            && let Some(event) = client.next_event()
        {
            match event {
                dhcp::Event::Bound(lease) => {
                    let address = Address::new(lease.address.into(), lease.prefix_len);
                    let Some(address) = address else { continue };
                    if self.automatic.leased != Some(address) {
                        self.end_lease(now);
                        if self.add_address(now, address).is_ok() {
                            self.automatic.leased = Some(address);
                        }
                    }
                    self.replace_routes(lease.routes(0), |it| &mut it.leased_routes);
                }
                dhcp::Event::Lost(..) => self.end_lease(now),
            }
        }
    }

    fn end_lease(&mut self, now: Time) {
        self.replace_routes(Vec::new(), |it| &mut it.leased_routes);
        if let Some(address) = self.automatic.leased.take() {
            self.lose(now, address.ip);
        }
    }

    fn lose(&mut self, now: Time, ip: IpAddr) {
        if self.remove_address(now, ip) {
            self.tell(Event::AddressLost(ip));
        }
    }

    fn apply_advertised(&mut self, now: Time) {
        while let Some(client) = &mut self.automatic.slaac
            && let Some(event) = client.next_event()
        {
            match event {
                // Whether its prefix is on the link is another advertisement's to say.
                slaac::Event::Address(ip) => {
                    let _ = self.add_address(now, Address { ip: ip.into(), prefix: 128 });
                }
                slaac::Event::Gone(ip) => self.lose(now, ip.into()),
                slaac::Event::Routes => {
                    let routes = client.routes(0);
                    self.replace_routes(routes, |it| &mut it.advertised_routes);
                }
                slaac::Event::Mtu(mtu) => self.mtu = self.mtu.min(mtu as usize).max(1280),
                _ => {}
            }
        }
    }

    /// Puts routes in the place of those that came the same way before.
    fn replace_routes(
        &mut self,
        routes: Vec<Route>,
        of: impl Fn(&mut Automatic) -> &mut Vec<Route>,
    ) {
        for old in core::mem::take(of(&mut self.automatic)) {
            let own = |it: &Address| Prefix::new(it.ip, it.prefix) == Some(old.prefix);
            // The route to the network of an address goes with the address.
            if old.gateway.is_some() || !self.addresses.iter().any(own) {
                self.routes.remove(&old);
            }
        }
        for route in &routes {
            // One that is there already is as good.
            let _ = self.routes.add(*route);
        }
        *of(&mut self.automatic) = routes;
    }
}
