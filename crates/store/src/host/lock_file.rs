//! The small file beside a seal: in it the writer's name, on it the marks of those who read.
//!
//! A block device's seal has no folder of its own; its file lies where the machine keeps such
//! files until it is started again.

use super::Error;
use rustix::fs::{FileType, Mode, OFlags, Stat, major, minor};
use rustix::io::Errno;
use std::ffi::OsString;
use std::format;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Folders for locks, the first that is there counts.
const FOLDERS: [&str; 2] = ["/run/lock", "/run"];

/// As many links in a row as the kernel follows.
const LINKS: u32 = 40;

/// A seal's lock file: `SEAL.lock` for a file, whatever name it was given.
pub(super) fn path(seal: &Path) -> Result<(PathBuf, Stat), Error> {
    // Two names of one seal lead to one lock file.
    let real = without_links(seal).map_err(Error::system("open the seal", seal))?;
    let about = rustix::fs::stat(&real).map_err(Error::system("open the seal", seal))?;
    let path = match FileType::from_raw_mode(about.st_mode) {
        FileType::BlockDevice => {
            let (major, minor) = (major(about.st_rdev), minor(about.st_rdev));
            let folder = FOLDERS.iter().map(Path::new).find(|folder| folder.is_dir());
            let name = format!("cofferdam-seal-{major}-{minor}.lock");
            folder.unwrap_or(Path::new("/run")).join(name)
        }
        FileType::RegularFile => {
            let mut name = OsString::from(real);
            name.push(".lock");
            name.into()
        }
        _ => {
            let expected = "a file or a block device";
            return Err(Error::WrongKind { path: seal.into(), expected });
        }
    };
    Ok((path, about))
}

/// Where the links at the end of a path lead. Those on the way stay: they are followed alike each
/// time, and some of `/proc` lead to where no path leads.
fn without_links(path: &Path) -> std::io::Result<PathBuf> {
    let mut path = PathBuf::from(path);
    for _ in 0..LINKS {
        if !std::fs::symlink_metadata(&path)?.is_symlink() {
            return Ok(path);
        }
        let target = std::fs::read_link(&path)?;
        path = path.parent().unwrap_or(Path::new("")).join(target);
    }
    Err(Errno::LOOP.into())
}

/// Opens it, or makes it with the permissions of the seal: who may read that may set a mark.
pub(super) fn open(path: &Path, seal: &Stat, how: OFlags) -> Result<File, Errno> {
    let flags = how | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let new = flags | OFlags::CREATE | OFlags::EXCL;
    // In a folder that all may write to, opening with CREATE what somebody else made is refused.
    match rustix::fs::open(path, flags, Mode::empty()) {
        Err(Errno::NOENT) => {}
        opened => return opened.map(File::from),
    }
    match rustix::fs::open(path, new, Mode::RUSR | Mode::WUSR) {
        Ok(made) => {
            let mode = Mode::from_raw_mode(seal.st_mode & 0o666) | Mode::RUSR | Mode::WUSR;
            rustix::fs::fchmod(&made, mode)?;
            Ok(made.into())
        }
        // Somebody was faster.
        Err(Errno::EXIST) => rustix::fs::open(path, flags, Mode::empty()).map(File::from),
        Err(other) => Err(other),
    }
}
