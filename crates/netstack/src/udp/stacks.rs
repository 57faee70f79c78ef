//! All stacks of a host: who listens at a port, who has packets waiting, whose buffers they are.
//!
//! **Accounts.** Buffers of a host are all alike, so nobody needs to get back the very page that
//! he lent, only as many. A stack that lends has a *credit*: it grows by each buffer that it lends
//! and by each packet that it sends (the buffer stays with the host), and shrinks by each buffer
//! that is given to it, be it in its private queue or free. A packet that finds no credit is
//! dropped and its buffer stays where it was. So for every such stack
//!
//! > credit + buffers in its queue + buffers the application holds
//!
//! changes only by what the application itself brings and drops, whatever comes for others: the
//! thesis's packet flipping. Stacks that do not lend share the *house's* account, which is simply
//! a bound on how many buffers may wait in their queues together.

use super::{First, Options, Stack, StackId};
use crate::ports::Binding;
use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;
use packet::{Batch, Packet};

/// Why a datagram was not put into a private queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    QueueFull,
    NoCredit,
    HouseFull,
}

/// In the table of ports: nobody.
const NOBODY: u32 = 0;
/// In the table of ports: more than one, or one who does not take everything.
const ASK: u32 = u32::MAX;

/// Stacks that a cache of the first level holds beside all else.
const MANY: usize = 256;

/// All stacks of a host.
pub(crate) struct Stacks {
    slots: Vec<Option<Stack>>,
    /// Free places, and the generation of who comes there next.
    vacant: Vec<(u32, u16)>,
    /// For each port who listens: [`NOBODY`], [`ASK`], or a place and one. It comes from the
    /// allocator zeroed, so pages of ports that nobody uses cost nothing.
    by_port: Vec<u32>,
    /// Stacks with packets waiting, in the order in which they got the first.
    line: VecDeque<u32>,
    len: usize,
    first: First,
    /// Buffers of the house that wait in queues, and how many may.
    house_waiting: usize,
    house_bound: usize,
}

/// Who listens at a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listener {
    Nobody,
    /// This stack, if it takes everything of the family; else ask the port manager.
    One(usize),
    Ask,
}

/// Buffers that a packet takes: the pages of its chain.
#[inline]
fn pages(packet: &Packet) -> usize {
    if packet.next().is_none() { 1 } else { packet.pages().count() }
}

impl Stacks {
    pub(crate) fn new(house_bound: usize) -> Self {
        Self {
            slots: Vec::new(),
            vacant: Vec::new(),
            by_port: vec![NOBODY; 1 << 16],
            line: VecDeque::new(),
            len: 0,
            first: First::default(),
            house_waiting: 0,
            house_bound,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The place that the next stack will have.
    pub(crate) fn next_index(&self) -> Option<usize> {
        match self.vacant.last() {
            Some((index, _)) => Some(*index as usize),
            None => (self.slots.len() < StackId::MOST).then_some(self.slots.len()),
        }
    }

    /// Puts a stack at [`Stacks::next_index`].
    pub(crate) fn insert(&mut self, binding: Binding, options: &Options) -> StackId {
        let (index, generation) = self.vacant.pop().unwrap_or((self.slots.len() as u32, 0));
        let mut stack = Stack::new(generation, binding, options);
        stack.set_first(self.first);
        let entry = &mut self.by_port[usize::from(binding.port)];
        *entry = if *entry == NOBODY { index + 1 } else { ASK };
        let id = stack.id(index as usize);
        match self.slots.get_mut(index as usize) {
            Some(slot) => *slot = Some(stack),
            None => self.slots.push(Some(stack)),
        }
        self.len += 1;
        id
    }

    /// Takes in which addresses are the host's first.
    pub(crate) fn set_first(&mut self, first: First) {
        self.first = first;
        self.slots.iter_mut().flatten().for_each(|stack| stack.set_first(first));
    }

    /// Takes a stack out. Packets that waited go to `free`.
    pub(crate) fn remove(&mut self, id: StackId, free: &mut Batch) -> Option<Stack> {
        self.get(id)?;
        let index = id.index();
        let mut stack = self.slots.get_mut(index)?.take()?;
        while let Some(packet) = stack.queue.pop_front() {
            if !stack.is(Stack::LENDS) {
                self.house_waiting -= pages(&packet);
            }
            free.push_back(packet);
        }
        self.vacant.push((index as u32, stack.generation.wrapping_add(1) & 0xfff));
        self.len -= 1;
        if stack.is(Stack::READY) {
            self.line.retain(|other| *other as usize != index);
        }
        // With others at the port it is for the port manager to say; with none left, for nobody.
        let others = self.iter().filter(|(_, other)| other.port == stack.port).count();
        if others == 0 {
            self.by_port[usize::from(stack.port)] = NOBODY;
        }
        Some(stack)
    }

    #[inline]
    pub(crate) fn get(&self, id: StackId) -> Option<&Stack> {
        let stack = self.slots.get(id.index())?.as_ref()?;
        (stack.generation == id.generation()).then_some(stack)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: StackId) -> Option<&mut Stack> {
        let stack = self.slots.get_mut(id.index())?.as_mut()?;
        (stack.generation == id.generation()).then_some(stack)
    }

    #[inline]
    pub(crate) fn at(&self, index: usize) -> Option<&Stack> {
        self.slots.get(index)?.as_ref()
    }

    #[inline]
    pub(crate) fn at_mut(&mut self, index: usize) -> Option<&mut Stack> {
        self.slots.get_mut(index)?.as_mut()
    }

    /// The first place from `index` on whose stack fulfils a condition.
    pub(crate) fn next_that(&self, index: usize, is: &impl Fn(&Stack) -> bool) -> Option<usize> {
        let slots = self.slots.get(index..)?;
        let found = slots.iter().position(|slot| slot.as_ref().is_some_and(is))?;
        Some(index + found)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &Stack)> + '_ {
        self.slots.iter().enumerate().filter_map(|(index, slot)| Some((index, slot.as_ref()?)))
    }

    /// Who listens at a port.
    #[inline]
    pub(crate) fn listener(&self, port: u16) -> Listener {
        match self.by_port[usize::from(port)] {
            NOBODY => Listener::Nobody,
            ASK => Listener::Ask,
            entry => Listener::One(entry as usize - 1),
        }
    }

    /// Whether there are so many that those a batch is for are not likely to be in the nearest
    /// cache.
    #[inline]
    pub(crate) fn are_many(&self) -> bool {
        self.len > MANY
    }

    /// Has who listens at a port brought nearer, so that the misses of many packets overlap.
    #[inline]
    pub(crate) fn prefetch(&self, port: u16) {
        if let Listener::One(index) = self.listener(port)
            && let Some(slot) = self.slots.get(index)
        {
            packet::prefetch(slot);
        }
    }

    /// The place of the stack whose is everything that comes to a port at the first address of the
    /// family of the flag; `None` says nothing: then see who listens.
    #[inline]
    pub(crate) fn at_first(&self, port: u16, flag: u8) -> Option<u32> {
        // Of both special entries this makes places that no stack has.
        let index = self.by_port.get(usize::from(port))?.wrapping_sub(1);
        self.at(index as usize)?.is(flag).then_some(index)
    }

    /// Puts a datagram into a private queue, if it may go there.
    #[inline]
    pub(crate) fn deliver(
        &mut self,
        index: usize,
        packet: Packet,
    ) -> Result<(), (Packet, Refusal)> {
        let Some(stack) = self.slots.get_mut(index).and_then(Option::as_mut) else {
            return Err((packet, Refusal::QueueFull));
        };
        let pages = pages(&packet);
        if stack.queue.len() >= stack.bound as usize {
            stack.rest.dropped_full += 1;
            return Err((packet, Refusal::QueueFull));
        }
        if stack.is(Stack::LENDS) {
            if (stack.credit as usize) < pages {
                stack.rest.dropped_no_buffer += 1;
                return Err((packet, Refusal::NoCredit));
            }
            stack.credit -= pages as u32;
        } else {
            if self.house_waiting + pages > self.house_bound {
                stack.rest.dropped_no_buffer += 1;
                return Err((packet, Refusal::HouseFull));
            }
            self.house_waiting += pages;
        }
        stack.queue.push_back(packet);
        stack.received += 1;
        if !stack.is(Stack::READY) {
            stack.flags |= Stack::READY;
            self.line.push_back(index as u32);
        }
        Ok(())
    }

    /// The stack that stands first in the line of those with packets waiting; it leaves the line.
    #[inline]
    pub(crate) fn next_ready(&mut self) -> Option<StackId> {
        let index = self.line.pop_front()? as usize;
        let stack = self.slots.get_mut(index)?.as_mut()?;
        stack.flags &= !Stack::READY;
        Some(stack.id(index))
    }

    /// Moves up to `limit` datagrams of the stack that stands first in the line to `received`, and
    /// its name as often to `owners`; if it has more waiting, it stands in the line again. Says how
    /// many there were; `None` if nobody stands in the line.
    #[inline]
    pub(crate) fn take_next(
        &mut self,
        received: &mut Batch,
        owners: &mut Vec<StackId>,
        limit: usize,
    ) -> Option<usize> {
        let index = self.line.pop_front()?;
        let stack = self.slots.get_mut(index as usize)?.as_mut()?;
        let id = stack.id(index as usize);
        let (mut count, mut freed) = (0, 0);
        while count < limit
            && let Some(packet) = stack.queue.pop_front()
        {
            count += 1;
            freed += pages(&packet);
            received.push_back(packet);
            owners.push(id);
        }
        if !stack.is(Stack::LENDS) {
            self.house_waiting -= freed;
        }
        if stack.queue.is_empty() {
            stack.flags &= !Stack::READY;
        } else {
            self.line.push_back(index);
        }
        Some(count)
    }

    /// Moves up to `limit` waiting datagrams to `received`; a stack that has more waiting stands
    /// in the line again. Buffers in `free` are lent, if the stack lends.
    #[inline]
    pub(crate) fn take(
        &mut self,
        id: StackId,
        received: &mut Batch,
        free: &mut Batch,
        spare: &mut Batch,
        limit: usize,
    ) -> usize {
        let Some(stack) = self.slots.get_mut(id.index()).and_then(Option::as_mut) else {
            return 0;
        };
        if stack.generation != id.generation() {
            return 0;
        }
        let lends = stack.is(Stack::LENDS);
        if lends && !free.is_empty() {
            stack.credit += free.iter().map(|packet| pages(packet) as u32).sum::<u32>();
            spare.append(free);
        }
        let count = limit.min(stack.queue.len());
        received.reserve(count);
        let mut freed = 0;
        for _ in 0..count {
            if let Some(packet) = stack.queue.pop_front() {
                freed += pages(&packet);
                received.push_back(packet);
            }
        }
        if !lends {
            self.house_waiting -= freed;
        }
        if !stack.queue.is_empty() && !stack.is(Stack::READY) {
            stack.flags |= Stack::READY;
            self.line.push_back(id.index() as u32);
        }
        count
    }

    /// Notes that so many packets of one page left a stack: their buffers are the host's now.
    #[inline]
    pub(crate) fn left_plain(stack: &mut Stack, count: usize) {
        stack.sent += count as u64;
        if stack.is(Stack::LENDS) {
            stack.credit += count as u32;
        }
    }

    /// Notes that a packet of this many pages left a stack: its buffers are the host's now.
    #[inline]
    pub(crate) fn left(stack: &mut Stack, packet: &Packet) {
        stack.sent += 1;
        if stack.is(Stack::LENDS) {
            stack.credit += pages(packet) as u32;
        }
    }

    /// Takes back what [`Stacks::left`] noted: the packet was not sent after all.
    #[inline]
    pub(crate) fn returned(stack: &mut Stack, packet: &Packet) {
        stack.sent -= 1;
        if stack.is(Stack::LENDS) {
            stack.credit -= pages(packet) as u32;
        }
    }

    /// Gives a stack that lends up to `count` of its buffers back.
    pub(crate) fn withdraw(
        &mut self,
        id: StackId,
        spare: &mut Batch,
        free: &mut Batch,
        count: usize,
    ) -> usize {
        let Some(stack) = self.get_mut(id).filter(|stack| stack.is(Stack::LENDS)) else { return 0 };
        let mut given = 0;
        while given < count
            && stack.credit > 0
            && let Some(packet) = spare.pop_front()
        {
            stack.credit -= 1;
            free.push_back(packet);
            given += 1;
        }
        given
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::{Owner, Protocol, Reach, Sharing};
    use core::net::{Ipv4Addr, Ipv6Addr};

    const V4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
    const V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);
    const FIRST: First = First { v4: Some(V4), v6: Some(V6) };

    fn options(local: &str) -> Options {
        Options::new(local.parse().unwrap())
    }

    fn insert(stacks: &mut Stacks, options: &Options) -> StackId {
        let binding = Binding {
            protocol: Protocol::Udp,
            port: options.local.port(),
            reach: Reach::of(options.local.ip(), options.v6_only),
            owner: Owner(stacks.next_index().unwrap() as u32),
            sharing: if options.reuse { Sharing::Group(0) } else { Sharing::Exclusive },
        };
        stacks.insert(binding, options)
    }

    /// Whether all that comes to port 7 at the first address of each family goes to this stack.
    fn at_first(stacks: &Stacks, id: StackId) -> (bool, bool) {
        let is = |flag| {
            stacks.at_first(7, flag).inspect(|at| assert_eq!(*at as usize, id.index())).is_some()
        };
        (is(Stack::FIRST_V4), is(Stack::FIRST_V6))
    }

    #[test]
    fn who_takes_all_that_comes_to_the_first_address() {
        for (local, expected) in [
            ("0.0.0.0:7", (true, false)),
            ("[::]:7", (true, true)),
            ("10.0.0.2:7", (true, false)),
            ("[::ffff:10.0.0.2]:7", (true, false)),
            ("10.0.0.3:7", (false, false)),
            ("224.0.0.5:7", (false, false)),
            ("[fd00::2]:7", (false, true)),
            ("[fd00::3]:7", (false, false)),
            ("[::]:8", (false, false)),
        ] {
            let mut early = Stacks::new(1);
            early.set_first(FIRST);
            let id = insert(&mut early, &options(local));
            assert_eq!(at_first(&early, id), expected, "{local}");
            // When the address comes does not matter.
            let mut late = Stacks::new(1);
            let id = insert(&mut late, &options(local));
            late.set_first(FIRST);
            assert_eq!(at_first(&late, id), expected, "{local}");
            // Who shares takes a part only.
            let mut shared = Stacks::new(1);
            shared.set_first(FIRST);
            let id = insert(&mut shared, &Options { reuse: true, ..options(local) });
            assert_eq!(at_first(&shared, id), (false, false), "{local}, shared");
        }
        let mut stacks = Stacks::new(1);
        stacks.set_first(FIRST);
        let id = insert(&mut stacks, &Options { v6_only: true, ..options("[::]:7") });
        assert_eq!(at_first(&stacks, id), (false, true));
    }

    #[test]
    fn it_follows_the_first_address() {
        let mut stacks = Stacks::new(1);
        let id = insert(&mut stacks, &options("10.0.0.2:7"));
        for (v4, expected) in [(None, false), (Some(V4), true), (Some(Ipv4Addr::LOCALHOST), false)]
        {
            stacks.set_first(First { v4, ..FIRST });
            assert_eq!(at_first(&stacks, id), (expected, false), "{v4:?}");
        }
    }

    #[test]
    fn a_connected_stack_takes_what_its_peer_sends_only() {
        for local in ["0.0.0.0:7", "10.0.0.2:7", "[::]:7", "[fd00::2]:7"] {
            let mut stacks = Stacks::new(1);
            let id = insert(&mut stacks, &options(local));
            let stack = stacks.get_mut(id).unwrap();
            stack.rest.remote = Some("10.0.0.1:7".parse().unwrap());
            stacks.set_first(FIRST);
            assert_eq!(at_first(&stacks, id), (false, false), "{local}");
        }
    }

    #[test]
    fn of_two_at_a_port_others_decide() {
        let mut stacks = Stacks::new(1);
        stacks.set_first(FIRST);
        let first = insert(&mut stacks, &options("10.0.0.2:7"));
        let second = insert(&mut stacks, &options("10.0.0.3:7"));
        assert_eq!(stacks.listener(7), Listener::Ask);
        assert_eq!(at_first(&stacks, first), (false, false));
        stacks.remove(second, &mut Batch::new()).unwrap();
        assert_eq!(at_first(&stacks, first), (false, false), "it says nothing");
        stacks.remove(first, &mut Batch::new()).unwrap();
        assert_eq!(stacks.listener(7), Listener::Nobody);
        // Who comes next has the place of the one before, and not its name.
        let next = insert(&mut stacks, &options("10.0.0.2:7"));
        assert_eq!(stacks.at_first(7, Stack::FIRST_V4), Some(next.index() as u32));
        assert_ne!(next, first);
    }
}
