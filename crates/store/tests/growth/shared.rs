//! A store that threads share takes no more memory than one that they do not.

use crate::memory::{SMALL, peak};
use crate::place::{NOW, Place, between, make, sync};
use crate::{MEMORY, alone, number};
use store::host::Volume;
use store::simulation::Dice;
use store::{Kind, ObjectId};

/// Pages of the file that is read: no two lie beside each other, so each has a record of its own.
const PAGES: u64 = 20_000;
/// Pairs of reads: after a few hundred, what is read ahead for them is all that there may be.
const ROUNDS: u64 = 4_000;

#[test]
fn who_reads_two_pages_here_and_two_there_fills_no_memory_with_what_comes_after() {
    let _alone = alone();
    let before = MEMORY.current_usage();
    let (_place, mut store) = Place::new(SMALL);
    let file = make(&mut store, ObjectId::ROOT, "file", Kind::File);
    for from in [0, 1] {
        for page in (from..PAGES).step_by(2) {
            store.write(file, page * 4096, &[5; 4096], NOW).unwrap();
            between(&mut store);
        }
        sync(&mut store).unwrap();
    }
    store.finish(NOW, false).unwrap();
    let volume = Volume::new(store, None);
    let mut dice = Dice(5);
    peak("pairs of reads", before, || {
        let mut page = [0; 4096];
        for _ in 0..ROUNDS {
            let first = dice.number() % (PAGES - 2);
            volume.read(file, first * 4096, &mut page).unwrap();
            volume.read(file, (first + 1) * 4096, &mut page).unwrap();
        }
    });
    volume.close().unwrap();
}

#[test]
fn who_writes_faster_than_the_disk_takes_it_waits() {
    let _alone = alone();
    let before = MEMORY.current_usage();
    let (_place, mut store) = Place::new(SMALL);
    let file = make(&mut store, ObjectId::ROOT, "file", Kind::File);
    let volume = Volume::new(store, None);
    peak("pages all over a file", before, || {
        std::thread::scope(|scope| {
            for seed in 0..4 {
                let volume = &volume;
                scope.spawn(move || {
                    let mut dice = Dice(seed);
                    for _ in 0..number("STORE_GROWTH_PAGES", 40_000) / 8 {
                        let page = dice.number() % 25_000_000;
                        volume.write(file, page * 4096, &[seed as u8; 4096], NOW).unwrap();
                    }
                });
            }
        });
        volume.sync().unwrap();
    });
    volume.close().unwrap();
}
