//! What servers say.

use super::option::{self, Options};
use super::{COOKIE, Lease};
use crate::route::Prefix;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use core::time::Duration;
use packet::header::Malformed;
use packet::header::ethernet::Mac;

/// The longest message that is looked at.
const LONGEST: usize = 4096;
/// Routers and name servers that are kept of each list.
const MOST_ADDRESSES: usize = 8;
/// Routes that are kept.
const MOST_ROUTES: usize = 64;

/// What a server says with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It has an address for us.
    Offer,
    /// The address is ours.
    Acknowledgement,
    /// It is not.
    Refusal,
}

/// A server's message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What it says.
    pub kind: Kind,
    /// The transaction it belongs to.
    pub transaction: u32,
    /// The client it is for.
    pub mac: Mac,
    /// Who says so.
    pub server: Option<Ipv4Addr>,
    /// What goes with the address; nothing for a refusal.
    pub lease: Option<Lease>,
}

/// The fields of BOOTP that matter, where they lie.
struct Fields<'a> {
    transaction: u32,
    address: Ipv4Addr,
    mac: Mac,
    options: Options<'a>,
}

impl<'a> Fields<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (head, rest) = bytes.split_first_chunk::<28>().ok_or(Malformed::Truncated)?;
        let (hardware, rest) = rest.split_first_chunk::<16>().ok_or(Malformed::Truncated)?;
        let (server_name, rest) = rest.split_first_chunk::<64>().ok_or(Malformed::Truncated)?;
        let (file, rest) = rest.split_first_chunk::<128>().ok_or(Malformed::Truncated)?;
        let (cookie, options) = rest.split_first_chunk::<4>().ok_or(Malformed::Truncated)?;
        let [2, 1, 6, _, t0, t1, t2, t3, rest @ ..] = *head else { return Err(Malformed::Field) };
        if *cookie != COOKIE {
            return Err(Malformed::Version);
        }
        let [_, _, _, _, _, _, _, _, y0, y1, y2, y3, ..] = rest;
        let [m0, m1, m2, m3, m4, m5, ..] = *hardware;
        Ok(Self {
            transaction: u32::from_be_bytes([t0, t1, t2, t3]),
            address: Ipv4Addr::new(y0, y1, y2, y3),
            mac: Mac([m0, m1, m2, m3, m4, m5]),
            options: Options::read(options, file, server_name)?,
        })
    }
}

impl Answer {
    /// Reads a message from a server to a client on an Ethernet.
    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() > LONGEST {
            return Err(Malformed::Length);
        }
        let Fields { transaction, address, mac, options } = Fields::read(bytes)?;
        let kind = match options.get_array(option::MESSAGE_TYPE)? {
            Some([2]) => Kind::Offer,
            Some([5]) => Kind::Acknowledgement,
            Some([6]) => Kind::Refusal,
            _ => return Err(Malformed::Field),
        };
        let server = options.get_array::<4>(option::SERVER)?.map(Ipv4Addr::from);
        let lease = if kind == Kind::Refusal { None } else { Some(lease(address, &options)?) };
        Ok(Self { kind, transaction, mac, server, lease })
    }
}

fn lease(address: Ipv4Addr, options: &Options<'_>) -> Result<Lease, Malformed> {
    if !is_usable(address) {
        return Err(Malformed::Field);
    }
    let seconds = |code| -> Result<Option<u32>, Malformed> {
        Ok(options.get_array(code)?.map(u32::from_be_bytes))
    };
    let duration = match seconds(option::LEASE_TIME)? {
        None | Some(0) => return Err(Malformed::Field),
        Some(u32::MAX) => None,
        Some(seconds) => Some(Duration::from_secs(seconds.into())),
    };
    let (renewal, rebinding) = times(
        duration,
        seconds(option::RENEWAL_TIME)?.map(|it| Duration::from_secs(it.into())),
        seconds(option::REBINDING_TIME)?.map(|it| Duration::from_secs(it.into())),
    );
    let prefix_len = match options.get_array(option::MASK)?.map(u32::from_be_bytes) {
        // A mask with holes is no mask.
        Some(mask) if mask.leading_ones() + mask.trailing_zeros() >= 32 => {
            mask.leading_ones() as u8
        }
        Some(_) => return Err(Malformed::Field),
        None => class_prefix(address),
    };
    let mtu = options.get_array(option::MTU)?.map(u16::from_be_bytes).filter(|mtu| *mtu >= 68);
    Ok(Lease {
        address,
        prefix_len,
        routers: addresses(options, option::ROUTERS)?,
        name_servers: addresses(options, option::DNS)?,
        domain: options.get(option::DOMAIN).and_then(|bytes| domain(&bytes)),
        mtu,
        classless_routes: classless_routes(options)?,
        duration,
        renewal,
        rebinding,
    })
}

/// Whether a host can have this address.
fn is_usable(address: Ipv4Addr) -> bool {
    !(address.is_unspecified()
        || address.is_broadcast()
        || address.is_multicast()
        || address.is_loopback())
}

/// When to renew and to rebind; what the server says only if it makes sense.
fn times(
    duration: Option<Duration>,
    renewal: Option<Duration>,
    rebinding: Option<Duration>,
) -> (Duration, Duration) {
    let Some(duration) = duration else { return (Duration::MAX, Duration::MAX) };
    let rebinding = rebinding.filter(|it| *it < duration).unwrap_or(duration * 7 / 8);
    let renewal = renewal.filter(|it| *it < rebinding).unwrap_or(duration / 2);
    (renewal.min(rebinding), rebinding)
}

/// From before there were masks.
fn class_prefix(address: Ipv4Addr) -> u8 {
    match address.octets() {
        [0..=127, ..] => 8,
        [128..=191, ..] => 16,
        _ => 24,
    }
}

fn addresses(options: &Options<'_>, code: u8) -> Result<Vec<Ipv4Addr>, Malformed> {
    let bytes = options.get(code).unwrap_or_default();
    let (addresses, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(Malformed::Length);
    }
    let usable = addresses.iter().map(|it| Ipv4Addr::from(*it)).filter(|it| is_usable(*it));
    Ok(usable.take(MOST_ADDRESSES).collect())
}

/// A domain name as text, if it can be one; some servers end it with a zero.
fn domain(bytes: &[u8]) -> Option<String> {
    let text = core::str::from_utf8(bytes).ok()?.trim_end_matches('\0').trim_end_matches('.');
    let is_name = !text.is_empty()
        && text.len() <= 253
        && text.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_.".contains(&it));
    is_name.then(|| String::from(text))
}

/// Each: how many bits, the bytes of the prefix that matter, a router (RFC 3442).
fn classless_routes(options: &Options<'_>) -> Result<Vec<(Prefix, Option<Ipv4Addr>)>, Malformed> {
    let bytes = options.get(option::CLASSLESS_ROUTES).unwrap_or_default();
    let mut rest = bytes.as_slice();
    let mut routes = Vec::new();
    while let Some((&len, tail)) = rest.split_first() {
        let significant = usize::from(len.div_ceil(8));
        let (known, tail) = tail.split_at_checked(significant).ok_or(Malformed::Length)?;
        let (router, tail) = tail.split_first_chunk::<4>().ok_or(Malformed::Length)?;
        let mut octets = [0; 4];
        octets.get_mut(..significant).ok_or(Malformed::Field)?.copy_from_slice(known);
        let prefix = Prefix::new(Ipv4Addr::from(octets).into(), len).ok_or(Malformed::Field)?;
        let router = Ipv4Addr::from(*router);
        if routes.len() < MOST_ROUTES {
            routes.push((prefix, Some(router).filter(|it| !it.is_unspecified())));
        }
        rest = tail;
    }
    Ok(routes)
}
