//! Passphrases: typed at a terminal that does not show them, or handed over as a line of input.
//!
//! While one is typed the terminal hands over each key, Ctrl-C too: so it is always left as it was
//! found, without catching signals.

use super::{Error, key_file};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;
use std::vec::Vec;
use zeroize::{Zeroize, Zeroizing};

/// The longest that is taken.
pub const LONGEST: usize = 4096;

/// The bytes of a passphrase, wiped when they are dropped.
pub type Passphrase = Zeroizing<Vec<u8>>;

/// Asks for one at this process's terminal.
pub fn ask(prompt: &str) -> Result<Passphrase, Error> {
    let path = Path::new("/dev/tty");
    let opened = OpenOptions::new().read(true).write(true).open(path);
    let terminal = opened.map_err(Error::system("ask for the passphrase at", path))?;
    ask_at(&terminal, prompt)
}

/// Asks for one at that terminal. The bytes are those up to Enter.
pub fn ask_at(mut terminal: &File, prompt: &str) -> Result<Passphrase, Error> {
    let failed = |cause: io::Error| Error::system("ask at", Path::new("the terminal"))(cause);
    let quiet = Quiet::begin(terminal).map_err(|number| failed(number.into()))?;
    terminal.write_all(prompt.as_bytes()).map_err(failed)?;
    let typed = type_in(terminal);
    drop(quiet);
    // Enter was not shown either.
    let _ = terminal.write_all(b"\n");
    typed
}

/// Reads one from a descriptor that this process was started with: its first line, without the
/// line's end.
pub fn read_descriptor(number: i32) -> Result<Passphrase, Error> {
    let failed = |cause| Error::Descriptor { number, cause };
    let mut from = key_file::inherited(number).map_err(failed)?;
    let mut line = empty();
    // Byte by byte: what follows the line is for somebody else.
    while let Some(byte) = next(&mut from).map_err(failed)?.filter(|byte| *byte != b'\n') {
        push(&mut line, byte)?;
    }
    not_empty(line)
}

fn type_in(mut terminal: &File) -> Result<Passphrase, Error> {
    let mut line = empty();
    loop {
        let key = next(&mut terminal).map_err(Error::system("read", Path::new("the terminal")))?;
        match key {
            None | Some(b'\r' | b'\n' | 0x04) => return not_empty(line),
            // Ctrl-C and Ctrl-\.
            Some(0x03 | 0x1c) => return Err(Error::Interrupted),
            // Backspace takes a whole character, however many bytes it has.
            Some(0x08 | 0x7f) => while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {},
            // Ctrl-U.
            Some(0x15) => line.zeroize(),
            // Ctrl-Z would leave the terminal as it is now.
            Some(0x1a) => {}
            Some(byte) => push(&mut line, byte)?,
        }
    }
}

/// With all its room from the beginning: growing would leave copies in memory.
fn empty() -> Passphrase {
    Zeroizing::new(Vec::with_capacity(LONGEST))
}

fn push(line: &mut Passphrase, byte: u8) -> Result<(), Error> {
    if line.len() >= LONGEST {
        return Err(Error::PassphraseTooLong { limit: LONGEST });
    }
    line.push(byte);
    Ok(())
}

fn not_empty(line: Passphrase) -> Result<Passphrase, Error> {
    if line.is_empty() { Err(Error::NoPassphrase) } else { Ok(line) }
}

fn next(from: &mut impl Read) -> io::Result<Option<u8>> {
    let mut byte = Zeroizing::new([0]);
    loop {
        match from.read(byte.as_mut_slice()) {
            Ok(0) => return Ok(None),
            Ok(_) => return Ok(byte.first().copied()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A terminal that shows nothing and hands over each key, until this is dropped.
struct Quiet<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Quiet<'a> {
    fn begin(terminal: &'a File) -> Result<Quiet<'a>, rustix::io::Errno> {
        let before = tcgetattr(terminal)?;
        let mut now = before.clone();
        now.local_modes -= LocalModes::ECHO
            | LocalModes::ECHONL
            | LocalModes::ICANON
            | LocalModes::ISIG
            | LocalModes::IEXTEN;
        // Each key at once, and none too few.
        now.special_codes[SpecialCodeIndex::VMIN] = 1;
        now.special_codes[SpecialCodeIndex::VTIME] = 0;
        // What was typed before nobody asked for.
        tcsetattr(terminal, OptionalActions::Flush, &now)?;
        Ok(Quiet { terminal, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        // If it is gone there is nothing to set back.
        let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
    }
}
