//! Past the kernel's cache.
//!
//! **Writing a small file.** A seal and a store on one file system share a device, and so the one flush
//! of it that takes most of a commit's time. The seal then has to be with the device before that flush:
//! it is written straight to it. That is done only where it is known to be so: on ext4, where the kernel
//! says that it takes such writes, and to blocks that were written before, so that nothing but their
//! bytes changes.
//!
//! **Reading much in order.** The kernel would copy every byte once more, and keep what lies decrypted
//! in our own cache. What it has anyway, it has as well: it writes out what was written before it lets
//! a disk be asked.

use super::file;
use crate::blocks::Blocks;
use crate::medium::Trouble;
use crate::place::BLOCK;
use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::vec;

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
        if !is_same(kept, &file) || !file::goes_straight(&file, BLOCK as u32) {
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
        let mut aligned = Blocks::default();
        aligned.resize(from.len().div_ceil(BLOCK));
        let Some(bytes) = aligned.bytes_mut().get_mut(..from.len()) else {
            return Err(Trouble::System(22));
        };
        bytes.copy_from_slice(from);
        file::write_at(&self.file, at, bytes)
    }
}

/// A file, or a block device, open for such reads; or known not to be good for them.
#[derive(Clone)]
pub(super) struct StraightReads(Option<Arc<File>>);

impl StraightReads {
    /// Those of what is open as `kept`, and was opened `again` with [`OFlags::DIRECT`].
    pub(super) fn of<E>(kept: &File, again: Result<impl Into<File>, E>) -> Self {
        let again = again.ok().map(Into::into);
        Self(
            again
                .filter(|again| is_same(kept, again) && file::goes_straight(again, BLOCK as u32))
                .map(Arc::new),
        )
    }

    /// Whether all of it was read. If not, it is to be read as any file is, and that says why.
    pub(super) fn read(&self, at: u64, into: &mut [u8]) -> bool {
        self.0.as_ref().is_some_and(|file| {
            at.is_multiple_of(BLOCK as u64)
                && into.len().is_multiple_of(BLOCK)
                && into.as_ptr().align_offset(BLOCK) == 0
                && file::read_at(file, at, into).is_ok()
        })
    }
}

fn is_same(one: &File, other: &File) -> bool {
    match (rustix::fs::fstat(one), rustix::fs::fstat(other)) {
        (Ok(one), Ok(other)) => (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino),
        _ => false,
    }
}
