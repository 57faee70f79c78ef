//! Packets on their way together.

use super::packet::Packet;
use alloc::vec::Vec;
use core::fmt;
use core::mem::{self, MaybeUninit};
use core::ops::{Bound, Deref, DerefMut, RangeBounds};
use core::slice;

/// Packets on their way together, in order. What a driver or a stack takes, it takes from the
/// front; what it cannot take stays.
///
/// They lie next to each other, so a batch is a slice of packets, and handing on many is one copy
/// of their handles. Room in front of them comes from what was taken and is used again as soon as
/// the batch is empty, by [`Batch::prepend`], or when there is none left behind.
#[derive(Default)]
pub struct Batch {
    /// Those from `first` to `end` hold packets, which the batch owns; the others hold nothing.
    slots: Vec<MaybeUninit<Packet>>,
    first: usize,
    end: usize,
}

/// So few packets are moved faster one by one.
const FEW: usize = 2;

/// Fewest slots that are worth an allocation: a driver's usual batch.
const FEWEST: usize = 32;

impl Batch {
    /// No packets.
    pub const fn new() -> Self {
        Self { slots: Vec::new(), first: 0, end: 0 }
    }

    /// No packets, but room for so many.
    pub fn with_capacity(count: usize) -> Self {
        let mut batch = Self::new();
        batch.reserve(count);
        batch
    }

    /// How many there are. Chains count once.
    #[inline]
    pub fn len(&self) -> usize {
        self.end - self.first
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.first == self.end
    }

    /// Puts a packet at the back.
    #[inline]
    pub fn push_back(&mut self, packet: Packet) {
        if self.end == self.slots.len() {
            self.make_room(1);
        }
        if let Some(slot) = self.slots.get_mut(self.end) {
            slot.write(packet);
            self.end += 1;
        }
    }

    /// Takes the packet at the front.
    #[inline]
    pub fn pop_front(&mut self) -> Option<Packet> {
        if self.first == self.end {
            return None;
        }
        let slot = self.slots.get(self.first)?;
        // SAFETY: slots from `first` to `end` hold packets of ours; this one is given up below.
        let packet = unsafe { slot.assume_init_read() };
        self.first += 1;
        if self.first == self.end {
            (self.first, self.end) = (0, 0);
        }
        Some(packet)
    }

    /// Takes the packet at the back.
    #[inline]
    pub fn pop_back(&mut self) -> Option<Packet> {
        if self.first == self.end {
            return None;
        }
        let slot = self.slots.get(self.end - 1)?;
        // SAFETY: slots from `first` to `end` hold packets of ours; this one is given up below.
        let packet = unsafe { slot.assume_init_read() };
        self.end -= 1;
        Some(packet)
    }

    /// Puts a packet at the front.
    pub fn push_front(&mut self, packet: Packet) {
        if self.first == 0 {
            self.push_back(packet);
            self.rotate_right(1);
        } else if let Some(slot) = self.slots.get_mut(self.first - 1) {
            slot.write(packet);
            self.first -= 1;
        }
    }

    /// The packet at the front.
    #[inline]
    pub fn front(&self) -> Option<&Packet> {
        self.first()
    }

    /// Moves all packets of `other` to the back.
    #[inline]
    pub fn append(&mut self, other: &mut Self) {
        if self.is_empty() {
            // Nothing but the two buffers change hands.
            mem::swap(self, other);
        } else if other.len() <= FEW {
            while let Some(packet) = other.pop_front() {
                self.push_back(packet);
            }
        } else {
            self.extend(other.drain(..));
        }
    }

    /// Moves all packets of `other` to the front, before all others: those that were used last, if
    /// they shall be used again first, while they are in the processor's caches.
    #[inline]
    pub fn prepend(&mut self, other: &mut Self) {
        let count = other.len();
        if self.is_empty() {
            return mem::swap(self, other);
        }
        if let Some(first) = self.first.checked_sub(count) {
            let room = self.slots.get_mut(first..self.first).unwrap_or_default();
            for (slot, packet) in room.iter_mut().zip(other.drain(..)) {
                slot.write(packet);
            }
            self.first = first;
        } else {
            self.extend(other.drain(..));
            self.rotate_right(count);
        }
    }

    /// Takes packets out, in order; those that are not taken from the iterator are dropped. From
    /// the front this moves nothing; from elsewhere, the packets before these.
    #[inline]
    pub fn drain(&mut self, range: impl RangeBounds<usize>) -> Drain<'_> {
        let stop = match range.end_bound() {
            Bound::Included(last) => last.saturating_add(1),
            Bound::Excluded(end) => *end,
            Bound::Unbounded => self.len(),
        }
        .min(self.len());
        let start = match range.start_bound() {
            Bound::Included(first) => *first,
            Bound::Excluded(before) => before.saturating_add(1),
            Bound::Unbounded => 0,
        }
        .min(stop);
        if start > 0 {
            self[..stop].rotate_left(start);
        }
        let (from, to) = (self.first, self.first + (stop - start));
        // From here on they are the iterator's, even if nobody drops it.
        (self.first, self.end) = if to == self.end { (0, 0) } else { (to, self.end) };
        Drain(self.slots.get(from..to).unwrap_or_default().iter())
    }

    /// Some of the packets.
    #[inline]
    pub fn range(
        &self,
        range: impl slice::SliceIndex<[Packet], Output = [Packet]>,
    ) -> slice::Iter<'_, Packet> {
        self.get(range).unwrap_or_default().iter()
    }

    /// Some of the packets, to change.
    #[inline]
    pub fn range_mut(
        &mut self,
        range: impl slice::SliceIndex<[Packet], Output = [Packet]>,
    ) -> slice::IterMut<'_, Packet> {
        self.get_mut(range).unwrap_or_default().iter_mut()
    }

    /// Keeps the packets for which the condition holds; the others go home.
    pub fn retain(&mut self, mut keep: impl FnMut(&Packet) -> bool) {
        self.retain_mut(|packet| keep(packet));
    }

    /// Keeps the packets for which the condition, which may change them, holds; the others go home.
    pub fn retain_mut(&mut self, mut keep: impl FnMut(&mut Packet) -> bool) {
        for _ in 0..self.len() {
            if let Some(mut packet) = self.pop_front()
                && keep(&mut packet)
            {
                self.push_back(packet);
            }
        }
    }

    /// Sends all packets home.
    pub fn clear(&mut self) {
        drop(self.drain(..));
    }

    /// Makes room for `more` packets behind those that are there.
    #[inline]
    pub fn reserve(&mut self, more: usize) {
        if self.slots.len() - self.end < more {
            self.make_room(more);
        }
    }

    /// Moves the packets to the beginning of the slots, if that gives at least as much room as
    /// there are packets to move, so that each is moved once for each that comes; else there will
    /// be more slots.
    #[cold]
    fn make_room(&mut self, more: usize) {
        let len = self.len();
        if self.first < len + more {
            let wanted = (self.end + more).max(2 * self.slots.len()).max(FEWEST);
            self.slots.resize_with(wanted, MaybeUninit::uninit);
        } else {
            // What is moved over holds nothing: it lies before `first`.
            let (front, _) = self.slots.split_at_mut(self.end);
            front.rotate_left(self.first);
            (self.first, self.end) = (0, len);
        }
    }
}

impl Deref for Batch {
    type Target = [Packet];

    #[inline]
    fn deref(&self) -> &[Packet] {
        let slots = self.slots.get(self.first..self.end).unwrap_or_default();
        // SAFETY: all of these hold packets, which are ours.
        unsafe { slots.assume_init_ref() }
    }
}

impl DerefMut for Batch {
    #[inline]
    fn deref_mut(&mut self) -> &mut [Packet] {
        let slots = self.slots.get_mut(self.first..self.end).unwrap_or_default();
        // SAFETY: as in `deref`; whatever the caller does, they all hold packets afterwards.
        unsafe { slots.assume_init_mut() }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Extend<Packet> for Batch {
    #[inline]
    fn extend<T: IntoIterator<Item = Packet>>(&mut self, packets: T) {
        let mut packets = packets.into_iter();
        self.reserve(packets.size_hint().0);
        // The slots that are there are filled without a look at how many are left.
        let room = self.slots.get_mut(self.end..).unwrap_or_default();
        let mut end = self.end;
        for (slot, packet) in room.iter_mut().zip(&mut packets) {
            slot.write(packet);
            end += 1;
        }
        self.end = end;
        for packet in packets {
            self.push_back(packet);
        }
    }
}

impl FromIterator<Packet> for Batch {
    fn from_iter<T: IntoIterator<Item = Packet>>(packets: T) -> Self {
        let mut batch = Self::new();
        batch.extend(packets);
        batch
    }
}

impl<const N: usize> From<[Packet; N]> for Batch {
    fn from(packets: [Packet; N]) -> Self {
        packets.into_iter().collect()
    }
}

impl<'a> IntoIterator for &'a Batch {
    type Item = &'a Packet;
    type IntoIter = slice::Iter<'a, Packet>;

    #[inline]
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a> IntoIterator for &'a mut Batch {
    type Item = &'a mut Packet;
    type IntoIter = slice::IterMut<'a, Packet>;

    #[inline]
    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

impl IntoIterator for Batch {
    type Item = Packet;
    type IntoIter = IntoIter;

    #[inline]
    fn into_iter(self) -> IntoIter {
        IntoIter(self)
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

/// The packets of a batch, one after the other. Made by [`Batch::into_iter`].
#[derive(Debug)]
pub struct IntoIter(Batch);

impl Iterator for IntoIter {
    type Item = Packet;

    #[inline]
    fn next(&mut self) -> Option<Packet> {
        self.0.pop_front()
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.len(), Some(self.0.len()))
    }
}

impl ExactSizeIterator for IntoIter {}

/// Packets on their way out of a batch. Made by [`Batch::drain`].
pub struct Drain<'a>(slice::Iter<'a, MaybeUninit<Packet>>);

impl Iterator for Drain<'_> {
    type Item = Packet;

    #[inline]
    fn next(&mut self) -> Option<Packet> {
        // SAFETY: `Batch::drain` gave up these slots, each with a packet in it, and the iterator
        // comes by each of them once.
        self.0.next().map(|slot| unsafe { slot.assume_init_read() })
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl DoubleEndedIterator for Drain<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Packet> {
        // SAFETY: as in `next`.
        self.0.next_back().map(|slot| unsafe { slot.assume_init_read() })
    }
}

impl ExactSizeIterator for Drain<'_> {}

impl Drop for Drain<'_> {
    #[inline]
    fn drop(&mut self) {
        self.for_each(drop);
    }
}

impl fmt::Debug for Drain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Drain({})", self.len())
    }
}

#[cfg(test)]
mod tests;
