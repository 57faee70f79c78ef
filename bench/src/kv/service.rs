//! Ours on the in-memory wire: server and client, both driven by one thread.

use super::client::{CLIENT, CLIENT_MAC, Client, PAGES, SERVER, SERVER_MAC, config};
use super::contents::Filled;
use super::desk::Desk;
use super::spent::Spent;
use bench::frame::ticks;
use nic::wire::{Options, wire};
use packet::Pool;
use socket::Link;

pub(super) struct Service {
    client: Client,
    desk: Desk,
    filled: Filled,
}

impl Service {
    pub(super) fn open(filled: &Filled) -> Result<Self, String> {
        let filled = filled.clone();
        filled.fill()?;
        let (near, far) = wire(&Options::default());
        let client = Client::open(near, filled.bits)?;
        let config = config((SERVER, SERVER_MAC), (CLIENT, CLIENT_MAC));
        let link = Link::open(Box::new(far), Pool::plain(PAGES), config);
        let desk = Desk::open(link.map_err(|error| error.to_string())?, SERVER)?;
        Ok(Self { client, desk, filled })
    }

    /// A batch of requests, answered together or one by one.
    pub(super) fn round(&mut self, together: bool, spent: &mut Spent) -> Result<(), String> {
        let mut server = self.filled.server()?;
        self.client.ask()?;
        let begin = ticks();
        let count = self.desk.receive()?;
        let received = ticks();
        self.desk.process(&mut server, together);
        let processed = ticks();
        self.desk.transmit()?;
        let transmitted = ticks();
        self.desk.tidy();
        spent.note([begin, received, processed, transmitted], count);
        self.client.hear()
    }
}
