//! Who may do what; set-id bits; extended attributes; room.

use crate::Place;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, chown};

/// A program run as a user who owns nothing.
fn as_nobody(program: &str) -> String {
    format!("import mmap, os\nos.setgroups([]); os.setgid(65534); os.setuid(65534)\n{program}")
}

/// Not what the kernel believes, but what was stored.
fn mode(place: &Place, name: &str) -> u32 {
    name.split_once('/').map_or_else(
        || place.stored(name).mode,
        |_| fs::metadata(place.at(name)).unwrap().permissions().mode(),
    ) & 0o7777
}

fn set(place: &Place, name: &str, mode: u32) {
    fs::set_permissions(place.at(name), fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn the_kernel_heeds_permissions() {
    let place = Place::new();
    fs::write(place.at("secret"), "x").unwrap();
    set(&place, "secret", 0o600);
    let said = place.python(&as_nobody(
        "try: open('secret')\nexcept PermissionError: print('refused')\n\
         try: open('new', 'w')\nexcept PermissionError: print('refused')",
    ));
    assert_eq!(said, "refused\nrefused\n");
}

#[test]
fn what_somebody_else_writes_to_loses_its_set_id_bits() {
    let place = Place::new();
    for (name, change) in [
        ("write", "f = open('write', 'r+b', buffering=0); f.write(b'x')"),
        ("truncate", "os.truncate('truncate', 1)"),
        ("empty", "open('empty', 'w')"),
        ("allocate", "f = open('allocate', 'r+b'); os.posix_fallocate(f.fileno(), 0, 9000)"),
        (
            "map",
            "f = open('map', 'r+b'); f.write(b'y'); f.flush(); \
             m = mmap.mmap(f.fileno(), 0); m[0] = 1",
        ),
    ] {
        fs::write(place.at(name), "contents").unwrap();
        set(&place, name, 0o6777);
        assert_eq!(mode(&place, name), 0o6777);
        place.python(&as_nobody(change));
        assert_eq!(mode(&place, name), 0o777, "after {name}");
        // Set-group-id without the right to execute is something else.
        set(&place, name, 0o2666);
        place.python(&as_nobody(change));
        assert_eq!(mode(&place, name), 0o2666, "after {name}");
    }
}

#[test]
fn root_keeps_them_when_writing_and_nobody_when_the_owner_changes() {
    let place = Place::new();
    fs::write(place.at("f"), "contents").unwrap();
    set(&place, "f", 0o6755);
    fs::write(place.at("f"), "other").unwrap();
    assert_eq!(mode(&place, "f"), 0o6755);
    chown(place.at("f"), Some(1000), Some(1001)).unwrap();
    assert_eq!(mode(&place, "f"), 0o755);
    let found = fs::metadata(place.at("f")).unwrap();
    assert_eq!((found.uid(), found.gid()), (1000, 1001));
    // Of a directory they stay: there they say something else.
    fs::create_dir(place.at("d")).unwrap();
    set(&place, "d", 0o2755);
    chown(place.at("d"), Some(1000), None).unwrap();
    assert_eq!(mode(&place, "d"), 0o2755);
}

#[test]
fn a_group_is_handed_down_by_a_directory() {
    let place = Place::new();
    fs::create_dir(place.at("d")).unwrap();
    chown(place.at("d"), None, Some(777)).unwrap();
    set(&place, "d", 0o2777);
    place.python(&as_nobody("open('d/f', 'w'); os.mkdir('d/e')"));
    assert_eq!(fs::metadata(place.at("d/f")).unwrap().gid(), 777);
    assert_eq!(fs::metadata(place.at("d/f")).unwrap().uid(), 65_534);
    assert_eq!(fs::metadata(place.at("d/e")).unwrap().gid(), 777);
    assert_eq!(mode(&place, "d/e") & 0o2000, 0o2000);
}

#[test]
fn extended_attributes() {
    let place = Place::new();
    let said = place.python(
        "import os, errno\n\
         open('f', 'w').close()\n\
         def number(action):\n\
         \x20   try: action()\n\
         \x20   except OSError as e: return errno.errorcode[e.errno]\n\
         os.setxattr('f', 'user.a', b'1' * 1000)\n\
         os.setxattr('f', 'user.b', b'', os.XATTR_CREATE)\n\
         os.setxattr('f', 'trusted.c', b'\\0\\1')\n\
         print(len(os.getxattr('f', 'user.a')), os.getxattr('f', 'trusted.c'), sorted(os.listxattr('f')))\n\
         print(number(lambda: os.setxattr('f', 'user.b', b'', os.XATTR_CREATE)))\n\
         print(number(lambda: os.setxattr('f', 'user.z', b'', os.XATTR_REPLACE)))\n\
         print(number(lambda: os.getxattr('f', 'user.z')))\n\
         print(number(lambda: os.setxattr('f', 'system.posix_acl_access', b'\\2\\0\\0\\0' + b'\\1\\0\\6\\0\\xff\\xff\\xff\\xff\\2\\0\\6\\0\\1\\0\\0\\0\\4\\0\\4\\0\\xff\\xff\\xff\\xff\\x10\\0\\6\\0\\xff\\xff\\xff\\xff\\x20\\0\\4\\0\\xff\\xff\\xff\\xff')))\n\
         os.removexattr('f', 'user.b')\n\
         print(sorted(os.listxattr('f')))",
    );
    assert_eq!(
        said,
        "1000 b'\\x00\\x01' ['trusted.c', 'user.a', 'user.b']\n\
         EEXIST\nENODATA\nENODATA\nENOTSUP\n\
         ['trusted.c', 'user.a']\n"
    );
}

#[test]
fn how_full_it_is() {
    let place = Place::new();
    let file = fs::File::create(place.at("f")).unwrap();
    let before = place.files.room();
    assert!((1 << 17..=1 << 18).contains(&before.total), "a GiB in blocks, not {}", before.total);
    file.write_all_at(&vec![7; 1 << 20], 0).unwrap();
    file.sync_all().unwrap();
    let (room, found) = (place.files.room(), rustix::fs::statvfs(place.root()).unwrap());
    assert_eq!((found.f_blocks, found.f_bfree), (room.total, room.free));
    assert_eq!((found.f_bavail, found.f_frsize, found.f_namemax), (room.free, 4096, 255));
    assert_eq!((found.f_files, found.f_ffree), (room.free + 2, room.free));
    let taken = before.free - room.free;
    assert!((256..300).contains(&taken), "{taken} blocks for 256 pages");
}

#[test]
fn a_full_store_says_so_and_takes_more_when_something_goes() {
    let place = Place::with_room(16 << 20);
    fs::write(place.at("kept"), vec![5; 4 << 20]).unwrap();
    let file = fs::File::create(place.at("f")).unwrap();
    let mut at = 0;
    let error = loop {
        // Who writes is told, not only who synchronises: many programs never do.
        match file.write_all_at(&vec![7; 1 << 20], at) {
            Ok(()) => at += 1 << 20,
            Err(error) => break error,
        }
        assert!(at < 16 << 20, "more than it has room for");
    };
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    assert!(at > 8 << 20, "full after {at} bytes");
    assert_eq!(fs::read(place.at("kept")).unwrap(), vec![5; 4 << 20]);
    fs::remove_file(place.at("kept")).unwrap();
    file.write_all_at(&vec![8; 1 << 20], 0).unwrap();
    file.sync_all().unwrap();
}
