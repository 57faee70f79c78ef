//! A stub resolver (RFC 1035, 2308, 6891): from names to addresses and back, by asking servers.
//!
//! [`Resolver`] is asked for a name ([`Resolver::lookup`]), hands out datagrams to send to servers
//! ([`Resolver::poll`]) and takes in what came back ([`Resolver::receive`]); it has no sockets.
//! It answers by itself what it was given as known, what it knows from before, and addresses that
//! are written as such.
//!
//! Who wants to forge an answer from afar must guess the number of the query, the port of its
//! socket and the case of its letters, all of them random; so each datagram is to be sent from a
//! port of its own (an ephemeral one of the port manager). Answers that do not match in all of
//! it are counted and ignored. It does not validate signatures, and does not speak TCP yet: a
//! truncated answer is an error that says so.

mod answer;
mod cache;
mod message;
mod name;
mod query;
mod resolver;

pub use answer::{Answer, Data, DnsError, Kind};
pub use message::{Malformed, Message, Record};
pub use name::{BadName, Name};
pub use resolver::{Ignored, Lookup, Options, Outgoing, QueryId, Resolver};

/// Where servers listen.
pub const SERVER_PORT: u16 = 53;
