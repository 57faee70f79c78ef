//! Names: made, found, listed, moved, taken away.

use crate::Place;
use rustix::fs::{CWD, Mode, OFlags, RenameFlags, openat, renameat_with};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::sync::atomic::Ordering;

fn listed(path: &std::path::Path) -> BTreeSet<String> {
    fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn every_kind_of_file_is_made_and_found_again() {
    let place = Place::new();
    fs::create_dir(place.at("folder")).unwrap();
    fs::write(place.at("folder/file"), "contents").unwrap();
    symlink("folder/file", place.at("link")).unwrap();
    place.python("import os, socket; os.mkfifo('pipe'); os.mknod('zero', 0o20644, os.makedev(1, 5)); s = socket.socket(socket.AF_UNIX); s.bind('socket')");
    assert_eq!(fs::read_to_string(place.at("link")).unwrap(), "contents");
    assert_eq!(fs::read_link(place.at("link")).unwrap().to_str(), Some("folder/file"));
    let kind = |name| fs::symlink_metadata(place.at(name)).unwrap();
    assert!(kind("folder").is_dir());
    assert!(kind("pipe").file_type().is_fifo());
    assert!(kind("socket").file_type().is_socket());
    assert!(kind("zero").file_type().is_char_device());
    assert_eq!(kind("zero").rdev(), rustix::fs::makedev(1, 5));
    assert_eq!(kind("folder").nlink(), 2);
    let names = ["folder", "link", "pipe", "socket", "zero"].map(str::to_owned);
    assert_eq!(listed(place.root()), BTreeSet::from(names));
    // As programs see it that read directories themselves.
    let all = place.python("import os\nfor e in sorted(os.scandir('.'), key=lambda e: e.name): print(e.name, e.is_dir(), e.inode() == e.stat(follow_symlinks=False).st_ino)");
    assert_eq!(
        all,
        "folder True True\nlink False True\npipe False True\nsocket False True\nzero False True\n"
    );
    let dots = crate::place::said(
        std::process::Command::new("ls").args(["-a1i"]).arg(place.at("folder")).output(),
    );
    let numbers: Vec<&str> = dots.split_whitespace().collect();
    assert_eq!(numbers[..4], [&kind("folder").ino().to_string(), ".", "1", ".."]);
}

#[test]
fn permissions_are_those_of_the_umask_and_of_chmod() {
    let place = Place::new();
    place.python("import os; os.umask(0o027); os.close(os.open('f', os.O_CREAT, 0o666)); os.mkdir('d', 0o777)");
    let mode = |name| fs::metadata(place.at(name)).unwrap().permissions().mode();
    assert_eq!((mode("f"), mode("d")), (0o100_640, 0o040_750));
    fs::set_permissions(place.at("f"), fs::Permissions::from_mode(0o601)).unwrap();
    assert_eq!(mode("f"), 0o100_601);
}

#[test]
fn what_is_not_there_is_remembered_until_it_is_made() {
    let place = Place::new();
    for _ in 0..50 {
        let error = fs::metadata(place.at("nothing")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
    let asked = place.files.lookups.load(Ordering::Relaxed);
    assert!(asked < 10, "asked {asked} times");
    fs::write(place.at("nothing"), "something").unwrap();
    assert_eq!(fs::read_to_string(place.at("nothing")).unwrap(), "something");
}

#[test]
fn errors_have_their_numbers() {
    let place = Place::new();
    fs::create_dir(place.at("d")).unwrap();
    fs::write(place.at("d/f"), "").unwrap();
    let error = fs::remove_dir(place.at("d")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DirectoryNotEmpty);
    let error = File::options().write(true).create_new(true).open(place.at("d/f")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    let error = fs::write(place.at(&"x".repeat(256)), "").unwrap_err();
    assert_eq!(error.raw_os_error(), Some(36));
    fs::write(place.at(&"x".repeat(255)), "").unwrap();
    let odd = place.root().join(OsStr::from_bytes(b" \n\xff\\ "));
    fs::write(&odd, "odd").unwrap();
    let mut names = fs::read_dir(place.root()).unwrap().map(|entry| entry.unwrap().path());
    assert!(names.any(|name| name == odd));
    let error = fs::read(place.at("d/f/g")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotADirectory);
}

#[test]
fn renaming_replaces_refuses_and_exchanges() {
    let place = Place::new();
    fs::create_dir(place.at("d")).unwrap();
    for name in ["a", "b", "d/c"] {
        fs::write(place.at(name), name).unwrap();
    }
    let rename =
        |from: &str, to: &str, flags| renameat_with(CWD, place.at(from), CWD, place.at(to), flags);
    assert_eq!(rename("a", "d/c", RenameFlags::NOREPLACE), Err(rustix::io::Errno::EXIST));
    assert_eq!(rename("a", "d/c", RenameFlags::WHITEOUT), Err(rustix::io::Errno::INVAL));
    rename("a", "d/c", RenameFlags::EXCHANGE).unwrap();
    assert_eq!(fs::read_to_string(place.at("a")).unwrap(), "d/c");
    assert_eq!(fs::read_to_string(place.at("d/c")).unwrap(), "a");
    // The file that is replaced lives on for who has it open.
    let mut replaced = File::open(place.at("b")).unwrap();
    fs::rename(place.at("a"), place.at("b")).unwrap();
    assert_eq!(fs::read_to_string(place.at("b")).unwrap(), "d/c");
    let mut text = String::new();
    replaced.read_to_string(&mut text).unwrap();
    assert_eq!(text, "b");
    assert_eq!(replaced.metadata().unwrap().nlink(), 0);
    drop(replaced);
    system_tests::eventually("the replaced file is gone", || place.files.objects() == 4);
    // A directory gets another parent.
    fs::create_dir(place.at("e")).unwrap();
    fs::rename(place.at("e"), place.at("d/e")).unwrap();
    assert_eq!(fs::metadata(place.at("d")).unwrap().nlink(), 3);
    assert!(place.at("d/e/../../b").exists());
}

#[test]
fn a_file_without_a_name_lives_as_long_as_it_is_known() {
    let place = Place::new();
    let path = place.at("f");
    fs::write(&path, "old").unwrap();
    let mut open = File::options().read(true).write(true).open(&path).unwrap();
    let seen = openat(CWD, &path, OFlags::PATH, Mode::empty()).unwrap();
    fs::remove_file(&path).unwrap();
    assert_eq!(place.files.objects(), 2, "the root, and the file without a name");
    open.write_all(b"new and longer").unwrap();
    open.sync_all().unwrap();
    drop(open);
    // Not open any more, but somebody still sees it.
    assert_eq!(rustix::fs::fstat(&seen).unwrap().st_size, 14);
    assert_eq!(place.files.objects(), 2);
    drop(seen);
    system_tests::eventually("the file is gone", || place.files.objects() == 1);
    assert_eq!(place.files.opened(), 0);
}

#[test]
fn names_of_one_file_share_everything() {
    let place = Place::new();
    fs::write(place.at("a"), "one").unwrap();
    fs::create_dir(place.at("d")).unwrap();
    fs::hard_link(place.at("a"), place.at("d/b")).unwrap();
    let number = |name| fs::metadata(place.at(name)).unwrap().ino();
    let links = |name| fs::metadata(place.at(name)).unwrap().nlink();
    assert_eq!(number("a"), number("d/b"));
    assert_eq!((links("a"), links("d/b")), (2, 2));
    fs::write(place.at("d/b"), "two").unwrap();
    assert_eq!(fs::read_to_string(place.at("a")).unwrap(), "two");
    fs::remove_file(place.at("a")).unwrap();
    assert_eq!(links("d/b"), 1);
    assert_eq!(fs::read_to_string(place.at("d/b")).unwrap(), "two");
    fs::remove_file(place.at("d/b")).unwrap();
    system_tests::eventually("the file is gone", || place.files.objects() == 2);
}

#[test]
fn ten_thousand_names_are_each_listed_once_however_many_go_meanwhile() {
    let place = Place::new();
    for number in 0..10_000 {
        File::create(place.at(&format!("file {number}"))).unwrap();
    }
    let all = listed(place.root());
    assert_eq!(all.len(), 10_000);
    // Removed while it is read: every third of what has been seen, and every third of what has not.
    let (mut seen, mut removed) = (BTreeSet::new(), BTreeSet::new());
    for (count, entry) in fs::read_dir(place.root()).unwrap().enumerate() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(seen.insert(name.clone()), "{name} was listed twice");
        let far = format!("file {}", 9_999 - count);
        for (step, name) in [(0, name), (1, far)] {
            if count % 3 == step && removed.insert(name.clone()) {
                fs::remove_file(place.at(&name)).unwrap();
            }
        }
    }
    let stayed: BTreeSet<String> = all.difference(&removed).cloned().collect();
    assert!(seen.is_superset(&stayed), "what stayed is listed");
    assert_eq!(listed(place.root()), stayed);
    // Once more, out of the kernel's memory, and after one more was made.
    File::create(place.at("new")).unwrap();
    assert_eq!(listed(place.root()).len(), stayed.len() + 1);
    for name in listed(place.root()) {
        fs::remove_file(place.at(&name)).unwrap();
    }
    assert_eq!(listed(place.root()).len(), 0);
    system_tests::eventually("all are gone", || place.files.objects() == 1);
}

#[test]
fn one_damaged_file_hides_no_other() {
    let mut place = Place::new();
    for name in ["a", "b", "c"] {
        fs::write(place.at(name), "contents").unwrap();
    }
    let number = fs::metadata(place.at("b")).unwrap().ino();
    place.files.damage(number);
    // What the kernel knows it would not ask again.
    place.again();
    assert_eq!(listed(place.root()).len(), 3);
    assert_eq!(fs::read(place.at("b")).unwrap_err().raw_os_error(), Some(5));
    assert_eq!(fs::read(place.at("b")).unwrap_err().raw_os_error(), Some(5));
    assert_eq!(fs::read_to_string(place.at("c")).unwrap(), "contents");
    let told = place.console.0.lock().unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("/the/file: "), "{told:?}");
}

#[test]
fn a_block_that_somebody_changed_is_an_error_and_the_console_names_the_file() {
    let mut place = Place::new();
    fs::create_dir(place.at("d")).unwrap();
    place.mounted.unmount().unwrap();
    let before = place.files.bytes();
    place.again();
    fs::write(place.at("d/large"), vec![7; 1 << 20]).unwrap();
    fs::write(place.at("d/small"), "contents").unwrap();
    place.mounted.unmount().unwrap();
    place.files.spoil_what_was_written_since(&before);
    place.again();
    let read = fs::read(place.at("d/large")).map(|contents| contents.len());
    assert_eq!(read.unwrap_err().raw_os_error(), Some(5));
    assert_eq!(fs::read_to_string(place.at("d/small")).unwrap(), "contents");
    // What is whole of it can be read.
    let mut begin = vec![0; 4096];
    File::open(place.at("d/large")).unwrap().read_exact(&mut begin).unwrap();
    assert_eq!(begin, vec![7; 4096]);
    let told = place.console.0.lock().unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("/d/large: "), "{told:?}");
}

#[test]
fn what_is_made_and_removed_between_two_commits_costs_the_medium_next_to_nothing() {
    let place = Place::new();
    fs::write(place.at("stays"), "x").unwrap();
    File::open(place.root()).unwrap().sync_all().unwrap();
    let before = place.files.writes();
    for number in 0..1000 {
        let path = place.at(&format!("temporary {number}"));
        fs::write(&path, "for a moment").unwrap();
        fs::remove_file(&path).unwrap();
    }
    system_tests::eventually("all are gone", || place.files.objects() == 2);
    File::open(place.root()).unwrap().sync_all().unwrap();
    let writes = place.files.writes() - before;
    assert!(writes < 100, "{writes} writes for what nobody sees any more");
    for number in 0..1000 {
        fs::write(place.at(&format!("{number}")), "").unwrap();
    }
    File::open(place.root()).unwrap().sync_all().unwrap();
    assert!(place.files.writes() > before + writes, "what stays is written");
}
