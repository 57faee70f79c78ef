//! A link in memory with hosts on it and a clock of its own: the bench for everything that hosts
//! do with each other. Frames go to everybody, as on a hub; so each host sees what is not for it.

#![allow(dead_code, reason = "each test file uses its own part")]

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use netstack::udp::Options;
use netstack::{Address, Config, Datagram, DropReason, Host, StackId, Time};
use packet::header::ethernet::Mac;
use packet::{Batch, Pool};

/// One host, with a driver's buffers.
pub(crate) struct Node {
    pub(crate) host: Host,
    pub(crate) free: Batch,
    pub(crate) pages: usize,
}

/// The link.
pub(crate) struct Segment {
    pub(crate) now: Time,
    pub(crate) nodes: Vec<Node>,
    pub(crate) pool: Pool,
    /// Frames that were on the link, as bytes, if they are to be kept.
    pub(crate) seen: Option<Vec<Vec<u8>>>,
}

pub(crate) const PAGES: usize = 256;

pub(crate) fn mac(number: u8) -> Mac {
    Mac([2, 0, 0, 0, 0, number])
}

pub(crate) fn config(number: u8) -> Config {
    Config::new(mac(number))
        .with_address([10, 0, 0, number], 24)
        .with_address([0xfd00, 0, 0, 0, 0, 0, 0, u16::from(number)], 64)
}

pub(crate) fn v4(number: u8, port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::from([10, 0, 0, number]), port)
}

pub(crate) fn v6(number: u8, port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, u16::from(number)]), port)
}

impl Segment {
    /// Hosts 1 to `count`, each with `10.0.0.N/24` and `fd00::N/64`.
    pub(crate) fn new(count: u8) -> Self {
        Self::with((1..=count).map(config))
    }

    pub(crate) fn with(configs: impl IntoIterator<Item = Config>) -> Self {
        let mut pool = Pool::plain(1 << 16);
        let nodes = configs
            .into_iter()
            .enumerate()
            .map(|(index, config)| {
                let mut free = Batch::new();
                assert_eq!(pool.allocate_batch(&mut free, PAGES), PAGES);
                let host = Host::new(&config, 1000 + index as u64, Time::ZERO).expect("a host");
                Node { host, free, pages: PAGES }
            })
            .collect();
        Self { now: Time::ZERO, nodes, pool, seen: None }
    }

    /// Carries frames until nobody has any left to send.
    pub(crate) fn settle(&mut self) {
        for _ in 0..1000 {
            if !self.step() {
                return;
            }
        }
        panic!("hosts never stop talking");
    }

    /// One round: what each sends goes to all others. Whether anything was sent.
    pub(crate) fn step(&mut self) -> bool {
        let mut sent = Vec::new();
        for (index, node) in self.nodes.iter_mut().enumerate() {
            node.host.receive(self.now, &mut Batch::new(), &mut node.free);
            node.host.poll(self.now, &mut node.free);
            let mut ready = Batch::new();
            node.host.transmit(&mut ready);
            for frame in ready.drain(..) {
                let mut bytes = vec![0; frame.frame_len()];
                frame.copy_out(0, &mut bytes);
                sent.push((index, bytes));
                let mut rest = Some(frame);
                while let Some(mut page) = rest {
                    rest = page.take_next();
                    node.free.push_back(page);
                }
            }
        }
        for (from, bytes) in &sent {
            for index in (0..self.nodes.len()).filter(|index| index != from) {
                self.inject(index, bytes);
            }
        }
        let any = !sent.is_empty();
        if let Some(seen) = &mut self.seen {
            seen.extend(sent.into_iter().map(|(_, bytes)| bytes));
        }
        any
    }

    /// Gives a host a frame.
    pub(crate) fn inject(&mut self, index: usize, bytes: &[u8]) {
        let now = self.now;
        let node = &mut self.nodes[index];
        let Some(mut packet) = node.free.pop_front() else { return };
        packet.clear();
        packet.push_back(bytes.len()).expect("one page").copy_from_slice(bytes);
        let mut received = Batch::from([packet]);
        node.host.receive(now, &mut received, &mut node.free);
    }

    /// Lets time pass in steps of a tenth of a second, everybody talking meanwhile.
    pub(crate) fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.now < end {
            self.now = (self.now + Duration::from_millis(100)).min(end);
            self.settle();
        }
    }

    pub(crate) fn host(&mut self, number: usize) -> &mut Host {
        &mut self.nodes[number - 1].host
    }

    pub(crate) fn bind(&mut self, number: usize, local: SocketAddr) -> StackId {
        let now = self.now;
        self.host(number).bind(now, &Options::new(local)).expect("a free port")
    }

    /// Sends one message, in as many datagrams as `size` makes of it.
    pub(crate) fn send(
        &mut self,
        number: usize,
        from: StackId,
        to: SocketAddr,
        payload: &[u8],
    ) -> usize {
        let now = self.now;
        let Node { host, free, .. } = &mut self.nodes[number - 1];
        let mut ready = Batch::new();
        let size = payload.len().max(1);
        host.prepare_batch(from, to, payload, size, free, &mut ready).expect("a route");
        host.tx_batch(now, from, &mut ready, free)
    }

    /// Everything that waits for a stack: from whom, and what.
    pub(crate) fn received(&mut self, number: usize, stack: StackId) -> Vec<(SocketAddr, Vec<u8>)> {
        let Node { host, free, .. } = &mut self.nodes[number - 1];
        let mut batch = Batch::new();
        host.rx_batch(stack, &mut batch, free, usize::MAX);
        let mut messages = Vec::new();
        for mut packet in batch {
            let mut bytes = vec![0; packet.frame_len()];
            packet.copy_out(0, &mut bytes);
            let view = Datagram::read(&mut packet).expect("a datagram");
            let len = view.payload_len();
            let start = view.payload().as_ptr() as usize - view.packet().bytes().as_ptr() as usize;
            messages.push((view.source(), bytes[start..start + len].to_vec()));
            let mut rest = Some(packet);
            while let Some(mut page) = rest {
                rest = page.take_next();
                free.push_back(page);
            }
        }
        messages
    }

    /// Sends everything that waits for a stack back to where it came from.
    pub(crate) fn echo(&mut self, number: usize, stack: StackId) -> usize {
        let now = self.now;
        let Node { host, free, .. } = &mut self.nodes[number - 1];
        let mut batch = Batch::new();
        host.rx_batch(stack, &mut batch, free, usize::MAX);
        for packet in &mut batch {
            Datagram::read(packet).expect("a datagram").flip();
        }
        host.tx_batch(now, stack, &mut batch, free)
    }

    /// How often a host dropped something for a reason.
    pub(crate) fn dropped(&mut self, number: usize, reason: DropReason) -> u64 {
        self.host(number).counters().dropped(reason)
    }

    /// Every host has all its buffers: none was lost, none came from nowhere.
    pub(crate) fn assert_nothing_lost(&mut self) {
        for (index, node) in self.nodes.iter().enumerate() {
            assert_eq!(node.free.len(), node.pages, "buffers of host {}", index + 1);
        }
    }
}

/// An address from a text.
pub(crate) fn address(text: &str) -> Address {
    text.parse().expect("an address")
}
