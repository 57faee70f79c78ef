//! Key files and passphrases that are handed over.

use crate::folder::Folder;
use std::fs::{self, File, Permissions};
use std::io::{Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use store::host::{Error, SystemRandomness, key_file, passphrase};

#[test]
fn a_new_key_file_is_its_owners_alone_and_is_read_again() {
    let folder = Folder::new();
    let path = folder.join("key");
    let mut randomness = SystemRandomness::new().unwrap();
    let made = key_file::make(&path, &mut randomness).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read(&path).unwrap(), *made);
    let read = key_file::read(&path).unwrap();
    assert_eq!((*read.secret, read.readable_by_others), (*made, false));
    let again = key_file::make(&path, &mut randomness);
    assert!(matches!(again, Err(Error::Exists { .. })));
    assert_eq!(fs::read(&path).unwrap(), *made, "what was there is untouched");
    let other = key_file::make(&folder.join("other"), &mut randomness).unwrap();
    assert_ne!(other, made);
}

#[test]
fn only_the_first_bytes_count_and_fewer_are_none() {
    let folder = Folder::new();
    let path = folder.join("key");
    fs::write(&path, [&[7; 32][..], b"more"].concat()).unwrap();
    for (mode, readable) in [(0o600, false), (0o640, true), (0o604, true), (0o622, false)] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let read = key_file::read(&path).unwrap();
        assert_eq!((*read.secret, read.readable_by_others), ([7; 32], readable), "{mode:o}");
    }
    for length in [0, 31] {
        fs::write(&path, vec![7; length]).unwrap();
        let Err(short) = key_file::read(&path) else { panic!("a key of {length} bytes") };
        assert!(matches!(&short, Error::KeyTooShort { length: found, .. } if *found == length));
        assert!(short.to_string().contains("32 are needed"), "{short}");
    }
    assert!(matches!(key_file::read(&folder.join("")), Err(Error::WrongKind { .. })));
    assert!(matches!(key_file::read(&folder.join("none")), Err(Error::System { .. })));
}

#[test]
fn keys_come_from_pipes_files_and_sockets() {
    let (pipe, mut into) = std::io::pipe().unwrap();
    into.write_all(&[1; 20]).unwrap();
    let rest = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(30));
        into.write_all(&[2; 20]).unwrap();
    });
    let key = key_file::read_descriptor(pipe.as_raw_fd()).unwrap();
    assert_eq!(*key, *[[1; 20], [2; 20]].concat().first_chunk::<32>().unwrap());
    rest.join().unwrap();
    // The eight bytes that are left.
    let short = key_file::read_descriptor(pipe.as_raw_fd());
    assert!(matches!(short, Err(Error::KeyTooShort { length: 8, .. })));

    let (socket, mut into) = std::os::unix::net::UnixStream::pair().unwrap();
    into.write_all(&[3; 32]).unwrap();
    assert_eq!(*key_file::read_descriptor(socket.as_raw_fd()).unwrap(), [3; 32]);

    let folder = Folder::new();
    fs::write(folder.join("key"), [[4; 32], [5; 32]].concat()).unwrap();
    let mut file = File::open(folder.join("key")).unwrap();
    file.seek(SeekFrom::Start(32)).unwrap();
    let key = key_file::read_descriptor(file.as_raw_fd()).unwrap();
    assert_eq!(*key, [5; 32], "from where it stands");
    for closed in [-1, 1_000_000] {
        let refused = key_file::read_descriptor(closed);
        assert!(matches!(refused, Err(Error::Descriptor { .. })), "{closed}");
    }
}

#[test]
fn a_passphrase_is_one_line() {
    let (pipe, mut into) = std::io::pipe().unwrap();
    into.write_all(b"correct horse \xff\r\nsecond\n\nlast").unwrap();
    drop(into);
    let next = || passphrase::read_descriptor(pipe.as_raw_fd());
    assert_eq!(**next().unwrap(), *b"correct horse \xff\r", "all bytes count but the line's end");
    assert_eq!(**next().unwrap(), *b"second");
    assert!(matches!(next(), Err(Error::NoPassphrase)));
    assert_eq!(**next().unwrap(), *b"last");
    assert!(matches!(next(), Err(Error::NoPassphrase)));
    let (pipe, mut into) = std::io::pipe().unwrap();
    into.write_all(&[b'x'; passphrase::LONGEST + 1]).unwrap();
    let long = passphrase::read_descriptor(pipe.as_raw_fd());
    assert!(matches!(long, Err(Error::PassphraseTooLong { .. })));
}
