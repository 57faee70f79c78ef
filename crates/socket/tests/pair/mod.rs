//! Two interfaces on one wire in memory.

#![allow(dead_code, reason = "each test file uses its own part")]

use nic::wire::{Options, Wire, wire};
use packet::Pool;
use packet::header::ethernet::Mac;
use socket::{Config, Link, Network};
use std::net::SocketAddr;

pub(crate) fn config(number: u8) -> Config {
    Config::new(Mac([2, 0, 0, 0, 0, number]))
        .with_address([10, 0, 0, number], 24)
        .with_address([0xfd00, 0, 0, 0, 0, 0, 0, u16::from(number)], 64)
}

pub(crate) fn ends() -> (Wire, Wire) {
    wire(&Options::default())
}

pub(crate) fn links(pool: &Pool) -> (Link, Link) {
    let (left, right) = ends();
    let open =
        |wire, number| Link::open(Box::new(wire), pool.clone(), config(number)).expect("a link");
    (open(left, 1), open(right, 2))
}

pub(crate) fn networks(pool: &Pool) -> (Network, Network) {
    let (left, right) = ends();
    let open = |wire, number| {
        Network::open(Box::new(wire), pool.clone(), config(number)).expect("a network")
    };
    (open(left, 1), open(right, 2))
}

pub(crate) fn v4(number: u8, port: u16) -> SocketAddr {
    ([10, 0, 0, number], port).into()
}

pub(crate) fn v6(number: u8, port: u16) -> SocketAddr {
    ([0xfd00, 0, 0, 0, 0, 0, 0, u16::from(number)], port).into()
}
