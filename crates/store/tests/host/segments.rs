//! A folder of segments keeps what it was given, and says so when something of it is gone.

use crate::folder::Folder;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::{FileExt, MetadataExt, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use store::host::{Access, Error, Segments};
use store::medium::{Medium, Trouble};

const GIB: u64 = 1 << 30;

/// A folder with segments of any length that take no room.
fn sparse(path: &Path, lengths: &[u64]) {
    fs::create_dir(path).unwrap();
    for (number, length) in lengths.iter().enumerate() {
        let file = fs::File::create(path.join(format!("segment-{number:06}"))).unwrap();
        file.set_len(*length).unwrap();
    }
}

fn read(medium: &dyn Medium, at: u64, length: usize) -> Result<Vec<u8>, Trouble> {
    let mut into = vec![0xee; length];
    medium.read(at, &mut into).map(|()| into)
}

/// How many descriptors of this process lead into a folder.
fn open_in(folder: &Path) -> usize {
    let entries = fs::read_dir("/proc/self/fd").unwrap();
    let links = entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    links.filter(|link| link.parent() == Some(folder)).count()
}

#[test]
fn what_is_grown_is_zeros_and_what_is_written_is_read_after_opening_again() {
    let folder = Folder::new();
    let path = folder.join("store");
    let segments = Segments::create(&path).unwrap();
    assert_eq!(segments.size(), 0);
    assert_eq!(segments.write(0, b"x"), Err(Trouble::Short), "there is no room yet");
    segments.grow(1 << 20).unwrap();
    segments.grow(1 << 16).unwrap();
    assert_eq!(segments.size(), 1 << 20, "it never gets smaller");
    assert_eq!(fs::metadata(path.join("segment-000000")).unwrap().blocks() * 512, 1 << 20);
    assert_eq!(read(&segments, 4096, 8192).unwrap(), vec![0; 8192]);
    segments.write((1 << 20) - 5, b"hello").unwrap();
    assert_eq!(segments.write((1 << 20) - 4, b"hello"), Err(Trouble::Short));
    assert_eq!(segments.write(u64::MAX, b"hello"), Err(Trouble::Short));
    assert_eq!(read(&segments, (1 << 20) - 4, 5), Err(Trouble::Short));
    segments.sync().unwrap();
    assert!(segments.limit() > 1 << 20);
    drop(segments);
    let again = Segments::open(&path, Access::Read).unwrap();
    assert_eq!(read(&again, (1 << 20) - 5, 5).unwrap(), b"hello");
    assert_eq!(again.limit(), 1 << 20);
    assert_eq!(again.write(0, b"x"), Err(Trouble::ReadOnly));
    assert_eq!(again.grow(1 << 21), Err(Trouble::ReadOnly));
    again.discard(0, 1 << 20);
    assert_eq!(read(&again, (1 << 20) - 5, 5).unwrap(), b"hello");
    assert!(matches!(Segments::create(&path), Err(Error::Exists { .. })));
}

#[test]
fn a_range_goes_on_in_the_next_segment() {
    let folder = Folder::new();
    let path = folder.join("store");
    sparse(&path, &[GIB, 3 << 20]);
    let segments = Segments::open(&path, Access::Write).unwrap();
    assert_eq!(segments.size(), GIB + (3 << 20));
    let bytes: Vec<u8> = (0..2 << 20).map(|index: u32| (index % 251) as u8).collect();
    segments.write(GIB - (1 << 20), &bytes).unwrap();
    segments.sync().unwrap();
    assert_eq!(read(&segments, GIB - (1 << 20), bytes.len()).unwrap(), bytes);
    let mut half = vec![0; 1 << 20];
    fs::File::open(path.join("segment-000001")).unwrap().read_exact_at(&mut half, 0).unwrap();
    assert_eq!(half, bytes[1 << 20..]);
    segments.grow(GIB + (4 << 20)).unwrap();
    assert_eq!(fs::metadata(path.join("segment-000001")).unwrap().len(), 4 << 20);
}

#[test]
fn growing_makes_each_segment_full_before_the_next() {
    let folder = Folder::new();
    let path = folder.join("store");
    sparse(&path, &[GIB - 4096]);
    let segments = Segments::open(&path, Access::Write).unwrap();
    segments.grow(GIB + 4096).unwrap();
    segments.write(GIB - 1, b"ab").unwrap();
    assert_eq!(read(&segments, GIB - 2, 4).unwrap(), b"\0ab\0");
    assert_eq!(fs::metadata(path.join("segment-000000")).unwrap().len(), GIB);
    assert_eq!(fs::metadata(path.join("segment-000001")).unwrap().len(), 4096);
    segments.sync().unwrap();
}

#[test]
fn what_is_missing_is_short_and_never_zeros() {
    let folder = Folder::new();
    let path = folder.join("store");
    sparse(&path, &[GIB, GIB, GIB, GIB, 8192]);
    fs::remove_file(path.join("segment-000001")).unwrap();
    OpenOptions::new()
        .write(true)
        .open(path.join("segment-000002"))
        .unwrap()
        .set_len(4096)
        .unwrap();
    fs::remove_file(path.join("segment-000003")).unwrap();
    symlink("segment-000000", path.join("segment-000003")).unwrap();
    for access in [Access::Read, Access::Write] {
        let segments = Segments::open(&path, access).unwrap();
        assert_eq!(segments.size(), 4 * GIB + 8192);
        assert_eq!(read(&segments, 0, 16).unwrap(), vec![0; 16]);
        assert_eq!(read(&segments, 2 * GIB, 4096).unwrap(), vec![0; 4096]);
        for gone in [GIB, GIB - 1, 2 * GIB - 1, 2 * GIB + 4095, 2 * GIB + 4096, 3 * GIB] {
            assert_eq!(read(&segments, gone, 2), Err(Trouble::Short), "at {gone:#x}");
        }
        if access == Access::Write {
            assert_eq!(segments.write(2 * GIB + 4096, b"x"), Err(Trouble::Short));
            assert_eq!(segments.write(GIB, b"x"), Err(Trouble::Short));
            assert_eq!(segments.write(3 * GIB, b"x"), Err(Trouble::Short));
        }
    }
    assert_eq!(fs::metadata(path.join("segment-000002")).unwrap().len(), 4096);
    assert!(!path.join("segment-000001").exists());
}

#[test]
fn what_is_cut_off_while_it_is_open_is_short() {
    let folder = Folder::new();
    let path = folder.join("store");
    let segments = Segments::create(&path).unwrap();
    segments.grow(1 << 20).unwrap();
    let file = OpenOptions::new().write(true).open(path.join("segment-000000")).unwrap();
    file.set_len(4096).unwrap();
    assert_eq!(read(&segments, 0, 4096).unwrap(), vec![0; 4096]);
    assert_eq!(read(&segments, 0, 4097), Err(Trouble::Short));
}

#[test]
fn a_pipe_in_the_place_of_a_segment_makes_nobody_wait() {
    let folder = Folder::new();
    let path = folder.join("store");
    sparse(&path, &[GIB, 4096]);
    let segments = Segments::open(&path, Access::Read).unwrap();
    fs::remove_file(path.join("segment-000000")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        path.join("segment-000000"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    assert_eq!(read(&segments, 0, 1), Err(Trouble::Short));
    assert_eq!(read(&Segments::open(&path, Access::Write).unwrap(), 0, 1), Err(Trouble::Short));
}

#[test]
fn few_are_open_at_a_time_and_nothing_is_lost_by_closing_them() {
    let folder = Folder::new();
    let path = folder.join("store");
    sparse(&path, &[GIB; 300]);
    let segments = Segments::open(&path, Access::Write).unwrap();
    assert!(open_in(&path) <= 64, "{} after opening", open_in(&path));
    for round in 0_u64..2 {
        for number in 0..300 {
            segments.write(number * GIB + 4096, &(number + round).to_le_bytes()).unwrap();
            assert!(open_in(&path) <= 64, "{} are open", open_in(&path));
        }
        for number in (0..300).rev() {
            let bytes = read(&segments, number * GIB + 4096, 8).unwrap();
            assert_eq!(bytes, (number + round).to_le_bytes());
        }
    }
    segments.sync().unwrap();
    let few = Segments::open(&path, Access::Write).unwrap().with_open_at_most(3);
    drop(segments);
    assert!(open_in(&path) <= 3, "{} are open", open_in(&path));
    few.write(7 * GIB, b"x").unwrap();
    (0..300).for_each(|number| few.write(number * GIB, b"y").unwrap());
    assert!(open_in(&path) <= 3, "{} are open", open_in(&path));
    few.sync().unwrap();
    assert_eq!(read(&few, 7 * GIB, 1).unwrap(), b"y");
}

#[test]
fn threads_read_what_they_wrote_while_others_write_and_synchronise() {
    const THREADS: u64 = 6;
    let folder = Folder::new();
    let path = folder.join("store");
    sparse(&path, &[GIB; 12]);
    // Fewer than there are segments, so that they are opened and closed all the time.
    let segments = Segments::open(&path, Access::Write).unwrap().with_open_at_most(4);
    let (stop, syncs) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        let writers: Vec<_> = (0..THREADS)
            .map(|thread| {
                let segments = &segments;
                scope.spawn(move || {
                    for round in 0..400_u64 {
                        // Across the border between two segments each fourth time.
                        let at = (round % 11 + 1) * GIB - if round % 4 == 0 { 4 } else { 8 };
                        let at = at - thread * 16;
                        let bytes = (round << 8 | thread).to_le_bytes();
                        if round % 4 == 0 && thread > 0 {
                            continue;
                        }
                        segments.write(at, &bytes).unwrap();
                        assert_eq!(read(segments, at, 8).unwrap(), bytes);
                        if round % 50 == 0 {
                            segments.sync().unwrap();
                        }
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                segments.sync().unwrap();
                syncs.fetch_add(1, Ordering::Relaxed);
            }
        });
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                segments.grow(segments.size() + 4096).unwrap();
                thread::yield_now();
            }
        });
        let ended: Vec<_> = writers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        stop.store(true, Ordering::Relaxed);
        for ended in ended {
            ended.unwrap();
        }
    });
    assert!(syncs.load(Ordering::Relaxed) > 0);
    let size = segments.size();
    assert!(size > 12 * GIB);
    drop(segments);
    assert_eq!(Segments::open(&path, Access::Read).unwrap().size(), size);
}

#[test]
fn discarded_bytes_give_their_room_back_and_the_others_stay() {
    let folder = Folder::new();
    let path = folder.join("store");
    let segments = Segments::create(&path).unwrap();
    segments.grow(1 << 20).unwrap();
    segments.write(0, &vec![7; 1 << 20]).unwrap();
    segments.sync().unwrap();
    let held = || fs::metadata(path.join("segment-000000")).unwrap().blocks() * 512;
    assert!(held() >= 1 << 20);
    segments.discard(1 << 18, 1 << 19);
    segments.discard(1 << 19, u64::MAX);
    assert!(held() <= 1 << 19, "{} bytes are held", held());
    assert_eq!(segments.size(), 1 << 20);
    assert_eq!(read(&segments, 0, 1 << 18).unwrap(), vec![7; 1 << 18]);
    assert_eq!(read(&segments, 3 << 18, 1 << 18).unwrap(), vec![7; 1 << 18]);
    segments.foresee(0, 1 << 20);
    segments.foresee(0, u64::MAX);
}

#[test]
fn a_segment_that_a_crash_left_empty_is_used() {
    let folder = Folder::new();
    let path = folder.join("store");
    sparse(&path, &[GIB, 0]);
    let segments = Segments::open(&path, Access::Write).unwrap();
    assert_eq!(segments.size(), GIB);
    segments.grow(GIB + 4096).unwrap();
    segments.write(GIB, b"x").unwrap();
    assert_eq!(read(&segments, GIB, 2).unwrap(), b"x\0");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn it_reads_as_a_row_of_bytes(writes in prop::collection::vec(
        ((0..3_u64), (-5000_i64..5000), prop::collection::vec(any::<u8>(), 0..9000)), 1..12
    )) {
        let folder = Folder::new();
        let path = folder.join("store");
        sparse(&path, &[GIB, GIB, GIB, 16384]);
        let segments = Segments::open(&path, Access::Write).unwrap().with_open_at_most(2);
        let mut expected = BTreeMap::new();
        for (border, offset, bytes) in &writes {
            let at = ((border + 1) * GIB).strict_add_signed(*offset);
            segments.write(at, bytes).unwrap();
            expected.extend((at..).zip(bytes.iter().copied()));
        }
        for border in 1..=3 {
            let at = border * GIB - 5000;
            let bytes = read(&segments, at, 15000).unwrap();
            for (at, byte) in (at..).zip(bytes) {
                prop_assert_eq!(byte, expected.get(&at).copied().unwrap_or(0), "at {:#x}", at);
            }
        }
    }
}
