//! The second reader, and what it must agree with.

use crate::folder::Folder;
use crate::program::said;
use crate::serving::Serving;
use crate::shown::{Shown, shown};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// What the second reader finds in a store that is not open. It must find nothing wrong.
pub(crate) fn read(folder: &Folder) -> Shown {
    // Debian's own, which has Debian's modules.
    system_tests::tool("python3", "python3 python3-argon2 python3-cryptography");
    let reader = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/store/second_reader.py");
    let mut command = Command::new("/usr/bin/python3");
    command.arg("-B").arg(reader).arg("--key-file").arg(folder.key());
    command.arg("--seal").arg(folder.seal()).arg(folder.store());
    let lines = said(&mut command, 120);
    let mut all = Shown::new();
    for line in lines.lines() {
        let mut line: Value = serde_json::from_str(line).unwrap();
        let about = line.as_object_mut().unwrap();
        // What a mount does not show.
        for inner in ["generation", "made"] {
            assert!(about.remove(inner).is_some());
        }
        let path = about.remove("path").unwrap().as_str().unwrap().to_owned();
        assert!(all.insert(path.clone(), line).is_none(), "{path} is there twice");
    }
    all
}

/// Closes a store, has it read by the second reader, and opens it again: all three must show the
/// same.
pub(crate) fn prove(serving: Serving, folder: &Folder) -> Serving {
    let before = without_blocks(shown(&folder.mount()));
    serving.end();
    let found = read(folder);
    let serving = Serving::open(folder);
    same(&shown(&folder.mount()), &found, "the mount that was made anew", "the second reader");
    same(&without_blocks(found), &before, "the second reader", "the mount before");
    serving
}

/// How many blocks a file has is known for sure only when it was written out, and shown a moment
/// later.
fn without_blocks(mut all: Shown) -> Shown {
    for line in all.values_mut() {
        line.as_object_mut().unwrap().remove("blocks");
    }
    all
}

/// That two saw the same; says of the first differences what they are.
pub(crate) fn same(one: &Shown, other: &Shown, who: &str, and_who: &str) {
    let mut differences = Vec::new();
    for path in one.keys().chain(other.keys().filter(|path| !one.contains_key(*path))) {
        if let (Some(here), Some(there)) = (one.get(path), other.get(path)) {
            for (what, value) in here.as_object().unwrap() {
                if there.get(what) != Some(value) {
                    let theirs = there.get(what).unwrap_or(&Value::Null);
                    differences.push(format!("{path}: {what}: {value}, {theirs}"));
                }
            }
            if here.as_object().unwrap().len() < there.as_object().unwrap().len() {
                differences.push(format!("{path}: {here}, {there}"));
            }
        } else {
            let only = if one.contains_key(path) { who } else { and_who };
            differences.push(format!("{path}: only {only} has it"));
        }
    }
    let count = differences.len();
    differences.truncate(20);
    assert!(count == 0, "{who}, {and_who}: {count} differences\n{}", differences.join("\n"));
    assert!(!one.is_empty());
}
