//! What is due.

use super::address::Due;
use super::{Event, Host};
use crate::Time;
use core::net::IpAddr;
use packet::Batch;

impl Host {
    /// Does what is due: asks for neighbours, gives up those that do not answer, checks for
    /// duplicate addresses, reports groups, drops fragments that are too old. Call it when
    /// [`Host::next_timeout`] is over, which may be at once after something was sent. What has to
    /// be sent takes its buffers from the front of `free`.
    pub fn poll(&mut self, now: Time, free: &mut Batch) {
        if now < self.next_timeout().unwrap_or(Time::NEVER) {
            return;
        }
        self.poll_neighbors(now, free);
        while let Some(due) = self.addresses.due(now, &mut self.random) {
            match due {
                Due::Probe(IpAddr::V4(ip)) => self.probe_arp(ip, free),
                Due::Probe(IpAddr::V6(ip)) => self.probe_ndp(ip, free),
                Due::Announce(IpAddr::V4(ip)) => self.announce_arp(ip, free),
                Due::Announce(IpAddr::V6(ip)) => self.announce_ndp(ip, free),
                Due::Ready(ip) => self.tell(Event::AddressReady(ip)),
            }
        }
        self.poll_automatic(now, free);
        self.poll_groups(now, free);
        self.poll_fragments(now, free);
        self.ports.expire(now);
    }

    /// When [`Host::poll`] has something to do next, or [`Host::receive`] (with nothing from the
    /// driver) because this host sent to itself.
    pub fn next_timeout(&self) -> Option<Time> {
        if !self.looped.is_empty() {
            return Some(Time::ZERO);
        }
        let next = self
            .neighbors
            .next_timeout()
            .min(self.addresses.next_timeout())
            .min(self.groups.next_timeout())
            .min(self.automatic.next_timeout())
            .min(self.fragments_timeout())
            .min(self.ports.next_expiry().unwrap_or(Time::NEVER));
        (next != Time::NEVER).then_some(next)
    }
}
