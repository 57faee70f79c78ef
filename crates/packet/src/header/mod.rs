//! Protocol headers, read and written in place.
//!
//! Each protocol has a struct that lies over the bytes, byte for byte, with getters and setters;
//! `read` checks what must hold before any field may be believed and gives the header and what
//! follows it; `create` makes a fresh header out of bytes whose content does not matter. A header
//! that cannot be is an error value, [`Malformed`], never a panic.
//!
//! A frame may be a chain of pages. Headers are read from the first page only; where a length
//! field speaks of more than the header, `read_start` is told how long the whole is.

pub mod arp;
pub mod ethernet;
pub mod icmpv4;
pub mod icmpv6;
pub mod ipv4;
pub mod ipv6;
pub mod ndp;
mod protocol;
pub mod tcp;
pub mod udp;
pub mod vlan;

pub use protocol::Protocol;

/// Why bytes are not the header they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Malformed {
    /// Fewer bytes than the header needs.
    #[error("truncated")]
    Truncated,
    /// A length field that contradicts itself or the bytes that are there.
    #[error("bogus length")]
    Length,
    /// A version that the header does not speak of.
    #[error("wrong version")]
    Version,
    /// A field with a value that it must not have.
    #[error("impossible field")]
    Field,
    /// The checksum is wrong.
    #[error("broken checksum")]
    Checksum,
}

/// Gives a header of fixed length its `LEN`, `read` and `read_mut`.
macro_rules! fixed_length {
    ($header:ty) => {
        impl $header {
            /// Bytes in the header.
            pub const LEN: usize = size_of::<Self>();

            /// The header at the front of `bytes`, and what follows it.
            #[inline]
            pub fn read(bytes: &[u8]) -> Result<(&Self, &[u8]), $crate::header::Malformed> {
                <Self as zerocopy::FromBytes>::ref_from_prefix(bytes)
                    .map_err(|_| $crate::header::Malformed::Truncated)
            }

            /// The header at the front of `bytes`, and what follows it, to write.
            #[inline]
            pub fn read_mut(
                bytes: &mut [u8],
            ) -> Result<(&mut Self, &mut [u8]), $crate::header::Malformed> {
                <Self as zerocopy::FromBytes>::mut_from_prefix(bytes)
                    .map_err(|_| $crate::header::Malformed::Truncated)
            }
        }
    };
}
use fixed_length;
