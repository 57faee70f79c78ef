//! What paths carry, as far as routers told us (RFC 1191, RFC 8201).

use crate::Time;
use alloc::collections::BTreeMap;
use core::net::IpAddr;
use core::time::Duration;

/// Paths that are remembered. A flood of forged messages makes us forget others, no more.
const MOST: usize = 256;
/// How long one is believed before the full size is tried again.
const LIFETIME: Duration = Duration::from_mins(10);
/// Less is not believed: below these, datagrams are fragmented rather than made smaller
/// (Linux's `min_pmtu`, and IPv6's minimum).
const LEAST_V4: usize = 552;
const LEAST_V6: usize = 1280;

/// The cache.
#[derive(Clone, Debug, Default)]
pub(crate) struct PathMtus(BTreeMap<IpAddr, (usize, Time)>);

impl PathMtus {
    pub(crate) const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Whether every path carries what the link does, as far as we know.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the path to `to` carries, if it is less than the link.
    #[inline]
    pub(crate) fn get(&self, now: Time, to: IpAddr) -> Option<usize> {
        if self.0.is_empty() {
            return None;
        }
        self.0.get(&to).filter(|(_, until)| now < *until).map(|(mtu, _)| *mtu)
    }

    /// Takes in what a router said; gives what is believed now, if that is less than before.
    pub(crate) fn lower(
        &mut self,
        now: Time,
        to: IpAddr,
        mtu: usize,
        link: usize,
    ) -> Option<usize> {
        let mtu = mtu.max(if to.is_ipv4() { LEAST_V4 } else { LEAST_V6 });
        if mtu >= self.get(now, to).unwrap_or(link) {
            return None;
        }
        if self.0.len() >= MOST && !self.0.contains_key(&to) {
            let first = self.0.iter().min_by_key(|(_, (_, until))| *until).map(|(ip, _)| *ip);
            first.and_then(|ip| self.0.remove(&ip));
        }
        self.0.insert(to, (mtu, now + LIFETIME));
        Some(mtu)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lower_within_reason_and_for_a_while() {
        let mut paths = PathMtus::new();
        let to = IpAddr::from([10, 0, 0, 1]);
        assert_eq!(paths.lower(Time::ZERO, to, 1400, 1500), Some(1400));
        assert_eq!(paths.lower(Time::ZERO, to, 1450, 1500), None);
        assert_eq!(paths.lower(Time::ZERO, to, 20, 1500), Some(552));
        assert_eq!(paths.get(Time::from_secs(599), to), Some(552));
        assert_eq!(paths.get(Time::from_secs(600), to), None);
    }

    #[test]
    fn forged_paths_do_not_grow_it() {
        let mut paths = PathMtus::new();
        for number in 0..10_000_u32 {
            paths.lower(Time::from_millis(number.into()), IpAddr::V4(number.into()), 600, 1500);
        }
        assert_eq!(paths.0.len(), MOST);
    }
}
