//! How a mount ends: when asked, when busy, by somebody else, with its owner; and how it begins
//! where it cannot.

use crate::place::{Folder, Lines, said};
use crate::{Place, Watched};
use mount::{Error, Mounted, Options};
use std::fs::{self, File};
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

fn is_mounted(path: &std::path::Path) -> bool {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    table.contains(&path.to_str().unwrap().replace(' ', "\\040"))
}

#[test]
fn unmounting_makes_safe_what_was_written() {
    let mut place = Place::new();
    assert!(is_mounted(place.root()));
    fs::write(place.at("f"), vec![3; 100_000]).unwrap();
    place.mounted.unmount().unwrap();
    assert!(!is_mounted(place.root()));
    assert!(place.files.syncs.load(Ordering::Relaxed) > 0);
    assert_eq!(place.stored("f").size, 100_000);
    assert_eq!(place.files.opened(), 0, "nothing is known any more");
    assert_eq!(fs::read_dir(place.root()).unwrap().count(), 0);
    // A second time is no mistake, and touches nothing.
    place.mounted.unmount().unwrap();
    assert!(place.mounted.wait(Duration::ZERO));
}

#[test]
fn a_busy_mount_stays_and_says_who_uses_it() {
    let mut place = Place::new();
    fs::write(place.at("f"), "x").unwrap();
    let mut sleeper = Command::new("sleep")
        .arg("60")
        .current_dir(place.root())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let error = place.mounted.unmount().unwrap_err();
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    let text = error.to_string();
    assert!(matches!(error, Error::Busy { .. }), "{text}");
    assert!(text.contains(&format!("sleep (process {})", sleeper.id())), "{text}");
    assert_eq!(fs::read_to_string(place.at("f")).unwrap(), "x");
    place.mounted.unmount().unwrap();
    assert!(!is_mounted(place.root()));
}

#[test]
fn unmounting_by_somebody_else_is_noticed() {
    let mut place = Place::new();
    assert!(!place.mounted.wait(Duration::from_millis(50)));
    said(Command::new("fusermount3").arg("-u").arg(place.root()).output());
    assert!(place.mounted.wait(Duration::from_secs(10)));
    // What is mounted there now is not ours.
    let files = Arc::new(Watched::new());
    let other =
        Mounted::new(files, place.root(), &Options::default(), place.console.clone()).unwrap();
    place.mounted.unmount().unwrap();
    assert!(is_mounted(place.root()));
    drop(other);
    assert!(!is_mounted(place.root()));
}

#[test]
fn what_lies_on_top_is_not_unmounted() {
    let mut place = Place::new();
    let other = Mounted::new(
        Arc::new(Watched::new()),
        place.root(),
        &Options::default(),
        place.console.clone(),
    )
    .unwrap();
    let error = place.mounted.unmount().unwrap_err();
    assert!(matches!(error, Error::Covered { .. }), "{error}");
    drop(other);
    place.mounted.unmount().unwrap();
}

#[test]
fn dropping_takes_a_busy_mount_out_of_sight_with_everything_written() {
    let place = Place::new();
    let mut file = File::create(place.at("f")).unwrap();
    file.write_all(b"kept").unwrap();
    let (path, files) = (place.root().to_owned(), place.files.clone());
    drop(place);
    assert!(!is_mounted(&path));
    assert!(files.syncs.load(Ordering::Relaxed) > 0);
    let stored = mount::Files::lookup(&*files, store::ObjectId::ROOT, b"f").unwrap();
    assert_eq!(stored.size, 4);
    // Who has it open goes on.
    file.write_all(b" on").unwrap();
    file.sync_all().unwrap();
    assert_eq!(mount::Files::attributes(&*files, stored.object).unwrap().size, 7);
}

#[test]
fn a_mount_that_nobody_answers_for_any_more_is_replaced() {
    let folder = Folder::new();
    // What is left when a process is killed: a mount whose descriptor is closed.
    let device = File::options().read(true).write(true).open("/dev/fuse").unwrap();
    let number = std::os::fd::AsRawFd::as_raw_fd(&device);
    let data = format!("fd={number},rootmode=40000,user_id=0,group_id=0");
    let data = std::ffi::CString::new(data).unwrap();
    let flags = rustix::mount::MountFlags::NODEV;
    rustix::mount::mount("dead", &folder.0, "fuse.cofferdam", flags, data.as_c_str()).unwrap();
    drop(device);
    assert_eq!(fs::metadata(&folder.0).unwrap_err().raw_os_error(), Some(107));
    let files = Arc::new(Watched::new());
    let mounted =
        Mounted::new(files, &folder.0, &Options::default(), Arc::new(Lines::default())).unwrap();
    fs::write(folder.0.join("f"), "x").unwrap();
    drop(mounted);
    assert!(!is_mounted(&folder.0));
}

/// Tells the kernel to give a mount up, as an administrator does with one that hangs.
fn abort(path: &std::path::Path) {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let name = path.to_str().unwrap().replace(' ', "\\040");
    let line = table.lines().find(|line| line.contains(&name)).unwrap();
    let minor = line.split([' ', ':']).nth(3).unwrap();
    // Not every machine has this mounted in its place.
    let control = Folder::new();
    let flags = rustix::mount::MountFlags::empty();
    rustix::mount::mount("fusectl", &control.0, "fusectl", flags, None).unwrap();
    let written = fs::write(control.0.join(minor).join("abort"), "1");
    rustix::mount::unmount(&control.0, rustix::mount::UnmountFlags::empty()).unwrap();
    written.unwrap();
}

#[test]
fn a_mount_that_the_kernel_gave_up_is_cleared_away() {
    let mut place = Place::new();
    abort(place.root());
    assert!(place.mounted.wait(Duration::from_secs(10)));
    assert_eq!(fs::metadata(place.root()).unwrap_err().raw_os_error(), Some(107));
    place.mounted.unmount().unwrap();
    assert!(!is_mounted(place.root()));
}

#[test]
fn a_mount_whose_threads_fail_is_unmounted_all_the_same() {
    let options = Options { threads: 2, ..Options::default() };
    let mut place = Place::with(&options);
    place.files.fail();
    // Each one that is asked takes a thread with it.
    for _ in 0..3 {
        let _ = fs::metadata(place.at("anything"));
        if place.mounted.wait(Duration::from_millis(300)) {
            break;
        }
    }
    let error = place.mounted.unmount().unwrap_err();
    assert!(matches!(error, Error::Broken { .. }), "{error}");
    assert!(!is_mounted(place.root()));
}

#[test]
fn a_read_only_mount_refuses_changes() {
    let place = Place::with(&Options { read_only: true, ..Options::default() });
    let error = fs::write(place.at("f"), "x").unwrap_err();
    assert_eq!(error.raw_os_error(), Some(30));
}

#[test]
fn a_file_is_no_place_to_mount_at() {
    let folder = Folder::new();
    let path = folder.0.join("file");
    fs::write(&path, "").unwrap();
    let attempt = Mounted::new(
        Arc::new(Watched::new()),
        &path,
        &Options::default(),
        Arc::new(Lines::default()),
    );
    fs::remove_file(&path).unwrap();
    assert!(matches!(attempt.err(), Some(Error::NotDirectory { .. })));
}
