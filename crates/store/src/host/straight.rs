//! Writing a small file past the kernel's cache.
//!
//! A seal and a store on one file system share a device, and so the one flush of it that takes most of
//! a commit's time. The seal then has to be with the device before that flush: it is written straight
//! to it. That is done only where it is known to be so: on ext4, where the kernel says that it takes
//! such writes, and to blocks that were written before, so that nothing but their bytes changes.

use super::file;
use crate::medium::Trouble;
use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::path::Path;
use std::vec;

/// Bytes that are written at once, at multiples of that many.
const BLOCK: usize = 4096;

/// A small file, open for such writes.
pub(super) struct Straight {
    file: File,
    pub(super) device: u64,
}

impl Straight {
    /// Nothing, if it cannot be: then it is written and synchronised as any file is.
    pub(super) fn prepare(kept: &File, path: &Path, size: u64) -> Option<Self> {
        let device = file::device(kept)?;
        let flags = OFlags::WRONLY | OFlags::DIRECT | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = File::from(rustix::fs::open(path, flags, Mode::empty()).ok()?);
        let (ours, theirs) = (rustix::fs::fstat(kept).ok()?, rustix::fs::fstat(&file).ok()?);
        if (ours.st_dev, ours.st_ino) != (theirs.st_dev, theirs.st_ino)
            || !file::takes_straight_writes(&file, BLOCK as u32)
        {
            return None;
        }
        // Once more what is there, so that every block of it was written to.
        let mut bytes = vec![0; usize::try_from(size).ok()?];
        file::read_at(kept, 0, &mut bytes).ok()?;
        file::write_at(kept, 0, &bytes).ok()?;
        kept.sync_all().ok()?;
        Some(Self { file, device })
    }

    /// Writes whole blocks; returns when the device has them.
    pub(super) fn write(&self, at: u64, from: &[u8]) -> Result<(), Trouble> {
        // The kernel takes only memory that begins at a multiple of a block.
        let mut room = vec![0; from.len() + BLOCK];
        let skip = room.as_ptr().align_offset(BLOCK);
        let Some(aligned) = room.get_mut(skip..skip.saturating_add(from.len())) else {
            return Err(Trouble::System(22));
        };
        aligned.copy_from_slice(from);
        file::write_at(&self.file, at, aligned)
    }
}
