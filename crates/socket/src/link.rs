//! A driver and a host that their owner drives: no locks, no threads, no copies.

use crate::Error;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use netstack::udp::Options;
use netstack::{Config, Host, PingId, StackId, Time};
use nic::Nic;
use packet::{Batch, Pool};
use std::time::Instant;

/// Free buffers kept at hand: enough to cut the longest datagram into fragments (45 at an MTU of
/// 1,500) wherever its pages end, and for a batch of messages of the host's own. Drivers that let
/// their device fill buffers on its own take what they have room for, and more follow.
const AT_HAND: usize = 128;

/// One interface, driven by whoever owns it.
///
/// A round is: [`Link::poll`]; then, for each stack that [`Link::next_ready`] names,
/// [`Link::rx_batch`], work on the packets, [`Link::tx_batch`]. What is sent leaves with
/// [`Link::flush`], or with the next poll.
pub struct Link {
    nic: Box<dyn Nic>,
    pool: Pool,
    host: Host,
    start: Instant,
    now: Time,
    free: Batch,
    received: Batch,
    ready: Batch,
    sent: Batch,
}

impl Link {
    /// Opens an interface over a driver, with buffers from `pool`. What the driver says of itself
    /// (hardware address, MTU, checksums) goes over `config`.
    pub fn open(nic: Box<dyn Nic>, mut pool: Pool, mut config: Config) -> Result<Self, Error> {
        let information = nic.information();
        if let Some(mac) = information.mac {
            config.mac = mac;
        }
        config.mtu = config.mtu.min(information.mtu);
        config.checksum_offload |= information.offloads.checksum;
        let mut free = Batch::new();
        let got = pool.allocate_batch(&mut free, AT_HAND);
        if got < AT_HAND {
            return Err(Error::PoolTooSmall { pages: pool.statistics().pages, least: 2 * AT_HAND });
        }
        let mut host = Host::new(&config, seed(), Time::ZERO)?;
        host.poll(Time::ZERO, &mut free);
        let mut link = Self {
            nic,
            pool,
            host,
            start: Instant::now(),
            now: Time::ZERO,
            free,
            received: Batch::new(),
            ready: Batch::new(),
            sent: Batch::new(),
        };
        // A device that fills buffers on its own has some before anybody knows of us: what comes
        // before the first round is not lost for want of one.
        link.nic.receive(&mut link.free, &mut link.received, 0)?;
        link.stock(AT_HAND);
        Ok(link)
    }

    /// The time of this link, now.
    pub(crate) fn look_at_clock(&mut self) -> Time {
        self.now = Time::ZERO + self.start.elapsed();
        self.now
    }

    /// Sends what is ready, receives up to `limit` frames and does what is due. Says how many
    /// frames were received. Never blocks.
    pub fn poll(&mut self, limit: usize) -> Result<usize, Error> {
        let now = self.look_at_clock();
        self.flush()?;
        self.stock(limit.max(AT_HAND));
        let count = self.nic.receive(&mut self.free, &mut self.received, limit)?;
        self.stock(AT_HAND / 2);
        self.host.receive(now, &mut self.received, &mut self.free);
        self.host.poll(now, &mut self.free);
        self.give_back();
        Ok(count)
    }

    /// Hands everything that is ready to the driver, and takes back what it has sent.
    pub fn flush(&mut self) -> Result<(), Error> {
        // What the driver did not take stays in line before what comes now.
        if self.ready.is_empty() {
            self.host.transmit(&mut self.ready);
        }
        if !self.ready.is_empty() {
            self.nic.transmit(&mut self.ready)?;
        }
        self.nic.reclaim(&mut self.sent)?;
        // To be used next, while they are in the processor's caches.
        self.free.prepend(&mut self.sent);
        Ok(())
    }

    /// Sees to it that so many free buffers are at hand, as far as the pool has any.
    #[inline]
    fn stock(&mut self, want: usize) {
        if self.free.len() < want {
            let lacking = want - self.free.len();
            self.pool.allocate_batch(&mut self.free, lacking);
        }
    }

    /// Whether the driver has not taken everything that is ready.
    pub fn is_behind(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Does what the protocols have to do now, without looking at the driver.
    pub(crate) fn do_what_is_due(&mut self) {
        self.stock(AT_HAND);
        let now = self.look_at_clock();
        self.host.receive(now, &mut self.received, &mut self.free);
        self.host.poll(now, &mut self.free);
    }

    /// Gives the pool what is more than needed here: others may share it.
    fn give_back(&mut self) {
        while self.free.len() > 4 * AT_HAND {
            let Some(packet) = self.free.pop_back() else { return };
            self.pool.recycle(packet);
        }
    }

    /// Sleeps until something may have arrived, something is due, or `timeout` is over. Sends
    /// first what is ready. Whether [`Link::poll`] is worth calling for what arrived.
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<bool, Error> {
        self.flush()?;
        if !self.ready.is_empty() {
            // The driver's ring is full; it tells nobody when there is room.
            std::thread::yield_now();
            return Ok(true);
        }
        let now = self.look_at_clock();
        let due = self.host.next_timeout().map(|due| due.since(now));
        let timeout = match (timeout, due) {
            (Some(timeout), Some(due)) => Some(timeout.min(due)),
            (timeout, due) => timeout.or(due),
        };
        Ok(self.nic.wait(timeout)?)
    }

    /// A UDP stack that listens at `local`.
    pub fn bind(&mut self, local: SocketAddr) -> Result<StackId, Error> {
        self.bind_with(&Options::new(local))
    }

    /// A UDP stack made as the options say.
    pub fn bind_with(&mut self, options: &Options) -> Result<StackId, Error> {
        let now = self.look_at_clock();
        Ok(self.host.bind(now, options)?)
    }

    /// Ends a stack.
    pub fn close(&mut self, stack: StackId) {
        self.host.close(self.now, stack, &mut self.free);
    }

    /// A stack that has datagrams waiting, each once, in turn.
    #[inline]
    pub fn next_ready(&mut self) -> Option<StackId> {
        self.host.next_ready()
    }

    /// Moves up to `limit` waiting datagrams of a stack to the back of `received`: whole frames,
    /// for [`crate::Datagram::read`].
    #[inline]
    pub fn rx_batch(&mut self, stack: StackId, received: &mut Batch, limit: usize) -> usize {
        self.host.rx_batch(stack, received, &mut self.free, limit)
    }

    /// Sends complete datagrams from the front of `ready`: received ones that were flipped, or
    /// prepared ones. What the driver has no room for stays. Says how many were taken.
    #[inline]
    pub fn tx_batch(&mut self, stack: StackId, ready: &mut Batch) -> usize {
        self.stock(AT_HAND);
        self.host.tx_batch(self.now, stack, ready, &mut self.free)
    }

    /// Moves up to `limit` waiting datagrams of all stacks to the back of `received`, and whose each
    /// one is to the back of `owners`: for many sockets, of which each has little to do.
    #[inline]
    pub fn rx_round(
        &mut self,
        received: &mut Batch,
        owners: &mut Vec<StackId>,
        limit: usize,
    ) -> usize {
        self.host.rx_round(received, owners, limit)
    }

    /// Sends complete datagrams from the front of `ready`, of which `owners` says whose each is.
    /// What the driver has no room for stays; the last of `owners` say whose it is. Says how many
    /// were taken.
    #[inline]
    pub fn tx_round(&mut self, owners: &[StackId], ready: &mut Batch) -> usize {
        self.stock(AT_HAND);
        self.host.tx_round(self.now, owners, ready, &mut self.free)
    }

    /// Cuts `payload` into datagrams of at most `size` bytes for `to`, with all headers, at the
    /// back of `ready`. Says how many bytes fitted into the buffers there were.
    pub fn prepare_batch(
        &mut self,
        stack: StackId,
        to: SocketAddr,
        payload: &[u8],
        size: usize,
        ready: &mut Batch,
    ) -> Result<usize, Error> {
        // A piece longer than a page takes several, of at least half a page each.
        let want = payload.len().div_ceil(size.clamp(1, packet::PAGE / 2)).max(1);
        self.stock(want);
        Ok(self.host.prepare_batch(stack, to, payload, size, &mut self.free, ready)?)
    }

    /// Sends an echo request; [`Host::take_pong`] says what comes of it.
    pub fn ping(&mut self, to: IpAddr, hops: u8, payload: &[u8]) -> Result<PingId, Error> {
        self.stock(AT_HAND.max(payload.len().div_ceil(packet::PAGE / 2)));
        let now = self.look_at_clock();
        Ok(self.host.ping(now, to, hops, payload, &mut self.free)?)
    }

    /// Gives packets back that nobody needs any more.
    #[inline]
    pub fn recycle(&mut self, packets: &mut Batch) {
        self.free.prepend(packets);
        self.give_back();
    }

    /// The protocols behind it, for everything that is asked seldom.
    pub fn host(&mut self) -> &mut Host {
        &mut self.host
    }

    /// The protocols behind it, to look at.
    pub fn host_ref(&self) -> &Host {
        &self.host
    }

    /// The driver.
    pub fn nic(&self) -> &dyn Nic {
        &*self.nic
    }

    /// The pool that buffers come from.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// The time of this link at its last round.
    pub fn now(&self) -> Time {
        self.now
    }
}

/// A number that nobody foresees, from the operating system by way of std's hashing keys.
fn seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id())
}
