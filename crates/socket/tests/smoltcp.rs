//! The same wire with another's stack at the other end: smoltcp, for ARP, neighbour discovery,
//! ping and UDP.

mod pair;

use nic::Nic;
use nic::wire::Wire;
use packet::{Batch, Pool};
use pair::{config, ends, v4, v6};
use smoltcp::iface::{Config, Interface, SocketSet};
use smoltcp::phy::{ChecksumCapabilities, Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::{icmp, udp};
use smoltcp::time::Instant;
use smoltcp::wire::{
    EthernetAddress, HardwareAddress, Icmpv4Packet, Icmpv4Repr, Icmpv6Packet, Icmpv6Repr,
    IpAddress, IpCidr,
};
use socket::{Datagram, Link};
use std::net::{IpAddr, SocketAddr};

/// Of smoltcp's echo requests.
const IDENTIFIER: u16 = 0x22b;

/// One end of a wire, for smoltcp.
struct Peer {
    wire: Wire,
    pool: Pool,
}

struct Received(Vec<u8>);

impl RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, take: F) -> R {
        take(&self.0)
    }
}

struct Sending<'a>(&'a mut Peer);

impl TxToken for Sending<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, fill: F) -> R {
        let Peer { wire, pool } = self.0;
        let mut packet = pool.allocate().expect("a page");
        let result = fill(packet.push_back(len).expect("room"));
        let mut ready = Batch::from([packet]);
        wire.transmit(&mut ready).expect("a wire");
        let mut sent = Batch::new();
        wire.reclaim(&mut sent).expect("a wire");
        pool.recycle_batch(&mut sent);
        result
    }
}

impl Device for Peer {
    type RxToken<'a> = Received;
    type TxToken<'a> = Sending<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Received, Sending<'_>)> {
        let mut free = Batch::new();
        self.pool.allocate_batch(&mut free, 1);
        let mut received = Batch::new();
        self.wire.receive(&mut free, &mut received, 1).expect("a wire");
        self.pool.recycle_batch(&mut free);
        let packet = received.pop_front()?;
        let bytes = packet.bytes().to_vec();
        self.pool.recycle(packet);
        Some((Received(bytes), Sending(self)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Sending<'_>> {
        Some(Sending(self))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        capabilities
    }
}

/// Our link as host 2 at one end, smoltcp as host 1 at the other.
struct Bench {
    link: Link,
    peer: Peer,
    interface: Interface,
    sockets: SocketSet<'static>,
    round: i64,
}

impl Bench {
    fn new(pool: &Pool) -> Self {
        let (left, right) = ends();
        let link = Link::open(Box::new(right), pool.clone(), config(2)).expect("a link");
        let mut peer = Peer { wire: left, pool: pool.clone() };
        let mac = HardwareAddress::Ethernet(EthernetAddress([2, 0, 0, 0, 0, 1]));
        let mut interface = Interface::new(Config::new(mac), &mut peer, Instant::from_millis(0));
        interface.update_ip_addrs(|addresses| {
            addresses.push(IpCidr::new(IpAddress::v4(10, 0, 0, 1), 24)).expect("room");
            let v6 = IpAddress::v6(0xfd00, 0, 0, 0, 0, 0, 0, 1);
            addresses.push(IpCidr::new(v6, 64)).expect("room");
        });
        Self { link, peer, interface, sockets: SocketSet::new(Vec::new()), round: 0 }
    }

    fn go(&mut self) {
        self.round += 1;
        let now = Instant::from_millis(self.round * 50);
        self.interface.poll(now, &mut self.peer, &mut self.sockets);
        self.link.poll(32).expect("a wire");
        self.link.flush().expect("a wire");
    }
}

fn udp_socket(local: SocketAddr) -> udp::Socket<'static> {
    let buffer = || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; 16], vec![0; 32_768]);
    let mut socket = udp::Socket::new(buffer(), buffer());
    socket.bind((local.ip(), local.port())).expect("a port");
    socket
}

#[test]
fn smoltcp_asks_and_is_answered() {
    let pool = Pool::plain(2048);
    for (server, client) in [(v4(2, 7), v4(1, 4000)), (v6(2, 7), v6(1, 4000))] {
        let mut bench = Bench::new(&pool);
        let stack = bench.link.bind(server).expect("a port");
        let handle = bench.sockets.add(udp_socket(client));
        for len in [0_usize, 1, 17, 1000, 1452] {
            let message: Vec<u8> = (0..len).map(|at| at as u8).collect();
            let socket = bench.sockets.get_mut::<udp::Socket<'_>>(handle);
            socket.send_slice(&message, (server.ip(), server.port())).expect("room");
            let mut answer = None;
            for _ in 0..200 {
                bench.go();
                let mut batch = Batch::new();
                bench.link.rx_batch(stack, &mut batch, 32);
                for packet in &mut batch {
                    let mut datagram = Datagram::read(packet).expect("a datagram");
                    assert_eq!(datagram.source(), client);
                    datagram.payload_mut().reverse();
                    datagram.flip();
                }
                bench.link.tx_batch(stack, &mut batch);
                let socket = bench.sockets.get_mut::<udp::Socket<'_>>(handle);
                if let Ok((bytes, _)) = socket.recv() {
                    answer = Some(bytes.to_vec());
                    break;
                }
            }
            let mut expected = message.clone();
            expected.reverse();
            assert_eq!(answer, Some(expected), "{len} bytes to {server}");
        }
    }
}

#[test]
fn we_ask_and_smoltcp_answers() {
    let pool = Pool::plain(2048);
    for (server, client) in [(v4(1, 7), v4(2, 0)), (v6(1, 7), v6(2, 0))] {
        let mut bench = Bench::new(&pool);
        let handle = bench.sockets.add(udp_socket(server));
        let stack = bench.link.bind(client).expect("a port");
        let mut batch = Batch::new();
        bench.link.prepare_batch(stack, server, b"question", 100, &mut batch).expect("a route");
        bench.link.tx_batch(stack, &mut batch);
        let mut answered = false;
        for _ in 0..200 {
            bench.go();
            let socket = bench.sockets.get_mut::<udp::Socket<'_>>(handle);
            if let Ok((bytes, from)) = socket.recv() {
                assert_eq!(bytes, b"question");
                let from = from.endpoint;
                socket.send_slice(b"answer", from).expect("room");
            }
            if bench.link.rx_batch(stack, &mut batch, 1) == 1 {
                let datagram = Datagram::read(&mut batch[0]).expect("a datagram");
                assert_eq!((datagram.payload(), datagram.source()), (&b"answer"[..], server));
                answered = true;
                break;
            }
        }
        assert!(answered, "{server}");
        bench.link.recycle(&mut batch);
    }
}

fn icmp_socket() -> icmp::Socket<'static> {
    let buffer = || icmp::PacketBuffer::new(vec![icmp::PacketMetadata::EMPTY; 4], vec![0; 8192]);
    let mut socket = icmp::Socket::new(buffer(), buffer());
    socket.bind(icmp::Endpoint::Ident(IDENTIFIER)).expect("an identifier");
    socket
}

/// Has smoltcp send an echo request.
fn ask(socket: &mut icmp::Socket<'_>, from: IpAddr, to: IpAddr, seq_no: u16, data: &[u8]) {
    let (ident, caps) = (IDENTIFIER, ChecksumCapabilities::default());
    if let (IpAddr::V6(from), IpAddr::V6(to)) = (from, to) {
        let request = Icmpv6Repr::EchoRequest { ident, seq_no, data };
        let bytes = socket.send(request.buffer_len(), to.into()).expect("room");
        request.emit(&from, &to, &mut Icmpv6Packet::new_unchecked(bytes), &caps);
    } else {
        let request = Icmpv4Repr::EchoRequest { ident, seq_no, data };
        let bytes = socket.send(request.buffer_len(), to.into()).expect("room");
        request.emit(&mut Icmpv4Packet::new_unchecked(bytes), &caps);
    }
}

/// Of which request an answer is that smoltcp received, and what it brought back.
fn read(bytes: &[u8], from: IpAddr, to: IpAddr) -> (u16, Vec<u8>) {
    let caps = ChecksumCapabilities::default();
    let (ident, number, data) = if let (IpAddr::V6(from), IpAddr::V6(to)) = (from, to) {
        let packet = Icmpv6Packet::new_checked(bytes).expect("a message");
        match Icmpv6Repr::parse(&from, &to, &packet, &caps).expect("a right one") {
            Icmpv6Repr::EchoReply { ident, seq_no, data } => (ident, seq_no, data),
            other => panic!("no answer: {other:?}"),
        }
    } else {
        let packet = Icmpv4Packet::new_checked(bytes).expect("a message");
        match Icmpv4Repr::parse(&packet, &caps).expect("a right one") {
            Icmpv4Repr::EchoReply { ident, seq_no, data } => (ident, seq_no, data),
            other => panic!("no answer: {other:?}"),
        }
    };
    assert_eq!(ident, IDENTIFIER);
    (number, data.to_vec())
}

#[test]
fn smoltcp_pings_us() {
    let pool = Pool::plain(2048);
    for (us, peer) in [(v4(2, 0).ip(), v4(1, 0).ip()), (v6(2, 0).ip(), v6(1, 0).ip())] {
        let mut bench = Bench::new(&pool);
        let handle = bench.sockets.add(icmp_socket());
        for (number, len) in (1..).zip([0_usize, 1, 56, 1000, 1452]) {
            let sent: Vec<u8> = (0..len).map(|at| at as u8).collect();
            ask(bench.sockets.get_mut(handle), peer, us, number, &sent);
            let mut answer = None;
            for _ in 0..200 {
                bench.go();
                let socket = bench.sockets.get_mut::<icmp::Socket<'_>>(handle);
                if let Ok((bytes, from)) = socket.recv() {
                    assert_eq!(IpAddr::from(from), us);
                    answer = Some(read(bytes, us, peer));
                    break;
                }
            }
            assert_eq!(answer, Some((number, sent)), "{len} bytes to {us}");
        }
    }
}

#[test]
fn we_ping_smoltcp() {
    let pool = Pool::plain(2048);
    for peer in [v4(1, 0).ip(), v6(1, 0).ip()] {
        let mut bench = Bench::new(&pool);
        for len in [0_usize, 1, 56, 1000, 1452] {
            let sent: Vec<u8> = (0..len).map(|at| at as u8).collect();
            let ping = bench.link.ping(peer, 64, &sent).expect("a route");
            let mut answer = None;
            for _ in 0..200 {
                bench.go();
                answer = bench.link.host().take_pong(ping);
                if answer.is_some() {
                    break;
                }
            }
            let pong = answer.expect("an outcome").expect("an answer");
            assert_eq!((pong.from, pong.hops), (peer, 64));
            assert!(pong.payload == sent, "{len} bytes from {peer}");
        }
    }
}
