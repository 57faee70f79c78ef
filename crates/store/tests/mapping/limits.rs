//! What mapping takes, and where it ends.

use crate::world::{World, assert_well, at, contents, make, resize};
use std::fs::File;
use std::os::unix::fs::FileExt;
use store::host::SharedFrames;
use store::{Error, Heap, Mapping, ObjectId};

const PAGE: u64 = 4096;

/// Writes as a process does that maps it.
fn write(memory: &File, mapping: &Mapping, at: u64, bytes: &[u8]) {
    memory.write_all_at(bytes, mapping.frame() as u64 * PAGE + at).unwrap();
}

#[test]
fn what_cannot_be_mapped_is_refused() {
    let (_world, mut store) = World::new(SharedFrames::new(16).unwrap());
    let file = make(&mut store, "file");
    assert!(matches!(store.map_page(file, 0, false), Err(Error::Invalid(_))), "it is empty");
    store.write(file, 0, &[1; 4097], at(2)).unwrap();
    for page in [2, 3, u64::MAX / PAGE, u64::MAX] {
        assert!(matches!(store.map_page(file, page, false), Err(Error::Invalid(_))), "{page}");
    }
    assert!(matches!(store.map_page(ObjectId::ROOT, 0, false), Err(Error::Invalid(_))));
    assert_eq!(store.map_page(ObjectId(99), 0, false).unwrap_err(), Error::Stale);
    // Three quarters of the frames; the rest is enough for all else.
    resize(&mut store, file, 40 * PAGE);
    let mut mappings: Vec<Mapping> =
        (0..12).map(|page| store.map_page(file, page, true).unwrap()).collect();
    let error = store.map_page(file, 20, true).unwrap_err();
    assert_eq!((error.clone(), error.errno()), (Error::TooManyMapped, 12));
    let bytes = vec![5; 40 * 4096];
    store.write(file, 0, &bytes, at(3)).unwrap();
    assert_eq!(contents(&mut store, file), bytes);
    store.unmap_page(mappings.remove(3), at(4)).unwrap();
    mappings.push(store.map_page(file, 20, true).unwrap());
    for mapping in mappings {
        store.unmap_page(mapping, at(5)).unwrap();
    }
    store.finish(at(6), false).unwrap();
    assert_well(&mut store);
}

#[test]
fn a_commit_writes_what_was_changed_and_no_more() {
    let frames = SharedFrames::new(64).unwrap();
    let memory = File::from(frames.descriptor().unwrap());
    let (world, mut store) = World::new(frames);
    let file = make(&mut store, "file");
    store.write(file, 0, &vec![1; 40 * 4096], at(2)).unwrap();
    store.sync(at(2), false).unwrap();
    let mappings: Vec<Mapping> =
        (0..40).map(|page| store.map_page(file, page, true).unwrap()).collect();
    assert!(store.begin_commit(at(3)).unwrap().is_none(), "nothing was changed");
    write(&memory, &mappings[7], 0, b"x");
    let before = world.medium.counts().bytes_written;
    store.sync(at(4), false).unwrap();
    let written = world.medium.counts().bytes_written - before;
    assert!((PAGE..20 * PAGE).contains(&written), "{written}");
    assert_eq!(store.attributes(file).unwrap().changed, at(4));
    assert!(store.begin_commit(at(5)).unwrap().is_none(), "it was written");
    for mapping in mappings {
        store.unmap_page(mapping, at(6)).unwrap();
    }
    assert_eq!(store.attributes(file).unwrap().changed, at(4));
}

#[test]
fn what_is_mapped_has_room_on_a_full_medium() {
    let frames = SharedFrames::new(600).unwrap();
    let memory = File::from(frames.descriptor().unwrap());
    let (world, mut store) = World::new(frames);
    world.medium.full_at(3000 * PAGE);
    let file = make(&mut store, "file");
    resize(&mut store, file, 400 * PAGE);
    let mappings: Vec<Mapping> =
        (0..400).map(|page| store.map_page(file, page, true).unwrap()).collect();
    let rest = make(&mut store, "rest");
    let mut end = 0;
    loop {
        match store.write(rest, end, &[3; 4096], at(2)) {
            Ok(()) => end += PAGE,
            Err(error) => break assert_eq!(error, Error::Full),
        }
    }
    store.sync(at(3), false).unwrap();
    resize(&mut store, rest, end + PAGE);
    let full = store.map_page(rest, end / PAGE, true);
    assert_eq!(full.unwrap_err(), Error::Full, "a hole, and no room for what may be written to it");
    let mut expected = vec![0; 400 * 4096];
    for round in 1..30_u8 {
        for (page, mapping) in mappings.iter().enumerate() {
            write(&memory, mapping, 0, &[round; 10]);
            expected[page * 4096..page * 4096 + 10].fill(round);
        }
        store.sync(at(4), false).unwrap();
        assert_eq!(store.write(rest, end, &[3; 4096], at(2)), Err(Error::Full), "{round}");
    }
    // Somebody reads an older commit, so nothing becomes free: it may be refused, and nothing more.
    for round in 30..33_u8 {
        for mapping in &mappings {
            write(&memory, mapping, 0, &[round; 10]);
        }
        match store.sync(at(5), true) {
            Ok(()) => {
                for page in 0..400 {
                    expected[page * 4096..page * 4096 + 10].fill(round);
                }
            }
            Err(error) => assert_eq!(error, Error::Full),
        }
        assert!(!store.is_stopped());
    }
    let mut crashed = world.crash(1).read();
    assert_eq!(contents(&mut crashed, file), expected);
    assert_well(&mut crashed);
    for mapping in mappings {
        store.unmap_page(mapping, at(6)).unwrap();
    }
    // The commit that releases what was kept for the reader needs a little room itself.
    store.unlink(ObjectId::ROOT, b"rest", at(7)).unwrap();
    store.finish(at(7), false).unwrap();
    assert_eq!(contents(&mut world.read(), file)[..10], [32; 10]);
    assert_well(&mut store);
}

#[test]
fn memory_that_is_not_there_is_named() {
    let error = SharedFrames::new(1 << 40).err().unwrap().to_string();
    assert!(error.contains("shared memory for pages"), "{error}");
    assert!(SharedFrames::new(usize::MAX).is_err());
    // On the heap it is no other.
    let _ = Heap::new(16);
}
