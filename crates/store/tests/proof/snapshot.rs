//! All that can be seen of an open store: names, attributes, contents. And whether it hangs together.

use std::collections::BTreeMap;
use store::{Attributes, Kind, ObjectId, Store};

/// What one path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Thing {
    pub(crate) attributes: Attributes,
    /// A link's target counts as that.
    pub(crate) contents: Vec<u8>,
    pub(crate) extras: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// All of it, by path.
pub(crate) type Snapshot = BTreeMap<String, Thing>;

/// Looks at everything. Nothing may be damaged.
pub(crate) fn of(store: &mut Store) -> Snapshot {
    let mut all = Snapshot::new();
    let mut next = vec![(String::new(), ObjectId::ROOT)];
    while let Some((path, object)) = next.pop() {
        let thing = thing(store, object);
        if thing.attributes.kind() == Kind::Directory {
            for (name, child, _) in entries(store, object) {
                next.push((format!("{path}/{name}"), child));
            }
        }
        all.insert(path, thing);
    }
    all
}

pub(crate) fn entries(store: &mut Store, directory: ObjectId) -> Vec<(String, ObjectId, Kind)> {
    let mut found = Vec::new();
    let listed = store.list(directory, 0, &mut |entry| {
        let name = String::from_utf8(entry.name.clone()).unwrap();
        found.push((name, entry.object, entry.kind));
        true
    });
    listed.unwrap();
    found
}

fn thing(store: &mut Store, object: ObjectId) -> Thing {
    let attributes = store.attributes(object).unwrap();
    let contents = match attributes.kind() {
        Kind::File => {
            let mut bytes = vec![0xee; attributes.size as usize];
            assert_eq!(store.read(object, 0, &mut bytes).unwrap(), bytes.len());
            bytes
        }
        Kind::Link => store.read_link(object).unwrap(),
        _ => Vec::new(),
    };
    let names = store.extras(object).unwrap();
    let extras = names.into_iter().map(|name| {
        let value = store.extra(object, &name).unwrap();
        (name, value)
    });
    Thing { attributes, contents, extras: extras.collect() }
}

/// Reads every block anew and compares all records with each other, of a store without changes.
pub(crate) fn verify(store: &mut Store, about: &str) {
    let report = store.verify(&mut |_| true).unwrap();
    assert_eq!(report.findings, [], "{about}");
}

/// Whether all that is counted is what there is. `nameless` objects are still open.
pub(crate) fn check(store: &mut Store, all: &Snapshot, nameless: usize) {
    let mut names: BTreeMap<ObjectId, u32> = BTreeMap::new();
    for thing in all.values() {
        *names.entry(thing.attributes.object).or_insert(0) += 1;
    }
    for (path, Thing { attributes, .. }) in all {
        if attributes.kind() != Kind::Directory {
            assert_eq!(attributes.links, names[&attributes.object], "names of {path}");
            continue;
        }
        assert_eq!(names[&attributes.object], 1, "a directory has one name: {path}");
        let entries = entries(store, attributes.object);
        assert_eq!(attributes.size, entries.len() as u64, "entries of {path}");
        let below = entries.iter().filter(|(_, _, kind)| *kind == Kind::Directory).count();
        assert_eq!(attributes.links as usize, 2 + below, "directories in {path}");
        for (name, object, kind) in entries {
            let there = &all[&format!("{path}/{name}")].attributes;
            assert_eq!((there.object, there.kind()), (object, kind), "{path}/{name}");
        }
    }
    assert_eq!(store.room().objects as usize, names.len() + nameless, "objects");
}
