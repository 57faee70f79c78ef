//! Buffers to the kernel, and frames back.

use super::Xdp;
use super::ring::Descriptor;
use crate::chain;
use packet::header::ethernet::Ethernet;
use packet::{Batch, Packet};

/// Pages of a frame that arrives, at most. Linux has fewer fragments than this in a frame.
const CHAIN: usize = 18;

impl Xdp {
    /// Lends the kernel as many buffers as it has room for.
    #[inline]
    pub(super) fn lend(&mut self, free: &mut Batch) {
        let room = self.frames.saturating_sub(self.slots.lent());
        let wanted = room.min(free.len());
        if wanted == 0 {
            return;
        }
        let room = wanted.min(self.socket.fill.room(wanted as u32) as usize);
        let mut lent = 0;
        for _ in 0..free.len() {
            if lent == room {
                break;
            }
            let Some(mut page) = free.pop_front() else { break };
            if !page.belongs_to(&self.pool) {
                // The device cannot reach it. It stays the caller's, behind the others.
                free.push_back(page);
                continue;
            }
            page.clear();
            self.socket.fill.push(self.slots.lend(page));
            lent += 1;
        }
        if lent > 0 {
            self.socket.fill.publish();
        }
    }

    /// Takes one page that the kernel filled. Gives a frame when its last page is there.
    #[inline]
    pub(super) fn collect(&mut self, descriptor: Descriptor, free: &mut Batch) -> Option<Packet> {
        let last = descriptor.options & Descriptor::CONTINUED == 0;
        let page = self.slots.filled(descriptor.address, descriptor.length);
        if page.is_none() {
            self.statistics.malformed += 1;
            self.skipping = true;
        }
        if let Some(page) = page {
            match &mut self.started {
                Some(frame) => frame.append(page),
                None if last && !self.skipping => return self.checked(page, free),
                none => *none = Some(page),
            }
        }
        if self.started.as_ref().is_some_and(|frame| frame.pages().count() > CHAIN) {
            self.statistics.malformed += u64::from(!self.skipping);
            self.skipping = true;
        }
        if self.skipping
            && let Some(frame) = self.started.take()
        {
            chain::give_back(free, frame);
        }
        if last {
            self.skipping = false;
            return self.started.take().and_then(|frame| self.checked(frame, free));
        }
        None
    }

    /// The frame, if it has at least an Ethernet header.
    #[inline]
    fn checked(&mut self, frame: Packet, free: &mut Batch) -> Option<Packet> {
        if frame.len() >= Ethernet::LEN {
            return Some(frame);
        }
        self.statistics.malformed += 1;
        chain::give_back(free, frame);
        None
    }
}
