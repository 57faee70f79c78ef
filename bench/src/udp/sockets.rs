//! What a packet costs, received and sent back, when there are many sockets.
//!
//! Over the in-memory wire, each packet for a socket drawn evenly: so what is measured is how the
//! stack finds a socket, and how it looks after those that have nothing to do. Only the server's
//! ticks count.

use crate::end::End;
use crate::load::{self, CLIENT, CLIENT_MAC, SERVER, SERVER_MAC, request};
use bench::frame::{Case, Contest, Plan, Side, pin, ticks};
use nic::Nic;
use nic::wire::{Options, Wire, wire};
use packet::{Batch, Pool};
use smoltcp::iface::{Interface, SocketSet};
use smoltcp::socket::udp;
use smoltcp::time::Instant as SmoltcpTime;
use socket::{Datagram, Link, StackId};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

/// Packets on their way together.
const BATCH: usize = 32;
/// Pages at each end.
const PAGES: usize = 512;
/// Port of the first socket.
const FIRST: u16 = 10_000;
/// Bytes in a packet: a frame of 64 bytes.
const PAYLOAD: usize = 22;

pub(super) fn contests() -> Vec<Contest> {
    let mut contests: Vec<Contest> = [1, 10, 100, 1000, 10_000].map(against_smoltcp).into();
    contests.push(against_one());
    contests
}

fn case(sockets: u16) -> Case {
    Case::lower(format!("sockets {sockets}"), "ticks/packet")
}

fn against_smoltcp(sockets: u16) -> Contest {
    Contest::new(
        "smoltcp",
        [case(sockets).at("sockets", f64::from(sockets))],
        move |plan| Ok(side(Ours::open(sockets)?, plan)),
        move |plan| Ok(side(Smoltcp::open(sockets)?, plan)),
    )
}

fn against_one() -> Contest {
    const MANY: u16 = 10_000;
    Contest::new(
        "one socket",
        [case(MANY).goal(1.3)],
        |plan| Ok(side(Ours::open(MANY)?, plan)),
        |plan| Ok(side(Ours::open(1)?, plan)),
    )
}

/// A server that is asked a batch at a time.
trait Round {
    /// Gives the ticks that it took to receive a batch and send it back.
    fn round(&mut self) -> Result<u64, String>;
}

fn side(mut server: impl Round + 'static, plan: &Plan) -> Side {
    let slice = plan.slice;
    Box::new(move || {
        let _pinned = pin(0)?;
        // The first rounds find cold caches.
        for _ in 0..20 {
            server.round()?;
        }
        let mut rounds = Vec::new();
        let begin = Instant::now();
        while begin.elapsed() < slice || rounds.is_empty() {
            rounds.push(server.round()?);
        }
        // The middle one: a round in which somebody else had the core would spoil a mean.
        let middle = rounds.len() / 2;
        Ok(vec![*rounds.select_nth_unstable(middle).1 as f64 / BATCH as f64])
    })
}

/// Who asks: puts frames on its end of the wire, and counts what comes back.
struct Client {
    wire: Wire,
    pool: Pool,
    /// A request for port 0. All others are made from it on the way, lest the client's own memory
    /// fill the caches that the server's state is to be found in.
    request: Vec<u8>,
    sockets: u16,
    draw: u64,
    free: Batch,
    batch: Batch,
}

impl Client {
    fn new(wire: Wire, sockets: u16) -> Self {
        let [free, batch] = [Batch::new(), Batch::new()];
        let request = request(0, &[7; PAYLOAD]);
        Self { wire, pool: Pool::plain(PAGES), request, sockets, draw: 1, free, batch }
    }

    fn ask(&mut self) -> Result<(), String> {
        for _ in 0..BATCH {
            self.draw = self.draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let port = FIRST + ((self.draw >> 33) % u64::from(self.sockets)) as u16;
            let mut packet = self.pool.allocate().ok_or("the client has no packet")?;
            packet.clear_spread(self.request.len());
            let frame = packet.push_back(self.request.len()).ok_or("no room")?;
            frame.copy_from_slice(&self.request);
            aim(frame, port);
            self.batch.push_back(packet);
        }
        self.wire.transmit(&mut self.batch).map(drop).map_err(|error| error.to_string())
    }

    fn hear(&mut self) -> Result<(), String> {
        let said = |error: nic::Error| error.to_string();
        self.pool.allocate_batch(&mut self.free, 2 * BATCH);
        self.wire.receive(&mut self.free, &mut self.batch, 2 * BATCH).map_err(said)?;
        let sound = self.batch.iter().filter(|frame| {
            // From the server's address and to the client's, with the payload that was sent.
            let bytes = frame.bytes();
            bytes.get(26..34) == Some(&[SERVER.octets(), CLIENT.octets()].concat()[..])
                && bytes.get(42..42 + PAYLOAD) == Some(&[7; PAYLOAD])
        });
        let count = sound.count();
        self.wire.reclaim(&mut self.free).map_err(said)?;
        self.pool.recycle_batch(&mut self.batch);
        self.pool.recycle_batch(&mut self.free);
        if count == BATCH { Ok(()) } else { Err(format!("{count} answers to {BATCH} requests")) }
    }
}

/// Sends a datagram for port 0 to another port, with the checksum that goes with it.
fn aim(frame: &mut [u8], port: u16) {
    let Some(to) = frame.get_mut(36..38) else { return };
    to.copy_from_slice(&port.to_be_bytes());
    let Some(checksum) = frame.get_mut(40..42) else { return };
    let old = u16::from_be_bytes([checksum[0], checksum[1]]);
    // Sums of ones' complements carry over (RFC 1624).
    let (new, carry) = (!old).overflowing_add(port);
    checksum.copy_from_slice(&(!(new + u16::from(carry))).to_be_bytes());
}

struct Ours {
    client: Client,
    link: Link,
    batch: Batch,
    /// Whose the packets of the batch are.
    owners: Vec<StackId>,
}

impl Ours {
    fn open(sockets: u16) -> Result<Self, String> {
        let said = |error: socket::Error| error.to_string();
        let (near, far) = wire(&Options::default());
        let mut link =
            Link::open(Box::new(near), Pool::plain(PAGES), load::config()).map_err(said)?;
        for number in 0..sockets {
            let anywhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
            link.bind(SocketAddr::new(anywhere, FIRST + number)).map_err(said)?;
        }
        let (client, batch, owners) = (Client::new(far, sockets), Batch::new(), Vec::new());
        Ok(Self { client, link, batch, owners })
    }
}

impl Round for Ours {
    fn round(&mut self) -> Result<u64, String> {
        let said = |error: socket::Error| error.to_string();
        self.client.ask()?;
        let begin = ticks();
        self.link.poll(BATCH).map_err(said)?;
        self.link.rx_round(&mut self.batch, &mut self.owners, BATCH);
        for packet in &mut self.batch {
            if let Ok(mut datagram) = Datagram::read(packet) {
                datagram.flip();
            }
        }
        self.link.tx_round(&self.owners, &mut self.batch);
        self.owners.clear();
        self.link.flush().map_err(said)?;
        let end = ticks();
        self.client.hear()?;
        Ok(end.wrapping_sub(begin))
    }
}

struct Smoltcp {
    client: Client,
    end: End,
    interface: Interface,
    sockets: SocketSet<'static>,
}

impl Smoltcp {
    fn open(sockets: u16) -> Result<Self, String> {
        let (near, far) = wire(&Options::default());
        let mut end = End::new(near, Pool::plain(PAGES));
        let interface = end.interface((SERVER_MAC, SERVER), (CLIENT_MAC, CLIENT))?;
        let mut set = SocketSet::new(Vec::new());
        for number in 0..sockets {
            // Room for all of a batch, should it be drawn for one socket.
            let buffer = || {
                let metadata = vec![udp::PacketMetadata::EMPTY; BATCH];
                udp::PacketBuffer::new(metadata, vec![0; BATCH * PAYLOAD])
            };
            let mut socket = udp::Socket::new(buffer(), buffer());
            socket.bind(FIRST + number).map_err(|error| error.to_string())?;
            set.add(socket);
        }
        Ok(Self { client: Client::new(far, sockets), end, interface, sockets: set })
    }
}

impl Round for Smoltcp {
    fn round(&mut self) -> Result<u64, String> {
        self.client.ask()?;
        let begin = ticks();
        self.end.receive()?;
        self.interface.poll(SmoltcpTime::ZERO, &mut self.end, &mut self.sockets);
        // It does not say which sockets have something: whoever uses it looks at all.
        for (_, socket) in self.sockets.iter_mut() {
            let smoltcp::socket::Socket::Udp(socket) = socket else { continue };
            if !socket.can_recv() {
                continue;
            }
            let mut echoed = [0; PAYLOAD];
            while let Ok((len, from)) = socket.recv_slice(&mut echoed) {
                let bytes = echoed.get(..len).unwrap_or_default();
                socket.send_slice(bytes, from).map_err(|error| error.to_string())?;
            }
        }
        self.interface.poll(SmoltcpTime::ZERO, &mut self.end, &mut self.sockets);
        self.end.transmit()?;
        let end = ticks();
        self.client.hear()?;
        Ok(end.wrapping_sub(begin))
    }
}
