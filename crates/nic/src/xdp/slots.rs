//! Which pages the kernel has, by their number, and what for.
//!
//! The kernel names a page by its place in the region. What it names is looked up here, so a page
//! is only ever given on if the kernel has it, has it for that purpose, and names it once.

use packet::{PAGE, Packet};

#[derive(Debug, Default)]
enum Slot {
    #[default]
    Home,
    /// To be filled.
    Lent(Packet),
    /// To be sent; then its sender's again.
    Sending(Packet),
    /// A copy to be sent, in a page of the driver's own.
    Copy(Packet),
}

/// What was sent.
#[derive(Debug)]
pub(super) enum Sent {
    /// The sender's own page.
    Own(Packet),
    /// A page of the driver's own.
    Copy(Packet),
}

/// One slot for each page of the region.
#[derive(Debug)]
pub(super) struct Slots {
    pages: Vec<Slot>,
    lent: usize,
    sending: usize,
}

impl Slots {
    pub(super) fn new(pages: usize) -> Self {
        let mut all = Vec::new();
        all.resize_with(pages, Slot::default);
        Self { pages: all, lent: 0, sending: 0 }
    }

    /// How many pages the kernel has to fill.
    #[inline]
    pub(super) fn lent(&self) -> usize {
        self.lent
    }

    /// How many pages the kernel has to send.
    #[inline]
    pub(super) fn sending(&self) -> usize {
        self.sending
    }

    /// Keeps a page while the kernel fills it; gives its place in the region.
    #[inline]
    pub(super) fn lend(&mut self, page: Packet) -> u64 {
        let place = page.number() * PAGE;
        self.lent += 1;
        self.keep(page.number(), Slot::Lent(page));
        place as u64
    }

    /// Keeps a page while the kernel sends it; gives where in the region its bytes are.
    #[inline]
    pub(super) fn send(&mut self, page: Packet) -> u64 {
        let place = page.number() * PAGE + page.headroom();
        self.sending += 1;
        self.keep(page.number(), Slot::Sending(page));
        place as u64
    }

    /// As [`Slots::send`], for a page of the driver's own.
    pub(super) fn send_copy(&mut self, page: Packet) -> u64 {
        let place = page.number() * PAGE + page.headroom();
        self.sending += 1;
        self.keep(page.number(), Slot::Copy(page));
        place as u64
    }

    #[inline]
    fn keep(&mut self, number: usize, slot: Slot) {
        // All pages are of the pool that the slots are for, and a page that we are given cannot
        // be in a slot.
        if let Some(place) = self.pages.get_mut(number) {
            debug_assert!(matches!(place, Slot::Home), "a page has one owner");
            *place = slot;
        }
    }

    /// The page that the kernel says it filled, with its bytes set to what it says; `None` if
    /// that cannot be.
    #[inline]
    pub(super) fn filled(&mut self, address: u64, length: u32) -> Option<Packet> {
        let (slot, start) = self.at(address)?;
        if !matches!(slot, Slot::Lent(_)) || start + length as usize > PAGE {
            return None;
        }
        let Slot::Lent(mut page) = core::mem::take(slot) else { return None };
        self.lent -= 1;
        page.set_range(start, length as usize).then_some(page)
    }

    /// The page that the kernel says it sent; `None` if it had none there to send.
    #[inline]
    pub(super) fn sent(&mut self, address: u64) -> Option<Sent> {
        let (slot, _) = self.at(address)?;
        let sent = match core::mem::take(slot) {
            Slot::Sending(page) => Sent::Own(page),
            Slot::Copy(page) => Sent::Copy(page),
            other => {
                *slot = other;
                return None;
            }
        };
        self.sending -= 1;
        Some(sent)
    }

    /// The slot of the page at a place in the region, and where in the page that is.
    #[inline]
    fn at(&mut self, address: u64) -> Option<(&mut Slot, usize)> {
        let address = usize::try_from(address).ok()?;
        Some((self.pages.get_mut(address / PAGE)?, address % PAGE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use packet::{Contiguous, Pool};

    fn page(pool: &mut Pool) -> Packet {
        pool.allocate().unwrap()
    }

    #[test]
    fn what_was_lent_comes_back_once_and_as_it_was_filled() {
        let mut pool = Pool::registered(Contiguous::new(4).unwrap());
        let mut slots = Slots::new(4);
        let (first, second) = (page(&mut pool), page(&mut pool));
        let memory = second.page_address();
        let _ = slots.lend(first);
        let place = slots.lend(second);
        let filled = slots.filled(place + 300, 60).unwrap();
        assert_eq!((filled.page_address(), filled.headroom(), filled.len()), (memory, 300, 60));
        assert!(slots.filled(place + 300, 60).is_none(), "named twice");
        assert_eq!(slots.lent(), 1);
    }

    #[test]
    fn what_the_kernel_does_not_have_it_cannot_give() {
        let mut pool = Pool::registered(Contiguous::new(4).unwrap());
        let mut slots = Slots::new(4);
        let place = slots.lend(page(&mut pool));
        assert!(slots.sent(place).is_none(), "it has it to fill, not to send");
        assert!(slots.filled(place + 4000, 97).is_none(), "past the end of the page");
        assert!(slots.filled(place, u32::MAX).is_none());
        for bogus in [place + PAGE as u64, 4 * PAGE as u64, u64::MAX] {
            assert!(slots.filled(bogus, 1).is_none());
            assert!(slots.sent(bogus).is_none());
        }
        assert!(slots.filled(place, 4096).is_some(), "and it is still there");
    }

    #[test]
    fn what_is_sent_says_whose_it_is() {
        let mut pool = Pool::registered(Contiguous::new(2).unwrap());
        let mut slots = Slots::new(2);
        let own = slots.send(page(&mut pool));
        let copy = slots.send_copy(page(&mut pool));
        assert!(slots.filled(own, 1).is_none(), "it has it to send, not to fill");
        assert_eq!(slots.sending(), 2);
        assert!(matches!(slots.sent(own), Some(Sent::Own(_))));
        assert!(matches!(slots.sent(copy), Some(Sent::Copy(_))));
        assert_eq!(slots.sending(), 0);
        assert!(slots.sent(own).is_none());
    }
}
