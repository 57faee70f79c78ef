//! A key-value store that speaks memcached's protocol over UDP, in the packets it is asked in.
//!
//! [`Store`] is the data: one open-addressing table on FNV-1a hashes, and one arena of bounded
//! size in which keys and values lie. [`Server`] is the protocol: it takes a batch of datagrams,
//! hashes and prefetches all their keys together, and writes each answer over its request, so
//! that a received packet goes back with its addresses flipped and nothing copied.
//!
//! Neither does I/O, reads a clock or draws a random number: time is an argument, datagrams come
//! through the trait [`Datagram`], further buffers through [`Outlet`]. All memory is taken when
//! the store is made or, up to the limit it was given, when it first needs it; at the limit it
//! evicts or refuses, as told. Builds without std.
#![no_std]

extern crate alloc;

mod datagram;
mod error;
mod hash;
mod memory;
#[cfg(feature = "netstack")]
pub mod netstack;
mod number;
mod protocol;
mod server;
mod store;
mod table;
mod time;

pub use datagram::{Datagram, Outlet};
pub use error::Error;
pub use hash::Hash;
pub use server::{BATCH, Counters as ServerCounters, LONGEST_ANSWER, Server};
pub use store::{
    Arithmetic, Condition, Counted, Counters, Entry, Key, Memory, Options, Store, Stored, WhenFull,
    Write,
};
pub use time::Time;
