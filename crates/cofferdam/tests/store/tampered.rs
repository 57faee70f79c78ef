//! Segments and seals that somebody tampered with: each command names the thing, the cause and the
//! way out, with the same exit code; what is not touched is read.

use crate::world::{World, block_of_largest_file, flip, noise};
use std::fs::{self, OpenOptions};
use std::path::PathBuf;

/// A store `s` with two files, and one `t` beside it, which has a file of the same name; and copies
/// of both halves of `s` as they were before (`old`) and are now (`good`).
struct Victim {
    world: World,
    segment: PathBuf,
    seal: PathBuf,
    big: Vec<u8>,
}

impl Victim {
    fn new() -> Self {
        let world = World::new();
        let big = noise(400 * 4096);
        world.file("big", &big);
        world.file("small", b"small");
        world.done(&["put", "s", "small", "small"]);
        let seal = world.seal();
        let victim = Self { segment: world.at("s/segment-000000"), seal, world, big };
        victim.keep("old");
        victim.world.done(&["put", "s", "big", "big"]);
        victim.keep("good");
        victim.world.done(&["init", "t"]);
        victim.world.done(&["put", "t", "big", "small"]);
        victim
    }

    fn keep(&self, name: &str) {
        fs::copy(&self.segment, self.world.at(&format!("{name}.store"))).unwrap();
        fs::copy(&self.seal, self.world.at(&format!("{name}.seal"))).unwrap();
    }

    /// Puts a copy of the store in its place.
    fn put_store(&self, name: &str) {
        fs::copy(self.world.at(&format!("{name}.store")), &self.segment).unwrap();
    }

    fn put_seal(&self, name: &str) {
        fs::copy(self.world.at(&format!("{name}.seal")), &self.seal).unwrap();
    }

    fn cut(path: &PathBuf, length: u64) {
        OpenOptions::new().write(true).open(path).unwrap().set_len(length).unwrap();
    }

    /// Whatever reads or writes is refused in the same way; and when all is back, all is well.
    #[track_caller]
    fn refused(&self, code: i32, words: &[&str]) {
        for command in [
            &["ls", "s"][..],
            &["cat", "s", "small"],
            &["get", "s", "small", "out"],
            &["get", "-r", "s", "/", "out"],
            &["verify", "s"],
            &["stat", "s"],
            &["cp", "s", "small", "copy"],
            &["put", "s", "small", "new"],
        ] {
            self.world.fails(command, code, words);
            assert!(!self.world.at("out").exists(), "{command:?} gave something");
        }
        self.put_store("good");
        self.put_seal("good");
        self.whole();
    }

    #[track_caller]
    fn whole(&self) {
        assert!(self.world.done(&["cat", "s", "big"]) == self.big);
        assert_eq!(self.world.names(), "big\nsmall\n");
        self.world.done(&["verify", "s"]);
    }
}

#[test]
fn segments_that_are_gone_cut_old_or_of_another_store() {
    let victim = Victim::new();
    let seal = victim.seal.to_str().unwrap();
    let gone = ["s: this is not a store, or no longer", "newest copy back", "backup"];
    fs::remove_file(&victim.segment).unwrap();
    victim.refused(20, &gone);
    Victim::cut(&victim.segment, 0);
    victim.refused(20, &gone);
    // Both superblocks are there, and the tree is not.
    Victim::cut(&victim.segment, 32 * 4096);
    victim.refused(11, &["s: ", "were changed, swapped or put back (block", "a backup"]);
    victim.put_store("old");
    victim.refused(15, &["s: an old copy of the store", "newest copy of the store back"]);
    // One of another store of the same user, which has the same keys beside it.
    fs::copy(victim.world.at("t/segment-000000"), &victim.segment).unwrap();
    victim.refused(13, &["s: another store lies there now", "put that one back", "--seal"]);
    fs::copy(victim.world.at("t/segment-000000"), &victim.segment).unwrap();
    victim.world.fails(&["ls", "s", "--seal", seal], 13, &[seal, "another store", "--seal"]);
    victim.put_store("good");
    for block in [0, 1] {
        flip(&victim.segment, block * 4096 + 20);
    }
    victim.refused(11, &["s: the store's first two blocks are damaged", "from a backup"]);
    // One of the two is enough.
    flip(&victim.segment, 20);
    victim.whole();
}

#[test]
fn seals_that_are_gone_cut_old_damaged_or_of_another_store() {
    let victim = Victim::new();
    let seal = victim.seal.to_str().unwrap();
    fs::remove_file(&victim.seal).unwrap();
    victim.refused(12, &["s: its seal", seal, "is missing", "put it back there", "--seal"]);
    Victim::cut(&victim.seal, 0);
    victim.refused(20, &[seal, "this is not a seal", "--seal", "put it back"]);
    for slot in [0, 1] {
        flip(&victim.seal, slot * 4096 + 100);
    }
    victim.refused(11, &[seal, "the seal is damaged in both slots", "put the seal back"]);
    victim.put_seal("old");
    victim
        .refused(14, &["s with the seal", seal, "is an old copy", "newest copy of the seal back"]);
    let other = fs::read_dir(victim.world.at("trusted")).unwrap().flatten().map(|it| it.path());
    let mut other = other
        .filter(|path| path.extension().is_some_and(|it| it == "seal") && *path != victim.seal);
    fs::copy(other.next().unwrap(), &victim.seal).unwrap();
    victim.refused(13, &["s with the seal", seal, "belongs to another store", "--seal"]);
    // One slot of the two is enough.
    flip(&victim.seal, 100);
    victim.whole();
}

#[test]
fn what_was_not_touched_is_read_beside_what_was() {
    let victim = Victim::new();
    let Victim { world, segment, big, .. } = &victim;
    let block = block_of_largest_file(segment);
    let untouched = || {
        assert_eq!(world.names(), "big\nsmall\n");
        assert_eq!(world.done(&["cat", "s", "small"]), b"small");
        world.done(&["get", "s", "small", "out"]);
        fs::remove_file(world.at("out")).unwrap();
    };
    let touched = |saved: &str| {
        untouched();
        let words = ["s: /big: bytes ", "(block ", "--keep-going", "a backup"];
        let output = world.run(&["cat", "s", "big"]);
        crate::world::refused(&output, 11, &words, &["cat"]);
        let length = output.stdout.len();
        assert!(length < big.len() && output.stdout == big[..length], "nothing false before it");
        world.fails(&["get", "s", "big", "out"], 11, &words);
        assert!(!world.at("out").exists());
        world.fails(&["get", "-r", "s", "/", saved], 11, &["/big: ", "one thing was not done"]);
        assert_eq!(fs::read(world.at(saved).join("small")).unwrap(), b"small");
        let output = world.run(&["verify", "s"]);
        let words = ["s: ", "damaged, named above", "`get -r` saves the rest", "a backup"];
        crate::world::refused(&output, 11, &words, &["verify"]);
        let told = String::from_utf8(output.stdout).unwrap();
        assert!(told.lines().all(|line| line.starts_with("/big: bytes ")), "{told}");
        told.lines().count()
    };
    flip(segment, block * 4096 + 77);
    assert_eq!(touched("saved1"), 1);
    victim.put_store("good");
    victim.whole();
    // Cut in the middle of the file.
    Victim::cut(segment, block * 4096);
    assert!(touched("saved2") > 100);
    victim.put_store("good");
    victim.whole();
}
