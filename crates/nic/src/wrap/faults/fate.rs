//! What is in store for one frame: drawn from the seed and the frame's number, nothing else.
//!
//! Each fault has a draw of its own, so that adding one to the settings changes nothing about the
//! others, and neither time nor a full queue changes what the next frame meets.

use super::settings::{Distribution, Impairment};
use core::time::Duration;

/// Pseudo-random numbers (SplitMix64): a counter, mixed.
pub(super) struct Draws(u64);

impl Draws {
    /// Those of the `number`th frame; a duplicate (`copy` 1) has its own.
    pub(super) fn of_frame(seed: u64, direction: u64, number: u64, copy: u64) -> Self {
        let mut draws = Self(seed ^ mix(direction << 1 | copy));
        let start = draws.next() ^ mix(number);
        Self(start)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// One of `0..bound`; 0 if there is none.
    fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    /// From 0 up to, but not including, 1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// What is in store for one frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fate {
    pub(super) lost: bool,
    pub(super) duplicated: bool,
    /// Which bit is turned over.
    pub(super) corrupted: Option<usize>,
    /// To which length it is cut.
    pub(super) truncated: Option<usize>,
    /// How many frames overtake it.
    pub(super) overtaken: Option<u64>,
    pub(super) delay: Duration,
}

impl Fate {
    /// What is in store for a frame of `length` bytes.
    pub(super) fn draw(settings: &Impairment, mut draws: Draws, length: usize) -> Self {
        let lost = settings.loss.hits(draws.next());
        let duplicated = settings.duplicate.hits(draws.next());
        let corrupted = settings.corrupt.hits(draws.next());
        let bit = draws.below(length * 8);
        let truncated = settings.truncate.hits(draws.next());
        let cut = draws.below(length);
        let overtaken = settings.reorder.hits(draws.next());
        let by = draws.below(3) as u64 + 1;
        Self {
            lost,
            duplicated,
            corrupted: corrupted.then_some(bit),
            truncated: truncated.then_some(cut),
            overtaken: overtaken.then_some(by),
            delay: delay(settings, draws),
        }
    }
}

fn delay(settings: &Impairment, mut draws: Draws) -> Duration {
    if settings.jitter.is_zero() {
        return settings.delay;
    }
    let scatter = match settings.distribution {
        Distribution::Uniform => 2.0 * draws.unit() - 1.0,
        // The sum of twelve has variance 1; it ends at six, which is as far as anybody looks.
        Distribution::Normal => (0..12).map(|_| draws.unit()).sum::<f64>() - 6.0,
        // Shape 3, moved and scaled to mean 0 and variance 1; the tail is cut at twenty.
        Distribution::Pareto => {
            let tail = (1.0 - draws.unit()).cbrt().recip();
            ((tail - 1.5) / 0.75_f64.sqrt()).min(20.0)
        }
    };
    let seconds = settings.delay.as_secs_f64() + settings.jitter.as_secs_f64() * scatter;
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(settings.delay)
}

#[cfg(test)]
mod tests {
    use super::super::settings::Share;
    use super::*;

    fn fates(settings: &Impairment, seed: u64, count: u64) -> Vec<Fate> {
        (0..count)
            .map(|number| Fate::draw(settings, Draws::of_frame(seed, 0, number, 0), 100))
            .collect()
    }

    #[test]
    fn shares_are_kept() {
        for percent in [0, 1, 25, 100] {
            let settings = Impairment { loss: Share::percent(percent), ..Impairment::default() };
            let lost = fates(&settings, 7, 100_000).iter().filter(|fate| fate.lost).count();
            let expected = percent as usize * 1000;
            assert!(lost.abs_diff(expected) < 500, "{lost} of 100,000 at {percent} %");
            if percent % 100 == 0 {
                assert_eq!(lost, expected);
            }
        }
    }

    #[test]
    fn one_fault_more_does_not_change_the_others() {
        let few = Impairment { loss: Share::percent(10), ..Impairment::default() };
        let many = Impairment {
            corrupt: Share::percent(50),
            jitter: Duration::from_millis(3),
            ..few.clone()
        };
        let lost = |settings| fates(settings, 3, 1000).iter().map(|fate| fate.lost).collect();
        let (few, many): (Vec<_>, Vec<_>) = (lost(&few), lost(&many));
        assert_eq!(few, many);
    }

    #[test]
    fn seeds_and_directions_differ() {
        let settings = Impairment { loss: Share::percent(50), ..Impairment::default() };
        let fate = |seed, direction| {
            let draw = |number| Draws::of_frame(seed, direction, number, 0);
            (0..64).map(|number| Fate::draw(&settings, draw(number), 100).lost).collect::<Vec<_>>()
        };
        assert_ne!(fate(1, 0), fate(2, 0));
        assert_ne!(fate(1, 0), fate(1, 1));
        assert_eq!(fate(1, 1), fate(1, 1));
    }

    #[test]
    fn delays_scatter_around_their_mean() {
        for distribution in [Distribution::Uniform, Distribution::Normal, Distribution::Pareto] {
            let settings = Impairment {
                delay: Duration::from_millis(100),
                jitter: Duration::from_millis(10),
                distribution,
                ..Impairment::default()
            };
            let fates = fates(&settings, 11, 20_000);
            let mean = fates.iter().map(|fate| fate.delay.as_secs_f64()).sum::<f64>() / 20_000.0;
            assert!((mean - 0.1).abs() < 0.001, "{distribution:?}: {mean}");
            let late = fates.iter().filter(|fate| fate.delay > Duration::from_millis(111)).count();
            assert_eq!(late == 0, distribution == Distribution::Uniform, "{late} are late");
        }
    }
}
