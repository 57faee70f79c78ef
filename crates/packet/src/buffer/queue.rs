//! A queue of packets that needs no memory of its own.

use super::packet::Packet;
use super::record::Record;
use core::ptr::NonNull;

/// First in, first out, linked through the packets' own records: two words and a count, however
/// many packets wait. A stack of which there may be a million keeps its packets in one of these.
#[derive(Default)]
pub struct Queue {
    first: Option<Packet>,
    /// The record of the last packet: not a reference to its link, which looking at the packet
    /// meanwhile would invalidate.
    last: Option<NonNull<Record>>,
    len: usize,
}

// SAFETY: `last` points to a record that the queue owns through `first`.
unsafe impl Send for Queue {}
// SAFETY: a shared queue can only be read.
unsafe impl Sync for Queue {}

impl Queue {
    /// An empty queue.
    pub const fn new() -> Self {
        Self { first: None, last: None, len: 0 }
    }

    /// Whether nothing waits.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many packets (chains count once) wait.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The packet that waits longest.
    #[inline]
    pub fn front(&self) -> Option<&Packet> {
        self.first.as_ref()
    }

    /// Puts a packet at the end.
    #[inline]
    pub fn push_back(&mut self, packet: Packet) {
        let record = packet.record_pointer();
        match self.last {
            // SAFETY: the queue owns the last packet, hence the owner's half of its record, and
            // `&mut self` makes this the only use; records stay where they are.
            Some(last) => unsafe { (*last.as_ref().owned.get()).behind = Some(packet) },
            None => self.first = Some(packet),
        }
        self.last = Some(record);
        self.len += 1;
    }

    /// Takes the packet that waits longest.
    #[inline]
    pub fn pop_front(&mut self) -> Option<Packet> {
        let mut packet = self.first.take()?;
        self.first = packet.behind_mut().take();
        if self.first.is_none() {
            self.last = None;
        }
        self.len -= 1;
        Some(packet)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        while self.pop_front().is_some() {}
    }
}

impl Extend<Packet> for Queue {
    fn extend<T: IntoIterator<Item = Packet>>(&mut self, packets: T) {
        packets.into_iter().for_each(|packet| self.push_back(packet));
    }
}

impl core::fmt::Debug for Queue {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Queue({})", self.len)
    }
}
