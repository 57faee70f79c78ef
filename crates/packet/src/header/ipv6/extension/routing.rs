//! The routing header: only what every type has. None is followed here; type 0 must not be
//! (RFC 5095), and types with segments left are for those who route.

use crate::header::Protocol;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The first four bytes of a routing header.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct Routing {
    next_header: Protocol,
    length: u8,
    kind: u8,
    segments_left: u8,
}

crate::header::fixed_length!(Routing);

impl Routing {
    /// Where its type lies, counted from its first byte.
    pub const KIND_OFFSET: usize = 2;

    /// A routing header of type `kind`, `length` times 8 bytes long besides its first 8.
    pub const fn new(next_header: Protocol, length: u8, kind: u8, segments_left: u8) -> Self {
        Self { next_header, length, kind, segments_left }
    }

    /// What follows.
    #[inline]
    pub const fn next_header(&self) -> Protocol {
        self.next_header
    }

    /// Bytes in the whole header.
    #[inline]
    #[expect(clippy::len_without_is_empty, reason = "a header is never empty")]
    pub const fn len(&self) -> usize {
        (self.length as usize + 1) * 8
    }

    /// Its type.
    #[inline]
    pub const fn kind(&self) -> u8 {
        self.kind
    }

    /// How many of its nodes are still to be visited.
    #[inline]
    pub const fn segments_left(&self) -> u8 {
        self.segments_left
    }

    /// Sets what follows.
    #[inline]
    pub fn set_next_header(&mut self, protocol: Protocol) {
        self.next_header = protocol;
    }

    /// Sets its length: `length` times 8 bytes besides its first 8.
    #[inline]
    pub fn set_length(&mut self, length: u8) {
        self.length = length;
    }

    /// Sets its type.
    #[inline]
    pub fn set_kind(&mut self, kind: u8) {
        self.kind = kind;
    }

    /// Sets how many of its nodes are still to be visited.
    #[inline]
    pub fn set_segments_left(&mut self, segments: u8) {
        self.segments_left = segments;
    }
}
