//! The keys that the key area guards.

use alloc::vec::Vec;
use core::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The seal key and every generation of the master key. Wiped when it is dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Keyring {
    seal_key: [u8; 32],
    masters: Vec<[u8; 32]>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").field("generations", &self.generations()).finish_non_exhaustive()
    }
}

impl Keyring {
    /// The one with these keys.
    pub(super) fn new(seal_key: &[u8; 32], master: &[u8; 32]) -> Self {
        Self { seal_key: *seal_key, masters: Vec::from([*master]) }
    }

    /// Reads the decrypted part of a key area. None if it is not a seal key and master keys.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (seal_key, masters) = bytes.split_first_chunk()?;
        let (masters, rest) = masters.as_chunks();
        (rest.is_empty() && !masters.is_empty())
            .then(|| Self { seal_key: *seal_key, masters: masters.to_vec() })
    }

    /// How many generations a decrypted part of that length has. None if there is none such.
    pub(super) fn generations_in(length: usize) -> Option<usize> {
        (length.is_multiple_of(32) && length >= 64).then(|| length / 32 - 1)
    }

    /// What is to be encrypted in a key area.
    pub(super) fn bytes(&self) -> Zeroizing<Vec<u8>> {
        // Never grown, as that would leave parts of it behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(32 * (1 + self.masters.len())));
        bytes.extend_from_slice(&self.seal_key);
        bytes.extend_from_slice(self.masters.as_flattened());
        bytes
    }

    /// The same again.
    pub(super) fn duplicate(&self) -> Self {
        Self { seal_key: self.seal_key, masters: self.masters.clone() }
    }

    /// The same with one more generation.
    pub(super) fn with(&self, master: &[u8; 32]) -> Self {
        let mut masters = Vec::with_capacity(self.masters.len() + 1);
        masters.extend_from_slice(&self.masters);
        masters.push(*master);
        Self { seal_key: self.seal_key, masters }
    }

    /// The key under which the seal's MAC is made. It stays the same for the life of a store.
    pub fn seal_key(&self) -> &[u8; 32] {
        &self.seal_key
    }

    /// The master key of a generation.
    pub fn master(&self, generation: u16) -> Option<&[u8; 32]> {
        self.masters.get(usize::from(generation))
    }

    /// How many generations there are; at least one.
    pub fn generations(&self) -> usize {
        self.masters.len()
    }

    /// The generation that new blocks use, and its key. None only if there is no key at all, which
    /// no key area can say.
    pub fn newest(&self) -> Option<(u16, &[u8; 32])> {
        let generation = u16::try_from(self.masters.len().checked_sub(1)?).ok()?;
        Some((generation, self.master(generation)?))
    }
}
