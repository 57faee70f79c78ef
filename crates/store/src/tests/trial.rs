//! For tests: a medium in memory, and random bytes that are always the same.

use crate::medium::{Medium, Randomness, Trouble};
use alloc::vec::Vec;
use sha2::{Digest, Sha256};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A medium in memory.
#[derive(Default)]
pub(crate) struct Memory(Mutex<Vec<u8>>);

impl Memory {
    /// One with these bytes.
    pub(crate) fn of(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Mutex::new(bytes.into()))
    }

    /// Its bytes.
    pub(crate) fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Medium for Memory {
    fn read(&self, at: u64, into: &mut [u8]) -> Result<(), Trouble> {
        let at = at as usize;
        let bytes = self.bytes();
        into.copy_from_slice(bytes.get(at..at + into.len()).ok_or(Trouble::Short)?);
        Ok(())
    }

    fn write(&self, at: u64, from: &[u8]) -> Result<(), Trouble> {
        let at = at as usize;
        let mut bytes = self.bytes();
        bytes.get_mut(at..at + from.len()).ok_or(Trouble::Short)?.copy_from_slice(from);
        Ok(())
    }

    fn sync(&self) -> Result<(), Trouble> {
        Ok(())
    }

    fn size(&self) -> u64 {
        self.bytes().len() as u64
    }

    fn limit(&self) -> u64 {
        u64::MAX
    }

    fn grow(&self, size: u64) -> Result<(), Trouble> {
        self.bytes().resize(size as usize, 0);
        Ok(())
    }

    fn discard(&self, _at: u64, _length: u64) {}

    fn foresee(&self, _at: u64, _length: u64) {}
}

/// SHA-256 of 0, 1, 2 …
#[derive(Default)]
pub(crate) struct Counted(u64);

impl Randomness for Counted {
    fn fill(&mut self, into: &mut [u8]) {
        for part in into.chunks_mut(32) {
            part.copy_from_slice(&Sha256::digest(self.0.to_le_bytes())[..part.len()]);
            self.0 += 1;
        }
    }
}
