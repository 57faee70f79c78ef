//! The header that memcached puts in front of each UDP datagram.

use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Eight bytes in front of every request and every answer.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct Frame {
    /// The client's number for the request; comes back with the answer.
    pub(crate) request: U16,
    /// Which of the message's datagrams this is, from 0 on.
    pub(crate) sequence: U16,
    /// How many datagrams the message has.
    pub(crate) total: U16,
    reserved: U16,
}

/// Most bytes in a datagram of an answer, this header included: what fits a frame of 1,500 bytes
/// with headers to spare, as memcached does it.
pub(crate) const DATAGRAM: usize = 1400;

impl Frame {
    /// Bytes in the header.
    pub(crate) const LEN: usize = size_of::<Self>();

    /// The header of a request. `None` if there is nothing behind it, or the request has more than
    /// this one datagram: memcached drops both, and nobody could answer them.
    #[inline]
    pub(crate) fn read(payload: &[u8]) -> Option<Self> {
        let (frame, behind) = Self::read_from_prefix(payload).ok()?;
        (!behind.is_empty() && frame.total.get() == 1).then_some(frame)
    }

    /// The header of one datagram of an answer.
    #[inline]
    pub(crate) fn answer(self, sequence: u16, total: u16) -> Self {
        let (sequence, total) = (U16::new(sequence), U16::new(total));
        Self { request: self.request, sequence, total, reserved: U16::ZERO }
    }
}
