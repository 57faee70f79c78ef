//! Backups: what comes back is what was there, and nothing that was changed on the way.

use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use store::backup::{Sink, Source, restore};
use store::keys::{KEY_AREA_BYTES, NewSlot, Secret, Settings};
use store::medium::Medium;
use store::simulation::{Dice, Simulation};
use store::{Closed, Error, Heap, Kind, Make, Media, Memory, ObjectId, Store, Time};

const KEY: [u8; 32] = [9; 32];
const SECRET: Secret<'static> = Secret::KeyFile(&KEY);

#[derive(Default)]
struct Bytes(Vec<u8>);

impl Sink for Bytes {
    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

struct From<'a>(&'a [u8]);

impl Source for From<'_> {
    fn fill(&mut self, into: &mut [u8]) -> Result<(), Error> {
        let (now, later) = self.0.split_at_checked(into.len()).ok_or(Error::BackupShort)?;
        into.copy_from_slice(now);
        self.0 = later;
        Ok(())
    }
}

fn media() -> (Media, Simulation) {
    let store = Simulation::new();
    let seal = store.beside();
    (Media { store: Arc::new(store.clone()), seal: Arc::new(seal) }, store)
}

fn memory() -> Memory {
    Memory { frames: Box::new(Heap::new(200)), nodes: 200 }
}

fn filled() -> (Store, Simulation) {
    let (media, simulation) = media();
    (fill(media), simulation)
}

/// The same store, closed.
fn filled_media() -> (Media, Simulation) {
    let (media, simulation) = media();
    drop(fill(media.clone()));
    (media, simulation)
}

fn fill(media: Media) -> Store {
    let first = NewSlot { secret: SECRET, label: "", settings: Settings::INTERACTIVE, made: 0 };
    let mut store =
        Store::create(media, &first, memory(), (0, 0), Time::default(), &mut Dice(1)).unwrap();
    for number in 0..40u32 {
        let make = Make { kind: Kind::File, permissions: 0o644, user: 0, group: 0, device: 0 };
        let name = format!("file {number}");
        let made = store.make(ObjectId::ROOT, name.as_bytes(), &make, Time::default()).unwrap();
        let bytes = vec![number as u8; (number * number * 37) as usize];
        store.write(made.object, u64::from(number % 3) * 5000, &bytes, Time::default()).unwrap();
        if number % 10 == 0 {
            store.sync(Time::default(), false).unwrap();
        }
    }
    store.finish(Time::default(), false).unwrap();
    store
}

fn contents(store: &mut Store) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut names = Vec::new();
    store
        .list(ObjectId::ROOT, 0, &mut |entry| {
            names.push(entry.name.clone());
            true
        })
        .unwrap();
    names.sort();
    let read = |name: Vec<u8>| {
        let attributes = store.lookup(ObjectId::ROOT, &name).unwrap();
        let mut bytes = vec![0; attributes.size as usize];
        store.read(attributes.object, 0, &mut bytes).unwrap();
        (name, bytes)
    };
    names.into_iter().map(read).collect()
}

fn saved(store: &mut Store) -> Vec<u8> {
    let mut backup = Bytes::default();
    let saved = store.save(&mut backup, &mut |_| true).unwrap();
    assert_eq!((saved.commit, saved.damages), (store.commit_number(), Vec::new()));
    backup.0
}

#[test]
fn what_comes_back_is_what_was_there() {
    let (mut store, _) = filled();
    let backup = saved(&mut store);
    let (media, _) = media();
    let restored = restore(&mut From(&backup), &media, &SECRET, &mut Dice(2), &mut |_| true);
    let restored = restored.unwrap();
    assert_eq!(restored.commit, store.commit_number());
    assert_eq!(restored.of, store.keys().identity());
    // Both are there now: neither opens with the other's seal.
    let (original, _) = filled_media();
    let mixed = Media { store: media.store.clone(), seal: original.seal };
    let refused = Closed::look(mixed).err();
    let (seal, store_of) = (restored.of, restored.identity);
    assert_eq!(refused, Some(Error::SealOfAnother { seal, store: store_of }));
    let mut again =
        Closed::look(media).unwrap().open(&SECRET, memory(), Some(&mut Dice(3))).unwrap();
    assert_eq!(again.keys().identity(), restored.identity);
    assert_eq!(again.verify(&mut |_| true).unwrap().findings, []);
    assert_eq!(contents(&mut again), contents(&mut store));
    // It is a store like any other: it can be written to, and backed up.
    let file = again.lookup(ObjectId::ROOT, b"file 7").unwrap();
    again.write(file.object, 0, b"newer", Time::default()).unwrap();
    again.finish(Time::default(), false).unwrap();
    assert_ne!(contents(&mut again), contents(&mut store));
    assert_ne!(saved(&mut again), backup);
}

#[test]
fn a_backup_that_was_changed_or_cut_short_is_no_store() {
    let (mut store, _) = filled();
    let backup = saved(&mut store);
    let attempt = |bytes: &[u8]| {
        let (media, _) = media();
        let done = restore(&mut From(bytes), &media, &SECRET, &mut Dice(2), &mut |_| true);
        assert!(done.is_ok() || Closed::look(media).is_err(), "what failed has no seal");
        done
    };
    for at in (0..backup.len()).step_by(3001).chain([0, 16, 40, 4200, backup.len() - 1]) {
        let mut bytes = backup.clone();
        bytes[at] ^= 1;
        let error = attempt(&bytes).expect_err("a changed backup");
        let known = matches!(
            error,
            Error::BackupDamaged
                | Error::BackupShort
                | Error::NotABackup
                | Error::NotAStore
                | Error::SuperblockDamaged
                | Error::KeysDamaged
                | Error::WrongKey
                | Error::Version { .. }
                | Error::Medium(_)
        );
        assert!(known, "byte {at}: {error:?}");
        assert_eq!(attempt(&backup[..at]), Err(Error::BackupShort), "cut at {at}");
    }
    let other = Secret::KeyFile(&[8; 32]);
    let (media, _) = media();
    let wrong = restore(&mut From(&backup), &media, &other, &mut Dice(2), &mut |_| true);
    assert_eq!(wrong, Err(Error::WrongKey));
}

#[test]
fn keys_of_another_store_in_a_backup_are_refused_before_anything_is_written() {
    let (mut store, _) = filled();
    let mut backup = saved(&mut store);
    let (other, _) = media();
    let first = NewSlot { secret: SECRET, label: "", settings: Settings::INTERACTIVE, made: 0 };
    let now = Time::default();
    let mut other = Store::create(other, &first, memory(), (0, 0), now, &mut Dice(99)).unwrap();
    let keys = 32 + 4096..32 + 4096 + KEY_AREA_BYTES;
    backup[keys.clone()].copy_from_slice(&saved(&mut other)[keys]);
    // Who exchanges them can make the sum right as well.
    let end = backup.len() - 32;
    let sum = Sha256::digest(&backup[..end]);
    backup[end..].copy_from_slice(&sum);
    let (media, medium) = media();
    let done = restore(&mut From(&backup), &media, &SECRET, &mut Dice(2), &mut |_| true);
    assert_eq!(done, Err(Error::BackupDamaged));
    assert!(medium.bytes().iter().all(|&byte| byte == 0), "nothing is written");
}

#[test]
fn damage_is_left_out_and_named() {
    let (mut store, medium) = filled();
    let whole = saved(&mut store);
    // Page 2 of one file: found by what the damage says.
    let size = medium.size();
    let mut named = 0;
    for block in (32..size / 4096).step_by(11) {
        let mut bytes = [0; 4096];
        medium.read(block * 4096, &mut bytes).unwrap();
        let before = bytes[100];
        medium.tamper(block * 4096 + 100, &[before ^ 4]);
        let mut backup = Bytes::default();
        let saved = store.save(&mut backup, &mut |_| true).unwrap();
        medium.tamper(block * 4096 + 100, &[before]);
        if saved.damages.is_empty() {
            assert_eq!(backup.0, whole, "block {block} is not in use");
            continue;
        }
        assert!(backup.0.len() < whole.len());
        if let [damage] = &saved.damages[..]
            && let Some(path) = &damage.path
        {
            named += u32::from(path.starts_with("/file "));
        }
    }
    assert!(named > 8, "{named} damaged pages were named by their file");
}
