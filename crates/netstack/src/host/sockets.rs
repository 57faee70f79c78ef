//! What applications call: making stacks, and moving packets in and out of them.

use super::address::Cast;
use super::{Host, OUTGOING, release};
use crate::ports::{self, Owner, Port, Reach, Request, Sharing};
use crate::udp::{First, LONGEST_PAYLOAD, Options, Stack, StackId, Statistics, Template, Traits};
use crate::{Error, Time};
use core::net::{IpAddr, SocketAddr};
use packet::Batch;
use packet::header::ipv4::Ipv4;
use packet::header::ipv6::Ipv6;
use packet::header::udp::Udp;

impl Host {
    /// Makes a UDP stack.
    pub fn bind(&mut self, now: Time, options: &Options) -> Result<StackId, Error> {
        let (local, port) = (options.local.ip().to_canonical(), options.local.port());
        let specific = !local.is_unspecified();
        if specific && self.addresses.cast(local) == Cast::Other {
            return Err(Error::NotOurs(local));
        }
        let index = self
            .stacks
            .next_index()
            .ok_or(Error::TooMany { what: "sockets", most: StackId::MOST })?;
        let random = self.random.next_u64();
        let request = Request {
            protocol: ports::Protocol::Udp,
            reach: Reach::of(local, options.v6_only),
            port: if port == 0 { Port::Ephemeral { random } } else { Port::Exactly(port) },
            sharing: if options.reuse { Sharing::Group(0) } else { Sharing::Exclusive },
        };
        let binding = self.ports.bind(Owner(index as u32), request, now).map_err(|error| {
            use ports::PortError::{Taken, TooManyBindings};
            match error {
                Taken(binding) => Error::InUse(SocketAddr::new(local, binding.port)),
                TooManyBindings(most) => Error::TooMany { what: "ports in use", most },
                _ => Error::NoPort,
            }
        })?;
        self.lenders += usize::from(options.lends);
        Ok(self.stacks.insert(binding, options))
    }

    /// Lets a stack speak with one peer only: nothing else is received any more, and errors that
    /// concern the peer are this stack's.
    pub fn connect(&mut self, stack: StackId, remote: SocketAddr) -> Result<(), Error> {
        let remote = SocketAddr::new(remote.ip().to_canonical(), remote.port());
        let state = self.stacks.get(stack).ok_or(Error::NoStack)?;
        let local = match state.rest.local {
            any if any.is_unspecified() => {
                self.source(remote.ip()).ok_or(Error::NoRoute(remote.ip()))?
            }
            local => local,
        };
        if local.is_ipv4() != remote.is_ipv4() {
            return Err(Error::Family(remote.ip()));
        }
        let binding = state.rest.binding;
        self.ports
            .connect_udp(&binding, local, remote)
            .map_err(|_| Error::InUse(SocketAddr::new(local, binding.port)))?;
        if let Some(state) = self.stacks.get_mut(stack) {
            state.flags &= !(Stack::OPEN_V4 | Stack::OPEN_V6);
            state.rest.local = local;
            state.rest.remote = Some(remote);
            state.set_first(First::default());
        }
        Ok(())
    }

    /// Ends a stack: its port is free again, its packets go to `free`.
    pub fn close(&mut self, now: Time, stack: StackId, free: &mut Batch) {
        let mut waiting = Batch::new();
        let Some(state) = self.stacks.remove(stack, &mut waiting) else { return };
        for packet in waiting {
            release(packet, free);
        }
        self.lenders -= usize::from(state.is(Stack::LENDS));
        for group in &state.rest.groups {
            self.groups.leave(now, *group);
        }
        // It is bound: nobody else releases it.
        let _ = self.ports.release(&state.rest.binding, now);
    }

    /// Where a stack listens.
    pub fn local(&self, stack: StackId) -> Option<SocketAddr> {
        self.stacks.get(stack).map(Stack::local)
    }

    /// With whom a stack is connected.
    pub fn remote(&self, stack: StackId) -> Option<SocketAddr> {
        self.stacks.get(stack)?.rest.remote
    }

    /// What a stack counted.
    pub fn statistics(&self, stack: StackId) -> Option<Statistics> {
        let stack = self.stacks.get(stack)?;
        Some(Statistics {
            received: stack.received,
            sent: stack.sent,
            dropped_full: stack.rest.dropped_full,
            dropped_no_buffer: stack.rest.dropped_no_buffer,
            waiting: stack.queue.len(),
            credit: stack.credit as usize,
        })
    }

    /// The oldest error that waits for a stack; it is forgotten.
    pub fn take_error(&mut self, stack: StackId) -> Option<Error> {
        self.stacks.get_mut(stack)?.rest.errors.pop_front()
    }

    /// Sets the hops that datagrams to a single host may make (64 at first).
    pub fn set_hop_limit(&mut self, stack: StackId, hops: u8) -> Result<(), Error> {
        self.stacks.get_mut(stack).ok_or(Error::NoStack)?.ttl = hops;
        Ok(())
    }

    /// Sets the hops that datagrams to groups may make (1 at first).
    pub fn set_multicast_hops(&mut self, stack: StackId, hops: u8) -> Result<(), Error> {
        self.stacks.get_mut(stack).ok_or(Error::NoStack)?.rest.multicast_ttl = hops;
        Ok(())
    }

    /// Sets the type of service (IPv4) and traffic class (IPv6).
    pub fn set_traffic_class(&mut self, stack: StackId, class: u8) -> Result<(), Error> {
        self.stacks.get_mut(stack).ok_or(Error::NoStack)?.traffic_class = class;
        Ok(())
    }

    /// Allows a stack to send to broadcast addresses, or forbids it.
    pub fn set_broadcast(&mut self, stack: StackId, allowed: bool) -> Result<(), Error> {
        self.stacks.get_mut(stack).ok_or(Error::NoStack)?.rest.broadcast = allowed;
        Ok(())
    }

    /// Joins a group: what is sent to it and the stack's port is received.
    pub fn join(&mut self, now: Time, stack: StackId, group: IpAddr) -> Result<(), Error> {
        if !group.is_multicast() {
            return Err(Error::NotAGroup(group));
        }
        let state = self.stacks.get_mut(stack).ok_or(Error::NoStack)?;
        if state.rest.groups.contains(&group) {
            return Ok(());
        }
        if !self.groups.join(now, group, &mut self.random) {
            return Err(Error::TooMany { what: "groups", most: super::group::MOST });
        }
        state.rest.groups.push(group);
        Ok(())
    }

    /// Leaves a group.
    pub fn leave(&mut self, now: Time, stack: StackId, group: IpAddr) -> Result<(), Error> {
        let state = self.stacks.get_mut(stack).ok_or(Error::NoStack)?;
        let at = state.rest.groups.iter().position(|it| *it == group);
        state.rest.groups.swap_remove(at.ok_or(Error::NotAGroup(group))?);
        self.groups.leave(now, group);
        Ok(())
    }

    /// A stack that has packets waiting, each once, in turn.
    #[inline]
    pub fn next_ready(&mut self) -> Option<StackId> {
        self.stacks.next_ready()
    }

    /// Moves up to `limit` waiting datagrams to the back of `received`, whole frames for
    /// [`crate::Datagram::read`]. Says how many there were.
    ///
    /// If the stack lends ([`Options::lends`]) the buffers in `free` are lent: they go to the
    /// host, and count for the stack. Else `free` stays as it is.
    #[inline]
    pub fn rx_batch(
        &mut self,
        stack: StackId,
        received: &mut Batch,
        free: &mut Batch,
        limit: usize,
    ) -> usize {
        self.stacks.take(stack, received, free, &mut self.spare, limit)
    }

    /// Takes complete datagrams from the front of `ready` to be sent: received ones that were
    /// flipped, or prepared ones. Stops when the driver does not keep up; what could not be taken
    /// stays. Those that cannot be sent (not a datagram of this stack, no route) go to `free`.
    /// Says how many were taken to be sent.
    ///
    /// A datagram that was flipped goes back by the way it came, without a look at routes or
    /// neighbours. Checksums that changed are computed here, or left to the device.
    ///
    /// If the stack lends, the buffers count for it, and as many as there are at hand are given
    /// back through `free`.
    #[inline]
    pub fn tx_batch(
        &mut self,
        now: Time,
        stack: StackId,
        ready: &mut Batch,
        free: &mut Batch,
    ) -> usize {
        let Some(state) = self.stacks.get(stack) else {
            while let Some(packet) = ready.pop_front() {
                release(packet, free);
            }
            return 0;
        };
        let lends = state.is(Stack::LENDS);
        let room = OUTGOING.saturating_sub(self.outgoing.len());
        let count = ready.len().min(room);
        let (mut left, mut taken) = (count, 0);
        // What is lost on the way counts for a stack that lends, so it stays with the host.
        let mut spare = if lends { core::mem::take(&mut self.spare) } else { Batch::new() };
        while left > 0 {
            let plain = self.depart_plain(stack.index(), ready, left);
            (left, taken) = (left - plain, taken + plain);
            if left > 0
                && let Some(packet) = ready.pop_front()
            {
                let lost = if lends { &mut spare } else { &mut *free };
                match self.depart(now, stack.index(), packet, lost) {
                    Ok(()) => taken += 1,
                    Err(packet) => release(packet, free),
                }
                left -= 1;
            }
        }
        if lends {
            spare.append(&mut self.spare);
            self.spare = spare;
            self.stacks.withdraw(stack, &mut self.spare, free, taken);
        }
        taken
    }

    /// Gives a stack that lends up to `count` of its buffers back.
    pub fn withdraw(&mut self, stack: StackId, free: &mut Batch, count: usize) -> usize {
        self.stacks.withdraw(stack, &mut self.spare, free, count)
    }

    /// Cuts `payload` into datagrams of at most `size` bytes for `to`, with all headers, in
    /// buffers from the front of `free`, and puts them at the back of `ready`, to be changed at
    /// will and handed to [`Host::tx_batch`]. Says how many bytes fitted into the buffers there
    /// were. An empty `payload` makes one empty datagram.
    ///
    /// A `size` above what the path carries makes datagrams that are sent in fragments.
    pub fn prepare_batch(
        &mut self,
        stack: StackId,
        to: SocketAddr,
        payload: &[u8],
        size: usize,
        free: &mut Batch,
        ready: &mut Batch,
    ) -> Result<usize, Error> {
        if size > LONGEST_PAYLOAD {
            return Err(Error::TooLong { len: size, most: LONGEST_PAYLOAD });
        }
        let template = self.template(stack, to)?;
        let mut done = 0;
        for piece in payload.chunks(size.max(1)) {
            let Some(packet) = template.fill(piece, free) else { break };
            ready.push_back(packet);
            done += piece.len();
        }
        if payload.is_empty() {
            ready.push_back(template.fill(payload, free).ok_or(Error::NoBuffers)?);
        } else if done == 0 {
            return Err(Error::NoBuffers);
        }
        Ok(done)
    }

    /// The longest payload to `to` that goes in one frame.
    pub fn payload_mtu(&self, now: Time, to: IpAddr) -> usize {
        let mtu = self.path_mtus.get(now, to).unwrap_or(self.mtu).min(self.mtu);
        let headers = if to.is_ipv4() { Ipv4::LEN } else { Ipv6::LEN } + Udp::LEN;
        mtu.saturating_sub(headers).min(LONGEST_PAYLOAD)
    }

    fn template(&self, stack: StackId, to: SocketAddr) -> Result<Template, Error> {
        let state = self.stacks.get(stack).ok_or(Error::NoStack)?;
        let to = SocketAddr::new(to.ip().to_canonical(), to.port());
        let cast = self.addresses.cast(to.ip());
        if cast == Cast::Broadcast && !state.rest.broadcast {
            return Err(Error::Broadcast(to.ip()));
        }
        let bound = state.rest.local;
        let source = if bound.is_unspecified() || bound.is_multicast() {
            self.source_or_why_not(to.ip())?
        } else {
            bound
        };
        if source.is_ipv4() != to.is_ipv4() {
            return Err(Error::Family(to.ip()));
        }
        if cast == Cast::Other && self.routes.lookup(to.ip()).is_none() {
            return Err(Error::NoRoute(to.ip()));
        }
        let ttl = if cast == Cast::Group { state.rest.multicast_ttl } else { state.ttl };
        let traits = Traits { ttl, traffic_class: state.traffic_class, vlan: self.vlan };
        Ok(Template::new(self.mac, SocketAddr::new(source, state.port), to, traits))
    }
}
