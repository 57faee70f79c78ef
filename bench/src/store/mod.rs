//! The private store: called as a library beside ext4, mounted beside gocryptfs and ext4.

mod files;
mod growth;
mod place;
mod work;

use bench::frame::{Bench, Case, Contest, Plan, Side};
use place::{Called, Gocryptfs, Mount, Place, Plain};
use work::Size;

pub(crate) fn bench() -> Bench {
    Bench {
        name: "store",
        about: "the private store beside ext4, and mounted beside gocryptfs",
        packages: &["gocryptfs", "fuse3"],
        axis: None,
        contests,
    }
}

/// The goal of a line: what part of ext4's figure the library has to reach.
fn library_goal(name: &str) -> Option<f64> {
    match name {
        name if name.ends_with("cached") => Some(0.7),
        name if name.ends_with("disk") => Some(0.9),
        name if name.contains("fsync") => Some(0.5),
        _ => None,
    }
}

fn cases(
    whose: &str,
    lines: &[(&'static str, &'static str)],
    goal: impl Fn(&str) -> Option<f64>,
) -> Vec<Case> {
    let case = |&(name, unit): &(&'static str, &'static str)| {
        let case = Case::higher(format!("{whose} {name}"), unit);
        match goal(name) {
            Some(goal) => case.goal(goal),
            None => case,
        }
    };
    lines.iter().map(case).collect()
}

fn contests(plan: &Plan) -> Vec<Contest> {
    let kinds: [&[(&str, &str)]; 3] = [&work::READS, &work::WRITES, &work::NAMES];
    let mut contests = Vec::new();
    for (kind, lines) in kinds.into_iter().enumerate() {
        contests.push(Contest::new(
            "ext4",
            cases("library", lines, library_goal),
            move |plan| side(kind, Called::new()?, plan),
            move |plan| side(kind, Plain::new()?, plan),
        ));
    }
    for (kind, lines) in kinds.into_iter().enumerate() {
        contests.push(Contest::new(
            "gocryptfs",
            cases("fuse", lines, |_| Some(1.0)),
            move |plan| side(kind, Mount::new()?, plan),
            move |plan| side(kind, Gocryptfs::new()?, plan),
        ));
    }
    for (kind, lines) in kinds.into_iter().enumerate() {
        contests.push(Contest::new(
            "ext4",
            cases("fuse", lines, |_| None),
            move |plan| side(kind, Mount::new()?, plan),
            move |plan| side(kind, Plain::new()?, plan),
        ));
    }
    for files in growth::sizes(plan) {
        contests.push(Contest::new(
            "ext4",
            growth::cases(files),
            move |_| Ok(growth::side(Called::new()?, files)),
            move |_| Ok(growth::side(Plain::new()?, files)),
        ));
    }
    contests
}

fn side<P: Place + 'static>(kind: usize, place: P, plan: &Plan) -> Result<Side, String> {
    let size = Size::of(plan);
    match kind {
        0 => work::reads(place, size),
        1 => Ok(work::writes(place, size)),
        _ => Ok(work::names(place, size)),
    }
}
