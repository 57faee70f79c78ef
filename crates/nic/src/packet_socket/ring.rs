//! The rings that an `AF_PACKET` socket shares with the kernel (`TPACKET_V2`).
//!
//! A ring is slots of equal size. The first word of a slot says whose it is: the kernel hands one
//! over by changing it, and so do we. All that leaves this module is bytes of slots that are ours.
//!
//! **Why unsafe is allowed here:** the rings are memory that the kernel writes to.
#![allow(unsafe_code)]

use super::socket::Socket;
use crate::packet_socket::HEADER;
use core::ptr::{self, NonNull};
use core::slice;
use core::sync::atomic::{AtomicU32, Ordering};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// The kernel cuts rings from blocks of this size.
const BLOCK: usize = 1 << 16;
/// Slots are of a size between these, so that they fill blocks.
const SLOTS: core::ops::RangeInclusive<usize> = 2048..=BLOCK;
/// Where the bytes of a frame to send begin in its slot (`TPACKET2_HDRLEN` less the address).
const SENT: usize = size_of::<libc::tpacket2_hdr>();
/// More than the kernel puts in front of a received frame's payload.
const RECEIVED: usize = 128;

/// A receive ring and a transmit ring, mapped one behind the other.
#[derive(Debug)]
pub(super) struct Rings {
    base: NonNull<u8>,
    slot: usize,
    /// Slots in each ring.
    count: usize,
    receive: usize,
    transmit: usize,
}

// SAFETY: the mapping belongs to this value alone; the kernel does not care which thread uses it.
unsafe impl Send for Rings {}

/// A slot that the kernel filled.
pub(super) struct Received<'a> {
    /// `TP_STATUS_` flags.
    pub(super) status: u32,
    /// Length of the frame on the wire.
    pub(super) length: usize,
    /// The VLAN tag that the kernel took out, if it says that it did: kind and content.
    pub(super) vlan: Option<(u16, u16)>,
    /// The virtio-net header.
    pub(super) header: [u8; HEADER],
    /// The frame, or as much of it as the slot holds.
    pub(super) bytes: &'a [u8],
}

impl Rings {
    /// Makes rings of at least `frames` slots, for frames of an interface with that MTU.
    pub(super) fn new(socket: &Socket, frames: usize, mtu: usize) -> Result<Self, Errno> {
        let slot = (mtu + RECEIVED).next_power_of_two().clamp(*SLOTS.start(), *SLOTS.end() / 4);
        let blocks = frames.clamp(1, 1 << 20).div_ceil(BLOCK / slot);
        let count = blocks * (BLOCK / slot);
        socket.make_rings(&libc::tpacket_req {
            tp_block_size: BLOCK as u32,
            tp_block_nr: blocks as u32,
            tp_frame_size: slot as u32,
            tp_frame_nr: count as u32,
        })?;
        let bytes = 2 * count * slot;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::SHARED | MapFlags::POPULATE;
        // SAFETY: the kernel chooses the place, so no mapping that exists is touched.
        let base = unsafe { mmap(ptr::null_mut(), bytes, access, flags, socket, 0) }?;
        let base = NonNull::new(base.cast()).ok_or(Errno::NOMEM)?;
        Ok(Self { base, slot, count, receive: 0, transmit: count })
    }

    /// Bytes that a slot holds for sending, virtio-net header included.
    pub(super) fn room(&self) -> usize {
        self.slot - SENT
    }

    /// Where a slot begins. Slots of the transmit ring are numbered on behind the receive ring's.
    fn slot(&self, number: usize) -> NonNull<u8> {
        debug_assert!(number < 2 * self.count);
        // SAFETY: the mapping holds `2 * count` slots, and both counters stay within.
        unsafe { self.base.add(number * self.slot) }
    }

    /// The word that says whose a slot is.
    fn owner(&self, number: usize) -> &AtomicU32 {
        // SAFETY: the status is the first word of a slot, aligned because slots are, and both
        // sides change it as a whole.
        unsafe { self.slot(number).cast().as_ref() }
    }

    /// The frame that the kernel received next, if it has.
    #[inline]
    pub(super) fn received(&self) -> Option<Received<'_>> {
        let status = self.owner(self.receive).load(Ordering::Acquire);
        if status & libc::TP_STATUS_USER == 0 {
            return None;
        }
        let slot = self.slot(self.receive);
        // SAFETY: the status says that the slot is ours (and by its acquire, that what the kernel
        // wrote is there to be read) until `release`, which needs `&mut self`: meanwhile nobody
        // writes to it, not even the status. Slots are longer than the header, which is integers.
        let (header, bytes) = unsafe {
            let header = slot.cast::<libc::tpacket2_hdr>().read();
            (header, slice::from_raw_parts(slot.as_ptr(), self.slot))
        };
        let start = usize::from(header.tp_mac);
        let end = start + header.tp_snaplen as usize;
        let mut virtio = [0; HEADER];
        if let Some(before) = bytes.get(start.saturating_sub(HEADER)..start)
            && let Some(claim) = before.first_chunk()
        {
            virtio = *claim;
        }
        let vlan = (status & libc::TP_STATUS_VLAN_VALID != 0).then(|| {
            let known = status & libc::TP_STATUS_VLAN_TPID_VALID != 0;
            (if known { header.tp_vlan_tpid } else { 0x8100 }, header.tp_vlan_tci)
        });
        Some(Received {
            status,
            length: header.tp_len as usize,
            vlan,
            header: virtio,
            bytes: bytes.get(start..end).unwrap_or_default(),
        })
    }

    /// Gives the slot of the frame that was received next back to the kernel.
    #[inline]
    pub(super) fn release(&mut self) {
        self.owner(self.receive).store(libc::TP_STATUS_KERNEL, Ordering::Release);
        self.receive = (self.receive + 1) % self.count;
    }

    /// Room for the next frame to send, if the kernel is done with what was there.
    #[inline]
    pub(super) fn vacant(&mut self) -> Option<&mut [u8]> {
        let status = self.owner(self.transmit).load(Ordering::Acquire);
        if status & (libc::TP_STATUS_SEND_REQUEST | libc::TP_STATUS_SENDING) != 0 {
            return None;
        }
        let room = self.room();
        // SAFETY: the slot is ours until `submit`, and `&mut self` makes this the only use.
        Some(unsafe {
            slice::from_raw_parts_mut(self.slot(self.transmit).add(SENT).as_ptr(), room)
        })
    }

    /// Whether the kernel has yet to look at a frame that was submitted. It takes them in order, so
    /// the last one tells.
    #[inline]
    pub(super) fn is_waiting(&self) -> bool {
        let last = self.count + (self.transmit - self.count + self.count - 1) % self.count;
        self.owner(last).load(Ordering::Acquire) & libc::TP_STATUS_SEND_REQUEST != 0
    }

    /// Hands the slot that was vacant to the kernel, with so many bytes in it.
    #[inline]
    pub(super) fn submit(&mut self, length: usize) {
        let header = self.slot(self.transmit).cast::<libc::tpacket2_hdr>().as_ptr();
        // SAFETY: the slot is ours until the store below. The fields are written one by one, not
        // through a reference, because the status beside them is atomic.
        unsafe {
            (&raw mut (*header).tp_len).write(length as u32);
            (&raw mut (*header).tp_snaplen).write(length as u32);
        }
        self.owner(self.transmit).store(libc::TP_STATUS_SEND_REQUEST, Ordering::Release);
        self.transmit = self.count + (self.transmit + 1 - self.count) % self.count;
    }
}

impl Drop for Rings {
    fn drop(&mut self) {
        let bytes = 2 * self.count * self.slot;
        // SAFETY: mapped in `new` with this length, unmapped once; no slice of it outlives us. An
        // error here could only mean that the mapping is not there.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), bytes) };
    }
}
