//! What can be wrong with what was asked of a host.

use core::fmt;
use core::net::{IpAddr, SocketAddr};

/// Why a host refused. Each message names the thing, the cause, and the way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Somebody else has the port.
    #[error("{0} is already in use; choose another port, or 0 for any free one")]
    InUse(SocketAddr),
    /// The interface does not have the address.
    #[error("{0} is not an address of this interface; bind to one of its own, or to any")]
    NotOurs(IpAddr),
    /// No ephemeral port is free.
    #[error("no free port is left; close sockets, or bind to a port by number")]
    NoPort,
    /// No route leads there.
    #[error("no route to {0}; add one, or set a gateway")]
    NoRoute(IpAddr),
    /// A source of that family is missing.
    #[error("no address of the family of {0} on this interface; add one first")]
    NoAddress(IpAddr),
    /// A message that cannot be sent in one datagram.
    #[error("a message of {len} bytes is too long; at most {most} fit")]
    TooLong {
        /// What was asked.
        len: usize,
        /// What is possible.
        most: usize,
    },
    /// Broadcast was not allowed for this socket.
    #[error("{0} is a broadcast address; allow broadcast on the socket first")]
    Broadcast(IpAddr),
    /// The socket is connected to somebody else, or to nobody.
    #[error("the socket is not connected; connect it, or name a destination")]
    NotConnected,
    /// No free buffers were given.
    #[error("no free buffers; give some back, or use a larger pool")]
    NoBuffers,
    /// Families of two addresses differ.
    #[error("{0} is of the other address family than the socket")]
    Family(IpAddr),
    /// The socket was closed.
    #[error("no such socket; it was closed")]
    NoStack,
    /// Not a multicast group.
    #[error("{0} is not a multicast group")]
    NotAGroup(IpAddr),
    /// A bound was reached.
    #[error("too many {what}: at most {most}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The bound.
        most: usize,
    },
    /// The interface's MTU is impossible.
    #[error(
        "an MTU of {0} cannot be; IPv4 needs 68 bytes and IPv6 1280, and more than 65535 is no use"
    )]
    Mtu(usize),
    /// No VLAN has this number.
    #[error("no VLAN has the number {0}; choose one from 1 to 4094, or none")]
    Vlan(u16),
    /// The other side refused (ICMP port unreachable).
    #[error("connection refused: nobody listens at {}", End(*.0))]
    Refused(SocketAddr),
    /// The way there does not exist (ICMP unreachable, or no neighbour answered).
    #[error("{} cannot be reached", End(*.0))]
    Unreachable(SocketAddr),
    /// It was passed on as often as it may be, and was not there yet (ICMP time exceeded).
    #[error(
        "{} is more hops away than the packet may make; allow more, and if that does not help, \
         look for routers that send it in a circle",
        End(*.0)
    )]
    HopsUsedUp(SocketAddr),
    /// It was sent in fragments, and not all were there in time (ICMP time exceeded, reassembly).
    #[error("{} did not get all fragments in time; send again, or smaller messages", End(*.0))]
    FragmentsMissing(SocketAddr),
    /// The datagram was larger than the path allows; the path's MTU is known now.
    #[error("the path to {} carries at most {mtu} bytes; send smaller datagrams", End(*.to))]
    PathMtu {
        /// To whom.
        to: SocketAddr,
        /// What the path carries.
        mtu: usize,
    },
}

/// To whom something was sent; what has no ports has port 0.
struct End(SocketAddr);

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.port() == 0 { self.0.ip().fmt(f) } else { self.0.fmt(f) }
    }
}
