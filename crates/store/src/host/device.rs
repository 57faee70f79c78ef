//! One file or block device as a medium: for a store in one piece, and for seals.
//!
//! A file grows, with room reserved; a block device is as large as it is. A block device that is
//! written to is claimed from the kernel, so that nobody mounts it or formats it meanwhile.

use super::straight::{Straight, StraightReads};
use super::{Access, Error, file};
use crate::medium::{Medium, Trouble};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::vec;

/// A file of at most so many bytes may be a seal.
const SMALL: usize = 64 << 10;

/// One file or block device.
pub struct Device {
    file: File,
    access: Access,
    /// An ordinary file.
    grows: bool,
    size: AtomicU64,
    growing: Mutex<()>,
    /// Written to since it was last synchronised.
    written: AtomicBool,
    /// One synchronises at a time, so that who finds nothing to do knows that it is done. Inside,
    /// the first error there was: it stays one, as the kernel tells it once and forgets.
    gate: Mutex<Option<Trouble>>,
    straight: Option<Straight>,
    straight_reads: Option<StraightReads>,
}

impl Device {
    /// A new file of `size` zeros that only its owner may read. It and its name are safe when this
    /// returns.
    pub fn create(path: &Path, size: u64) -> Result<Self, Error> {
        let made = file::create(path)?;
        let device = Self::over(made, Access::Write, true, 0);
        let room = device.grow(size).map_err(|trouble| Error::Room { path: path.into(), trouble });
        // Written to, not only reserved: overwriting it then changes nothing but its bytes.
        let zeros = vec![0; usize::try_from(size).unwrap_or(0).min(SMALL)];
        let safe = room
            .and_then(|()| {
                let filled = file::write_at(&device.file, 0, &zeros);
                filled.map_err(|trouble| Error::Room { path: path.into(), trouble })
            })
            .and_then(|()| device.file.sync_all().map_err(Error::system("synchronise", path)))
            .and_then(|()| file::sync_folder_of(path));
        if let Err(error) = safe {
            // The first error is the one to tell.
            let _ = std::fs::remove_file(path);
            return Err(error);
        }
        Ok(device.with_straight_writes(path))
    }

    /// The file or block device that is there.
    pub fn open(path: &Path, access: Access) -> Result<Self, Error> {
        let about = rustix::fs::stat(path).map_err(Error::system("open", path))?;
        let kind = FileType::from_raw_mode(about.st_mode);
        let mut flags = OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        flags |= if access == Access::Write { OFlags::RDWR } else { OFlags::RDONLY };
        match kind {
            // Without CREATE it means: for us alone.
            FileType::BlockDevice if access == Access::Write => flags |= OFlags::EXCL,
            FileType::BlockDevice | FileType::RegularFile => {}
            _ => return Err(wrong_kind(path)),
        }
        let mut file: File = retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty()))
            .map_err(|number| match number {
                Errno::BUSY => Error::DeviceInUse { path: path.into() },
                other => Error::system("open", path)(other),
            })?
            .into();
        if file::kind(&file).map_err(Error::system("look at", path))? != kind {
            return Err(wrong_kind(path));
        }
        let size = file.seek(SeekFrom::End(0)).map_err(Error::system("measure", path))?;
        if access == Access::Write {
            // A writer that was killed may have left what is only in the kernel's cache. We build
            // upon it, so it has to be as safe as what we write.
            file.sync_all().map_err(Error::system("synchronise", path))?;
        }
        let mut device = Self::over(file, access, kind == FileType::RegularFile, size);
        if size > SMALL as u64 {
            let flags = OFlags::RDONLY | OFlags::DIRECT | OFlags::CLOEXEC | OFlags::NONBLOCK;
            let again = rustix::fs::open(path, flags, Mode::empty());
            device.straight_reads = Some(StraightReads::of(&device.file, again));
        } else if device.grows && access == Access::Write {
            device = device.with_straight_writes(path);
        }
        Ok(device)
    }

    /// Prepares writing past the kernel's cache, for small files: seals.
    fn with_straight_writes(mut self, path: &Path) -> Self {
        if self.size() <= SMALL as u64 {
            self.straight = Straight::prepare(&self.file, path, self.size());
        }
        self
    }

    fn over(file: File, access: Access, grows: bool, size: u64) -> Self {
        Self {
            file,
            access,
            grows,
            size: AtomicU64::new(size),
            growing: Mutex::new(()),
            written: AtomicBool::new(false),
            gate: Mutex::new(None),
            straight: None,
            straight_reads: None,
        }
    }

    fn writable(&self) -> Result<(), Trouble> {
        if self.access == Access::Write { Ok(()) } else { Err(Trouble::ReadOnly) }
    }

    fn inside(&self, at: u64, length: u64) -> Result<(), Trouble> {
        let end = at.checked_add(length).filter(|end| *end <= self.size());
        end.map(|_| ()).ok_or(Trouble::Short)
    }
}

impl Medium for Device {
    fn read(&self, at: u64, into: &mut [u8]) -> Result<(), Trouble> {
        self.inside(at, into.len() as u64)?;
        file::read_at(&self.file, at, into)
    }

    fn read_straight(&self, at: u64, into: &mut [u8]) -> Result<(), Trouble> {
        self.inside(at, into.len() as u64)?;
        match &self.straight_reads {
            Some(straight) if straight.read(at, into) => Ok(()),
            _ => file::read_at(&self.file, at, into),
        }
    }

    fn write(&self, at: u64, from: &[u8]) -> Result<(), Trouble> {
        self.writable()?;
        self.inside(at, from.len() as u64)?;
        let written = file::write_at(&self.file, at, from);
        // After writing, so that a sync that is under way does not think it has covered it.
        self.written.store(true, Ordering::Release);
        written
    }

    fn device(&self) -> Option<u64> {
        self.straight.as_ref().map(|straight| straight.device)
    }

    fn write_through(&self, at: u64, from: &[u8]) -> Result<(), Trouble> {
        self.writable()?;
        self.inside(at, from.len() as u64)?;
        match &self.straight {
            Some(straight) => straight.write(at, from),
            None => self.write(at, from).and_then(|()| self.sync()),
        }
    }

    fn sync(&self) -> Result<(), Trouble> {
        let mut gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        if self.written.swap(false, Ordering::AcqRel)
            && let Err(trouble) = file::sync(&self.file)
        {
            gate.get_or_insert(trouble);
        }
        gate.map_or(Ok(()), Err)
    }

    fn size(&self) -> u64 {
        self.size.load(Ordering::Acquire)
    }

    fn limit(&self) -> u64 {
        let free = if self.grows && self.writable().is_ok() {
            rustix::fs::fstatvfs(&self.file)
                .map_or(0, |about| about.f_bavail.saturating_mul(about.f_frsize))
        } else {
            0
        };
        self.size().saturating_add(free)
    }

    fn grow(&self, size: u64) -> Result<(), Trouble> {
        let _one = self.growing.lock().unwrap_or_else(PoisonError::into_inner);
        let had = self.size();
        if size <= had {
            return Ok(());
        }
        self.writable()?;
        if !self.grows {
            return Err(Trouble::Full);
        }
        file::make_room(&self.file, had, size)?;
        self.written.store(true, Ordering::Release);
        self.size.store(size, Ordering::Release);
        Ok(())
    }

    fn discard(&self, at: u64, length: u64) {
        if self.writable().is_ok() && self.inside(at, length).is_ok() {
            file::punch(&self.file, at, length);
        }
    }

    fn foresee(&self, at: u64, length: u64) {
        if self.inside(at, length).is_ok() {
            file::foresee(&self.file, at, length);
        }
    }
}

fn wrong_kind(path: &Path) -> Error {
    Error::WrongKind { path: path.into(), expected: "a file or a block device" }
}
