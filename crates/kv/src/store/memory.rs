//! Memory for a store, reserved before the store is made.

use super::Options;
use crate::Error;
use crate::memory::Line;
use crate::table::Bucket;
use alloc::vec::Vec;

/// Address space for a store's table and entries that nobody has touched yet, so that its owner
/// can first say how it should be backed: by huge pages, for instance, without which a table that
/// is larger than the processor's address translation cache can hold is slow.
#[derive(Debug, Default)]
pub struct Memory {
    pub(super) table: Vec<Bucket>,
    pub(super) entries: Vec<Line>,
}

impl Memory {
    /// Reserves what a store of these measures needs.
    pub fn reserve(options: &Options) -> Result<Self, Error> {
        let mut memory = Self::default();
        let buckets = options.capacity / crate::table::SLOTS;
        memory
            .table
            .try_reserve_exact(buckets)
            .map_err(|_| Error::NoMemory { bytes: buckets * size_of::<Bucket>(), what: "table" })?;
        memory
            .entries
            .try_reserve_exact(options.memory / size_of::<Line>())
            .map_err(|_| Error::NoMemory { bytes: options.memory, what: "entries" })?;
        Ok(memory)
    }

    /// Address and length of the reservations: the table's and the entries'.
    pub fn ranges(&self) -> [(usize, usize); 2] {
        [
            (self.table.as_ptr().addr(), self.table.capacity() * size_of::<Bucket>()),
            (self.entries.as_ptr().addr(), self.entries.capacity() * size_of::<Line>()),
        ]
    }
}
