//! Looks at everything in a store that somebody changed from outside: what is given must be right,
//! what is not must be refused as damaged.

use super::victim::BLOCK;
use crate::snapshot::Snapshot;
use crate::world::World;
use std::collections::{BTreeMap, BTreeSet};
use store::{Damage, Damaged, Error, Kind, ObjectId, Store};

/// What of a store is refused: paths, and what of each.
pub(super) type Refused = BTreeMap<(String, What), Damage>;

/// A part of what a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    Attributes,
    Names,
    Target,
    Extras,
    Page(usize),
}

/// Opens it and looks at all that `expected` says; gives what is refused, or why it does not open.
pub(super) fn at(world: &World, expected: &Snapshot, about: &str) -> Result<Refused, Error> {
    let mut store = world.read()?;
    Ok(through(&mut store, expected, about))
}

/// The same in a store that is open.
pub(super) fn through(store: &mut Store, expected: &Snapshot, about: &str) -> Refused {
    let mut refused = Refused::new();
    for (path, thing) in expected {
        let mut note = |store: &mut Store, what, error| {
            let Error::Damaged(damage) = store.explain(error) else {
                panic!("{about}: {path}: {what:?}: another error")
            };
            refused.insert((path.clone(), what), damage);
        };
        let object = thing.attributes.object;
        // By its name, as a program does.
        match store.resolve(path.as_bytes()) {
            Ok(found) => assert_eq!(found, thing.attributes, "{about}: {path}"),
            Err(error @ Error::Damaged(_)) => note(store, What::Attributes, error),
            Err(error) => panic!("{about}: {path}: {error}"),
        }
        match thing.attributes.kind() {
            Kind::Directory => match names(store, object) {
                Ok(found) => assert_eq!(found, below(expected, path), "{about}: in {path}"),
                Err(error @ Error::Damaged(_)) => note(store, What::Names, error),
                Err(error) => panic!("{about}: {path}: {error}"),
            },
            Kind::Link => match store.read_link(object) {
                Ok(found) => assert_eq!(found, thing.contents, "{about}: {path}"),
                Err(error @ Error::Damaged(_)) => note(store, What::Target, error),
                Err(error) => panic!("{about}: {path}: {error}"),
            },
            Kind::File => {
                for (number, page) in thing.contents.chunks(BLOCK).enumerate() {
                    let mut bytes = vec![0xee; BLOCK];
                    match store.read(object, (number * BLOCK) as u64, &mut bytes) {
                        Ok(length) => {
                            assert!(bytes[..length] == *page, "{about}: {path}: page {number}");
                        }
                        Err(error @ Error::Damaged(_)) => note(store, What::Page(number), error),
                        Err(error) => panic!("{about}: {path}: page {number}: {error}"),
                    }
                }
            }
            _ => {}
        }
        match extras(store, object) {
            Ok(found) => assert_eq!(found, thing.extras, "{about}: {path}"),
            Err(error @ Error::Damaged(_)) => note(store, What::Extras, error),
            Err(error) => panic!("{about}: {path}: {error}"),
        }
    }
    check_names(&refused, expected, about);
    refused
}

/// A page is refused by its file's name and its number.
fn check_names(refused: &Refused, expected: &Snapshot, about: &str) {
    for ((path, what), damage) in refused {
        let object = expected[path].attributes.object;
        if let Some(named) = &damage.path {
            let there = expected.get(if named == "/" { "" } else { named });
            assert_eq!(
                there.map(|thing| thing.attributes.object.0),
                Some(damage.object()),
                "{about}"
            );
        }
        if let (What::Page(number), Damaged::Page { page, .. }) = (what, damage.what) {
            assert_eq!((damage.object(), page), (object.0, *number as u64), "{about}: {path}");
            let readable = !refused.contains_key(&(path.clone(), What::Attributes));
            assert!(damage.path.is_some() || !readable, "{about}: {path} has no name: {damage}");
        }
    }
}

fn names(store: &mut Store, directory: ObjectId) -> Result<BTreeSet<(String, u64)>, Error> {
    let mut found = BTreeSet::new();
    store.list(directory, 0, &mut |entry| {
        let name = String::from_utf8(entry.name.clone()).unwrap();
        assert!(found.insert((name, entry.object.0)), "twice");
        true
    })?;
    Ok(found)
}

/// The names in a directory.
fn below(expected: &Snapshot, directory: &str) -> BTreeSet<(String, u64)> {
    let names = expected.iter().filter_map(|(path, thing)| {
        let name = path.strip_prefix(directory)?.strip_prefix('/')?;
        (!name.contains('/')).then(|| (name.to_string(), thing.attributes.object.0))
    });
    names.collect()
}

fn extras(store: &mut Store, object: ObjectId) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, Error> {
    let names = store.extras(object)?;
    names.into_iter().map(|name| Ok((name.clone(), store.extra(object, &name)?))).collect()
}
