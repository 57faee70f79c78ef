//! The files that a store lies in: deleted, cut short, doubled, exchanged, of another store.

use super::look;
use super::victim::{NEWEST, Version, versions};
use crate::world::{SECRET, memory};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::host::{Access, Segments};
use store::simulation::Simulation;
use store::{Closed, Error, Media};

/// A folder that is removed at the end, however that comes.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("cofferdam-tampering-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn lay(folder: &Path, segments: &[&[u8]]) {
    fs::create_dir(folder).unwrap();
    for (number, bytes) in segments.iter().enumerate() {
        fs::write(folder.join(format!("segment-{number:06}")), bytes).unwrap();
    }
}

/// Opens the folder with the seal; what the folder itself refuses is a text.
fn open(folder: &Path, version: &Version) -> Result<look::Refused, String> {
    let segments = Segments::open(folder, Access::Read).map_err(|error| error.to_string())?;
    let seal = Arc::new(Simulation::holding(version.seal.clone()));
    let media = Media { store: Arc::new(segments), seal };
    let opened = Closed::look(media).and_then(|closed| closed.open(&SECRET, memory(), None));
    let mut store = opened.map_err(|error| error.to_string())?;
    Ok(look::through(&mut store, &version.state, "in segments"))
}

#[test]
fn segments_that_are_not_what_they_were_are_refused() {
    let folder = Folder::new();
    let (all, others) = (versions(11), versions(12));
    let (last, old, other) = (all.last().unwrap(), &all[3], others.last().unwrap());
    let place = |name: &str| folder.0.join(name);

    lay(&place("whole"), &[&last.store]);
    assert!(open(&place("whole"), last).unwrap().is_empty());

    lay(&place("doubled"), &[&last.store, &last.store]);
    match open(&place("doubled"), last) {
        Ok(refused) => assert!(refused.is_empty(), "what follows belongs to nobody"),
        Err(error) => assert!(error.contains("segment"), "{error}"),
    }

    lay(&place("cut"), &[&last.store[..last.store.len() / 2]]);
    match open(&place("cut"), last) {
        Ok(refused) => assert!(!refused.is_empty()),
        Err(error) => assert!(error.contains("changed, swapped or put back"), "{error}"),
    }

    lay(&place("gone"), &[&last.store]);
    fs::remove_file(place("gone").join("segment-000000")).unwrap();
    let error = open(&place("gone"), last).unwrap_err();
    assert!(error.contains("segment") || error.contains("not a store"), "{error}");

    lay(&place("renamed"), &[&last.store]);
    let path = place("renamed");
    fs::rename(path.join("segment-000000"), path.join("segment-000001")).unwrap();
    let error = open(&path, last).unwrap_err();
    assert!(error.contains("segment") || error.contains("not a store"), "{error}");

    lay(&place("old"), &[&old.store]);
    let error = open(&place("old"), last).unwrap_err();
    assert_eq!(error, Error::RolledBack { store: 4, seal: NEWEST }.to_string());

    lay(&place("other"), &[&other.store]);
    let error = open(&place("other"), last).unwrap_err();
    assert!(error.contains("belongs to another store"), "{error}");
}
