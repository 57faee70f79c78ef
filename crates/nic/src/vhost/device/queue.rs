//! One split virtqueue, seen from the device's side.
//!
//! The guest writes descriptors and the available ring, whatever it likes; we write the used
//! ring. A chain of descriptors is followed for as many steps as the ring has descriptors, and
//! every address in it is looked up in the guest's memory.

use super::super::guest::{Cells, GuestMemory};
use super::super::message::RingAddress;
use core::sync::atomic::{Ordering, fence};
use std::os::fd::OwnedFd;

const NEXT: u16 = 1;
const WRITE: u16 = 2;
const NO_INTERRUPT: u16 = 1;
const NO_NOTIFY: u16 = 1;

/// What the virtual machine said about a ring, and how far we are in it.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Descriptors; a power of two, or 0 if it was not said.
    size: u16,
    address: Option<RingAddress>,
    tables: Option<Tables>,
    pub(super) kick: Option<OwnedFd>,
    pub(super) call: Option<OwnedFd>,
    started: bool,
    pub(super) enabled: bool,
    next_available: u16,
    next_used: u16,
    published: u16,
}

#[derive(Debug)]
struct Tables {
    descriptors: Cells,
    available: Cells,
    used: Cells,
}

/// A stretch of guest memory that a descriptor names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) address: u64,
    pub(super) len: usize,
}

/// A buffer that the guest offers: the first descriptor's number, and what it consists of.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    pub(super) head: u16,
    pub(super) segments: Vec<Segment>,
    pub(super) len: usize,
    /// Whether the chain was sound.
    pub(super) sound: bool,
}

impl Queue {
    /// `false` if a ring cannot have that many descriptors.
    pub(super) fn set_size(&mut self, size: u32) -> bool {
        let fits = size.is_power_of_two() && size <= 32768;
        if fits {
            self.size = size as u16;
            self.tables = None;
        }
        fits
    }

    pub(super) fn set_base(&mut self, base: u32) {
        self.next_available = base as u16;
        self.next_used = base as u16;
        self.published = base as u16;
    }

    pub(super) fn set_address(&mut self, address: RingAddress) {
        self.address = Some(address);
        self.tables = None;
    }

    /// The guest's memory has changed.
    pub(super) fn forget_tables(&mut self) {
        self.tables = None;
    }

    pub(super) fn start(&mut self, kick: Option<OwnedFd>) {
        self.kick = kick;
        self.started = true;
    }

    /// Stops the ring and says how far it got.
    pub(super) fn stop(&mut self) -> u16 {
        self.started = false;
        self.tables = None;
        self.kick = None;
        self.call = None;
        self.next_available
    }

    /// Whether it may be used now. Finds its tables if need be.
    pub(super) fn is_ready(&mut self, memory: &GuestMemory) -> bool {
        if !self.started || !self.enabled {
            return false;
        }
        if self.tables.is_none() {
            self.tables = self.find(memory);
            self.want_kicks(false);
        }
        self.tables.is_some()
    }

    fn find(&self, memory: &GuestMemory) -> Option<Tables> {
        let (address, size) = (self.address?, usize::from(self.size));
        if size == 0 {
            return None;
        }
        Some(Tables {
            descriptors: memory.cells(address.descriptors, 16 * size, 16)?,
            available: memory.cells(address.available, 4 + 2 * size, 2)?,
            used: memory.cells(address.used, 4 + 8 * size, 4)?,
        })
    }

    /// How many buffers the guest offers. Never more than the ring has.
    pub(super) fn offered(&self) -> u16 {
        let index = self.tables.as_ref().and_then(|tables| tables.available.load16(2));
        index.map_or(0, |index| index.wrapping_sub(self.next_available).min(self.size))
    }

    /// Takes the buffer that is `ahead` of the next one into `buffer`, whose segments the device
    /// writes to (`writable`) or reads. It stays offered until [`Queue::take`].
    pub(super) fn peek(&self, ahead: u16, writable: bool, buffer: &mut Buffer) {
        buffer.segments.clear();
        buffer.len = 0;
        buffer.sound = self.follow(ahead, writable, buffer).is_some();
    }

    fn follow(&self, ahead: u16, writable: bool, buffer: &mut Buffer) -> Option<()> {
        let tables = self.tables.as_ref()?;
        let place = usize::from(self.next_available.wrapping_add(ahead) & (self.size - 1));
        buffer.head = tables.available.load16(4 + 2 * place)?;
        let mut id = buffer.head;
        for _ in 0..self.size {
            if id >= self.size {
                return None;
            }
            let address = tables.descriptors.load64(16 * usize::from(id))?;
            let rest = tables.descriptors.load64(16 * usize::from(id) + 8)?;
            let (len, flags, next) = (rest as u32, (rest >> 32) as u16, (rest >> 48) as u16);
            if (flags & WRITE != 0) != writable || flags & !(WRITE | NEXT) != 0 {
                return None;
            }
            buffer.segments.push(Segment { address, len: len as usize });
            buffer.len = buffer.len.checked_add(len as usize)?;
            if flags & NEXT == 0 {
                return Some(());
            }
            id = next;
        }
        None
    }

    /// Passes over the next offered buffer, which begins with descriptor `head`, and says that
    /// `len` bytes were written to it. The guest sees it after [`Queue::publish`].
    pub(super) fn take(&mut self, head: u16, len: u32) {
        if let Some(tables) = &self.tables {
            let place = usize::from(self.next_used & (self.size - 1));
            tables.used.store32(4 + 8 * place, head.into());
            tables.used.store32(8 + 8 * place, len);
        }
        self.next_available = self.next_available.wrapping_add(1);
        self.next_used = self.next_used.wrapping_add(1);
    }

    /// Tells the guest of everything taken, and calls it if it wants that.
    pub(super) fn publish(&mut self) {
        if self.published == self.next_used {
            return;
        }
        self.published = self.next_used;
        let Some(tables) = &self.tables else { return };
        tables.used.store16(2, self.next_used);
        fence(Ordering::SeqCst);
        let wants = tables.available.load16(0).is_some_and(|flags| flags & NO_INTERRUPT == 0);
        if let (true, Some(call)) = (wants, &self.call) {
            // Full (2^64 calls wait) is called enough.
            let _ = rustix::io::write(call, &1_u64.to_ne_bytes());
        }
    }

    /// Asks the guest to kick when it offers a buffer, or not to.
    pub(super) fn want_kicks(&self, want: bool) {
        if let Some(tables) = &self.tables {
            tables.used.store16(0, if want { 0 } else { NO_NOTIFY });
            fence(Ordering::SeqCst);
        }
    }
}
