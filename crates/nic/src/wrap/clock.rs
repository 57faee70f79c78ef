//! Where wrappers read the time, so that a simulation can give them its own.

use core::time::Duration;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Tells the time since 1970. It never goes back.
pub trait Clock: Send {
    /// What time it is.
    fn now(&self) -> Duration;
}

/// This machine's clock: the date when it was made, and the time that has passed since, so that
/// setting the date does not disturb it.
#[derive(Clone, Debug)]
pub struct SystemClock {
    start: Instant,
    date: Duration,
}

impl Default for SystemClock {
    fn default() -> Self {
        let date = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { start: Instant::now(), date }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.date + self.start.elapsed()
    }
}

/// A clock that stands still until somebody moves it. Clones tell the same time.
#[derive(Clone, Debug, Default)]
pub struct VirtualClock(Arc<AtomicU64>);

impl VirtualClock {
    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.0.fetch_add(by, Ordering::Relaxed);
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}
