//! What the tests work in: a folder with a store, and children that end with the test.

use serde_json::Value;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder with a store `s`, its trusted side `trusted` and some files; gone when it is dropped.
pub(crate) struct World(pub(crate) PathBuf);

impl World {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("cofferdam-store-{}-{number}", std::process::id());
        let world = Self(std::env::temp_dir().join(name));
        fs::create_dir(&world.0).unwrap();
        world.done(&["init", "s"]);
        world
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cofferdam"));
        command.arg("store").args(arguments);
        command.current_dir(&self.0).env("COFFERDAM_TRUSTED", "trusted").stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub(crate) fn done(&self, arguments: &[&str]) -> Vec<u8> {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        output.stdout
    }

    /// It fails with that code, and stderr has these words.
    pub(crate) fn fails(&self, arguments: &[&str], code: i32, words: &[&str]) {
        refused(&self.run(arguments), code, words, arguments);
    }

    pub(crate) fn file(&self, name: &str, contents: &[u8]) {
        fs::write(self.at(name), contents).unwrap();
    }

    /// Does with `sh` what is to be done in the folder.
    pub(crate) fn shell(&self, script: &str) -> String {
        let output = Command::new("sh").args(["-ec", script]).current_dir(&self.0).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn seal(&self) -> PathBuf {
        let place: Value = serde_json::from_slice(&self.done(&["stat", "s", "--json"])).unwrap();
        self.at(place["seal"].as_str().unwrap())
    }

    pub(crate) fn names(&self) -> String {
        String::from_utf8(self.done(&["ls", "s"])).unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if fs::remove_dir_all(&self.0).is_err() {
            // A mount whose server was killed with a test that failed.
            let point = self.at("point");
            let _ = Command::new("fusermount3").arg("-uzq").arg(point).output();
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

pub(crate) fn refused(output: &Output, code: i32, words: &[&str], about: &[&str]) {
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{about:?}: {told}");
    for word in words {
        assert!(told.contains(word), "{about:?} does not say {word:?}: {told}");
    }
}

/// Bytes that compress to nothing else and differ in every page.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let mut byte = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..length).map(|_| byte()).collect()
}

pub(crate) fn flip(path: &Path, at: u64) {
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[!byte[0]], at).unwrap();
}

/// A block in the middle of the longest row of blocks in use: that is one of the largest file.
pub(crate) fn block_of_largest_file(segment: &Path) -> u64 {
    let bytes = fs::read(segment).unwrap();
    let used: Vec<_> = (0..bytes.len() as u64 / 4096)
        .filter(|block| bytes[*block as usize * 4096..][..4096] != [0; 4096])
        .collect();
    let rows = used.chunk_by(|one, next| one + 1 == *next);
    let row = rows.max_by_key(|row| row.len()).unwrap();
    assert!(row.len() >= 300, "{row:?}");
    row[row.len() / 2]
}

/// Sends a signal to a child.
pub(crate) fn send(signal: &str, child: &Running) {
    let sent = Command::new("kill").args(["-s", signal, &child.0.id().to_string()]).status();
    assert!(sent.unwrap().success());
}

/// A child that is ended with the test.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
