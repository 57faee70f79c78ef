//! Anything at all comes in at a host whose sockets are bound, closed, written to and read, as time
//! passes: no panic, every page has one owner, the books balance after each step, what is sent is
//! ours and fits the wire, and in the end all pages are home.
//!
//! The first byte says how the host is set up; then come steps, each a byte and what it needs.
#![no_main]

use cofferdam_fuzz::{Input, chain, checksum};
use core::net::{IpAddr, Ipv6Addr, SocketAddr};
use core::time::Duration;
use netstack::reassembly::Limits;
use netstack::udp::Options;
use netstack::{Addressing, Config, Datagram, Host, StackId, Time};
use packet::header::ethernet::Mac;
use packet::header::ipv4::Ipv4;
use packet::{Batch, Offload, Pool};

const OURS: Mac = Mac([2, 0, 0, 0, 0, 1]);
const THEIRS: Mac = Mac([2, 0, 0, 0, 0, 2]);
const V4: [u8; 4] = [10, 0, 0, 1];
const V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
const MTU: usize = 1500;
const PAGES: usize = 512;
const STACKS: usize = 8;

struct World {
    host: Host,
    pool: Pool,
    free: Batch,
    now: Time,
    stacks: Vec<StackId>,
    vlan: bool,
}

impl World {
    fn new(how: u8) -> Self {
        let mut config = Config::new(OURS).with_address(V4, 24).with_address(V6, 64);
        config.mtu = MTU;
        config.vlan = (how & 1 == 1).then_some(42);
        config.checksum_offload = how & 2 == 2;
        config.addressing = if how & 4 == 4 { Addressing::Automatic } else { Addressing::Static };
        config.gateway4 = (how & 8 == 8).then_some([10, 0, 0, 2].into());
        config.neighbor_entries = 16;
        config.house_buffers = 32;
        config.fragments = Limits { pages: 24, pages_per_source: 8, ..Limits::default() };
        let (mut pool, mut free) = (Pool::plain(PAGES), Batch::new());
        pool.allocate_batch(&mut free, PAGES / 8);
        let host = Host::new(&config, how.into(), Time::ZERO).expect("a sound configuration");
        Self { host, pool, free, now: Time::ZERO, stacks: Vec::new(), vlan: how & 1 == 1 }
    }

    /// An address and port, of which the likely ones are more likely.
    fn address(input: &mut Input<'_>) -> SocketAddr {
        let ip: IpAddr = match input.byte() % 10 {
            0 => [0; 4].into(),
            1 => V4.into(),
            2 => [10, 0, 0, input.byte()].into(),
            3 => [255; 4].into(),
            4 => [224, 0, 0, input.byte()].into(),
            5 => Ipv6Addr::UNSPECIFIED.into(),
            6 => V6.into(),
            7 => Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, input.byte().into()).into(),
            8 => Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, input.byte().into()).into(),
            _ => IpAddr::V6(input.array::<16>().into()),
        };
        SocketAddr::new(ip, [0, 7, 68, 9, 5353][usize::from(input.byte() % 5)])
    }

    /// An Ethernet header, and a tag if the host wants one; mostly one that the host lets in.
    fn link(&self, input: &mut Input<'_>, kind: u16) -> Vec<u8> {
        let to = match input.byte() % 8 {
            0 => [0xff; 6],
            1 => [0x33, 0x33, 0, 0, 0, 1],
            2 => [1, 0, 0x5e, 0, 0, 1],
            3 => input.array(),
            _ => OURS.0,
        };
        let mut frame = [to, THEIRS.0].concat();
        if self.vlan {
            frame.extend([0x81, 0, 0, 42]);
        }
        frame.extend(kind.to_be_bytes());
        frame
    }

    /// A packet whose IP header is right, and whose transport checksum is too, most of the time.
    fn packet(&self, input: &mut Input<'_>) -> Vec<u8> {
        let (how, protocol) = (input.byte(), input.byte());
        let protocol = match protocol % 8 {
            0 | 1 => 17,
            2 => 1,
            3 => 58,
            4 => 2,
            5 => [0, 43, 44, 60][usize::from(protocol / 8 % 4)],
            6 => 6,
            _ => protocol,
        };
        let (from, to) = (Self::address(input).ip(), Self::address(input).ip());
        let len = usize::from(input.byte()) * if how & 1 == 1 { 8 } else { 1 };
        let fragment = if how & 6 == 6 { input.number() as u16 & 0x3fff } else { 0 };
        let mut payload = input.bytes(len).to_vec();
        let covered =
            |pseudo: &[&[u8]], payload: &[u8]| checksum(&[&pseudo.concat(), payload].concat());
        let size = payload.len() as u16;
        let at = match protocol {
            17 => Some(6),
            1 | 2 | 58 => Some(2),
            _ => None,
        };
        if protocol == 17 && payload.len() >= 8 && how & 8 == 0 {
            payload[4..6].copy_from_slice(&size.to_be_bytes());
        }
        let place = at.filter(|at| payload.len() >= at + 2 && how & 16 == 0);
        if let Some(at) = place {
            payload[at..at + 2].fill(0);
        }
        let mut frame;
        match (from, to) {
            (IpAddr::V6(_), _) | (_, IpAddr::V6(_)) => {
                let v6 = |ip| match ip {
                    IpAddr::V6(ip) => ip,
                    IpAddr::V4(_) => V6,
                };
                let (from, to) = (v6(from).octets(), v6(to).octets());
                if let Some(at) = place {
                    let sum = covered(
                        &[&from, &to, &[0, 0], &size.to_be_bytes(), &[0, 0, 0, protocol]],
                        &payload,
                    );
                    payload[at..at + 2].copy_from_slice(&sum.to_be_bytes());
                }
                frame = self.link(input, 0x86dd);
                let hops = if how & 32 == 0 { 255 } else { 1 };
                frame.extend([0x60, 0, 0, 0]);
                frame.extend(size.to_be_bytes());
                frame.extend([protocol, hops]);
                frame.extend(from);
                frame.extend(to);
            }
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let (from, to) = (from.octets(), to.octets());
                if let Some(at) = place {
                    let pseudo: [&[u8]; 4] = [&from, &to, &[0, protocol], &size.to_be_bytes()];
                    let pseudo = if protocol == 17 { &pseudo[..] } else { &[] };
                    let sum = covered(pseudo, &payload);
                    payload[at..at + 2].copy_from_slice(&sum.to_be_bytes());
                }
                frame = self.link(input, 0x0800);
                let mut ip = [&[0x45, 0][..], &(20 + size).to_be_bytes(), &[0, how >> 6]].concat();
                ip.extend(fragment.to_be_bytes());
                ip.extend([64, protocol, 0, 0]);
                ip.extend(from);
                ip.extend(to);
                let sum = checksum(&ip);
                ip[10..12].copy_from_slice(&sum.to_be_bytes());
                frame.extend(ip);
            }
        }
        frame.extend(payload);
        frame
    }

    fn receive(&mut self, bytes: &[u8], per_page: usize, verified: bool) {
        let mut packet = chain(&mut self.pool, bytes, per_page);
        if verified {
            *packet.offload_mut() =
                Offload { checksum: packet::Checksum::Verified, ..Offload::default() };
        }
        self.host.receive(self.now, &mut Batch::from([packet]), &mut self.free);
    }

    fn step(&mut self, input: &mut Input<'_>) {
        match input.byte() % 12 {
            0 => {
                let (len, per_page) = (input.byte(), input.number());
                let bytes = input.bytes(len.into());
                self.receive(bytes, 14 + per_page, per_page % 2 == 1);
            }
            1 => {
                let mut frame = self.link(input, 0x0806);
                frame.extend([0, 1, 8, 0, 6, 4, 0, input.byte() % 4]);
                frame.extend(input.bytes(20));
                self.receive(&frame, PAGES, false);
            }
            2 => {
                let millis = input.number() as u64;
                self.now = self.now + Duration::from_millis(millis);
                self.host.poll(self.now, &mut self.free);
            }
            3 if self.stacks.len() < STACKS => {
                let how = input.byte();
                let options = Options {
                    queue: 1 + usize::from(how % 4),
                    reuse: how & 8 == 8,
                    v6_only: how & 16 == 16,
                    broadcast: how & 32 == 32,
                    lends: how & 64 == 64,
                    ..Options::new(Self::address(input))
                };
                self.stacks.extend(self.host.bind(self.now, &options));
            }
            4 => {
                if let Some(stack) = self.stacks.pop() {
                    self.host.close(self.now, stack, &mut self.free);
                }
            }
            5 => self.on_a_stack(input, |world, input, stack| {
                let to = Self::address(input);
                let len = usize::from(input.byte()) * 40;
                let mut ready = Batch::new();
                let size = if len % 3 == 0 { 1400 } else { len };
                let _ = world.host.prepare_batch(
                    stack,
                    to,
                    &[7; 10_200][..len],
                    size,
                    &mut world.free,
                    &mut ready,
                );
                world.host.tx_batch(world.now, stack, &mut ready, &mut world.free);
                world.free.append(&mut ready);
            }),
            6 => self.on_a_stack(input, |world, input, stack| {
                let mut batch = Batch::new();
                let mut lent = Batch::new();
                world.pool.allocate_batch(&mut lent, usize::from(input.byte() % 4));
                world.host.rx_batch(stack, &mut batch, &mut lent, 4);
                for packet in &mut batch {
                    Datagram::read(packet).expect("what was delivered is a datagram").flip();
                }
                world.host.tx_batch(world.now, stack, &mut batch, &mut world.free);
                world.pool.recycle_batch(&mut lent);
                world.pool.recycle_batch(&mut batch);
            }),
            7 => self.on_a_stack(input, |world, input, stack| {
                let _ = world.host.connect(stack, Self::address(input));
                let _ = world.host.take_error(stack);
            }),
            8 => self.on_a_stack(input, |world, input, stack| {
                let group = Self::address(input).ip();
                let _ = match input.byte() % 2 {
                    0 => world.host.join(world.now, stack, group),
                    _ => world.host.leave(world.now, stack, group),
                };
            }),
            _ => {
                let frame = self.packet(input);
                let per_page = if input.byte() % 8 == 0 { 60 } else { 3000 };
                self.receive(&frame, per_page, false);
            }
        }
    }

    fn on_a_stack(
        &mut self,
        input: &mut Input<'_>,
        work: impl Fn(&mut Self, &mut Input<'_>, StackId),
    ) {
        let number = usize::from(input.byte());
        if let Some(stack) = self.stacks.get(number % self.stacks.len().max(1)).copied() {
            work(self, input, stack);
        }
    }

    /// What must hold after each step.
    fn check(&mut self) {
        let counters = self.host.counters();
        assert_eq!(
            counters.received + counters.looped + counters.copied,
            counters.delivered
                + counters.answered
                + counters.heard
                + counters.joined
                + counters.dropped_on_arrival()
                + self.host.waiting_fragments() as u64,
            "{counters:?}"
        );
        let mut ready = Batch::new();
        self.host.transmit(&mut ready);
        let link = if self.vlan { 18 } else { 14 };
        for frame in &ready {
            assert!(frame.frame_len() <= link + MTU, "it fits the wire");
            let bytes = frame.bytes();
            assert_eq!(bytes[6..12], OURS.0, "it is ours");
            if bytes[link - 2..link] == [8, 0] {
                let (ip, _) = Ipv4::read_start(&bytes[link..], frame.frame_len() - link)
                    .expect("what is sent can be read");
                assert!(ip.has_right_checksum());
            }
        }
        self.pool.recycle_batch(&mut ready);
        let wanted = PAGES / 8;
        if self.free.len() > 2 * wanted {
            self.pool.recycle_batch(&mut self.free);
        }
        let missing = wanted.saturating_sub(self.free.len());
        self.pool.allocate_batch(&mut self.free, missing);
        while self.host.next_event().is_some() {}
        while self.host.next_failed().is_some() {}
        let ready = self.host.next_ready();
        assert!(ready.is_none_or(|stack| self.stacks.contains(&stack)));
        assert!(self.host.next_timeout().is_none_or(|time| time < Time::NEVER));
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let mut world = World::new(input.byte());
    for _ in 0..200 {
        if input.is_empty() {
            break;
        }
        world.step(&mut input);
        world.check();
    }
    let World { host, pool, free, .. } = world;
    drop((host, free));
    assert_eq!(pool.statistics().away, 0, "all pages are home");
});
