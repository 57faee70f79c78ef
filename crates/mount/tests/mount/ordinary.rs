//! An ordinary user, who mounts by `fusermount3`.
//!
//! The test starts itself once more as a user who is nobody; `system_tests::Ordinary` will not do,
//! since what it starts can never gain rights, and so cannot start `fusermount3`.

use crate::place::{Folder, Lines, said};
use crate::{Place, Watched};
use mount::{Error, Files, Mounted, Options};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use store::{Change, ObjectId, Time};

/// Tells the copy that it is one, and where to mount.
const WHERE: &str = "COFFERDAM_TEST_MOUNT_AT";
const NOBODY: u32 = 65_534;

/// Starts one test of this program as nobody, with rights to be gained or without.
fn as_nobody(test: &str, arguments: &[&str], path: &Path) -> String {
    for (name, package) in [("setpriv", "util-linux"), ("fusermount3", "fuse3")] {
        system_tests::tool(name, package);
    }
    // What was built may lie where only its builder may go.
    let copies = Folder::new();
    let copy = copies.0.join("program");
    fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    for open in [&copies.0, &copy] {
        fs::set_permissions(open, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let ids = format!("--reuid={NOBODY}");
    let output = Command::new("setpriv")
        .args([ids.as_str(), "--regid=65534", "--clear-groups", "--pdeathsig=KILL"])
        .args(arguments)
        .arg(&copy)
        .args(["--exact", test, "--nocapture"])
        .env(WHERE, path)
        .current_dir("/")
        .output();
    fs::remove_file(&copy).unwrap();
    said(output)
}

fn own_folder() -> Folder {
    let folder = Folder::new();
    chown(&folder.0, Some(NOBODY), Some(NOBODY)).unwrap();
    folder
}

#[test]
fn a_user_mounts_by_a_helper() {
    let Some(path) = std::env::var_os(WHERE) else {
        let folder = own_folder();
        let said = as_nobody("ordinary::a_user_mounts_by_a_helper", &[], &folder.0);
        assert!(said.contains("1 passed"), "{said}");
        let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!table.contains(&folder.0.to_str().unwrap().replace(' ', "\\040")));
        return;
    };
    let files = Arc::new(Watched::new());
    let ours = Change { user: Some(NOBODY), group: Some(NOBODY), ..Change::default() };
    files.change(ObjectId::ROOT, &ours, Time::default()).unwrap();
    let options = Options { name: "a store, of mine".to_owned(), ..Options::default() };
    let path = Path::new(&path);
    let mut mounted =
        Mounted::new(files.clone(), path, &options, Arc::new(Lines::default())).unwrap();
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(table.contains("fuse.cofferdam a\\040store_\\040of\\040mine "), "{table}");
    let mut file = File::create(path.join("f")).unwrap();
    file.write_all(b"contents").unwrap();
    assert_eq!(file.metadata().unwrap().uid(), NOBODY);
    // Still in use, and still in sight.
    let error = mounted.unmount().unwrap_err();
    let us = format!("(process {})", std::process::id());
    assert!(matches!(error, Error::Busy { .. }) && error.to_string().contains(&us), "{error}");
    assert_eq!(fs::read_to_string(path.join("f")).unwrap(), "contents");
    drop(file);
    mounted.unmount().unwrap();
    assert_eq!(fs::read_dir(path).unwrap().count(), 0);
    let stored = files.lookup(ObjectId::ROOT, b"f").unwrap();
    assert_eq!((stored.size, stored.user), (8, NOBODY));
}

#[test]
fn a_user_who_may_not_mount_is_told_why() {
    let Some(path) = std::env::var_os(WHERE) else {
        let folder = own_folder();
        let test = "ordinary::a_user_who_may_not_mount_is_told_why";
        let said = as_nobody(test, &["--no-new-privs"], &folder.0);
        assert!(said.contains("1 passed"), "{said}");
        return;
    };
    let attempt = |path: &Path| {
        let (files, console) = (Arc::new(Watched::new()), Arc::new(Lines::default()));
        Mounted::new(files, path, &Options::default(), console).err().unwrap()
    };
    let error = attempt(Path::new(&path));
    assert!(matches!(&error, Error::Refused { .. }), "{error}");
    assert!(error.to_string().contains("not permitted"), "{error}");
}

#[test]
fn what_a_user_owns_is_not_seen_by_others_unless_allowed() {
    let place = Place::with(&Options { others: false, ..Options::default() });
    fs::set_permissions(place.root(), fs::Permissions::from_mode(0o777)).unwrap();
    system_tests::tool("setpriv", "util-linux");
    let list = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "ls"])
        .arg(place.root())
        .output()
        .unwrap();
    assert!(!list.status.success());
    assert!(String::from_utf8_lossy(&list.stderr).contains("Permission denied"));
}
