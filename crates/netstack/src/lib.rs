//! Protocols without I/O: frames and the time go in, frames and events come out.
//!
//! A [`Host`] is everything that one interface needs: its addresses, its neighbours and routes,
//! the demultiplexer, and the *stacks*, one for each socket. Whoever owns it feeds it what a
//! driver received ([`Host::receive`]) and sends what it hands out ([`Host::transmit`]); stacks
//! are read and written in batches of whole packets, which are moved, never copied.
//!
//! Nothing in this crate reads a clock, draws a random number, sleeps, or allocates a packet:
//! [`Time`], a seed and free buffers are arguments. So a network of a thousand hosts runs in one
//! thread of a test, and a crash can be run again from its packets. It builds without std.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod budget;
mod counter;
pub mod dhcp;
pub mod dns;
mod error;
pub mod fragment;
pub mod host;
mod neighbor;
mod path_mtu;
pub mod ports;
mod random;
pub mod reassembly;
pub mod route;
pub mod slaac;
mod time;
pub mod udp;

pub use counter::{Counters, DropReason};
pub use error::Error;
pub use host::{Address, Addressing, Config, Event, Host, PingId, Pong};
pub use random::Random;
pub use time::Time;
pub use udp::{Datagram, StackId};
