//! Our server on a stack of its own: requests in, answers out.

use super::contents::NOW;
use super::{BATCH, PORT};
use kv::Server;
use kv::netstack::{Answers, Request};
use packet::Batch;
use socket::{Link, StackId};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

/// Everything but the store, which outlives it.
pub(super) struct Desk {
    link: Link,
    stack: StackId,
    received: Batch,
    requests: VecDeque<Request>,
    answers: Answers,
    /// The longest payload that fits one frame of either IP version.
    most: usize,
}

impl Desk {
    pub(super) fn open(mut link: Link, at: IpAddr) -> Result<Self, String> {
        let stack = link.bind(SocketAddr::new(at, PORT)).map_err(|error| error.to_string())?;
        let answers = Answers::new(link.pool().clone());
        let most = link.host_ref().mtu() - 48;
        let (received, requests) = (Batch::new(), VecDeque::new());
        Ok(Self { link, stack, received, requests, answers, most })
    }

    /// Receives what is there. Says how many requests that were.
    pub(super) fn receive(&mut self) -> Result<usize, String> {
        self.link.poll(2 * BATCH).map_err(|error| error.to_string())?;
        Ok(self.link.rx_batch(self.stack, &mut self.received, 2 * BATCH))
    }

    /// Answers what was received, together or one by one.
    pub(super) fn process(&mut self, server: &mut Server, together: bool) {
        for packet in self.received.drain(..) {
            match Request::read(packet, self.most) {
                Ok(request) => self.requests.push_back(request),
                Err(packet) => self.answers.free.push_back(packet),
            }
        }
        if together {
            server.process_batch(NOW, &mut self.requests, &mut self.answers);
        } else {
            while let Some(request) = self.requests.pop_front() {
                server.process(NOW, request, &mut self.answers);
            }
        }
    }

    /// Sends the answers.
    pub(super) fn transmit(&mut self) -> Result<(), String> {
        self.link.tx_batch(self.stack, &mut self.answers.ready);
        self.link.flush().map_err(|error| error.to_string())
    }

    /// Gives back what nobody needs any more.
    pub(super) fn tidy(&mut self) {
        self.link.recycle(&mut self.answers.free);
    }

    /// Sleeps until something may have come.
    pub(super) fn wait(&mut self, longest: std::time::Duration) -> Result<(), String> {
        self.link.wait(Some(longest)).map(drop).map_err(|error| error.to_string())
    }
}
