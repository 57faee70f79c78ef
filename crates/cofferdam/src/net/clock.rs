//! The clock of the key-value server.

use std::time::{Instant, SystemTime};

/// The time that expiry is reckoned in: the wall clock's at the beginning, a steady one's since.
pub(super) struct Clock {
    seconds: u64,
    since: Instant,
}

impl Clock {
    /// Starts now.
    pub(super) fn new() -> Self {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self { seconds: since_1970.unwrap_or_default().as_secs(), since: Instant::now() }
    }

    /// The time now.
    pub(super) fn time(&self) -> kv::Time {
        let seconds = self.seconds + self.since.elapsed().as_secs();
        kv::Time(u32::try_from(seconds).unwrap_or(u32::MAX))
    }
}
