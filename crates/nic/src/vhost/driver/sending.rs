//! The ring that takes frames away.

use super::super::feature;
use super::super::ring::{Impossible, NEXT, Ring};
use super::super::slots::Slots;
use crate::Offloads;
use crate::virtio::{HEADER, asking};
use packet::{Batch, Checksum, Packet, Pool};

/// What one call took.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) frames: usize,
    pub(super) bytes: u64,
    pub(super) copied: u64,
    pub(super) dropped: u64,
    /// Whether the device wants to be told.
    pub(super) kick: bool,
}

/// What one call gave back.
pub(super) struct Returned {
    pub(super) count: usize,
    /// Buffers that the device named and never had.
    pub(super) malformed: u64,
    pub(super) kick: bool,
}

pub(super) struct Sending {
    ring: Ring,
    slots: Slots,
    /// Whether the device promised to use buffers in the order they were offered. Then what it
    /// says about them is not even read.
    in_order: bool,
    /// What the device does for us.
    offloads: Offloads,
    /// How many frames it was given together, the last time it was given any.
    burst: usize,
    /// Packets of other pools that were copied, and packets that cannot be sent: theirs to
    /// reclaim.
    done: Batch,
}

impl Sending {
    pub(super) fn new(ring: Ring, features: u64) -> Self {
        Self {
            slots: Slots::new(ring.size()),
            ring,
            in_order: features & feature::IN_ORDER != 0,
            offloads: super::offloads(features),
            burst: 0,
            done: Batch::new(),
        }
    }

    /// Takes frames from the front of `ready`. The device can see the pages of `registered`; a
    /// frame of another pool is copied into pages of it.
    #[inline]
    pub(super) fn transmit(&mut self, ready: &mut Batch, registered: &mut Pool) -> Taken {
        let mut taken = Taken::default();
        self.ring.prefetch_publishing();
        self.prefetch_descriptors(ready.len());
        loop {
            // Mostly that is all of them; together they go faster than one by one.
            let simple = self.simple(ready, registered);
            taken.frames += simple;
            taken.bytes += self.offer_all(ready.drain(..simple));
            if self.slots.room() == 0 {
                break;
            }
            let Some(packet) = ready.pop_front() else { break };
            let before = (taken.frames, taken.dropped);
            self.transmit_unusual(packet, ready, registered, &mut taken);
            if (taken.frames, taken.dropped) == before {
                break;
            }
        }
        self.ring.publish();
        taken.kick = self.ring.must_kick();
        if taken.frames > 0 {
            self.burst = taken.frames;
        }
        taken
    }

    #[inline]
    fn prefetch_descriptors(&self, count: usize) {
        self.ring.prefetch_descriptors(self.slots.upcoming(), count.min(self.slots.room()));
    }

    /// How many of the frames in front are complete, each in one page that the device can see, as
    /// far as there is room for them.
    #[inline]
    fn simple(&self, ready: &Batch, registered: &Pool) -> usize {
        let simple = |packet: &&Packet| {
            packet.next().is_none()
                && packet.belongs_to(registered)
                && packet.headroom() >= HEADER
                && is_complete(packet)
        };
        ready.iter().take(self.slots.room()).take_while(simple).count()
    }

    /// Offers such frames; says how many bytes they hold.
    #[inline]
    fn offer_all(&mut self, frames: impl Iterator<Item = Packet>) -> u64 {
        let mut bytes = 0;
        for mut packet in frames {
            write_header(&mut packet, [0; HEADER]);
            let id = self.slots.hand_out();
            let start = packet.page_address() + packet.headroom() - HEADER;
            let len = packet.len();
            bytes += len as u64;
            self.ring.describe(id, start as u64, (len + HEADER) as u32, 0, 0);
            self.ring.offer(id);
            self.slots.lend(id, packet, 1, false);
        }
        bytes
    }

    /// A chain, or a packet of another pool, or one without room for a header, or one that the
    /// device has to complete. If there is no room for it now it goes back to the front of `ready`.
    #[cold]
    fn transmit_unusual(
        &mut self,
        packet: Packet,
        ready: &mut Batch,
        registered: &mut Pool,
        taken: &mut Taken,
    ) {
        let len = packet.frame_len();
        let visible =
            packet.headroom() >= HEADER && packet.pages().all(|page| page.belongs_to(registered));
        let pages = if visible { packet.pages().count() } else { copy_pages(len) };
        let header = asking(&packet, self.offloads);
        let (Some(header), true) = (header, pages <= self.slots.len()) else {
            taken.dropped += 1;
            self.done.push_back(packet);
            return;
        };
        if pages > self.slots.room() {
            ready.push_front(packet);
            return;
        }
        let (lent, copy) = if visible {
            (packet, false)
        } else if let Some(copy) = copy_into(registered, &packet, len) {
            self.done.push_back(packet);
            taken.copied += 1;
            (copy, true)
        } else {
            ready.push_front(packet);
            return;
        };
        taken.frames += 1;
        taken.bytes += len as u64;
        self.offer_chain(lent, header, pages as u16, copy);
    }

    fn offer_chain(&mut self, mut packet: Packet, header: [u8; HEADER], pages: u16, copy: bool) {
        write_header(&mut packet, header);
        let first = self.slots.hand_out();
        let mut id = first;
        let mut before = HEADER;
        let mut page = Some(&packet);
        while let Some(this) = page {
            let address = (this.page_address() + this.headroom() - before) as u64;
            let len = (this.len() + before) as u32;
            page = this.next();
            if page.is_some() {
                let next = self.slots.hand_out();
                self.slots.link(id, next);
                self.ring.describe(id, address, len, NEXT, next);
                id = next;
            } else {
                self.ring.describe(id, address, len, 0, 0);
            }
            before = 0;
        }
        self.ring.offer(first);
        self.slots.lend(first, packet, pages, copy);
    }

    /// Takes back what the device has sent.
    #[inline]
    pub(super) fn reclaim(
        &mut self,
        sent: &mut Batch,
        registered: &mut Pool,
    ) -> Result<Returned, Impossible> {
        let arrived = self.ring.arrived()?;
        let (mut count, mut malformed) = (0, 0);
        // The device's core reads ahead of what we offered, and so fetches what we write next. Take
        // that back in time: as many frames as the last time are likely to come.
        self.prefetch_descriptors(self.burst);
        for ahead in 0..arrived {
            let id = if self.in_order { self.slots.oldest() } else { self.ring.used(ahead).0 };
            match self.slots.take_back(id) {
                Some(lent) if lent.copy => registered.recycle(lent.packet),
                Some(lent) => {
                    sent.push_back(lent.packet);
                    count += 1;
                }
                None => malformed += 1,
            }
        }
        self.ring.take(arrived);
        if !self.done.is_empty() {
            count += self.done.len();
            sent.append(&mut self.done);
        }
        Ok(Returned { count, malformed, kick: self.ring.must_kick() })
    }

    /// Whether the device must be kicked before anybody sleeps.
    pub(super) fn settle(&mut self) -> Result<bool, Impossible> {
        self.ring.settle()?;
        Ok(self.ring.must_kick())
    }
}

/// Writes the frame's header in front of its first byte, into the headroom.
#[inline]
fn write_header(packet: &mut Packet, header: [u8; HEADER]) {
    if let Some(room) = packet.headroom_bytes_mut().last_chunk_mut() {
        *room = header;
    }
}

/// Whether the frame is complete as it is, so that its header is all zeros.
#[inline]
fn is_complete(packet: &Packet) -> bool {
    let offload = packet.offload();
    offload.segmentation.is_none() && !matches!(offload.checksum, Checksum::Partial { .. })
}

/// Bytes of a frame that one page of a copy holds.
const COPY: usize = packet::PAGE - packet::HEADROOM;

fn copy_pages(len: usize) -> usize {
    len.div_ceil(COPY).max(1)
}

/// A copy of a frame in pages of `pool`, with room for a header; `None` if it has too few.
fn copy_into(pool: &mut Pool, frame: &Packet, len: usize) -> Option<Packet> {
    copy(frame, len, || pool.allocate())
}

/// A copy of a frame in pages from the front of `free`; `None`, and nothing taken, if these are
/// too few.
pub(super) fn copy_into_batch(free: &mut Batch, frame: &Packet, len: usize) -> Option<Packet> {
    if free.len() < copy_pages(len) {
        return None;
    }
    copy(frame, len, || {
        free.pop_front().map(|mut page| {
            page.clear();
            page
        })
    })
}

fn copy(frame: &Packet, len: usize, mut page: impl FnMut() -> Option<Packet>) -> Option<Packet> {
    let mut first = page()?;
    copy_page(&mut first, frame, 0, len);
    let mut done = first.len();
    while done < len {
        let mut next = page()?;
        copy_page(&mut next, frame, done, len);
        done += next.len();
        first.append(next);
    }
    *first.offload_mut() = *frame.offload();
    Some(first)
}

fn copy_page(to: &mut Packet, frame: &Packet, from: usize, len: usize) {
    if let Some(bytes) = to.push_back((len - from).min(COPY)) {
        frame.copy_out(from, bytes);
    }
}
