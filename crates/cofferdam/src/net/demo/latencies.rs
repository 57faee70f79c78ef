//! How long answers took: counts in buckets, each an eighth wider than the last.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Buckets to each doubling.
const STEPS: u32 = 8;
/// Up to 2^40 ns, a quarter of an hour.
const BUCKETS: usize = 41 * STEPS as usize;

/// Counts by duration.
pub(super) struct Latencies([AtomicU64; BUCKETS]);

impl Default for Latencies {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; BUCKETS])
    }
}

impl Latencies {
    /// Counts one.
    pub(super) fn note(&self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        if let Some(count) = self.0.get(bucket(nanoseconds).min(BUCKETS - 1)) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// The duration that the given share of all were not longer than, to an eighth.
    pub(super) fn quantile(&self, share: f64) -> Duration {
        let counts: Vec<u64> = self.0.iter().map(|count| count.load(Relaxed)).collect();
        let wanted = counts.iter().sum::<u64>() as f64 * share;
        let mut seen = 0;
        for (index, count) in counts.iter().enumerate() {
            seen += count;
            if seen > 0 && seen as f64 >= wanted {
                return Duration::from_nanos(limit(index));
            }
        }
        Duration::ZERO
    }
}

/// The bucket of a number: its power of two, then the three bits behind the first.
fn bucket(number: u64) -> usize {
    let number = number.max(u64::from(STEPS));
    let power = number.ilog2();
    let step = (number >> (power - STEPS.ilog2())) & u64::from(STEPS - 1);
    (power * STEPS) as usize + step as usize
}

/// The largest number of a bucket.
fn limit(bucket: usize) -> u64 {
    let (power, step) = (bucket as u32 / STEPS, u64::from(bucket as u32 % STEPS));
    ((u64::from(STEPS) + step + 1) << power >> STEPS.ilog2()).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_what_is_at_most_an_eighth_apart() {
        for number in [8, 9, 15, 16, 100, 1_000, 123_456, 10_000_000_000] {
            let limit = limit(bucket(number));
            assert!(number <= limit && limit <= number + number / 8, "{number}: {limit}");
        }
    }

    #[test]
    fn quantiles_of_a_hundred() {
        let latencies = Latencies::default();
        assert_eq!(latencies.quantile(0.5), Duration::ZERO);
        (1..=100).for_each(|micros| latencies.note(Duration::from_micros(micros)));
        let within = |share, micros: u64| {
            let found = latencies.quantile(share).as_secs_f64() * 1e6;
            assert!((micros as f64..=micros as f64 * 1.126).contains(&found), "{share}: {found}");
        };
        within(0.5, 50);
        within(0.99, 99);
        latencies.note(Duration::MAX);
        assert!(latencies.quantile(1.0) > Duration::from_mins(15));
    }
}
