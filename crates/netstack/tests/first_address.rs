//! Whose a datagram is while addresses come and go. What comes to a host's first address takes a
//! shorter way, and which address is the first changes at run time: the host against the plainest
//! model, which looks at all sockets each time.

mod segment;

use core::net::{IpAddr, SocketAddr};
use netstack::udp::Options;
use netstack::{Address, DropReason, StackId};
use packet::Batch;
use proptest::prelude::*;
use segment::{Node, Segment, config, mac, v4, v6};

const PORTS: core::ops::Range<u16> = 7..9;

/// Host 1's sockets.
fn senders() -> [SocketAddr; 4] {
    [v4(1, 4000), v4(1, 4001), v6(1, 4000), v6(1, 4001)]
}

/// Addresses that host 2 has at times.
fn addresses() -> [Address; 6] {
    let of = |ip: SocketAddr, prefix| Address::new(ip.ip(), prefix).expect("an address");
    [
        of(v4(2, 0), 24),
        of(v4(20, 0), 24),
        of(v4(21, 0), 24),
        of(v6(2, 0), 64),
        of(v6(20, 0), 64),
        of(v6(21, 0), 64),
    ]
}

/// Where its sockets listen: there, and everywhere.
fn places() -> Vec<IpAddr> {
    let any: [IpAddr; 2] = [[0, 0, 0, 0].into(), [0_u16; 8].into()];
    addresses().map(|address| address.ip).into_iter().chain(any).collect()
}

/// What can happen, in any order.
#[derive(Clone, Debug)]
enum Step {
    /// Somebody listens: where, at which port, only for IPv6, sharing, connected with whom.
    Bind(usize, u16, bool, bool, Option<usize>),
    Connect(usize, usize),
    Close(usize),
    Add(usize),
    Remove(usize),
    /// From which of host 1's sockets, to where.
    Send(usize, usize, u16),
}

fn step() -> impl Strategy<Value = Step> {
    let peer = proptest::option::weighted(0.2, 0..4_usize);
    let shares = proptest::bool::weighted(0.3);
    prop_oneof![
        2 => (0..8_usize, PORTS, any::<bool>(), shares, peer)
            .prop_map(|(at, port, v6_only, shares, peer)| Step::Bind(at, port, v6_only, shares, peer)),
        1 => (0..4_usize, 0..4_usize).prop_map(|(socket, peer)| Step::Connect(socket, peer)),
        2 => (0..4_usize).prop_map(Step::Close),
        3 => (0..6_usize).prop_map(Step::Add),
        3 => (0..6_usize).prop_map(Step::Remove),
        12 => (0..4_usize, 0..6_usize, PORTS).prop_map(|(from, to, port)| Step::Send(from, to, port)),
    ]
}

/// A socket as the model knows it.
struct Known {
    stack: StackId,
    local: SocketAddr,
    v6_only: bool,
    remote: Option<SocketAddr>,
}

impl Known {
    /// How particular it is about what it takes; `None` if it does not take this.
    fn takes(&self, from: SocketAddr, to: SocketAddr) -> Option<u8> {
        let ip = self.local.ip();
        match self.remote {
            _ if self.local.port() != to.port() => None,
            Some(remote) => (remote == from && ip == to.ip()).then_some(4),
            None if ip == to.ip() => Some(3),
            None if !ip.is_unspecified() => None,
            // A socket for both families is less particular than one for this family.
            None if ip.is_ipv4() => to.is_ipv4().then_some(2),
            None if self.v6_only => to.is_ipv6().then_some(2),
            None => Some(1),
        }
    }
}

struct World {
    link: Segment,
    senders: [StackId; 4],
    known: Vec<Known>,
    present: Vec<IpAddr>,
}

impl World {
    fn new() -> Self {
        let mut link = Segment::with([config(1), config(2)]);
        let now = link.now;
        for address in addresses() {
            link.host(1).add_neighbor(now, address.ip, mac(2));
        }
        let senders = senders().map(|sender| link.bind(1, sender));
        let present = vec![v4(2, 0).ip(), v6(2, 0).ip()];
        Self { link, senders, known: Vec::new(), present }
    }

    fn bind(&mut self, local: SocketAddr, v6_only: bool, reuse: bool) -> Option<usize> {
        let now = self.link.now;
        let options = Options { v6_only, reuse, ..Options::new(local) };
        // Taken, or not an address of this host: no socket.
        let stack = self.link.host(2).bind(now, &options).ok()?;
        self.known.push(Known { stack, local, v6_only, remote: None });
        Some(self.known.len() - 1)
    }

    fn connect(&mut self, socket: usize, peer: SocketAddr) {
        let Some(known) = self.known.get_mut(socket) else { return };
        let host = &mut self.link.nodes[1].host;
        if host.connect(known.stack, peer).is_ok() {
            known.local = host.local(known.stack).expect("it is open");
            known.remote = Some(peer);
        }
    }

    fn close(&mut self, socket: usize) {
        if socket < self.known.len() {
            let (now, known) = (self.link.now, self.known.remove(socket));
            let Node { host, free, .. } = &mut self.link.nodes[1];
            host.close(now, known.stack, free);
        }
    }

    fn add(&mut self, address: Address) {
        let now = self.link.now;
        self.link.host(2).add_address(now, address).expect("room");
        if !self.present.contains(&address.ip) {
            self.present.push(address.ip);
        }
    }

    fn remove(&mut self, address: Address) {
        let now = self.link.now;
        let was = self.link.host(2).remove_address(now, address.ip);
        assert_eq!(was, self.present.contains(&address.ip));
        self.present.retain(|ip| *ip != address.ip);
    }

    /// One datagram, and which sockets got it.
    fn send(&mut self, from: usize, to: SocketAddr) -> Vec<usize> {
        let sender = self.senders[from];
        assert_eq!(self.link.send(1, sender, to, &[7; 30]), 1);
        let (now, mut frames) = (self.link.now, Batch::new());
        assert_eq!(self.link.host(1).transmit(&mut frames), 1, "straight to its neighbour");
        let Node { host, free, .. } = &mut self.link.nodes[1];
        host.receive(now, &mut frames, free);
        // What it complains about does not matter here.
        host.transmit(&mut frames);
        free.append(&mut frames);
        let mut owners = Vec::new();
        for socket in 0..self.known.len() {
            let stack = self.known[socket].stack;
            for message in self.link.received(2, stack) {
                assert_eq!(message, (senders()[from], vec![7; 30]));
                owners.push(socket);
            }
        }
        // The buffer that went to host 2 goes back.
        let back = self.link.nodes[1].free.pop_front().expect("what it dropped, or gave out");
        self.link.nodes[0].free.push_back(back);
        owners
    }

    /// Sends, and sees that the right one gets it; twice, for the way of one packet must not change
    /// that of the next.
    fn check(&mut self, from: usize, to: SocketAddr) {
        let takes = |known: &Known| known.takes(senders()[from], to);
        let most = self.known.iter().filter_map(takes).max();
        let is_here = self.present.contains(&to.ip());
        let candidates: Vec<usize> = (0..self.known.len())
            .filter(|socket| is_here && most.is_some() && takes(&self.known[*socket]) == most)
            .collect();
        let reason = if is_here { DropReason::UdpNobody } else { DropReason::IpNotOurs };
        let before = self.link.dropped(2, reason);
        let owners = self.send(from, to);
        if candidates.is_empty() {
            assert_eq!(owners, []);
            assert_eq!(self.link.dropped(2, reason), before + 1);
        } else {
            // Of several that share, one, and for the same flow always the same.
            assert!(matches!(owners[..], [one] if candidates.contains(&one)), "{owners:?}");
            assert_eq!(self.send(from, to), owners);
        }
    }
}

fn run(steps: &[Step]) {
    let mut world = World::new();
    for step in steps {
        match *step {
            Step::Bind(place, port, v6_only, shares, peer) => {
                let local = SocketAddr::new(places()[place], port);
                if let Some(socket) = world.bind(local, v6_only, shares)
                    && let Some(peer) = peer
                {
                    world.connect(socket, senders()[peer]);
                }
            }
            Step::Connect(socket, peer) => world.connect(socket, senders()[peer]),
            Step::Close(socket) => world.close(socket),
            Step::Add(address) => world.add(addresses()[address]),
            Step::Remove(address) => world.remove(addresses()[address]),
            Step::Send(from, to, port) => {
                let to = SocketAddr::new(addresses()[to].ip, port);
                if to.is_ipv4() == senders()[from].is_ipv4() {
                    world.check(from, to);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn everybody_gets_what_the_model_says(steps in prop::collection::vec(step(), 1..120)) {
        run(&steps);
    }
}

/// Who has a port to itself is found without asking anybody else, and must not be found by what its
/// address was, nor missed by what it is now.
#[test]
fn a_port_of_its_own_is_no_more_than_an_address_of_its_own() {
    let [first4, second4, _, first6, second6, _] = addresses();
    for (first, second, sender) in [(first4, second4, 0), (first6, second6, 2)] {
        let mut world = World::new();
        world.add(second);
        let at = |address: Address, port| SocketAddr::new(address.ip, port);
        let old = world.bind(at(first, 7), false, false).expect("free");
        let new = world.bind(at(second, 8), false, false).expect("free");
        let check = |world: &mut World, has_first: bool, has_second: bool| {
            let heard = |socket, has: bool| if has { vec![socket] } else { vec![] };
            for _ in 0..2 {
                assert_eq!(world.send(sender, at(first, 7)), heard(old, has_first));
                assert_eq!(world.send(sender, at(second, 8)), heard(new, has_second));
                assert_eq!(world.send(sender, at(second, 7)), []);
                assert_eq!(world.send(sender, at(first, 8)), []);
            }
        };
        check(&mut world, true, true);
        world.remove(first);
        check(&mut world, false, true);
        world.add(first);
        check(&mut world, true, true);
        world.remove(second);
        check(&mut world, true, false);
        world.remove(first);
        check(&mut world, false, false);
        world.add(second);
        check(&mut world, false, true);
    }
}

/// The second address becomes the first: who listened at it goes on listening, and who listened at
/// the one that went hears nothing until it is back.
#[test]
fn the_second_address_takes_the_place_of_the_first() {
    let [first4, second4, _, first6, second6, _] = addresses();
    for (first, second, sender) in [(first4, second4, 0), (first6, second6, 2)] {
        let mut world = World::new();
        world.add(second);
        let at = |address: Address| SocketAddr::new(address.ip, 7);
        let old = world.bind(at(first), false, false).expect("free");
        let new = world.bind(at(second), false, false).expect("free");
        assert_eq!(world.send(sender, at(first)), [old]);
        assert_eq!(world.send(sender, at(second)), [new]);
        world.remove(first);
        assert_eq!(world.send(sender, at(first)), []);
        assert_eq!(world.send(sender, at(second)), [new]);
        world.add(first);
        assert_eq!(world.send(sender, at(first)), [old]);
        assert_eq!(world.send(sender, at(second)), [new]);
        world.remove(second);
        assert_eq!(world.send(sender, at(first)), [old]);
        assert_eq!(world.send(sender, at(second)), []);
    }
}

/// A connected socket at the first address hears its peer only, before and after its address was
/// the first; so the short way must not be taken for it.
#[test]
fn connected_sockets_keep_to_their_peer_whatever_becomes_the_first() {
    let [first4, second4, _, first6, second6, _] = addresses();
    for (first, second, friend, stranger) in [(first4, second4, 0, 1), (first6, second6, 2, 3)] {
        let mut world = World::new();
        world.add(second);
        let (old, new) = (SocketAddr::new(first.ip, 7), SocketAddr::new(second.ip, 7));
        for local in [old, new] {
            let socket = world.bind(local, false, false).expect("free");
            world.connect(socket, senders()[friend]);
        }
        for _ in 0..2 {
            assert_eq!(world.send(friend, new), [1]);
            assert_eq!(world.send(stranger, new), []);
            world.remove(first);
        }
        world.add(first);
        assert_eq!(world.send(friend, old), [0]);
        assert_eq!(world.send(stranger, old), []);
    }
}

/// Those who share a port share what comes to it, also if it comes to the first address and if they
/// listen just there.
#[test]
fn sockets_that_share_the_first_address_all_get_some() {
    for (is_any, sender) in [(false, 0), (true, 0), (false, 2), (true, 2)] {
        let mut world = World::new();
        let place = match (is_any, sender) {
            (true, 0) => places()[6],
            (true, _) => places()[7],
            (false, 0) => places()[0],
            (false, _) => places()[3],
        };
        for _ in 0..4 {
            world.bind(SocketAddr::new(place, 7), true, true).expect("shared");
        }
        let to = SocketAddr::new(if sender == 0 { places()[0] } else { places()[3] }, 7);
        let mut got = [0; 4];
        for port in 10_000..10_100 {
            // Another flow each time.
            let from = SocketAddr::new(senders()[sender].ip(), port);
            let stack = world.link.bind(1, from);
            world.link.send(1, stack, to, b"whose?");
            let (now, mut frames) = (world.link.now, Batch::new());
            world.link.host(1).transmit(&mut frames);
            let Node { host, free, .. } = &mut world.link.nodes[1];
            host.receive(now, &mut frames, free);
        }
        for (socket, got) in world.known.iter().zip(&mut got) {
            *got = world.link.received(2, socket.stack).len();
        }
        assert_eq!(got.iter().sum::<usize>(), 100);
        assert!(got.iter().all(|got| *got > 5), "{got:?}");
    }
}
