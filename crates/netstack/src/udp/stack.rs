//! The state of one socket.
//!
//! What the way of a packet touches fills one cache line; everything that is asked seldom lies
//! behind a pointer.

use super::{Options, StackId};
use crate::Error;
use crate::ports::Binding;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use packet::Queue;

/// Errors that may wait for the application; the oldest goes when there are more.
const ERRORS: usize = 8;

/// The host's first address of each family: what nearly every packet is for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct First {
    pub(crate) v4: Option<Ipv4Addr>,
    pub(crate) v6: Option<Ipv6Addr>,
}

/// One socket's stack.
#[repr(align(64))]
pub(crate) struct Stack {
    pub(crate) queue: Queue,
    pub(crate) received: u64,
    pub(crate) sent: u64,
    /// Packets that may wait in the queue.
    pub(crate) bound: u32,
    /// Buffers that this stack has lent to the host and that no packet came in yet.
    pub(crate) credit: u32,
    pub(crate) generation: u16,
    pub(crate) port: u16,
    pub(crate) ttl: u8,
    pub(crate) traffic_class: u8,
    pub(crate) flags: u8,
    pub(crate) rest: Box<Rest>,
}

/// What is asked seldom.
pub(crate) struct Rest {
    pub(crate) binding: Binding,
    pub(crate) local: IpAddr,
    pub(crate) remote: Option<SocketAddr>,
    pub(crate) reuse: bool,
    pub(crate) broadcast: bool,
    pub(crate) multicast_ttl: u8,
    pub(crate) groups: Vec<IpAddr>,
    pub(crate) errors: VecDeque<Error>,
    pub(crate) dropped_full: u64,
    pub(crate) dropped_no_buffer: u64,
}

const _: () = assert!(size_of::<Option<Stack>>() == 64, "a packet's way touches one cache line");

impl Stack {
    /// It stands in the line of those that have packets waiting.
    pub(crate) const READY: u8 = 1;
    /// Its credit counts; else it receives into the house's buffers.
    pub(crate) const LENDS: u8 = 2;
    /// What comes to its port over IPv4 is its own: it is neither connected, nor bound to one
    /// address, nor sharing the port.
    pub(crate) const OPEN_V4: u8 = 4;
    /// The same for IPv6.
    pub(crate) const OPEN_V6: u8 = 8;
    /// What comes to its port at the host's first IPv4 address is its own: it is open, or bound to
    /// just that address.
    pub(crate) const FIRST_V4: u8 = 16;
    /// The same for IPv6.
    pub(crate) const FIRST_V6: u8 = 32;

    pub(crate) fn new(generation: u16, binding: Binding, options: &Options) -> Self {
        let local = options.local.ip().to_canonical();
        let mut flags = if options.lends { Self::LENDS } else { 0 };
        if local.is_unspecified() && !options.reuse {
            flags |= match local {
                IpAddr::V4(_) => Self::OPEN_V4,
                IpAddr::V6(_) if options.v6_only => Self::OPEN_V6,
                IpAddr::V6(_) => Self::OPEN_V4 | Self::OPEN_V6,
            };
        }
        Self {
            queue: Queue::new(),
            received: 0,
            sent: 0,
            bound: u32::try_from(options.queue.max(1)).unwrap_or(u32::MAX),
            credit: 0,
            generation,
            port: binding.port,
            ttl: 64,
            traffic_class: 0,
            flags,
            rest: Box::new(Rest {
                binding,
                local,
                remote: None,
                reuse: options.reuse,
                broadcast: options.broadcast,
                multicast_ttl: 1,
                groups: Vec::new(),
                errors: VecDeque::new(),
                dropped_full: 0,
                dropped_no_buffer: 0,
            }),
        }
    }

    #[inline]
    pub(crate) fn is(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Finds out whether all that comes to its port at the host's first addresses is its own.
    pub(crate) fn set_first(&mut self, first: First) {
        let alone = self.rest.remote.is_none() && !self.rest.reuse;
        let local = self.rest.local;
        let v4 = self.is(Self::OPEN_V4) || first.v4.is_some_and(|ip| local == ip);
        let v6 = self.is(Self::OPEN_V6) || first.v6.is_some_and(|ip| local == ip);
        self.flags &= !(Self::FIRST_V4 | Self::FIRST_V6);
        self.flags |= if alone && v4 { Self::FIRST_V4 } else { 0 };
        self.flags |= if alone && v6 { Self::FIRST_V6 } else { 0 };
    }

    /// Where it listens.
    pub(crate) fn local(&self) -> SocketAddr {
        SocketAddr::new(self.rest.local, self.port)
    }

    /// Its name, at its place.
    pub(crate) fn id(&self, index: usize) -> StackId {
        StackId::new(index as u32, self.generation)
    }

    /// Notes an error for the application to fetch.
    pub(crate) fn fail(&mut self, error: Error) {
        if self.rest.errors.len() >= ERRORS {
            self.rest.errors.pop_front();
        }
        self.rest.errors.push_back(error);
    }
}
