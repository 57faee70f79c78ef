//! The fixed vectors, read by a reader that was written from the format alone, in another language.
//!
//! What it finds in the tree of a whole store is compared elsewhere; here it is about superblock,
//! seal and keys, and that it refuses what must be refused.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder with medium, seal and secrets; removed when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("cofferdam-second-reader-{}-{number}", std::process::id());
        let folder = Self(std::env::temp_dir().join(name));
        std::fs::create_dir(&folder.0).unwrap();
        for name in ["medium", "seal"] {
            folder.write(name, &from_sparse(&vector(&format!("{name}.hex"))));
        }
        let expected = expected();
        folder.write("passphrase", expected["passphrase"].as_str().unwrap().as_bytes());
        folder.write("key_file", &from_hex(expected["key_file"].as_str().unwrap()));
        folder.write("recovery", expected["recovery_key"].as_str().unwrap().as_bytes());
        folder
    }

    /// Changes some bytes of one of them.
    fn overwrite(&self, name: &str, at: usize, row: &[u8]) {
        let mut bytes = std::fs::read(self.0.join(name)).unwrap();
        bytes.resize(bytes.len().max(at + row.len()), 0);
        bytes[at..at + row.len()].copy_from_slice(row);
        self.write(name, &bytes);
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.0.join(name), bytes).unwrap();
    }

    fn flip(&self, name: &str, at: usize) {
        let mut bytes = std::fs::read(self.0.join(name)).unwrap();
        bytes[at] ^= 1;
        self.write(name, &bytes);
    }

    fn read(&self, option: &str, secret: &str) -> Output {
        // Debian's own, which has Debian's modules.
        system_tests::tool("python3", "python3 python3-argon2 python3-cryptography");
        let reader = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../system-tests/tests/store/second_reader.py");
        Command::new("/usr/bin/python3")
            .args(["-B".as_ref(), reader.as_os_str(), "--keys-only".as_ref(), option.as_ref()])
            .arg(self.0.join(secret))
            .args(["--seal".as_ref(), self.0.join("seal").as_os_str()])
            .arg(self.0.join("medium"))
            .output()
            .unwrap()
    }

    fn keys(&self, option: &str, secret: &str) -> Value {
        let output = self.read(option, secret);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn refusal(&self) -> String {
        let output = self.read("--key-file", "key_file");
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn vector(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

fn expected() -> Value {
    serde_json::from_str(&vector("expected.json")).unwrap()
}

fn from_hex(text: &str) -> Vec<u8> {
    let digit = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

fn from_sparse(text: &str) -> Vec<u8> {
    let mut lines = text.lines().map(|line| line.split_once(' ').unwrap());
    let mut bytes = vec![0; lines.next().unwrap().1.parse().unwrap()];
    for (at, row) in lines {
        let at = usize::from_str_radix(at, 16).unwrap();
        bytes[at..at + 32].copy_from_slice(&from_hex(row));
    }
    bytes
}

#[test]
fn it_finds_the_same_with_every_secret() {
    let folder = Folder::new();
    for (option, secret, slot) in [
        ("--passphrase-file", "passphrase", 0),
        ("--key-file", "key_file", 2),
        ("--recovery-file", "recovery", 3),
    ] {
        let found = folder.keys(option, secret);
        assert_eq!(found["slot"], slot);
        for what in [
            "identity",
            "seal_serial",
            "keys_serial",
            "seal_key",
            "master_keys",
            "current",
            "intended",
            "labels",
        ] {
            assert_eq!(found[what], expected()[what], "{what}, opened by {secret}");
        }
    }
}

#[test]
fn it_takes_the_other_copy_of_what_is_torn() {
    let (newer_keys, newer_seal) = (2 * 4096 + 4200, 3000);
    let folder = Folder::new();
    folder.flip("medium", newer_keys);
    assert_eq!(folder.keys("--key-file", "key_file")["keys_serial"], 3);
    // The seal before it names only the older list.
    folder.flip("seal", newer_seal);
    let found = folder.keys("--key-file", "key_file");
    assert_eq!((&found["keys_serial"], &found["intended"]), (&3.into(), &Value::Null));
    folder.flip("medium", newer_keys);
    assert_eq!(folder.keys("--key-file", "key_file")["keys_serial"], 3);
}

#[test]
fn it_refuses_what_must_be_refused() {
    let folder = Folder::new();
    folder.write("key_file", &[1; 32]);
    assert_eq!(folder.refusal(), "the secret opens no copy of the keys\n");

    let folder = Folder::new();
    folder.flip("seal", 3000);
    folder.flip("seal", 7000);
    assert_eq!(folder.refusal(), "the seal is damaged, or of another store\n");
    folder.write("seal", &[]);
    assert_eq!(folder.refusal(), "this is not a seal\n");

    let folder = Folder::new();
    folder.flip("medium", 100);
    folder.flip("medium", 4096 + 100);
    assert_eq!(folder.refusal(), "this is not a store, or both superblocks are damaged\n");
}

/// Takes every step of a change of the keys, and looks after each who can open the store.
fn who_opens_at_each_step_of(change: &str) {
    let folder = Folder::new();
    folder.write("medium", &vec![0; (2 + 16) * 4096]);
    folder.write("seal", &[0; 2 * 4096]);
    let text = vector(change);
    let (head, steps) = text.split_once("step ").unwrap();
    for line in head.lines() {
        let (name, secret) = line.split_once(' ').unwrap();
        folder.write(name, &from_hex(secret));
    }
    let mut taken = 0;
    for step in steps.split("step ") {
        let (about, rows) = step.split_once('\n').unwrap();
        for row in rows.lines() {
            let [name, at, bytes] = row.split(' ').collect::<Vec<_>>().try_into().unwrap();
            let at = usize::from_str_radix(at, 16).unwrap();
            folder.overwrite(name, at, &from_hex(bytes));
        }
        let mut expected = about.split(' ');
        for name in ["kept", "removed"] {
            let output = folder.read("--key-file", name);
            let errors = String::from_utf8_lossy(&output.stderr);
            match expected.next().unwrap() {
                "refused" => {
                    assert_eq!(output.status.code(), Some(2), "{change}: {about}: {name} opens");
                    assert!(errors.contains("the secret "), "{change}: {about}: {errors}");
                }
                serial => {
                    assert!(output.status.success(), "{change}: {about}: {name}: {errors}");
                    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
                    assert_eq!(found["keys_serial"].to_string(), serial, "{change}: {about}");
                }
            }
        }
        taken += 1;
    }
    assert_eq!(taken, 11, "{change}");
}

#[test]
fn it_takes_the_right_list_when_the_removal_of_a_key_was_cut_short() {
    who_opens_at_each_step_of("removing.hex");
}

#[test]
fn it_takes_the_right_list_when_drawing_new_keys_was_cut_short() {
    who_opens_at_each_step_of("rekeying.hex");
}
