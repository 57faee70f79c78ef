//! What is asked for, and what the asker gets.

use super::Name;
use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};
use core::time::Duration;

/// What one can ask a name for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// The name that this one is another for.
    Cname,
    /// The names of an address.
    Ptr,
}

impl Kind {
    /// Its number in messages.
    pub const fn number(self) -> u16 {
        match self {
            Self::A => 1,
            Self::Cname => 5,
            Self::Ptr => 12,
            Self::Aaaa => 28,
        }
    }
}

/// One record's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An IPv6 address.
    Aaaa(Ipv6Addr),
    /// The name that the asked one is another for.
    Cname(Name),
    /// A name of an address.
    Ptr(Name),
}

impl Data {
    /// What one asks for to get it.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::A(_) => Kind::A,
            Self::Aaaa(_) => Kind::Aaaa,
            Self::Cname(_) => Kind::Cname,
            Self::Ptr(_) => Kind::Ptr,
        }
    }
}

/// An answer. It has at least one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The name that has the records, at the end of the chain of names.
    pub name: Name,
    /// The records.
    pub data: Vec<Data>,
    /// How long they may be used.
    pub ttl: Duration,
}

/// Why there is no answer. Each message names the thing, the cause, and the way out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DnsError {
    /// The text is no name.
    #[error("no domain name: {0}")]
    BadName(#[from] super::BadName),
    /// There is no such name.
    #[error("{0} does not exist; check how it is written")]
    NoName(Name),
    /// The name exists and has nothing of the kind.
    #[error("{0} has no {1:?} record; ask for another kind")]
    NoData(Name, Kind),
    /// The answer does not fit into a datagram.
    #[error("the answer for {0} does not fit into a datagram; ask for it over TCP")]
    Truncated(Name),
    /// No server answered.
    #[error("no server answered for {0}; check the network and the servers")]
    TimedOut(Name),
    /// All servers failed or refused.
    #[error("every server failed or refused to answer for {0}; try again later or use others")]
    Failed(Name),
    /// Names lead from one to the next without an end.
    #[error("{0} leads through too many other names; its zone must be repaired")]
    LongChain(Name),
    /// There is nobody to ask.
    #[error("no name server is known; configure one, or use DHCP or router advertisements")]
    NoServers,
    /// As many questions as there may be.
    #[error("all {0} questions that may wait at once do; wait for answers or raise the limit")]
    TooMany(usize),
}
