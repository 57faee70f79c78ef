//! The store against a plain directory: the same operations, drawn at random, must have the same
//! outcomes, error numbers included, whatever the store keeps in memory and however often it is
//! opened anew.
//!
//! `STORE_OPERATIONS` says how many; `STORE_SEED` repeats one run.

mod in_directory;
mod in_store;
mod memory;
mod operation;
mod outcome;
mod seek;

use in_directory::InDirectory;
use in_store::InStore;
use operation::Operation;
use outcome::Outcome;
use std::path::PathBuf;
use store::simulation::Dice;

/// A folder in memory that is removed at the end, however that comes.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = PathBuf::from("/dev/shm").join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

fn run(seed: u64, operations: u64, folder: &Folder) {
    let mut dice = Dice(seed);
    // From so little that hardly a page stays, to plenty.
    let memory = [(16, 64), (64, 64), (2000, 2000)][seed as usize % 3];
    let root = folder.0.join(format!("{seed}"));
    let mut plain = InDirectory::new(root.clone());
    let mut store = InStore::new(seed, memory);
    let trace = std::env::var_os("STORE_TRACE").is_some();
    for count in 0..operations {
        let operation = Operation::draw(&mut dice);
        let expected = plain.apply(&operation);
        let got = store.apply(&operation);
        if trace {
            eprintln!("{count}: {operation:?} -> {expected:?}");
        }
        if let (Operation::Seek(_, what, offset), Outcome::Bytes(bytes)) = (&operation, &expected) {
            assert!(
                seek::is_right(bytes, *what, *offset, &got),
                "operation {count} of seed {seed}: {operation:?} gives {got:?}"
            );
            continue;
        }
        assert_eq!(got, expected, "operation {count} of seed {seed}: {operation:?}");
    }
    std::fs::remove_dir_all(root).unwrap();
}

#[test]
fn does_what_a_plain_directory_does() {
    let folder = Folder::new("cofferdam-store-plain");
    if let Some(seed) = number("STORE_SEED") {
        return run(seed, number("STORE_OPERATIONS").unwrap_or(10_000), &folder);
    }
    let operations = number("STORE_OPERATIONS").unwrap_or(1_000_000);
    for seed in 0..operations.div_ceil(10_000) {
        run(seed, 10_000, &folder);
    }
}
