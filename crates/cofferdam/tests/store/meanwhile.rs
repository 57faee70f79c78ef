//! Reading while others write: each reader has one commit, whole, however long it takes and however
//! many writers come and go; nobody is told of damage that is none.

use crate::world::{Running, World, noise, send};
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use system_tests::{eventually, tool};

/// A backup that has begun, and waits until somebody reads the rest of it.
struct SlowBackup(Running, Vec<u8>);

impl SlowBackup {
    fn begin(world: &World) -> Self {
        let mut command = world.command(&["backup", "s", "-"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut head = vec![0; 16];
        child.stdout.as_mut().unwrap().read_exact(&mut head).unwrap();
        Self(Running(child), head)
    }

    /// Reads the rest, which must be there and whole, and restores it to a folder.
    fn end(self, world: &World, to: &str) {
        let Self(mut child, mut bytes) = self;
        let Child { stdout, stderr, .. } = &mut child.0;
        stdout.as_mut().unwrap().read_to_end(&mut bytes).unwrap();
        let mut told = String::new();
        stderr.as_mut().unwrap().read_to_string(&mut told).unwrap();
        assert_eq!((child.0.wait().unwrap().code(), told), (Some(0), String::new()));
        world.file(&format!("{to}.backup"), &bytes);
        world.done(&["restore", &format!("{to}.backup"), to]);
        world.done(&["verify", to]);
    }
}

/// Files of two MiB each: more than pipes hold.
fn fill(world: &World) -> Vec<(String, Vec<u8>)> {
    let files = (0..6_u8).map(|number| {
        let bytes: Vec<_> = noise(2 << 20).into_iter().map(|byte| byte ^ number).collect();
        let name = format!("file{number}");
        world.file(&name, &bytes);
        world.done(&["put", "s", &name, &name]);
        (name, bytes)
    });
    files.collect()
}

fn same_as(world: &World, store: &str, files: &[(String, Vec<u8>)]) {
    for (name, bytes) in files {
        assert!(world.done(&["cat", store, name]) == *bytes, "{name} in {store}");
    }
}

#[test]
fn a_backup_outlasts_one_writer_after_the_other() {
    let world = World::new();
    let files = fill(&world);
    let size = || -> u64 {
        let segments = fs::read_dir(world.at("s")).unwrap().flatten();
        segments.map(|segment| segment.metadata().unwrap().len()).sum()
    };
    let before = size();
    let backup = SlowBackup::begin(&world);
    let second = "while they are kept";
    for round in 0..3_u8 {
        for (name, bytes) in &files {
            let bytes: Vec<_> = bytes.iter().map(|byte| byte.wrapping_add(round + 1)).collect();
            world.file("new", &bytes);
            world.done(&["put", "--force", "s", "new", name]);
        }
        // Others begin to read, each another commit, and end.
        world.done(&["verify", "s"]);
    }
    world.done(&["mkdir", "s", second]);
    backup.end(&world, "again");
    same_as(&world, "again", &files);
    assert!(!world.done(&["ls", "again"]).windows(5).any(|part| part == b"while"));
    // Nobody reads any more: what was kept is used again, and the store grew by little.
    for (name, _) in &files {
        world.done(&["put", "--force", "s", name, name]);
    }
    same_as(&world, "s", &files);
    assert_eq!(size(), before, "the store has not grown");
    world.done(&["verify", "s"]);
}

#[test]
fn a_backup_outlasts_a_writer_that_was_killed() {
    let world = World::new();
    let files = fill(&world);
    let backup = SlowBackup::begin(&world);
    // Room is made under the backup's eyes, and who knows of it is killed.
    for (name, _) in &files[3..] {
        world.done(&["rm", "s", name]);
    }
    let mut put = world.command(&["put", "s", "-", "half"]);
    let mut killed = Running(put.stdin(Stdio::piped()).spawn().unwrap());
    let mut input = killed.0.stdin.take().unwrap();
    let lock = world.seal().with_extension("seal.lock");
    let process = killed.0.id().to_string();
    eventually("it has the lock", || fs::read_to_string(&lock).unwrap().contains(&process));
    input.write_all(&noise(1 << 20)).unwrap();
    send("KILL", &killed);
    killed.0.wait().unwrap();
    for name in ["one", "two", "three"] {
        world.file("new", &noise(2 << 20));
        world.done(&["put", "s", "new", name]);
    }
    backup.end(&world, "again");
    same_as(&world, "again", &files);
    same_as(&world, "s", &files[..3]);
    world.done(&["verify", "s"]);
}

/// Ends the writer, also if the test fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Writes through the mount: `first` is always written, and safe, before `second`; a third file is
/// written over and over, so that blocks are freed and used again.
fn write_in_order(point: &std::path::Path, end: &AtomicBool) -> u64 {
    let one = File::create(point.join("first")).unwrap();
    let two = File::create(point.join("second")).unwrap();
    let mut number = 0_u64;
    while !end.load(Ordering::Relaxed) {
        number += 1;
        for file in [&one, &two] {
            file.write_all_at(format!("{number:020}").as_bytes(), 0).unwrap();
            file.sync_all().unwrap();
        }
        let mut bytes = noise(300_000);
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        fs::write(point.join("bulk.new"), bytes).unwrap();
        fs::rename(point.join("bulk.new"), point.join("bulk")).unwrap();
    }
    number
}

#[test]
fn what_is_read_while_somebody_writes_through_a_mount_is_one_commit() {
    tool("fusermount3", "fuse3");
    let world = World::new();
    fs::create_dir(world.at("point")).unwrap();
    let mut server =
        Running(world.command(&["mount", "s", "point"]).stdout(Stdio::null()).spawn().unwrap());
    let point = world.at("point");
    eventually("it is mounted", || {
        fs::read_to_string("/proc/self/mountinfo").unwrap().contains(point.to_str().unwrap())
    });
    let end = AtomicBool::new(false);
    let number = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().parse::<u64>().unwrap();
    let written = thread::scope(|scope| {
        let writer = scope.spawn(|| write_in_order(&point, &end));
        let ends = Ends(&end);
        eventually("both are there", || {
            fs::read(point.join("second")).is_ok_and(|bytes| bytes.len() == 20)
                && point.join("bulk").exists()
        });
        let mut newest = 0;
        for round in 0..8 {
            let (file, to) = (format!("saved{round}"), format!("back{round}"));
            let asked = number(fs::read(point.join("second")).unwrap());
            world.done(&["backup", "s", &file]);
            world.done(&["restore", &file, &to]);
            world.done(&["verify", &to]);
            let (one, two) =
                (world.done(&["cat", &to, "first"]), world.done(&["cat", &to, "second"]));
            // What was safe before the backup began may be one that was not: it is shown as soon
            // as it is written.
            let (one, two) = (number(one), number(two));
            assert!(one == two || one == two + 1, "{one} and {two}");
            assert!(two + 1 >= asked && two >= newest, "{two} is older than {asked}, {newest}");
            newest = two;
            if let Some(bulk) = world.run(&["cat", &to, "bulk"]).stdout.first_chunk::<8>() {
                assert!(u64::from_le_bytes(*bulk) <= one);
            }
            fs::remove_dir_all(world.at(&to)).unwrap();
            world.done(&["verify", "s"]);
            world.done(&["stat", "s", "first"]);
            assert!(world.names().contains("first\n"));
            world.done(&["get", "-r", "s", "/", &to]);
            let (one, two) = ["first", "second"]
                .map(|name| number(fs::read(world.at(&format!("{to}/{name}"))).unwrap()))
                .into();
            assert!(one == two || one == two + 1, "{one} and {two}");
            fs::remove_dir_all(world.at(&to)).unwrap();
        }
        drop(ends);
        writer.join().unwrap()
    });
    assert!(written > 20, "it wrote {written} times only: that proves nothing");
    send("TERM", &server);
    assert!(server.0.wait().unwrap().success());
    assert_eq!(number(world.done(&["cat", "s", "second"])), written);
    world.done(&["verify", "s"]);
}

#[test]
fn two_stores_never_share_one_seal_in_turns() {
    let world = World::new();
    world.file("one", b"one");
    world.done(&["put", "s", "one", "file"]);
    // A plain copy reads, as long as it is not older; it cannot be written to beside the original.
    world.shell("cp -r s copy");
    assert_eq!(world.done(&["cat", "copy", "file"]), b"one");
    world.fails(&["put", "copy", "one", "x"], 13, &["copy: its seal", "/s, which is still there"]);
    let seal = world.seal();
    let named = ["put", "copy", "one", "x", "--seal", seal.to_str().unwrap()];
    world.fails(&named, 13, &["/s, which is still there", "`restore`"]);
    world.done(&["put", "s", "one", "more"]);
    world.fails(&["ls", "copy"], 15, &["copy", "was last used for the store at", "/s)"]);
    assert_eq!(world.names(), "file\nmore\n", "the original is what it was");
    // By another name it is the same store.
    world.shell("ln -s s link");
    world.done(&["put", "link", "one", "by-link"]);
    world.done(&["put", "s", "one", "by-name"]);
    // With a seal of its own a copy can be written to; the original stays the one that is remembered.
    world.shell("rm -r copy; cp -r s copy");
    fs::copy(&seal, world.at("own.seal")).unwrap();
    world.done(&["put", "copy", "one", "in-copy", "--seal", "own.seal"]);
    world.done(&["put", "s", "one", "in-s"]);
    world.fails(&["ls", "s", "--seal", "own.seal"], 11, &["s: "]);
    assert!(!world.names().contains("in-copy"));
    // Moved, it is the same store in another place.
    world.shell("mv s moved; rm link");
    world.done(&["put", "moved", "one", "moved"]);
    world.fails(&["ls", "s"], 3, &["s"]);
}

#[test]
fn a_restored_store_and_its_original_are_two_stores() {
    let world = World::new();
    world.file("one", b"one");
    world.done(&["put", "s", "one", "file"]);
    world.done(&["backup", "s", "saved"]);
    let seal = world.seal();
    for to in ["first", "second"] {
        world.done(&["restore", "saved", to]);
        world.done(&["put", to, "one", to]);
        world.done(&["put", "s", "one", &format!("after-{to}")]);
        world.fails(&["ls", to, "--seal", seal.to_str().unwrap()], 13, &["another store"]);
    }
    for store in ["s", "first", "second"] {
        world.done(&["verify", store]);
        world.done(&["put", "--force", store, "one", "file"]);
    }
    assert_eq!(world.names(), "after-first\nafter-second\nfile\n");
    assert_eq!(world.done(&["ls", "second"]), b"file\nsecond\n");
}
