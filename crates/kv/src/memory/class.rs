//! Sizes of chunks.
//!
//! Memory is counted in *lines* of 64 bytes and cut into *pages* of 64 KiB. A page belongs to one
//! class and holds only chunks of that class's size, so that a freed chunk fits the next entry of
//! its class and nothing is ever moved to make room.

/// Bytes in a line: a cache line, and what positions count.
pub(crate) const LINE: usize = 64;
/// Lines in a page.
pub(crate) const PAGE_LINES: usize = 1024;
/// Lines in a chunk of each class: a page divided by 1024, 512, 341, … 5, 4; each at most a
/// quarter larger than the one before it, from 512 bytes on.
const LINES: [u16; CLASSES] =
    [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 20, 24, 32, 40, 51, 64, 85, 102, 128, 170, 204, 256];
/// How many classes there are.
pub(crate) const CLASSES: usize = 23;
/// Bytes in the largest chunk. A larger entry is several of these.
pub(crate) const LARGEST: usize = 256 * LINE;

/// For each number of lines the class that fits.
const FITTING: [u8; 257] = {
    let mut fitting = [0; 257];
    let (mut lines, mut class) = (0, 0);
    while lines < fitting.len() {
        if lines > LINES[class as usize] as usize {
            class += 1;
        }
        fitting[lines] = class;
        lines += 1;
    }
    fitting
};

/// One size of chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Class(u8);

impl Class {
    /// The largest.
    pub(crate) const LAST: Self = Self(CLASSES as u8 - 1);

    /// The smallest class with room for that many bytes; the largest, if none has.
    #[inline]
    pub(crate) fn fitting(bytes: usize) -> Self {
        FITTING.get(bytes.div_ceil(LINE)).map_or(Self::LAST, |class| Self(*class))
    }

    /// Number of the largest.
    pub(crate) const LAST_NUMBER: usize = CLASSES - 1;

    /// Which one it is.
    #[inline]
    pub(crate) fn number(self) -> usize {
        usize::from(self.0)
    }

    /// Lines in a chunk.
    #[inline]
    pub(crate) fn lines(self) -> u32 {
        u32::from(LINES[self.number()])
    }

    /// Chunks in a page.
    #[inline]
    pub(crate) fn chunks(self) -> u32 {
        PAGE_LINES as u32 / self.lines()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_fits_tightly() {
        for bytes in 1..=LARGEST {
            let class = Class::fitting(bytes);
            assert!(bytes <= class.lines() as usize * LINE);
            if class.number() > 0 {
                assert!(bytes > Class(class.0 - 1).lines() as usize * LINE);
            }
        }
        assert_eq!(Class::fitting(LARGEST + 1), Class::LAST);
    }
}
