//! What becomes of a fragment.

use packet::Packet;

/// What became of a packet that was given to [`super::Reassembly::insert`].
#[derive(Debug)]
pub enum Outcome {
    /// It waits for the rest (or had to go at once, for want of room).
    Kept,
    /// A whole packet, which begins with its IP header. Nothing is known about its transport
    /// checksum.
    Whole(Packet),
    /// It is of no use.
    Refused {
        /// The fragment, as it came, or if a whole packet turned out to be wrong, that one.
        packet: Packet,
        /// Why.
        reason: Reason,
        /// What a parameter problem has to point at, if [`Reason::parameter_problem`] says that
        /// an IPv6 sender is owed one.
        pointer: u32,
    },
}

/// Why a fragment was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A header that cannot be, or no payload.
    Malformed,
    /// More fragments follow, but its length is not a multiple of 8.
    Misaligned,
    /// It reaches beyond the largest packet.
    Oversized,
    /// The first fragment does not hold all headers (RFC 7112).
    IncompleteHeaders,
    /// The same fragment came before.
    Duplicate,
    /// It overlaps another, or they disagree about the end; all of the packet went with it.
    Overlap,
    /// It belongs to a packet that was dropped for an overlap.
    Late,
    /// It had to make room for others.
    NoRoom,
    /// The rest did not come in time.
    Timeout,
    /// Some fragments could say that there was congestion and some could not (RFC 3168).
    Congestion,
}

impl Reason {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::Malformed,
        Self::Misaligned,
        Self::Oversized,
        Self::IncompleteHeaders,
        Self::Duplicate,
        Self::Overlap,
        Self::Late,
        Self::NoRoom,
        Self::Timeout,
        Self::Congestion,
    ];

    /// The code of the ICMPv6 parameter problem that the sender of an IPv6 fragment is owed.
    pub const fn parameter_problem(self) -> Option<u8> {
        match self {
            Self::Misaligned | Self::Oversized => Some(0),
            Self::IncompleteHeaders => Some(3),
            _ => None,
        }
    }
}

/// What happened so far. Counters only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Fragments that came.
    pub fragments: u64,
    /// Packets that were put together.
    pub whole: u64,
    /// Fragments that they were made of.
    pub joined: u64,
    dropped: [u64; Reason::ALL.len()],
}

impl Statistics {
    /// Fragments that were dropped for `reason`.
    pub const fn dropped(&self, reason: Reason) -> u64 {
        self.dropped[reason as usize]
    }

    pub(super) fn drop(&mut self, reason: Reason, fragments: u64) {
        self.dropped[reason as usize] += fragments;
    }
}
