//! Statistics, by the names that memcached's clients know.

use super::Counters;
use crate::protocol::{Statistics, VERSION};
use crate::store::Store;
use crate::time::Time;

/// Where statistics come from.
#[derive(Clone, Copy)]
pub(super) struct Facts<'a> {
    pub(super) store: &'a Store,
    pub(super) counters: &'a Counters,
    pub(super) since: Time,
    pub(super) now: Time,
}

/// What a statistic says.
#[derive(Clone, Copy)]
pub(super) enum Value {
    Number(u64),
    Text(&'static str),
}

impl Facts<'_> {
    /// Tells all statistics of a kind, one by one.
    pub(super) fn tell(&self, which: Statistics, mut to: impl FnMut(&'static str, Value)) {
        let numbers: &[(&'static str, u64)] = match which {
            Statistics::General => return self.tell_general(to),
            Statistics::Settings => &[
                ("maxbytes", self.store.limit() as u64),
                ("table_slots", self.store.capacity() as u64),
                ("evictions", u64::from(self.store.evicts())),
                ("item_size_max", 1 << 20),
                ("udp_max_payload", crate::protocol::frame::DATAGRAM as u64),
            ],
            Statistics::Items => &[
                ("items:1:number", self.store.counters().entries),
                ("items:1:evicted", self.store.counters().evictions),
                ("items:1:outofmemory", self.store.counters().refused),
                ("items:1:reclaimed", self.store.counters().expired),
            ],
            Statistics::Slabs => &[
                ("total_malloced", self.store.bytes() as u64),
                ("slabs_moved", self.store.counters().pages_moved),
            ],
        };
        for (name, number) in numbers {
            to(name, Value::Number(*number));
        }
    }

    fn tell_general(&self, mut to: impl FnMut(&'static str, Value)) {
        let store = self.store.counters();
        to("version", Value::Text(VERSION));
        for (name, number) in [
            ("uptime", u64::from(self.now.0.saturating_sub(self.since.0))),
            ("time", u64::from(self.now.0)),
            ("pointer_size", u64::from(usize::BITS)),
            ("cmd_get", store.gets),
            ("cmd_set", store.sets),
            ("cmd_flush", store.flushes),
            ("cmd_touch", store.touches),
            ("get_hits", store.gets - store.get_misses),
            ("get_misses", store.get_misses),
            ("get_expired", store.expired),
            ("delete_misses", store.delete_misses),
            ("delete_hits", store.delete_hits),
            ("incr_misses", store.increment_misses),
            ("incr_hits", store.increment_hits),
            ("decr_misses", store.decrement_misses),
            ("decr_hits", store.decrement_hits),
            ("cas_misses", store.cas_misses),
            ("cas_hits", store.cas_hits),
            ("cas_badval", store.cas_stale),
            ("touch_hits", store.touches - store.touch_misses),
            ("touch_misses", store.touch_misses),
            ("store_too_large", store.too_large),
            ("store_no_memory", store.refused),
            ("bytes_read", self.counters.bytes_in),
            ("bytes_written", self.counters.bytes_out),
            ("requests_malformed", self.counters.malformed),
            ("answers_cut", self.counters.cut),
            ("limit_maxbytes", self.store.limit() as u64),
            ("threads", 1),
            ("bytes", store.bytes),
            ("curr_items", store.entries),
            ("total_items", store.total_entries),
            ("slabs_moved", store.pages_moved),
            ("evictions", store.evictions),
        ] {
            to(name, Value::Number(number));
        }
    }
}
