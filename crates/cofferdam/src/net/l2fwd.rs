//! `cofferdam net l2fwd`: frames that arrive on one device leave through the other.
//!
//! The shortest program on `nic`: two devices, one pool, and [`Path::turn`] in each direction.
//! Frames leave with the address of the device they leave through as sender, and
//! `02:00:00:00:00:00` or `:01` (the number of the device) as receiver.

use super::options::spec;
use crate::{Context, Failure};
use clap::Args;
use nic::Nic;
use nic::forward::{Counts, Path};
use nic::memory::Memory as Region;
use nic::spec::{Memory, Spec};
use packet::Pool;
use packet::header::ethernet::Mac;
use serde_json::json;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Its options.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// A device, as in `net echo`; give this option twice
    #[arg(long, value_name = "SPEC", value_parser = spec, required = true)]
    nic: Vec<Spec>,
    /// The pool: buffers for frames, of 4 KiB each, shared by both devices
    #[arg(long, default_value_t = 4096, value_name = "COUNT")]
    buffers: usize,
    /// Take the buffers from huge pages
    #[arg(long)]
    huge_pages: bool,
    /// End after so many seconds
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<u64>,
    /// End after so many frames
    #[arg(long, value_name = "FRAMES")]
    count: Option<u64>,
}

/// Turns without a frame before the program sleeps instead of asking again.
const IDLE: u32 = 1000;
/// How long it sleeps on one device; frames of the other wait meanwhile.
const NAP: Duration = Duration::from_millis(1);
/// Turns between two looks at the clock.
const TURNS: u32 = 64;

/// Runs it until it is told to stop.
pub(crate) fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let [first, second] = options.nic.as_slice() else {
        return Err(Failure::Usage("two devices are needed: `--nic A --nic B`".into()));
    };
    let pool = pool(options, first.memory().max(second.memory()))?;
    let ports = [open(first, &pool)?, open(second, &pool)?];
    let mut forwarder = Forwarder::new(ports, pool);
    let begin = Instant::now();
    let end = options.seconds.map(|seconds| begin + Duration::from_secs(seconds));
    let mut report = Report { json: context.json, last: [Counts::default(); 2], at: begin };
    let mut idle = 0;
    while !context.stop.is_wanted() {
        for _ in 0..TURNS {
            if forwarder.turn()? > 0 { idle = 0 } else { idle += 1 }
        }
        if idle > IDLE {
            forwarder.nap()?;
        }
        let now = Instant::now();
        if now.duration_since(report.at) >= Duration::from_secs(1) {
            report.tell(forwarder.counts(), now);
        }
        let frames = forwarder.counts().iter().map(|counts| counts.received).sum::<u64>();
        if end.is_some_and(|end| now >= end) || options.count.is_some_and(|most| frames >= most) {
            break;
        }
    }
    if report.at == begin || forwarder.counts() != report.last {
        report.tell(forwarder.counts(), Instant::now());
    }
    Ok(())
}

fn pool(options: &Options, memory: Memory) -> Result<Pool, Failure> {
    Ok(match memory {
        Memory::Plain if !options.huge_pages => Pool::plain(options.buffers),
        Memory::Shared => Pool::registered(Region::shared(options.buffers, options.huge_pages)?),
        _ => Pool::registered(Region::private(options.buffers, options.huge_pages)?),
    })
}

fn open(spec: &Spec, pool: &Pool) -> Result<Box<dyn Nic>, Failure> {
    let mut queues = spec.open(pool)?;
    match (queues.pop(), queues.is_empty()) {
        (Some(nic), true) => Ok(nic),
        _ => Err(Failure::Usage(format!("`{spec}`: forwarding uses one queue; take `queues=1`"))),
    }
}

/// Two devices, and a path each way.
struct Forwarder {
    ports: [Box<dyn Nic>; 2],
    paths: [Path; 2],
    pool: Pool,
    /// Which device is slept on next.
    next: usize,
}

impl Forwarder {
    fn new(ports: [Box<dyn Nic>; 2], pool: Pool) -> Self {
        let path = |to: usize| {
            let own = Mac([2, 0, 0, 0, 1, to as u8]);
            let source = ports[to].information().mac.unwrap_or(own);
            Path::new(source, Mac([2, 0, 0, 0, 0, to as u8]))
        };
        let paths = [path(1), path(0)];
        Self { ports, paths, pool, next: 0 }
    }

    /// Moves what has arrived, a batch each way.
    fn turn(&mut self) -> Result<usize, nic::Error> {
        let [left, right] = &mut self.ports;
        let [there, back] = &mut self.paths;
        Ok(there.turn(left.as_mut(), right.as_mut(), &mut self.pool)?
            + back.turn(right.as_mut(), left.as_mut(), &mut self.pool)?)
    }

    /// Sleeps a little on one device, the next time on the other.
    fn nap(&mut self) -> Result<(), nic::Error> {
        self.next = 1 - self.next;
        self.ports[self.next].wait(Some(NAP)).map(|_| ())
    }

    fn counts(&self) -> [Counts; 2] {
        [self.paths[0].counts(), self.paths[1].counts()]
    }
}

/// Tells once a second what was forwarded.
struct Report {
    json: bool,
    last: [Counts; 2],
    at: Instant,
}

impl Report {
    fn tell(&mut self, counts: [Counts; 2], now: Instant) {
        let seconds = now.duration_since(self.at).as_secs_f64().max(f64::MIN_POSITIVE);
        let rate =
            |path: usize| (counts[path].forwarded - self.last[path].forwarded) as f64 / seconds;
        if self.json {
            let path = |path: usize| {
                let Counts { received, forwarded, dropped, malformed } = counts[path];
                json!({
                    "from": path, "to": 1 - path, "received": received, "forwarded": forwarded,
                    "dropped": dropped, "malformed": malformed, "frames_per_second": rate(path),
                })
            };
            println!("{}", json!({ "paths": [path(0), path(1)] }));
        } else {
            if std::io::stdout().is_terminal() {
                // Over the last table: to the top of the screen, and clear it.
                print!("\x1b[H\x1b[2J");
            }
            println!("path      received    forwarded      dropped    malformed     frames/s");
            for (path, counts) in counts.iter().enumerate() {
                println!(
                    "{path} → {}{:>13}{:>13}{:>13}{:>13}{:>13.0}",
                    1 - path,
                    counts.received,
                    counts.forwarded,
                    counts.dropped,
                    counts.malformed,
                    rate(path),
                );
            }
        }
        self.last = counts;
        self.at = now;
    }
}
