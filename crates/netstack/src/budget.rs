//! How often something may be done: a token bucket.

use crate::Time;

/// So many now, and so many more each second.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    /// In thousandths of a token.
    tokens: u64,
    most: u64,
    per_second: u64,
    last: Time,
}

impl Budget {
    const fn new(now: Time, per_second: u64, burst: u64) -> Self {
        Self { tokens: burst * 1000, most: burst * 1000, per_second, last: now }
    }

    /// For ICMP errors: what Linux allows (`icmp_msgs_per_sec` 1000, `icmp_msgs_burst` 50).
    pub(crate) const fn icmp(now: Time) -> Self {
        Self::new(now, 1000, 50)
    }

    /// Takes one, if there is one.
    pub(crate) fn take(&mut self, now: Time) -> bool {
        let micros = u64::try_from(now.since(self.last).as_micros()).unwrap_or(u64::MAX);
        let earned = micros.saturating_mul(self.per_second) / 1000;
        if earned > 0 {
            self.tokens = self.most.min(self.tokens.saturating_add(earned));
            self.last = now;
        }
        let enough = self.tokens >= 1000;
        if enough {
            self.tokens -= 1000;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_a_rate() {
        let mut budget = Budget::icmp(Time::ZERO);
        assert_eq!((0..1000).filter(|_| budget.take(Time::ZERO)).count(), 50);
        let taken = (1..=1000).filter(|ms| budget.take(Time::from_millis(*ms / 10))).count();
        assert_eq!(taken, 100, "one for each of 100 ms");
    }
}
