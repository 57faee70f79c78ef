//! The host that is flooded, with an honest client beside the stranger.

use core::net::{Ipv6Addr, SocketAddr};
use core::time::Duration;
use netstack::udp::Options;
use netstack::{Config, Datagram, DropReason, Host, StackId, Time};
use packet::header::ethernet::Mac;
use packet::{Batch, Pool};
use system_tests::stranger::Stranger;

/// The port that answers, and one that never reads.
const ECHO: u16 = 7;
pub(crate) const SILENT: u16 = 6007 + 2;
/// All pages there are: what may wait for fragments and in queues, and some to work with.
const PAGES: usize = 4096;
/// Buffers at hand.
const AT_HAND: usize = 64;

pub(crate) struct Victim {
    host: Host,
    pool: Pool,
    free: Batch,
    now: Time,
    echo: StackId,
    honest: Stranger,
    pub(crate) stranger: Stranger,
    asked: u32,
}

pub(crate) fn mac(number: u8) -> [u8; 6] {
    [2, 0, 0, 0, 0, number]
}

impl Victim {
    pub(crate) fn new() -> Self {
        let ours = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
        let theirs = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0x66);
        let config =
            Config::new(Mac(mac(1))).with_address([10, 0, 0, 1], 16).with_address(ours, 64);
        let mut host = Host::new(&config, 1, Time::ZERO).expect("a host");
        let mut bind = |port| {
            let local = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port);
            host.bind(Time::ZERO, &Options::new(local)).expect("a free port")
        };
        let (echo, _silent) = (bind(ECHO), bind(SILENT));
        let mut pool = Pool::plain(PAGES);
        // Each page gets its memory now.
        let mut all = Batch::new();
        assert_eq!(pool.allocate_batch(&mut all, PAGES), PAGES);
        pool.recycle_batch(&mut all);
        let stranger = Stranger {
            hardware: (mac(0x66), mac(1)),
            v4: ([10, 0, 0, 0x66].into(), [10, 0, 0, 1].into()),
            v6: (theirs, ours),
        };
        let honest = Stranger {
            hardware: (mac(2), mac(1)),
            v4: ([10, 0, 0, 2].into(), stranger.v4.1),
            v6: (Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2), ours),
        };
        Self { host, pool, free: Batch::new(), now: Time::ZERO, echo, honest, stranger, asked: 0 }
    }

    /// Gives the host one frame.
    pub(crate) fn flood(&mut self, frame: &[u8]) {
        let missing = AT_HAND.saturating_sub(self.free.len());
        self.pool.allocate_batch(&mut self.free, missing);
        let mut packet = self.pool.allocate().expect("a flood leaves pages");
        packet.push_back(frame.len()).expect("one page").copy_from_slice(frame);
        self.host.receive(self.now, &mut Batch::from([packet]), &mut self.free);
        if self.free.len() > 2 * AT_HAND {
            self.pool.recycle_batch(&mut self.free);
        }
    }

    /// The honest client asks so many times, over both versions of IP; whether each answer came
    /// at once.
    pub(crate) fn serve(&mut self, times: u32) -> bool {
        (0..times).all(|_| {
            self.asked += 1;
            self.now = self.now + Duration::from_micros(500);
            self.host.poll(self.now, &mut self.free);
            let question = self.asked.to_be_bytes();
            let frame = match self.asked % 2 {
                0 => self.honest.udp4((5000, ECHO), &question),
                _ => self.honest.udp6((5000, ECHO), &question),
            };
            // What floods made the host say is nobody's answer.
            self.sent(|_| false);
            self.flood(&frame);
            let mut batch = Batch::new();
            self.host.rx_batch(self.echo, &mut batch, &mut Batch::new(), usize::MAX);
            for packet in &mut batch {
                Datagram::read(packet).expect("a datagram").flip();
            }
            self.host.tx_batch(self.now, self.echo, &mut batch, &mut self.free);
            let to = self.honest.hardware.0;
            self.sent(|frame| frame[..6] == to && frame.ends_with(&question))
        })
    }

    /// Takes what the host sends; whether something is among it.
    fn sent(&mut self, is: impl Fn(&[u8]) -> bool) -> bool {
        let mut ready = Batch::new();
        self.host.transmit(&mut ready);
        let found = ready.iter().any(|frame| is(frame.bytes()));
        self.pool.recycle_batch(&mut ready);
        found
    }

    pub(crate) fn dropped(&self, reason: DropReason) -> u64 {
        self.host.counters().dropped(reason)
    }

    /// Every frame met one end, or waits for its other fragments.
    pub(crate) fn assert_balance(&self, name: &str) {
        let counters = self.host.counters();
        assert_eq!(
            counters.received + counters.looped + counters.copied,
            counters.delivered
                + counters.answered
                + counters.heard
                + counters.joined
                + counters.dropped_on_arrival()
                + self.host.waiting_fragments() as u64,
            "{name}: {counters:?}"
        );
    }

    /// All pages are home.
    pub(crate) fn finish(self) {
        let Self { host, pool, free, .. } = self;
        drop((host, free));
        assert_eq!(pool.statistics().away, 0);
    }
}
