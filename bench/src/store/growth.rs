//! What one directory costs when it is a thousand times as large: names made and found among so many.
//!
//! What is promised of that is in counts, and tested (`store/tests/growth`); here are the times. The
//! directory is filled once, and stays for all rounds; each round makes some files more, looks some
//! up, chosen at random, and removes what it made.

use super::files::Files;
use super::place::Place;
use super::work::rate;
use bench::frame::{Case, Plan, Side};
use std::time::{Duration, Instant};

/// Files that one round makes, and looks up.
const ROUND: u64 = 1000;

/// How many files there are, from few to very many.
pub(super) fn sizes(plan: &Plan) -> Vec<u64> {
    if plan.slice < Duration::from_millis(10) {
        vec![200]
    } else if plan.quick {
        vec![1000, 20_000]
    } else {
        vec![1000, 1_000_000]
    }
}

/// Whose names say how many there are, in the words of the promise.
pub(super) fn cases(files: u64) -> Vec<Case> {
    let among = match files.ilog10() {
        digits if 10u64.pow(digits) == files => format!("10^{digits}"),
        _ => files.to_string(),
    };
    let case = |what: &str| Case::higher(format!("library {what} at {among}"), "1/s");
    ["create", "look-up", "unlink"].map(case).into()
}

fn name(number: u64) -> String {
    format!("one of many, number {number}")
}

pub(super) fn side<P: Place + 'static>(place: P, files: u64) -> Side {
    let (mut filled, mut state) = (0, 1u64);
    Box::new(move || {
        let place = place.files();
        while filled < files {
            place.close(place.make(&name(filled))?);
            filled += 1;
        }
        place.settle()?;
        let begin = Instant::now();
        for number in files..files + ROUND {
            place.close(place.make(&name(number))?);
        }
        let create = rate(ROUND as f64, begin);
        let begin = Instant::now();
        for _ in 0..ROUND {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            if place.stat(&name((state >> 33) % files))? != 0 {
                return Err("an empty file has a size".into());
            }
        }
        let look_up = rate(ROUND as f64, begin);
        let begin = Instant::now();
        for number in files..files + ROUND {
            place.remove(&name(number))?;
        }
        let unlink = rate(ROUND as f64, begin);
        place.settle()?;
        Ok(vec![create, look_up, unlink])
    })
}
