//! Memory: as much as was asked for, and a little more, whatever there is and whatever is done.

use crate::holes::{self, SIZE, resize};
use crate::place::{Cache, FILLING, NOW, Place, between, make, sync};
use crate::tree::{Layout, Tree, name};
use crate::{MEMORY, alone, number, sizes};
use store::simulation::Dice;
use store::{Allocate, Kind, ObjectId, Seek, Store, Taken};

/// A small one, so that all else shows.
pub(crate) const SMALL: Cache = Cache { frames: 256, nodes: 256 };

/// What may be held beside the cache. Half of the frames may be dirty, each page of another node,
/// which the next commit changes; what that gathers into large writes; lists of what was written,
/// until the next commit; records of free space in memory.
const BESIDE: usize = SMALL.frames / 2 * 8192 + (3 << 20);

/// The most memory that something held beyond what was held before the store was opened.
pub(crate) fn peak(what: &str, before: usize, work: impl FnOnce()) -> usize {
    MEMORY.reset_peak_usage();
    work();
    let peak = MEMORY.peak_usage() - before;
    println!("{what}: {} KiB at most", peak / 1024);
    let most = SMALL.bytes() + BESIDE;
    assert!(peak <= most, "{what}: {peak} bytes, more than {most}");
    peak
}

fn rename_there_and_back(store: &mut Store, tree: &Tree, file: u64) {
    let (directory, old) = (tree.directory(file), name(file));
    let (old, new) = (old.as_bytes(), b"another name");
    store.rename(directory, old, directory, new, Taken::Refuse, NOW).unwrap();
    between(store);
    store.rename(directory, new, directory, old, Taken::Refuse, NOW).unwrap();
    between(store);
}

fn hold(layout: Layout) {
    let _alone = alone();
    let mut dice = Dice(3);
    for size in sizes(number("STORE_GROWTH", 100_000)) {
        let before = MEMORY.current_usage();
        let mut tree = Tree::new(layout);
        // It is the test's, and has its room from the beginning.
        tree.files.reserve(size as usize);
        let ours = MEMORY.current_usage() + size as usize / 10 - before;
        let (_place, mut store) = Place::new(SMALL);
        let before = before + ours;
        let of = |what: &str| format!("{what} {size}, {layout:?}");
        peak(&of("create"), before, || tree.grow(&mut store, size));
        peak(&of("look up"), before, || {
            for _ in 0..size / 4 {
                let file = tree.any(&mut dice);
                store.lookup(tree.directory(file), name(file).as_bytes()).unwrap();
                between(&mut store);
            }
        });
        peak(&of("list"), before, || {
            for number in (0..size).step_by(100) {
                if layout == Layout::ManyDirectories || number == 0 {
                    store.list(tree.directory(number), 0, &mut |_| true).unwrap();
                    between(&mut store);
                }
            }
        });
        peak(&of("rename"), before, || {
            for _ in 0..size / 20 {
                rename_there_and_back(&mut store, &tree, tree.any(&mut dice));
            }
        });
        peak(&of("unlink"), before, || {
            for number in 0..size {
                store.unlink(tree.directory(number), name(number).as_bytes(), NOW).unwrap();
                between(&mut store);
            }
            sync(&mut store).unwrap();
        });
    }
}

#[test]
fn one_large_directory_takes_no_more_memory_than_a_small_one() {
    hold(Layout::OneDirectory);
}

#[test]
fn many_directories_take_no_more_memory_than_few() {
    hold(Layout::ManyDirectories);
}

#[test]
fn a_file_with_holes_takes_no_more_memory_than_a_small_one() {
    let _alone = alone();
    let mut dice = Dice(4);
    for size in sizes(number("STORE_GROWTH_PAGES", 100_000)) {
        let before = MEMORY.current_usage();
        let (_place, mut store) = Place::new(SMALL);
        let file = holes::empty(&mut store);
        let of = |what: &str| format!("{what} {size}");
        peak(&of("write pages"), before, || {
            for _ in 0..size {
                holes::write(&mut store, file, holes::some_page(&mut dice));
            }
        });
        peak(&of("seek"), before, || seek_all(&mut store, file));
        peak(&of("fallocate"), before, || {
            let (how, end) = (Allocate::KeepSize, SIZE / 2);
            let mut at = 0;
            while at < end {
                at = store.allocate_some(file, how, at, end - at, NOW).unwrap();
                between(&mut store);
            }
        });
        peak(&of("cut off"), before, || resize(&mut store, file, SIZE / 2));
        peak(&of("commit"), before, || sync(&mut store).unwrap());
        peak(&of("remove"), before, || {
            store.unlink(ObjectId::ROOT, b"sparse", NOW).unwrap();
            sync(&mut store).unwrap();
        });
    }
}

/// From hole to data and so on, as `cp` does.
fn seek_all(store: &mut Store, file: ObjectId) {
    let mut at = 0;
    while let Ok(data) = store.seek(file, Seek::Data, at) {
        between(store);
        at = store.seek(file, Seek::Hole, data).unwrap();
        between(store);
    }
}

/// Pages in a row, but none beside the other on the medium: no two of them are one record.
fn scattered(store: &mut Store, pages: u64) -> ObjectId {
    let file = make(store, ObjectId::ROOT, "scattered", Kind::File);
    for from in [0, 1] {
        for page in (from..pages).step_by(2) {
            store.write(file, page * 4096, &[5; 4096], NOW).unwrap();
            between(store);
        }
        sync(store).unwrap();
    }
    file
}

#[test]
fn looking_for_a_hole_where_there_is_none_takes_no_memory() {
    let _alone = alone();
    for size in sizes(number("STORE_GROWTH_PAGES", 100_000)) {
        let (place, mut store) = Place::new(FILLING);
        let file = scattered(&mut store, size);
        store.finish(NOW, false).unwrap();
        drop(store);
        let before = MEMORY.current_usage();
        let mut store = place.open(SMALL, 5);
        peak(&format!("a hole after {size} pages"), before, || {
            assert_eq!(store.seek(file, Seek::Hole, 0), Ok(size * 4096));
        });
    }
}

#[test]
fn a_page_that_is_written_again_and_again_takes_no_memory() {
    let _alone = alone();
    let before = MEMORY.current_usage();
    let (_place, mut store) = Place::new(SMALL);
    let file = make(&mut store, ObjectId::ROOT, "file", Kind::File);
    peak("one page again and again", before, || {
        for count in 0..number("STORE_GROWTH_PAGES", 400_000) {
            let page = count % 2 * 2;
            store.write(file, page * 4096, &[7; 4096], NOW).unwrap();
            let mut job = store.take_job().unwrap().unwrap();
            let done = job.run();
            store.finish_job(job, done).unwrap();
            between(&mut store);
        }
    });
}

#[test]
fn orphans_that_a_crash_left_take_no_memory_when_the_store_is_opened() {
    let _alone = alone();
    for size in sizes(number("STORE_GROWTH", 100_000)) {
        let (place, mut store) = Place::new(FILLING);
        let mut tree = Tree::new(Layout::OneDirectory);
        tree.grow(&mut store, size);
        for (number, file) in (0..).zip(&tree.files) {
            store.open(*file).unwrap();
            store.unlink(tree.directory(number), name(number).as_bytes(), NOW).unwrap();
            between(&mut store);
        }
        sync(&mut store).unwrap();
        // As after a crash: nobody closes them.
        drop(store);
        let before = MEMORY.current_usage();
        let mut store = None;
        let what = format!("open with {size} orphans");
        let peak = peak(&what, before, || store = Some(place.open(SMALL, 6)));
        // There is not a page to be written.
        assert!(peak <= SMALL.bytes() + (1 << 20), "{what}: {peak} bytes");
        assert_eq!(store.unwrap().room().objects, 2, "the directories");
    }
}
