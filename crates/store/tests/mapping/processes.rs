//! Real processes: what one writes, the other and the store see.

use crate::mapper::How::{Private, Shared};
use crate::mapper::Mapper;
use crate::world::{World, assert_well, at, contents, make, resize};
use store::host::SharedFrames;
use store::{Allocate, Error, ObjectId};

const PAGE: usize = 4096;

fn three_pages() -> Vec<u8> {
    (0..3 * PAGE).map(|byte| u8::try_from(byte % 251).unwrap()).collect()
}

#[test]
fn two_processes_and_the_store_see_the_same_page() {
    let frames = SharedFrames::new(32).unwrap();
    let (mut one, mut other) = (Mapper::new(&frames), Mapper::new(&frames));
    let (world, mut store) = World::new(frames);
    let file = make(&mut store, "file");
    let mut expected = three_pages();
    store.write(file, 0, &expected, at(2)).unwrap();
    store.sync(at(2), false).unwrap();
    // Each has its own mapping of the one page.
    let (first, second) =
        (store.map_page(file, 1, true).unwrap(), store.map_page(file, 1, true).unwrap());
    let frame = first.frame();
    assert_eq!(frame, second.frame());
    assert_eq!(one.read(Shared, frame, 0, PAGE), expected[PAGE..2 * PAGE]);
    one.write(Shared, frame, 10, b"one");
    assert_eq!(other.read(Shared, frame, 10, 3), b"one");
    other.write(Shared, frame, 4000, b"other");
    assert_eq!(one.read(Shared, frame, 4000, 5), b"other");
    expected[PAGE + 10..PAGE + 13].copy_from_slice(b"one");
    expected[PAGE + 4000..PAGE + 4005].copy_from_slice(b"other");
    assert_eq!(contents(&mut store, file), expected);
    store.write(file, 4090, b"from the store", at(2)).unwrap();
    expected[4090..4104].copy_from_slice(b"from the store");
    assert_eq!(one.read(Shared, frame, 0, 8), b"he store"[..]);
    assert_eq!(other.read(Shared, frame, 0, 8), b"he store"[..]);
    // What a private map is made to show is nobody else's.
    one.write(Private, frame, 100, b"private");
    assert_eq!(one.read(Private, frame, 100, 7), b"private");
    store.sync(at(3), false).unwrap();
    other.write(Shared, frame, 4000, b"OTHER");
    expected[PAGE + 4000..PAGE + 4005].copy_from_slice(b"OTHER");
    store.sync(at(5), false).unwrap();
    assert_eq!(store.attributes(file).unwrap().changed, at(5));
    // A process that is gone has written what it has written.
    one.write(Shared, frame, 200, b"then killed");
    expected[PAGE + 200..PAGE + 211].copy_from_slice(b"then killed");
    drop(one);
    store.unmap_page(first, at(6)).unwrap();
    store.sync(at(7), false).unwrap();
    other.write(Shared, frame, 300, b"not synchronised");
    for seed in 0..8 {
        let crashed = world.crash(seed);
        let mut store = crashed.read();
        assert_eq!(contents(&mut store, file), expected);
        assert_well(&mut store);
    }
    expected[PAGE + 300..PAGE + 316].copy_from_slice(b"not synchronised");
    other.unmap(Shared, frame);
    store.unmap_page(second, at(8)).unwrap();
    assert_eq!(store.attributes(file).unwrap().changed, at(8));
    store.finish(at(9), false).unwrap();
    let mut store = world.crash(9).read();
    assert_eq!(contents(&mut store, file), expected);
    assert_well(&mut store);
}

#[test]
fn a_frame_that_is_mapped_is_nobody_elses() {
    let frames = SharedFrames::new(16).unwrap();
    let mut process = Mapper::new(&frames);
    let (_world, mut store) = World::new(frames);
    let (file, other) = (make(&mut store, "file"), make(&mut store, "other"));
    store.write(file, 0, &three_pages(), at(2)).unwrap();
    let mapping = store.map_page(file, 2, true).unwrap();
    let frame = mapping.frame();
    let secret = vec![0xee; 40 * PAGE];
    let mut press = |store: &mut store::Store, expected: &[u8]| {
        store.write(other, 0, &secret, at(3)).unwrap();
        store.sync(at(3), false).unwrap();
        assert_eq!(contents(store, other), secret);
        assert_eq!(process.read(Shared, frame, 0, PAGE), expected);
    };
    press(&mut store, &three_pages()[2 * PAGE..]);
    // Made shorter: to the middle of the page, to its beginning, to nothing.
    resize(&mut store, file, 2 * PAGE as u64 + 50);
    let cut = [&three_pages()[2 * PAGE..2 * PAGE + 50], &[0; PAGE - 50]].concat();
    press(&mut store, &cut);
    resize(&mut store, file, 2 * PAGE as u64);
    press(&mut store, &[0; PAGE]);
    resize(&mut store, file, 0);
    press(&mut store, &[0; PAGE]);
    // Without a name it stays as long as it is mapped, as far as it is known to the store.
    store.unlink(ObjectId::ROOT, b"file", at(4)).unwrap();
    press(&mut store, &[0; PAGE]);
    assert_eq!(store.attributes(file).unwrap().links, 0);
    store.unmap_page(mapping, at(5)).unwrap();
    assert_eq!(store.attributes(file), Err(Error::Stale));
    store.finish(at(6), false).unwrap();
    assert_well(&mut store);
}

#[test]
fn beyond_the_end_is_no_part_of_the_file_until_it_grows_again() {
    let frames = SharedFrames::new(16).unwrap();
    let mut process = Mapper::new(&frames);
    let (world, mut store) = World::new(frames);
    let file = make(&mut store, "file");
    store.write(file, 0, &three_pages()[..PAGE + 100], at(2)).unwrap();
    let mapping = store.map_page(file, 1, true).unwrap();
    let frame = mapping.frame();
    // In the last page, beyond the end.
    process.write(Shared, frame, 90, &[1; 1000]);
    store.sync(at(3), false).unwrap();
    let mut expected = three_pages()[..PAGE + 100].to_vec();
    expected[PAGE + 90..].fill(1);
    let size = 3 * PAGE as u64;
    let mut crashed = world.crash(1).open(SharedFrames::new(16).unwrap(), 5);
    resize(&mut crashed, file, size);
    let grown = [&expected[..], &[0; 2 * PAGE - 100]].concat();
    assert_eq!(contents(&mut crashed, file), grown);
    process.write(Shared, frame, 90, &[1; 1000]);
    resize(&mut store, file, size);
    expected.resize(3 * PAGE, 0);
    assert_eq!(contents(&mut store, file), expected);
    assert_eq!(process.read(Shared, frame, 0, PAGE), expected[PAGE..2 * PAGE]);
    // The whole page.
    resize(&mut store, file, 100);
    process.write(Shared, frame, 0, &[2; PAGE]);
    store.sync(at(4), false).unwrap();
    store.write(file, size - 1, b"!", at(4)).unwrap();
    expected[100..].fill(0);
    expected[3 * PAGE - 1] = b'!';
    assert_eq!(contents(&mut store, file), expected);
    assert_eq!(process.read(Shared, frame, 0, PAGE), [0; PAGE]);
    // And it is the file's again.
    process.write(Shared, frame, 5, b"again");
    expected[PAGE + 5..PAGE + 10].copy_from_slice(b"again");
    store.sync(at(5), false).unwrap();
    assert_eq!(contents(&mut world.crash(2).read(), file), expected);
    // Also when it was cut off last.
    resize(&mut store, file, 0);
    process.write(Shared, frame, 0, &[3; PAGE]);
    process.unmap(Shared, frame);
    store.unmap_page(mapping, at(6)).unwrap();
    resize(&mut store, file, size);
    assert_eq!(contents(&mut store, file), vec![0; 3 * PAGE]);
    store.finish(at(7), false).unwrap();
    let mut store = world.crash(3).read();
    assert_eq!(contents(&mut store, file), vec![0; 3 * PAGE]);
    assert_well(&mut store);
}

#[test]
fn a_hole_can_be_mapped_and_a_mapped_page_become_one() {
    let frames = SharedFrames::new(16).unwrap();
    let mut process = Mapper::new(&frames);
    let (world, mut store) = World::new(frames);
    let file = make(&mut store, "file");
    resize(&mut store, file, 10 * PAGE as u64);
    store.sync(at(2), false).unwrap();
    let mapping = store.map_page(file, 4, true).unwrap();
    let frame = mapping.frame();
    store.sync(at(3), false).unwrap();
    assert_eq!(store.attributes(file).unwrap().blocks, 0, "nobody has written to it");
    process.write(Shared, frame, 0, b"in a hole");
    store.sync(at(4), false).unwrap();
    assert_eq!(store.attributes(file).unwrap().blocks, 1);
    let mut expected = vec![0; 10 * PAGE];
    expected[4 * PAGE..4 * PAGE + 9].copy_from_slice(b"in a hole");
    assert_eq!(contents(&mut world.crash(1).read(), file), expected);
    let (from, length) = (3 * PAGE as u64, 4 * PAGE as u64);
    store.allocate(file, Allocate::Punch, from, length, at(5)).unwrap();
    assert_eq!(process.read(Shared, frame, 0, PAGE), [0; PAGE]);
    assert_eq!(contents(&mut store, file), vec![0; 10 * PAGE]);
    store.sync(at(6), false).unwrap();
    assert_eq!(store.attributes(file).unwrap().blocks, 0);
    process.write(Shared, frame, 0, b"once more");
    expected[4 * PAGE..4 * PAGE + 9].copy_from_slice(b"once more");
    assert_eq!(contents(&mut store, file), expected);
    store.unmap_page(mapping, at(7)).unwrap();
    store.finish(at(8), false).unwrap();
    let mut store = world.crash(2).read();
    assert_eq!(contents(&mut store, file), expected);
    assert_well(&mut store);
}

#[test]
fn who_reads_only_maps_without_writing() {
    let frames = SharedFrames::new(16).unwrap();
    let (world, mut store) = World::new(frames);
    let file = make(&mut store, "file");
    store.write(file, 0, &three_pages(), at(2)).unwrap();
    store.finish(at(2), false).unwrap();
    let frames = SharedFrames::new(16).unwrap();
    let mut process = Mapper::new(&frames);
    let mut reader = world.read_with(frames);
    assert_eq!(reader.map_page(file, 0, true).unwrap_err(), Error::ReadOnly);
    let mapping = reader.map_page(file, 1, false).unwrap();
    let seen = process.read(Private, mapping.frame(), 0, PAGE);
    assert_eq!(seen, three_pages()[PAGE..2 * PAGE]);
    reader.unmap_page(mapping, at(3)).unwrap();
}
