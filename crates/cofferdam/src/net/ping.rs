//! `cofferdam net ping`: is a host there, and how far away?
//!
//! Also an example of a program that asks: it sends, drives the link until the answer or the
//! time comes, and goes on.

use super::{AddressOptions, NicOptions, events};
use crate::{Context, Failure};
use clap::Args;
use serde_json::json;
use socket::{Link, Pong};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Frames worked on together.
const BATCH: usize = 32;
/// How often it looks whether it is to end.
const LOOK: Duration = Duration::from_millis(50);

/// Its options.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// The host
    to: IpAddr,
    #[command(flatten)]
    nic: NicOptions,
    #[command(flatten)]
    address: AddressOptions,
    /// Bytes of payload
    #[arg(long, default_value_t = 56, value_name = "BYTES", value_parser = clap::value_parser!(u16).range(..=65_507))]
    size: u16,
    /// How often to ask; without it, until it is told to stop
    #[arg(long)]
    count: Option<u64>,
    /// Seconds between two questions
    #[arg(long, default_value = "1", value_name = "SECONDS", value_parser = seconds)]
    interval: Duration,
    /// Seconds to wait for an answer
    #[arg(long, default_value = "2", value_name = "SECONDS", value_parser = seconds)]
    timeout: Duration,
    /// Hops that a question may make
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u8).range(1..))]
    hops: u8,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let most = Duration::from_hours(24);
    seconds.filter(|it| *it <= most).ok_or_else(|| "write seconds, like 1 or 0.2".into())
}

/// Asks until it is told to stop. Fails if nobody answered.
pub(crate) fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let (mut nics, pool) = options.nic.open()?;
    let (Some(nic), true) = (nics.pop(), nics.is_empty()) else {
        return Err(Failure::Usage(format!(
            "--nic {}: ping works on one queue; leave `queues` out",
            options.nic.nic
        )));
    };
    let link = Link::open(nic, pool, options.address.config()?)?;
    let mut asker = Asker { link, options, context, sent: 0, times: Vec::new() };
    while options.count.is_none_or(|count| asker.sent < count) && !context.stop.is_wanted() {
        let begin = Instant::now();
        asker.ask()?;
        if options.count != Some(asker.sent) {
            asker.drive(begin + options.interval, |_| false)?;
        }
    }
    asker.tell_end();
    if asker.times.is_empty() {
        return Err(Failure::Other(format!(
            "{} did not answer; check its address, ours, and the gateway",
            options.to
        )));
    }
    Ok(())
}

/// Who asks.
struct Asker<'a> {
    link: Link,
    options: &'a Options,
    context: &'a Context,
    sent: u64,
    times: Vec<Duration>,
}

impl Asker<'_> {
    /// Asks once and tells what came of it.
    fn ask(&mut self) -> Result<(), Failure> {
        let Options { to, size, hops, timeout, .. } = *self.options;
        let payload: Vec<u8> = (0..size).map(|at| at.to_le_bytes()[0]).collect();
        self.sent += 1;
        let mut asked = self.link.ping(to, hops, &payload);
        if asked.is_err() && self.options.address.is_automatic() {
            // No address or route yet: they may be on their way.
            self.drive(Instant::now() + timeout, |link| {
                asked = link.ping(to, hops, &payload);
                asked.is_ok()
            })?;
        }
        let outcome = match asked {
            Err(error) => Some(Err(error.to_string())),
            Ok(ping) => {
                let mut outcome = None;
                self.drive(Instant::now() + timeout, |link| {
                    outcome = link.host().take_pong(ping);
                    outcome.is_some()
                })?;
                self.link.host().forget_ping(ping);
                outcome.map(|outcome| outcome.map_err(|error| error.to_string()))
            }
        };
        match outcome {
            Some(Ok(pong)) if pong.payload == payload => {
                self.tell(&pong);
                self.times.push(pong.time);
            }
            Some(Ok(_)) => self.tell_failure("the answer brought back something else"),
            Some(Err(error)) => self.tell_failure(&error),
            None => self.tell_failure("no answer in time"),
        }
        Ok(())
    }

    /// Drives the link until it is `done`, the time comes, or somebody wants it to end.
    fn drive(
        &mut self,
        until: Instant,
        mut done: impl FnMut(&mut Link) -> bool,
    ) -> Result<(), Failure> {
        loop {
            let count = self.link.poll(BATCH)?;
            events::log(&mut self.link);
            self.link.flush()?;
            let left = until.saturating_duration_since(Instant::now());
            if done(&mut self.link) || left.is_zero() || self.context.stop.is_wanted() {
                return Ok(());
            }
            if count == 0 {
                self.link.wait(Some(left.min(LOOK)))?;
            }
        }
    }

    fn tell(&self, pong: &Pong) {
        let (from, bytes, hops) = (pong.from, pong.payload.len(), pong.hops);
        let milliseconds = pong.time.as_secs_f64() * 1000.0;
        if self.context.json {
            let answer = json!({
                "number": self.sent, "from": from, "bytes": bytes, "hops": hops,
                "milliseconds": milliseconds,
            });
            println!("{answer}");
        } else {
            let number = self.sent;
            println!("{number}: {bytes} bytes from {from}, {hops} hops left, {milliseconds:.3} ms");
        }
    }

    fn tell_failure(&self, why: &str) {
        if self.context.json {
            println!("{}", json!({ "number": self.sent, "error": why }));
        } else {
            println!("{}: {why}", self.sent);
        }
    }

    fn tell_end(&self) {
        let (sent, answered) = (self.sent, self.times.len());
        let milliseconds = |time: Option<&Duration>| time.map(|time| time.as_secs_f64() * 1000.0);
        let least = milliseconds(self.times.iter().min());
        let most = milliseconds(self.times.iter().max());
        if self.context.json {
            let end = json!({
                "sent": sent, "answered": answered,
                "least_milliseconds": least, "most_milliseconds": most,
            });
            println!("{end}");
            return;
        }
        print!("{sent} sent, {answered} answered");
        match (least, most) {
            (Some(least), Some(most)) => println!(", in {least:.3} to {most:.3} ms"),
            _ => println!(),
        }
    }
}
