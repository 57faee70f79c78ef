//! A router's advertisement, as it lies in the packet.

use crate::dns::Name;
use crate::route::Prefix;
use alloc::vec::Vec;
use core::net::Ipv6Addr;
use core::time::Duration;
use packet::header::Malformed;

/// How much a router wants to be used (RFC 4191).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Preference {
    /// Before others.
    High,
    /// Like others.
    #[default]
    Medium,
    /// After others.
    Low,
}

impl Preference {
    /// From two bits; the reserved value counts as medium.
    const fn of(bits: u8) -> Self {
        match bits & 3 {
            1 => Self::High,
            3 => Self::Low,
            _ => Self::Medium,
        }
    }

    /// The metric of a route with it.
    pub const fn metric(self) -> u32 {
        match self {
            Self::High => 0,
            Self::Medium => 1,
            Self::Low => 2,
        }
    }
}

/// A prefix that is on the link, or that hosts may make addresses in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixInformation {
    /// The prefix.
    pub prefix: Prefix,
    /// Whether its addresses are on the link.
    pub on_link: bool,
    /// Whether hosts may make addresses in it.
    pub autonomous: bool,
    /// How long it is valid.
    pub valid: Duration,
    /// How long addresses in it should be used for something new.
    pub preferred: Duration,
}

/// A destination that this router is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteInformation {
    /// The destination.
    pub prefix: Prefix,
    /// How much this router wants to be used for it.
    pub preference: Preference,
    /// For how long.
    pub lifetime: Duration,
}

/// What a router advertises. A lifetime of [`Duration::MAX`] is for ever, one of zero ends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advertisement {
    /// Hop limit for what hosts send, if it says.
    pub hop_limit: Option<u8>,
    /// Whether addresses are to be had by DHCPv6.
    pub managed: bool,
    /// Whether other settings are to be had by DHCPv6.
    pub other: bool,
    /// How much it wants to be a default router.
    pub preference: Preference,
    /// How long it is a default router.
    pub lifetime: Duration,
    /// How long a neighbour is known to be there after it showed so, if it says.
    pub reachable: Option<Duration>,
    /// How long to wait between neighbour solicitations, if it says.
    pub retransmit: Option<Duration>,
    /// MTU of the link, if it says.
    pub mtu: Option<u32>,
    /// Prefixes.
    pub prefixes: Vec<PrefixInformation>,
    /// Destinations besides everything.
    pub routes: Vec<RouteInformation>,
    /// Name servers, and for how long.
    pub name_servers: Vec<(Ipv6Addr, Duration)>,
    /// Domains to search names in, and for how long.
    pub search: Vec<(Name, Duration)>,
}

/// Most entries of one kind that are taken from one advertisement.
const MOST: usize = 16;

const PREFIX: u8 = 3;
const MTU: u8 = 5;
const ROUTE: u8 = 24;
const NAME_SERVERS: u8 = 25;
const SEARCH: u8 = 31;

fn seconds(bytes: [u8; 4]) -> Duration {
    match u32::from_be_bytes(bytes) {
        u32::MAX => Duration::MAX,
        seconds => Duration::from_secs(seconds.into()),
    }
}

fn unless_zero(millis: [u8; 4]) -> Option<Duration> {
    let millis = u32::from_be_bytes(millis);
    (millis != 0).then(|| Duration::from_millis(millis.into()))
}

fn push<T>(list: &mut Vec<T>, item: T) {
    if list.len() < MOST {
        list.push(item);
    }
}

impl Advertisement {
    /// Reads the ICMPv6 message, from its type on. Its checksum is the caller's to check.
    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let (head, mut rest) = bytes.split_first_chunk::<16>().ok_or(Malformed::Truncated)?;
        let [134, 0, _, _, hop_limit, flags, l0, l1, r0, r1, r2, r3, t0, t1, t2, t3] = *head else {
            return Err(Malformed::Field);
        };
        let mut advertisement = Self {
            hop_limit: (hop_limit != 0).then_some(hop_limit),
            managed: flags & 0x80 != 0,
            other: flags & 0x40 != 0,
            preference: Preference::of(flags >> 3),
            lifetime: Duration::from_secs(u16::from_be_bytes([l0, l1]).into()),
            reachable: unless_zero([r0, r1, r2, r3]),
            retransmit: unless_zero([t0, t1, t2, t3]),
            mtu: None,
            prefixes: Vec::new(),
            routes: Vec::new(),
            name_servers: Vec::new(),
            search: Vec::new(),
        };
        while let Some(&[kind, units]) = rest.first_chunk::<2>() {
            // A length of zero would never end.
            let len = usize::from(units) * 8;
            let (option, tail) = rest.split_at_checked(len.max(1)).ok_or(Malformed::Length)?;
            advertisement.take(kind, option.get(2..).ok_or(Malformed::Length)?)?;
            rest = tail;
        }
        if rest.is_empty() { Ok(advertisement) } else { Err(Malformed::Length) }
    }

    /// Takes in the value of an option; one of an unknown kind is passed over.
    fn take(&mut self, kind: u8, value: &[u8]) -> Result<(), Malformed> {
        match kind {
            PREFIX => self.take_prefix(value),
            MTU => {
                let [_, _, mtu @ ..] = *value.first_chunk::<6>().ok_or(Malformed::Length)?;
                self.mtu = Some(u32::from_be_bytes(mtu));
                Ok(())
            }
            ROUTE => self.take_route(value),
            NAME_SERVERS => self.take_name_servers(value),
            SEARCH => self.take_search(value),
            _ => Ok(()),
        }
    }

    fn take_prefix(&mut self, value: &[u8]) -> Result<(), Malformed> {
        let value = value.first_chunk::<30>().ok_or(Malformed::Length)?;
        let [len, flags, v0, v1, v2, v3, p0, p1, p2, p3, _, _, _, _, address @ ..] = *value;
        let prefix = Prefix::new(Ipv6Addr::from(address).into(), len).ok_or(Malformed::Field)?;
        push(
            &mut self.prefixes,
            PrefixInformation {
                prefix,
                on_link: flags & 0x80 != 0,
                autonomous: flags & 0x40 != 0,
                valid: seconds([v0, v1, v2, v3]),
                preferred: seconds([p0, p1, p2, p3]),
            },
        );
        Ok(())
    }

    /// The prefix may be cut to what matters of it.
    fn take_route(&mut self, value: &[u8]) -> Result<(), Malformed> {
        let (head, known) = value.split_first_chunk::<6>().ok_or(Malformed::Length)?;
        let [len, flags, lifetime @ ..] = *head;
        if known.len() < usize::from(len.div_ceil(8)) {
            return Err(Malformed::Length);
        }
        let mut address = [0; 16];
        for (to, octet) in address.iter_mut().zip(known) {
            *to = *octet;
        }
        let prefix = Prefix::new(Ipv6Addr::from(address).into(), len).ok_or(Malformed::Field)?;
        // A route with the reserved preference must be passed over.
        if flags >> 3 & 3 != 2 {
            let preference = Preference::of(flags >> 3);
            push(
                &mut self.routes,
                RouteInformation { prefix, preference, lifetime: seconds(lifetime) },
            );
        }
        Ok(())
    }

    fn take_name_servers(&mut self, value: &[u8]) -> Result<(), Malformed> {
        let (head, addresses) = value.split_first_chunk::<6>().ok_or(Malformed::Length)?;
        let [_, _, lifetime @ ..] = *head;
        let (addresses, rest) = addresses.as_chunks::<16>();
        if addresses.is_empty() || !rest.is_empty() {
            return Err(Malformed::Length);
        }
        for address in addresses {
            push(&mut self.name_servers, (Ipv6Addr::from(*address), seconds(lifetime)));
        }
        Ok(())
    }

    /// Names one after the other, then zeros; nothing is compressed.
    fn take_search(&mut self, value: &[u8]) -> Result<(), Malformed> {
        let (head, names) = value.split_first_chunk::<6>().ok_or(Malformed::Length)?;
        let [_, _, lifetime @ ..] = *head;
        let mut at = 0;
        while names.get(at).is_some_and(|len| *len != 0) {
            let (name, after) = Name::read_plain(names, at).map_err(|_| Malformed::Field)?;
            push(&mut self.search, (name, seconds(lifetime)));
            at = after;
        }
        Ok(())
    }
}
