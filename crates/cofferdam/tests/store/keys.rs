//! The ways to open a store.

use crate::world::{World, refused};
use serde_json::Value;
use std::fs::{self, File};
use std::process::Command;

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
    world.fails(&["rekey", "s"], 2, &["3 of 4", "“desk”", "--drop-others"]);
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
fn a_key_that_is_given_twice_keeps_one_slot() {
    let world = World::new();
    world.file("one", b"one");
    world.done(&["put", "s", "one", "file"]);
    world.done(&["keys", "add", "s", "--new-key-file", "second.key"]);
    let key = world.seal().with_extension("key");
    let same = ["rekey", "s", "--keep-key-file", key.to_str().unwrap()];
    world.fails(&same, 2, &["1 of 2", "1 (key file)", "--drop-others"]);
    // It was refused as a whole.
    assert_eq!(world.done(&["cat", "s", "file", "--key-file", "second.key"]), b"one");
    let about: Value = serde_json::from_slice(&world.done(&["stat", "s", "--json"])).unwrap();
    assert_eq!(about["generation"], 1, "{about}");
    let both = ["rekey", "s", "--keep-key-file", "second.key", "--keep-key-file", "second.key"];
    let told = String::from_utf8(
        world.done(&[&both[..], &["--key-file", key.to_str().unwrap()]].concat()),
    );
    assert!(told.unwrap().contains("generation 2); all keys that open it stay"));
    assert_eq!(world.done(&["cat", "s", "file", "--key-file", "second.key"]), b"one");
    assert_eq!(world.done(&["cat", "s", "file"]), b"one");
}
