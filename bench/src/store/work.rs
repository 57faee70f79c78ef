//! What is measured.

use super::files::Files;
use super::place::Place;
use bench::frame::{Plan, Side};
use std::time::{Duration, Instant};

/// Bytes of one large read or write, and of one small.
const LARGE: usize = 1 << 20;
const SMALL: usize = 4096;

/// How much there is of everything.
#[derive(Clone, Copy)]
pub(super) struct Size {
    /// Bytes of the large file.
    bytes: u64,
    /// Small reads or writes of one round.
    small: u64,
    /// Writes that are synchronised one by one.
    synced: u64,
    /// Small files.
    files: usize,
}

impl Size {
    pub(super) fn of(plan: &Plan) -> Self {
        if plan.slice < Duration::from_millis(10) {
            Self { bytes: 4 << 20, small: 100, synced: 10, files: 50 }
        } else if plan.quick {
            Self { bytes: 128 << 20, small: 4000, synced: 200, files: 1500 }
        } else {
            Self { bytes: 512 << 20, small: 20_000, synced: 1000, files: 5000 }
        }
    }
}

/// A measure: megabytes or operations in a second.
pub(super) fn rate(amount: f64, begin: Instant) -> f64 {
    amount / begin.elapsed().as_secs_f64()
}

/// Offsets that look random, the same for all sides.
fn offsets(size: &Size, count: u64) -> impl Iterator<Item = u64> {
    let blocks = size.bytes / SMALL as u64;
    let mut state = 1u64;
    (0..count).map(move |_| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % blocks * SMALL as u64
    })
}

fn fill<F: Files>(files: &F, file: &F::Open, size: &Size) -> Result<(), String> {
    let mut piece = vec![0u8; LARGE];
    for at in (0..size.bytes).step_by(LARGE) {
        // Every page is another one.
        for (number, page) in (at..).zip(piece.chunks_mut(SMALL)) {
            page[..8].copy_from_slice(&number.to_le_bytes());
        }
        files.write(file, at, &piece)?;
    }
    Ok(())
}

fn read_all<F: Files>(files: &F, file: &F::Open, size: &Size) -> Result<f64, String> {
    let mut piece = vec![0u8; LARGE];
    let begin = Instant::now();
    for at in (0..size.bytes).step_by(LARGE) {
        files.read(file, at, &mut piece)?;
    }
    Ok(rate(size.bytes as f64 / 1e6, begin))
}

fn read_some<F: Files>(files: &F, file: &F::Open, size: &Size, count: u64) -> Result<f64, String> {
    let mut piece = vec![0u8; SMALL];
    let begin = Instant::now();
    for at in offsets(size, count) {
        files.read(file, at, &mut piece)?;
    }
    Ok(rate(count as f64, begin))
}

/// Sequential and random reads: cached, then from disk.
pub(super) const READS: [(&str, &str); 4] = [
    ("sequential read, cached", "MB/s"),
    ("random read, cached", "1/s"),
    ("sequential read, disk", "MB/s"),
    ("random read, disk", "1/s"),
];

pub(super) fn reads<P: Place + 'static>(mut place: P, size: Size) -> Result<Side, String> {
    let file = place.files().make("large")?;
    fill(place.files(), &file, &size)?;
    place.files().sync(&file)?;
    place.files().close(file);
    Ok(Box::new(move || {
        place.forget()?;
        let files = place.files();
        let file = files.open("large")?;
        let disk = read_all(files, &file, &size)?;
        let cached = read_all(files, &file, &size)?;
        let cached_some = read_some(files, &file, &size, 10 * size.small)?;
        files.close(file);
        place.forget()?;
        let files = place.files();
        let file = files.open("large")?;
        let disk_some = read_some(files, &file, &size, size.small)?;
        files.close(file);
        Ok(vec![cached, cached_some, disk, disk_some])
    }))
}

/// Writes, made safe at the end or one by one.
pub(super) const WRITES: [(&str, &str); 4] = [
    ("sequential write, fsync at the end", "MB/s"),
    ("random write, fsync at the end", "1/s"),
    ("random write, fsync each", "1/s"),
    ("append, fsync each", "1/s"),
];

pub(super) fn writes<P: Place + 'static>(place: P, size: Size) -> Side {
    let mut round = 0u64;
    Box::new(move || {
        let files = place.files();
        let file = files.make("large")?;
        files.settle()?;
        let begin = Instant::now();
        fill(files, &file, &size)?;
        files.sync(&file)?;
        let sequential = rate(size.bytes as f64 / 1e6, begin);
        round += 1;
        let page = vec![round as u8; SMALL];
        let begin = Instant::now();
        for at in offsets(&size, size.small) {
            files.write(&file, at, &page)?;
        }
        files.sync(&file)?;
        let random = rate(size.small as f64, begin);
        let begin = Instant::now();
        for at in offsets(&size, size.synced) {
            files.write(&file, at, &page)?;
            files.sync(&file)?;
        }
        let synced = rate(size.synced as f64, begin);
        files.close(file);
        let file = files.make("log")?;
        files.sync(&file)?;
        let begin = Instant::now();
        for number in 0..size.synced {
            files.write(&file, number * SMALL as u64, &page)?;
            files.sync(&file)?;
        }
        let appended = rate(size.synced as f64, begin);
        files.close(file);
        files.remove("log")?;
        files.remove("large")?;
        files.settle()?;
        Ok(vec![sequential, random, synced, appended])
    })
}

/// Names and small files.
pub(super) const NAMES: [(&str, &str); 6] = [
    ("create", "1/s"),
    ("stat", "1/s"),
    ("list", "1/s"),
    ("open and read", "1/s"),
    ("rename", "1/s"),
    ("remove", "1/s"),
];

pub(super) fn names<P: Place + 'static>(mut place: P, size: Size) -> Side {
    let names: Vec<String> =
        (0..size.files).map(|number| format!("a small file {number}")).collect();
    let others: Vec<String> = names.iter().map(|name| format!("{name}, renamed")).collect();
    Box::new(move || {
        let count = names.len() as f64;
        let files = place.files();
        let bytes = [7u8; 1000];
        let begin = Instant::now();
        for name in &names {
            let file = files.make(name)?;
            files.write(&file, 0, &bytes)?;
            files.close(file);
        }
        let create = rate(count, begin);
        // What is asked for is not still in the kernel's memory of names.
        place.forget()?;
        let files = place.files();
        let begin = Instant::now();
        for name in &names {
            if files.stat(name)? != bytes.len() as u64 {
                return Err(format!("{name} has another size"));
            }
        }
        let stat = rate(count, begin);
        let begin = Instant::now();
        if files.list()? < names.len() {
            return Err("names are missing".into());
        }
        let list = rate(count, begin);
        let mut into = [0; 1000];
        let begin = Instant::now();
        for name in &names {
            let file = files.open(name)?;
            files.read(&file, 0, &mut into)?;
            files.close(file);
        }
        let read = rate(count, begin);
        let begin = Instant::now();
        for (from, to) in names.iter().zip(&others) {
            files.rename(from, to)?;
        }
        let rename = rate(count, begin);
        let begin = Instant::now();
        for name in &others {
            files.remove(name)?;
        }
        let remove = rate(count, begin);
        files.settle()?;
        Ok(vec![create, stat, list, read, rename, remove])
    })
}
