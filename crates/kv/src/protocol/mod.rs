//! memcached's protocol: what a datagram asks for, and the answer.
//!
//! A *session* walks over the requests in one datagram (there may be several) and carries out one
//! step at a time; a step gives a [`Reply`] that refers to the store but not to the request, so
//! that it can be written over it.

pub(crate) mod ascii;
pub(crate) mod binary;
pub(crate) mod frame;
pub(crate) mod glance;
mod reply;
mod session;

pub(crate) use reply::{Reply, Statistics};
pub(crate) use session::{Context, Echo, Session};

/// What clients are told. The number in front says to them which commands they may expect; ours
/// stands behind it.
pub(crate) const VERSION: &str = concat!("1.6.0-cofferdam-", env!("CARGO_PKG_VERSION"));
