//! What a host makes of advertisements.

use super::advertisement::{Advertisement, Preference, PrefixInformation};
use super::identifier::{Identifier, LINK_LOCAL};
use super::learned::{Learned, Outcome, end};
use crate::Time;
use crate::dns::Name;
use crate::route::{Prefix, Route};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv6Addr};
use core::time::Duration;
use packet::header::ethernet::Mac;

/// Bounds of the lists.
const ROUTERS: usize = 8;
const PREFIXES: usize = 16;
const ROUTES: usize = 32;
const ADDRESSES: usize = 16;
const NAME_SERVERS: usize = 8;
const SEARCH: usize = 8;
/// Events that are kept for somebody who does not fetch them.
const EVENTS: usize = 64;
/// An advertisement cannot bring the end of an address nearer than this, unless it was nearer
/// already, so that a single forged one cannot take addresses away (RFC 4862, 5.5.3).
const TWO_HOURS: Duration = Duration::from_hours(2);
/// Addresses that are tried where others have them already (RFC 7217).
const RETRIES: u8 = 3;
/// The wait after the first solicitation, and the longest (RFC 7559).
const FIRST_WAIT: Duration = Duration::from_secs(4);
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// An address was made; it must be probed for a duplicate before it is used.
    Address(Ipv6Addr),
    /// An address should not be used for anything new.
    Deprecated(Ipv6Addr),
    /// A deprecated address may be used for anything again.
    Preferred(Ipv6Addr),
    /// An address must not be used any more.
    Gone(Ipv6Addr),
    /// [`Client::routes`] has changed.
    Routes,
    /// [`Client::name_servers`] or [`Client::search`] has changed.
    Names,
    /// Routers want this MTU on the link; it is at least 1280.
    Mtu(u32),
    /// Routers want this hop limit on what is sent.
    HopLimit(u8),
    /// Routers want these times for neighbours: reachable, and between solicitations.
    Neighbors(Option<Duration>, Option<Duration>),
}

/// Messages that were ignored, by reason. Counters only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ignored {
    /// Broken.
    pub malformed: u64,
    /// Not from a link-local address, or passed on by a router.
    pub off_link: u64,
    /// Entries of messages for which there was no room.
    pub full: u64,
}

#[derive(Clone, Debug)]
struct Address {
    ip: Ipv6Addr,
    network: u64,
    duplicates: u8,
    preferred: Time,
    valid: Time,
    deprecated: bool,
}

/// Address configuration of one interface.
#[derive(Clone, Debug)]
pub struct Client {
    mac: Mac,
    identifier: Identifier,
    link_local: Option<Ipv6Addr>,
    link_local_duplicates: u8,
    /// When to solicit next, and the wait after that; none once a router has answered.
    solicit: Option<(Time, Duration)>,
    started: bool,
    routers: Learned<Ipv6Addr, Preference>,
    on_link: Learned<Prefix, ()>,
    routes: Learned<(Prefix, Ipv6Addr), Preference>,
    name_servers: Learned<Ipv6Addr, ()>,
    search: Learned<Name, ()>,
    addresses: Vec<Address>,
    mtu: Option<u32>,
    hop_limit: Option<u8>,
    neighbors: (Option<Duration>, Option<Duration>),
    events: VecDeque<Event>,
    ignored: Ignored,
}

impl Client {
    /// A client that begins to solicit within a second of `now`.
    pub fn new(mac: Mac, identifier: Identifier, now: Time) -> Self {
        Self {
            mac,
            identifier,
            link_local: identifier.address(LINK_LOCAL, mac, 0),
            link_local_duplicates: 0,
            solicit: Some((now, FIRST_WAIT)),
            started: false,
            routers: Learned::new(ROUTERS),
            on_link: Learned::new(PREFIXES),
            routes: Learned::new(ROUTES),
            name_servers: Learned::new(NAME_SERVERS),
            search: Learned::new(SEARCH),
            addresses: Vec::new(),
            mtu: None,
            hop_limit: None,
            neighbors: (None, None),
            events: VecDeque::new(),
            ignored: Ignored::default(),
        }
    }

    /// The link-local address to use; `None` if all that were tried are somebody else's, so that
    /// there can be no IPv6 here.
    pub fn link_local(&self) -> Option<Ipv6Addr> {
        self.link_local
    }

    /// Does what is due, and gives a router solicitation if it is time for one: an ICMPv6 message
    /// for `ff02::2`, from the link-local address with hop limit 255, its checksum still zero.
    /// `random` is a fresh random number.
    pub fn poll(&mut self, now: Time, random: u64) -> Option<[u8; 16]> {
        self.expire(now);
        let (mut due, wait) = self.solicit.filter(|(due, _)| *due <= now)?;
        if !self.started {
            // Hosts that are switched on together do not ask together.
            self.started = true;
            due = due + part(Duration::from_secs(1), random);
            self.solicit = Some((due, wait));
            if due > now {
                return None;
            }
        }
        // A tenth shorter to a tenth longer.
        let spread = wait * 9 / 10 + part(wait / 5, random);
        self.solicit = Some((now + spread, (wait * 2).min(LONGEST_WAIT)));
        let [b0, b1, b2, b3, b4, b5] = self.mac.0;
        Some([133, 0, 0, 0, 0, 0, 0, 0, 1, 1, b0, b1, b2, b3, b4, b5])
    }

    /// Takes in a router advertisement: the ICMPv6 message from its type on, whose checksum is
    /// right, and what the IPv6 header says.
    pub fn receive(&mut self, now: Time, source: Ipv6Addr, hop_limit: u8, message: &[u8]) {
        self.expire(now);
        if !source.is_unicast_link_local() || hop_limit != 255 {
            self.ignored.off_link += 1;
            return;
        }
        match Advertisement::read(message) {
            Ok(advertisement) => self.take(now, source, &advertisement),
            Err(_) => self.ignored.malformed += 1,
        }
    }

    /// Says that an address is somebody else's. Another is made, if there is one.
    pub fn duplicate(&mut self, address: Ipv6Addr) {
        if self.link_local == Some(address) {
            self.link_local_duplicates += 1;
            let another = self.link_local_duplicates <= RETRIES;
            self.link_local = another
                .then(|| self.identifier.address(LINK_LOCAL, self.mac, self.link_local_duplicates))
                .flatten();
            return;
        }
        let Some(own) = self.addresses.iter_mut().find(|own| own.ip == address) else {
            return;
        };
        own.duplicates = own.duplicates.saturating_add(1);
        let another = (own.duplicates <= RETRIES)
            .then(|| self.identifier.address(own.network, self.mac, own.duplicates))
            .flatten();
        if let Some(another) = another {
            own.ip = another;
        } else {
            // Known to be given up, so that the next advertisement does not bring it back.
            own.ip = Ipv6Addr::UNSPECIFIED;
        }
        self.tell(Event::Gone(address));
        if let Some(another) = another {
            self.tell(Event::Address(another));
        }
    }

    /// Forgets everything and solicits again: for when the link was down.
    pub fn start(&mut self, now: Time) {
        let gone: Vec<_> = self.addresses().map(|(address, _)| address).collect();
        self.addresses.clear();
        for address in gone {
            self.tell(Event::Gone(address));
        }
        self.routers.clear();
        self.on_link.clear();
        self.routes.clear();
        self.name_servers.clear();
        self.search.clear();
        self.tell(Event::Routes);
        self.tell(Event::Names);
        self.solicit = Some((now, FIRST_WAIT));
        self.started = false;
    }

    /// The addresses made from prefixes of 64 bits, and whether they may be used for anything new.
    pub fn addresses(&self) -> impl Iterator<Item = (Ipv6Addr, bool)> + '_ {
        let own = self.addresses.iter().filter(|own| !own.ip.is_unspecified());
        own.map(|own| (own.ip, !own.deprecated))
    }

    /// The routes that advertisements stand for, on the link with this number. Routers are the
    /// better the less their metric.
    pub fn routes(&self, link: u32) -> Vec<Route> {
        let by = |prefix, router: Ipv6Addr, preference: Preference| {
            let gateway = Some(router.into());
            Route { prefix, gateway, link, metric: preference.metric(), source: None }
        };
        let on_link = self.on_link.iter().map(|it| Route::on_link(it.key, link));
        let routers = self.routers.iter().map(|it| by(Prefix::ALL_V6, it.key, it.value));
        let routes = self.routes.iter().map(|it| by(it.key.0, it.key.1, it.value));
        on_link.chain(routers).chain(routes).collect()
    }

    /// Name servers, in the order in which they were learned.
    pub fn name_servers(&self) -> impl Iterator<Item = Ipv6Addr> + '_ {
        self.name_servers.iter().map(|it| it.key)
    }

    /// Domains to search names in.
    pub fn search(&self) -> impl Iterator<Item = &Name> + '_ {
        self.search.iter().map(|it| &it.key)
    }

    /// What happened since the last call.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// What was ignored so far.
    pub fn ignored(&self) -> Ignored {
        self.ignored
    }

    /// When [`Client::poll`] has something to do.
    pub fn next_timeout(&self) -> Option<Time> {
        let addresses = self.addresses.iter().flat_map(|own| {
            let preferred = Some(own.preferred).filter(|_| !own.deprecated);
            [preferred, Some(own.valid)].into_iter().flatten()
        });
        let addresses = addresses.filter(|time| *time != Time::NEVER).min();
        let lists = [
            self.routers.next_end(),
            self.on_link.next_end(),
            self.routes.next_end(),
            self.name_servers.next_end(),
            self.search.next_end(),
        ];
        let solicit = self.solicit.map(|(due, _)| due);
        lists.into_iter().chain([addresses, solicit]).flatten().min()
    }

    fn take(&mut self, now: Time, router: Ipv6Addr, advertisement: &Advertisement) {
        let default = advertisement.routes.iter().find(|it| it.prefix == Prefix::ALL_V6);
        // As a route to everything, the option says more than the header (RFC 4191, 3.1).
        let (preference, lifetime) = default
            .map_or((advertisement.preference, advertisement.lifetime), |it| {
                (it.preference, it.lifetime)
            });
        if !lifetime.is_zero() {
            self.solicit = None;
        }
        let mut routes = Vec::from([self.routers.learn(now, router, preference, lifetime)]);
        for it in advertisement.routes.iter().filter(|it| it.prefix != Prefix::ALL_V6) {
            routes.push(self.routes.learn(now, (it.prefix, router), it.preference, it.lifetime));
        }
        for it in advertisement.prefixes.iter().filter(|it| !is_link_local(it.prefix)) {
            if it.on_link {
                routes.push(self.on_link.learn(now, it.prefix, (), it.valid));
            }
            if it.autonomous {
                self.configure(now, it);
            }
        }
        self.settle(&routes, Event::Routes);
        let mut names = Vec::new();
        for (server, lifetime) in &advertisement.name_servers {
            names.push(self.name_servers.learn(now, *server, (), *lifetime));
        }
        for (domain, lifetime) in &advertisement.search {
            names.push(self.search.learn(now, domain.clone(), (), *lifetime));
        }
        self.settle(&names, Event::Names);
        self.take_parameters(advertisement);
    }

    fn take_parameters(&mut self, advertisement: &Advertisement) {
        let mtu = advertisement.mtu.filter(|mtu| *mtu >= 1280);
        if mtu.is_some() && mtu != self.mtu {
            self.mtu = mtu;
            self.events_extend(mtu.map(Event::Mtu));
        }
        let hop_limit = advertisement.hop_limit;
        if hop_limit.is_some() && hop_limit != self.hop_limit {
            self.hop_limit = hop_limit;
            self.events_extend(hop_limit.map(Event::HopLimit));
        }
        let reachable = advertisement.reachable.or(self.neighbors.0);
        let retransmit = advertisement.retransmit.or(self.neighbors.1);
        if (reachable, retransmit) != self.neighbors {
            self.neighbors = (reachable, retransmit);
            self.tell(Event::Neighbors(reachable, retransmit));
        }
    }

    /// Makes an address in a prefix, or changes the times of the one there is (RFC 4862, 5.5.3).
    fn configure(&mut self, now: Time, information: &PrefixInformation) {
        let PrefixInformation { prefix, valid, preferred, .. } = *information;
        let IpAddr::V6(first) = prefix.address() else { return };
        if preferred > valid || prefix.len() != 64 {
            return;
        }
        let network = (first.to_bits() >> 64) as u64;
        if let Some(own) = self.addresses.iter_mut().find(|own| own.network == network) {
            own.preferred = end(now, preferred);
            let left = own.valid.since(now);
            if valid > TWO_HOURS || end(now, valid) > own.valid {
                own.valid = end(now, valid);
            } else if left > TWO_HOURS {
                own.valid = now + TWO_HOURS;
            }
            let deprecated = own.preferred <= now;
            let is_news = deprecated != own.deprecated && !own.ip.is_unspecified();
            own.deprecated = deprecated;
            if is_news {
                let event = if deprecated { Event::Deprecated } else { Event::Preferred };
                let ip = own.ip;
                self.tell(event(ip));
            }
            return;
        }
        if valid.is_zero() {
            return;
        }
        if self.addresses.len() >= ADDRESSES {
            self.ignored.full += 1;
            return;
        }
        let Some(address) = self.identifier.address(network, self.mac, 0) else { return };
        let (preferred, valid) = (end(now, preferred), end(now, valid));
        let deprecated = preferred <= now;
        self.addresses.push(Address {
            ip: address,
            network,
            duplicates: 0,
            preferred,
            valid,
            deprecated,
        });
        self.tell(Event::Address(address));
        if deprecated {
            self.tell(Event::Deprecated(address));
        }
    }

    fn expire(&mut self, now: Time) {
        let mut events = Vec::new();
        self.addresses.retain_mut(|own| {
            let is_used = !own.ip.is_unspecified();
            if own.valid <= now {
                events.extend(is_used.then_some(Event::Gone(own.ip)));
            } else if own.preferred <= now && !own.deprecated {
                own.deprecated = true;
                events.extend(is_used.then_some(Event::Deprecated(own.ip)));
            }
            own.valid > now
        });
        let router_gone = self.routers.expire(now);
        if router_gone && self.routers.iter().next().is_none() {
            self.solicit.get_or_insert((now, FIRST_WAIT));
        }
        if self.routes.expire(now) | self.on_link.expire(now) | router_gone {
            events.push(Event::Routes);
        }
        if self.name_servers.expire(now) | self.search.expire(now) {
            events.push(Event::Names);
        }
        self.events_extend(events);
    }

    /// Counts what found no room, and tells if something has changed.
    fn settle(&mut self, outcomes: &[Outcome], event: Event) {
        let count = |what| outcomes.iter().filter(|it| **it == what).count() as u64;
        self.ignored.full += count(Outcome::Full);
        if count(Outcome::Changed) > 0 {
            self.tell(event);
        }
    }

    fn events_extend(&mut self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            self.tell(event);
        }
    }

    fn tell(&mut self, event: Event) {
        if self.events.len() >= EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }
}

fn is_link_local(prefix: Prefix) -> bool {
    matches!(prefix.address(), IpAddr::V6(address) if address.is_unicast_link_local())
}

/// A part of `whole` that `random` chooses.
fn part(whole: Duration, random: u64) -> Duration {
    let nanos = (whole.as_nanos() * u128::from(random)) >> 64;
    Duration::from_nanos(nanos as u64)
}
