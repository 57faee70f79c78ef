//! Ephemeral ports that nobody outside can foresee, and that are not soon used again (RFC 6056).
//!
//! With a destination: the double hash (algorithm 4). A keyed hash over the ends gives each
//! destination a sequence of its own, and a counter that many destinations share moves it on, by
//! random steps, so that watching one destination tells little about another. Without one: a
//! random start (algorithm 1). From there the range is searched in order.

use super::flow::hash_ends;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use core::ops::RangeInclusive;

/// Counters that destinations share. More make it harder to learn one's from another's.
const COUNTERS: usize = 1024;

/// Largest step of a counter.
const STEPS: u64 = 8;

#[derive(Clone, Debug)]
pub(super) struct Ephemeral {
    first: u16,
    count: u32,
    secret: [u64; 2],
    /// Grown when first used.
    counters: Vec<u32>,
}

/// Where a search begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    offset: u32,
    /// The counter that a find moves on, and by how much beyond the places searched.
    counter: Option<usize>,
    step: u32,
}

impl Ephemeral {
    pub(super) fn new(range: &RangeInclusive<u16>, secret: [u64; 2]) -> Self {
        let first = (*range.start()).max(1);
        let count = (u32::from(*range.end()) + 1).saturating_sub(u32::from(first));
        Self { first, count, secret, counters: Vec::new() }
    }

    /// The first and the last port.
    pub(super) fn range(&self) -> (u16, u16) {
        (self.first, (u32::from(self.first) + self.count).saturating_sub(1) as u16)
    }

    pub(super) fn start(&self, ends: Option<(IpAddr, SocketAddr)>, random: u64) -> Start {
        let step = (random % STEPS) as u32 + 1;
        let Some((local, remote)) = ends else {
            return Start { offset: (random >> 32) as u32, counter: None, step };
        };
        let hash = hash_ends(self.secret, local, remote.ip(), u64::from(remote.port()));
        let counter = hash as usize % COUNTERS;
        let moved = self.counters.get(counter).copied().unwrap_or(0);
        let offset = ((hash >> 32) as u32).wrapping_add(moved);
        Start { offset, counter: Some(counter), step }
    }

    /// The first port from `start` on that `is_free` says.
    pub(super) fn find(
        &mut self,
        start: Start,
        mut is_free: impl FnMut(u16) -> bool,
    ) -> Option<u16> {
        for searched in 0..self.count {
            // Reduced before the sum, so that it cannot overflow in the middle of a search.
            let place = (start.offset % self.count + searched) % self.count;
            let port = (u32::from(self.first) + place) as u16;
            if is_free(port) {
                if let Some(counter) = start.counter {
                    self.counters.resize(COUNTERS, 0);
                    if let Some(counter) = self.counters.get_mut(counter) {
                        *counter = counter.wrapping_add(searched + start.step);
                    }
                }
                return Some(port);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;

    fn remote(last: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], 443))
    }

    const LOCAL: IpAddr = IpAddr::V4(core::net::Ipv4Addr::new(198, 51, 100, 1));

    #[test]
    fn finds_every_port_of_the_range_and_no_other() {
        let mut ephemeral = Ephemeral::new(&(65_530..=65_535), [1, 2]);
        let mut found = BTreeSet::new();
        while let Some(port) =
            ephemeral.find(ephemeral.start(None, u64::MAX), |port| !found.contains(&port))
        {
            assert!(found.insert(port));
        }
        assert!(found.into_iter().eq(65_530..=65_535));
    }

    #[test]
    fn an_empty_range_has_no_port_and_port_zero_is_none() {
        #[expect(clippy::reversed_empty_ranges, reason = "what is tried")]
        let mut empty = Ephemeral::new(&(10..=9), [1, 2]);
        assert_eq!(empty.find(empty.start(None, 1), |_| true), None);
        let mut zero = Ephemeral::new(&(0..=0), [1, 2]);
        assert_eq!(zero.find(zero.start(None, 1), |_| true), None);
    }

    #[test]
    fn one_destination_gets_different_ports_in_turn() {
        let mut ephemeral = Ephemeral::new(&(32_768..=60_999), [7, 9]);
        let ports: BTreeSet<_> = (0..1000)
            .filter_map(|random| {
                let start = ephemeral.start(Some((LOCAL, remote(1))), random);
                ephemeral.find(start, |_| true)
            })
            .collect();
        assert_eq!(ports.len(), 1000);
    }

    #[test]
    fn the_secret_decides_where_a_destination_begins() {
        let first = |secret| {
            let mut ephemeral = Ephemeral::new(&(32_768..=60_999), secret);
            ephemeral.find(ephemeral.start(Some((LOCAL, remote(1))), 0), |_| true)
        };
        let starts: BTreeSet<_> = (0..64).map(|secret| first([secret, 0])).collect();
        assert!(starts.len() > 60);
    }
}
