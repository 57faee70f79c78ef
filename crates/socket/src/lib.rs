//! Sockets for Rust programs.
//!
//! Three ways to the same stacks:
//!
//! * [`Link`]: a driver and a host that their owner drives, in batches of whole packets, without
//!   a lock, a thread or a copy;
//! * [`UdpSocket`]: shaped like std's, over a [`Network`] that a thread of its own drives;
//! * [`tokio::UdpSocket`]: shaped like tokio's, over the same.
//!
//! An interface that goes away while it is used is an error at every socket, never a hang.

#![forbid(unsafe_code)]

mod error;
mod link;
mod network;
mod socket;
#[cfg(feature = "tokio")]
pub mod tokio;

pub use error::Error;
pub use link::Link;
pub use netstack::udp::Options;
pub use netstack::{Address, Addressing, Config, Datagram, Event, Host, PingId, Pong, StackId};
pub use network::Network;
pub use socket::UdpSocket;
