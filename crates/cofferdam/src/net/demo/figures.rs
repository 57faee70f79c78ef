//! What both sides count, and the wish to end: all that the threads share.

use super::latencies::Latencies;
use crate::Failure;
use serde::Serialize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Counts of both sides.
#[derive(Default)]
pub(super) struct Figures {
    over: AtomicBool,
    /// Of the client.
    pub(super) gets: AtomicU64,
    pub(super) sets: AtomicU64,
    pub(super) hits: AtomicU64,
    pub(super) stored: AtomicU64,
    pub(super) missed: AtomicU64,
    pub(super) wrong: AtomicU64,
    pub(super) lost: AtomicU64,
    pub(super) latencies: Latencies,
    /// Of the server.
    pub(super) received: AtomicU64,
    pub(super) answered: AtomicU64,
    pub(super) entries: AtomicU64,
    pub(super) dropped: AtomicU64,
}

/// All counts at one time.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Now {
    pub(super) seconds: f64,
    /// Requests that were sent, and those of them that store.
    pub(super) requests: u64,
    pub(super) sets: u64,
    /// Answers to the client: a value, stored, or that there is none.
    pub(super) hits: u64,
    pub(super) stored: u64,
    pub(super) missed: u64,
    /// Answers that were not what was stored.
    pub(super) wrong: u64,
    /// Requests without an answer.
    pub(super) lost: u64,
    pub(super) requests_per_second: f64,
    pub(super) median_microseconds: f64,
    pub(super) p99_microseconds: f64,
    pub(super) server_received: u64,
    pub(super) server_answered: u64,
    pub(super) server_entries: u64,
    /// Datagrams that the server's host dropped, for whatever reason.
    pub(super) server_dropped: u64,
}

impl Figures {
    /// Whether both sides should end.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Relaxed)
    }

    /// Has both sides end.
    pub(super) fn end(&self) {
        self.over.store(true, Relaxed);
    }

    /// Does the work of one side; when it ends, for whatever reason, the other shall too.
    pub(super) fn ends_with<T>(&self, side: impl FnOnce() -> T) -> T {
        struct Ending<'a>(&'a Figures);
        impl Drop for Ending<'_> {
            fn drop(&mut self) {
                self.0.end();
            }
        }
        let _ending = Ending(self);
        side()
    }

    /// All counts as they are.
    pub(super) fn now(&self, elapsed: Duration) -> Now {
        let of = |counter: &AtomicU64| counter.load(Relaxed);
        let answers = of(&self.hits) + of(&self.stored) + of(&self.missed);
        let microseconds = |share| tenths(self.latencies.quantile(share).as_secs_f64() * 1e6);
        Now {
            seconds: tenths(elapsed.as_secs_f64()),
            requests: of(&self.gets) + of(&self.sets),
            sets: of(&self.sets),
            hits: of(&self.hits),
            stored: of(&self.stored),
            missed: of(&self.missed),
            wrong: of(&self.wrong),
            lost: of(&self.lost),
            requests_per_second: tenths(answers as f64 / elapsed.as_secs_f64().max(1e-9)),
            median_microseconds: microseconds(0.5),
            p99_microseconds: microseconds(0.99),
            server_received: of(&self.received),
            server_answered: of(&self.answered),
            server_entries: of(&self.entries),
            server_dropped: of(&self.dropped),
        }
    }
}

/// A figure as precise as anybody can use it.
fn tenths(figure: f64) -> f64 {
    (figure * 10.0).round() / 10.0
}

impl Now {
    /// Whether all went well.
    pub(super) fn verdict(&self) -> Result<(), Failure> {
        if self.wrong > 0 {
            return Err(Failure::Other(format!(
                "{} of {} answers were wrong; that is a bug: please report it with what \
                 `cofferdam doctor` says",
                self.wrong, self.requests
            )));
        }
        if self.hits + self.stored == 0 {
            return Err(Failure::Other(
                "nothing was answered; try again when the machine is less busy, or with more \
                 --seconds"
                    .into(),
            ));
        }
        Ok(())
    }
}
