//! What happened in a store.

/// Counters of a store. All but `entries` and `bytes` only grow until they are reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it; the first line of each group says of what")]
pub struct Counters {
    /// Entries that are there (or dead and not yet come across).
    pub entries: u64,
    /// Bytes in them: keys, values, headers.
    pub bytes: u64,
    /// Entries ever stored.
    pub total_entries: u64,
    /// Lookups, hits included.
    pub gets: u64,
    pub get_misses: u64,
    /// Values stored by any command.
    pub sets: u64,
    pub touches: u64,
    pub touch_misses: u64,
    pub delete_hits: u64,
    pub delete_misses: u64,
    pub increment_hits: u64,
    pub increment_misses: u64,
    pub decrement_hits: u64,
    pub decrement_misses: u64,
    pub cas_hits: u64,
    pub cas_misses: u64,
    /// Stale: the entry was changed since.
    pub cas_stale: u64,
    pub flushes: u64,
    /// Entries whose time was over, or that were flushed, when somebody came across them.
    pub expired: u64,
    /// Living entries that had to go for others.
    pub evictions: u64,
    /// Pages that went from one class of sizes to another.
    pub pages_moved: u64,
    /// Entries refused because no memory was left.
    pub refused: u64,
    /// Entries refused because they are too large.
    pub too_large: u64,
}

impl Counters {
    pub(super) fn reset(&mut self) {
        *self = Self { entries: self.entries, bytes: self.bytes, ..Self::default() };
    }
}
