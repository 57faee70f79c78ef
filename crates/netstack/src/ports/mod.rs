//! The port manager: who is bound to which port, and which flow belongs to whom.
//!
//! All allocation and release of UDP and TCP ports of a host happens here, over numbers that the
//! caller gives ([`Owner`]); nothing is known of stacks, packets or sockets. The demultiplexer
//! asks it for each packet whose that is ([`Ports::udp_owner`], [`Ports::tcp_owner`]); sockets
//! and the supervisor change it. The most specific claim wins: a flow, then a binding to the
//! address, then one to any address of its family, then one to any address at all.
//!
//! Decisions, where systems differ:
//!
//! * Bindings are exclusive: nothing that overlaps may be bound beside them. Those that name one
//!   sharing group may overlap; of the same reach, a keyed hash over the flow chooses.
//! * A connected UDP binding gets nothing but its flow; its port stays taken, as in Linux.
//! * A TCP port can be bound while flows from it live or rest: each flow stands for itself. So a
//!   listener that died is back at once, while the connections it had accepted go on.
//! * What ended rests: a TCP flow cannot be opened again for a while, unless its stack knows that
//!   it is safe ([`Ports::wake_tcp`]), and a port that became free is not chosen as an ephemeral
//!   one, so that nobody gets what was meant for the one before. Whoever asks for such a port by
//!   its number gets it.
//! * When the table of flows is full, the flow that has rested longest makes room.
//!
//! Always true (checked by [`Ports::broken_invariant`], on every state of small worlds and after
//! every step of long random ones; 4 and 8 by comparing with a model that is obviously right):
//!
//! 1. Bindings of one transport and port that overlap name one sharing group, and no two of them
//!    have the same owner and reach.
//! 2. No binding and no end of a flow has port 0.
//! 3. A flow either has an owner or rests, and what rests does so until a known time.
//! 4. An ephemeral port lies in the range and was neither bound nor resting; there is none only
//!    if all are.
//! 5. There is a UDP flow for each connected binding and no other: the same owner, port, and an
//!    address within the reach.
//! 6. There are never more bindings and flows than the limits.
//! 7. What an owner holds is known exactly: after [`Ports::release_all`] nothing names it.
//! 8. A packet's owner is the most specific claim on it.
//! 9. A resting port is not bound.

mod binding;
mod ephemeral;
mod error;
mod flow;
mod flow_table;
mod invariant;
mod port_table;
mod quarantine;
mod tcp;
mod udp;

pub use binding::{Binding, Owner, Port, Protocol, Reach, Request, Sharing};
pub use error::PortError;
pub use flow::Flow;

use crate::Time;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::ops::RangeInclusive;
use core::time::Duration;
use ephemeral::Ephemeral;
use flow::Key;
use flow_table::{FlowTable, Holder};
use port_table::PortTable;
use quarantine::Quarantine;

/// How the port manager is made.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where ephemeral ports come from.
    pub ephemeral: RangeInclusive<u16>,
    /// Bindings that there may be.
    pub bindings: usize,
    /// Flows that there may be, resting ones included.
    pub flows: usize,
    /// How long a closed TCP flow rests, and a released port as far as ephemeral choice goes:
    /// twice the longest life of a segment.
    pub rest: Duration,
    /// Keys of the hashes: random, and kept with the state.
    pub secret: [u64; 4],
}

impl Options {
    /// The defaults, with four random numbers.
    pub fn new(secret: [u64; 4]) -> Self {
        Self {
            ephemeral: 32_768..=60_999,
            bindings: 1 << 16,
            flows: 1 << 20,
            rest: Duration::from_mins(1),
            secret,
        }
    }
}

/// Whose a TCP segment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TcpOwner {
    /// A connection's.
    Flow(Owner),
    /// No connection's; this listener may accept it.
    Listener(Owner),
    /// A connection's that ended a moment ago.
    Resting,
}

/// What an owner has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Held {
    Binding(Binding),
    /// A TCP flow. (A UDP flow is part of its binding.)
    Flow(Key),
}

/// All ports and flows of a host.
#[derive(Clone, Debug)]
pub struct Ports {
    udp: PortTable,
    tcp: PortTable,
    flows: FlowTable,
    held: BTreeSet<(Owner, Held)>,
    resting_flows: Quarantine<Key>,
    resting_numbers: Quarantine<(Protocol, u16)>,
    ephemeral: Ephemeral,
    /// Key of the hash that chooses among those who share.
    choice: [u64; 2],
    most_bindings: usize,
    most_flows: usize,
    rest: Duration,
}

impl Ports {
    /// With nothing bound.
    pub fn new(options: &Options) -> Self {
        let [first, second, third, fourth] = options.secret;
        Self {
            udp: PortTable::new(Protocol::Udp),
            tcp: PortTable::new(Protocol::Tcp),
            flows: FlowTable::new([first, second]),
            held: BTreeSet::new(),
            resting_flows: Quarantine::new(),
            resting_numbers: Quarantine::new(),
            ephemeral: Ephemeral::new(&options.ephemeral, [third, fourth]),
            choice: [first ^ third, second ^ fourth],
            most_bindings: options.bindings,
            // Records are numbered with 32 bits, the last of which means none.
            most_flows: options.flows.min(u32::MAX as usize - 1),
            rest: options.rest,
        }
    }

    /// Binds a port for `owner`.
    pub fn bind(
        &mut self,
        owner: Owner,
        request: Request,
        now: Time,
    ) -> Result<Binding, PortError> {
        self.expire(now);
        let Request { protocol, sharing, .. } = request;
        let reach = match request.reach {
            Reach::Address(address) => Reach::of(address, true),
            any => any,
        };
        let port = match request.port {
            Port::Exactly(0) => return Err(PortError::OutOfRange(0)),
            Port::Exactly(port) => port,
            Port::Ephemeral { random } => {
                let start = self.ephemeral.start(None, random);
                self.find_ephemeral(protocol, start, |_, _| true)?
            }
        };
        if let Some(other) = self.table(protocol).conflict(owner, reach, port, sharing) {
            return Err(PortError::Taken(other));
        }
        if self.udp.len() + self.tcp.len() >= self.most_bindings {
            return Err(PortError::TooManyBindings(self.most_bindings));
        }
        let binding = Binding { protocol, port, reach, owner, sharing };
        self.table_mut(protocol).insert(binding);
        self.held.insert((owner, Held::Binding(binding)));
        self.resting_numbers.remove(&(protocol, port));
        Ok(binding)
    }

    /// Releases a binding, and the flow that it is connected to.
    pub fn release(&mut self, binding: &Binding, now: Time) -> Result<(), PortError> {
        self.expire(now);
        let Some(seat) = self.table(binding.protocol).seat(binding) else {
            return Err(PortError::NotBound(*binding));
        };
        if let Some(key) = seat.connected {
            self.flows.remove(&key);
        }
        let table = self.table_mut(binding.protocol);
        table.remove(binding);
        let is_free = table.is_free(binding.port);
        self.held.remove(&(binding.owner, Held::Binding(*binding)));
        if is_free && !self.rest.is_zero() {
            self.resting_numbers.add((binding.protocol, binding.port), now + self.rest);
        }
        Ok(())
    }

    /// Releases everything that `owner` has: for when its compartment died. Says how many
    /// bindings and TCP flows it was.
    pub fn release_all(&mut self, owner: Owner, now: Time) -> usize {
        let held: Vec<Held> = self.held_by(owner).collect();
        for what in &held {
            // It is held, so this cannot fail.
            let _ = match what {
                Held::Binding(binding) => self.release(binding, now),
                Held::Flow(key) => self.close_tcp(owner, &key.flow(), now),
            };
        }
        held.len()
    }

    /// Ends the rest of what has rested long enough. Every call that takes a time does so first;
    /// without any, what rested goes on resting.
    pub fn expire(&mut self, now: Time) {
        while let Some(key) = self.resting_flows.pop_ended(now) {
            self.flows.remove(&key);
        }
        while self.resting_numbers.pop_ended(now).is_some() {}
    }

    /// When [`Ports::expire`] has something to do.
    pub fn next_expiry(&self) -> Option<Time> {
        let ends = [self.resting_flows.next_end(), self.resting_numbers.next_end()];
        ends.into_iter().flatten().min()
    }

    /// All bindings and the flows they are connected to, UDP first, by port.
    pub fn bindings(&self) -> impl Iterator<Item = (Binding, Option<Flow>)> + '_ {
        let seats = self.udp.all_seats().chain(self.tcp.all_seats());
        seats.map(|seat| (seat.binding, seat.flow()))
    }

    /// All flows, in no order; those without an owner rest.
    pub fn flows(&self) -> impl Iterator<Item = (Flow, Option<Owner>)> + '_ {
        self.flows.iter().map(|(key, holder)| match holder {
            Holder::Owner(owner) => (key.flow(), Some(owner)),
            Holder::Rest => (key.flow(), None),
        })
    }

    /// The flows that rest, and until when.
    pub fn resting_flows(&self) -> impl Iterator<Item = (Flow, Time)> + '_ {
        self.resting_flows.iter().map(|(key, until)| (key.flow(), until))
    }

    /// The ports that rest, and until when.
    pub fn resting_ports(&self) -> impl Iterator<Item = (Protocol, u16, Time)> + '_ {
        self.resting_numbers.iter().map(|((protocol, port), until)| (protocol, port, until))
    }

    fn held_by(&self, owner: Owner) -> impl Iterator<Item = Held> + '_ {
        // From the least thing that can be held.
        let least = Held::Binding(Binding {
            protocol: Protocol::Udp,
            port: 0,
            reach: Reach::Address([0, 0, 0, 0].into()),
            owner: Owner(0),
            sharing: Sharing::Exclusive,
        });
        self.held.range((owner, least)..).take_while(move |held| held.0 == owner).map(|held| held.1)
    }

    fn table(&self, protocol: Protocol) -> &PortTable {
        match protocol {
            Protocol::Udp => &self.udp,
            Protocol::Tcp => &self.tcp,
        }
    }

    fn table_mut(&mut self, protocol: Protocol) -> &mut PortTable {
        match protocol {
            Protocol::Udp => &mut self.udp,
            Protocol::Tcp => &mut self.tcp,
        }
    }

    /// A port that is neither bound nor resting, and which `may_use` does not object to.
    fn find_ephemeral(
        &mut self,
        protocol: Protocol,
        start: ephemeral::Start,
        may_use: impl Fn(&FlowTable, u16) -> bool,
    ) -> Result<u16, PortError> {
        let table = match protocol {
            Protocol::Udp => &self.udp,
            Protocol::Tcp => &self.tcp,
        };
        let (flows, resting) = (&self.flows, &self.resting_numbers);
        let found = self.ephemeral.find(start, |port| {
            table.is_free(port) && may_use(flows, port) && !resting.contains(&(protocol, port))
        });
        let (first, last) = self.ephemeral.range();
        found.ok_or(PortError::Exhausted(protocol, first, last))
    }

    /// Puts in a flow that is not there; the one that has rested longest makes room.
    fn put_flow(&mut self, key: Key, owner: Owner) -> Result<(), PortError> {
        while self.flows.len() >= self.most_flows {
            match self.resting_flows.pop_first() {
                Some(oldest) => self.flows.remove(&oldest),
                None => return Err(PortError::TooManyFlows(self.most_flows)),
            };
        }
        if self.flows.insert(key, Holder::Owner(owner)) {
            Ok(())
        } else {
            Err(PortError::TooManyFlows(self.flows.len()))
        }
    }
}

/// An end as a flow has it: an address and a port.
fn end(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
