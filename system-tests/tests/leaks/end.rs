//! One end of the wire: a host, its driver with faults, its sockets.

use crate::noise::Noise;
use core::net::{IpAddr, Ipv6Addr, SocketAddr};
use netstack::udp::Options;
use netstack::{Config, Datagram, DropReason, Host, StackId, Time};
use nic::Nic;
use nic::wire::Wire;
use nic::wrap::faults;
use nic::wrap::{Clock, Faults, VirtualClock};
use packet::header::ethernet::Mac;
use packet::{Batch, Pool};

/// Datagrams that are asked each round.
const EACH_ROUND: usize = 48;
/// Buffers at hand for what comes.
const AT_HAND: usize = 384;
/// Port of everybody who answers.
const ECHO: u16 = 7;

pub(crate) struct End {
    host: Host,
    nic: Faults<Wire, VirtualClock>,
    clock: VirtualClock,
    pool: Pool,
    free: Batch,
    /// Answers what comes to it; and two that ask, over IPv4 and over IPv6.
    echo: StackId,
    askers: [(StackId, SocketAddr); 2],
    noise: Noise,
    /// Frames that came from nobody's host.
    injected: u64,
    asked: u64,
    answers: u64,
}

pub(crate) fn mac(number: u8) -> [u8; 6] {
    [2, 0, 0, 0, 0, number]
}

pub(crate) fn v6(number: u8) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, number.into())
}

impl End {
    pub(crate) fn new(
        number: u8,
        wire: Wire,
        faults: &faults::Options,
        clock: &VirtualClock,
        pool: &Pool,
    ) -> Self {
        let other = 3 - number;
        let config = Config::new(Mac(mac(number)))
            .with_address([10, 0, 0, number], 24)
            .with_address(v6(number), 64);
        let mut host = Host::new(&config, number.into(), Time::ZERO).expect("a host");
        let mut bind = |local: IpAddr, port, lends| {
            let options = Options { lends, ..Options::new(SocketAddr::new(local, port)) };
            host.bind(Time::ZERO, &options).expect("a free port")
        };
        let echo = bind(Ipv6Addr::UNSPECIFIED.into(), ECHO, false);
        let askers = [
            (bind([10, 0, 0, number].into(), 0, false), ([10, 0, 0, other], ECHO).into()),
            (bind(v6(number).into(), 0, true), (v6(other), ECHO).into()),
        ];
        Self {
            host,
            nic: Faults::with_clock(wire, faults, clock.clone()),
            clock: clock.clone(),
            pool: pool.clone(),
            free: Batch::new(),
            echo,
            askers,
            noise: Noise::new(number, other),
            injected: 0,
            asked: 0,
            answers: 0,
        }
    }

    fn now(&self) -> Time {
        Time::ZERO + self.clock.now()
    }

    fn stock(&mut self) {
        let missing = AT_HAND.saturating_sub(self.free.len());
        self.pool.allocate_batch(&mut self.free, missing);
    }

    /// Sends questions: most of one frame, every 32nd round one of several fragments.
    pub(crate) fn ask(&mut self, round: u64) {
        let now = self.now();
        self.stock();
        for (asker, to) in self.askers {
            let (count, len) = if round.is_multiple_of(32) {
                (1, 2000 + (round % 7) as usize * 1000)
            } else {
                (EACH_ROUND / 2, 18)
            };
            let message = [round as u8; 8000];
            for _ in 0..count {
                let mut ready = Batch::new();
                let prepared = self.host.prepare_batch(
                    asker,
                    to,
                    &message[..len],
                    len,
                    &mut self.free,
                    &mut ready,
                );
                assert_eq!(prepared, Ok(len));
                self.asked += self.host.tx_batch(now, asker, &mut ready, &mut self.free) as u64;
                self.pool.recycle_batch(&mut ready);
            }
        }
    }

    /// Puts what no host would send in front of the other end.
    pub(crate) fn disturb(&mut self, round: u64) {
        let mut ready = Batch::new();
        for bytes in self.noise.of_round(round) {
            let Some(mut packet) = self.pool.allocate() else { break };
            packet.push_back(bytes.len()).expect("one page").copy_from_slice(bytes);
            ready.push_back(packet);
        }
        self.injected += self.nic.transmit(&mut ready).expect("the other end is there") as u64;
        self.pool.recycle_batch(&mut ready);
    }

    /// One round: receive, answer, send.
    pub(crate) fn work(&mut self) {
        let now = self.now();
        self.stock();
        let mut batch = Batch::new();
        self.nic.receive(&mut self.free, &mut batch, 256).expect("the other end is there");
        self.stock();
        self.host.receive(now, &mut batch, &mut self.free);
        self.host.rx_batch(self.echo, &mut batch, &mut Batch::new(), usize::MAX);
        for packet in &mut batch {
            Datagram::read(packet).expect("what was delivered is a datagram").flip();
        }
        self.host.tx_batch(now, self.echo, &mut batch, &mut self.free);
        self.pool.recycle_batch(&mut batch);
        for (asker, _) in self.askers {
            let mut lent = Batch::new();
            if self.host.statistics(asker).is_some_and(|of| of.credit < EACH_ROUND) {
                self.pool.allocate_batch(&mut lent, EACH_ROUND);
            }
            self.answers += self.host.rx_batch(asker, &mut batch, &mut lent, usize::MAX) as u64;
            self.pool.recycle_batch(&mut lent);
            self.pool.recycle_batch(&mut batch);
            while self.host.take_error(asker).is_some() {}
        }
        self.host.poll(now, &mut self.free);
        self.host.transmit(&mut batch);
        while !batch.is_empty() {
            let taken = self.nic.transmit(&mut batch).expect("the other end is there");
            assert!(taken > 0, "the wire keeps up");
        }
        self.nic.reclaim(&mut batch).expect("the other end is there");
        self.pool.recycle_batch(&mut batch);
        if self.free.len() > 2 * AT_HAND {
            self.pool.recycle_batch(&mut self.free);
        }
    }

    pub(crate) fn received(&self) -> u64 {
        self.host.counters().received
    }

    pub(crate) fn dropped(&self, reason: DropReason) -> u64 {
        self.host.counters().dropped(reason)
    }

    pub(crate) fn asked(&self) -> u64 {
        self.asked
    }

    pub(crate) fn answers(&self) -> u64 {
        self.answers
    }

    /// Pings and questions for neighbours that this end's host answered.
    pub(crate) fn replied(&self) -> u64 {
        self.host.counters().answered
    }

    pub(crate) fn joined(&self) -> u64 {
        self.host.counters().joined
    }

    /// Every frame that the host was given met one end.
    pub(crate) fn assert_balance(&self) {
        let counters = self.host.counters();
        assert_eq!(self.host.waiting_fragments(), 0, "time is over for all of them");
        assert_eq!(
            counters.received + counters.looped + counters.copied,
            counters.delivered
                + counters.answered
                + counters.heard
                + counters.joined
                + counters.dropped_on_arrival(),
            "{counters:?}"
        );
    }

    /// Every frame that left here was lost, or came to the other end's host.
    pub(crate) fn assert_all_arrived_at(&self, other: &Self) {
        let (sent, received) = (self.nic.transmit_counts(), other.nic.receive_counts());
        assert_eq!(self.nic.next_due(), None, "nothing is on its way");
        assert_eq!(sent.seen, self.host.counters().sent + self.injected);
        assert_eq!(sent.seen + sent.duplicated - sent.lost - sent.overflowed, received.seen);
        let arrived = received.seen + received.duplicated - received.lost - received.overflowed;
        assert_eq!(arrived, other.host.counters().received);
        for counts in [sent, received] {
            let faults = [
                counts.lost,
                counts.duplicated,
                counts.corrupted,
                counts.truncated,
                counts.reordered,
            ];
            assert!(faults.iter().all(|count| *count > 1000), "every fault happened: {counts:?}");
        }
    }
}
