//! The ring that brings frames.

use super::super::feature;
use super::super::ring::{Impossible, Ring, WRITE};
use super::super::slots::Slots;
use crate::virtio::{HEADER, claimed};
use packet::{Batch, HEADROOM, PAGE, Packet, SPREAD};

/// How many frames ahead the first bytes of a frame are asked for, if they are looked at as soon
/// as it is taken. If they are not, asking for more than comes at a time only holds up the rest.
const LOOKAHEAD: usize = 16;

/// What one call brought.
#[derive(Default)]
pub(super) struct Arrived {
    pub(super) frames: usize,
    pub(super) bytes: u64,
    pub(super) malformed: u64,
    /// Whether the device wants to be told that it was given new buffers.
    pub(super) kick: bool,
}

pub(super) struct Receiving {
    pub(super) ring: Ring,
    slots: Slots,
    /// Whether a frame may lie in several buffers, and its header says in how many.
    merges: bool,
    /// Whether frames are short enough that their buffers may begin at different places.
    spread: bool,
    /// Whether the device may leave checksums and cutting to us.
    offloads: bool,
}

impl Receiving {
    /// Frames are mostly no longer than `frame`: those get buffers that hold them whole.
    pub(super) fn new(ring: Ring, features: u64, frame: usize) -> Self {
        let guest = feature::GUEST_CSUM | feature::GUEST_TSO4 | feature::GUEST_TSO6;
        Self {
            slots: Slots::new(ring.size()),
            ring,
            spread: HEADER + frame <= SPREAD,
            merges: features & feature::MERGE_BUFFERS != 0,
            offloads: features & guest != 0,
        }
    }

    /// Whether any one buffer holds a frame of `frame` bytes.
    pub(super) fn holds(frame: usize) -> bool {
        HEADER + frame <= PAGE - HEADROOM
    }

    /// Takes frames that have arrived, and lends the device new buffers.
    #[inline]
    pub(super) fn receive(
        &mut self,
        free: &mut Batch,
        received: &mut Batch,
        limit: usize,
    ) -> Result<Arrived, Impossible> {
        let mut arrived = Arrived::default();
        // What the other core wrote comes at its own pace, however it is asked for; so ask early,
        // and work meanwhile. The device mostly keeps the order, so the frames are known before
        // it has said which they are. But before it has said that there are any, only what says
        // so is asked for: to take what it is about to write would slow the device down.
        self.ring.prefetch_used(1);
        let mut waiting = self.ring.arrived()?;
        let lookahead = if self.merges || self.offloads { LOOKAHEAD } else { 0 };
        let expected = usize::from(waiting).min(limit);
        self.ring.prefetch_used(expected);
        if expected > 0 {
            self.ring.prefetch_publishing();
        }
        for ahead in 0..expected.min(lookahead) {
            self.slots.prefetch(ahead);
        }
        while waiting > 0 && arrived.frames < limit {
            self.prefetch(arrived.frames, expected, lookahead);
            let (id, len) = self.ring.used(0);
            let buffers = self.buffers(id).min(self.slots.len() as u16);
            if buffers > waiting {
                // The rest of the frame is not there yet.
                break;
            }
            self.ring.take(1);
            waiting -= 1;
            let Some(first) = self.slots.take_back(id) else {
                arrived.malformed += 1;
                continue;
            };
            let mut frame = first.packet;
            let mut sound = Self::open(&mut frame, len as usize);
            if buffers > 1 {
                sound &= self.gather(&mut frame, buffers - 1);
                waiting -= buffers - 1;
            }
            if sound && self.offloads {
                sound = Self::read_offload(&mut frame);
            }
            if sound {
                arrived.frames += 1;
                arrived.bytes += if buffers > 1 { frame.frame_len() } else { frame.len() } as u64;
                received.push_back(frame);
            } else {
                arrived.malformed += 1;
                free.push_back(frame);
            }
        }
        self.lend(free);
        arrived.kick = self.ring.must_kick();
        Ok(arrived)
    }

    /// With `done` of the frames taken that were expected: asks for the one that is `lookahead`
    /// further, and for descriptors of buffers that will be lent in exchange.
    #[inline]
    fn prefetch(&self, done: usize, expected: usize, lookahead: usize) {
        if done + lookahead < expected {
            self.slots.prefetch(lookahead);
        }
        if done.is_multiple_of(4) {
            self.ring.prefetch_descriptors(self.slots.upcoming().wrapping_add(done as u16), 1);
        }
    }

    /// How many buffers the frame lies in that begins in this one; at least one.
    #[inline]
    fn buffers(&self, id: u32) -> u16 {
        if !self.merges {
            return 1;
        }
        let Some(packet) = self.slots.peek(id) else { return 1 };
        // Not opened yet: the header is where the buffer began, and the packet has no bytes.
        let header: &[u8; HEADER] = packet.tailroom_bytes().first_chunk().unwrap_or(&[0; HEADER]);
        u16::from_le_bytes([header[10], header[11]]).max(1)
    }

    /// Makes the packet hold the frame's bytes. `false` if the device claims a length that cannot
    /// be.
    #[inline]
    fn open(frame: &mut Packet, len: usize) -> bool {
        len >= HEADER && frame.set_range(frame.headroom() + HEADER, len - HEADER)
    }

    /// Adds the other buffers of a frame to its first; the caller has seen that they are there.
    #[cold]
    fn gather(&mut self, frame: &mut Packet, buffers: u16) -> bool {
        let mut sound = true;
        for ahead in 0..buffers {
            let (id, len) = self.ring.used(ahead);
            match self.slots.take_back(id) {
                Some(mut rest) => {
                    sound &= rest.packet.set_range(rest.packet.headroom(), len as usize);
                    frame.append(rest.packet);
                }
                None => sound = false,
            }
        }
        self.ring.take(buffers);
        sound
    }

    #[inline]
    fn read_offload(frame: &mut Packet) -> bool {
        let header = *frame.headroom_bytes().last_chunk().unwrap_or(&[0; HEADER]);
        if header[..2] == [0, 0] {
            return true;
        }
        let Ok(offload) = claimed(&header, frame) else { return false };
        *frame.offload_mut() = offload;
        true
    }

    /// Lends as many buffers as there is room for.
    #[inline]
    fn lend(&mut self, free: &mut Batch) {
        let count = self.slots.room().min(free.len());
        if count == 0 {
            return;
        }
        let room = if self.spread { SPREAD } else { PAGE - HEADROOM };
        for mut packet in free.drain(..count) {
            // The header of the frame comes first, so that it shares a cache line with the
            // frame's own headers.
            packet.clear_spread(room);
            let id = self.slots.hand_out();
            let address = (packet.page_address() + packet.headroom()) as u64;
            self.ring.describe(id, address, room as u32, WRITE, 0);
            self.ring.offer(id);
            self.slots.lend(id, packet, 1, false);
        }
        self.ring.publish();
    }

    /// Whether a frame waits, and whether the device must be kicked before anybody sleeps.
    pub(super) fn settle(&mut self) -> Result<(bool, bool), Impossible> {
        let waiting = self.ring.settle()? > 0;
        Ok((waiting, self.ring.must_kick()))
    }
}
