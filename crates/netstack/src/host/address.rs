//! The addresses of an interface, and what an address means to it.

use crate::udp::First;
use crate::{Random, Time};
use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::FromStr;
use core::time::Duration;
use packet::header::ethernet::Mac;

/// Most addresses of one interface.
pub(crate) const MOST: usize = 64;
/// Probes for a duplicate: RFC 5227 for IPv4, RFC 4862 for IPv6.
const PROBES_V4: u8 = 3;
const PROBES_V6: u8 = 1;
/// Announcements of an IPv4 address, once the probes are through.
const ANNOUNCEMENTS: u8 = 2;
/// Between two of them: `PROBE_MIN` to `PROBE_MAX`, about.
const STEP: Duration = Duration::from_secs(1);
/// At least this long between two defences of an address (`DEFEND_INTERVAL`).
const DEFEND: Duration = Duration::from_secs(10);

/// An address of an interface, and how much of it names the network it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// The address.
    pub ip: IpAddr,
    /// Leading bits that all on the same link share.
    pub prefix: u8,
}

impl Address {
    /// An address; `None` if it cannot be an interface's: unspecified, a group, or a prefix that
    /// is too long.
    pub fn new(ip: IpAddr, prefix: u8) -> Option<Self> {
        let longest = if ip.is_ipv4() { 32 } else { 128 };
        let impossible = ip.is_unspecified() || ip.is_multicast() || prefix > longest;
        (!impossible).then_some(Self { ip, prefix })
    }

    /// The address that reaches all on the link; IPv4 only, and not for links of two.
    pub(crate) fn broadcast(&self) -> Option<Ipv4Addr> {
        match self.ip {
            IpAddr::V4(ip) if self.prefix < 31 => {
                Some(Ipv4Addr::from_bits(ip.to_bits() | u32::MAX >> self.prefix))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ip, self.prefix)
    }
}

/// Why a text is not an address with a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an interface's address is written as 10.0.0.2/24 or fd00::2/64")]
pub struct AddressError;

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (ip, prefix) = text.split_once('/').ok_or(AddressError)?;
        let ip = ip.parse().map_err(|_| AddressError)?;
        Self::new(ip, prefix.parse().map_err(|_| AddressError)?).ok_or(AddressError)
    }
}

/// The link-local address that follows from a hardware address (EUI-64).
pub(crate) fn link_local(mac: Mac) -> Ipv6Addr {
    let [b0, b1, b2, b3, b4, b5] = mac.0;
    Ipv6Addr::from([0xfe, 0x80, 0, 0, 0, 0, 0, 0, b0 ^ 2, b1, b2, 0xff, 0xfe, b3, b4, b5])
}

/// The group in which somebody who looks for `ip` asks.
pub(crate) fn solicited_node(ip: Ipv6Addr) -> Ipv6Addr {
    let [.., b13, b14, b15] = ip.octets();
    Ipv6Addr::from([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, b13, b14, b15])
}

/// The hardware address of a group.
pub(crate) fn group_mac(group: IpAddr) -> Mac {
    match group {
        IpAddr::V4(ip) => {
            let [_, b1, b2, b3] = ip.octets();
            Mac([1, 0, 0x5e, b1 & 0x7f, b2, b3])
        }
        IpAddr::V6(ip) => {
            let [.., b12, b13, b14, b15] = ip.octets();
            Mac([0x33, 0x33, b12, b13, b14, b15])
        }
    }
}

/// What an address that something was sent to means here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cast {
    /// One of ours.
    Own,
    /// All on the link.
    Broadcast,
    /// A group; whether we are in it is for others to say.
    Group,
    /// Another's.
    Other,
}

/// How far the check for a duplicate has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    Probing(u8),
    Announcing(u8),
    Done,
}

#[derive(Clone, Debug)]
pub(crate) struct Own {
    pub(crate) address: Address,
    check: Check,
    next: Time,
    defended: Option<Time>,
}

/// What is due for an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Ask whether somebody else has it.
    Probe(IpAddr),
    /// Tell everybody that we have it.
    Announce(IpAddr),
    /// Nobody else has it.
    Ready(IpAddr),
}

/// All addresses of an interface.
///
/// An address is used at once, while the check for a duplicate still runs (RFC 4429's optimism):
/// a server that is started again should not be silent for three seconds because of an accident
/// that almost never happens. When it does, [`crate::Event::DuplicateAddress`] says so; an IPv6
/// address is given up (RFC 4862), an IPv4 address is defended (RFC 5227, 2.4 b).
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    own: Vec<Own>,
    /// The first address of each family: what nearly every packet is for.
    pub(super) first_v4: Option<Ipv4Addr>,
    pub(super) first_v6: Option<Ipv6Addr>,
    /// Whether there are more IPv4 addresses than the first.
    pub(super) many_v4: bool,
}

impl Addresses {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Address> + '_ {
        self.own.iter().map(|own| &own.address)
    }

    /// Adds an address; `false` if it was there or there is no room.
    pub(crate) fn insert(&mut self, now: Time, address: Address, random: &mut Random) -> bool {
        if self.own.len() >= MOST || self.has(address.ip) {
            return false;
        }
        let delay = Duration::from_nanos(random.below(100_000_000));
        self.own.push(Own {
            address,
            check: Check::Probing(if address.ip.is_ipv4() { PROBES_V4 } else { PROBES_V6 }),
            next: now + delay,
            defended: None,
        });
        self.find_first();
        true
    }

    pub(crate) fn remove(&mut self, ip: IpAddr) -> Option<Address> {
        let at = self.own.iter().position(|own| own.address.ip == ip)?;
        let own = self.own.remove(at);
        self.find_first();
        Some(own.address)
    }

    fn find_first(&mut self) {
        let first_v4 = self.iter().find_map(|it| match it.ip {
            IpAddr::V4(ip) => Some(ip),
            IpAddr::V6(_) => None,
        });
        let first_v6 = self.iter().find_map(|it| match it.ip {
            IpAddr::V6(ip) => Some(ip),
            IpAddr::V4(_) => None,
        });
        (self.first_v4, self.first_v6) = (first_v4, first_v6);
        self.many_v4 = self.iter().filter(|it| it.ip.is_ipv4()).count() > 1;
    }

    /// The first address of each family.
    pub(super) fn first(&self) -> First {
        First { v4: self.first_v4, v6: self.first_v6 }
    }

    #[inline]
    pub(crate) fn has(&self, ip: IpAddr) -> bool {
        match ip {
            IpAddr::V4(ip) if self.first_v4 == Some(ip) => true,
            IpAddr::V6(ip) if self.first_v6 == Some(ip) => true,
            ip => self.iter().any(|address| address.ip == ip),
        }
    }

    /// Whether these octets are an IPv6 address of ours.
    #[inline]
    pub(super) fn has_v6(&self, octets: &[u8]) -> bool {
        self.own.iter().any(|own| match own.address.ip {
            IpAddr::V6(ip) => ip.octets() == *octets,
            IpAddr::V4(_) => false,
        })
    }

    #[inline]
    pub(crate) fn cast_v4(&self, ip: Ipv4Addr) -> Cast {
        if self.first_v4 == Some(ip) {
            return Cast::Own;
        }
        if ip.is_multicast() {
            Cast::Group
        } else if ip.is_broadcast() || self.iter().any(|it| it.broadcast() == Some(ip)) {
            Cast::Broadcast
        } else if self.has(ip.into()) {
            Cast::Own
        } else {
            Cast::Other
        }
    }

    #[inline]
    pub(crate) fn cast_v6(&self, ip: Ipv6Addr) -> Cast {
        if ip.is_multicast() {
            Cast::Group
        } else if self.has(ip.into()) {
            Cast::Own
        } else {
            Cast::Other
        }
    }

    pub(crate) fn cast(&self, ip: IpAddr) -> Cast {
        match ip {
            IpAddr::V4(ip) => self.cast_v4(ip),
            IpAddr::V6(ip) => self.cast_v6(ip),
        }
    }

    /// The address to send from to `to`: of those of its family the one that shares the most
    /// leading bits, and for a global destination not a link-local one (RFC 6724, rules 1, 2, 8).
    pub(crate) fn source_for(&self, to: IpAddr) -> Option<IpAddr> {
        self.iter()
            .filter(|address| address.ip.is_ipv4() == to.is_ipv4())
            .max_by_key(|address| match (address.ip, to) {
                (IpAddr::V4(own), IpAddr::V4(to)) => {
                    (true, (own.to_bits() ^ to.to_bits()).leading_zeros())
                }
                (IpAddr::V6(own), IpAddr::V6(to)) => (
                    is_link_scope(own) == is_link_scope(to),
                    (own.to_bits() ^ to.to_bits()).leading_zeros(),
                ),
                _ => (false, 0),
            })
            .map(|address| address.ip)
    }

    /// What is due, one thing at a time.
    pub(crate) fn due(&mut self, now: Time, random: &mut Random) -> Option<Due> {
        let own = self.own.iter_mut().find(|own| own.next <= now)?;
        let ip = own.address.ip;
        own.next = now + STEP + Duration::from_nanos(random.below(200_000_000));
        let (due, check) = match own.check {
            Check::Probing(left) if left > 0 => (Due::Probe(ip), Check::Probing(left - 1)),
            Check::Probing(_) => (Due::Ready(ip), Check::Announcing(ANNOUNCEMENTS)),
            Check::Announcing(left) => (Due::Announce(ip), Check::Announcing(left - 1)),
            Check::Done => {
                own.next = Time::NEVER;
                return None;
            }
        };
        own.check = if check == Check::Announcing(0) { Check::Done } else { check };
        if own.check == Check::Done {
            own.next = Time::NEVER;
        } else if matches!(due, Due::Ready(_)) {
            own.next = now;
        }
        Some(due)
    }

    pub(crate) fn next_timeout(&self) -> Time {
        self.own.iter().map(|own| own.next).min().unwrap_or(Time::NEVER)
    }

    /// Whether the check for a duplicate of `ip` still runs.
    pub(crate) fn is_tentative(&self, ip: IpAddr) -> bool {
        let own = self.own.iter().find(|own| own.address.ip == ip);
        own.is_some_and(|own| matches!(own.check, Check::Probing(_)))
    }

    /// Somebody else uses `ip` too. Whether to say once more that it is ours.
    pub(crate) fn defend(&mut self, now: Time, ip: IpAddr) -> bool {
        let Some(own) = self.own.iter_mut().find(|own| own.address.ip == ip) else { return false };
        let defend = own.defended.is_none_or(|last| now.since(last) >= DEFEND);
        if defend {
            own.defended = Some(now);
        }
        defend
    }
}

/// Whether an address has no meaning beyond the link.
fn is_link_scope(ip: Ipv6Addr) -> bool {
    ip.is_unicast_link_local() || ip.is_multicast() && ip.octets()[1] & 0xf <= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_and_bad_ones_refused() {
        assert_eq!(
            "10.0.0.2/24".parse(),
            Ok(Address { ip: Ipv4Addr::new(10, 0, 0, 2).into(), prefix: 24 })
        );
        for bad in ["10.0.0.2", "10.0.0.2/33", "0.0.0.0/0", "224.0.0.1/8", "fd00::1/129", "x/2"] {
            assert_eq!(bad.parse::<Address>(), Err(AddressError), "{bad}");
        }
    }

    #[test]
    fn broadcast_of_a_network() {
        let of = |text: &str| text.parse::<Address>().ok().and_then(|it| it.broadcast());
        assert_eq!(of("10.0.0.2/24"), Some(Ipv4Addr::new(10, 0, 0, 255)));
        assert_eq!(of("10.0.0.2/31"), None);
        assert_eq!(of("10.0.0.2/0"), Some(Ipv4Addr::BROADCAST));
        assert_eq!(of("fd00::1/64"), None);
    }

    #[test]
    fn an_address_is_probed_then_ready_then_announced() {
        let mut random = Random::new(1);
        let mut addresses = Addresses::default();
        let ip = IpAddr::from([10, 0, 0, 2]);
        let address = Address { ip, prefix: 24 };
        assert!(addresses.insert(Time::ZERO, address, &mut random));
        let mut seen = Vec::new();
        for tick in 0..100 {
            let now = Time::from_millis(tick * 100);
            while let Some(due) = addresses.due(now, &mut random) {
                seen.push(due);
            }
        }
        let (probe, announce) = (Due::Probe(ip), Due::Announce(ip));
        assert_eq!(seen, [probe, probe, probe, Due::Ready(ip), announce, announce]);
        assert_eq!(addresses.next_timeout(), Time::NEVER);
    }

    #[test]
    fn the_source_is_the_nearest() {
        let mut random = Random::new(1);
        let mut addresses = Addresses::default();
        for text in ["fe80::1/64", "fd00::2/64", "10.0.0.2/24", "192.168.1.2/24"] {
            let Ok(address) = text.parse() else { panic!("{text}") };
            addresses.insert(Time::ZERO, address, &mut random);
        }
        let source = |to: &str| {
            to.parse().ok().and_then(|to| addresses.source_for(to)).map(|ip| alloc::format!("{ip}"))
        };
        assert_eq!(source("192.168.1.9").as_deref(), Some("192.168.1.2"));
        assert_eq!(source("2001:db8::1").as_deref(), Some("fd00::2"));
        assert_eq!(source("fe80::9").as_deref(), Some("fe80::1"));
    }
}
