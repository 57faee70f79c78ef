//! Which bytes of a file a lock is about.

use crate::Error;

/// Bytes of a file, both ends included; never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    first: u64,
    last: u64,
}

/// The last byte that a file could have: an offset is a signed number.
const END: u64 = i64::MAX.unsigned_abs();

impl Range {
    /// The whole file, however long it becomes.
    pub const WHOLE: Self = Self { first: 0, last: END };

    /// The range that `fcntl` means by a start, counted from the file's beginning, and a length: 0 is
    /// "to the end, however far that moves", and a negative one means the bytes before the start.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it begins before the file, or ends after the largest one.
    pub fn new(start: i64, length: i64) -> Result<Self, Error> {
        const WRONG: Error = Error::Invalid("a lock must lie within what a file can hold");
        let (first, last) = match length {
            0 => (start, Some(i64::MAX)),
            1.. => (start, start.checked_add(length - 1)),
            _ => (start.checked_add(length).ok_or(WRONG)?, start.checked_sub(1)),
        };
        let first = u64::try_from(first).map_err(|_| WRONG)?;
        let last = last.and_then(|last| u64::try_from(last).ok()).ok_or(WRONG)?;
        Ok(Self { first, last })
    }

    /// Its first byte: `l_start`.
    pub fn start(self) -> u64 {
        self.first
    }

    /// How many bytes; 0 if it goes on to the end, as in `l_len`.
    pub fn length(self) -> u64 {
        if self.last == END { 0 } else { self.last - self.first + 1 }
    }

    pub(super) fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    /// Whether the two together have no gap between them.
    pub(super) fn touches(self, other: Self) -> bool {
        // No end is beyond `END`, so adding one cannot overflow.
        self.first <= other.last + 1 && other.first <= self.last + 1
    }

    /// The smallest range that has both in it.
    pub(super) fn with(self, other: Self) -> Self {
        Self { first: self.first.min(other.first), last: self.last.max(other.last) }
    }

    /// What of it lies before another.
    pub(super) fn before(self, other: Self) -> Option<Self> {
        let last = other.first.checked_sub(1)?;
        (self.first <= last).then_some(Self { first: self.first, last: self.last.min(last) })
    }

    /// What of it lies after another.
    pub(super) fn after(self, other: Self) -> Option<Self> {
        let first = other.last + 1;
        (first <= self.last).then_some(Self { first: self.first.max(first), last: self.last })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_fcntl_counts() {
        assert_eq!(Range::new(0, 0), Ok(Range::WHOLE));
        let ten = Range::new(5, 10).unwrap();
        assert_eq!((ten.start(), ten.length()), (5, 10));
        // Bytes 3 and 4.
        let back = Range::new(5, -2).unwrap();
        assert_eq!((back.start(), back.length()), (3, 2));
        assert_eq!(Range::new(i64::MAX, 1).unwrap().start(), END);
    }

    #[test]
    fn what_lies_outside_a_file_is_refused() {
        for (start, length) in [
            (-1, 1),
            (-1, 0),
            (0, -1),
            (2, -3),
            (2, i64::MAX),
            (i64::MAX, 2),
            (i64::MIN, i64::MIN),
            (i64::MIN, -1),
        ] {
            assert!(
                matches!(Range::new(start, length), Err(Error::Invalid(_))),
                "{start} {length}"
            );
        }
    }

    #[test]
    fn neighbours_touch_and_do_not_overlap() {
        let (low, high) = (Range::new(0, 4).unwrap(), Range::new(4, 4).unwrap());
        assert!(low.touches(high) && high.touches(low) && !low.overlaps(high));
        let far = Range::new(5, 1).unwrap();
        assert!(!low.touches(far) && !far.touches(low));
        assert!(Range::WHOLE.touches(Range::WHOLE));
        assert_eq!(Range::WHOLE.after(Range::WHOLE), None);
        assert_eq!(Range::WHOLE.before(Range::WHOLE), None);
    }
}
