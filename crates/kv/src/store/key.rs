//! A key and its hash.

use super::Store;
use crate::Hash;

/// A key of 1 to 250 bytes, hashed.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    bytes: &'a [u8],
    hash: Hash,
}

impl<'a> Key<'a> {
    /// Hashes a key. `None` if it is empty or too long.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        Self::with_hash(bytes, Hash::of(bytes))
    }

    /// A key whose hash is known. A wrong hash is a key that is not found.
    #[inline]
    pub fn with_hash(bytes: &'a [u8], hash: Hash) -> Option<Self> {
        (1..=Store::LONGEST_KEY).contains(&bytes.len()).then_some(Self { bytes, hash })
    }

    /// The key.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Its hash.
    #[inline]
    pub fn hash(self) -> Hash {
        self.hash
    }
}
