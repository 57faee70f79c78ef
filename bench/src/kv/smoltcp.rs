//! The peer: smoltcp's UDP on the same wire, with the same packets.
//!
//! Copying a request out of its socket's buffer, and an answer into it, counts as receiving and
//! transmitting, for ours has the same bytes in place after these phases.

use super::client::{CLIENT, CLIENT_MAC, Client, PAGES, SERVER, SERVER_MAC};
use super::contents::{NOW, server};
use super::spent::Spent;
use super::{BATCH, PORT};
use crate::end::End;
use bench::frame::ticks;
use kv::{Outlet, Server};
use nic::wire::{Options, wire};
use packet::{Batch, Packet, Pool};
use smoltcp::iface::{Interface, SocketHandle, SocketSet};
use smoltcp::socket::udp::{self, UdpMetadata};
use smoltcp::time::Instant;
use std::collections::VecDeque;
use std::net::IpAddr;

/// Answers, until they are sent.
#[derive(Default)]
struct Answers(VecDeque<Packet>);

impl Outlet<Packet> for Answers {
    fn spare(&mut self, _: &Packet) -> Option<Packet> {
        None
    }

    fn answer(&mut self, answer: Packet) {
        self.0.push_back(answer);
    }

    fn discard(&mut self, _: Packet) {}
}

pub(super) struct Smoltcp {
    client: Client,
    end: End,
    interface: Interface,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
    server: Server,
    /// For requests.
    empty: Batch,
    requests: VecDeque<Packet>,
    senders: Vec<UdpMetadata>,
    answers: Answers,
}

impl Smoltcp {
    pub(super) fn open(bits: u32) -> Result<Self, String> {
        let (near, far) = wire(&Options::default());
        let client = Client::open(near, bits)?;
        let pool = Pool::plain(PAGES);
        let (IpAddr::V4(client_ip), IpAddr::V4(server_ip)) = (CLIENT, SERVER) else {
            return Err("the addresses are of IPv4".into());
        };
        let mut end = End::new(far, pool);
        let interface = end.interface((SERVER_MAC, server_ip), (CLIENT_MAC, client_ip))?;
        let buffer = || {
            let metadata = vec![udp::PacketMetadata::EMPTY; 2 * BATCH];
            udp::PacketBuffer::new(metadata, vec![0; 2 * BATCH * 1500])
        };
        let mut socket = udp::Socket::new(buffer(), buffer());
        socket.bind(PORT).map_err(|error| error.to_string())?;
        let mut sockets = SocketSet::new(Vec::new());
        let handle = sockets.add(socket);
        Ok(Self {
            client,
            end,
            interface,
            sockets,
            handle,
            server: server(bits)?,
            empty: Batch::new(),
            requests: VecDeque::new(),
            senders: Vec::new(),
            answers: Answers::default(),
        })
    }

    pub(super) fn round(&mut self, spent: &mut Spent) -> Result<(), String> {
        self.client.ask()?;
        self.end.lend(&mut self.empty, BATCH);
        let begin = ticks();
        self.end.receive()?;
        self.interface.poll(Instant::ZERO, &mut self.end, &mut self.sockets);
        let socket = self.sockets.get_mut::<udp::Socket<'_>>(self.handle);
        while let Ok((payload, from)) = socket.recv() {
            let mut packet = self.empty.pop_front().ok_or("no packet")?;
            packet.push_back(payload.len()).ok_or("no room")?.copy_from_slice(payload);
            self.requests.push_back(packet);
            self.senders.push(from);
        }
        let received = ticks();
        let count = self.requests.len();
        self.server.process_batch(NOW, &mut self.requests, &mut self.answers);
        let processed = ticks();
        for (answer, to) in self.answers.0.iter().zip(self.senders.drain(..)) {
            let space = socket.send(answer.len(), to).map_err(|error| error.to_string())?;
            space.copy_from_slice(answer.bytes());
        }
        self.interface.poll(Instant::ZERO, &mut self.end, &mut self.sockets);
        self.end.transmit()?;
        let transmitted = ticks();
        self.answers.0.clear();
        spent.note([begin, received, processed, transmitted], count);
        self.client.hear()
    }
}
