//! How thoroughly to measure.

use std::time::{Duration, Instant};

/// How often and how long to measure. Handed to each bench, which cuts its work by it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Whether somebody waits: everything ends within a minute.
    pub quick: bool,
    /// Pairs to measure in each contest; a contest that runs out of time may stop earlier.
    pub rounds: usize,
    /// About how long one side should be measured in one round.
    pub slice: Duration,
    /// When the last round of the last contest must have begun.
    pub(super) deadline: Option<Instant>,
}

impl Plan {
    /// For figures to publish.
    pub fn thorough() -> Self {
        Self { quick: false, rounds: 8, slice: Duration::from_millis(200), deadline: None }
    }

    /// For somebody who waits.
    pub fn quick() -> Self {
        // Of the promised 60 seconds, 15 are for opening the last contest and its last round.
        let deadline = Instant::now() + Duration::from_secs(45);
        Self { quick: true, rounds: 7, slice: Duration::from_millis(30), deadline: Some(deadline) }
    }

    /// For seeing that everything runs: as little as a quick run may do, and less.
    pub fn smoke() -> Self {
        let deadline = Instant::now() + Duration::from_secs(15);
        Self { quick: true, rounds: 1, slice: Duration::from_millis(1), deadline: Some(deadline) }
    }

    /// Until when a contest may begin rounds, if `left` contests (itself included) still share
    /// the time.
    pub(super) fn share(&self, left: usize) -> Option<Instant> {
        let deadline = self.deadline?;
        let now = Instant::now();
        let left = u32::try_from(left.max(1)).unwrap_or(u32::MAX);
        Some(now + deadline.saturating_duration_since(now) / left)
    }

    /// Whether no further contest should begin.
    pub(super) fn is_over(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}
