//! What is remembered of stores.

use crate::folder::Folder;
use proptest::prelude::*;
use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use store::Identity;
use store::host::{Error, Place, Places};

fn place(name: &str) -> Place {
    Place { store: name.into(), seal: "/s".into(), key_file: Some("/k".into()), commit: Some(7) }
}

const FIRST: Identity = Identity([1; 16]);
const SECOND: Identity = Identity([0xfe; 16]);

#[test]
fn what_is_remembered_is_found_until_it_is_forgotten() {
    let folder = Folder::new();
    let path = folder.join("a/b/stores");
    let places = Places::new(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o700);
    assert_eq!(places.find(FIRST).unwrap(), None);
    places.remember(SECOND, &place("/second")).unwrap();
    places.remember(FIRST, &place("/old")).unwrap();
    let first = Place { key_file: None, commit: None, ..place("/first") };
    places.remember(FIRST, &first).unwrap();
    let text = path.join(format!("{FIRST}.place"));
    assert_eq!(fs::metadata(&text).unwrap().permissions().mode() & 0o777, 0o600);
    let places = Places::new(&path).unwrap();
    assert_eq!(places.find(FIRST).unwrap(), Some(first.clone()));
    let all: Vec<_> = places
        .all()
        .unwrap()
        .into_iter()
        .map(|(identity, place)| (identity, place.unwrap()))
        .collect();
    assert_eq!(all, [(FIRST, first), (SECOND, place("/second"))]);
    assert!(places.forget(FIRST).unwrap());
    assert!(!places.forget(FIRST).unwrap());
    assert_eq!(places.find(FIRST).unwrap(), None);
    assert_eq!(places.all().unwrap().len(), 1);
    assert_eq!(fs::read_dir(&path).unwrap().count(), 1, "nothing half written is left");
    assert_eq!(places.seal(SECOND), path.join(format!("{SECOND}.seal")));
    assert_eq!(places.key_file(SECOND), path.join(format!("{SECOND}.key")));
}

#[test]
fn a_damaged_text_is_named_and_hides_no_other() {
    let folder = Folder::new();
    let places = Places::new(&folder.join("stores")).unwrap();
    places.remember(FIRST, &place("/first")).unwrap();
    places.remember(SECOND, &place("/second")).unwrap();
    let text = places.folder().join(format!("{FIRST}.place"));
    let good = fs::read_to_string(&text).unwrap();
    let other = format!("identity = \"{SECOND}\"");
    for (bad, line) in [
        (String::new(), 0),
        (good.replace("seal = ", "zeal = "), 0),
        (good.replace("\"/s\"", "\"\""), 0),
        (good.replace("\"/s\"", "\"/s\\x00\""), 0),
        (good.replace("\"7\"", "\"seven\""), 0),
        (good.replace("\"/s\"", "\"/s"), 3),
        (good.replace(&format!("identity = \"{FIRST}\""), &other), 0),
    ] {
        fs::write(&text, &bad).unwrap();
        let Err(error) = places.find(FIRST) else { panic!("it was believed:\n{bad}") };
        assert!(matches!(&error, Error::Damaged { line: found, .. } if *found == line), "{error}");
        assert!(error.to_string().contains(text.to_str().unwrap()), "{error}");
        let all = places.all().unwrap();
        assert!(matches!(all.as_slice(), [(FIRST, Err(_)), (SECOND, Ok(_))]), "{all:?}");
    }
    places.remember(FIRST, &place("/again")).unwrap();
    assert_eq!(places.find(FIRST).unwrap(), Some(place("/again")));
}

#[test]
fn a_folder_that_others_can_write_to_is_not_trusted() {
    let folder = Folder::new();
    for mode in [0o720, 0o702, 0o1777] {
        fs::set_permissions(folder.join(""), Permissions::from_mode(mode)).unwrap();
        let refused = Places::new(&folder.join(""));
        assert!(matches!(refused, Err(Error::OpenToOthers { .. })), "{mode:o}");
    }
    fs::set_permissions(folder.join(""), Permissions::from_mode(0o755)).unwrap();
    Places::new(&folder.join("")).unwrap();
    fs::write(folder.join("file"), "").unwrap();
    assert!(matches!(Places::new(&folder.join("file")), Err(Error::WrongKind { .. })));
}

proptest! {
    #[test]
    fn any_path_is_remembered(names in prop::array::uniform3(prop::collection::vec(1_u8.., 1..40))) {
        let folder = Folder::new();
        let places = Places::new(&folder.join("stores")).unwrap();
        let [store, seal, key] = names.map(|name| PathBuf::from(OsString::from_vec(name)));
        let place = Place { store, seal, key_file: Some(key), commit: Some(u64::MAX) };
        places.remember(FIRST, &place).unwrap();
        prop_assert_eq!(places.find(FIRST).unwrap(), Some(place));
    }
}
