//! Where there is no more room: a small tmpfs in a mount namespace of its own.

use crate::block::Loop;
use crate::folder::Folder;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use store::host::{Access, Device, Error, Hold, Segments};
use store::medium::{Medium, Trouble};
use system_tests::{Namespace, Process, eventually, tool};

/// A small file system, seen from outside of its namespace through the process that lives in it.
struct Small {
    path: PathBuf,
    process: Process,
    _namespace: Namespace,
    /// What it is mounted on, inside.
    _folder: Folder,
}

impl Small {
    /// In memory.
    fn new(size: &str) -> Self {
        Self::mounted("tmpfs", &format!("size={size}"), "none")
    }

    fn mounted(kind: &str, how: &str, what: &str) -> Self {
        tool("unshare", "util-linux");
        tool("mount", "mount");
        let folder = Folder::new();
        let inside = folder.join("");
        let inside = inside.to_str().expect("a name in UTF-8");
        let namespace = Namespace::new();
        let script = "mount -t \"$1\" -o \"$2\" \"$3\" \"$0\" && : > \"$0/ready\" \
                      && while read -r how; do \
                             until mount -o \"remount,$how\" \"$0\"; do sleep 0.01; done; done";
        let command = ["unshare", "-m", "sh", "-c", script, inside, kind, how, what];
        let process = namespace.start(&command);
        let path = PathBuf::from(format!("/proc/{}/root{inside}", process.id()));
        eventually("the file system is mounted", || path.join("ready").exists());
        Self { path, process, _namespace: namespace, _folder: folder }
    }

    fn free(&self) -> u64 {
        let about = rustix::fs::statvfs(&self.path).unwrap();
        about.f_bavail * about.f_frsize
    }
}

/// A block device with ext4 on it, that lies in a folder and takes no more room than it needs.
fn small_ext4(folder: &Path, size: u64) -> Loop {
    tool("mkfs.ext4", "e2fsprogs");
    let image = folder.join("image");
    fs::File::create(&image).unwrap().set_len(size).unwrap();
    let block = Loop::over(image.to_str().unwrap());
    let made = Command::new("mkfs.ext4").args(["-q", "-O", "^has_journal", &block.0]).status();
    assert!(made.unwrap().success());
    block
}

fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_folder_that_cannot_grow_stays_as_it_was() {
    let small = Small::new("8m");
    let path = small.path.join("store");
    let segments = Segments::create(&path).unwrap();
    assert_eq!(segments.grow(1 << 30), Err(Trouble::Full));
    assert_eq!((segments.size(), names(&path)), (0, vec![]), "nothing was begun");
    segments.grow(4 << 20).unwrap();
    segments.write(0, &[1; 4096]).unwrap();
    let free = small.free();
    assert_eq!(segments.limit(), (4 << 20) + free);
    for size in [16 << 20, 2 << 30, u64::MAX] {
        assert_eq!(segments.grow(size), Err(Trouble::Full));
        assert_eq!(segments.size(), 4 << 20);
        assert_eq!(small.free(), free, "what was made in part was given back");
        assert_eq!(names(&path), ["segment-000000"]);
    }
    segments.grow(segments.limit()).unwrap();
    assert_eq!(small.free(), 0);
    // There is room for all that was grown, though there is none for anything else.
    let page = [3; 4096];
    (1..segments.size() / 4096).for_each(|page_number| {
        segments.write(page_number * 4096, &page).unwrap();
    });
    segments.sync().unwrap();
    assert_eq!(segments.limit(), segments.size());
    assert!(fs::write(small.path.join("other"), page).is_err(), "it is full indeed");
}

#[test]
fn a_second_segment_that_finds_no_room_is_not_left_behind() {
    let small = Small::new("8m");
    let path = small.path.join("store");
    fs::create_dir(&path).unwrap();
    let nearly = (1 << 30) - (1 << 20);
    fs::File::create(path.join("segment-000000")).unwrap().set_len(nearly).unwrap();
    let segments = Segments::open(&path, Access::Write).unwrap();
    let free = small.free();
    assert_eq!(segments.grow((1 << 30) + (32 << 20)), Err(Trouble::Full));
    assert_eq!(names(&path), ["segment-000000"]);
    assert_eq!(fs::metadata(path.join("segment-000000")).unwrap().len(), nearly);
    assert_eq!(small.free(), free);
    assert_eq!(segments.write(nearly, b"x"), Err(Trouble::Short));
    // And then with what there is.
    segments.grow((1 << 30) + (2 << 20)).unwrap();
    segments.write((1 << 30) - 1, b"ab").unwrap();
    segments.sync().unwrap();
}

/// On a real file system a reservation that fails may have been made in part.
#[test]
fn a_file_that_cannot_grow_stays_as_it_was() {
    let below = Small::new("16m");
    let block = small_ext4(&below.path, 8 << 20);
    for small in [Small::new("1m"), Small::mounted("ext4", "defaults", &block.0)] {
        let path = small.path.join("seal");
        let refused = Device::create(&path, 20 << 20);
        assert!(matches!(refused, Err(Error::Room { trouble: Trouble::Full, .. })));
        assert!(!path.exists());
        let device = Device::create(&path, 8192).unwrap();
        let free = small.free();
        assert_eq!(device.grow(20 << 20), Err(Trouble::Full));
        assert_eq!((device.size(), fs::metadata(&path).unwrap().len()), (8192, 8192));
        // All but a node of the file system's own, maybe.
        assert!(small.free() + 8192 >= free, "what was made in part was given back");
        device.grow(16384).unwrap();
        device.write(8192, &[1; 8192]).unwrap();
        device.sync().unwrap();
    }
}

#[test]
fn nothing_is_written_to_what_is_mounted_for_reading() {
    let mut small = Small::new("1m");
    let path = small.path.join("store");
    Segments::create(&path).unwrap().grow(4096).unwrap();
    drop(Device::create(&small.path.join("seal"), 8192).unwrap());
    small.process.feed(b"ro\n");
    eventually("it is read-only", || fs::write(small.path.join("ready"), "").is_err());
    let Err(refused) = Segments::open(&path, Access::Write) else {
        panic!("it opened for writing");
    };
    assert!(refused.to_string().contains("for reading only"), "{refused}");
    assert!(Device::open(&small.path.join("seal"), Access::Write).is_err());
    let mut byte = [1];
    Segments::open(&path, Access::Read).unwrap().read(4095, &mut byte).unwrap();
    assert_eq!(byte, [0]);
    // Nobody writes there who would have to know.
    Hold::take(&small.path.join("seal")).unwrap();
}

#[test]
fn an_error_of_synchronising_is_never_forgotten() {
    let small = Small::new("1m");
    let image = small.path.join("image");
    fs::File::create(&image).unwrap().set_len(8 << 20).unwrap();
    let block = Loop::over(image.to_str().unwrap());
    let device = Device::open(Path::new(&block.0), Access::Write).unwrap();
    device.write(0, &[1; 4096]).unwrap();
    device.sync().unwrap();
    // The kernel takes it, and finds no room below when it writes it back.
    let more = vec![2; 4 << 20];
    device.write(4096, &more).unwrap();
    let Err(trouble) = device.sync() else { panic!("4 MiB are safe in a file system of 1 MiB") };
    assert!(matches!(trouble, Trouble::Full | Trouble::System(_)), "{trouble:?}");
    assert_eq!(device.sync(), Err(trouble));
    device.write(0, &[3; 4096]).unwrap();
    assert_eq!(device.sync(), Err(trouble), "who comes later hears of it as well");
}

#[test]
fn an_error_of_a_segment_that_was_closed_since_is_not_forgotten() {
    let below = Small::new("8m");
    let block = small_ext4(&below.path, 64 << 20);
    let disk = Small::mounted("ext4", "errors=continue", &block.0);
    let path = disk.path.join("store");
    fs::create_dir(&path).unwrap();
    for number in 0..3 {
        let name = format!("segment-{number:06}");
        fs::File::create(path.join(name)).unwrap().set_len(1 << 30).unwrap();
    }
    let segments = Segments::open(&path, Access::Write).unwrap().with_open_at_most(1);
    segments.write(0, &[1; 4096]).unwrap();
    segments.sync().unwrap();
    segments.write(4096, &vec![2; 16 << 20]).unwrap();
    // Each closes the one before.
    let mut byte = [0];
    segments.read(1 << 30, &mut byte).unwrap();
    segments.read(2 << 30, &mut byte).unwrap();
    let Err(trouble) = segments.sync() else { panic!("16 MiB are safe on 8 MiB") };
    assert_eq!(segments.sync(), Err(trouble));
    segments.write(2 << 30, &[3; 4096]).unwrap();
    assert_eq!(segments.sync(), Err(trouble), "who comes later hears of it as well");
}
