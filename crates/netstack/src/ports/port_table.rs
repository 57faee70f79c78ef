//! The ports of one transport: from a number to who is bound there, in one or two cache lines.
//!
//! Nearly every port has no binding, or one, on any address, exclusive and not connected. That
//! is written into the port's slot itself, eight bytes in a table indexed by the number, whose
//! parts of 256 come into being as they are needed. Everything else is a *crowd*, apart.

use super::flow::{Flow, Key};
use super::{Binding, Owner, Protocol, Reach, Sharing};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::IpAddr;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Free,
    /// One exclusive binding, never connected: `what` is its owner.
    AnyV4,
    AnyV6,
    Any,
    /// `what` is the place of the crowd.
    Crowd,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    what: u32,
    kind: Kind,
}

const FREE: Slot = Slot { what: 0, kind: Kind::Free };
const PART: usize = 256;

/// One of several bindings of a port, or one that is not the simple kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seat {
    pub(super) binding: Binding,
    pub(super) connected: Option<Key>,
}

/// All bindings of a port.
#[derive(Clone, Debug, Default)]
pub(super) struct Crowd {
    seats: Vec<Seat>,
    /// Those that are not connected, by reach; sorted.
    open: Vec<(Reach, Vec<Owner>)>,
    connected: usize,
}

impl Crowd {
    fn sort(&mut self) {
        self.seats.sort_unstable_by_key(|seat| (seat.binding.reach, seat.binding.owner));
        self.open.clear();
        self.connected = 0;
        for seat in &self.seats {
            let Binding { reach, owner, .. } = seat.binding;
            if seat.connected.is_some() {
                self.connected += 1;
            } else if let Some((last, owners)) = self.open.last_mut()
                && *last == reach
            {
                owners.push(owner);
            } else {
                self.open.push((reach, Vec::from([owner])));
            }
        }
    }

    #[inline]
    fn owner(&self, local: IpAddr, choose: impl FnOnce() -> u64) -> Option<Owner> {
        let any = if local.is_ipv4() { Reach::AnyV4 } else { Reach::AnyV6 };
        let owners = [Reach::Address(local), any, Reach::Any].into_iter().find_map(|reach| {
            let place = self.open.binary_search_by_key(&reach, |(own, _)| *own).ok()?;
            self.open.get(place).map(|(_, owners)| owners)
        })?;
        match owners.as_slice() {
            [only] => Some(*only),
            // The high half scaled to the count: equally likely, no division.
            many => many.get((((choose() >> 32) * many.len() as u64) >> 32) as usize).copied(),
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct PortTable {
    protocol: Protocol,
    parts: Vec<Option<Box<[Slot; PART]>>>,
    crowds: Vec<Crowd>,
    unused_crowds: Vec<u32>,
    bindings: usize,
}

impl PortTable {
    pub(super) fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            parts: (0..PART).map(|_| None).collect(),
            crowds: Vec::new(),
            unused_crowds: Vec::new(),
            bindings: 0,
        }
    }

    /// How many bindings there are.
    pub(super) fn len(&self) -> usize {
        self.bindings
    }

    #[inline]
    fn slot(&self, port: u16) -> Slot {
        match self.parts.get(usize::from(port >> 8)) {
            Some(Some(part)) => part.get(usize::from(port & 0xff)).copied().unwrap_or(FREE),
            _ => FREE,
        }
    }

    fn set_slot(&mut self, port: u16, slot: Slot) {
        if let Some(part) = self.parts.get_mut(usize::from(port >> 8)) {
            let part = part.get_or_insert_with(|| Box::new([FREE; PART]));
            if let Some(to) = part.get_mut(usize::from(port & 0xff)) {
                *to = slot;
            }
        }
    }

    #[inline]
    fn crowd(&self, slot: Slot) -> Option<&Crowd> {
        if slot.kind == Kind::Crowd { self.crowds.get(slot.what as usize) } else { None }
    }

    #[inline]
    pub(super) fn is_free(&self, port: u16) -> bool {
        self.slot(port).kind == Kind::Free
    }

    /// Whether some binding of the port is connected, so that its flows must be asked first.
    #[inline]
    pub(super) fn has_connected(&self, port: u16) -> bool {
        self.crowd(self.slot(port)).is_some_and(|crowd| crowd.connected > 0)
    }

    /// Who gets what comes to `local` and belongs to no flow; `choose` gives a hash of the flow,
    /// where several share.
    #[inline]
    pub(super) fn owner(
        &self,
        local: IpAddr,
        port: u16,
        choose: impl FnOnce() -> u64,
    ) -> Option<Owner> {
        let slot = self.slot(port);
        let owner = Some(Owner(slot.what));
        match slot.kind {
            Kind::Free => None,
            Kind::AnyV4 => owner.filter(|_| local.is_ipv4()),
            Kind::AnyV6 => owner.filter(|_| local.is_ipv6()),
            Kind::Any => owner,
            Kind::Crowd => self.crowd(slot)?.owner(local, choose),
        }
    }

    /// The bindings of a port.
    pub(super) fn seats(&self, port: u16) -> impl Iterator<Item = Seat> + '_ {
        let slot = self.slot(port);
        let crowd = self.crowd(slot).map(|crowd| crowd.seats.as_slice()).unwrap_or_default();
        self.simple(port, slot).into_iter().chain(crowd.iter().copied())
    }

    /// The bindings of all ports, by port.
    pub(super) fn all_seats(&self) -> impl Iterator<Item = Seat> + '_ {
        let parts = self.parts.iter().zip(0_u16..).filter(|(part, _)| part.is_some());
        parts
            .flat_map(|(_, high)| (0..=0xff).map(move |low| high << 8 | low))
            .flat_map(|port| self.seats(port))
    }

    pub(super) fn seat(&self, binding: &Binding) -> Option<Seat> {
        self.seats(binding.port).find(|seat| seat.binding == *binding)
    }

    /// The binding that forbids this one.
    pub(super) fn conflict(
        &self,
        owner: Owner,
        reach: Reach,
        port: u16,
        sharing: Sharing,
    ) -> Option<Binding> {
        self.seats(port).map(|seat| seat.binding).find(|other| {
            let together = sharing != Sharing::Exclusive
                && sharing == other.sharing
                && (owner, reach) != (other.owner, other.reach);
            other.reach.overlaps(reach) && !together
        })
    }

    pub(super) fn insert(&mut self, binding: Binding) {
        self.bindings += 1;
        let slot = self.slot(binding.port);
        let kind = match binding.reach {
            Reach::AnyV4 => Kind::AnyV4,
            Reach::AnyV6 => Kind::AnyV6,
            Reach::Any => Kind::Any,
            Reach::Address(_) => Kind::Crowd,
        };
        let simple = kind != Kind::Crowd && binding.sharing == Sharing::Exclusive;
        if slot.kind == Kind::Free && simple {
            self.set_slot(binding.port, Slot { what: binding.owner.0, kind });
        } else {
            self.change_crowd(binding.port, |seats| seats.push(Seat { binding, connected: None }));
        }
    }

    pub(super) fn remove(&mut self, binding: &Binding) {
        self.bindings = self.bindings.saturating_sub(1);
        let slot = self.slot(binding.port);
        if slot.kind != Kind::Crowd {
            return self.set_slot(binding.port, FREE);
        }
        self.change_crowd(binding.port, |seats| seats.retain(|seat| seat.binding != *binding));
        if self.crowd(slot).is_some_and(|crowd| crowd.seats.is_empty()) {
            self.unused_crowds.push(slot.what);
            self.set_slot(binding.port, FREE);
        }
    }

    pub(super) fn set_connected(&mut self, binding: &Binding, connected: Option<Key>) {
        self.change_crowd(binding.port, |seats| {
            for seat in seats.iter_mut().filter(|seat| seat.binding == *binding) {
                seat.connected = connected;
            }
        });
    }

    fn simple(&self, port: u16, slot: Slot) -> Option<Seat> {
        let reach = match slot.kind {
            Kind::AnyV4 => Reach::AnyV4,
            Kind::AnyV6 => Reach::AnyV6,
            Kind::Any => Reach::Any,
            Kind::Free | Kind::Crowd => return None,
        };
        let (protocol, owner) = (self.protocol, Owner(slot.what));
        let binding = Binding { protocol, port, reach, owner, sharing: Sharing::Exclusive };
        Some(Seat { binding, connected: None })
    }

    /// Changes the bindings of a port, as a crowd from now on.
    fn change_crowd(&mut self, port: u16, change: impl FnOnce(&mut Vec<Seat>)) {
        let slot = self.slot(port);
        let place = if slot.kind == Kind::Crowd {
            slot.what
        } else {
            let place = self.unused_crowds.pop().unwrap_or(self.crowds.len() as u32);
            if place as usize == self.crowds.len() {
                self.crowds.push(Crowd::default());
            }
            let simple = self.simple(port, slot);
            if let Some(crowd) = self.crowds.get_mut(place as usize) {
                crowd.seats.extend(simple);
            }
            self.set_slot(port, Slot { what: place, kind: Kind::Crowd });
            place
        };
        if let Some(crowd) = self.crowds.get_mut(place as usize) {
            change(&mut crowd.seats);
            crowd.sort();
        }
    }
}

impl Seat {
    /// The flow that the binding is connected to.
    pub(super) fn flow(&self) -> Option<Flow> {
        self.connected.map(|key| key.flow())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_eight_bytes() {
        assert_eq!(size_of::<Slot>(), 8);
    }
}
