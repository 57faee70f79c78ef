//! A folder of segments as a medium: one file for each GiB, so that a store grows in pieces and a
//! copy that was interrupted goes on where it stopped.
//!
//! Bytes come from and go to the files `segment-000000` …; `docs/store-format.md` names them. What
//! counts as there is what was grown: a segment that is missing or shorter than that is never read
//! as zeros. Nobody trusts the folder: links in it are not followed, and what is no ordinary file
//! counts as missing.

mod descriptors;

use self::descriptors::Descriptors;
use super::{Access, Error, file};
use crate::medium::{Medium, Trouble};
use rustix::fs::{Mode, OFlags};
use std::collections::BTreeMap;
use std::format;
use std::fs::File;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::string::String;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Bytes of each segment but the last.
pub(super) const SEGMENT: u64 = 1 << 30;

/// As many as six digits can name.
const MOST: u64 = 1_000_000;

/// How many segments are open at once, at most: far below the usual limit of 1,024 descriptors, of
/// which each may have two.
const OPEN: usize = 64;

/// A folder of segments.
pub struct Segments {
    descriptors: Descriptors,
    /// What there is room for.
    size: AtomicU64,
    /// One grows at a time.
    growing: Mutex<()>,
    device: Option<u64>,
}

/// The part of a range that lies in one segment.
struct Part {
    number: u32,
    /// Where in the segment.
    at: u64,
    length: u64,
}

impl Segments {
    /// A new folder without any segment yet; an empty one may be there.
    pub fn create(path: &Path) -> Result<Self, Error> {
        match std::fs::DirBuilder::new().mode(0o700).create(path) {
            Ok(()) => file::sync_folder_of(path)?,
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && path.is_dir() => {}
            Err(error) => return Err(Error::system("make the folder", path)(error)),
        }
        if !found(path)?.is_empty() {
            return Err(Error::Exists { path: path.join(name(0)) });
        }
        Self::open(path, Access::Write)
    }

    /// The folder that is there, with the segments it has.
    pub fn open(path: &Path, access: Access) -> Result<Self, Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(path, flags, Mode::empty())
            .map_err(Error::system("open the folder", path))?;
        if access == Access::Write {
            rustix::fs::access(path, rustix::fs::Access::WRITE_OK)
                .map_err(Error::system("write to", path))?;
        }
        let found = found(path)?;
        let size = found
            .last_key_value()
            .map_or(0, |(number, length)| u64::from(*number) * SEGMENT + length);
        let folder = File::from(folder);
        let device = file::device(&folder);
        let descriptors = Descriptors::new(folder, access, OPEN, found);
        if access == Access::Write {
            // A writer that was killed may have left what is only in the kernel's cache. We build
            // upon it, so it has to be as safe as what we write.
            descriptors
                .sync_what_was_found()
                .map_err(|trouble| Error::Medium { path: path.into(), trouble })?;
        }
        Ok(Self { descriptors, size: AtomicU64::new(size), growing: Mutex::new(()), device })
    }

    /// The same with at most `most` segments open at once, and one more for each thread at work.
    #[must_use]
    pub fn with_open_at_most(mut self, most: usize) -> Self {
        self.descriptors.open_at_most(most);
        self
    }

    /// The segments that a range touches.
    fn parts(&self, at: u64, length: u64) -> Result<impl Iterator<Item = Part> + use<>, Trouble> {
        let end = at.checked_add(length).filter(|end| *end <= self.size()).ok_or(Trouble::Short)?;
        let mut next = at;
        Ok(core::iter::from_fn(move || {
            (next < end).then(|| {
                let at = next % SEGMENT;
                let part = Part {
                    number: (next / SEGMENT) as u32,
                    at,
                    length: (end - next).min(SEGMENT - at),
                };
                next += part.length;
                part
            })
        }))
    }

    fn extend(&self, from: u64, to: u64) -> Result<(), Trouble> {
        let mut next = from;
        while next < to {
            let (number, at) = ((next / SEGMENT) as u32, next % SEGMENT);
            let end = (to - (next - at)).min(SEGMENT);
            if at == 0 {
                // After a crash a short segment before the last one would be a hole that nobody
                // can fill: each is durable before there is a next one.
                self.descriptors.settle(number.checked_sub(1))?;
                self.descriptors.make(number)?;
            }
            let file = self.descriptors.open(number, at)?;
            file::make_room(&file, at, end)?;
            self.descriptors.set_length(number, end);
            next += end - at;
        }
        Ok(())
    }
}

impl Medium for Segments {
    fn read(&self, at: u64, into: &mut [u8]) -> Result<(), Trouble> {
        let mut rest = into;
        for part in self.parts(at, rest.len() as u64)? {
            let (piece, after) =
                rest.split_at_mut_checked(part.length as usize).ok_or(Trouble::Short)?;
            let file = self.descriptors.open(part.number, part.at + part.length)?;
            file::read_at(&file, part.at, piece)?;
            rest = after;
        }
        Ok(())
    }

    fn read_straight(&self, at: u64, into: &mut [u8]) -> Result<(), Trouble> {
        let mut parts = self.parts(at, into.len() as u64)?;
        // What lies in two segments is rare, and read as anything else.
        if let (Some(part), None) = (parts.next(), parts.next())
            && self
                .descriptors
                .open_straight(part.number, part.at + part.length)?
                .read(part.at, into)
        {
            return Ok(());
        }
        self.read(at, into)
    }

    fn write(&self, at: u64, from: &[u8]) -> Result<(), Trouble> {
        self.descriptors.writable()?;
        let mut rest = from;
        for part in self.parts(at, rest.len() as u64)? {
            let (piece, after) =
                rest.split_at_checked(part.length as usize).ok_or(Trouble::Short)?;
            let file = self.descriptors.open(part.number, part.at + part.length)?;
            let written = file::write_at(&file, part.at, piece);
            // Said while the descriptor is still in use, so that it is not closed in between; and
            // after writing, so that a sync that is under way does not think it has covered it.
            self.descriptors.wrote(part.number);
            written?;
            rest = after;
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), Trouble> {
        self.descriptors.sync()
    }

    fn size(&self) -> u64 {
        self.size.load(Ordering::Acquire)
    }

    /// Room that was given back by [`discard`](Medium::discard) counts twice here: as the store's,
    /// and as free.
    fn limit(&self) -> u64 {
        let free = if self.descriptors.writable().is_ok() { self.descriptors.free() } else { 0 };
        self.size().saturating_add(free).min(MOST * SEGMENT) & !4095
    }

    fn grow(&self, size: u64) -> Result<(), Trouble> {
        let _one = self.growing.lock().unwrap_or_else(PoisonError::into_inner);
        let had = self.size();
        if size <= had {
            return Ok(());
        }
        self.descriptors.writable()?;
        if size > MOST * SEGMENT {
            return Err(Trouble::Full);
        }
        let extended = self.extend(had, size);
        match extended {
            Ok(()) => self.size.store(size, Ordering::Release),
            Err(_) => self.descriptors.cut((had / SEGMENT) as u32, had % SEGMENT),
        }
        extended
    }

    fn discard(&self, at: u64, length: u64) {
        let (Ok(()), Ok(parts)) = (self.descriptors.writable(), self.parts(at, length)) else {
            return;
        };
        for part in parts {
            if let Ok(file) = self.descriptors.open(part.number, part.at + part.length) {
                file::punch(&file, part.at, part.length);
            }
        }
    }

    fn hasten(&self, at: u64, length: u64) {
        for part in self.parts(at, length).into_iter().flatten() {
            if let Ok(file) = self.descriptors.open(part.number, part.at + part.length) {
                file::hasten(&file, part.at, part.length);
            }
        }
    }

    fn device(&self) -> Option<u64> {
        self.device
    }

    fn foresee(&self, at: u64, length: u64) {
        for part in self.parts(at, length).into_iter().flatten() {
            if let Ok(file) = self.descriptors.open(part.number, part.at + part.length) {
                file::foresee(&file, part.at, part.length);
            }
        }
    }
}

/// What a segment is called.
fn name(number: u32) -> String {
    format!("segment-{number:06}")
}

/// The number in a segment's name.
fn number(name: &str) -> Option<u32> {
    let digits = name.strip_prefix("segment-").filter(|digits| digits.len() == 6)?;
    digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

/// The segments that are in a folder, and how long each is.
fn found(path: &Path) -> Result<BTreeMap<u32, u64>, Error> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(path).map_err(Error::system("list", path))? {
        let entry = entry.map_err(Error::system("list", path))?;
        let Some(number) = entry.file_name().to_str().and_then(number) else { continue };
        let about = entry.metadata().map_err(Error::system("look at", &entry.path()))?;
        if about.is_file() {
            found.insert(number, about.len().min(SEGMENT));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_format() {
        assert_eq!(name(0), "segment-000000");
        assert_eq!(name(1_023), "segment-001023");
        assert_eq!(number(&name(999_999)), Some(999_999));
        for other in ["segment-1", "segment-+00001", "segment-0000000", "Segment-000000", ""] {
            assert_eq!(number(other), None, "{other}");
        }
    }
}
