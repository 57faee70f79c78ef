//! Whose a datagram is: the demultiplexer against the plainest model, which looks through all
//! sockets, the most particular first; and broken frames, which are nobody's.

mod segment;

use core::net::{IpAddr, SocketAddr};
use netstack::udp::Options;
use netstack::{DropReason, StackId};
use packet::Batch;
use proptest::prelude::*;
use segment::{Segment, config, mac, v4, v6};

/// A socket of host 2: where it listens, whether only for IPv6, and with which of host 1's sockets
/// it is connected.
type Socket = (usize, u16, bool, Option<usize>);
/// From which of host 1's sockets, and to where.
type Message = (usize, usize, u16);

/// Host 1's sockets.
fn senders() -> [SocketAddr; 4] {
    [v4(1, 4000), v4(1, 4001), v6(1, 4000), v6(1, 4001)]
}

/// Where host 2 can listen: at all addresses, at its first, at its second.
fn places() -> [IpAddr; 6] {
    let any: [IpAddr; 2] = [[0, 0, 0, 0].into(), [0_u16; 8].into()];
    [any[0], any[1], v4(2, 0).ip(), v6(2, 0).ip(), v4(20, 0).ip(), v6(20, 0).ip()]
}

/// A socket as the model knows it.
struct Known {
    stack: StackId,
    local: SocketAddr,
    v6_only: bool,
    remote: Option<SocketAddr>,
    received: Vec<(SocketAddr, Vec<u8>)>,
}

impl Known {
    /// How particular it is about what it takes; `None` if it does not take this.
    fn takes(&self, from: SocketAddr, to: SocketAddr) -> Option<u8> {
        let ip = self.local.ip();
        let covers =
            ip.is_ipv4() == to.is_ipv4() || ip.is_ipv6() && !self.v6_only && ip.is_unspecified();
        match self.remote {
            _ if self.local.port() != to.port() => None,
            Some(remote) => (remote == from && ip == to.ip()).then_some(3),
            None if ip == to.ip() => Some(2),
            None => (ip.is_unspecified() && covers).then_some(1),
        }
    }
}

/// Two hosts that know each other; the second has one or two addresses of each family.
fn two(many: bool) -> Segment {
    let mut second = config(2);
    if many {
        second = second.with_address(places()[4], 24).with_address(places()[5], 64);
    }
    let mut link = Segment::with([config(1), second]);
    let now = link.now;
    for ip in places().into_iter().skip(2) {
        link.host(1).add_neighbor(now, ip, mac(2));
    }
    link
}

/// Hands everything that host 1 sends to host 2, in one batch; `change` sees each frame before.
fn carry(link: &mut Segment, change: impl Fn(&mut [u8])) {
    let now = link.now;
    let mut frames = Batch::new();
    link.host(1).transmit(&mut frames);
    frames.iter_mut().for_each(|frame| change(frame.bytes_mut()));
    let node = &mut link.nodes[1];
    node.host.receive(now, &mut frames, &mut node.free);
}

fn listen(link: &mut Segment, sockets: &[Socket]) -> Vec<Known> {
    let mut known = Vec::new();
    for &(place, port, v6_only, peer) in sockets {
        let mut options = Options::new(SocketAddr::new(places()[place], port));
        options.v6_only = v6_only;
        let now = link.now;
        // Taken, or not an address of this host: no socket.
        let Ok(stack) = link.host(2).bind(now, &options) else { continue };
        let remote = peer.map(|peer| senders()[peer]);
        let remote = remote.filter(|remote| link.host(2).connect(stack, *remote).is_ok());
        let local = link.host(2).local(stack).expect("it was just made");
        known.push(Known { stack, local, v6_only, remote, received: Vec::new() });
    }
    known
}

proptest! {
    #[test]
    fn everybody_gets_what_the_model_says(
        many: bool,
        sockets in proptest::collection::vec(
            (0..6_usize, 7..10_u16, any::<bool>(), proptest::option::of(0..4_usize)),
            0..12,
        ),
        messages in proptest::collection::vec((0..4_usize, 2..6_usize, 7..10_u16), 1..80),
    ) {
        let mut link = two(many);
        let mut known = listen(&mut link, &sockets);
        let stacks = senders().map(|sender| link.bind(1, sender));
        let mut nobodys = 0;
        for (number, (sender, place, port)) in (0_u8..).zip(messages as Vec<Message>) {
            let (from, to) = (senders()[sender], SocketAddr::new(places()[place], port));
            if from.is_ipv4() != to.is_ipv4() || !many && place >= 4 {
                continue;
            }
            link.send(1, stacks[sender], to, &[number]);
            let owner = known
                .iter_mut()
                .filter_map(|socket| Some((socket.takes(from, to)?, socket)))
                .max_by_key(|(particular, _)| *particular);
            match owner {
                Some((_, socket)) => socket.received.push((from, vec![number])),
                None => nobodys += 1,
            }
        }
        carry(&mut link, |_| ());
        for socket in known {
            prop_assert_eq!(link.received(2, socket.stack), socket.received);
        }
        prop_assert_eq!(link.dropped(2, DropReason::UdpNobody), nobodys);
    }

    /// Every bit that some checksum or comparison watches over is watched over.
    #[test]
    fn a_frame_with_a_wrong_bit_is_nobodys(
        is_v4: bool,
        payload in proptest::collection::vec(any::<u8>(), 0..300),
        at: prop::sample::Index,
        bit in 0..8_u8,
    ) {
        let mut link = two(false);
        let (from, to) = if is_v4 { (v4(1, 4000), v4(2, 7)) } else { (v6(1, 4000), v6(2, 7)) };
        let server = link.bind(2, SocketAddr::new(places()[usize::from(!is_v4)], 7));
        let client = link.bind(1, from);
        link.send(1, client, to, &payload);
        let headers = if is_v4 { 42 } else { 62 };
        let at = at.index(headers + payload.len());
        // Who sent it over the wire; IPv6's traffic class, flow and hops.
        let unwatched = matches!(at, 6..12) || !is_v4 && matches!(at, 14..18 | 21);
        prop_assume!(!unwatched);
        let no_checksum = std::cell::Cell::new(false);
        carry(&mut link, |frame| {
            frame[at] ^= 1 << bit;
            // In IPv4, a zero says that there is none.
            no_checksum.set(is_v4 && frame[40..42] == [0, 0]);
        });
        prop_assume!(!no_checksum.get());
        prop_assert_eq!(link.received(2, server), []);
    }

    /// And what nobody broke arrives, whatever its length.
    #[test]
    fn a_sound_frame_arrives(
        is_v4: bool,
        payload in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut link = two(false);
        let (from, to) = if is_v4 { (v4(1, 4000), v4(2, 7)) } else { (v6(1, 4000), v6(2, 7)) };
        let server = link.bind(2, to);
        let any = link.bind(2, SocketAddr::new(places()[usize::from(!is_v4)], 8));
        let client = link.bind(1, from);
        for (stack, port) in [(server, 7), (any, 8)] {
            link.send(1, client, SocketAddr::new(to.ip(), port), &payload);
            carry(&mut link, |_| ());
            prop_assert_eq!(link.received(2, stack), [(from, payload.clone())]);
        }
    }
}
