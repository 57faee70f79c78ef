//! What is done with one open file: reading and writing at a place, making room, and the words for
//! what the system refuses. Segments, devices and small files of the trusted side are all of it.

use super::Error;
use crate::medium::Trouble;
use rustix::fs::{Advice, AtFlags, FallocateFlags, FileType, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// What is written at once where the file system cannot reserve.
static ZEROS: [u8; 1 << 16] = [0; 1 << 16];

/// What a medium says instead of an error number.
pub(super) fn trouble(number: Errno) -> Trouble {
    match number {
        // The largest file that is allowed, or possible, is an end of room like any other.
        Errno::NOSPC | Errno::DQUOT | Errno::FBIG => Trouble::Full,
        Errno::ROFS => Trouble::ReadOnly,
        other => Trouble::System(other.raw_os_error()),
    }
}

fn trouble_of(error: &io::Error) -> Trouble {
    match (Errno::from_io_error(error), error.kind()) {
        (Some(number), _) => trouble(number),
        (None, ErrorKind::UnexpectedEof) => Trouble::Short,
        // A write that takes nothing and gives no reason.
        (None, _) => Trouble::System(Errno::IO.raw_os_error()),
    }
}

/// Fills `into`, however often the system stops on the way.
pub(super) fn read_at(file: &File, at: u64, into: &mut [u8]) -> Result<(), Trouble> {
    file.read_exact_at(into, at).map_err(|error| trouble_of(&error))
}

/// Writes all of `from`.
pub(super) fn write_at(file: &File, at: u64, from: &[u8]) -> Result<(), Trouble> {
    file.write_all_at(from, at).map_err(|error| trouble_of(&error))
}

/// Makes what was written to it safe.
pub(super) fn sync(file: &File) -> Result<(), Trouble> {
    retry_on_intr(|| rustix::fs::fdatasync(file)).map_err(trouble)
}

/// Makes a file of `from` bytes one of `to`, with room reserved for all that is new.
///
/// Where the file system cannot reserve, zeros are written: room that was written to once need not
/// be found again, unless the file system copies on write, and then nobody can promise it.
pub(super) fn make_room(file: &File, from: u64, to: u64) -> Result<(), Trouble> {
    let length = to.saturating_sub(from);
    let reserve = || rustix::fs::fallocate(file, FallocateFlags::empty(), from, length);
    let made = match retry_on_intr(reserve) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => write_zeros(file, from, to),
        reserved => reserved.map_err(trouble),
    };
    if made.is_err() {
        // A reservation may have been made in part. If giving it back fails too, it is only room
        // that is lost, until the next attempt.
        let _ = file.set_len(from);
    }
    made
}

fn write_zeros(file: &File, from: u64, to: u64) -> Result<(), Trouble> {
    let mut at = from;
    while at < to {
        let most = usize::try_from(to - at).unwrap_or(usize::MAX);
        let piece = ZEROS.get(..most).unwrap_or(&ZEROS);
        write_at(file, at, piece)?;
        at += piece.len() as u64;
    }
    Ok(())
}

/// Gives the room of these bytes back, where the file system can.
pub(super) fn punch(file: &File, at: u64, length: u64) {
    let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    // It is advice: whoever cannot follow it goes on as if nothing had been said.
    let _ = rustix::fs::fallocate(file, hole, at, length);
}

/// Has these bytes read into memory soon.
pub(super) fn foresee(file: &File, at: u64, length: u64) {
    let Some(length) = NonZeroU64::new(length) else { return };
    // Advice, too.
    let _ = rustix::fs::fadvise(file, at, Some(length), Advice::WillNeed);
}

/// Has these bytes, which were written, go to the device soon.
pub(super) fn hasten(file: &File, at: u64, length: u64) {
    let Some(length) = NonZeroU64::new(length) else { return };
    // The kernel begins to write what it is told nobody needs in memory; we keep our own pages.
    let _ = rustix::fs::fadvise(file, at, Some(length), Advice::DontNeed);
}

/// What `statfs` says of ext4, and of its forerunners.
const EXT4: i64 = 0xef53;

/// The device below a file of which it is known that synchronising any file on it flushes the
/// device's cache, after whatever was written through: ext4, which never moves what is overwritten
/// and ends every `fdatasync` of a written file with a flush of its one device.
pub(super) fn device(file: &File) -> Option<u64> {
    let kind = rustix::fs::fstatfs(file).ok()?.f_type;
    (kind == EXT4).then_some(())?;
    Some(rustix::fs::fstat(file).ok()?.st_dev)
}

/// Whether a file can be read and written past the kernel's cache in blocks of `block` bytes. Where it
/// cannot, the kernel would take such writes and keep them.
pub(super) fn goes_straight(file: &File, block: u32) -> bool {
    let asked = rustix::fs::StatxFlags::from_bits_retain(STATX_DIOALIGN);
    let about = rustix::fs::statx(file, c"", AtFlags::EMPTY_PATH, asked);
    about.is_ok_and(|about| {
        about.stx_mask & STATX_DIOALIGN != 0
            && (1..=block).contains(&about.stx_dio_mem_align)
            && (1..=block).contains(&about.stx_dio_offset_align)
    })
}

/// Linux's name for it, which rustix does not have.
const STATX_DIOALIGN: u32 = 0x2000;

/// Makes the names in the folder of `path` safe.
pub(super) fn sync_folder_of(path: &Path) -> Result<(), Error> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let opened = File::open(folder).map_err(Error::system("open the folder", folder))?;
    opened.sync_all().map_err(Error::system("synchronise the folder", folder))
}

/// A new file that only its owner may read, which was not there before.
pub(super) fn create(path: &Path) -> Result<File, Error> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let made = retry_on_intr(|| rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR));
    Ok(made.map_err(Error::system("make", path))?.into())
}

/// A new file with these contents, safe when this returns, or none at all.
pub(super) fn create_with(path: &Path, contents: &[u8]) -> Result<(), Error> {
    let mut file = create(path)?;
    let written = file.write_all(contents).and_then(|()| file.sync_all());
    let safe = written.map_err(Error::system("write", path)).and_then(|()| sync_folder_of(path));
    if safe.is_err() {
        // The first error is the one to tell.
        let _ = std::fs::remove_file(path);
    }
    safe
}

/// What kind of file it is that was opened.
pub(super) fn kind(file: &File) -> Result<FileType, Errno> {
    rustix::fs::fstat(file).map(|found| FileType::from_raw_mode(found.st_mode))
}
