//! Damage, interruptions and full or read-only disks: what is whole stays, what is not is named.

use crate::world::{Running, World, block_of_largest_file, flip, noise, refused, send};
use serde_json::Value;
use std::fs::{self, File};
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;
use system_tests::{eventually, tool};

#[test]
fn a_damaged_file_is_named_and_the_rest_is_read() {
    let world = World::new();
    let big = noise(400 * 4096);
    fs::create_dir(world.at("f")).unwrap();
    world.file("f/big", &big);
    world.file("f/small", b"small");
    world.file("f/other", &noise(9000));
    world.done(&["put", "-r", "s", "f", "docs"]);
    let segment = world.at("s/segment-000000");
    let place = block_of_largest_file(&segment) * 4096 + 77;
    flip(&segment, place);
    world.fails(&["cat", "s", "docs/big"], 11, &["/docs/big", "bytes", "block"]);
    world.fails(&["get", "s", "docs/big", "out"], 11, &["/docs/big", "--keep-going"]);
    assert!(!world.at("out").exists(), "nothing half read is left");
    world.fails(&["get", "-r", "s", "docs", "saved"], 11, &["/docs/big", "one thing was not done"]);
    assert_eq!(fs::read(world.at("saved/small")).unwrap(), b"small");
    assert_eq!(fs::read(world.at("saved/other")).unwrap(), noise(9000));
    assert!(!world.at("saved/big").exists());
    world.fails(
        &["get", "--keep-going", "s", "docs/big", "out"],
        11,
        &["docs/big: bytes", "zeros"],
    );
    let out = fs::read(world.at("out")).unwrap();
    assert_eq!(out.len(), big.len());
    let wrong: Vec<_> = out
        .chunks(4096)
        .zip(big.chunks(4096))
        .enumerate()
        .filter(|(_, (read, put))| read != put)
        .map(|(page, (read, _))| (page, read.iter().all(|b| *b == 0)))
        .collect();
    assert!(matches!(wrong[..], [(_, true)]), "one page, and it is zeros: {wrong:?}");
    world.done(&["ls", "s", "docs"]);
    // Put back, all is well.
    flip(&segment, place);
    assert_eq!(world.done(&["cat", "s", "docs/big"]), big);
}

#[test]
fn an_interrupted_put_leaves_nothing() {
    for signal in ["INT", "KILL"] {
        let world = World::new();
        world.file("one", b"one");
        world.done(&["put", "s", "one", "before"]);
        let mut child = Running(
            world
                .command(&["put", "s", "-", "half", "--cache", "4M"])
                .stdin(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap(),
        );
        // More than the cache: it is on the medium already.
        child.0.stdin.as_mut().unwrap().write_all(&noise(24 << 20)).unwrap();
        std::thread::sleep(Duration::from_millis(100));
        send(signal, &child);
        let status = child.0.wait().unwrap();
        if signal == "INT" {
            assert_eq!(status.code(), Some(130));
        }
        assert_eq!(world.names(), "before\n");
        // The next one who writes finds it whole, and its room free.
        world.done(&["put", "s", "one", "after"]);
        let about: Value = serde_json::from_slice(&world.done(&["stat", "s", "--json"])).unwrap();
        assert_eq!(about["objects"], 3, "{signal}: {about}");
    }
}

#[test]
fn a_full_disk_refuses_the_file_and_keeps_the_rest() {
    let world = World::new();
    world.file("one", b"one");
    world.done(&["put", "s", "one", "before"]);
    fs::create_dir(world.at("f")).unwrap();
    world.file("f/a", b"a");
    // Far more than the file system that the store lies on takes.
    let large = noise(1 << 20);
    let mut file = File::create(world.at("f/large")).unwrap();
    for _ in 0..400 {
        file.write_all(&large).unwrap();
    }
    let script = "trap '' XFSZ; ulimit -f 700000; exec \"$0\" store put -r s f f";
    let output = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_cofferdam")])
        .current_dir(&world.0)
        .env("COFFERDAM_TRUSTED", "trusted")
        .output()
        .unwrap();
    refused(&output, 17, &["f/large", "full", "make room"], &["put"]);
    assert_eq!(world.names(), "before\nf\n");
    assert_eq!(
        world.done(&["ls", "s", "f"]),
        b"a\n",
        "what was whole stays, the rest is not there"
    );
    world.done(&["put", "s", "one", "after"]);
}

#[test]
fn a_read_only_disk_is_read() {
    tool("unshare", "util-linux");
    tool("mount", "mount");
    let world = World::new();
    world.file("one", b"one");
    world.done(&["put", "s", "one", "before"]);
    // In a user namespace of its own, so that nobody needs to be root.
    let script = "mount --bind s s && mount -o remount,bind,ro s && \
                  \"$0\" store cat s before && exec \"$0\" store put s one after";
    let output = Command::new("unshare")
        .args(["-rm", "sh", "-c", script, env!("CARGO_BIN_EXE_cofferdam")])
        .current_dir(&world.0)
        .env("COFFERDAM_TRUSTED", "trusted")
        .output()
        .unwrap();
    assert_eq!(output.stdout, b"one", "{output:?}");
    refused(&output, 18, &["Read-only", "s"], &["put"]);
    assert_eq!(world.names(), "before\n");
}

/// A file that takes long enough to be interrupted.
fn large(world: &World, name: &str) {
    let piece = noise(1 << 20);
    let mut file = File::create(world.at(name)).unwrap();
    for _ in 0..300 {
        file.write_all(&piece).unwrap();
    }
}

#[test]
fn a_folder_whose_put_is_interrupted_is_there_as_far_as_its_files_are_whole() {
    use std::os::unix::fs::MetadataExt as _;
    let world = World::new();
    fs::create_dir(world.at("f")).unwrap();
    world.file("f/a", b"a");
    large(&world, "f/large");
    world.file("f/z", b"z");
    let put = world.command(&["put", "-r", "s", "f", "docs", "--cache", "4M"]).spawn().unwrap();
    let mut child = Running(put);
    let segment = world.at("s/segment-000000");
    eventually("it writes", || segment.metadata().unwrap().blocks() > 20 << 11);
    send("INT", &child);
    assert_eq!(child.0.wait().unwrap().code(), Some(130));
    assert_eq!(world.done(&["ls", "s", "docs"]), b"a\n");
    assert_eq!(world.done(&["cat", "s", "docs/a"]), b"a");
    world.done(&["verify", "s"]);
    fs::write(world.at("f/large"), b"no longer").unwrap();
    world.shell("mv f docs");
    world.done(&["put", "-r", "--force", "s", "docs", "/"]);
    let about: Value = serde_json::from_slice(&world.done(&["stat", "s", "--json"])).unwrap();
    // What a store keeps for itself counts as used: a part of its whole size.
    assert!(about["used_bytes"].as_u64().unwrap() < 32 << 20, "its room is free: {about}");
}

#[test]
fn a_get_that_is_killed_leaves_nothing() {
    let world = World::new();
    large(&world, "large");
    world.done(&["put", "s", "large", "file"]);
    fs::create_dir(world.at("to")).unwrap();
    for signal in ["KILL", "INT"] {
        let get = world.command(&["get", "s", "file", "to/out"]).spawn().unwrap();
        let mut child = Running(get);
        let open = format!("/proc/{}/fd", child.0.id());
        eventually("it has a file without a name", || {
            let mut open = fs::read_dir(&open).unwrap().flatten();
            open.any(|entry| {
                let target = fs::read_link(entry.path()).unwrap_or_default();
                target.starts_with(world.at("to")) && target.to_string_lossy().contains("(deleted)")
            })
        });
        send(signal, &child);
        assert!(!child.0.wait().unwrap().success(), "{signal} came too late");
        assert_eq!(fs::read_dir(world.at("to")).unwrap().count(), 0, "{signal}");
    }
    world.done(&["get", "s", "file", "to/out"]);
    world.done(&["get", "--force", "s", "file", "to/out"]);
    assert_eq!(fs::read_dir(world.at("to")).unwrap().count(), 1);
    assert_eq!(world.shell("cmp large to/out"), "");
}
