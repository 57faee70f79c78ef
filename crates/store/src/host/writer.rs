//! One writer at a time: a lock on the seal, which vanishes with the process however it ends.
//!
//! The lock is `flock`'s, exclusive, on the seal itself: whoever reaches the same seal by another
//! path, a bind mount or a hard link meets it. Locks on ranges of bytes that belong to an open file
//! (`F_OFD_SETLK`) would do as well and spare the second file, but nothing offers them without
//! unsafe code; those that belong to a process (`F_SETLK`) are lost as soon as any part of the
//! program closes the file. On a block device this is also the lock that keeps udev from probing.
//! The name of the writer, for the message that refuses a second one, and the marks of those who
//! read ([`Hold`](super::Hold)) are in and on the small file beside it. That one goes by the seal's
//! name: a reader who comes by a second hard link or a bind mount of the seal alone is not noticed.

use super::{Error, Holder, Holds, lock_file};
use rustix::fs::{FileType, Mode, OFlags, Stat};
use std::fs::{File, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;
use std::vec::Vec;

/// How long udev, which locks a device while it looks at it, is waited for: about a second.
const ATTEMPTS_ON_DEVICE: u32 = 100;

/// How often the holder's name is looked for: it is written a moment after the lock is taken.
const ATTEMPTS_AT_NAME: u32 = 20;

const PAUSE: Duration = Duration::from_millis(10);

/// The right to write to the store with that seal, until this is dropped.
#[derive(Debug)]
pub struct Writer {
    marks: File,
    /// Where these are, to be named in errors.
    path: PathBuf,
    /// Holds the lock; the last field, so that it is dropped last.
    _seal: File,
}

impl Writer {
    /// Takes it. To be done before the seal or anything of the store is read.
    pub fn take(seal: &Path) -> Result<Self, Error> {
        let (path, about) = lock_file::path(seal)?;
        let locked = lock(seal, &path, &about)?;
        let marks = lock_file::open(&path, &about, OFlags::RDWR)
            .map_err(Error::system("make the lock file", &path))?;
        let writer = Self { marks, path, _seal: locked };
        let name = Holder::this().to_text();
        writer
            .marks
            .set_len(0)
            .and_then(|()| (&writer.marks).write_all(name.as_bytes()))
            .map_err(Error::system("write to the lock file", &writer.path))?;
        Ok(writer)
    }

    /// Tells whether somebody reads, for as long as it is kept.
    pub fn holds(&self) -> Result<Holds, Error> {
        let marks = self.marks.try_clone();
        marks.map(Holds::on).map_err(Error::system("keep open the lock file", &self.path))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // A name that stays does no harm: it is read only if somebody has the lock.
        let _ = self.marks.set_len(0);
    }
}

fn lock(seal: &Path, marks: &Path, about: &Stat) -> Result<File, Error> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file: File = rustix::fs::open(seal, flags, Mode::empty())
        .map_err(Error::system("open the seal", seal))?
        .into();
    let device = FileType::from_raw_mode(about.st_mode) == FileType::BlockDevice;
    let mut attempts = if device { ATTEMPTS_ON_DEVICE } else { 1 };
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::Error(cause)) => return Err(Error::system("lock", seal)(cause)),
            Err(TryLockError::WouldBlock) => {}
        }
        attempts -= 1;
        if attempts == 0 {
            return Err(Error::Held { seal: seal.into(), holder: name(marks, about) });
        }
        sleep(PAUSE);
    }
    // The name may have been given to another file since.
    let locked = rustix::fs::fstat(&file).map_err(Error::system("look at the seal", seal))?;
    let named = rustix::fs::stat(seal).map_err(Error::system("look at the seal", seal))?;
    let same = |one: &Stat, other: &Stat| one.st_dev == other.st_dev && one.st_ino == other.st_ino;
    if !same(&locked, &named) || !same(&locked, about) {
        return Err(Error::Held { seal: seal.into(), holder: None });
    }
    Ok(file)
}

/// Whom the lock file names, unless that is one of earlier.
fn name(path: &Path, seal: &Stat) -> Option<Holder> {
    for _ in 0..ATTEMPTS_AT_NAME {
        let mut text = Vec::new();
        if let Ok(file) = lock_file::open(path, seal, OFlags::RDONLY)
            && file.take(1 << 16).read_to_end(&mut text).is_ok()
            && let Some(holder) = Holder::parse(&text)
            && !holder.ended()
        {
            return Some(holder);
        }
        sleep(PAUSE);
    }
    None
}
