//! Fixed bytes of a medium and a seal, for readers that were written from the format alone.
//!
//! They lie in `tests/vectors`. Here they are made again, and must come out the same: a change of
//! the format cannot go unnoticed. `VECTORS=overwrite cargo test -p cofferdam-store vectors` writes
//! them after a wanted change.

use crate::error::Identity;
use crate::keys::{
    KEY_AREA_AT, KEY_AREA_BYTES, NewSlot, Opened, RecoveryKey, Secret, Settings, unlock,
};
use crate::medium::Randomness;
use crate::seal::Seal;
use crate::sealed_root::SealedRoot;
use crate::superblock::Superblock;
use crate::tests::trial::{Counted, Memory};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use std::path::Path;

const PASSPHRASE: &[u8] = "Zwölf Boxkämpfer".as_bytes();
const FILE: [u8; 32] = *b"thirty-two bytes of a key file..";

struct Vectors {
    medium: Memory,
    seal: Memory,
    recovery: RecoveryKey,
    keys: Opened,
}

/// A store whose fourth list of keys is being written while its seventh commit is: everything that
/// can stand in a superblock, a seal and a key area does.
fn make() -> Vectors {
    let mut randomness = Counted::default();
    let mut identity = Identity([0; 16]);
    randomness.fill(&mut identity.0);
    let medium = Memory::of(alloc::vec![0; KEY_AREA_AT as usize + 2 * KEY_AREA_BYTES]);
    let seal_medium = Memory::default();

    let settings = Settings { memory: 64, passes: 2, lanes: 2 };
    let slot = |secret, label, made| NewSlot { secret, label, settings, made };
    let recovery = RecoveryKey::draw(&mut randomness);
    let first = slot(Secret::Passphrase(PASSPHRASE), "Zoë's passphrase", 1_700_000_000);
    let mut keys = Opened::make(identity, &first, &mut randomness).unwrap();
    keys.add(&slot(Secret::KeyFile(&[0; 32]), "removed", 1_700_000_001), &mut randomness).unwrap();
    keys.add(&slot(Secret::KeyFile(&FILE), "service", 1_700_000_002), &mut randomness).unwrap();
    keys.add(&slot(Secret::Recovery(&recovery), "", -1), &mut randomness).unwrap();
    for serial in 1..=3 {
        assert_eq!(keys.write(&medium, &mut randomness), Ok(serial));
        keys.settle().unwrap();
    }
    let all = [Secret::Passphrase(PASSPHRASE), Secret::KeyFile(&FILE), Secret::Recovery(&recovery)];
    assert_eq!(keys.rekey(&all, &mut randomness).unwrap().len(), 1);
    assert_eq!(keys.write(&medium, &mut randomness), Ok(4));

    let mut root = |commit| {
        let mut bytes = [0; 228];
        randomness.fill(&mut bytes);
        bytes[..8].copy_from_slice(&u64::to_le_bytes(commit));
        SealedRoot::from_bytes(bytes)
    };
    let roots = [root(5), root(6), root(7)];
    for root in [roots[0], roots[1]] {
        Superblock { identity, features: 0, root }.write(&medium, root.commit() % 2).unwrap();
    }
    let [_, current, intended] = roots;
    let mut seal = Seal {
        identity,
        serial: 0x0001_0000_0000,
        keys_serial: 3,
        keys_intended: 3,
        current,
        intended: None,
    };
    seal.write(&seal_medium, keys.keyring().seal_key()).unwrap();
    (seal.keys_intended, seal.intended) = (4, Some(intended));
    seal.write(&seal_medium, keys.keyring().seal_key()).unwrap();
    keys.settle().unwrap();
    Vectors { medium, seal: seal_medium, recovery, keys }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

/// Lines of an offset and 32 bytes; what is not there is zeros.
fn sparse(bytes: &[u8]) -> String {
    let lines = bytes.chunks(32).enumerate().filter(|(_, row)| row.iter().any(|&byte| byte != 0));
    let mut text = format!("size {}\n", bytes.len());
    text.extend(lines.map(|(row, bytes)| format!("{:08x} {}\n", row * 32, hex(bytes))));
    text
}

/// What a reader must find.
fn expected(vectors: &Vectors) -> String {
    let keyring = vectors.keys.keyring();
    let masters: Vec<String> = (0..keyring.generations())
        .map(|generation| format!("\"{}\"", hex(keyring.master(generation as u16).unwrap())))
        .collect();
    let lines = [
        format!("\"identity\": \"{}\"", vectors.keys.identity()),
        format!("\"passphrase\": \"{}\"", core::str::from_utf8(PASSPHRASE).unwrap()),
        format!("\"key_file\": \"{}\"", hex(&FILE)),
        format!("\"recovery_key\": \"{}\"", *vectors.recovery.text()),
        format!("\"seal_serial\": {}", 0x0001_0000_0002_u64),
        format!("\"keys_serial\": {}", vectors.keys.serial()),
        format!("\"seal_key\": \"{}\"", hex(keyring.seal_key())),
        format!("\"master_keys\": [{}]", masters.join(", ")),
        String::from("\"current\": 6"),
        String::from("\"intended\": 7"),
        String::from("\"labels\": [\"Zoë's passphrase\", \"service\", \"\"]"),
    ];
    format!("{{\n  {}\n}}\n", lines.join(",\n  "))
}

/// Compares a file with what it is to hold, or writes that.
pub(super) fn overwrite_if_wished(name: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name);
    if std::env::var_os("VECTORS").is_some_and(|wish| wish == "overwrite") {
        std::fs::write(&file, text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text, "{name}");
}

#[test]
fn the_vectors_come_out_the_same() {
    let vectors = make();
    for (name, text) in [
        ("medium.hex", sparse(&vectors.medium.bytes())),
        ("seal.hex", sparse(&vectors.seal.bytes())),
        ("expected.json", expected(&vectors)),
    ] {
        overwrite_if_wished(name, &text);
    }
}

#[test]
fn the_vectors_are_read() {
    let Vectors { medium, seal, recovery, keys } = make();
    let all = [Secret::Passphrase(PASSPHRASE), Secret::KeyFile(&FILE), Secret::Recovery(&recovery)];
    for (secret, slot) in all.iter().zip([0, 2, 3]) {
        let (opened, seal) = unlock(&medium, &seal, secret).unwrap();
        assert_eq!((opened.serial(), opened.opened_with()), (4, Some(slot)));
        assert_eq!(opened.keyring().seal_key(), keys.keyring().seal_key());
        assert_eq!(opened.keyring().newest(), keys.keyring().newest());
        assert_eq!(seal.intended.map(|root| root.commit()), Some(7));
    }
}
