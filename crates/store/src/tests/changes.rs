//! Fixed bytes of a store whose keys were being changed when it ended, after each step of that: for
//! readers that were written from the format alone, as those in `vectors.rs`.
//!
//! A file has a line `step KEPT REMOVED WHAT` for each step: with which list of keys a secret opens
//! the store that stays, and one that is removed; then all rows of 32 bytes that are others than
//! before, of the medium and of the seal.

use super::vectors::{hex, overwrite_if_wished};
use crate::error::{Error, Identity};
use crate::keys::{
    KEY_AREA_AT, KEY_AREA_BYTES, NewSlot, Opened, RecoveryKey, Secret, Settings, unlock,
};
use crate::medium::Randomness;
use crate::seal::{SLOT_BYTES, Seal};
use crate::sealed_root::SealedRoot;
use crate::superblock::Superblock;
use crate::tests::trial::{Counted, Memory};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write as _;

const KEPT: [u8; 32] = *b"the key file that stays ........";
const REMOVED: [u8; 32] = *b"the key file that is removed ...";
/// What a disk may have written of a list when the power goes: the first of its blocks.
const HALF: usize = 4096;

/// The serial of the list that opens, or none if the secret is refused.
type Opens = Option<u64>;

/// What lies on both media after a step, and what that is to them.
struct Step {
    what: &'static str,
    kept: Opens,
    removed: Opens,
    medium: Vec<u8>,
    seal: Vec<u8>,
}

/// A store whose keys are changed.
struct Changing {
    medium: Vec<u8>,
    seal_medium: Memory,
    seal: Seal,
    keys: Opened,
    randomness: Counted,
    steps: Vec<Step>,
}

impl Changing {
    /// Lists 3 and 4 are the same, and the seal names both.
    fn new() -> Self {
        let mut randomness = Counted::default();
        let mut identity = Identity([0; 16]);
        randomness.fill(&mut identity.0);
        let settings = Settings { memory: 64, passes: 1, lanes: 1 };
        let slot = |secret, label| NewSlot { secret, label, settings, made: 1_700_000_000 };
        let first = slot(Secret::KeyFile(&KEPT), "kept");
        let mut keys = Opened::make(identity, &first, &mut randomness).unwrap();
        keys.add(&slot(Secret::KeyFile(&REMOVED), "removed"), &mut randomness).unwrap();
        let recovery = RecoveryKey::draw(&mut randomness);
        keys.add(&slot(Secret::Recovery(&recovery), "on paper"), &mut randomness).unwrap();
        let medium = Memory::of(alloc::vec![0; KEY_AREA_AT as usize + 2 * KEY_AREA_BYTES]);
        for _ in 1..=4 {
            keys.write(&medium, &mut randomness).unwrap();
            keys.settle().unwrap();
        }
        let mut root = |commit| {
            let mut bytes = [0; 228];
            randomness.fill(&mut bytes);
            bytes[..8].copy_from_slice(&u64::to_le_bytes(commit));
            SealedRoot::from_bytes(bytes)
        };
        let current = root(5);
        for root in [root(4), current] {
            Superblock { identity, features: 0, root }.write(&medium, root.commit() % 2).unwrap();
        }
        let (keys_serial, keys_intended) = (3, 4);
        let mut seal =
            Seal { identity, serial: 8, keys_serial, keys_intended, current, intended: None };
        let seal_medium = Memory::default();
        for _ in 0..2 {
            seal.write(&seal_medium, keys.keyring().seal_key()).unwrap();
        }
        let medium = medium.bytes().clone();
        Self { medium, seal_medium, seal, keys, randomness, steps: Vec::new() }
    }

    fn note(&mut self, what: &'static str, kept: Opens, removed: Opens) {
        let (medium, seal) = (self.medium.clone(), self.seal_medium.bytes().clone());
        self.steps.push(Step { what, kept, removed, medium, seal });
    }

    /// All steps of a change, and what damage in between comes to.
    fn change(
        mut self,
        spoiled: (Opens, Opens),
        change: impl FnOnce(&mut Opened, &mut Counted),
    ) -> Vec<Step> {
        self.note("nothing was written yet", Some(4), Some(4));
        change(&mut self.keys, &mut self.randomness);
        self.write_list(("half of list 5", "list 5"), (Some(4), Some(4)));
        self.write_seal(("half of a seal", "a seal that names it"), (Some(4), Some(4)));
        let before = self.medium.clone();
        let newer = KEY_AREA_AT as usize + KEY_AREA_BYTES;
        self.medium[newer + 4_200] ^= 1;
        self.note("somebody spoils the keys in list 5", spoiled.0, spoiled.1);
        self.medium[newer] ^= 1;
        self.note("somebody spoils all of list 5", Some(4), Some(4));
        self.medium = before;
        self.write_list(("half of list 6", "list 6"), (Some(5), None));
        self.write_seal(("half of a seal", "a seal that names both"), (Some(5), None));
        self.steps
    }

    /// The next list, over the older one.
    fn write_list(&mut self, what: (&'static str, &'static str), (kept, removed): (Opens, Opens)) {
        let whole = Memory::of(self.medium.clone());
        let serial = self.keys.write(&whole, &mut self.randomness).unwrap();
        self.keys.settle().unwrap();
        let at = KEY_AREA_AT as usize + (serial % 2) as usize * KEY_AREA_BYTES;
        let half = at..at + HALF;
        self.medium[half.clone()].copy_from_slice(&whole.bytes()[half]);
        self.note(what.0, kept, removed);
        self.medium.copy_from_slice(&whole.bytes());
        self.note(what.1, kept, removed);
    }

    /// The seal that says so.
    fn write_seal(&mut self, what: (&'static str, &'static str), (kept, removed): (Opens, Opens)) {
        let before = self.seal_medium.bytes().clone();
        self.seal.keys_intended = self.keys.serial();
        self.seal.keys_serial = self.keys.serial() - 1;
        self.seal.write(&self.seal_medium, self.keys.keyring().seal_key()).unwrap();
        let after = self.seal_medium.bytes().clone();
        let at = (self.seal.serial % 2) as usize * SLOT_BYTES;
        let mut torn = before;
        torn[at..at + 512].copy_from_slice(&after[at..at + 512]);
        self.seal_medium = Memory::of(torn);
        self.note(what.0, kept, removed);
        self.seal_medium = Memory::of(after);
        self.note(what.1, Some(self.keys.serial()), None);
    }
}

fn all() -> [(&'static str, Vec<Step>); 2] {
    let removing = Changing::new().change((Some(4), Some(4)), |keys, _| keys.remove(1).unwrap());
    // Who is not on it cannot tell a spoiled list with new keys from a whole one.
    let rekeying = Changing::new().change((Some(4), None), |keys, randomness| {
        let dropped = keys.rekey(&[Secret::KeyFile(&KEPT)], randomness).unwrap();
        assert_eq!(dropped.len(), 2);
    });
    [("removing.hex", removing), ("rekeying.hex", rekeying)]
}

fn text(steps: &[Step]) -> String {
    let mut text = format!("kept {}\nremoved {}\n", hex(&KEPT), hex(&REMOVED));
    let opens = |opens: Opens| opens.map_or("refused".to_string(), |serial| serial.to_string());
    let mut before: Option<&Step> = None;
    for step in steps {
        let (kept, removed) = (opens(step.kept), opens(step.removed));
        writeln!(text, "step {kept} {removed} {}", step.what).unwrap();
        for (name, now, then) in [
            ("medium", &step.medium, before.map(|step| &step.medium)),
            ("seal", &step.seal, before.map(|step| &step.seal)),
        ] {
            for (row, bytes) in now.chunks(32).enumerate() {
                let at = row * 32;
                let then = then.map_or(&[0; 32][..], |then| &then[at..at + 32]);
                if bytes != then {
                    writeln!(text, "{name} {at:08x} {}", hex(bytes)).unwrap();
                }
            }
        }
        before = Some(step);
    }
    text
}

#[test]
fn the_changes_come_out_the_same() {
    for (name, steps) in all() {
        overwrite_if_wished(name, &text(&steps));
    }
}

#[test]
fn the_changes_are_read() {
    for (name, steps) in all() {
        for step in steps {
            let (medium, seal) = (Memory::of(step.medium), Memory::of(step.seal));
            for (secret, expected) in [(KEPT, step.kept), (REMOVED, step.removed)] {
                let found = unlock(&medium, &seal, &Secret::KeyFile(&secret));
                let found = found.map(|(opened, _)| opened.serial());
                assert_eq!(found, expected.ok_or(Error::WrongKey), "{name}: {}", step.what);
            }
        }
    }
}
