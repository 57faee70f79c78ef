//! When to ask again.

use crate::Time;
use core::time::Duration;

/// After the first question, and doubled each time (RFC 2131, 4.1).
const FIRST: Duration = Duration::from_secs(4);
/// Times that it is doubled: up to 64 s.
const DOUBLINGS: u32 = 4;
/// Each wait is changed by up to this, either way, so that hosts that start together do not stay
/// together.
const JITTER: Duration = Duration::from_secs(1);
/// While a lease runs, the server is not asked more often than this.
const RENEWALS: Duration = Duration::from_mins(1);

/// A wait that is spread around `base`.
pub(super) fn spread(base: Duration, random: u64) -> Duration {
    let jitter = JITTER.min(base / 2);
    let width = 2 * jitter.as_nanos() as u64 + 1;
    // Scaled, not reduced: no value is likelier than another.
    let part = ((u128::from(random) * u128::from(width)) >> 64) as u64;
    base.saturating_sub(jitter) + Duration::from_nanos(part)
}

/// How long to wait for an answer after asking for the `count`th time, from 0.
pub(super) fn retry(count: u32, random: u64) -> Duration {
    spread(FIRST * 2_u32.pow(count.min(DOUBLINGS)), random)
}

/// When to ask again for an extension: after half of the time left until `deadline`, but not too
/// often, and not after it.
pub(super) fn next_extension(now: Time, deadline: Time, random: u64) -> Time {
    let wait = (deadline.since(now) / 2).max(RENEWALS);
    (now + spread(wait, random)).min(deadline)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_from_four_to_sixty_four_seconds_give_or_take_one() {
        for (count, seconds) in [(0, 4), (1, 8), (2, 16), (3, 32), (4, 64), (5, 64), (99, 64)] {
            assert_eq!(retry(count, 0), Duration::from_secs(seconds - 1));
            assert_eq!(retry(count, u64::MAX), Duration::from_secs(seconds + 1));
        }
    }

    #[test]
    fn extensions_are_asked_for_until_the_deadline() {
        let deadline = Time::from_secs(1000);
        let half = next_extension(Time::ZERO, deadline, u64::MAX / 2);
        assert!(half.since(Time::from_secs(499)) < Duration::from_secs(2));
        assert_eq!(next_extension(Time::from_secs(990), deadline, 0), deadline);
    }
}
