//! What is on the disk after the power was cut at some point.
//!
//! Every write that was answered before the last flush is there; of each later one it is open
//! whether it is, and in which parts.

use super::disk::Event;
use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use store::simulation::Dice;

const PAGE: usize = 4096;
/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// What of the disk's cache the cut spares.
#[derive(Debug, Clone, Copy)]
pub(super) enum Spared {
    All,
    Nothing,
    /// What was written in the seal, and nothing else.
    Seals,
    /// All but that.
    AllButSeals,
    /// Some writes, as the dice fall.
    Some(u64),
    /// Some sectors of each write.
    Torn(u64),
}

/// Whether a disk does what it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flushes {
    Kept,
    /// It answers a flush at once, and does it when so many more have come.
    Late(usize),
}

/// A disk whose power is cut again and again, later each time.
pub(super) struct Cuts<'a> {
    events: &'a [Event],
    flushes: Flushes,
    /// A file system's superblock, which it counts on being written whole.
    whole: usize,
    /// What is safe, after so many events.
    platter: Vec<u8>,
    safe: usize,
    /// The pages of it that are not zeros.
    pages: BTreeSet<usize>,
}

impl<'a> Cuts<'a> {
    /// Of a disk that held `base` and was then told these.
    pub(super) fn of(base: &[u8], events: &'a [Event], flushes: Flushes, whole: usize) -> Self {
        let platter = base.to_vec();
        let pages = platter.chunks(PAGE).enumerate();
        let pages = pages.filter(|(_, page)| page.iter().any(|byte| *byte != 0));
        let pages = pages.map(|(number, _)| number).collect();
        Self { events, flushes, whole, platter, safe: 0, pages }
    }

    /// Writes what is there after a cut before event `point` into a new file.
    pub(super) fn image(&mut self, point: usize, spared: Spared, path: &Path) {
        let before = self.events.get(..point).unwrap_or(self.events);
        let late = match self.flushes {
            Flushes::Kept => 0,
            Flushes::Late(late) => late,
        };
        let flushed = before.iter().enumerate().rev();
        let mut flushed = flushed.filter(|(_, event)| matches!(event, Event::Flush));
        let last = flushed.nth(late).map(|(number, _)| number);
        let safe = last.unwrap_or(0);
        assert!(safe >= self.safe, "cuts come in their order");
        for event in before.iter().take(safe).skip(self.safe) {
            let Event::Write { at, bytes } = event else { continue };
            self.platter[*at..at + bytes.len()].copy_from_slice(bytes);
            self.pages.extend(at / PAGE..(at + bytes.len()).div_ceil(PAGE));
        }
        self.safe = safe;
        let file = File::create_new(path).unwrap();
        file.set_len(self.platter.len() as u64).unwrap();
        self.write_platter(&file);
        let mut dice = Dice(match spared {
            Spared::Some(seed) | Spared::Torn(seed) => seed,
            _ => 0,
        });
        // Some cuts take nearly all, some nearly nothing.
        let odds = [1, 4, 7][dice.below(3)];
        for event in before.iter().skip(safe) {
            let Event::Write { at, bytes } = event else { continue };
            let mut stays = |kept: bool| kept && dice.below(8) < odds;
            let whole = match spared {
                Spared::All => true,
                Spared::Nothing => false,
                Spared::Seals => is_seal(bytes),
                Spared::AllButSeals => !is_seal(bytes),
                Spared::Some(_) => stays(true),
                Spared::Torn(_) if at / PAGE == self.whole / PAGE => stays(true),
                Spared::Torn(_) => {
                    for (number, sector) in bytes.chunks(SECTOR).enumerate() {
                        if stays(true) {
                            file.write_all_at(sector, (at + number * SECTOR) as u64).unwrap();
                        }
                    }
                    false
                }
            };
            if whole {
                file.write_all_at(bytes, *at as u64).unwrap();
            }
        }
    }

    /// What is safe: runs of pages that are not zeros.
    fn write_platter(&self, file: &File) {
        let mut pages = self.pages.iter().copied().peekable();
        while let Some(first) = pages.next() {
            let mut end = first + 1;
            while pages.next_if_eq(&end).is_some() {
                end += 1;
            }
            let end = (end * PAGE).min(self.platter.len());
            file.write_all_at(&self.platter[first * PAGE..end], (first * PAGE) as u64).unwrap();
        }
    }
}

/// Whether a seal is in it.
pub(super) fn is_seal(bytes: &[u8]) -> bool {
    bytes.chunks(PAGE).any(|page| page.starts_with(b"cofferdam seal\0\0"))
}
