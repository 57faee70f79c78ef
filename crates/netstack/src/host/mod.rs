//! One interface and everything behind it.
//!
//! This file holds what a host is made of and its way round; each mechanism has its own:
//! [`demux`](self) judges what comes in, `output` finds the way out, `arp`, `ndp`, `icmp`, `echo`,
//! `group` speak with the neighbours, `sockets` is what applications call, and
//! `round` what those call that serve many sockets.

mod address;
mod arp;
mod automatic;
mod config;
mod demux;
mod departure;
mod echo;
mod fragments;
mod frame;
mod group;
mod icmp;
mod icmp_error;
mod ndp;
mod output;
mod round;
mod sockets;
mod timers;

pub use address::{Address, AddressError};
pub use config::{Addressing, Config};
pub use echo::{PingId, Pong};

use crate::budget::Budget;
use crate::neighbor::Neighbors;
use crate::path_mtu::PathMtus;
use crate::ports::{self, Ports};
use crate::reassembly::{self, Reassembly};
use crate::route::{Prefix, Route, RouteError, Routes};
use crate::udp::{StackId, Stacks};
use crate::{Counters, DropReason, Error, Random, Time};
use address::{Addresses, link_local, solicited_node};
use alloc::collections::VecDeque;
use automatic::Automatic;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use echo::Pings;
use group::Groups;
use packet::header::ethernet::{Ethernet, Mac};
use packet::header::vlan::Vlan;
use packet::{Batch, Packet};

/// Frames that may wait for the driver. More than any driver's ring holds: who sends faster than
/// the wire carries is told so by [`Host::tx_batch`] taking less.
const OUTGOING: usize = 4096;
/// Events that may wait for the owner; the oldest goes when there are more.
const EVENTS: usize = 64;
/// Numbers of VLANs: 0 says that there is none, the last of twelve bits is reserved.
const VLANS: core::ops::RangeInclusive<u16> = 1..=4094;
/// Routes that there may be.
const ROUTES: usize = 1024;
/// Buffers that are kept at hand for stacks that lend.
const SPARE: usize = 256;

/// Something that the owner of a host may want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Somebody else uses this address too.
    DuplicateAddress {
        /// Ours, and theirs.
        address: IpAddr,
        /// Who they are.
        mac: Mac,
    },
    /// Nobody else uses this address.
    AddressReady(IpAddr),
    /// An address that was given (by DHCP, by a router) is given no longer.
    AddressLost(IpAddr),
}

/// Everything that one interface needs: addresses, neighbours, routes, demultiplexer, stacks.
///
/// Whoever owns it goes round: give [`Host::receive`] what the driver received, let the
/// applications work on their stacks, call [`Host::poll`] when [`Host::next_timeout`] is over,
/// and send what [`Host::transmit`] gives.
///
/// A host keeps buffers only within bounds: what waits in private queues, what waits for a
/// neighbour or for its other fragments, what waits for the driver. All others go back to the
/// `free` batch of the call that brought them.
pub struct Host {
    mac: Mac,
    /// Bytes in front of the IP header.
    link: usize,
    vlan: Option<u16>,
    mtu: usize,
    checksum_offload: bool,
    addresses: Addresses,
    stacks: Stacks,
    ports: Ports,
    outgoing: Batch,
    /// Frames from this host to itself.
    looped: Batch,
    /// Buffers that stacks lent, on their way to the driver; and others kept at hand for them.
    spare: Batch,
    /// Stacks that lend.
    lenders: usize,
    counters: Counters,
    neighbors: Neighbors,
    routes: Routes,
    path_mtus: PathMtus,
    groups: Groups,
    automatic: Automatic,
    reassembly: Reassembly,
    /// Of fragments, as far as it is in the counters.
    counted: reassembly::Statistics,
    /// Of the last packet that was sent in fragments.
    identification: u32,
    icmp_budget: Budget,
    pings: Pings,
    random: Random,
    events: VecDeque<Event>,
    /// Stacks for which an error came and whose owners were not told.
    failed: VecDeque<StackId>,
}

impl Host {
    /// A host with these settings, whose random choices follow from `seed`: take it from the
    /// operating system's generator, where others must not foresee ports and identifiers.
    pub fn new(config: &Config, seed: u64, now: Time) -> Result<Self, Error> {
        let has_v6 = config.addresses.iter().any(|it| it.ip.is_ipv6());
        let least = if has_v6 || config.addressing.wants_v6() { 1280 } else { 68 };
        if config.mtu < least || config.mtu > 65_535 {
            return Err(Error::Mtu(config.mtu));
        }
        if let Some(id) = config.vlan.filter(|id| !VLANS.contains(id)) {
            return Err(Error::Vlan(id));
        }
        let mut random = Random::new(seed);
        let secret = core::array::from_fn(|_| random.next_u64());
        let mut host = Self {
            mac: config.mac,
            link: Ethernet::LEN + if config.vlan.is_some() { Vlan::LEN } else { 0 },
            vlan: config.vlan,
            mtu: config.mtu,
            checksum_offload: config.checksum_offload,
            addresses: Addresses::default(),
            stacks: Stacks::new(config.house_buffers),
            ports: Ports::new(&ports::Options::new(secret)),
            outgoing: Batch::new(),
            looped: Batch::new(),
            spare: Batch::new(),
            lenders: 0,
            counters: Counters::default(),
            neighbors: Neighbors::new(config.neighbor_entries),
            routes: Routes::new(ROUTES),
            path_mtus: PathMtus::new(),
            groups: Groups::new(),
            automatic: Automatic::new(config.addressing, config.mac, now),
            reassembly: Reassembly::new(config.fragments),
            counted: reassembly::Statistics::default(),
            identification: random.next_u32(),
            icmp_budget: Budget::icmp(now),
            pings: Pings::new(&mut random),
            random,
            events: VecDeque::new(),
            failed: VecDeque::new(),
        };
        host.groups.join(now, Ipv4Addr::new(224, 0, 0, 1).into(), &mut host.random);
        for address in &config.addresses {
            host.add_address(now, *address)?;
        }
        if has_v6 || config.addressing.wants_v6() {
            let ip = link_local(config.mac).into();
            host.groups.join(
                now,
                Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1).into(),
                &mut host.random,
            );
            host.add_address(now, Address { ip, prefix: 64 })?;
        }
        for gateway in
            config.gateway4.map(IpAddr::V4).into_iter().chain(config.gateway6.map(IpAddr::V6))
        {
            let all = if gateway.is_ipv4() { Prefix::ALL_V4 } else { Prefix::ALL_V6 };
            host.add_route(Route::by(all, gateway, 0)).map_err(|_| Error::NoRoute(gateway))?;
        }
        for (ip, mac) in &config.neighbors {
            host.add_neighbor(now, *ip, *mac);
        }
        Ok(host)
    }

    /// The interface's hardware address.
    pub fn mac(&self) -> Mac {
        self.mac
    }

    /// The largest payload of an Ethernet frame.
    pub fn mtu(&self) -> usize {
        self.mtu
    }

    /// Gives the interface one more address. It is used at once, while a check for a duplicate
    /// runs.
    pub fn add_address(&mut self, now: Time, address: Address) -> Result<(), Error> {
        if Address::new(address.ip, address.prefix).is_none() {
            return Err(Error::NotOurs(address.ip));
        }
        if self.addresses.has(address.ip) {
            return Ok(());
        }
        if !self.addresses.insert(now, address, &mut self.random) {
            return Err(Error::TooMany { what: "addresses", most: address::MOST });
        }
        self.stacks.set_first(self.addresses.first());
        if let IpAddr::V6(ip) = address.ip {
            self.groups.join(now, solicited_node(ip).into(), &mut self.random);
        }
        if let Some(prefix) = Prefix::new(address.ip, address.prefix) {
            // There already, if another address is in the same network.
            let _ = self.routes.add(Route::on_link(prefix, 0));
        }
        Ok(())
    }

    /// Takes an address away. Whether it was there.
    pub fn remove_address(&mut self, now: Time, ip: IpAddr) -> bool {
        let Some(address) = self.addresses.remove(ip) else { return false };
        self.stacks.set_first(self.addresses.first());
        if let IpAddr::V6(ip) = ip {
            self.groups.leave(now, solicited_node(ip).into());
        }
        let prefix = |address: &Address| Prefix::new(address.ip, address.prefix);
        if !self.addresses.iter().any(|other| prefix(other) == prefix(&address)) {
            let gone = prefix(&address);
            self.routes.retain(|route| route.gateway.is_some() || Some(route.prefix) != gone);
        }
        true
    }

    /// The interface's addresses.
    pub fn addresses(&self) -> impl Iterator<Item = Address> + '_ {
        self.addresses.iter().copied()
    }

    /// Adds a route.
    pub fn add_route(&mut self, route: Route) -> Result<(), RouteError> {
        self.routes.add(route)
    }

    /// Removes a route; whether it was there.
    pub fn remove_route(&mut self, route: &Route) -> bool {
        self.routes.remove(route)
    }

    /// All routes.
    pub fn routes(&self) -> impl Iterator<Item = &Route> + '_ {
        self.routes.iter()
    }

    /// Sets a neighbour's hardware address for good.
    pub fn add_neighbor(&mut self, now: Time, ip: IpAddr, mac: Mac) {
        let mut gone = Batch::new();
        self.neighbors.insert_static(now, ip, mac, &mut gone);
        self.spare.append(&mut gone);
    }

    /// Puts all frames that are to be sent at the back of `ready`, complete from the first byte
    /// of the Ethernet header. Says how many.
    #[inline]
    pub fn transmit(&mut self, ready: &mut Batch) -> usize {
        let count = self.outgoing.len();
        self.counters.sent += count as u64;
        ready.append(&mut self.outgoing);
        count
    }

    /// What happened since the last call.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// A stack for which an error came ([`Host::take_error`]) since it was last named here.
    pub fn next_failed(&mut self) -> Option<StackId> {
        self.failed.pop_front()
    }

    /// What was counted so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// How many stacks there are.
    pub fn stacks(&self) -> usize {
        self.stacks.len()
    }

    fn tell(&mut self, event: Event) {
        if self.events.len() >= EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// How many fragments wait for the rest of their packet.
    pub fn waiting_fragments(&self) -> usize {
        self.reassembly.fragments()
    }

    /// Gives the buffers of a message back that was for the host itself, and was understood.
    fn heard(&mut self, packet: Packet, free: &mut Batch) {
        self.counters.heard += 1;
        release(packet, free);
    }

    /// Counts why a packet is dropped, and gives its buffers back.
    #[inline]
    fn discard(&mut self, reason: DropReason, packet: Packet, free: &mut Batch) {
        self.counters.count(reason);
        release(packet, free);
    }
}

/// Puts a packet's buffers, each for itself, at the back of `free`.
#[inline]
pub(crate) fn release(mut packet: Packet, free: &mut Batch) {
    while let Some(mut rest) = packet.take_next() {
        core::mem::swap(&mut packet, &mut rest);
        free.push_back(rest);
    }
    free.push_back(packet);
}
