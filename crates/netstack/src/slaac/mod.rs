//! What IPv6 routers advertise, and the addresses a host makes from it (RFC 4861, 4862, 4191,
//! 8106, 7559).
//!
//! [`Client`] is told the time and the router advertisements that arrived, and hands out router
//! solicitations; whoever owns the interface fetches events and sets addresses, routes and the
//! rest. Duplicate address detection is the owner's; its result comes back by
//! [`Client::duplicate`].
//!
//! Anybody on the link can send advertisements, so every list is bounded, and what is in a list
//! is not pushed out by what is new. They are believed only from a link-local address with a hop
//! limit of 255, which no router passes on.

mod advertisement;
mod client;
mod identifier;
mod learned;

pub use advertisement::{Advertisement, Preference, PrefixInformation, RouteInformation};
pub use client::{Client, Event, Ignored};
pub use identifier::Identifier;
