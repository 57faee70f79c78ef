//! What a power cut leaves of a store that really lies on a file system on a disk.
//!
//! Elsewhere it is proved what the store makes of media that keep what they said was safe. Here it is
//! proved that files on a real file system, flushed as [`store::host`] flushes them, are such media:
//! above all that on ext4 one flush makes the blocks of a commit and its seal safe. The kernel's own
//! file systems write to a [disk](disk) that notes everything; it is [cut](cut) at many points,
//! mounted again, and all that was acknowledged must be there.
//!
//! Ext4 with fast commits, which nobody gets who does not ask for them, is not among these: of some of
//! the states that it flushes, Linux 6.18 itself says that the journal is corrupted.
//!
//! `COFFERDAM_POWER_CUTS` sets how many cuts of each file system there are.

mod bench;
mod cut;
mod disk;
mod early;
mod hasty;
mod safe;
mod work;

use bench::{Bench, Kind};
use cut::{Cuts, Flushes, Spared, is_seal};
use disk::{Event, Log};
use hasty::Hasty;
use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use store::medium::Medium;
use store::simulation::Dice;
use work::Line;

/// What would else be done later, beside what is tested.
const AT_ONCE: &str = "lazy_itable_init=0,lazy_journal_init=0";

const EXT4: Kind = Kind {
    name: "ext4",
    make: &["mkfs.ext4", "-q", "-E", AT_ONCE, "-b", "4096"],
    options: "defaults",
    package: "e2fsprogs",
    megabytes: 64,
    superblock: 1024,
    shares: true,
};
/// As it is made where there is little room: four blocks for each of ours.
const EXT4_SMALL: Kind =
    Kind { make: &["mkfs.ext4", "-q", "-E", AT_ONCE, "-b", "1024"], megabytes: 32, ..EXT4 };
/// Contents go through its journal, too: nothing can be written past the kernel's cache then.
const EXT4_ALL: Kind = Kind { options: "data=journal", shares: false, ..EXT4 };
const XFS: Kind = Kind {
    name: "xfs",
    make: &["mkfs.xfs", "-q"],
    options: "defaults",
    package: "xfsprogs",
    megabytes: 300,
    superblock: 0,
    shares: false,
};
const BTRFS: Kind = Kind {
    name: "btrfs",
    make: &["mkfs.btrfs", "-q"],
    options: "defaults",
    package: "btrfs-progs",
    megabytes: 128,
    superblock: 64 << 10,
    shares: false,
};

/// How many cuts, unless something else is wished.
fn cuts(otherwise: usize) -> usize {
    env::var("COFFERDAM_POWER_CUTS").map_or(otherwise, |text| text.parse().expect("a number"))
}

/// A store that threads worked on, and all that its disk was told.
struct Recorded {
    kind: Kind,
    base: Vec<u8>,
    events: Vec<Event>,
    /// How many there were when the threads began.
    begin: usize,
    lines: Vec<Line>,
}

/// How the halves of a store are used.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waiting {
    /// As they are.
    Right,
    /// Nobody waits for the blocks before the seal is written.
    Not,
}

fn record(bench: &Bench, kind: Kind, waiting: Waiting) -> Recorded {
    let base = bench.make(kind);
    let log = Log::of(base.clone());
    let mounted = bench.mount(&log, kind);
    let (segments, seal) = safe::halves(&mounted.path);
    let shared = segments.device().is_some() && segments.device() == seal.device();
    assert_eq!(shared, kind.shares, "one flush is enough where that is known");
    let hasty = Arc::new(AtomicBool::new(false));
    let store: Arc<dyn Medium> = match waiting {
        Waiting::Right => Arc::new(segments),
        Waiting::Not => Arc::new(Hasty { segments, hasty: hasty.clone() }),
    };
    let (volume, writer) = safe::create(&mounted.path, store, seal);
    volume.sync().unwrap();
    hasty.store(true, Ordering::Relaxed);
    let lines = work::work(&volume, &log, 6, 40);
    volume.close().unwrap();
    drop((volume, writer));
    drop(mounted);
    let begin = lines.first().map_or(0, Line::begin);
    Recorded { kind, base, events: log.events(), begin, lines }
}

impl Recorded {
    /// Where to cut: around flushes, around seals, and anywhere.
    fn points(&self, number: usize) -> Vec<(usize, Spared)> {
        let mut dice = Dice(number as u64);
        let after = |wanted: fn(&Event) -> bool| -> Vec<usize> {
            let all = self.events.iter().enumerate().skip(self.begin);
            all.filter(|(_, event)| wanted(event)).map(|(at, _)| at).collect()
        };
        let flushes = after(|event| matches!(event, Event::Flush));
        let seals = after(|event| matches!(event, Event::Write { bytes, .. } if is_seal(bytes)));
        assert!(!flushes.is_empty() && !seals.is_empty(), "nothing was made safe");
        let mut points = BTreeSet::new();
        for turn in 0..number {
            let point = match turn % 3 {
                // Right before it, or right after it.
                0 => flushes[dice.below(flushes.len())] + dice.below(2),
                1 => seals[dice.below(seals.len())] + dice.below(3),
                _ => self.begin + dice.below(self.events.len() - self.begin),
            };
            points.insert((point.clamp(self.begin, self.events.len()), dice.number()));
        }
        let spared = |seed: u64| match seed % 8 {
            0 => Spared::All,
            1 => Spared::Nothing,
            2 | 3 => Spared::Seals,
            4 => Spared::AllButSeals,
            5 => Spared::Some(seed),
            _ => Spared::Torn(seed),
        };
        points.into_iter().map(|(point, seed)| (point, spared(seed))).collect()
    }

    /// Right after something was acknowledged, with nothing spared that need not be.
    fn points_after_safe(&self, number: usize) -> Vec<(usize, Spared)> {
        let mut safe: Vec<_> = self.lines.iter().flat_map(Line::safe).collect();
        safe.sort_unstable();
        safe.dedup();
        let every = safe.len().div_ceil(number).max(1);
        safe.into_iter().step_by(every).map(|point| (point, Spared::Nothing)).collect()
    }

    /// Cuts at these points; gives what was wrong afterwards.
    fn findings(&self, bench: &Bench, points: &[(usize, Spared)], flushes: Flushes) -> Vec<String> {
        let mut cuts = Cuts::of(&self.base, &self.events, flushes, self.kind.superblock);
        let mut findings = Vec::new();
        for (point, spared) in points {
            let image = bench.at("image");
            cuts.image(*point, *spared, &image);
            let checked = match bench.mount_image(&image, self.kind) {
                Ok(mounted) => safe::check(&mounted.path, &self.lines, *point),
                Err(error) => Err(format!("the file system: {error}")),
            };
            if let Err(what) = checked {
                let all = self.events.len();
                findings.push(format!("cut before {point} of {all}, {spared:?}: {what}"));
            }
            fs::remove_file(image).unwrap();
        }
        findings
    }
}

fn prove(kind: Kind, number: usize) {
    let bench = Bench::new();
    let recorded = record(&bench, kind, Waiting::Right);
    let mut points = recorded.points(cuts(number));
    points.extend(recorded.points_after_safe(cuts(number) / 4));
    points.sort_by_key(|(point, _)| *point);
    let findings = recorded.findings(&bench, &points, Flushes::Kept);
    assert!(findings.is_empty(), "{kind:?}: {findings:#?}");
    // It would be noticed.
    let points = recorded.points_after_safe(10);
    let findings = recorded.findings(&bench, &points, Flushes::Late(3));
    assert!(
        findings.len() > points.len() / 2,
        "{kind:?}: a disk whose flushes come late is not noticed: {findings:#?} of {points:?}"
    );
}

#[test]
fn on_ext4_all_that_was_acknowledged_is_there_after_a_power_cut() {
    prove(EXT4, 120);
}

#[test]
fn on_ext4_with_small_blocks_it_is() {
    prove(EXT4_SMALL, 30);
}

#[test]
fn on_ext4_that_journals_contents_it_is() {
    prove(EXT4_ALL, 30);
}

#[test]
fn on_xfs_it_is() {
    prove(XFS, 30);
}

#[test]
fn on_btrfs_it_is() {
    prove(BTRFS, 30);
}

#[test]
fn a_seal_that_does_not_wait_for_its_blocks_is_noticed() {
    let bench = Bench::new();
    let recorded = record(&bench, EXT4, Waiting::Not);
    let points = recorded.points_after_safe(20);
    let findings = recorded.findings(&bench, &points, Flushes::Kept);
    let damaged = findings.iter().any(|what| what.contains("does not open"));
    assert!(damaged && findings.len() > points.len() / 2, "{findings:#?} of {points:?}");
}
