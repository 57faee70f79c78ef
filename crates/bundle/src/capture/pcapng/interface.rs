//! What a section says about one interface.

use super::super::Link;
use super::super::order::Order;
use super::block::{RESOLUTION, TIME_OFFSET, option};
use std::time::Duration;

/// An interface, to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface<'a> {
    /// What people call it.
    pub name: &'a str,
    /// What kind of frames it carries.
    pub link: Link,
}

/// An interface, as it was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) link: Link,
    /// Most bytes captured of a frame; zero for no bound.
    pub(super) snap: u32,
    /// How many units of its clock are a second.
    units: u128,
    /// Seconds to add to each time stamp.
    offset: i64,
}

impl Known {
    /// From the body of its block; `None` if that is too short.
    pub(super) fn read(body: &[u8], order: Order) -> Option<Self> {
        let link = Link(order.u16(body, 0)?);
        let snap = order.u32(body, 4)?;
        let options = body.get(8..)?;
        let resolution = option(options, order, RESOLUTION).and_then(|value| value.first());
        let units = match resolution {
            None => 1_000_000,
            Some(power) if power & 0x80 == 0 => {
                10_u128.checked_pow(u32::from(*power)).unwrap_or(u128::MAX)
            }
            Some(power) => 1 << (power & 0x7f),
        };
        let offset = option(options, order, TIME_OFFSET).and_then(|value| order.i64(value, 0));
        Some(Self { link, snap, units, offset: offset.unwrap_or_default() })
    }

    /// A time stamp of this interface as a time since 1970.
    pub(super) fn time(&self, high: u32, low: u32) -> Duration {
        let stamp = u128::from(high) << 32 | u128::from(low);
        // At most 2^64 × 10^9: no overflow.
        let nanoseconds = stamp * 1_000_000_000 / self.units;
        let seconds = u64::try_from(nanoseconds / 1_000_000_000).unwrap_or(u64::MAX);
        let seconds = seconds.saturating_add_signed(self.offset);
        Duration::new(seconds, (nanoseconds % 1_000_000_000) as u32)
    }
}
