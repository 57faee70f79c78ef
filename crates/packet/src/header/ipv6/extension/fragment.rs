//! The fragment header.

use crate::header::Protocol;
use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A fragment header.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct Fragment {
    next_header: Protocol,
    reserved: u8,
    position: U16,
    identification: U32,
}

crate::header::fixed_length!(Fragment);

impl Fragment {
    /// The header of the fragment that begins at `offset` (a multiple of 8) of the fragmentable
    /// part.
    pub const fn new(next_header: Protocol, offset: u16, more: bool, identification: u32) -> Self {
        Self {
            next_header,
            reserved: 0,
            position: U16::new(offset & !7 | more as u16),
            identification: U32::new(identification),
        }
    }

    /// What the fragmentable part begins with.
    #[inline]
    pub const fn next_header(&self) -> Protocol {
        self.next_header
    }

    /// Where in the fragmentable part this fragment lies, in bytes.
    #[inline]
    pub const fn offset(&self) -> usize {
        (self.position.get() & !7) as usize
    }

    /// Whether more fragments follow.
    #[inline]
    pub const fn more_fragments(&self) -> bool {
        self.position.get() & 1 != 0
    }

    /// What the fragments of one packet have in common.
    #[inline]
    pub const fn identification(&self) -> u32 {
        self.identification.get()
    }

    /// Whether it is the whole packet, in one fragment (RFC 6946).
    #[inline]
    pub const fn is_atomic(&self) -> bool {
        self.position.get() & !6 == 0
    }

    /// Sets what the fragmentable part begins with.
    #[inline]
    pub fn set_next_header(&mut self, protocol: Protocol) {
        self.next_header = protocol;
    }

    /// Sets where this fragment lies: bytes, rounded down to a multiple of 8.
    #[inline]
    pub fn set_offset(&mut self, bytes: usize) {
        self.position.set(self.position.get() & 7 | bytes as u16 & !7);
    }

    /// Says whether more fragments follow.
    #[inline]
    pub fn set_more_fragments(&mut self, more: bool) {
        self.position.set(self.position.get() & !1 | u16::from(more));
    }

    /// Sets what the fragments of one packet have in common.
    #[inline]
    pub fn set_identification(&mut self, identification: u32) {
        self.identification.set(identification);
    }
}
