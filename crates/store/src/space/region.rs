//! 8,192 blocks, and which of them are in use.

/// Blocks of a region.
pub(crate) const BLOCKS: u64 = 8192;
/// Bytes of its record.
pub(crate) const BYTES: usize = 1024;
const WORDS: usize = 128;

/// A bit for each block; set if it is in use.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Region([u64; WORDS]);

impl Region {
    pub(crate) const EMPTY: Self = Self([0; WORDS]);

    /// What a record says; nothing if it makes no sense.
    pub(crate) fn decode(record: Option<&[u8]>) -> Option<Self> {
        match record {
            None => Some(Self::EMPTY),
            Some([0xff]) => Some(Self([u64::MAX; WORDS])),
            Some(bytes) if bytes.len() == BYTES => {
                let mut words = [0; WORDS];
                for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
                    *word = u64::from_le_bytes(*bytes);
                }
                Some(Self(words))
            }
            Some(_) => None,
        }
    }

    /// The record: one byte if every block is in use.
    pub(crate) fn encode<'a>(&self, into: &'a mut [u8; BYTES]) -> &'a [u8] {
        if self.0 == [u64::MAX; WORDS] {
            into[0] = 0xff;
            return &into[..1];
        }
        for (word, bytes) in self.0.iter().zip(into.as_chunks_mut::<8>().0) {
            *bytes = word.to_le_bytes();
        }
        into
    }

    #[cfg(test)]
    pub(crate) fn free(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_zeros())).sum()
    }

    /// Sets the bits of a run; gives how many were set already.
    pub(crate) fn set(&mut self, start: u64, blocks: u64) -> u64 {
        self.change(start, blocks, |word, mask| {
            let before = *word & mask;
            *word |= mask;
            before
        })
    }

    /// These bits, and those of another; gives how many there are more.
    pub(crate) fn join(&mut self, other: &Self) -> u64 {
        let mut joined = 0;
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            let more = more & !*word;
            // Most have none, and to count is not for nothing.
            if more != 0 {
                joined += u64::from(more.count_ones());
                *word |= more;
            }
        }
        joined
    }

    /// Clears the bits that another has; gives how many of them were set.
    pub(crate) fn take_out(&mut self, other: &Self) -> u64 {
        let mut were = 0;
        for (word, less) in self.0.iter_mut().zip(&other.0) {
            were += u64::from((*word & less).count_ones());
            *word &= !less;
        }
        were
    }

    /// How many of these bits another does not have.
    pub(crate) fn without(&self, other: &Self) -> u64 {
        let words = self.0.iter().zip(&other.0);
        words.map(|(mine, its)| u64::from((mine & !its).count_ones())).sum()
    }

    /// The first run of clear bits in `from..to` that has at least `least` of them; at most `most`
    /// are given.
    pub(crate) fn find(&self, from: u64, to: u64, least: u64, most: u64) -> Option<(u64, u64)> {
        let mut at = from;
        loop {
            let start = self.next_run(at, to, least.min(64))?;
            let end = self.next(start, to.min(start + most), true).unwrap_or(to.min(start + most));
            if end - start >= least {
                return Some((start, end - start));
            }
            at = end.max(start + 1);
        }
    }

    /// The first bit in `from..to` with which so many clear ones begin, at most 64; also if they go on
    /// beyond `to`. Where every second block is free, this is what a search for a longer run does.
    fn next_run(&self, from: u64, to: u64, length: u64) -> Option<u64> {
        let mut at = from;
        while at < to {
            let word = (at / 64) as usize;
            let here = !self.0.get(word)? & (u64::MAX << (at % 64));
            at = 64 * (word as u64 + 1);
            if here == 0 {
                continue;
            }
            let after = self.0.get(word + 1).map_or(0, |word| !word);
            // A bit stays where it and so many after it are clear.
            let mut begins = u128::from(after) << 64 | u128::from(here);
            let mut known = 1;
            while known < length {
                let more = known.min(length - known);
                begins &= begins >> more;
                known += more;
            }
            if begins as u64 != 0 {
                let found = 64 * word as u64 + u64::from(begins.trailing_zeros());
                return (found < to).then_some(found);
            }
        }
        None
    }

    /// The runs of set bits.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let mut at = 0;
        core::iter::from_fn(move || {
            let start = self.next(at, BLOCKS, true)?;
            at = self.next(start, BLOCKS, false).unwrap_or(BLOCKS);
            Some((start, at - start))
        })
    }

    /// The first bit in `from..to` that is so.
    fn next(&self, from: u64, to: u64, set: bool) -> Option<u64> {
        let mut at = from;
        while at < to {
            let word = *self.0.get((at / 64) as usize)?;
            let wanted = if set { word } else { !word } & (u64::MAX << (at % 64));
            if wanted != 0 {
                let found = at / 64 * 64 + u64::from(wanted.trailing_zeros());
                return (found < to).then_some(found);
            }
            at = (at / 64 + 1) * 64;
        }
        None
    }

    fn change(&mut self, start: u64, blocks: u64, change: impl Fn(&mut u64, u64) -> u64) -> u64 {
        let (mut at, end) = (start, (start + blocks).min(BLOCKS));
        let mut count = 0;
        while at < end {
            let upto = end.min((at / 64 + 1) * 64);
            let mask = u64::MAX >> (64 - (upto - at)) << (at % 64);
            if let Some(word) = self.0.get_mut((at / 64) as usize) {
                count += u64::from(change(word, mask).count_ones());
            }
            at = upto;
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bits_are_as_in_a_row_of_bools(runs in prop::collection::vec((0u64..8192, 1u64..700, any::<bool>()), 1..40),
                                         from in 0u64..8192, least in 1u64..200, most in 0u64..300) {
            let mut region = Region::EMPTY;
            let mut bools = [false; 8192];
            for (start, blocks, set) in runs {
                let blocks = blocks.min(8192 - start);
                let range = start as usize..(start + blocks) as usize;
                let before = bools[range.clone()].iter().filter(|&&bit| bit).count() as u64;
                bools[range].fill(set);
                let mut run = Region::EMPTY;
                prop_assert_eq!(run.set(start, blocks), 0);
                let said = if set { region.set(start, blocks) } else { region.take_out(&run) };
                prop_assert_eq!(said, before);
            }
            let mut record = [0; BYTES];
            let region = Region::decode(Some(region.encode(&mut record))).unwrap();
            prop_assert_eq!(region.free(), bools.iter().filter(|&&bit| !bit).count() as u64);
            let most = most.max(least);
            let mut expected = None;
            let mut at = from as usize;
            while at < 8192 {
                let length = bools[at..].iter().take_while(|&&bit| !bit).count();
                if length as u64 >= least {
                    expected = Some((at as u64, (length as u64).min(most)));
                    break;
                }
                at += length + 1;
            }
            prop_assert_eq!(region.find(from, 8192, least, most), expected);
            let mut again = Region::EMPTY;
            for (start, blocks) in region.runs() {
                prop_assert_eq!(again.set(start, blocks), 0);
                prop_assert!(start == 0 || !bools[start as usize - 1]);
                prop_assert!(bools.get((start + blocks) as usize).is_none_or(|set| !set));
            }
            prop_assert!(again == region);
        }
    }
}
