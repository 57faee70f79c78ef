//! Time as memcached's protocol knows it: whole seconds.

/// A point in time, in seconds since 1970. Always an argument: nothing here reads a clock.
///
/// A caller takes the wall clock once and goes on by a steady one, so that time never runs back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub u32);

/// When an entry stops to be there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expiry(u32);

/// An expiry time of at most thirty days counts from now; a larger one from 1970.
const RELATIVE_AT_MOST: i64 = 30 * 24 * 60 * 60;

impl Expiry {
    /// Lives for ever (unless evicted).
    pub(crate) const NEVER: Self = Self(0);
    /// Is gone already.
    const AT_ONCE: Self = Self(1);

    /// By the protocol's rules: 0 is never, below 0 at once, up to thirty days relative to now,
    /// else absolute.
    pub(crate) fn from_protocol(number: i64, now: Time) -> Self {
        let seconds = u32::try_from(number).unwrap_or(u32::MAX);
        match number {
            0 => Self::NEVER,
            ..0 => Self::AT_ONCE,
            1..=RELATIVE_AT_MOST => Self(now.0.saturating_add(seconds)),
            _ => Self(seconds),
        }
    }

    pub(crate) const fn number(self) -> u32 {
        self.0
    }

    pub(crate) const fn from_number(number: u32) -> Self {
        Self(number)
    }

    /// Whether it has come.
    pub(crate) fn is_over(self, now: Time) -> bool {
        self != Self::NEVER && self.0 <= now.0
    }
}
