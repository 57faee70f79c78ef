//! A passphrase that is typed at a terminal: a pseudo-terminal, with the test at its keys.

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::thread;
use store::host::{Error, passphrase};
use system_tests::eventually;

/// Types at a terminal that is asked for a passphrase; gives what was understood, and all that was
/// to be seen.
fn typed(keys: &[u8]) -> (Result<Vec<u8>, Error>, String) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let mut keyboard = File::from(openpt(flags).unwrap());
    grantpt(&keyboard).unwrap();
    unlockpt(&keyboard).unwrap();
    let name = ptsname(&keyboard, Vec::new()).unwrap();
    let mut options = OpenOptions::new();
    let terminal = options.read(true).write(true).open(name.to_str().unwrap()).unwrap();
    let shown = |terminal: &File| tcgetattr(terminal).unwrap().local_modes;
    let before = shown(&terminal);
    assert!(before.contains(LocalModes::ECHO | LocalModes::ISIG));
    let asked = terminal.try_clone().unwrap();
    let asking = thread::spawn(move || passphrase::ask_at(&asked, "Passphrase: "));
    eventually("it does not show what is typed", || !shown(&terminal).contains(LocalModes::ECHO));
    let mut seen = vec![0; 12];
    keyboard.read_exact(&mut seen).unwrap();
    keyboard.write_all(keys).unwrap();
    let understood = asking.join().unwrap();
    assert_eq!(shown(&terminal), before, "the terminal is as it was");
    terminal.try_clone().unwrap().write_all(b"<end>").unwrap();
    while !seen.ends_with(b"<end>") {
        let mut byte = [0];
        keyboard.read_exact(&mut byte).unwrap();
        seen.extend(byte);
    }
    (understood.map(|line| line.to_vec()), String::from_utf8_lossy(&seen).into_owned())
}

#[test]
fn what_is_typed_is_understood_and_not_seen() {
    for (keys, understood) in [
        (&b"secret\r"[..], &b"secret"[..]),
        (b"secret\n", b"secret"),
        ("sch\u{f6}\u{7f}o\u{8}\u{20ac}\r".as_bytes(), "sch\u{20ac}".as_bytes()),
        (b"wrong\x15right\r", b"right"),
        (b"\x7f\x7fa\x1ab\x04", b"ab"),
    ] {
        let (line, seen) = typed(keys);
        assert_eq!(line.unwrap(), understood);
        assert_eq!(seen, "Passphrase: \r\n<end>");
    }
}

#[test]
fn interrupting_leaves_the_terminal_as_it_was() {
    assert!(matches!(typed(b"secr\x03").0, Err(Error::Interrupted)));
    assert!(matches!(typed(b"secr\x1c").0, Err(Error::Interrupted)));
    assert!(matches!(typed(b"\r").0, Err(Error::NoPassphrase)));
}

#[test]
fn what_is_no_terminal_cannot_be_asked() {
    let pipe = File::open("/dev/null").unwrap();
    let refused = passphrase::ask_at(&pipe, "Passphrase: ");
    assert!(matches!(refused, Err(Error::System { .. })));
}
