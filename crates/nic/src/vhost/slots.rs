//! Which packet the device has under which descriptor.
//!
//! The only truth about what was lent: a number that comes back from the device means a packet
//! only if one is in its slot, and a packet leaves its slot once.

use packet::Packet;

/// A slot for each descriptor of a ring, and the descriptors that are free, oldest first: with a
/// device that keeps the order they are handed out in the order of the ring for ever.
pub(super) struct Slots {
    all: Box<[Slot]>,
    free: Box<[u16]>,
    mask: usize,
    /// Free descriptors handed out so far, and put back so far.
    handed: usize,
    returned: usize,
}

#[derive(Default)]
struct Slot {
    packet: Option<Packet>,
    /// The next descriptor of the same buffer.
    next: u16,
    /// How many descriptors the buffer has.
    descriptors: u16,
    /// Whether the packet is our copy of what the caller gave.
    copy: bool,
}

/// What was in a slot.
pub(super) struct Lent {
    pub(super) packet: Packet,
    pub(super) copy: bool,
}

impl Slots {
    /// Slots for `size` descriptors, a power of two; all free.
    pub(super) fn new(size: u16) -> Self {
        Self {
            all: (0..size).map(|_| Slot::default()).collect(),
            free: (0..size).collect(),
            mask: usize::from(size) - 1,
            handed: 0,
            returned: usize::from(size),
        }
    }

    /// How many descriptors are free.
    #[inline]
    pub(super) fn room(&self) -> usize {
        self.returned - self.handed
    }

    /// How many descriptors there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// The descriptor that is likely to be handed out next.
    #[inline]
    pub(super) fn upcoming(&self) -> u16 {
        self.free[self.handed & self.mask]
    }

    /// A free descriptor. Call only while there is [`Slots::room`].
    #[inline]
    pub(super) fn hand_out(&mut self) -> u16 {
        debug_assert!(self.room() > 0, "the caller looks first");
        let id = self.free[self.handed & self.mask];
        self.handed += 1;
        id
    }

    /// Remembers that the buffer that begins with `id` is the packet.
    #[inline]
    pub(super) fn lend(&mut self, id: u16, packet: Packet, descriptors: u16, copy: bool) {
        let slot = &mut self.all[usize::from(id) & self.mask];
        slot.packet = Some(packet);
        slot.descriptors = descriptors;
        slot.copy = copy;
    }

    /// Remembers that the buffer goes on from `id` to `next`.
    #[inline]
    pub(super) fn link(&mut self, id: u16, next: u16) {
        self.all[usize::from(id) & self.mask].next = next;
    }

    /// The packet that the device has under this number, if there is one.
    #[inline]
    pub(super) fn peek(&self, id: u32) -> Option<&Packet> {
        self.all.get(id as usize)?.packet.as_ref()
    }

    /// The packet that lies longest with a device that keeps the order.
    #[inline]
    pub(super) fn oldest(&self) -> u32 {
        // Descriptors are handed out round and round; as many are with the device as are not free.
        u32::from(self.free[self.returned & self.mask])
    }

    /// Asks for the first bytes of the packet that has lain with the device longer than all but
    /// `ahead` others.
    #[inline]
    pub(super) fn prefetch(&self, ahead: usize) {
        let id = self.free[self.returned.wrapping_add(ahead) & self.mask];
        if let Some(packet) = self.peek(id.into()) {
            packet.prefetch_for_writing();
        }
    }

    /// Takes the packet back that the device has under this number, and frees its descriptors.
    #[inline]
    pub(super) fn take_back(&mut self, id: u32) -> Option<Lent> {
        let slot = self.all.get_mut(id as usize)?;
        let packet = slot.packet.take()?;
        let (copy, descriptors, mut next) = (slot.copy, slot.descriptors, slot.next);
        self.put_back(id as u16);
        for _ in 1..descriptors {
            self.put_back(next);
            next = self.all[usize::from(next) & self.mask].next;
        }
        Some(Lent { packet, copy })
    }

    #[inline]
    fn put_back(&mut self, id: u16) {
        self.free[self.returned & self.mask] = id;
        self.returned += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use packet::Pool;

    #[test]
    fn a_packet_leaves_its_slot_once() {
        let mut pool = Pool::plain(4);
        let mut slots = Slots::new(16);
        let id = slots.hand_out();
        slots.lend(id, pool.allocate().unwrap(), 1, false);
        assert!(slots.take_back(17).is_none(), "no such descriptor");
        assert!(slots.take_back(3).is_none(), "nothing lent there");
        assert!(slots.take_back(id.into()).is_some());
        assert!(slots.take_back(id.into()).is_none(), "not twice");
        assert_eq!(slots.room(), 16);
    }

    #[test]
    fn in_order_descriptors_go_round_for_ever() {
        let mut pool = Pool::plain(64);
        let mut slots = Slots::new(16);
        let mut expected = 0;
        for round in 0..100_u16 {
            let pages = 1 + round % 3;
            let ids: Vec<u16> = (0..pages).map(|_| slots.hand_out()).collect();
            assert!(ids.iter().all(|id| {
                let right = *id == expected % 16;
                expected += 1;
                right
            }));
            for pair in ids.windows(2) {
                slots.link(pair[0], pair[1]);
            }
            slots.lend(ids[0], pool.allocate().unwrap(), pages, false);
            if round % 4 == 3 {
                while slots.room() < 16 {
                    let oldest = slots.oldest();
                    pool.recycle(slots.take_back(oldest).unwrap().packet);
                }
            }
        }
    }
}
