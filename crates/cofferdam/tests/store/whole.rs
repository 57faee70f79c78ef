//! Stores as a whole: backups, migration, the mount.

use crate::world::{Running, World, block_of_largest_file, flip, noise};
use serde_json::Value;
use std::fs;
use std::process::{Command, Stdio};
use system_tests::{eventually, tool};

#[test]
fn a_backup_is_verified_and_restored() {
    let world = World::new();
    world.file("one", &noise(50_000));
    world.done(&["put", "s", "one", "file"]);
    let seal = world.seal();
    let told = String::from_utf8(world.done(&["verify", "s"])).unwrap();
    assert!(told.starts_with("all is well: commit "), "{told}");
    world.done(&["backup", "s", "saved"]);
    world.fails(&["backup", "s", "saved"], 6, &["saved", "--force"]);
    let restore = ["restore", "saved", "again", "--seal", "again.seal"];
    world.done(&restore);
    assert_eq!(world.done(&["cat", "again", "file"]), noise(50_000));
    world.done(&["put", "again", "one", "more"]);
    world.done(&["verify", "again"]);
    flip(&world.at("saved"), 60_000);
    world.fails(&["restore", "saved", "third", "--seal", "third.seal"], 11, &["saved"]);
    assert!(!world.at("third").exists() && !world.at("third.seal").exists(), "nothing is left");
    world.fails(&["restore", "one", "third", "--seal", "third.seal"], 20, &["not a backup"]);
    // One byte of a page in the restored store: of all blocks in use, some are pages.
    let segment = world.at("again/segment-000000");
    let bytes = fs::read(&segment).unwrap();
    let used = (32..bytes.len() / 4096).filter(|at| bytes[at * 4096..][..4096] != [0; 4096]);
    let named = used.map(|at| at as u64 * 4096).any(|at| {
        flip(&segment, at);
        let output = world.run(&["verify", "again"]);
        let told = String::from_utf8_lossy(&output.stdout);
        let last = String::from_utf8_lossy(&output.stderr);
        flip(&segment, at);
        let named = told.contains("/file: bytes ") && last.contains("damaged, named above");
        output.status.code() == Some(11) && named
    });
    assert!(named, "a damaged page is named");
    let told = world.done(&["migrate", "s", "--seal", seal.to_str().unwrap()]);
    assert!(
        String::from_utf8(told).unwrap().contains("version 1 of the format, which is the newest")
    );
}

#[test]
fn a_store_is_mounted_until_somebody_ends_it() {
    tool("fusermount3", "fuse3");
    let world = World::new();
    world.file("one", b"one");
    world.done(&["put", "s", "one", "file"]);
    fs::create_dir(world.at("point")).unwrap();
    world.fails(&["mount", "s", "nowhere"], 3, &["nowhere"]);
    let mut child =
        Running(world.command(&["mount", "s", "point"]).stdout(Stdio::null()).spawn().unwrap());
    eventually("it is mounted", || world.at("point/file").exists());
    assert_eq!(fs::read(world.at("point/file")).unwrap(), b"one");
    fs::write(world.at("point/new"), b"new").unwrap();
    world.fails(&["put", "s", "one", "x"], 16, &["in use by cofferdam"]);
    let sent = Command::new("kill").args(["-s", "INT", &child.0.id().to_string()]).status();
    assert!(sent.unwrap().success());
    assert!(child.0.wait().unwrap().success());
    assert!(!world.at("point/file").exists());
    assert_eq!(world.done(&["cat", "s", "new"]), b"new");
}

/// All that `tree` knows, but for the numbers of objects and the time of making of the root.
fn everything_in(world: &World, store: &str) -> Value {
    fn without(entry: &mut Value) {
        let entry = entry.as_object_mut().unwrap();
        assert!(entry.remove("object").is_some() && entry.contains_key("made"));
        for inner in entry.get_mut("entries").and_then(Value::as_array_mut).into_iter().flatten() {
            without(inner);
        }
    }
    let mut tree = serde_json::from_slice(&world.done(&["tree", store, "--json"])).unwrap();
    without(&mut tree);
    tree
}

#[test]
fn everything_is_copied_into_a_new_store_with_new_keys() {
    let world = World::new();
    world.shell(
        "mkdir -p f/d/empty f/shared; echo a > f/a; ln f/a f/d/hard; ln -s a f/l; mkfifo f/pipe; \
         chmod 4751 f/a; chmod 2770 f/shared; echo b > f/shared/b; : > f/nothing; \
         truncate -s 3M f/hole; printf x | dd of=f/hole bs=1 seek=1000000 conv=notrunc 2> /dev/null; \
         touch -d 2001-02-03T04:05:06.789Z f/a f/d f/shared; touch -hd 1999-01-01 f/l",
    );
    world.file("f/big", &noise(3_000_001));
    let extra = rustix::fs::XattrFlags::empty();
    rustix::fs::setxattr(world.at("f/d"), "user.colour", b"red", extra).unwrap();
    world.done(&["put", "-a", "s", "f", "docs"]);
    let key = world.seal().with_extension("key");
    let files = [world.at("s/segment-000000"), world.seal()];
    let before = files.each_ref().map(|path| fs::read(path).unwrap());
    world.fails(&["migrate", "s", "s"], 6, &["already there"]);
    let told = world.done(&["migrate", "s", "new", "--new-seal", "new.seal", "--json"]);
    let told: Value = serde_json::from_slice(&told).unwrap();
    let tree = everything_in(&world, "s");
    assert_eq!(everything_in(&world, "new"), tree);
    assert!(tree.to_string().contains("\"mode\":\"4751\""), "{tree}");
    let about = |store| -> Value {
        serde_json::from_slice(&world.done(&["stat", store, "--json"])).unwrap()
    };
    assert_eq!(told["objects"], about("s")["objects"]);
    assert_eq!(about("new")["objects"], about("s")["objects"]);
    assert_ne!(about("new")["identity"], about("s")["identity"]);
    // Its contents, hard links and extended attributes.
    for store in ["s", "new"] {
        world.done(&["get", "-a", store, "docs", &format!("from-{store}")]);
    }
    world.shell(
        "diff -r --no-dereference -x pipe from-s from-new; [ from-new/a -ef from-new/d/hard ]",
    );
    let mut value = [0; 8];
    let length = rustix::fs::getxattr(world.at("from-new/d"), "user.colour", &mut value).unwrap();
    assert_eq!(&value[..length], b"red");
    world.done(&["verify", "new"]);
    let old_key = ["ls", "new", "--key-file", key.to_str().unwrap()];
    world.fails(&old_key, 10, &["none of the store's keys"]);
    let after = files.each_ref().map(|path| fs::read(path).unwrap());
    assert!(before == after, "the old store is as it was");
    // Half a copy would look like all there is.
    let trusted = || fs::read_dir(world.at("trusted")).unwrap().count();
    let count = trusted();
    flip(&files[0], block_of_largest_file(&files[0]) * 4096 + 5);
    world.fails(&["migrate", "s", "half"], 11, &["/docs/big", "block"]);
    assert!(!world.at("half").exists());
    assert_eq!(trusted(), count, "neither seal nor key of it is left");
}

#[test]
fn a_trim_gives_back_the_room_of_what_was_removed() {
    use std::os::unix::fs::MetadataExt as _;
    let world = World::new();
    let segment = world.at("s/segment-000000");
    let taken = || fs::metadata(&segment).unwrap().blocks() * 512;
    world.file("one", &noise(50_000));
    world.file("large", &noise(80_000_000));
    world.done(&["put", "s", "one", "file"]);
    world.done(&["put", "s", "large", "large"]);
    world.done(&["rm", "s", "large"]);
    let (before, length) = (taken(), fs::metadata(&segment).unwrap().len());
    assert!(before > 80_000_000);
    let told: Value = serde_json::from_slice(&world.done(&["trim", "s", "--json"])).unwrap();
    assert!(told["bytes"].as_u64().unwrap() > 70_000_000, "{told}");
    assert!(before - taken() > 70_000_000, "{before} {}", taken());
    assert_eq!(fs::metadata(&segment).unwrap().len(), length);
    world.done(&["verify", "s"]);
    assert_eq!(world.done(&["cat", "s", "file"]), noise(50_000));
    world.done(&["put", "s", "large", "large"]);
    assert_eq!(world.done(&["cat", "s", "large"]), noise(80_000_000));
    world.done(&["verify", "s"]);
    let told = String::from_utf8(world.done(&["trim", "s"])).unwrap();
    assert!(told.starts_with("given back to what lies below: "), "{told}");
}
