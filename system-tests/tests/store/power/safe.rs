//! A store with its seal in one folder, opened as the command opens it, and what must hold of it
//! after the power was cut.

use super::work::Line;
use crate::folder::KEY;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use store::host::{Access, Device, Segments, SystemRandomness, Volume, Writer};
use store::keys::{NewSlot, Secret, Settings};
use store::medium::Medium;
use store::{Closed, Error, Kind, Make, Media, Memory, ObjectId, Store, Time};

/// A seal has two blocks.
const SEAL: u64 = 8192;
/// What is written after the power came back.
const MORE: &[u8] = b"written after the power came back";

fn memory() -> Memory {
    Memory { frames: store::host::frames(1024).unwrap(), nodes: 256 }
}

/// The two halves, as they are made.
pub(super) fn halves(folder: &Path) -> (Segments, Device) {
    let store = folder.join("store");
    fs::create_dir(&store).unwrap();
    (Segments::create(&store).unwrap(), Device::create(&folder.join("seal"), SEAL).unwrap())
}

/// A new store on these.
pub(super) fn create(folder: &Path, store: Arc<dyn Medium>, seal: Device) -> (Volume, Writer) {
    let writer = Writer::take(&folder.join("seal")).unwrap();
    let secret = Secret::KeyFile(&KEY);
    let first = NewSlot { secret, label: "test", settings: Settings::INTERACTIVE, made: 0 };
    let mut randomness = SystemRandomness::new().unwrap();
    let media = Media { store, seal: Arc::new(seal) };
    let time = Time::default();
    let made = Store::create(media, &first, memory(), (0, 0), time, &mut randomness);
    let volume = Volume::new(made.unwrap(), Some(writer.holds().unwrap()));
    (volume, writer)
}

fn open(folder: &Path, access: Access) -> Result<Store, String> {
    let half = |error: store::host::Error| format!("does not open: {error}");
    let segments = Segments::open(&folder.join("store"), access).map_err(half)?;
    let seal = Device::open(&folder.join("seal"), access).map_err(half)?;
    let media = Media { store: Arc::new(segments), seal: Arc::new(seal) };
    let mut randomness = SystemRandomness::new().map_err(half)?;
    let writer = (access == Access::Write).then_some(&mut randomness);
    Closed::look(media)
        .and_then(|closed| {
            let writer = writer.map(|randomness| randomness as &mut dyn store::medium::Randomness);
            closed.open(&Secret::KeyFile(&KEY), memory(), writer)
        })
        .map_err(|error| format!("does not open: {error}"))
}

/// What is wrong with a store whose disk had been told so much when its power was cut.
pub(super) fn check(folder: &Path, lines: &[Line], point: usize) -> Result<(), String> {
    let all = |store: &mut Store| lines.iter().try_for_each(|line| line.check(store, point));
    // Who only reads mends nothing.
    let mut reading = open(folder, Access::Read)?;
    all(&mut reading)?;
    let commit = reading.commit_number();
    drop(reading);
    let writer = Writer::take(&folder.join("seal")).map_err(|error| error.to_string())?;
    let mut writing = open(folder, Access::Write)?;
    if writing.commit_number() < commit {
        return Err("who writes found an older commit than who read".to_owned());
    }
    all(&mut writing)?;
    is_whole(&mut writing)?;
    more(&mut writing).map_err(|error| format!("does not go on: {error}"))?;
    drop((writing, writer));
    let mut again = open(folder, Access::Read)?;
    all(&mut again)?;
    is_whole(&mut again)?;
    let mut found = [0; MORE.len()];
    let read = again.resolve(b"more").and_then(|about| again.read(about.object, 0, &mut found));
    match read {
        Ok(_) if found == MORE => Ok(()),
        other => Err(format!("what was written then is not there: {other:?}")),
    }
}

fn is_whole(store: &mut Store) -> Result<(), String> {
    let report = store.verify(&mut |_| true).map_err(|error| error.to_string())?;
    match report.findings.first() {
        None => Ok(()),
        Some(finding) => Err(format!("verify found {finding:?}")),
    }
}

fn more(store: &mut Store) -> Result<(), Error> {
    let make = Make { kind: Kind::File, permissions: 0o600, user: 0, group: 0, device: 0 };
    let made = store.make(ObjectId::ROOT, b"more", &make, Time::default())?;
    store.write(made.object, 0, MORE, Time::default())?;
    store.finish(Time::default(), false)
}
