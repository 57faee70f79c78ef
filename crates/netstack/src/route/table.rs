//! The routes of one family, sorted, each knowing the next wider one.

use super::Route;
use alloc::vec::Vec;
use core::net::IpAddr;

/// Sorted by prefix; a wider prefix stands before those within it, and of routes with the same
/// prefix the better one last. So when one walks from the last entry that may contain an address
/// along `wider`, routes come best first.
#[derive(Clone, Debug)]
pub(super) struct Table(Vec<Entry>);

#[derive(Clone, Debug)]
struct Entry {
    /// The prefix's bits, at the top.
    bits: u128,
    /// The next best route to everything that this one contains: its place in the table.
    wider: Option<u32>,
    route: Route,
}

/// The bits of an address, at the top.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// Whether `prefix`, whose bits are `own`, contains what has the bits `other`.
fn contains(own: u128, len: u8, other: u128) -> bool {
    (own ^ other).checked_shr(128 - u32::from(len)).unwrap_or(0) == 0
}

impl Table {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Route> + '_ {
        self.0.iter().map(|entry| &entry.route)
    }

    /// Puts a route behind (that is, after the better or older) others of its prefix.
    pub(super) fn insert(&mut self, route: Route) {
        let own = bits(route.prefix.address());
        let place = self.0.partition_point(|entry| {
            let by_prefix = (entry.bits, entry.route.prefix.len()).cmp(&(own, route.prefix.len()));
            by_prefix.is_lt() || (by_prefix.is_eq() && entry.route.metric > route.metric)
        });
        self.0.insert(place, Entry { bits: own, wider: None, route });
        self.link();
    }

    pub(super) fn retain(&mut self, mut keep: impl FnMut(&Route) -> bool) {
        self.0.retain(|entry| keep(&entry.route));
        self.link();
    }

    /// All routes that contain `address`, best first.
    #[inline]
    pub(super) fn candidates(&self, address: IpAddr) -> impl Iterator<Item = &Route> + '_ {
        let wanted = bits(address);
        let after = self.0.partition_point(|entry| entry.bits <= wanted);
        let mut next = after.checked_sub(1);
        core::iter::from_fn(move || {
            loop {
                let entry = self.0.get(next?)?;
                next = entry.wider.map(|place| place as usize);
                if contains(entry.bits, entry.route.prefix.len(), wanted) {
                    return Some(&entry.route);
                }
            }
        })
    }

    /// Finds for each entry the last one before it that contains it.
    fn link(&mut self) {
        let mut open: Vec<u32> = Vec::new();
        for place in 0..self.0.len() {
            let (own, len) = match self.0.get(place) {
                Some(entry) => (entry.bits, entry.route.prefix.len()),
                None => return,
            };
            while let Some(&last) = open.last()
                && let Some(outer) = self.0.get(last as usize)
                && !(outer.route.prefix.len() <= len
                    && contains(outer.bits, outer.route.prefix.len(), own))
            {
                open.pop();
            }
            let wider = open.last().copied();
            if let Some(entry) = self.0.get_mut(place) {
                entry.wider = wider;
            }
            open.push(place as u32);
        }
    }
}
