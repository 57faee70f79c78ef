//! Who asks: sends gets over its end of a wire, and looks at the answers. Its time does not count.

use super::contents::{Draw, get, is_value};
use super::{BATCH, PORT};
use netstack::{Config, Datagram};
use nic::wire::Wire;
use packet::header::ethernet::Mac;
use packet::{Batch, Pool};
use socket::{Link, StackId};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

pub(super) const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
pub(super) const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
pub(super) const CLIENT_MAC: Mac = Mac([2, 0, 0, 0, 0, 1]);
pub(super) const SERVER_MAC: Mac = Mac([2, 0, 0, 0, 0, 2]);

/// Pages for one end of the wire.
pub(super) const PAGES: usize = 1024;

/// How an end of the wire is set up: its own addresses, and its neighbour's.
pub(super) fn config(ours: (IpAddr, Mac), theirs: (IpAddr, Mac)) -> Config {
    let mut config = Config::new(ours.1).with_address(ours.0, 24);
    config.neighbors.push(theirs);
    config
}

pub(super) struct Client {
    link: Link,
    stack: StackId,
    draw: Draw,
    ready: Batch,
    received: Batch,
}

impl Client {
    pub(super) fn open(wire: Wire, bits: u32) -> Result<Self, String> {
        let said = |error: socket::Error| error.to_string();
        let config = config((CLIENT, CLIENT_MAC), (SERVER, SERVER_MAC));
        let mut link = Link::open(Box::new(wire), Pool::plain(PAGES), config).map_err(said)?;
        let stack = link.bind(SocketAddr::new(CLIENT, 40_000)).map_err(said)?;
        let draw = Draw::of(bits);
        Ok(Self { link, stack, draw, ready: Batch::new(), received: Batch::new() })
    }

    /// Sends a batch of gets for keys that are there.
    pub(super) fn ask(&mut self) -> Result<(), String> {
        let said = |error: socket::Error| error.to_string();
        let to = SocketAddr::new(SERVER, PORT);
        for _ in 0..BATCH {
            let request = get(self.draw.number());
            let size = request.len();
            self.link
                .prepare_batch(self.stack, to, &request, size, &mut self.ready)
                .map_err(said)?;
        }
        self.link.tx_batch(self.stack, &mut self.ready);
        self.link.flush().map_err(said)
    }

    /// Takes the answers; an error if one is missing or wrong.
    pub(super) fn hear(&mut self) -> Result<(), String> {
        self.link.poll(2 * BATCH).map_err(|error| error.to_string())?;
        let count = self.link.rx_batch(self.stack, &mut self.received, 2 * BATCH);
        if count != BATCH {
            return Err(format!("{count} answers to {BATCH} requests"));
        }
        for packet in &mut self.received {
            let datagram = Datagram::read(packet).map_err(|error| error.to_string())?;
            let answer = datagram.payload();
            if !is_value(answer) {
                return Err(format!("a wrong answer: {}", answer.escape_ascii()));
            }
        }
        self.link.recycle(&mut self.received);
        Ok(())
    }
}
