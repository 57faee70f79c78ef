//! Load for a server: two machines of one core each, and a wire between them.
//!
//! The wire is a veth pair between two namespaces. Each end's interrupt work is done by a kernel
//! thread of its own (threaded NAPI), which is kept on the core of that end: what the kernel does
//! to receive for the server happens on the server's core and is counted for it, and what it does
//! to receive for the client is not. Both are told apart by the time each thread was running, to
//! the nanosecond.
//!
//! The client ([`Generator`]) sends one frame again and again, with some bytes changed, through
//! rings that it shares with the kernel, and checks and counts answers: it is not what is measured.
//! It keeps so many requests on their way and no more, so nothing is ever dropped and no work done
//! in vain. Nothing of the client's is counted for the server:
//!
//! - A veth pair hands the very buffer on that the sender allocated, and whoever receives it must
//!   free it (400 ticks). So requests take one hop more, on the client's core: out of another pair,
//!   whose other end relays them into the cable as a network card hands over what it received.
//! - Who sends through a veth pair wakes the thread that receives at its other end. The client
//!   looks for answers itself instead (busy polling), and nobody must wake anybody.
//! - What the client frees of the server's the kernel keeps for the next answers (`buffers`).

mod buffers;
mod cable;
mod effort;
mod generator;
mod server;
mod trial;
mod urgency;

use buffers::Kept;
use cable::{Cable, orderly, with_rights};
use effort::Effort;
pub(crate) use generator::{End, Generator, Question};
pub(crate) use server::{NAP, Server};
pub(crate) use trial::{Driver, Served, Trial};

use netstack::Config;
use packet::header::ethernet::Mac;
use std::net::{IpAddr, Ipv4Addr};

/// The core that makes the load, and the one that serves it.
pub(crate) const LOAD: usize = 0;
pub(crate) const SERVICE: usize = 1;

pub(crate) const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
pub(crate) const CLIENT_MAC: Mac = Mac([2, 0, 0, 0, 0, 1]);
pub(crate) const SERVER_MAC: Mac = Mac([2, 0, 0, 0, 0, 2]);
/// From where the client asks.
const CLIENT_PORT: u16 = 40_000;

/// How a stack of ours serves at [`SERVER`].
pub(crate) fn config() -> Config {
    let mut config = Config::new(SERVER_MAC).with_address(IpAddr::V4(SERVER), 24);
    config.neighbors.push((IpAddr::V4(CLIENT), CLIENT_MAC));
    config
}

/// A whole frame that asks the server at a port.
pub(crate) fn request(port: u16, payload: &[u8]) -> Vec<u8> {
    let udp = system_tests::frame::Udp {
        hardware: (SERVER_MAC.0, CLIENT_MAC.0),
        addresses: (CLIENT.octets(), SERVER.octets()),
        ports: (CLIENT_PORT, port),
    };
    udp.complete(payload)
}
