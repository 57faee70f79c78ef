//! Numbers that look random and are the same for the same seed: `SplitMix64`.

use crate::medium::Randomness;
use std::vec;
use std::vec::Vec;

/// Dice with a seed. For tests only: whoever knows some numbers knows all.
#[derive(Debug, Clone)]
pub struct Dice(pub u64);

impl Dice {
    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below another; 0 below 0.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.number() % (bound as u64).max(1)).unwrap_or(0)
    }

    /// Bytes of which no two rows are the same.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.fill(&mut bytes);
        bytes
    }
}

impl Randomness for Dice {
    fn fill(&mut self, into: &mut [u8]) {
        for part in into.chunks_mut(8) {
            for (to, from) in part.iter_mut().zip(self.number().to_le_bytes()) {
                *to = from;
            }
        }
    }
}
