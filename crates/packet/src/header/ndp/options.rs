//! Options of messages between neighbours.

use crate::header::Malformed;
use crate::header::ethernet::Mac;
use core::net::Ipv6Addr;

/// One option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NdpOption<'a> {
    /// Hardware address of who speaks.
    SourceLinkLayer(Mac),
    /// Hardware address of who is spoken of.
    TargetLinkLayer(Mac),
    /// A prefix of the link.
    Prefix(Prefix),
    /// The beginning of the packet that led to a redirect.
    Redirected(&'a [u8]),
    /// Largest packet on the link.
    Mtu(u32),
    /// A route by the router that speaks (RFC 4191).
    Route {
        /// Where to.
        prefix: Ipv6Addr,
        /// How many bits of it count.
        prefix_len: u8,
        /// -1, 0 or 1.
        preference: i8,
        /// Seconds; all ones: for ever.
        lifetime: u32,
    },
    /// Name servers (RFC 8106).
    Rdnss {
        /// Seconds; all ones: for ever; 0: no more.
        lifetime: u32,
        /// Their addresses.
        servers: Servers<'a>,
    },
    /// Search domains (RFC 8106).
    Dnssl {
        /// Seconds; all ones: for ever; 0: no more.
        lifetime: u32,
        /// The domains.
        domains: Domains<'a>,
    },
    /// Any other.
    Unknown {
        /// Its number.
        kind: u8,
        /// What follows its length, padding included.
        data: &'a [u8],
    },
}

/// A prefix of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// The prefix.
    pub address: Ipv6Addr,
    /// How many bits of it count; more than 128 is nonsense that `read` refuses.
    pub len: u8,
    /// Whether such addresses are neighbours.
    pub on_link: bool,
    /// Whether hosts may make themselves addresses with it.
    pub autonomous: bool,
    /// Seconds for which it is valid; all ones: for ever.
    pub valid: u32,
    /// Seconds for which addresses made with it are preferred.
    pub preferred: u32,
}

/// Addresses of name servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Servers<'a>(&'a [[u8; 16]]);

impl<'a> Servers<'a> {
    /// From addresses as they lie in a packet.
    pub const fn new(addresses: &'a [[u8; 16]]) -> Self {
        Self(addresses)
    }

    /// The addresses.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Ipv6Addr> + 'a {
        self.0.iter().map(|&octets| octets.into())
    }
}

/// Search domains, as DNS writes them, without compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Domains<'a>(&'a [u8]);

impl<'a> Domains<'a> {
    /// From names as they lie in a packet: labels with their lengths, each name ended by a zero.
    pub const fn new(names: &'a [u8]) -> Self {
        Self(names)
    }

    /// Each domain's bytes, the ending zero left off. Ends at padding and at nonsense.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + 'a {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let mut at = 0;
            loop {
                match *rest.get(at)? {
                    0 if at == 0 => return None,
                    0 => break,
                    length @ 1..=63 => at += 1 + usize::from(length),
                    _ => return None,
                }
            }
            let name = rest.get(..at)?;
            rest = rest.get(at + 1..)?;
            (at < 255).then_some(name)
        })
    }
}

const SOURCE_LINK_LAYER: u8 = 1;
const TARGET_LINK_LAYER: u8 = 2;
const PREFIX: u8 = 3;
const REDIRECTED: u8 = 4;
const MTU: u8 = 5;
const ROUTE: u8 = 24;
const RDNSS: u8 = 25;
const DNSSL: u8 = 31;

impl<'a> NdpOption<'a> {
    fn new(kind: u8, data: &'a [u8]) -> Result<Self, Malformed> {
        let option = match (kind, data) {
            // Another length is the address of another kind of link.
            (SOURCE_LINK_LAYER, data) => data.try_into().ok().map(Mac).map(Self::SourceLinkLayer),
            (TARGET_LINK_LAYER, data) => data.try_into().ok().map(Mac).map(Self::TargetLinkLayer),
            (PREFIX, data) => Prefix::read(data).map(Self::Prefix),
            (REDIRECTED, data) => data.get(6..).map(Self::Redirected),
            (MTU, &[_, _, ref mtu @ ..]) => {
                mtu.try_into().ok().map(u32::from_be_bytes).map(Self::Mtu)
            }
            (ROUTE, data) => Self::read_route(data),
            (RDNSS, data) => read_lifetime(data).and_then(|(lifetime, rest)| {
                let (addresses, tail) = rest.as_chunks();
                (tail.is_empty() && !addresses.is_empty())
                    .then_some(Self::Rdnss { lifetime, servers: Servers(addresses) })
            }),
            (DNSSL, data) => read_lifetime(data)
                .map(|(lifetime, names)| Self::Dnssl { lifetime, domains: Domains(names) }),
            (kind, data) => Some(Self::Unknown { kind, data }),
        };
        option.ok_or(Malformed::Length)
    }

    fn read_route(data: &[u8]) -> Option<Self> {
        let &[prefix_len, flags, a, b, c, d, ref prefix @ ..] = data else { return None };
        let mut octets = [0; 16];
        octets.get_mut(..prefix.len())?.copy_from_slice(prefix);
        (prefix_len <= 128 && usize::from(prefix_len) <= prefix.len() * 8).then_some(Self::Route {
            prefix: octets.into(),
            prefix_len,
            preference: preference(flags),
            lifetime: u32::from_be_bytes([a, b, c, d]),
        })
    }

    /// Bytes it takes when written: a multiple of 8.
    #[expect(clippy::len_without_is_empty, reason = "an option is never empty")]
    pub fn len(&self) -> usize {
        let length = match self {
            Self::SourceLinkLayer(_) | Self::TargetLinkLayer(_) | Self::Mtu(_) => 8,
            Self::Prefix(_) => 32,
            Self::Redirected(packet) => 8 + packet.len(),
            Self::Route { .. } => 24,
            Self::Rdnss { servers, .. } => 8 + size_of_val(servers.0),
            Self::Dnssl { domains, .. } => 8 + domains.0.len(),
            Self::Unknown { data, .. } => 2 + data.len(),
        };
        length.next_multiple_of(8)
    }

    /// Writes it to the front of `bytes` and gives what is left of them; `None`, and nothing
    /// written, if it does not fit, there or at all (2,040 bytes).
    pub fn write<'b>(&self, bytes: &'b mut [u8]) -> Option<&'b mut [u8]> {
        let length = self.len();
        let units = u8::try_from(length / 8).ok()?;
        let (option, rest) = bytes.split_at_mut_checked(length)?;
        option.fill(0);
        let [kind, unit_field, data @ ..] = option else { return None };
        *unit_field = units;
        *kind = match *self {
            Self::SourceLinkLayer(mac) => put(data, &[&mac.0], SOURCE_LINK_LAYER),
            Self::TargetLinkLayer(mac) => put(data, &[&mac.0], TARGET_LINK_LAYER),
            Self::Prefix(prefix) => {
                let flags = u8::from(prefix.on_link) << 7 | u8::from(prefix.autonomous) << 6;
                let (valid, preferred) =
                    (prefix.valid.to_be_bytes(), prefix.preferred.to_be_bytes());
                let address = prefix.address.octets();
                put(data, &[&[prefix.len, flags], &valid, &preferred, &[0; 4], &address], PREFIX)
            }
            Self::Redirected(packet) => put(data, &[&[0; 6], packet], REDIRECTED),
            Self::Mtu(mtu) => put(data, &[&[0; 2], &mtu.to_be_bytes()], MTU),
            Self::Route { prefix, prefix_len, preference, lifetime } => {
                let first = [prefix_len, preference_bits(preference)];
                put(data, &[&first, &lifetime.to_be_bytes(), &prefix.octets()], ROUTE)
            }
            Self::Rdnss { lifetime, servers } => {
                put(data, &[&[0; 2], &lifetime.to_be_bytes(), servers.0.as_flattened()], RDNSS)
            }
            Self::Dnssl { lifetime, domains } => {
                put(data, &[&[0; 2], &lifetime.to_be_bytes(), domains.0], DNSSL)
            }
            Self::Unknown { kind, data: unknown } => put(data, &[unknown], kind),
        };
        Some(rest)
    }
}

/// Lays `parts` one behind the other to the front of `data`, and gives `kind` back.
fn put(data: &mut [u8], parts: &[&[u8]], kind: u8) -> u8 {
    let bytes = parts.iter().copied().flatten();
    data.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    kind
}

fn read_lifetime(data: &[u8]) -> Option<(u32, &[u8])> {
    let (lifetime, rest) = data.get(2..)?.split_first_chunk()?;
    Some((u32::from_be_bytes(*lifetime), rest))
}

impl Prefix {
    fn read(data: &[u8]) -> Option<Self> {
        let data: &[u8; 30] = data.try_into().ok()?;
        let (&[len, flags], times) = data.split_first_chunk()?;
        let (valid, times) = times.split_first_chunk()?;
        let (preferred, _) = times.split_first_chunk()?;
        let address: &[u8; 16] = data.last_chunk()?;
        (len <= 128).then_some(Self {
            address: (*address).into(),
            len,
            on_link: flags & 0x80 != 0,
            autonomous: flags & 0x40 != 0,
            valid: u32::from_be_bytes(*valid),
            preferred: u32::from_be_bytes(*preferred),
        })
    }
}

/// The two bits of RFC 4191; the reserved value counts as none in particular.
pub(super) const fn preference(flags: u8) -> i8 {
    match flags >> 3 & 3 {
        1 => 1,
        3 => -1,
        _ => 0,
    }
}

pub(super) const fn preference_bits(preference: i8) -> u8 {
    match preference {
        i8::MIN..0 => 3 << 3,
        0 => 0,
        1.. => 1 << 3,
    }
}

/// Iterates over options. Ends after the first malformed one, which makes the whole message
/// invalid (RFC 4861): look at all of them before you believe any.
#[derive(Clone, Debug)]
pub struct Options<'a>(&'a [u8]);

impl<'a> Options<'a> {
    /// `bytes` is what follows a message.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether every option is as it should be.
    pub fn are_well_formed(&self) -> bool {
        self.clone().all(|option| option.is_ok())
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = Result<NdpOption<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let (kind, units) = match *self.0 {
            [] => return None,
            [kind, units, ..] => (kind, usize::from(units)),
            [kind] => (kind, 0),
        };
        let option = match self.0.split_at_checked(units * 8) {
            Some(([_, _, data @ ..], rest)) => {
                self.0 = rest;
                NdpOption::new(kind, data)
            }
            _ => Err(Malformed::Length),
        };
        if option.is_err() {
            self.0 = &[];
        }
        Some(option)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn all(bytes: &[u8]) -> Vec<Result<NdpOption<'_>, Malformed>> {
        Options::new(bytes).collect()
    }

    #[test]
    fn name_servers_and_search_domains() {
        let bytes = b"\x19\x03\x00\x00\x00\x00\x00\x1e\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x53\
            \x1f\x04\x00\x00\x00\x00\x00\x1e\x04home\x04arpa\0\x03lan\0\0\0\0\0\0\0\0\0";
        let options = all(bytes);
        let Ok(NdpOption::Rdnss { lifetime: 30, servers }) = options[0] else { panic!() };
        assert!(servers.iter().eq(["2001:db8::53".parse::<Ipv6Addr>().unwrap()]));
        let Ok(NdpOption::Dnssl { lifetime: 30, domains }) = options[1] else { panic!() };
        assert!(domains.iter().eq([&b"\x04home\x04arpa"[..], b"\x03lan"]));
        assert_eq!(options.len(), 2);
        let mut written = [0xaa; 56];
        let mut rest = &mut written[..];
        for option in options {
            rest = option.unwrap().write(rest).unwrap();
        }
        assert_eq!(written, *bytes);
    }

    #[test]
    fn broken_options() {
        for broken in [
            &[1][..],
            &[1, 0, 0, 0, 0, 0, 0, 0][..],
            &[1, 2, 0, 0, 0, 0, 0, 0][..],
            &[3, 1, 0, 0, 0, 0, 0, 0][..],
            &[25, 1, 0, 0, 0, 0, 0, 0][..],
            &[25, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..],
            &[24, 1, 64, 0, 0, 0, 0, 0][..],
            &[24, 3, 129, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..],
        ] {
            assert_eq!(all(broken), [Err(Malformed::Length)], "{broken:?}");
            assert!(!Options::new(broken).are_well_formed());
        }
    }

    #[test]
    fn a_route_may_be_short() {
        let bytes = [24, 2, 32, 0x18, 0, 0, 0, 60, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0];
        let prefix = "2001:db8::".parse().unwrap();
        let route = NdpOption::Route { prefix, prefix_len: 32, preference: -1, lifetime: 60 };
        assert_eq!(all(&bytes), [Ok(route)]);
    }

    #[test]
    fn domains_that_lie_about_their_length() {
        assert_eq!(Domains::new(b"\x09home").iter().count(), 0);
        assert_eq!(Domains::new(b"\xc0\x01\x02").iter().count(), 0);
        let long = [b"\x3f" as &[u8], &[b'a'; 63]].concat().repeat(4);
        assert_eq!(Domains::new(&[&long[..], b"\0"].concat()).iter().count(), 0);
    }
}
