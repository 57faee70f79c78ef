//! Patterns of addresses: `unix:/path`, `tcp:host:port`, `udp:host:port`.
//!
//! A host is an address, one with a prefix length, or `*`; a port is a number, two with `-` between
//! them, or `*`. Names of hosts are none: what a program connects to is an address, and who said that it
//! belongs to a name is not known then.

mod cover;

use crate::glob::{Bad, Glob};
use alloc::format;
use alloc::string::String;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
pub(crate) use cover::{Meant, covers};

/// Which way a socket is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Others come to this address.
    Bind,
    /// It goes to this address, or sends there.
    Connect,
}

impl Direction {
    /// The other one.
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Bind => Self::Connect,
            Self::Connect => Self::Bind,
        }
    }
}

/// An address of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Address<'a> {
    /// A name in the file system, resolved and absolute; or an abstract one, with `@` in front.
    Unix(&'a [u8]),
    /// TCP.
    Tcp(SocketAddr),
    /// UDP.
    Udp(SocketAddr),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Tcp,
    Udp,
}

/// A pattern of addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// All there are.
    Any,
    Unix(Glob),
    Ip {
        protocol: Protocol,
        hosts: Hosts,
        ports: (u16, u16),
    },
}

/// Addresses in a row; of each kind the first and last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hosts {
    v4: Option<(u32, u32)>,
    v6: Option<(u128, u128)>,
}

/// What is wrong with a pattern, and what would be right.
pub(crate) type Wrong = (String, Option<String>);

fn wrong<T>(what: impl Into<String>, help: impl Into<String>) -> Result<T, Wrong> {
    Err((what.into(), Some(help.into())))
}

impl Pattern {
    pub(crate) fn parse(text: &[u8]) -> Result<Self, Wrong> {
        const FORMS: &str = "write \"unix:/path\", \"tcp:host:port\" or \"udp:host:port\"";
        if text == b"*" {
            return Ok(Self::Any);
        }
        if let Some(path) = text.strip_prefix(b"unix:") {
            return unix(path);
        }
        let Ok(text) = core::str::from_utf8(text) else {
            return wrong("this is no address", FORMS);
        };
        let Some((protocol, rest)) = text.split_once(':') else {
            return wrong(format!("`{text}` is no address"), FORMS);
        };
        let protocol = match protocol {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            other => return wrong(format!("there is no protocol `{other}` here"), FORMS),
        };
        if rest == "*" {
            return Ok(Self::Ip { protocol, hosts: Hosts::ALL, ports: (0, u16::MAX) });
        }
        let Some((host, port)) = rest.rsplit_once(':') else {
            return wrong(
                format!("`{rest}` has no port"),
                format!("write `{rest}:443`, or `{rest}:*` for all"),
            );
        };
        Ok(Self::Ip { protocol, hosts: hosts(host)?, ports: ports(port)? })
    }

    pub(crate) fn matches(&self, address: Address<'_>) -> bool {
        let (wanted, address) = match address {
            Address::Unix(name) => {
                return match self {
                    Self::Any => true,
                    Self::Unix(glob) => glob.matches(name),
                    Self::Ip { .. } => false,
                };
            }
            Address::Tcp(address) => (Protocol::Tcp, address),
            Address::Udp(address) => (Protocol::Udp, address),
        };
        match self {
            Self::Any => true,
            Self::Unix(_) => false,
            Self::Ip { protocol, hosts, ports } => {
                *protocol == wanted
                    && hosts.contain(address.ip())
                    && (ports.0..=ports.1).contains(&address.port())
            }
        }
    }
}

impl Hosts {
    const ALL: Self = Self { v4: Some((0, u32::MAX)), v6: Some((0, u128::MAX)) };

    /// An IPv4 address that is written as one of IPv6 is what it is.
    fn contain(self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                self.v4.is_some_and(|(first, last)| (first..=last).contains(&address.to_bits()))
            }
            IpAddr::V6(address) => {
                self.v6.is_some_and(|(first, last)| (first..=last).contains(&address.to_bits()))
            }
        }
    }
}

fn unix(path: &[u8]) -> Result<Pattern, Wrong> {
    if !matches!(path.first(), Some(b'/' | b'@' | b'*')) {
        return wrong(
            "the name of a unix socket begins with / here, or with @ if it is abstract",
            "names are compared after they were resolved, so a relative one never matches",
        );
    }
    match Glob::parse(path) {
        Ok(glob) => Ok(Pattern::Unix(glob)),
        Err(bad) => Err(bad_glob(bad)),
    }
}

pub(crate) fn bad_glob(bad: Bad) -> Wrong {
    match bad {
        Bad::Braces => {
            let help = "write {a,b} for one of several, \\{ for a brace that is part of the name";
            ("a brace has no other one".into(), Some(help.into()))
        }
        Bad::TooMany => (
            "this stands for more than 256 patterns".into(),
            Some("write it as several rules".into()),
        ),
    }
}

fn hosts(text: &str) -> Result<Hosts, Wrong> {
    const NAMES: &str = "write an address, one with a prefix length (10.0.0.0/8, [fd00::]/8), or *; \
                         names of hosts are not known when a program connects";
    if text == "*" {
        return Ok(Hosts::ALL);
    }
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let parsed = match bare {
        Some(inner) => inner.parse::<Ipv6Addr>().map(IpAddr::V6).ok(),
        None => address.parse::<Ipv4Addr>().map(IpAddr::V4).ok(),
    };
    let Some(parsed) = parsed else {
        if address.parse::<Ipv6Addr>().is_ok() {
            return wrong("an IPv6 address stands between brackets", format!("write [{address}]"));
        }
        return wrong(format!("`{address}` is no address"), NAMES);
    };
    let bits = if parsed.is_ipv4() { 32 } else { 128 };
    let length = match length.map(str::parse::<u32>) {
        None => bits,
        Some(Ok(length)) if length <= bits => length,
        Some(_) => {
            return wrong(
                format!("the prefix length of `{text}` is no number from 0 to {bits}"),
                NAMES,
            );
        }
    };
    Ok(match parsed {
        IpAddr::V4(address) => {
            let rest = u32::MAX.checked_shr(length).unwrap_or(0);
            let address = address.to_bits();
            Hosts { v4: Some((address & !rest, address | rest)), v6: None }
        }
        IpAddr::V6(address) => {
            let rest = u128::MAX.checked_shr(length).unwrap_or(0);
            let address = address.to_bits();
            Hosts { v4: None, v6: Some((address & !rest, address | rest)) }
        }
    })
}

fn ports(text: &str) -> Result<(u16, u16), Wrong> {
    const FORMS: &str = "write a number up to 65535, two with - between them, or *";
    if text == "*" {
        return Ok((0, u16::MAX));
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.parse::<u16>(), last.parse::<u16>()) {
        (Ok(first), Ok(last)) if first <= last => Ok((first, last)),
        (Ok(_), Ok(_)) => wrong(format!("`{text}` ends before it begins"), FORMS),
        _ => wrong(format!("`{text}` is no port"), FORMS),
    }
}

#[cfg(test)]
mod tests;
