//! Reading past the kernel's cache: what is read is the same, and the cache is not asked.

use crate::block::Loop;
use crate::folder::Folder;
use std::fs;
use store::host::{Access, Device, Segments};
use store::medium::{Medium, Trouble};

const GIB: u64 = 1 << 30;
const BLOCK: usize = 4096;

/// Room for 64 blocks, somewhere in which it begins at a multiple of one.
struct Room(Vec<u8>);

impl Room {
    fn new() -> Self {
        Self(vec![0xee; 65 * BLOCK])
    }

    /// From where it begins so.
    fn aligned(&mut self) -> &mut [u8] {
        let skip = self.0.as_ptr().align_offset(BLOCK);
        &mut self.0[skip..skip + 64 * BLOCK]
    }
}

/// Bytes that are the same nowhere.
fn pattern(at: u64, length: usize) -> Vec<u8> {
    (at..).take(length).map(|place| (place ^ (place >> 8) ^ (place >> 16)) as u8).collect()
}

/// How many bytes devices gave to this process.
fn from_devices() -> u64 {
    let io = fs::read_to_string("/proc/self/io").unwrap();
    let line = io.lines().find_map(|line| line.strip_prefix("read_bytes: ")).unwrap();
    line.parse().unwrap()
}

/// Whole blocks and other bytes, to where one can begin and to elsewhere.
fn reads_what_was_written(medium: &dyn Medium, from: u64, end: u64) {
    for (at, length) in [
        (from, 64 * BLOCK),
        (from + BLOCK as u64, BLOCK),
        (from + 512, BLOCK),
        (from + 7, 3 * BLOCK),
        (end - BLOCK as u64, BLOCK),
        (end - 9, 9),
    ] {
        for shift in [0, 1, 512] {
            let mut room = Room::new();
            let into = &mut room.aligned()[shift..(shift + length).min(64 * BLOCK)];
            medium.read_straight(at, into).unwrap();
            assert!(*into == pattern(at, into.len()), "{} bytes at {at} to {shift}", into.len());
        }
    }
    for (at, length) in [(end, 1), (end - BLOCK as u64, BLOCK + 1), (u64::MAX, BLOCK)] {
        assert_eq!(
            medium.read_straight(at, &mut Room::new().aligned()[..length]),
            Err(Trouble::Short)
        );
    }
}

#[test]
fn segments_give_what_was_written_a_moment_ago() {
    let folder = Folder::new();
    let path = folder.join("store");
    let segments = Segments::create(&path).unwrap().with_open_at_most(1);
    segments.grow(GIB + (1 << 20)).unwrap();
    // From one segment to the next, so that some reads are of both.
    let from = GIB - 32 * BLOCK as u64;
    segments.write(from, &pattern(from, (1 << 20) + 32 * BLOCK)).unwrap();
    reads_what_was_written(&segments, from, GIB + (1 << 20));
    for round in 0..20 {
        segments.write(GIB, &[round; BLOCK]).unwrap();
        let mut room = Room::new();
        segments.read_straight(GIB, &mut room.aligned()[..BLOCK]).unwrap();
        assert_eq!(room.aligned()[..BLOCK], [round; BLOCK]);
    }
}

#[test]
fn a_segment_that_was_cut_off_or_taken_away_is_noticed() {
    let folder = Folder::new();
    let path = folder.join("store");
    let segments = Segments::create(&path).unwrap();
    segments.grow(1 << 20).unwrap();
    segments.write(0, &pattern(0, 1 << 20)).unwrap();
    drop(segments);
    let segment = fs::File::options().write(true).open(path.join("segment-000000")).unwrap();
    let segments = Segments::open(&path, Access::Read).unwrap();
    let mut room = Room::new();
    segments.read_straight(0, room.aligned()).unwrap();
    segment.set_len(10 * BLOCK as u64 + 100).unwrap();
    assert_eq!(segments.read_straight(0, room.aligned()), Err(Trouble::Short));
    segments.read_straight(0, &mut room.aligned()[..10 * BLOCK]).unwrap();
    drop(segments);
    let segments = Segments::open(&path, Access::Read).unwrap();
    fs::remove_file(path.join("segment-000000")).unwrap();
    assert_eq!(segments.read_straight(0, &mut room.aligned()[..BLOCK]), Err(Trouble::Short));
}

#[test]
fn a_device_is_asked_again_for_what_the_kernel_has() {
    let folder = Folder::new();
    let path = folder.join("disk");
    fs::write(&path, pattern(0, 1 << 20)).unwrap();
    let device = Loop::over(path.to_str().unwrap());
    let opened = Device::open(device.0.as_ref(), Access::Write).unwrap();
    reads_what_was_written(&opened, 0, 1 << 20);
    let mut room = Room::new();
    opened.read(0, room.aligned()).unwrap();
    let before = from_devices();
    opened.read(0, room.aligned()).unwrap();
    assert_eq!(from_devices(), before, "the kernel had it");
    opened.read_straight(0, room.aligned()).unwrap();
    assert_eq!(from_devices() - before, 64 * BLOCK as u64);
}
