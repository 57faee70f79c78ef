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
//!
//! Readers outlive writers: a long backup sees one command write after the other, and each must leave
//! alone what the one before has freed. So the last thing that a writer writes to that file is what
//! it kept, and up to which commit. A writer that finds another commit than that, because one was
//! killed, uses nothing that is free while somebody reads ([`Writer::opened`]).

use super::record::Record;
use super::{Error, Holder, Holds, lock_file};
use crate::Store;
use rustix::fs::{FileType, Mode, OFlags, Stat};
use std::format;
use std::fs::{File, TryLockError};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::string::{String, ToString};
use std::thread::sleep;
use std::time::Duration;
use std::vec::Vec;

/// How long udev, which locks a device while it looks at it, is waited for: about a second.
const ATTEMPTS_ON_DEVICE: u32 = 100;

/// How often the holder's name is looked for: it is written a moment after the lock is taken.
const ATTEMPTS_AT_NAME: u32 = 20;

const PAUSE: Duration = Duration::from_millis(10);

/// So many runs of blocks are kept in the lock file; with more, nothing that is free is used.
const MOST_KEPT: usize = 10_000;

/// The right to write to the store with that seal, until this is dropped.
#[derive(Debug)]
pub struct Writer {
    marks: File,
    /// What the last writer kept for readers; when this one has closed the store, what it keeps.
    kept: Option<Kept>,
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
        let kept = Kept::read(&marks);
        let writer = Self { marks, kept, path, _seal: locked };
        let name = Holder::this().to_text();
        writer
            .say(name.as_bytes())
            .map_err(Error::system("write to the lock file", &writer.path))?;
        Ok(writer)
    }

    fn say(&self, text: &[u8]) -> std::io::Result<()> {
        self.marks.set_len(0).and_then(|()| self.marks.write_all_at(text, 0))
    }

    /// The store was opened with this lock, and nothing is changed in it yet: what somebody may be
    /// reading in it is left alone. Tells whether somebody reads, for as long as it is kept.
    pub fn opened(&mut self, store: &mut Store) -> Result<Holds, Error> {
        let holds = self.holds()?;
        // Who has no mark yet reads the seal later, and finds this commit or a later one.
        if holds.any() {
            let kept = self.kept.as_ref().filter(|kept| kept.commit == store.commit_number());
            store.keep_for_readers(kept.map(|kept| &*kept.runs));
        }
        self.kept = None;
        Ok(holds)
    }

    /// The store will not be changed any more.
    pub fn closed(&mut self, store: &Store) {
        let runs = store.kept_for_readers(MOST_KEPT);
        self.kept = runs.map(|runs| Kept { commit: store.commit_number(), runs });
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
        let last = self.kept.as_ref().map(Kept::to_text);
        let _ = self.say(last.unwrap_or_default().as_bytes());
    }
}

/// What a writer leaves to the next one: free blocks that somebody may still read.
#[derive(Debug)]
struct Kept {
    /// The last commit of that writer.
    commit: u64,
    /// First block and length of each run.
    runs: Vec<(u64, u64)>,
}

impl Kept {
    fn to_text(&self) -> String {
        let runs: Vec<_> = self.runs.iter().map(|(at, count)| format!("{at}+{count}")).collect();
        Record::default()
            .with("commit", self.commit.to_string().as_bytes())
            .with("kept", runs.join(" ").as_bytes())
            .to_text()
    }

    /// Nothing if there is none, or it makes no sense: it may have been cut short.
    fn read(marks: &File) -> Option<Self> {
        let mut text = Vec::new();
        marks.take(1 << 20).read_to_end(&mut text).ok()?;
        let record = Record::parse(&text).ok()?;
        let runs = record.text("kept")?.split_ascii_whitespace().map(|run| {
            let (at, count) = run.split_once('+')?;
            Some((at.parse().ok()?, count.parse().ok()?))
        });
        Some(Self {
            commit: record.text("commit")?.parse().ok()?,
            runs: runs.collect::<Option<_>>()?,
        })
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
