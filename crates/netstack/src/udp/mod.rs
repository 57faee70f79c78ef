//! UDP: one stack for each socket.

mod datagram;
mod plain;
mod stack;
mod stacks;
mod template;

pub(crate) use datagram::Place;
pub use datagram::{Datagram, LONGEST_PAYLOAD};
pub(crate) use plain::{Plain, header_sum, set_header_checksum};
pub(crate) use stack::{First, Stack};
pub(crate) use stacks::{Listener, Refusal, Stacks};
pub(crate) use template::{Template, Traits};

use core::net::SocketAddr;

/// Names a stack of one host. Names of closed stacks are not given again for a long time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StackId(u32);

impl StackId {
    const INDEX_BITS: u32 = 20;
    /// Most stacks of one host.
    pub const MOST: usize = 1 << Self::INDEX_BITS;

    const fn new(index: u32, generation: u16) -> Self {
        Self((generation as u32) << Self::INDEX_BITS | index)
    }

    pub(crate) const fn index(self) -> usize {
        self.0 as usize & (Self::MOST - 1)
    }

    const fn generation(self) -> u16 {
        (self.0 >> Self::INDEX_BITS) as u16
    }

    /// The name as a number, for tables of whoever uses stacks.
    pub const fn number(self) -> u32 {
        self.0
    }
}

/// How a socket is made.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "options that are on or off, each by its name")]
pub struct Options {
    /// Where it listens; port 0 means any free one, the unspecified address all of the host's.
    /// `::` takes IPv4 too, unless `v6_only`.
    pub local: SocketAddr,
    /// Packets that may wait in the private queue.
    pub queue: usize,
    /// Whether several sockets may share the port; a hash over the two ends chooses.
    pub reuse: bool,
    /// Whether an IPv6 socket keeps to IPv6.
    pub v6_only: bool,
    /// Whether it may send to broadcast addresses.
    pub broadcast: bool,
    /// Whether it receives into buffers that it has lent, and into no others.
    ///
    /// The host keeps an account for such a stack: buffers that it lends with
    /// [`crate::Host::rx_batch`], and those of packets that it sends, count for it; a packet that
    /// comes for it counts against it. So it never uses up a buffer of somebody else, nor somebody
    /// else one of its own: a packet for another that arrives in its buffer is *flipped* for one
    /// of the other's. Without this, it receives into the house's buffers, which is simpler, and
    /// all such stacks together have a bound.
    pub lends: bool,
}

impl Options {
    /// A socket at `local`, with defaults for the rest.
    pub fn new(local: SocketAddr) -> Self {
        Self { local, queue: 256, reuse: false, v6_only: false, broadcast: false, lends: false }
    }
}

/// Counters of one stack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Datagrams put into the private queue.
    pub received: u64,
    /// Datagrams sent.
    pub sent: u64,
    /// Datagrams dropped because the private queue was full.
    pub dropped_full: u64,
    /// Datagrams dropped because the stack had lent no buffer to receive into, or the house's
    /// were used up.
    pub dropped_no_buffer: u64,
    /// Datagrams that wait in the private queue.
    pub waiting: usize,
    /// Buffers that the stack has lent and that nothing came in yet.
    pub credit: usize,
}
