//! All orders of what can be done to mapped files, compared with rows of bytes.

use crate::world::{World, assert_well, at, contents, make, resize};
use std::fs::File;
use std::os::unix::fs::FileExt;
use store::host::SharedFrames;
use store::simulation::Dice;
use store::{Allocate, Mapping, ObjectId, Store};

const PAGE: usize = 4096;
const PAGES: usize = 12;
const FRAMES: usize = 40;

/// A file as it should be, and its mappings.
struct Model {
    object: ObjectId,
    bytes: Vec<u8>,
    mappings: Vec<(usize, bool, Mapping)>,
}

/// A store, and what should be in it.
struct Trial {
    dice: Dice,
    world: World,
    store: Store,
    memory: File,
    files: Vec<Model>,
    /// What was synchronised last.
    safe: Vec<Vec<u8>>,
}

impl Trial {
    fn new(seed: u64) -> Self {
        let frames = SharedFrames::new(FRAMES).unwrap();
        let memory = File::from(frames.descriptor().unwrap());
        let (world, mut store) = World::new(frames);
        let files = ["one", "other"].map(|name| Model {
            object: make(&mut store, name),
            bytes: Vec::new(),
            mappings: Vec::new(),
        });
        store.sync(at(2), false).unwrap();
        let safe = vec![Vec::new(), Vec::new()];
        Self { dice: Dice(seed), world, store, memory, files: files.into(), safe }
    }

    fn step(&mut self) {
        let which = self.dice.below(2);
        let (dice, store, file) = (&mut self.dice, &mut self.store, &mut self.files[which]);
        let (at_byte, length) = (dice.below(PAGES * PAGE), dice.below(2 * PAGE) + 1);
        match dice.below(14) {
            0..3 => {
                let bytes = dice.bytes(length);
                store.write(file.object, at_byte as u64, &bytes, at(3)).unwrap();
                let size = file.bytes.len().max(at_byte + length);
                file.bytes.resize(size, 0);
                file.bytes[at_byte..at_byte + length].copy_from_slice(&bytes);
            }
            3..5 if !file.bytes.is_empty() && file.mappings.len() < 12 => {
                let page = dice.below(file.bytes.len().div_ceil(PAGE));
                let writable = dice.below(3) > 0;
                let mapping = store.map_page(file.object, page as u64, writable).unwrap();
                file.mappings.push((page, writable, mapping));
            }
            5 if !file.mappings.is_empty() => {
                let (_, _, mapping) = file.mappings.swap_remove(dice.below(file.mappings.len()));
                store.unmap_page(mapping, at(4)).unwrap();
            }
            6..10 if !file.mappings.is_empty() => {
                let (page, writable, mapping) = &file.mappings[dice.below(file.mappings.len())];
                if !writable {
                    return;
                }
                let within = dice.below(PAGE);
                let bytes = dice.bytes(length.min(PAGE - within));
                let place = (mapping.frame() * PAGE + within) as u64;
                self.memory.write_all_at(&bytes, place).unwrap();
                // As much of it as is in the file.
                let start = page * PAGE + within;
                if start < file.bytes.len() {
                    let end = file.bytes.len().min(start + bytes.len());
                    file.bytes[start..end].copy_from_slice(&bytes[..end - start]);
                }
            }
            10 => {
                resize(store, file.object, at_byte as u64);
                file.bytes.resize(at_byte, 0);
            }
            11 => {
                let (offset, count) = (at_byte as u64, length as u64);
                store.allocate(file.object, Allocate::Punch, offset, count, at(5)).unwrap();
                let end = file.bytes.len().min(at_byte + length);
                if at_byte < end {
                    file.bytes[at_byte..end].fill(0);
                }
            }
            12 => {
                store.sync(at(6), false).unwrap();
                self.safe = self.files.iter().map(|file| file.bytes.clone()).collect();
            }
            _ if dice.below(12) == 0 => self.crash(),
            _ => {}
        }
    }

    /// All processes are gone, and the store with them.
    fn crash(&mut self) {
        let seed = self.dice.number();
        self.world = self.world.crash(seed);
        let frames = SharedFrames::new(FRAMES).unwrap();
        self.memory = File::from(frames.descriptor().unwrap());
        self.store = self.world.open(frames, seed);
        for (file, safe) in self.files.iter_mut().zip(&self.safe) {
            file.mappings.clear();
            file.bytes.clone_from(safe);
        }
    }

    fn check(&mut self) {
        for file in &self.files {
            assert!(contents(&mut self.store, file.object) == file.bytes, "{:?}", file.object);
            for (page, _, mapping) in &file.mappings {
                let mut seen = [0; PAGE];
                let place = (mapping.frame() * PAGE) as u64;
                self.memory.read_exact_at(&mut seen, place).unwrap();
                let inside = file.bytes.get(page * PAGE..).unwrap_or_default();
                let inside = &inside[..inside.len().min(PAGE)];
                assert!(seen.starts_with(inside), "page {page} of {:?}", file.object);
            }
        }
    }
}

#[test]
fn mapped_files_are_as_rows_of_bytes() {
    let more = std::env::var("STORE_SOAK").map_or(1, |text| text.parse().expect("a number"));
    for seed in 0..12 * more {
        let mut trial = Trial::new(seed);
        for _ in 0..400 {
            trial.step();
            trial.check();
        }
        trial.store.sync(at(7), false).unwrap();
        trial.safe = trial.files.iter().map(|file| file.bytes.clone()).collect();
        trial.crash();
        trial.check();
        assert_well(&mut trial.store);
    }
}
