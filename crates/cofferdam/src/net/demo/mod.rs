//! `cofferdam net demo`: a client and a key-value server, each on a stack of its own, joined by a
//! wire in memory.
//!
//! Both are threads of this process; nothing outside of it is touched, and no rights are needed.
//! The client checks every byte of every answer.

mod client;
mod figures;
mod latencies;
mod screen;
mod server;

use crate::{Context, Failure};
use clap::Args;
use client::Client;
use figures::Figures;
use netstack::Config;
use nic::wire::wire;
use packet::Pool;
use packet::header::ethernet::Mac;
use screen::Screen;
use server::Server;
use socket::Link;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

/// Its options.
#[derive(Args, Debug)]
#[command(after_help = "The exit code is 1 if any answer was wrong.")]
pub(crate) struct Options {
    /// How long it runs
    #[arg(long, default_value_t = 10, value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// How many different keys the client asks for
    #[arg(long, default_value_t = 10_000, value_name = "COUNT",
        value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    keys: u32,
    /// Requests that are on their way at a time
    #[arg(long, default_value_t = 64, value_name = "COUNT",
        value_parser = clap::value_parser!(u16).range(1..=1024))]
    window: u16,
}

/// Buffers of each side.
const BUFFERS: usize = 4096;
const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
/// The port that memcached's clients expect.
const PORT: u16 = 11_211;
/// How often the table is drawn.
const REDRAW: Duration = Duration::from_millis(200);

/// Runs it for its time, or until it is told to stop.
pub(crate) fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let (left, right) = wire(&nic::wire::Options::default());
    let mut client = Client::new(link(left, CLIENT)?, (SERVER, PORT).into(), options)?;
    let mut server = Server::new(link(right, SERVER)?, PORT, options.keys)?;

    // Both sides outlive both threads: an end of the wire that is dropped is noticed at the other.
    let figures = Figures::default();
    let begin = Instant::now();
    let length = Duration::from_secs(options.seconds);
    thread::scope(|scope| {
        let serving = scope.spawn(|| figures.ends_with(|| server.serve(&figures)));
        let asking = scope.spawn(|| figures.ends_with(|| client.ask(&figures)));
        let mut screen = Screen::on_terminal(!context.json);
        while begin.elapsed() < length && !context.stop.is_wanted() && !figures.is_over() {
            thread::sleep(REDRAW.min(length.saturating_sub(begin.elapsed())));
            screen.draw(&figures.now(begin.elapsed()), length);
        }
        figures.end();
        screen.leave();
        let joined = |thread: thread::ScopedJoinHandle<'_, Result<(), Failure>>| {
            thread.join().unwrap_or_else(|_| Err(Failure::Other("a side of the demo broke".into())))
        };
        joined(asking).and(joined(serving))
    })?;
    let summary = figures.now(begin.elapsed());
    crate::stdout::print(screen::summary(&summary, context.json).as_bytes())?;
    summary.verdict()
}

/// A host with this address on one end of the wire.
fn link(end: nic::wire::Wire, address: Ipv4Addr) -> Result<Link, Failure> {
    let [.., last] = address.octets();
    let config = Config::new(Mac([2, 0, 0, 0, 0, last])).with_address(IpAddr::V4(address), 24);
    Ok(Link::open(Box::new(end), Pool::plain(BUFFERS), config)?)
}

/// Any free port of the client.
fn any_port() -> SocketAddr {
    (CLIENT, 0).into()
}
