//! Work goes on in a store of which something was changed: what is not touched can be written to,
//! what fails leaves everything as it was, and nothing wrong is written over it.

use super::blocks::FIRST;
use super::look;
use super::victim::{Version, versions};
use crate::snapshot::{self, Snapshot};
use crate::workload::make;
use crate::world::World;
use std::collections::BTreeMap;
use store::simulation::Dice;
use store::{Error, Kind, ObjectId, Store, Time};

const NOW: Time = Time { seconds: 9999, nanoseconds: 1 };

fn damaged(version: &Version, block: usize) -> World {
    version.changed(|blocks| blocks[block][77] ^= 4)
}

/// What a damaged store may say to a change.
fn is_damage(error: &Error) -> bool {
    matches!(error, Error::Damaged(_))
}

#[test]
fn a_new_file_beside_what_is_damaged() {
    let versions = versions(13);
    let last = versions.last().unwrap();
    let mut dice = Dice(13);
    let (mut worked, mut refused) = (0, 0);
    for block in FIRST..last.blocks() {
        let about = format!("block {block}");
        let world = damaged(last, block);
        let mut store = match world.open(&mut dice) {
            Ok(store) => store,
            Err(error) => {
                assert!(is_damage(&error), "{about}: {error}");
                continue;
            }
        };
        let done = add(&mut store, &mut dice);
        drop(store);
        let Ok(mut store) = world.read() else { panic!("{about}: it does not open any more") };
        let mut expected = last.state.clone();
        match done {
            Ok((thing, root)) => {
                expected.insert("/new".into(), thing);
                expected.insert(String::new(), root);
                worked += 1;
            }
            Err(error) => {
                assert!(
                    is_damage(&error) || matches!(error, Error::Stopped(_)),
                    "{about}: {error}"
                );
                refused += 1;
            }
        }
        look::through(&mut store, &expected, &about);
    }
    assert!(worked > 100 && worked > 4 * refused, "{worked} worked, {refused} did not");
}

fn add(store: &mut Store, dice: &mut Dice) -> Result<(snapshot::Thing, snapshot::Thing), Error> {
    let made = store.make(ObjectId::ROOT, b"new", &make(Kind::File), NOW)?;
    let contents = dice.bytes(9000);
    store.write(made.object, 0, &contents, NOW)?;
    store.sync(NOW, false)?;
    let thing =
        |attributes, contents| snapshot::Thing { attributes, contents, extras: BTreeMap::new() };
    let new = thing(store.attributes(made.object)?, contents);
    Ok((new, thing(store.attributes(ObjectId::ROOT)?, Vec::new())))
}

/// Size, links and names of a directory.
type Directory = (u64, u32, Vec<Vec<u8>>);

/// The names in every directory, and how many it says it has.
fn tree(store: &mut Store, expected: &Snapshot) -> Vec<Option<Directory>> {
    let directories = expected.values().filter(|it| it.attributes.kind() == Kind::Directory);
    let look = |directory: ObjectId, store: &mut Store| {
        let attributes = store.attributes(directory).ok()?;
        let mut names = Vec::new();
        store
            .list(directory, 0, &mut |entry| {
                names.push(entry.name.clone());
                true
            })
            .ok()?;
        Some((attributes.size, attributes.links, names))
    };
    directories.map(|it| look(it.attributes.object, store)).collect()
}

#[test]
fn whatever_cannot_be_removed_or_renamed_stays_as_it_was() {
    let versions = versions(14);
    let last = versions.last().unwrap();
    let mut dice = Dice(14);
    let (mut failed, mut removed) = (0, 0);
    for block in FIRST..last.blocks() {
        let world = damaged(last, block);
        let Ok(mut store) = world.open(&mut dice) else { continue };
        for (path, thing) in &last.state {
            if thing.attributes.kind() == Kind::Directory {
                continue;
            }
            let about = format!("block {block}, {path}");
            let (above, name) = path.rsplit_once('/').unwrap();
            let Ok(parent) = store.resolve(above.as_bytes()) else { continue };
            let before = tree(&mut store, &last.state);
            let done = if dice.below(2) == 0 {
                store.unlink(parent.object, name.as_bytes(), NOW)
            } else {
                let to = store::Taken::Replace;
                store.rename(parent.object, name.as_bytes(), ObjectId::ROOT, b"empty", to, NOW)
            };
            match done {
                Ok(()) | Err(Error::NotFound) => removed += 1,
                Err(error) => {
                    assert!(is_damage(&error), "{about}: {error}");
                    assert_eq!(tree(&mut store, &last.state), before, "{about}: {error}");
                    failed += 1;
                }
            }
            store.tidy();
        }
        for (size, _, names) in tree(&mut store, &last.state).into_iter().flatten() {
            assert_eq!(size as usize, names.len(), "block {block}");
        }
        match store.sync(NOW, false) {
            Ok(()) | Err(Error::Damaged(_) | Error::Stopped(_)) => {}
            Err(error) => panic!("block {block}: {error}"),
        }
        drop(store);
        assert!(world.read().is_ok(), "block {block}: it does not open any more");
    }
    assert!(failed > 20 && removed > 1000, "{failed} failed, {removed} were removed");
}
