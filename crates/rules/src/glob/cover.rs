//! Whether some patterns leave nothing to another one: then a rule with it never matches.
//!
//! The one is followed byte by byte through all names that it matches, together with all others. Of the
//! bytes only those matter that stand in one of the patterns, and one more that does not.

use super::{Glob, Places, Step};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

/// States that are looked at before it is given up: the answer is no then, and nobody is accused.
const MOST: usize = 20_000;

/// Whether every name that `one` matches is matched by one of `others`.
pub(crate) fn covers<'a>(others: impl Iterator<Item = &'a Glob>, one: &Glob) -> bool {
    let others: Vec<&[Step]> =
        others.flat_map(|glob| glob.sequences.iter().map(|s| &s[..])).collect();
    let bytes = bytes(others.iter().copied().chain(one.sequences.iter().map(|s| &s[..])));
    one.sequences.iter().all(|sequence| covered(sequence, &others, &bytes))
}

fn covered(one: &[Step], others: &[&[Step]], bytes: &[u8]) -> bool {
    let start =
        (Places::at_start(one), others.iter().map(|other| Places::at_start(other)).collect());
    let mut known: BTreeSet<(Places, Vec<Places>)> = BTreeSet::from([start]);
    let mut open: Vec<_> = known.iter().cloned().collect();
    while let Some((places, all)) = open.pop() {
        let ended = |(places, other): (&Places, &&[Step])| places.at_end(other);
        if places.at_end(one) && !all.iter().zip(others).any(ended) {
            return false;
        }
        for &byte in bytes {
            let (mut places, mut all) = (places.clone(), all.clone());
            if !places.advance(one, byte) {
                continue;
            }
            for (places, other) in all.iter_mut().zip(others) {
                places.advance(other, byte);
            }
            let next = (places, all);
            if known.len() >= MOST {
                return false;
            }
            if known.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    true
}

/// The bytes that are told apart.
fn bytes<'a>(sequences: impl Iterator<Item = &'a [Step]>) -> Vec<u8> {
    let mut seen = BTreeSet::from([b'/']);
    for step in sequences.flatten() {
        if let Step::Byte(byte) = step {
            seen.insert(*byte);
        }
    }
    let other = (1..=u8::MAX).find(|byte| !seen.contains(byte));
    seen.into_iter().chain(other).collect()
}
