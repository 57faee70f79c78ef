//! A file of this machine that gets its name when it is whole.
//!
//! It has no name while it is written, so that a command that is killed leaves nothing of it. Where
//! the file system has no files without names, it lies beside its place under another name until
//! then, and is removed unless it took the place.

use super::exit::Refused;
use crate::Failure;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// A file that is being written, for its owner only.
pub(super) struct Unnamed {
    pub(super) file: File,
    /// The name that it has if it cannot be without one.
    beside: Option<Beside>,
}

impl Unnamed {
    /// One that is to be named `of`.
    pub(super) fn make(of: &Path) -> io::Result<Self> {
        if let Some(file) = without_name(folder_of(of)) {
            return Ok(Self { file, beside: None });
        }
        let beside = Beside::name(of);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside.0)?;
        Ok(Self { file, beside: Some(beside) })
    }

    /// Gives it its name.
    pub(super) fn take_place(self, of: &Path, replaces: bool) -> Result<(), Failure> {
        if let Some(beside) = self.beside {
            return beside.take_place(of, replaces);
        }
        let link = |to: &Path| {
            rustix::fs::linkat(CWD, of_descriptor(&self.file), CWD, to, AtFlags::SYMLINK_FOLLOW)
                .map_err(|error| Refused::outside("writing", of, &error.into()).into())
        };
        if !replaces {
            return link(of);
        }
        // A link replaces nothing: for this moment it has another name.
        let beside = Beside::name(of);
        link(&beside.0)?;
        beside.take_place(of, true)
    }
}

fn without_name(folder: &Path) -> Option<File> {
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::openat(CWD, folder, flags, Mode::RUSR | Mode::WUSR).ok()?);
    // Its name can only be given by way of /proc, which not every container has.
    fs::metadata(of_descriptor(&file)).is_ok().then_some(file)
}

fn of_descriptor(file: &File) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

/// The folder that something lies in.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
}

/// A name beside another one; what has it is removed unless it took the other's place.
pub(super) struct Beside(pub(super) PathBuf);

impl Beside {
    pub(super) fn name(of: &Path) -> Self {
        // Not longer than the longest name, and not one that a killed command left behind.
        let name = |number| {
            let name = format!(".cofferdam-{}-{number}-new", std::process::id());
            of.parent().unwrap_or(Path::new("")).join(name)
        };
        let free = (0..1000).map(name).find(|path| fs::symlink_metadata(path).is_err());
        Self(free.unwrap_or_else(|| name(1000)))
    }

    pub(super) fn take_place(self, of: &Path, replaces: bool) -> Result<(), Failure> {
        let how = if replaces { RenameFlags::empty() } else { RenameFlags::NOREPLACE };
        let moved = rustix::fs::renameat_with(CWD, &self.0, CWD, of, how).map_err(io::Error::from);
        let moved = match moved {
            // A file system that cannot refuse to replace.
            Err(error) if !replaces && error.kind() == ErrorKind::InvalidInput => {
                match fs::symlink_metadata(of) {
                    Ok(_) => Err(ErrorKind::AlreadyExists.into()),
                    Err(_) => fs::rename(&self.0, of),
                }
            }
            moved => moved,
        };
        moved.map_err(|error| Refused::outside("writing", of, &error).into())
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // It is not there any more if it took the place.
        let _ = fs::remove_file(&self.0);
    }
}

/// Makes a file that was written safe, and its name.
pub(super) fn make_safe(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()?;
    File::open(folder_of(path))?.sync_all()
}
