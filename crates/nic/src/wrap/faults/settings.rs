//! What is to go wrong, and how often.

use core::fmt;
use core::time::Duration;

/// How many of a million frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u32);

/// A million.
const ALL: u32 = 1_000_000;

impl Share {
    /// None of them.
    pub const NONE: Self = Self(0);

    /// So many of a million; more than all are all.
    pub const fn of_million(count: u32) -> Self {
        Self(if count > ALL { ALL } else { count })
    }

    /// So many in a hundred; more than all are all.
    pub const fn percent(count: u32) -> Self {
        Self::of_million(count.saturating_mul(ALL / 100))
    }

    /// Whether a frame that drew `number` is one of them.
    pub(super) fn hits(self, number: u64) -> bool {
        // Scales the draw to 0 … 999,999 without a bias that anybody could measure.
        let drawn = (u128::from(number) * u128::from(ALL)) >> 64;
        drawn < u128::from(self.0)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 10_000, self.0 % 10_000);
        if rest == 0 {
            return write!(f, "{whole}%");
        }
        let digits = format!("{rest:04}");
        write!(f, "{whole}.{}%", digits.trim_end_matches('0'))
    }
}

/// How the delay of frames scatters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Distribution {
    /// Every delay within the jitter is as likely as any other.
    #[default]
    Uniform,
    /// A bell; two of three frames are within the jitter.
    Normal,
    /// Most frames are a little early, a few very late, as on a busy network.
    Pareto,
}

/// What happens to the frames of one direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Impairment {
    /// Lost.
    pub loss: Share,
    /// Arriving twice.
    pub duplicate: Share,
    /// With one bit turned over.
    pub corrupt: Share,
    /// Cut to a random length.
    pub truncate: Share,
    /// Overtaken by the next one, two or three frames, or late by
    /// [`REORDER_WAIT`](super::REORDER_WAIT) if there are none.
    pub reorder: Share,
    /// Late by this much.
    pub delay: Duration,
    /// How much the delay scatters. Frames overtake each other then.
    pub jitter: Duration,
    /// How it scatters.
    pub distribution: Distribution,
    /// At most so many bits a second pass.
    pub rate: Option<u64>,
    /// So many bytes pass at once after a pause, if there is a rate.
    pub burst: u64,
    /// So many frames can be on their way; more are lost.
    pub queue: usize,
}

impl Impairment {
    /// Whether frames can come out later than they came in.
    pub fn takes_time(&self) -> bool {
        self.rate.is_some()
            || self.reorder > Share::NONE
            || self.delay + self.jitter > Duration::ZERO
    }

    /// The burst unless told: the largest frame.
    pub const BURST: u64 = 64 * 1024;
    /// The queue unless told.
    pub const QUEUE: usize = 1000;
}

impl Default for Impairment {
    fn default() -> Self {
        Self {
            loss: Share::NONE,
            duplicate: Share::NONE,
            corrupt: Share::NONE,
            truncate: Share::NONE,
            reorder: Share::NONE,
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            distribution: Distribution::Uniform,
            rate: None,
            burst: Self::BURST,
            queue: Self::QUEUE,
        }
    }
}

/// What happens in both directions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// To received frames.
    pub receive: Impairment,
    /// To sent frames.
    pub transmit: Impairment,
    /// Same seed, same traffic, same faults.
    pub seed: u64,
}

impl Options {
    /// The same for one queue of a device with several, so that these do not lose in step.
    #[must_use]
    pub fn for_queue(&self, queue: usize) -> Self {
        Self { seed: self.seed.wrapping_add(queue as u64), ..self.clone() }
    }

    /// Most frames that can be on their way.
    pub fn frames(&self) -> usize {
        let held = |line: &Impairment| if line.takes_time() { line.queue } else { 0 };
        held(&self.receive).saturating_add(held(&self.transmit))
    }

    /// The same in both directions.
    pub fn both(impairment: Impairment, seed: u64) -> Self {
        Self { receive: impairment.clone(), transmit: impairment, seed }
    }
}
