//! One line of log for each frame, as `tcpdump -e` writes it.

mod line;

use super::observe;
use crate::{Error, Information, Nic, Statistics};
use core::time::Duration;
use line::Line;
use packet::{Batch, Packet};
use std::os::fd::BorrowedFd;
use tracing::Level;

/// A driver whose frames are logged: at level `INFO`, with the target `frame`, so that
/// `RUST_LOG=frame=off` silences them and `frame=info` shows nothing else. While nobody listens
/// to the target, frames pass unlooked at.
pub struct Trace<N> {
    inner: N,
    staged: Batch,
    /// Lines about frames that the driver was offered; logged once it has taken them.
    lines: Vec<String>,
}

/// Target of the log lines.
const TARGET: &str = "frame";

fn is_on() -> bool {
    tracing::enabled!(target: TARGET, Level::INFO)
}

impl<N: Nic> Trace<N> {
    /// Puts a trace around a driver.
    pub fn new(inner: N) -> Self {
        Self { inner, staged: Batch::new(), lines: Vec::new() }
    }
}

impl<N: Nic> Nic for Trace<N> {
    fn information(&self) -> &Information {
        self.inner.information()
    }

    fn receive(
        &mut self,
        free: &mut Batch,
        received: &mut Batch,
        limit: usize,
    ) -> Result<usize, Error> {
        let before = received.len();
        let count = self.inner.receive(free, received, limit)?;
        if count > 0 && is_on() {
            let device = self.inner.information().name.as_str();
            for packet in received.range(before..) {
                tracing::info!(target: TARGET, "{device} in  {}", Line(packet));
            }
        }
        Ok(count)
    }

    fn transmit(&mut self, ready: &mut Batch) -> Result<usize, Error> {
        if ready.is_empty() || !is_on() {
            return self.inner.transmit(ready);
        }
        let device = self.inner.information().name.clone();
        let look = |lines: &mut Vec<String>, packet: &Packet| lines.push(Line(packet).to_string());
        let taken = |lines: &mut Vec<String>, count: usize| {
            for line in lines.drain(..).take(count) {
                tracing::info!(target: TARGET, "{device} out {line}");
            }
        };
        observe::transmit(&mut self.inner, ready, &mut self.staged, &mut self.lines, look, taken)
    }

    fn reclaim(&mut self, sent: &mut Batch) -> Result<usize, Error> {
        self.inner.reclaim(sent)
    }

    fn wait(&mut self, timeout: Option<Duration>) -> Result<bool, Error> {
        self.inner.wait(timeout)
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.inner.descriptor()
    }

    fn statistics(&self) -> Statistics {
        self.inner.statistics()
    }
}
