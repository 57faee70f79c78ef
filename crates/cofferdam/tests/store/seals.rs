//! Seals, versions, and who may write.

use crate::world::{Running, World};
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};
use system_tests::eventually;

#[test]
fn seals_that_are_missing_old_or_of_another_store() {
    let world = World::new();
    world.file("one", b"one");
    let seal = world.seal();
    let old_seal = fs::read(&seal).unwrap();
    let old_store = fs::read(world.at("s/segment-000000")).unwrap();
    for name in ["a", "b", "c"] {
        world.done(&["put", "s", "one", name]);
    }
    let (new_seal, new_store) =
        (fs::read(&seal).unwrap(), fs::read(world.at("s/segment-000000")).unwrap());
    fs::write(&seal, &old_seal).unwrap();
    world.fails(&["ls", "s"], 14, &["old copy", "newest copy of the seal"]);
    fs::write(&seal, &new_seal).unwrap();
    fs::write(world.at("s/segment-000000"), &old_store).unwrap();
    world.fails(&["ls", "s"], 15, &["old copy of the store"]);
    world.fails(&["put", "s", "one", "d"], 15, &["old copy of the store"]);
    fs::write(world.at("s/segment-000000"), &new_store).unwrap();
    fs::remove_file(&seal).unwrap();
    world.fails(&["ls", "s"], 12, &["is missing", "--seal"]);
    world.done(&["init", "t", "--seal", "t.seal"]);
    world.fails(&["ls", "s", "--seal", "t.seal"], 13, &["another store", "--seal"]);
    fs::write(world.at("found.seal"), &new_seal).unwrap();
    world.done(&["ls", "s", "--seal", "found.seal"]);
    assert_eq!(world.names(), "a\nb\nc\n", "and it is remembered");
}

#[test]
fn a_version_from_the_future() {
    let world = World::new();
    let segment = world.at("s/segment-000000");
    let mut bytes = fs::read(&segment).unwrap();
    for slot in [0, 4096] {
        bytes[slot + 16] = 2;
        let sum = Command::new("sh")
            .args(["-c", "dd if=\"$0\" bs=4064 count=1 2>/dev/null | sha256sum | cut -c-64"])
            .arg({
                fs::write(world.at("block"), &bytes[slot..slot + 4064]).unwrap();
                world.at("block")
            })
            .output()
            .unwrap();
        let digits = String::from_utf8(sum.stdout).unwrap();
        for at in 0..32 {
            let byte = u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap();
            bytes[slot + 4064 + at] = byte;
        }
    }
    fs::write(&segment, bytes).unwrap();
    world.fails(&["ls", "s"], 19, &["version 2", "newer cofferdam"]);
}

#[test]
fn one_writes_and_the_others_read() {
    let world = World::new();
    world.file("one", b"one");
    world.done(&["put", "s", "one", "before"]);
    let mut first =
        Running(world.command(&["put", "s", "-", "slow"]).stdin(Stdio::piped()).spawn().unwrap());
    let process = format!("process {}", first.0.id());
    first.0.stdin.as_mut().unwrap().write_all(b"half ").unwrap();
    let mut lock = world.seal().into_os_string();
    lock.push(".lock");
    eventually("the first one has it", || {
        fs::read_to_string(&lock).unwrap().contains(&first.0.id().to_string())
    });
    world.fails(&["put", "s", "one", "x"], 16, &["in use by cofferdam", &process]);
    assert_eq!(world.names(), "before\n", "reading goes on, and sees the last commit");
    assert_eq!(world.done(&["cat", "s", "before"]), b"one");
    first.0.stdin.take().unwrap().write_all(b"and half").unwrap();
    assert!(first.0.wait().unwrap().success());
    assert_eq!(world.done(&["cat", "s", "slow"]), b"half and half");
}

#[test]
fn a_store_in_one_file_and_nothing_is_made_when_it_fails() {
    let world = World::new();
    world.done(&["init", "image", "--device", "--seal", "image.seal", "--key-file", "image.key"]);
    world.file("one", b"one");
    world.done(&["put", "image", "one", "file"]);
    assert_eq!(world.done(&["cat", "image", "file"]), b"one");
    world.fails(&["init", "image", "--device"], 6, &["something on it"]);
    world.fails(&["init", "one"], 2, &["--device"]);
    let before = fs::read_dir(world.at("trusted")).unwrap().count();
    world.fails(&["init", "new", "--seal", "image.seal"], 6, &["image.seal"]);
    assert!(!world.at("new").exists());
    assert_eq!(fs::read_dir(world.at("trusted")).unwrap().count(), before);
    assert_eq!(world.done(&["cat", "image", "file"]), b"one", "what was there is as it was");
}
