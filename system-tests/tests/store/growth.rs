//! Very many files in one directory of a mount, by the programs that everybody uses for that; how much
//! memory whoever serves the mount takes meanwhile, and how much longer each operation takes.

use crate::folder::Folder;
use crate::program::said;
use crate::served::{Served, serve_if_asked};
use crate::serving::Serving;
use std::fs::File;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

const TEST: &str = "growth::a_large_directory_is_served_in_little_memory";
/// Files; `STORE_GROWTH` says how many instead.
const FILES: u64 = 100_000;
/// What may be in use beside the cache of 24 MiB that a served store has: the program itself, its
/// threads, buffers for requests.
const BESIDE: u64 = 12 << 20;
const CACHE: u64 = (4096 * 4096) + (1024 * 8192);
/// For each file that the kernel knows, which are as many as it likes: its memory decides, not ours.
/// An entry of two tables, which double; and the allocator keeps what they were before.
const KNOWN: u64 = 256;

fn files() -> u64 {
    std::env::var("STORE_GROWTH").map_or(FILES, |text| text.parse().expect("a number"))
}

#[test]
fn a_large_directory_is_served_in_little_memory() {
    if serve_if_asked() {
        return;
    }
    let folder = Folder::new();
    Serving::new(&folder).end();
    let served = Served::by(TEST, &folder);
    let directory = folder.mount().join("large");
    std::fs::create_dir(&directory).unwrap();
    for number in 0..files() {
        File::create_new(directory.join(format!("a file, number {number}"))).unwrap();
    }
    let patience = 60 + files() as u32 / 1000;
    let listed = said(Command::new("ls").arg("-f").arg(&directory), patience);
    assert_eq!(listed.lines().count() as u64, files() + 2, "with `.` and `..`");
    let found = said(Command::new("find").arg(&directory).args(["-type", "f", "-empty"]), patience);
    assert_eq!(found.lines().count() as u64, files());
    let used = said(Command::new("du").args(["-s", "--inodes"]).arg(&directory), patience);
    assert_eq!(used.split_whitespace().next(), Some(&*(files() + 1).to_string()));
    said(Command::new("rm").arg("-r").arg(&directory), patience);
    assert_eq!(std::fs::read_dir(folder.mount()).unwrap().count(), 0);
    bounded(&served, files());
    served.end();
}

fn bounded(served: &Served, files: u64) {
    let peak = served.peak();
    println!("{files} files: {} KiB at most", peak / 1024);
    let most = CACHE + BESIDE + KNOWN * files;
    assert!(peak <= most, "{peak} bytes of memory, more than {most}");
}

const PACE: &str = "growth::an_operation_takes_no_longer_than_the_logarithm_says";
/// Files of the small directory, and how many operations are timed at once.
const FEW: u64 = 1_000;
/// Files of the large one; `STORE_GROWTH` says how many instead.
const MANY: u64 = 20_000;
/// How often the small directory is measured meanwhile.
const ROUNDS: u64 = 10;
/// What the clock may add to the logarithm, on a machine that has other things to do: costs that grow
/// with what is there are 20 times as high by then.
const SLACK: f64 = 3.0;

/// A store of its own, with one directory.
struct Lot {
    folder: Folder,
    served: Option<Served>,
    files: u64,
}

impl Lot {
    fn new(files: u64) -> Self {
        let folder = Folder::new();
        Serving::new(&folder).end();
        let served = Served::by(PACE, &folder);
        std::fs::create_dir(folder.mount().join("lot")).unwrap();
        Self { folder, served: Some(served), files }
    }

    /// Mounts it once more, so that neither the kernel nor the server knows anything of it.
    fn forget(&mut self) {
        let served = self.served.take().unwrap();
        bounded(&served, self.files);
        served.end();
        self.served = Some(Served::by(PACE, &self.folder));
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.mount().join(format!("lot/a file, number {number}"))
    }

    /// Nanoseconds for each of as many operations as are timed at once, in an order that is none.
    fn time(&self, from: u64, operation: &dyn Fn(PathBuf)) -> u64 {
        let began = Instant::now();
        for number in from..from + FEW {
            operation(self.path(number * 7919 % self.files));
        }
        began.elapsed().as_nanos() as u64 / FEW
    }

    /// The same for each entry of the whole directory.
    fn time_listing(&self) -> u64 {
        let began = Instant::now();
        let entries = std::fs::read_dir(self.folder.mount().join("lot")).unwrap();
        assert_eq!(entries.count() as u64, self.files);
        began.elapsed().as_nanos() as u64 / self.files
    }
}

#[test]
fn an_operation_takes_no_longer_than_the_logarithm_says() {
    if serve_if_asked() {
        return;
    }
    let many = std::env::var("STORE_GROWTH").map_or(MANY, |text| text.parse().expect("a number"));
    // Whole pieces for each round, and every number once.
    let many = many.next_multiple_of(FEW * ROUNDS);
    let (mut small, mut large) = (Lot::new(FEW), Lot::new(many));
    let create = |path: PathBuf| drop(File::create_new(path).unwrap());
    let remove = |path: PathBuf| std::fs::remove_file(path).unwrap();
    let look = |path: PathBuf| assert!(path.symlink_metadata().unwrap().is_file());
    let half = (many / FEW / 2) as usize;
    // All that there is to do it among is there in the second half.
    let (few, mut lots) = in_turn(&mut small, &large, &create, &|small| {
        small.time(0, &remove);
    });
    compare("create", many, &few, &lots.split_off(half));
    // The kernel would remember a list.
    let times = (0..3).map(|_| {
        small.forget();
        large.forget();
        (small.time_listing(), large.time_listing())
    });
    let (few, lots): (Vec<_>, Vec<_>) = times.unzip();
    compare("list", many, &few, &lots);
    small.forget();
    large.forget();
    let (few, lots) = in_turn(&mut small, &large, &look, &Lot::forget);
    compare("stat", many, &few, &lots);
    small.forget();
    large.forget();
    let (few, mut lots) = in_turn(&mut small, &large, &remove, &|small| {
        small.time(0, &create);
        small.forget();
    });
    lots.truncate(half);
    compare("remove", many, &few, &lots);
    for mut lot in [small, large] {
        assert_eq!(std::fs::read_dir(lot.folder.mount().join("lot")).unwrap().count(), 0);
        lot.served.take().unwrap().end();
    }
}

/// Times an operation on all of the large lot, and meanwhile again and again on all of the small one,
/// so that whatever else the machine does slows down both.
fn in_turn(
    small: &mut Lot,
    large: &Lot,
    operation: &dyn Fn(PathBuf),
    again: &dyn Fn(&mut Lot),
) -> (Vec<u64>, Vec<u64>) {
    let (mut few, mut lots) = (Vec::new(), Vec::new());
    let pieces = large.files / FEW;
    for piece in 0..pieces {
        if piece % (pieces / ROUNDS) == 0 {
            if !few.is_empty() {
                again(small);
            }
            few.push(small.time(0, operation));
        }
        lots.push(large.time(piece * FEW, operation));
    }
    (few, lots)
}

/// Of each the quickest piece counts: whatever else the machine does makes others slower.
fn compare(what: &str, many: u64, few: &[u64], lots: &[u64]) {
    let (few, lots) = (*few.iter().min().unwrap(), *lots.iter().min().unwrap());
    println!("{what}: {few} ns among {FEW}, {lots} ns among {many}");
    let logarithm = (many as f64).ln() / (FEW as f64).ln();
    let most = few as f64 * logarithm * SLACK;
    assert!(lots as f64 <= most, "{what}: {lots} ns among {many} files, {few} ns among {FEW}");
}
