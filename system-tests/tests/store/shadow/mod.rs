//! Random operations on files, and what the files must hold then: what `fsx` is elsewhere.
//!
//! Two files, each beside the bytes that it must have. Another process maps the same files, so that
//! what is mapped, written, read, cut and punched has to be one. Several such pairs are at work at
//! once. `COFFERDAM_SHADOW_OPERATIONS` sets how many operations there are in all, and
//! `COFFERDAM_SHADOW_SEED` where they begin; each failure names its seed.

mod pair;

use crate::folder::Folder;
use crate::reader::prove;
use crate::serving::Serving;
use pair::Pair;
use std::env;

/// Pairs at work at once.
const PAIRS: u64 = 4;

fn number(name: &str, otherwise: u64) -> u64 {
    env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

#[test]
fn files_hold_what_random_operations_left_in_them() {
    let operations = number("COFFERDAM_SHADOW_OPERATIONS", 100_000);
    let first = number("COFFERDAM_SHADOW_SEED", 1);
    let folder = Folder::new();
    let mut serving = Serving::new(&folder);
    let names = |seed: u64| ["a", "b"].map(|name| folder.mount().join(format!("{name}-{seed}")));
    let mut pairs: Vec<Pair> =
        (first..first + PAIRS).map(|seed| Pair::new(seed, names(seed))).collect();
    // Half of it on the store that is opened anew.
    for _ in 0..2 {
        std::thread::scope(|scope| {
            for pair in &mut pairs {
                scope.spawn(|| pair.work(operations / PAIRS / 2));
            }
        });
        pairs.iter_mut().for_each(Pair::close);
        serving = prove(serving, &folder);
        pairs.iter_mut().for_each(Pair::open);
    }
    pairs.iter_mut().for_each(Pair::check);
    drop(pairs);
    serving.end();
}
