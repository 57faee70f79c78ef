//! A medium in a file that lies in memory, has no name, and counts what is done to it.

use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use store::medium::{Medium, Trouble};

/// Room that it claims there could be: more than the largest file with holes.
const LIMIT: u64 = 1 << 40;

/// What was done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) reads: u64,
    pub(crate) bytes_read: u64,
    pub(crate) writes: u64,
    pub(crate) bytes_written: u64,
}

/// The medium.
pub(crate) struct Counting {
    file: File,
    size: AtomicU64,
    reads: AtomicU64,
    bytes_read: AtomicU64,
    writes: AtomicU64,
    bytes_written: AtomicU64,
}

impl Default for Counting {
    fn default() -> Self {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let file = rustix::fs::open("/dev/shm", flags, Mode::RUSR | Mode::WUSR).unwrap();
        Self {
            file: file.into(),
            size: AtomicU64::new(0),
            reads: AtomicU64::new(0),
            bytes_read: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            bytes_written: AtomicU64::new(0),
        }
    }
}

impl Counting {
    pub(crate) fn counts(&self) -> Counts {
        Counts {
            reads: self.reads.load(Ordering::Relaxed),
            bytes_read: self.bytes_read.load(Ordering::Relaxed),
            writes: self.writes.load(Ordering::Relaxed),
            bytes_written: self.bytes_written.load(Ordering::Relaxed),
        }
    }
}

impl Medium for Counting {
    fn read(&self, at: u64, into: &mut [u8]) -> Result<(), Trouble> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.bytes_read.fetch_add(into.len() as u64, Ordering::Relaxed);
        if at + into.len() as u64 > self.size() {
            return Err(Trouble::Short);
        }
        self.file.read_exact_at(into, at).map_err(|_| Trouble::Short)
    }

    fn write(&self, at: u64, from: &[u8]) -> Result<(), Trouble> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        self.bytes_written.fetch_add(from.len() as u64, Ordering::Relaxed);
        if at + from.len() as u64 > self.size() {
            return Err(Trouble::Short);
        }
        self.file.write_all_at(from, at).map_err(|_| Trouble::Full)
    }

    fn sync(&self) -> Result<(), Trouble> {
        Ok(())
    }

    fn size(&self) -> u64 {
        self.size.load(Ordering::Relaxed)
    }

    fn limit(&self) -> u64 {
        LIMIT
    }

    fn grow(&self, size: u64) -> Result<(), Trouble> {
        if size > self.size() {
            self.file.set_len(size).map_err(|_| Trouble::Full)?;
            self.size.store(size, Ordering::Relaxed);
        }
        Ok(())
    }

    fn discard(&self, _at: u64, _length: u64) {}

    fn foresee(&self, _at: u64, _length: u64) {}
}
