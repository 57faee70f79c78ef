//! A medium in memory.

use std::sync::Mutex;
use store::medium::{Medium, Trouble};

#[derive(Default)]
pub(crate) struct Memory(Mutex<Vec<u8>>);

impl Medium for Memory {
    fn read(&self, at: u64, into: &mut [u8]) -> Result<(), Trouble> {
        let bytes = self.0.lock().unwrap();
        let from = bytes.get(at as usize..at as usize + into.len()).ok_or(Trouble::Short)?;
        into.copy_from_slice(from);
        Ok(())
    }

    fn write(&self, at: u64, from: &[u8]) -> Result<(), Trouble> {
        let mut bytes = self.0.lock().unwrap();
        let into = bytes.get_mut(at as usize..at as usize + from.len()).ok_or(Trouble::Short)?;
        into.copy_from_slice(from);
        Ok(())
    }

    fn sync(&self) -> Result<(), Trouble> {
        Ok(())
    }

    fn size(&self) -> u64 {
        self.0.lock().unwrap().len() as u64
    }

    fn limit(&self) -> u64 {
        1 << 36
    }

    fn grow(&self, size: u64) -> Result<(), Trouble> {
        self.0.lock().unwrap().resize(size as usize, 0);
        Ok(())
    }

    fn discard(&self, _at: u64, _length: u64) {}

    fn foresee(&self, _at: u64, _length: u64) {}
}
