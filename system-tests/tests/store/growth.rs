//! Very many files in one directory of a mount, by the programs that everybody uses for that; and how
//! much memory whoever serves the mount takes meanwhile.

use crate::folder::Folder;
use crate::program::said;
use crate::served::{Served, serve_if_asked};
use crate::serving::Serving;
use std::fs::File;
use std::process::Command;

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
    let peak = served.peak();
    println!("{} files: {} KiB at most", files(), peak / 1024);
    let most = CACHE + BESIDE + KNOWN * files();
    assert!(peak <= most, "{peak} bytes of memory, more than {most}");
    served.end();
}
