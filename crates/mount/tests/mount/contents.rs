//! Contents: written, read, cut, with holes, by several at once; and the times of it.

use crate::Place;
use mount::Options;
use rustix::fs::{FallocateFlags, SeekFrom, fallocate, seek};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::atomic::Ordering;
use std::time::{Duration, UNIX_EPOCH};

fn new(place: &Place) -> File {
    File::options().read(true).write(true).create_new(true).open(place.at("f")).unwrap()
}

#[test]
fn large_files_come_back_as_they_were() {
    let mut place = Place::new();
    let contents: Vec<u8> =
        (0..5_000_001_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    fs::write(place.at("f"), &contents).unwrap();
    // Not out of the kernel's memory.
    place.again();
    let before = place.files.reads.load(Ordering::Relaxed);
    assert!(fs::read(place.at("f")).unwrap() == contents);
    let asked = place.files.reads.load(Ordering::Relaxed) - before;
    assert!((1..=8).contains(&asked), "large pieces are read ahead, not {asked} small ones");
    let before = place.files.reads.load(Ordering::Relaxed);
    assert!(fs::read(place.at("f")).unwrap() == contents);
    assert_eq!(place.files.reads.load(Ordering::Relaxed), before, "this time from memory");
}

#[test]
fn files_are_cut_and_grow_with_zeros() {
    let place = Place::new();
    fs::write(place.at("f"), vec![7; 10_000]).unwrap();
    let file = File::options().read(true).write(true).open(place.at("f")).unwrap();
    file.set_len(5_000).unwrap();
    file.set_len(9_000).unwrap();
    let contents = fs::read(place.at("f")).unwrap();
    assert!(contents[..5_000].iter().all(|byte| *byte == 7));
    assert_eq!(contents[5_000..], vec![0; 4_000]);
    File::create(place.at("f")).unwrap();
    assert_eq!(fs::metadata(place.at("f")).unwrap().len(), 0);
}

#[test]
fn holes_are_found_made_and_read_as_zeros() {
    let place = Place::new();
    let file = new(&place);
    file.write_all_at(b"begin", 0).unwrap();
    file.write_all_at(b"end", 1 << 20).unwrap();
    file.sync_all().unwrap();
    let data = |at| seek(&file, SeekFrom::Data(at));
    let hole = |at| seek(&file, SeekFrom::Hole(at));
    assert_eq!((data(0), hole(0)), (Ok(0), Ok(4096)));
    assert_eq!((data(4096), hole(1 << 20)), (Ok(1 << 20), Ok((1 << 20) + 3)));
    assert_eq!(data((1 << 20) + 3), Err(rustix::io::Errno::NXIO));
    assert_eq!(file.metadata().unwrap().blocks(), 16);

    file.write_all_at(&vec![1; 20_000], 0).unwrap();
    let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    fallocate(&file, punch, 5_000, 10_000).unwrap();
    let mut contents = vec![9; 20_000];
    file.read_exact_at(&mut contents, 0).unwrap();
    assert!(contents[..5_000].iter().chain(&contents[15_000..]).all(|byte| *byte == 1));
    assert!(contents[5_000..15_000].iter().all(|byte| *byte == 0));
    assert_eq!(hole(0), Ok(8192));

    fallocate(&file, FallocateFlags::KEEP_SIZE, 2 << 20, 4096).unwrap();
    assert_eq!(file.metadata().unwrap().len(), (1 << 20) + 3);
    fallocate(&file, FallocateFlags::empty(), 2 << 20, 4096).unwrap();
    assert_eq!(file.metadata().unwrap().len(), (2 << 20) + 4096);
    fallocate(&file, FallocateFlags::ZERO_RANGE, 0, 100).unwrap();
    file.read_exact_at(&mut contents[..200], 0).unwrap();
    assert_eq!(contents[..200], [vec![0; 100], vec![1; 100]].concat());
    let refused = fallocate(&file, FallocateFlags::COLLAPSE_RANGE, 0, 4096);
    assert_eq!(refused, Err(rustix::io::Errno::OPNOTSUPP));
}

#[test]
fn what_is_written_and_not_yet_stored_is_no_hole() {
    let place = Place::new();
    let file = new(&place);
    file.set_len(1 << 20).unwrap();
    file.write_all_at(&[5; 8192], 1 << 16).unwrap();
    // The kernel has these bytes and the store does not: who copies the file must not leave them out.
    let other = File::open(place.at("f")).unwrap();
    assert_eq!(seek(&other, SeekFrom::Data(0)), Ok(1 << 16));
}

#[test]
fn many_can_ask_for_holes_while_the_kernel_writes() {
    let place = Place::with(&Options { threads: 2, ..Options::default() });
    std::thread::scope(|scope| {
        for who in 0..8_u64 {
            let path = place.at(&format!("f{who}"));
            scope.spawn(move || {
                let file = File::options().read(true).write(true).create_new(true).open(path);
                let file = file.unwrap();
                file.set_len(1 << 24).unwrap();
                for round in 1..40 {
                    let at = (40 - round) << 16;
                    file.write_all_at(&[1; 5000], at).unwrap();
                    assert_eq!(seek(&file, SeekFrom::Data(0)), Ok(at));
                    assert_eq!(seek(&file, SeekFrom::Hole(at)), Ok(at + 8192));
                }
            });
        }
    });
}

#[test]
fn everybody_who_appends_does_so_at_the_end() {
    let place = Place::new();
    File::create(place.at("log")).unwrap();
    let line = |who: usize, number: usize| format!("{who} {number:05}\n");
    std::thread::scope(|scope| {
        for who in 0..4 {
            let path = place.at("log");
            scope.spawn(move || {
                let mut log = File::options().append(true).open(path).unwrap();
                for number in 0..500 {
                    log.write_all(line(who, number).as_bytes()).unwrap();
                }
            });
        }
    });
    let log = fs::read_to_string(place.at("log")).unwrap();
    assert_eq!(log.lines().count(), 2_000);
    for who in 0..4 {
        let mine = log.lines().filter(|line| line.starts_with(&who.to_string()));
        let theirs: Vec<String> = mine.map(|found| format!("{found}\n")).collect();
        assert_eq!(theirs, (0..500).map(|number| line(who, number)).collect::<Vec<_>>());
    }
}

#[test]
fn times_are_kept_to_the_nanosecond() {
    let mut place = Place::new();
    fs::write(place.at("f"), "x").unwrap();
    let file = File::options().write(true).open(place.at("f")).unwrap();
    let read = UNIX_EPOCH + Duration::new(1_234_567_890, 123_456_789);
    let changed = UNIX_EPOCH + Duration::new(4_000_000_000, 987_654_321);
    file.set_times(fs::FileTimes::new().set_accessed(read).set_modified(changed)).unwrap();
    drop(file);
    place.again();
    let found = fs::metadata(place.at("f")).unwrap();
    assert_eq!((found.accessed().unwrap(), found.modified().unwrap()), (read, changed));
    assert!(found.ctime() > 1_500_000_000);
}

#[test]
fn times_before_1970() {
    let mut place = Place::new();
    for nanoseconds in [-1_i64, -1_200_000_000, -5_000_000_000, -(1 << 62)] {
        place.python(&format!(
            "import os; open('f', 'w').close(); os.utime('f', ns=({nanoseconds}, 5))"
        ));
        let stored = place.stored("f");
        let (seconds, rest) =
            (nanoseconds.div_euclid(1_000_000_000), nanoseconds.rem_euclid(1_000_000_000));
        assert_eq!((stored.read.seconds, i64::from(stored.read.nanoseconds)), (seconds, rest));
        assert_eq!((stored.changed.seconds, stored.changed.nanoseconds), (0, 5));
        place.again();
        let found = fs::metadata(place.at("f")).unwrap();
        assert_eq!((found.atime(), found.atime_nsec()), (seconds, rest));
    }
}

#[test]
fn two_processes_share_mapped_memory() {
    let place = Place::new();
    let said = place.python(
        "import mmap, os\n\
         f = open('f', 'w+b'); f.truncate(8192)\n\
         a = mmap.mmap(f.fileno(), 8192)\n\
         if os.fork() == 0:\n\
         \x20   g = open('f', 'r+b'); b = mmap.mmap(g.fileno(), 8192)\n\
         \x20   while b[0] != 1: pass\n\
         \x20   b[5000:5005] = b'child'; b[0] = 2\n\
         \x20   os._exit(0)\n\
         a[0] = 1\n\
         while a[0] != 2: pass\n\
         os.wait()\n\
         print(a[5000:5005].decode())\n\
         a.close(); f.seek(5000); print(f.read(5).decode())",
    );
    assert_eq!(said, "child\nchild\n");
    let mut contents = Vec::new();
    File::open(place.at("f")).unwrap().read_to_end(&mut contents).unwrap();
    assert_eq!((contents.len(), &contents[5000..5005]), (8192, &b"child"[..]));
}

#[test]
fn fsync_reaches_the_store_after_the_bytes_did() {
    let place = Place::new();
    let mut file = File::create(place.at("f")).unwrap();
    file.write_all(b"safe").unwrap();
    let before = place.files.syncs.load(Ordering::Relaxed);
    file.sync_all().unwrap();
    assert_eq!(place.files.syncs.load(Ordering::Relaxed), before + 1);
    let folder = File::open(place.root()).unwrap();
    folder.sync_all().unwrap();
    assert_eq!(place.files.syncs.load(Ordering::Relaxed), before + 2);
}

#[test]
fn what_the_kernel_writes_later_does_not_change_when_it_was_written() {
    let mut place = Place::new();
    // Mapped memory: what is written to it is sent long after the times were.
    let said = place.python(
        "import mmap, os, time\n\
         f = open('f', 'w+b'); f.truncate(8192); m = mmap.mmap(f.fileno(), 8192)\n\
         for round in range(20):\n\
         \x20   m[5000] = round + 1; os.fsync(f.fileno()); time.sleep(0.01)\n\
         m[5000] = 99; time.sleep(0.05); m.flush()\n\
         s = os.stat('f'); print(s.st_mtime_ns, s.st_ctime_ns)",
    );
    let mut seen = said.split_whitespace().map(|number| number.parse::<i64>().unwrap());
    place.again();
    let found = fs::metadata(place.at("f")).unwrap();
    let nanoseconds = |seconds: i64, rest: i64| Some(seconds * 1_000_000_000 + rest);
    assert_eq!(nanoseconds(found.mtime(), found.mtime_nsec()), seen.next());
    assert_eq!(nanoseconds(found.ctime(), found.ctime_nsec()), seen.next());
    assert_eq!(fs::read(place.at("f")).unwrap()[5000], 99);
}

#[test]
fn how_much_room_a_file_takes_is_shown_when_it_was_written() {
    let place = Place::new();
    let file = new(&place);
    file.set_len(1 << 20).unwrap();
    assert_eq!(file.metadata().unwrap().blocks(), 0);
    // Neither its size nor anything else changes that the kernel knows of.
    file.write_all_at(&vec![7; 65_536], 1 << 18).unwrap();
    file.sync_all().unwrap();
    system_tests::eventually("its blocks are shown", || file.metadata().unwrap().blocks() == 128);
    assert_eq!(fs::metadata(place.at("f")).unwrap().blocks(), 128);
}
