use super::area::{KEYS_ROOM, encode};
use super::*;
use crate::error::{Error, Identity};
use crate::medium::Medium;
use crate::seal::Seal;
use crate::sealed_root::SealedRoot;
use crate::tests::trial::{Counted, Memory};
use alloc::format;
use alloc::vec::Vec;
use proptest::prelude::*;

const IDENTITY: Identity = Identity(*b"0123456789abcdef");
const FILE: [u8; 32] = [5; 32];
const OTHER_FILE: [u8; 32] = [6; 32];
/// The least that argon2id can do: tests try many.
const QUICK: Settings = Settings { memory: 8, passes: 1, lanes: 1 };
const PASSPHRASE: Secret<'static> = Secret::Passphrase(b"correct horse");
const KEY_FILE: Secret<'static> = Secret::KeyFile(&FILE);
const OTHER: Secret<'static> = Secret::KeyFile(&OTHER_FILE);

fn new<'a>(secret: Secret<'a>, label: &'a str) -> NewSlot<'a> {
    NewSlot { secret, label, settings: QUICK, made: 1_700_000_000 }
}

/// A passphrase in slot 0, a key file in slot 1.
fn opened(randomness: &mut Counted) -> Opened {
    let mut opened = Opened::make(IDENTITY, &new(PASSPHRASE, "mine"), randomness).unwrap();
    assert_eq!(opened.add(&new(KEY_FILE, "of the service"), randomness), Ok(1));
    opened
}

fn bytes_of(opened: &Opened, serial: u64) -> Vec<u8> {
    encode(opened, serial, &mut Counted::default()).unwrap()
}

fn room() -> Memory {
    Memory::of(alloc::vec![0; KEY_AREA_AT as usize + 2 * KEY_AREA_BYTES])
}

fn same_keys(one: &Opened, other: &Opened) -> bool {
    *one.keyring().bytes() == *other.keyring().bytes()
}

#[test]
fn the_parts_lie_where_the_format_says() {
    let mut randomness = Counted::default();
    let opened = opened(&mut randomness);
    let bytes = bytes_of(&opened, 0x0102);
    assert_eq!(bytes.len(), KEY_AREA_BYTES);
    assert_eq!(&bytes[..24], b"cofferdam keys\0\0\x01\0\0\0\0\0\0\0");
    assert_eq!(bytes[24..40], IDENTITY.0);
    assert_eq!(bytes[40..48], [2, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(bytes[48..64], [0; 16]);
    let slot = &bytes[64..64 + 256];
    assert_eq!(slot[..16], [1, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]);
    assert_eq!(slot[96..104], 1_700_000_000_i64.to_le_bytes());
    assert_eq!(&slot[104..109], b"\x04mine");
    assert!(slot[109..].iter().all(|&byte| byte == 0));
    assert_eq!(bytes[320..336], [2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert!(bytes[64 + 512..4160].iter().all(|&byte| byte == 0));
    assert_eq!(bytes[4172..4176], [64, 0, 0, 0]);
    assert!(bytes[4192 + 64..].iter().all(|&byte| byte == 0));
    assert_eq!(KEYS_ROOM, KEY_AREA_BYTES - 4192);
}

#[test]
fn each_secret_opens_its_slot_and_no_other_does() {
    let mut randomness = Counted::default();
    let recovery = RecoveryKey::draw(&mut randomness);
    let mut opened = opened(&mut randomness);
    opened.add(&new(Secret::Recovery(&recovery), ""), &mut randomness).unwrap();
    let area = KeyArea::decode(&bytes_of(&opened, 1)).unwrap();
    for (index, secret) in [PASSPHRASE, KEY_FILE, Secret::Recovery(&recovery)].iter().enumerate() {
        let again = area.open(secret).unwrap();
        assert_eq!((again.opened_with(), again.serial()), (Some(index), 1));
        assert!(same_keys(&again, &opened));
    }
    // Right bytes, but of another kind: a key file's are no recovery key.
    for wrong in [
        Secret::Passphrase(b"correct horsf"),
        Secret::Passphrase(b""),
        Secret::Passphrase(&FILE),
        Secret::KeyFile(recovery.bytes()),
        OTHER,
    ] {
        assert_eq!(area.open(&wrong).unwrap_err(), Error::WrongKey);
    }
    let kinds: Vec<_> = area.slots().iter().map(|slot| slot.kind).collect();
    assert_eq!(kinds, [SlotKind::Passphrase(QUICK), SlotKind::KeyFile, SlotKind::Recovery]);
    assert_eq!(area.slots(), opened.slots());
}

#[test]
fn every_flipped_bit_is_refused_or_harmless() {
    let opened = opened(&mut Counted::default());
    let good = bytes_of(&opened, 1);
    let used = 4192 + 64;
    // What nobody reads is zeros of which one bit each will do.
    let bits = (0..used * 8).chain((used..KEY_AREA_BYTES).map(|at| at * 8 + at % 8));
    for bit in bits {
        let mut bytes = good.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let result = KeyArea::decode(&bytes).and_then(|area| area.open(&KEY_FILE));
        match (bit / 8, result) {
            (at, Ok(again)) => assert!(at >= used && same_keys(&again, &opened), "bit {bit}"),
            (16..20, Err(error)) => assert!(matches!(
                error,
                Error::Version { what: "key area", .. } | Error::KeysDamaged
            )),
            // The slot itself: kind, salt, the area key and its tag.
            (320 | 336..416, Err(error)) => assert_eq!(error, Error::WrongKey, "bit {bit}"),
            // A label that cannot be makes a slot one that is not tried.
            (424..488, Err(Error::WrongKey)) => {}
            (at, Err(error)) => {
                assert_eq!(error, Error::KeysDamaged, "bit {bit}");
                assert!(at < used);
            }
        }
    }
}

#[test]
fn a_slot_that_would_hang_is_not_tried_and_others_are() {
    let mut randomness = Counted::default();
    let opened = opened(&mut randomness);
    let mut bytes = bytes_of(&opened, 1);
    bytes[64 + 4..64 + 16].fill(0xff);
    let area = KeyArea::decode(&bytes).unwrap();
    assert_eq!(area.slots()[0].kind, SlotKind::Damaged);
    assert_eq!(area.open(&PASSPHRASE).unwrap_err(), Error::WrongKey);
    // The other gets as far as the tag over all slots.
    assert_eq!(area.open(&KEY_FILE).unwrap_err(), Error::KeysDamaged);
}

#[test]
fn the_quickest_slot_is_tried_first() {
    let mut randomness = Counted::default();
    let slow = Settings { memory: 1 << 20, passes: 40, lanes: 1 };
    let mut opened = opened(&mut randomness);
    opened.add(&new(Secret::Passphrase(b"second"), ""), &mut randomness).unwrap();
    let mut bytes = bytes_of(&opened, 1);
    // Half a minute, if it were tried.
    bytes[68..72].copy_from_slice(&slow.memory.to_le_bytes());
    bytes[72..76].copy_from_slice(&slow.passes.to_le_bytes());
    let area = KeyArea::decode(&bytes).unwrap();
    assert_eq!(area.slots()[0].kind, SlotKind::Passphrase(slow));
    let began = std::time::Instant::now();
    // Its slot opens, which is as far as anything gets here, and the slow one is not even tried.
    assert_eq!(area.open(&Secret::Passphrase(b"second")).unwrap_err(), Error::KeysDamaged);
    assert!(began.elapsed().as_secs() < 5);
}

#[test]
fn labels_and_settings_that_cannot_be_are_refused() {
    let mut randomness = Counted::default();
    let mut opened = opened(&mut randomness);
    let before = opened.slots();
    let long = "x".repeat(64);
    let mut refuse = |slot: NewSlot<'_>| {
        assert!(matches!(opened.add(&slot, &mut randomness), Err(Error::Invalid(_))));
    };
    refuse(new(OTHER, &long));
    refuse(new(OTHER, "a\x1b[2J"));
    refuse(new(Secret::Passphrase(b""), ""));
    refuse(NewSlot { settings: Settings { passes: 65, ..QUICK }, ..new(PASSPHRASE, "") });
    assert_eq!(opened.slots(), before);
    assert_eq!(opened.add(&new(OTHER, &long[..63]), &mut randomness), Ok(2));
    assert_eq!(opened.slots()[2].label, long[..63]);
}

#[test]
fn slots_are_added_and_removed_without_the_other_secrets() {
    let mut randomness = Counted::default();
    let first = opened(&mut randomness);
    let mut area = KeyArea::decode(&bytes_of(&first, 1)).unwrap().open(&KEY_FILE).unwrap();
    while area.slots().len() < SLOTS {
        area.add(&new(OTHER, "more"), &mut randomness).unwrap();
    }
    assert_eq!(area.add(&new(OTHER, ""), &mut randomness), Err(Error::KeysFull(16)));
    assert_eq!(area.remove(SLOTS), Err(Error::NoSuchKey(16)));
    for index in 1..SLOTS {
        area.remove(index).unwrap();
        assert_eq!(area.remove(index), Err(Error::NoSuchKey(index)));
        assert_eq!(area.opened_with(), None);
    }
    assert_eq!(area.remove(0), Err(Error::LastKey));
    let area = KeyArea::decode(&bytes_of(&area, 2)).unwrap();
    assert_eq!(area.open(&KEY_FILE).unwrap_err(), Error::WrongKey);
    assert!(same_keys(&area.open(&PASSPHRASE).unwrap(), &first));
}

#[test]
fn new_keys_are_for_those_whose_secrets_are_there() {
    let mut randomness = Counted::default();
    let mut area = opened(&mut randomness);
    area.add(&new(OTHER, "lost"), &mut randomness).unwrap();
    let (old, seal_key) = (*area.keyring().newest().unwrap().1, *area.keyring().seal_key());
    let before = bytes_of(&area, 1);
    assert_eq!(area.rekey(&[], &mut randomness), Err(Error::LastKey));
    let wrong = [KEY_FILE, Secret::Passphrase(b"wrong")];
    assert_eq!(area.rekey(&wrong, &mut randomness), Err(Error::WrongKey));
    assert_eq!(bytes_of(&area, 1), before, "nothing changed");

    let dropped = area.rekey(&[PASSPHRASE, KEY_FILE, KEY_FILE], &mut randomness).unwrap();
    assert_eq!(dropped.iter().map(|slot| &*slot.label).collect::<Vec<_>>(), ["lost"]);
    let after = bytes_of(&area, 2);
    let locked = KeyArea::decode(&after).unwrap();
    assert_eq!(locked.open(&OTHER).unwrap_err(), Error::WrongKey);
    for secret in [PASSPHRASE, KEY_FILE] {
        let again = locked.open(&secret).unwrap();
        assert_eq!((again.keyring().seal_key(), again.keyring().generations()), (&seal_key, 2));
        assert_eq!(again.keyring().master(0), Some(&old));
        assert_eq!(again.keyring().newest(), Some((1, again.keyring().master(1).unwrap())));
        assert_ne!(again.keyring().master(1), Some(&old));
        assert_eq!(again.keyring().master(2), None);
    }
    // Another area key under another salt: the zero nonce is never used twice.
    for slot in [64, 320] {
        assert_ne!(before[slot + 16..slot + 96], after[slot + 16..slot + 96]);
        assert_eq!(before[slot..slot + 16], after[slot..slot + 16]);
        assert_eq!(before[slot + 96..slot + 256], after[slot + 96..slot + 256]);
    }
}

#[test]
fn generations_end_where_the_area_does() {
    let mut randomness = Counted::default();
    let mut area = Opened::make(IDENTITY, &new(KEY_FILE, ""), &mut randomness).unwrap();
    for generation in 1..KEYS_ROOM / 32 - 1 {
        area.rekey(&[KEY_FILE], &mut randomness).unwrap();
        assert_eq!(usize::from(area.keyring().newest().unwrap().0), generation);
    }
    assert!(matches!(area.rekey(&[KEY_FILE], &mut randomness), Err(Error::Invalid(_))));
    let again = KeyArea::decode(&bytes_of(&area, 1)).unwrap().open(&KEY_FILE).unwrap();
    assert!(same_keys(&again, &area));
}

#[test]
fn copies_take_turns_and_only_those_that_the_seal_names_count() {
    let mut randomness = Counted::default();
    let (mut area, medium) = (opened(&mut randomness), room());
    let read = |sealed: &[u64]| {
        KeyArea::read(&medium, IDENTITY, sealed)
            .and_then(|area| area.open(&KEY_FILE))
            .map(|opened| opened.serial())
    };
    assert_eq!(read(&[0]), Err(Error::KeysDamaged));
    for serial in 1..=3 {
        // Written twice, as after an error: to the same place.
        assert_eq!(area.write(&medium, &mut randomness), Ok(serial));
        assert_eq!(area.write(&medium, &mut randomness), Ok(serial));
        assert_eq!(read(&[serial]), Ok(serial));
        area.settle().unwrap();
    }
    assert_eq!(read(&[3]), Ok(3));
    assert_eq!(read(&[2]), Ok(2));
    assert_eq!(read(&[2, 3]), Ok(3));
    assert_eq!(read(&[3, 4]), Ok(3));
    assert_eq!(read(&[5]), Err(Error::KeysRolledBack { found: 3, sealed: 5 }));
    assert_eq!(read(&[4, 5]), Err(Error::KeysRolledBack { found: 3, sealed: 5 }));
    assert_eq!(read(&[]), Err(Error::KeysDamaged));
    let another = Identity([0; 16]);
    assert_eq!(KeyArea::read(&medium, another, &[3]).err(), Some(Error::KeysDamaged));
    // The newer one torn in the keys, in the slot, in the head.
    let newer = KEY_AREA_AT as usize + KEY_AREA_BYTES;
    for at in [4200, 340, 0] {
        medium.bytes()[newer + at] ^= 1;
        assert_eq!(read(&[2, 3]), Ok(2));
        assert!(read(&[3]).is_err());
    }
    assert_eq!(read(&[3]), Err(Error::KeysDamaged));
    assert_eq!(read(&[3, 4]), Err(Error::KeysDamaged), "damage is not called an old list");
    medium.bytes()[KEY_AREA_AT as usize] ^= 1;
    assert_eq!(read(&[2, 3]), Err(Error::KeysDamaged));
    medium.bytes().truncate(newer + 7);
    assert_eq!(read(&[2, 3]), Err(Error::KeysDamaged));
}

/// A medium and its seal, both written.
fn store(area: &mut Opened, randomness: &mut Counted) -> (Memory, Memory, Seal) {
    let (medium, seal_medium) = (room(), Memory::default());
    area.write(&medium, randomness).unwrap();
    area.settle().unwrap();
    let mut seal = Seal {
        identity: IDENTITY,
        serial: 0,
        keys_serial: area.serial(),
        keys_intended: area.serial(),
        current: SealedRoot::from_bytes([1; 228]),
        intended: None,
    };
    seal.write(&seal_medium, area.keyring().seal_key()).unwrap();
    (medium, seal_medium, seal)
}

#[test]
fn a_change_of_keys_can_be_cut_short_at_any_step() {
    let mut randomness = Counted::default();
    let mut area = opened(&mut randomness);
    let (medium, seal_medium, mut seal) = store(&mut area, &mut randomness);
    let key = *area.keyring().seal_key();
    let serial = |secret: &Secret<'_>| {
        unlock(&medium, &seal_medium, secret).map(|(opened, _)| opened.serial())
    };
    assert_eq!(serial(&KEY_FILE), Ok(1));
    area.remove(1).unwrap();
    seal.keys_intended = 2;
    seal.write(&seal_medium, &key).unwrap();
    assert_eq!((serial(&KEY_FILE), serial(&PASSPHRASE)), (Ok(1), Ok(1)));
    area.write(&medium, &mut randomness).unwrap();
    assert_eq!(serial(&PASSPHRASE), Ok(2));
    let torn = KEY_AREA_AT as usize + 4200;
    medium.bytes()[torn] ^= 1;
    assert_eq!(serial(&PASSPHRASE), Ok(1));
    medium.bytes()[torn] ^= 1;
    seal.keys_serial = 2;
    seal.write(&seal_medium, &key).unwrap();
    area.settle().unwrap();
    // The older slot of the seal still names the list in which the removed one was.
    assert_eq!((serial(&KEY_FILE), serial(&PASSPHRASE)), (Err(Error::WrongKey), Ok(2)));
    // And with the new list gone, that is no reason to take it.
    medium.bytes()[KEY_AREA_AT as usize] ^= 1;
    assert_eq!(serial(&KEY_FILE), Err(Error::KeysDamaged));
    seal.write(&seal_medium, &key).unwrap();
    assert_eq!(serial(&KEY_FILE), Err(Error::KeysDamaged));
}

#[test]
fn a_seal_or_keys_of_others_are_refused() {
    let mut randomness = Counted::default();
    let (medium, seal, _) = store(&mut opened(&mut randomness), &mut randomness);
    let (another, _, _) = store(&mut opened(&mut randomness), &mut randomness);
    assert!(unlock(&medium, &seal, &KEY_FILE).is_ok());
    assert_eq!(unlock(&another, &seal, &KEY_FILE).unwrap_err(), Error::SealDamaged);
    assert_eq!(unlock(&medium, &Memory::default(), &KEY_FILE).unwrap_err(), Error::NotASeal);
    assert_eq!(unlock(&Memory::default(), &seal, &KEY_FILE).unwrap_err(), Error::KeysDamaged);
}

#[test]
fn a_later_version_is_named() {
    let mut randomness = Counted::default();
    let (medium, seal, _) = store(&mut opened(&mut randomness), &mut randomness);
    medium.bytes()[KEY_AREA_AT as usize + KEY_AREA_BYTES + 16] = 2;
    let later = Error::Version { what: "key area", found: 2, known: 1 };
    assert_eq!(unlock(&medium, &seal, &KEY_FILE).unwrap_err(), later);
}

#[test]
fn nothing_secret_is_printed() {
    let opened = opened(&mut Counted::default());
    let shown = format!("{opened:?} {:?}", opened.keyring());
    for key in opened.keyring().bytes().chunks(32).chain([&opened.area_key[..]]) {
        let listed = format!("{key:?}");
        assert!(!shown.contains(&listed[1..20]), "{shown}");
    }
    assert!(shown.contains("of the service"));
}

proptest! {
    #[test]
    fn any_bytes_are_refused(
        mut bytes in prop::collection::vec(any::<u8>(), 0..5000), magic: bool, kinds: bool,
    ) {
        if magic && bytes.len() > 20 {
            bytes[..20].copy_from_slice(b"cofferdam keys\0\0\x01\0\0\0");
        }
        if kinds && bytes.len() > 4192 {
            for slot in 0..SLOTS {
                bytes[64 + slot * 256] %= 4;
                bytes[64 + slot * 256 + 104] %= 2;
            }
            bytes[4174..4176].fill(0);
        }
        if let Ok(area) = KeyArea::decode(&bytes) {
            prop_assert!(magic);
            prop_assert!(area.slots().len() <= SLOTS);
            prop_assert_eq!(area.open(&KEY_FILE).unwrap_err(), Error::WrongKey);
        }
        let medium = room();
        medium.write(KEY_AREA_AT, &bytes).unwrap();
        prop_assert!(KeyArea::read(&medium, IDENTITY, &[0, 1]).is_err());
    }

    #[test]
    fn an_area_cut_short_anywhere_is_refused(length in 0..4256_usize) {
        let good = bytes_of(&opened(&mut Counted::default()), 1);
        let refused = KeyArea::decode(&good[..length]).err();
        prop_assert_eq!(refused, Some(Error::KeysDamaged));
        prop_assert!(KeyArea::decode(&good[..4256]).is_ok());
    }
}
