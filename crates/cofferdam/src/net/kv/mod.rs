//! `cofferdam net kv`: a key-value store that memcached's clients talk to over UDP.
//!
//! Also an example of the batch interface: frames come in batches, become requests, are answered
//! in the buffers they came in, and leave as a batch.

mod measures;
mod report;

use super::clock::Clock;
use super::{AddressOptions, NicOptions, events};
use crate::{Context, Failure};
use clap::Args;
use kv::netstack::{Answers, Request};
use kv::{Server, Store, WhenFull};
use measures::{Bytes, Slots};
use netstack::StackId;
use packet::Batch;
use report::Report;
use socket::Link;
use std::collections::VecDeque;
use std::net::{Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

/// Its options.
#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    nic: NicOptions,
    #[command(flatten)]
    address: AddressOptions,
    /// The UDP port
    #[arg(long, default_value_t = 11211, value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// Memory for keys and values; a number of bytes, or with K, M or G
    #[arg(long, default_value = "64M", value_name = "SIZE")]
    memory: Bytes,
    /// Slots in the table, a power of two (2^20, or its number): more entries there can never be
    #[arg(long, default_value = "2^20", value_name = "COUNT")]
    capacity: Slots,
    /// When memory is full, refuse to store more instead of evicting what was not used lately
    #[arg(long)]
    refuse: bool,
    /// End after so many seconds
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<u64>,
}

impl Options {
    fn store(&self) -> kv::Options {
        let when_full = if self.refuse { WhenFull::Refuse } else { WhenFull::Evict };
        kv::Options { capacity: self.capacity.0, memory: self.memory.0, when_full }
    }
}

/// Runs it until it is told to stop.
pub(crate) fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let clock = Clock::new();
    // The store first: it is refused for reasons that are quicker to tell.
    let server = Store::new(&options.store())
        .and_then(|store| Server::new(store, clock.time()))
        .map_err(|error| Failure::Usage(format!("the store: {error}")))?;
    let (drivers, pool) = options.nic.open()?;
    let mut drivers = drivers.into_iter();
    let (Some(driver), None) = (drivers.next(), drivers.next()) else {
        return Err(Failure::Usage(format!(
            "--nic {}: the store has one thread and so takes one queue; leave out `queues`",
            options.nic.nic
        )));
    };
    let mut link = Link::open(driver, pool, options.address.config()?)?;
    let stack = link.bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, options.port)))?;
    Service { link, stack, server, clock }.serve(options.seconds, context)
}

/// A server on a link.
struct Service {
    link: Link,
    stack: StackId,
    server: Server,
    clock: Clock,
}

impl Service {
    /// Answers until somebody wants it to end, or the time is over.
    fn serve(mut self, seconds: Option<u64>, context: &Context) -> Result<(), Failure> {
        let begin = Instant::now();
        let end = seconds.map(|seconds| begin + Duration::from_secs(seconds));
        let mut report = Report::new(context.json);
        let mut received = Batch::new();
        let mut requests: VecDeque<Request> = VecDeque::new();
        let mut answers = Answers::new(self.link.pool().clone());
        // The longest payload that fits one frame of either IP version.
        let most = self.link.host_ref().mtu() - 48;
        while !context.stop.is_wanted() && end.is_none_or(|end| Instant::now() < end) {
            if self.link.poll(2 * kv::BATCH)? == 0 && answers.ready.is_empty() {
                // Short, so that the wish to end is seen soon.
                self.link.wait(Some(Duration::from_millis(50)))?;
            }
            events::log(&mut self.link);
            while self.link.next_ready().is_some() {
                self.link.rx_batch(self.stack, &mut received, kv::BATCH);
                for packet in received.drain(..) {
                    match Request::read(packet, most) {
                        Ok(request) => requests.push_back(request),
                        Err(packet) => answers.free.push_back(packet),
                    }
                }
                let now = self.clock.time();
                self.server.process_batch(now, &mut requests, &mut answers);
            }
            self.link.tx_batch(self.stack, &mut answers.ready);
            self.link.flush()?;
            self.link.recycle(&mut answers.free);
            report.every_second(&self.server);
        }
        report.end(&self.server, begin.elapsed());
        Ok(())
    }
}
