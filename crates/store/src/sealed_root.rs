//! A root as it lies in superblocks and seals: encrypted, with what is needed to decrypt it.
//!
//! Here are only its bytes. Nothing in them is believed before whoever knows the keys has
//! decrypted it.

use core::fmt;
use zerocopy::little_endian::U64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, transmute, transmute_ref};

/// Bytes of the root that are encrypted.
pub const ROOT_BYTES: usize = 192;

/// Bytes of a sealed root.
pub const SEALED_ROOT_BYTES: usize = 228;

/// One sealed root.
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct SealedRoot {
    commit: U64,
    session: [u8; 12],
    tag: [u8; 16],
    ciphertext: [u8; ROOT_BYTES],
}

impl SealedRoot {
    /// Puts one together.
    pub fn new(
        commit: u64,
        session: [u8; 12],
        tag: [u8; 16],
        ciphertext: [u8; ROOT_BYTES],
    ) -> Self {
        Self { commit: commit.into(), session, tag, ciphertext }
    }

    /// What these bytes are: any bytes are a sealed root, though hardly one that decrypts.
    pub fn from_bytes(bytes: [u8; SEALED_ROOT_BYTES]) -> Self {
        transmute!(bytes)
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8; SEALED_ROOT_BYTES] {
        transmute_ref!(self)
    }

    /// The number of the commit.
    pub fn commit(&self) -> u64 {
        self.commit.get()
    }

    /// The name of the session that wrote it.
    pub fn session(&self) -> [u8; 12] {
        self.session
    }

    /// The tag of the encrypted root.
    pub fn tag(&self) -> [u8; 16] {
        self.tag
    }

    /// The encrypted root.
    pub fn ciphertext(&self) -> &[u8; ROOT_BYTES] {
        &self.ciphertext
    }
}

impl fmt::Debug for SealedRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedRoot").field("commit", &self.commit()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_lie_where_the_format_says() {
        let root = SealedRoot::new(0x0807_0605_0403_0201, [0xaa; 12], [0xbb; 16], [0xcc; 192]);
        let mut bytes = [0xcc; 228];
        bytes[..8].copy_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8]);
        bytes[8..20].fill(0xaa);
        bytes[20..36].fill(0xbb);
        assert_eq!(root.bytes(), &bytes);
        let read = SealedRoot::from_bytes(bytes);
        assert_eq!(read, root);
        assert_eq!((read.commit(), read.session()), (0x0807_0605_0403_0201, [0xaa; 12]));
        assert_eq!((read.tag(), read.ciphertext()), ([0xbb; 16], &[0xcc; 192]));
    }
}
