//! What a mount shows: every path with all that is known of it.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// By path, from `/` on; in the words of the second reader.
pub(crate) type Shown = BTreeMap<String, Value>;

/// All that is below a mount.
pub(crate) fn shown(mount: &Path) -> Shown {
    let mut all = Shown::new();
    add(mount, "", &mut all);
    all
}

fn add(mount: &Path, path: &str, all: &mut Shown) {
    let place = mount.join(path.trim_start_matches('/'));
    let about = fs::symlink_metadata(&place).unwrap();
    let name = if path.is_empty() { "/" } else { path };
    all.insert(name.to_owned(), line(&place, &about));
    if !about.is_dir() {
        return;
    }
    for entry in fs::read_dir(&place).unwrap() {
        let name = entry.unwrap().file_name().into_string().expect("suites use names in UTF-8");
        add(mount, &format!("{path}/{name}"), all);
    }
}

fn line(place: &Path, about: &Metadata) -> Value {
    let kind = match about.mode() >> 12 {
        1 => "fifo",
        2 => "character",
        4 => "directory",
        6 => "block",
        8 => "file",
        10 => "link",
        12 => "socket",
        other => panic!("{} is of kind {other}", place.display()),
    };
    let mut line = json!({
        "object": about.ino(),
        "kind": kind,
        "mode": format!("{:04o}", about.mode() & 0o7777),
        "user": about.uid(),
        "group": about.gid(),
        "links": about.nlink(),
        "size": about.size(),
        "blocks": about.blocks() / 8,
        "device": about.rdev(),
        "read": [about.atime(), about.atime_nsec()],
        "changed": [about.mtime(), about.mtime_nsec()],
        "status_changed": [about.ctime(), about.ctime_nsec()],
    });
    if kind == "file" {
        line["sha256"] = digest(place).into();
    } else if kind == "link" {
        line["target"] = fs::read_link(place).unwrap().to_str().unwrap().into();
    }
    let attributes = attributes(place);
    if !attributes.is_empty() {
        line["attributes"] = attributes.into();
    }
    line
}

fn digest(place: &Path) -> String {
    let mut file = File::open(place).unwrap();
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let length = file.read(&mut buffer).unwrap();
        if length == 0 {
            return hex(&digest.finalize());
        }
        digest.update(&buffer[..length]);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |all, byte| all + &format!("{byte:02x}"))
}

/// Extended attributes, their values in hexadecimal.
fn attributes(place: &Path) -> Map<String, Value> {
    let mut list = vec![0; 65_536];
    let length = rustix::fs::llistxattr(place, &mut list).unwrap();
    let names = list[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty());
    names
        .map(|name| {
            let name = str::from_utf8(name).unwrap();
            let mut value = vec![0; 65_536];
            let length = rustix::fs::lgetxattr(place, name, &mut value).unwrap();
            (name.to_owned(), hex(&value[..length]).into())
        })
        .collect()
}
