//! Names that are not UTF-8, and those that would move a cursor: what goes in comes out, whatever
//! shows it.

use crate::world::{World, block_of_largest_file, flip, noise};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Output;

/// Neither UTF-8 nor harmless.
const NAME: &[u8] = b"a\xff\xfe\x1b[2Jb";
const DIGITS: &str = "61fffe1b5b324a62";
const SHOWN: &str = "a\\xff\\xfe\\u{1b}[2Jb";

fn with_name(world: &World, before: &[&str], after: &[&str]) -> Output {
    let mut command = world.command(before);
    command.arg(OsStr::from_bytes(NAME)).args(after).output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

#[test]
fn every_command_takes_and_shows_names_that_are_not_utf_8() {
    let world = World::new();
    let name = OsStr::from_bytes(NAME);
    fs::create_dir(world.at("f")).unwrap();
    fs::write(world.at("f").join(name), noise(400 * 4096)).unwrap();
    std::os::unix::fs::symlink(name, world.at("f/link")).unwrap();
    world.done(&["put", "-a", "s", "f", "/"]);
    world.done(&["mv", "s", "f", "d"]);
    // For programs as it is, and in JSON with its bytes.
    assert_eq!(world.done(&["ls", "s", "d"]), [NAME, b"\nlink\n"].concat());
    for list in [["ls", "s", "d", "--json"], ["tree", "s", "d", "--json"]] {
        let told = json(&world.run(&list));
        let entries = told["entries"].as_array().unwrap();
        let found = entries.iter().find(|entry| entry["kind"] == "file").unwrap();
        assert_eq!(found["path_hex"], format!("642f{DIGITS}"), "{told}");
        let link = entries.iter().find(|entry| entry["kind"] == "link").unwrap();
        assert_eq!(link["target_hex"], DIGITS, "{told}");
    }
    // Within and out.
    assert!(with_name(&world, &["mkdir", "s"], &[]).status.success());
    assert!(with_name(&world, &["cp", "-r", "s", "d"], &[]).status.success());
    let stat = with_name(&world, &["stat", "s"], &[]);
    let stat = String::from_utf8(stat.stdout).unwrap();
    assert!(stat.contains(SHOWN) && !stat.contains("hex"), "{stat}");
    let stat = with_name(&world, &["stat", "s"], &["--json"]);
    assert_eq!(json(&stat)["path_hex"], DIGITS);
    assert!(with_name(&world, &["get", "-r", "s"], &["out"]).status.success());
    assert_eq!(fs::read(world.at("out/d").join(name)).unwrap(), noise(400 * 4096));
    assert!(with_name(&world, &["rm", "-r", "s"], &[]).status.success());
    // In errors it can be read and moves nothing.
    let refused = with_name(&world, &["cat", "s"], &[]);
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(refused.status.code() == Some(3) && told.contains(SHOWN), "{told}");
    let told = json(&with_name(&world, &["cat", "s"], &["--json"]).stderr_as_stdout());
    assert!(told["error"].as_str().unwrap().contains(SHOWN), "{told}");
    // Damage is named by it as well: in a store with nothing but this in use.
    let world = World::new();
    fs::create_dir(world.at("d")).unwrap();
    fs::write(world.at("d").join(name), noise(400 * 4096)).unwrap();
    world.done(&["put", "-a", "s", "d", "/"]);
    let segment = world.at("s/segment-000000");
    flip(&segment, block_of_largest_file(&segment) * 4096 + 9);
    let told = json(&world.run(&["verify", "s", "--json"]));
    assert_eq!(told["findings"][0]["path_hex"], format!("2f642f{DIGITS}"), "{told}");
    for arguments in [&["verify", "s"][..], &["get", "-r", "s", "d", "x"], &["backup", "s", "b"]] {
        let output = world.run(arguments);
        let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(11), "{told}");
        assert!(told.contains(SHOWN) && !told.contains('\u{1b}'), "{arguments:?}: {told}");
    }
}

#[test]
fn a_store_may_have_such_a_name_itself() {
    let world = World::new();
    let told = json(&with_name(&world, &["init"], &["--json"]));
    assert!(told["store_hex"].as_str().unwrap().ends_with(DIGITS), "{told}");
    world.file("one", b"one");
    assert!(with_name(&world, &["put"], &["one", "file"]).status.success());
    let told = json(&with_name(&world, &["stat"], &["--json"]));
    assert_eq!(told["store_hex"], DIGITS, "{told}");
    let told = String::from_utf8(with_name(&world, &["stat"], &[]).stdout).unwrap();
    assert!(told.contains(SHOWN), "{told}");
    // It is remembered with all its bytes.
    let refused = with_name(&world, &["cat"], &["nothing"]);
    assert!(String::from_utf8(refused.stderr).unwrap().contains(SHOWN));
}

/// What a command that failed says, where it says it.
trait Errors {
    fn stderr_as_stdout(self) -> Self;
}

impl Errors for Output {
    fn stderr_as_stdout(self) -> Self {
        Self { stdout: self.stderr.clone(), ..self }
    }
}
