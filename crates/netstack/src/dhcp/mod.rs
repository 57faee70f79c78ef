//! A DHCP client for IPv4 (RFC 2131, 2132, 3396, 3442): how a host comes by an address.
//!
//! [`Client`] is told the time and what arrived on port [`CLIENT_PORT`], and hands out what is to
//! be sent to port [`SERVER_PORT`]. It never touches an interface: it says [`Event::Bound`] and
//! [`Event::Lost`], and whoever owns the interface sets addresses and routes, probes the address
//! for a duplicate, and calls [`Client::decline`] if there is one.
//!
//! What arrives is believed only if it answers what was asked: the transaction's random number,
//! our hardware address, a server that we speak with. All else is counted and has no effect.

mod answer;
mod client;
mod lease;
mod option;
mod question;
mod timing;

pub use answer::{Answer, Kind};
pub use client::{Client, Event, Identity, Ignored, Loss, Outgoing};
pub use lease::Lease;

/// Where clients listen.
pub const CLIENT_PORT: u16 = 68;
/// Where servers listen.
pub const SERVER_PORT: u16 = 67;

/// What every message has behind the fields of BOOTP.
const COOKIE: [u8; 4] = [99, 130, 83, 99];
