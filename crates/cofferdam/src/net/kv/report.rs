//! What the server tells people: a line a second while there is something to tell, and a summary.

use kv::Server;
use std::time::{Duration, Instant};

/// Tells.
pub(super) struct Report {
    json: bool,
    last: Instant,
    /// Requests at the last line.
    requests: u64,
}

impl Report {
    /// Lines of text, or with `json` only a document at the end.
    pub(super) fn new(json: bool) -> Self {
        Self { json, last: Instant::now(), requests: 0 }
    }

    /// A line, if a second has passed and anything happened in it.
    pub(super) fn every_second(&mut self, server: &Server) {
        let passed = self.last.elapsed();
        if passed < Duration::from_secs(1) {
            return;
        }
        let requests = server.counters().requests;
        let since = requests - self.requests;
        self.last = Instant::now();
        self.requests = requests;
        if self.json || since == 0 {
            return;
        }
        let store = server.store().counters();
        println!(
            "{:>10.0} requests/s  {} entries  {} KiB  {} evicted  {} refused",
            since as f64 / passed.as_secs_f64(),
            store.entries,
            server.store().bytes() / 1024,
            store.evictions,
            store.refused,
        );
    }

    /// The summary.
    pub(super) fn end(&self, server: &Server, passed: Duration) {
        let (all, store) = (server.counters(), server.store().counters());
        if self.json {
            let document = serde_json::json!({
                "seconds": passed.as_secs_f64(),
                "requests": all.requests,
                "answers": all.answers,
                "malformed": all.malformed,
                "answers_cut": all.cut,
                "gets": store.gets,
                "get_hits": store.gets - store.get_misses,
                "sets": store.sets,
                "entries": store.entries,
                "bytes": store.bytes,
                "memory": server.store().bytes(),
                "evictions": store.evictions,
                "refused": store.refused,
            });
            println!("{document}");
            return;
        }
        println!(
            "{:.1} s: {} requests, {} answers, {} malformed; {} of {} gets hit; {} entries in {} KiB, {} evicted, {} refused",
            passed.as_secs_f64(),
            all.requests,
            all.answers,
            all.malformed,
            store.gets - store.get_misses,
            store.gets,
            store.entries,
            server.store().bytes() / 1024,
            store.evictions,
            store.refused,
        );
    }
}
