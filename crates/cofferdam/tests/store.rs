//! Stores from the command line: each way to fail has its exit code, says what helps, and loses
//! nothing.

use serde_json::Value;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use system_tests::{eventually, tool};

/// A folder with a store `s`, its trusted side `trusted` and some files; gone when it is dropped.
struct World(PathBuf);

impl World {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("cofferdam-store-{}-{number}", std::process::id());
        let world = Self(std::env::temp_dir().join(name));
        fs::create_dir(&world.0).unwrap();
        world.done(&["init", "s"]);
        world
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cofferdam"));
        command.arg("store").args(arguments);
        command.current_dir(&self.0).env("COFFERDAM_TRUSTED", "trusted").stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn done(&self, arguments: &[&str]) -> Vec<u8> {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        output.stdout
    }

    /// It fails with that code, and stderr has these words.
    fn fails(&self, arguments: &[&str], code: i32, words: &[&str]) {
        refused(&self.run(arguments), code, words, arguments);
    }

    fn file(&self, name: &str, contents: &[u8]) {
        fs::write(self.at(name), contents).unwrap();
    }

    fn seal(&self) -> PathBuf {
        let place: Value = serde_json::from_slice(&self.done(&["stat", "s", "--json"])).unwrap();
        self.at(place["seal"].as_str().unwrap())
    }

    fn names(&self) -> String {
        String::from_utf8(self.done(&["ls", "s"])).unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn refused(output: &Output, code: i32, words: &[&str], about: &[&str]) {
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{about:?}: {told}");
    for word in words {
        assert!(told.contains(word), "{about:?} does not say {word:?}: {told}");
    }
}

/// Bytes that compress to nothing else and differ in every page.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let mut byte = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..length).map(|_| byte()).collect()
}

fn flip(path: &Path, at: u64) {
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[!byte[0]], at).unwrap();
}

/// A child that is ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_folder_comes_back_as_it_was() {
    let world = World::new();
    let make = "mkdir -p f/d/empty; printf hello > f/a; ln -s a f/link; ln f/a f/d/hard; \
                truncate -s 3M f/hole; printf x | dd of=f/hole bs=1 seek=1000000 conv=notrunc 2>&1; \
                : > f/nothing; chmod 4751 f/a; chmod 700 f/d; touch -d 2001-02-03T04:05:06.789Z f/a f/d";
    assert!(
        Command::new("sh")
            .args(["-c", make])
            .current_dir(&world.0)
            .output()
            .unwrap()
            .status
            .success()
    );
    world.file("f/big", &noise(5_000_001));
    world.done(&["put", "-a", "s", "f", "docs"]);
    world.done(&["get", "-a", "s", "docs", "back"]);
    let show = "cd \"$0\" && find . -printf '%p %y %m %n %s %U %G %T@ %l\\n' | sort && \
                find . -type f -exec sha256sum {} + | sort";
    let shown = |folder: &str| {
        let output = Command::new("sh").args(["-c", show, folder]).current_dir(&world.0).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    assert_eq!(shown("f"), shown("back"));
    let blocks =
        |path: &str| std::os::unix::fs::MetadataExt::blocks(&world.at(path).metadata().unwrap());
    assert!(blocks("back/hole") <= 16, "holes stay holes");
    // Within the store as well.
    world.done(&["cp", "-a", "s", "docs", "copy"]);
    world.done(&["get", "-a", "s", "copy", "again"]);
    assert_eq!(fs::read(world.at("again/big")).unwrap(), noise(5_000_001));
    world.fails(&["put", "s", "f", "docs"], 2, &["is a folder", "add -r"]);
    world.fails(&["get", "s", "docs", "x"], 2, &["directory", "-r"]);
}

#[test]
fn nothing_is_overwritten_unless_somebody_says_so() {
    let world = World::new();
    world.file("one", b"one");
    world.file("two", b"two");
    world.done(&["put", "s", "one", "name"]);
    world.fails(&["put", "s", "two", "name"], 6, &["taken", "--force"]);
    assert_eq!(world.done(&["cat", "s", "name"]), b"one");
    world.done(&["put", "--force", "s", "two", "name"]);
    assert_eq!(world.done(&["cat", "s", "name"]), b"two");
    world.fails(&["get", "s", "name", "one"], 6, &["one", "--force"]);
    assert_eq!(fs::read(world.at("one")).unwrap(), b"one");
    world.done(&["get", "--force", "s", "name", "one"]);
    assert_eq!(fs::read(world.at("one")).unwrap(), b"two");
    world.done(&["cp", "s", "name", "other"]);
    world.fails(&["mv", "s", "name", "other"], 6, &["other", "taken"]);
    world.fails(&["cp", "s", "name", "other"], 6, &["other", "taken"]);
    world.done(&["mv", "--force", "s", "name", "other"]);
    assert_eq!(world.names(), "other\n");
    let hidden = fs::read_dir(&world.0)
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with('.'));
    assert_eq!(hidden.count(), 0, "nothing half written is left");
    world.fails(&["init", "s"], 6, &["already there"]);
}

#[test]
fn paths_and_names_that_cannot_be() {
    let world = World::new();
    world.file("one", b"one");
    world.done(&["put", "s", "one", "file"]);
    world.fails(&["cat", "s", "nowhere"], 3, &["nowhere", "ls"]);
    world.fails(&["put", "s", "missing", "x"], 3, &["missing", "check the path"]);
    world.fails(&["put", "s", "one", "no/where"], 3, &["no/where"]);
    world.fails(&["put", "s", "one", "file/x"], 4, &["file/x", "not a directory"]);
    world.fails(&["get", "s", "file/x/y", "out"], 4, &["file/x/y"]);
    world.fails(&["put", "s", "one", &"n".repeat(256)], 5, &["longer than 255"]);
    world.done(&["put", "s", "one", &"n".repeat(255)]);
    world.fails(&["rm", "s", "/"], 5, &["cannot be a name"]);
    world.fails(&["ls", "elsewhere"], 3, &["elsewhere"]);
    fs::create_dir(world.at("folder")).unwrap();
    world.fails(&["ls", "folder"], 20, &["folder", "not a store", "init"]);
    world.file("noseal", &[0; 8192]);
    world.fails(&["ls", "s", "--seal", "noseal"], 20, &["noseal", "not a seal"]);
    // A name that would move the cursor.
    world.fails(&["cat", "s", "a\u{1b}[2J"], 3, &["a\\u{1b}[2J"]);
}

#[test]
fn a_wrong_key_and_none() {
    let world = World::new();
    world.file("other.key", &[9; 32]);
    world.fails(&["ls", "s", "--key-file", "other.key"], 10, &["none of the store's keys"]);
    world.file("short.key", &[9; 31]);
    world.fails(&["ls", "s", "--key-file", "short.key"], 10, &["31 bytes", "32"]);
    let key = world.seal().with_extension("key");
    fs::rename(&key, world.at("moved.key")).unwrap();
    // Without a terminal to ask at.
    let output = Command::new("setsid")
        .arg("-w")
        .arg(env!("CARGO_BIN_EXE_cofferdam"))
        .args(["store", "ls", "s"])
        .current_dir(&world.0)
        .env("COFFERDAM_TRUSTED", "trusted")
        .output()
        .unwrap();
    refused(&output, 10, &["key file", "is missing", "--key-file"], &["ls"]);
    world.done(&["ls", "s", "--key-file", "moved.key"]);
    // From then on it is remembered.
    world.done(&["ls", "s"]);
}

#[test]
fn a_damaged_file_is_named_and_the_rest_is_read() {
    let world = World::new();
    let big = noise(400 * 4096);
    fs::create_dir(world.at("f")).unwrap();
    world.file("f/big", &big);
    world.file("f/small", b"small");
    world.file("f/other", &noise(9000));
    world.done(&["put", "-r", "s", "f", "docs"]);
    // A block in the middle of the longest row of them: that is the large file.
    let segment = world.at("s/segment-000000");
    let bytes = fs::read(&segment).unwrap();
    let used: Vec<_> = (0..bytes.len() as u64 / 4096)
        .filter(|block| bytes[*block as usize * 4096..][..4096] != [0; 4096])
        .collect();
    let rows = used.chunk_by(|one, next| one + 1 == *next);
    let row = rows.max_by_key(|row| row.len()).unwrap();
    assert!(row.len() >= 400, "{row:?}");
    let place = row[row.len() / 2] * 4096 + 77;
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
        let sent = Command::new("kill").args(["-s", signal, &child.0.id().to_string()]).status();
        assert!(sent.unwrap().success());
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

#[test]
fn keys_come_and_go() {
    let world = World::new();
    world.file("one", b"one");
    world.done(&["put", "s", "one", "file"]);
    world.file("word", b"correct horse\n");
    world.file("wrong", b"correct house\n");
    let with = |arguments: &[&str], from: &str| {
        world.command(arguments).stdin(File::open(world.at(from)).unwrap()).output().unwrap()
    };
    let cheap = ["--argon2-memory", "64K", "--argon2-passes", "1"];
    let add =
        [&["keys", "add", "s", "--new-passphrase-fd", "0", "--label", "desk"], &cheap[..]].concat();
    let added = with(&add, "word");
    assert!(added.status.success(), "{added:?}");
    let told: Value =
        serde_json::from_slice(&world.done(&["keys", "add", "s", "--recovery", "--json"])).unwrap();
    world.file("paper", told["recovery_key"].as_str().unwrap().to_lowercase().as_bytes());
    world.done(&["keys", "add", "s", "--new-key-file", "second.key"]);
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &world.at("second.key").metadata().unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
    let list: Value =
        serde_json::from_slice(&world.done(&["keys", "list", "s", "--json"])).unwrap();
    let kinds: Vec<_> =
        list["keys"].as_array().unwrap().iter().map(|key| key["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["key file", "passphrase", "recovery key", "key file"]);
    for (option, file, code) in [
        ("--passphrase-fd", "word", 0),
        ("--passphrase-fd", "wrong", 10),
        ("--recovery-key-fd", "paper", 0),
        ("--key-fd", "second.key", 0),
        ("--key-fd", "one", 10),
        ("--recovery-key-fd", "word", 2),
    ] {
        let output = with(&["cat", "s", "file", option, "0"], file);
        assert_eq!(output.status.code(), Some(code), "{option} {file}: {output:?}");
        assert_eq!(output.stdout == b"one", code == 0);
    }
    world.fails(&["rekey", "s"], 2, &["3 of these 4", "“desk”", "--drop-others"]);
    let dropped =
        with(&["rekey", "s", "--keep-passphrase-fd", "0", "--drop-others", "--json"], "word");
    let dropped: Value = serde_json::from_slice(&dropped.stdout).unwrap();
    assert_eq!(
        (dropped["generation"].as_u64(), dropped["dropped"].as_array().unwrap().len()),
        (Some(2), 2)
    );
    assert_eq!(with(&["ls", "s", "--recovery-key-fd", "0"], "paper").status.code(), Some(10));
    world.fails(&["ls", "s", "--key-file", "second.key"], 10, &[]);
    world.done(&["put", "s", "one", "after"]);
    assert!(with(&["cat", "s", "after", "--passphrase-fd", "0"], "word").status.success());
    world.fails(&["keys", "remove", "s", "0"], 2, &["--force"]);
    world.fails(&["keys", "remove", "s", "9", "--force"], 2, &["no key has the number 9"]);
    world.done(&["keys", "remove", "s", "1"]);
    world.fails(&["keys", "remove", "s", "0", "--force"], 2, &["last key"]);
    assert_eq!(with(&["ls", "s", "--passphrase-fd", "0"], "word").status.code(), Some(10));
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
    // One byte of the file in the restored store.
    let segment = world.at("again/segment-000000");
    let bytes = fs::read(&segment).unwrap();
    let used = (32..bytes.len() / 4096).rev().find(|at| bytes[at * 4096..][..4096] != [0; 4096]);
    flip(&segment, used.unwrap() as u64 * 4096);
    world.fails(&["verify", "again"], 11, &["damaged", "named above"]);
    world.done(&["migrate", "s", "--seal", seal.to_str().unwrap()]);
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
