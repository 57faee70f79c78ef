//! The place where something is mounted: how it comes there, and how it goes.
//!
//! Root asks the kernel, anybody else `fusermount3`. Done here rather than by `fuser`, which as a
//! user takes a mount out of sight even while programs use it, and would refuse the kernel's own
//! write-back requests for want of the user's number.

mod helper;
mod holders;
mod table;

pub use holders::Holder;

use crate::{Error, Options};
use helper::Refusal;
use rustix::mount::{MountFlags, UnmountFlags};
use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How the kernel's table shows our mounts.
const KIND: &str = "fuse.cofferdam";

/// How far the kernel reads ahead, in KiB, when we may say so.
const AHEAD: &str = "1024";

/// A place at which something of ours is mounted.
#[derive(Debug)]
pub(crate) struct Point {
    path: PathBuf,
    /// Its device number in the kernel's table: nobody else's mount is to be unmounted.
    device: Option<String>,
}

impl Point {
    /// Mounts, and answers the descriptor on which the kernel asks.
    pub(crate) fn mount(path: &Path, options: &Options) -> Result<(Self, OwnedFd), Error> {
        let path = place(path)?;
        let device = if rustix::process::geteuid().is_root() {
            as_root(&path, options)?
        } else {
            helper::mount(&path, &helper_options(options))?
        };
        let top = table::at(&path).ok().flatten().map(|top| top.device);
        Ok((Self { path, device: top }, device))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Lets the kernel read further ahead than it would for a file system of which it knows
    /// nothing. Only root may; without it, large files are read in smaller pieces. To be called
    /// when the kernel has been answered for the first time, which sets it anew.
    pub(crate) fn read_ahead(&self) {
        if let Some(device) = &self.device {
            let _ = std::fs::write(format!("/sys/class/bdi/{device}/read_ahead_kb"), AHEAD);
        }
    }

    /// Unmounts, and waits as long as `patience` for those who use it.
    pub(crate) fn unmount(&self, patience: Duration) -> Result<(), Error> {
        let deadline = Instant::now() + patience;
        let mut pause = Duration::from_millis(5);
        loop {
            if !self.is_on_top()? {
                return Ok(());
            }
            match take_away(&self.path, false) {
                Ok(()) => return Ok(()),
                Err(Refusal::Other(cause)) => {
                    return Err(Error::Unmount { path: self.path.clone(), cause });
                }
                Err(Refusal::Busy) if Instant::now() < deadline => {
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(Duration::from_millis(200));
                }
                Err(Refusal::Busy) => {
                    let holders = holders::of(&self.path);
                    return Err(Error::Busy { path: self.path.clone(), holders });
                }
            }
        }
    }

    /// Takes it out of everybody's sight, used or not. If somebody answers for it, what the kernel
    /// still has to write is written first.
    pub(crate) fn detach(&self, answered: bool) {
        if !matches!(self.is_on_top(), Ok(true)) {
            return;
        }
        if answered && let Ok(folder) = File::open(&self.path) {
            let _ = rustix::fs::syncfs(folder);
        }
        let _ = take_away(&self.path, true);
    }

    /// Takes away what is left when the kernel asks no more, if that is dead: what answers is
    /// somebody else's, mounted there since.
    pub(crate) fn clear(&self) {
        let dead = |error: io::Error| {
            rustix::io::Errno::from_io_error(&error) == Some(rustix::io::Errno::NOTCONN)
        };
        if matches!(self.is_on_top(), Ok(true))
            && self.path.symlink_metadata().err().is_some_and(dead)
        {
            let _ = take_away(&self.path, true);
        }
    }

    /// Whether ours is there, and nothing lies on it.
    fn is_on_top(&self) -> Result<bool, Error> {
        let top = table::at(&self.path).map_err(|cause| Error::Unmount {
            path: self.path.clone(),
            cause: cause.to_string(),
        })?;
        match (top, &self.device) {
            (None, _) => Ok(false),
            (Some(top), Some(device)) if top.device != *device => {
                Err(Error::Covered { path: self.path.clone() })
            }
            _ => Ok(true),
        }
    }
}

/// The directory to mount at, as the kernel's table will call it.
fn place(path: &Path) -> Result<PathBuf, Error> {
    let no_point = |cause| Error::NoPoint { path: path.to_owned(), cause };
    let look = || {
        let found = path.canonicalize()?;
        let kind = found.symlink_metadata()?;
        Ok((found, kind))
    };
    let (found, kind) = look()
        .or_else(|cause: io::Error| {
            // Somebody killed the process that answered for what is mounted there.
            let dead = rustix::io::Errno::from_io_error(&cause) == Some(rustix::io::Errno::NOTCONN);
            if dead && remains_removed(path) { look() } else { Err(cause) }
        })
        .map_err(no_point)?;
    if !kind.is_dir() {
        return Err(Error::NotDirectory { path: found });
    }
    Ok(found)
}

/// Takes away what is left of a mount of ours that nobody answers for; leaves what is not ours.
fn remains_removed(path: &Path) -> bool {
    let folder = || {
        let path = std::path::absolute(path).ok()?;
        Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?))
    };
    let ours = |folder: &PathBuf| matches!(table::at(folder), Ok(Some(top)) if top.kind == KIND);
    folder().filter(ours).is_some_and(|folder| take_away(&folder, true).is_ok())
}

fn take_away(path: &Path, lazily: bool) -> Result<(), Refusal> {
    if !rustix::process::geteuid().is_root() {
        return helper::unmount(path, lazily);
    }
    let flags = if lazily { UnmountFlags::DETACH } else { UnmountFlags::empty() };
    match rustix::mount::unmount(path, flags | UnmountFlags::NOFOLLOW) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::BUSY) => Err(Refusal::Busy),
        Err(cause) => Err(Refusal::Other(cause.to_string())),
    }
}

fn as_root(path: &Path, options: &Options) -> Result<OwnedFd, Error> {
    let device = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/fuse")
        .map_err(|cause| Error::NoDevice { path: path.to_owned(), cause })?;
    let mut data = format!(
        "fd={},rootmode=40000,user_id={},group_id={},default_permissions",
        device.as_raw_fd(),
        rustix::process::geteuid().as_raw(),
        rustix::process::getegid().as_raw(),
    );
    if options.others {
        data.push_str(",allow_other");
    }
    // What comes out of a store gives nobody rights, and opens no device; and the store does not
    // note each reading.
    let mut flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOATIME;
    if options.read_only {
        flags |= MountFlags::RDONLY;
    }
    let kernel = |cause| Error::Kernel { path: path.to_owned(), cause };
    let data = CString::new(data).map_err(|_| kernel(io::ErrorKind::InvalidInput.into()))?;
    let name = source(&options.name);
    rustix::mount::mount(name.as_str(), path, KIND, flags, data.as_c_str())
        .map_err(|cause| kernel(cause.into()))?;
    Ok(device.into())
}

fn helper_options(options: &Options) -> String {
    let mut list = format!(
        "default_permissions,nosuid,nodev,noatime,subtype=cofferdam,fsname={}",
        source(&options.name)
    );
    if options.read_only {
        list.push_str(",ro");
    }
    if options.others {
        list.push_str(",allow_other");
    }
    list
}

/// What the table of mounts shows as the source: nothing in it may look like another option.
fn source(name: &str) -> String {
    let plain = |c: char| if c.is_control() || ",\\\"".contains(c) { '_' } else { c };
    if name.is_empty() { "cofferdam".to_owned() } else { name.chars().map(plain).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_option() {
        let options = Options { name: "a,suid\n\\\0".to_owned(), ..Options::default() };
        assert!(helper_options(&options).ends_with("fsname=a_suid___"));
    }

    #[test]
    fn what_is_no_directory_is_refused_by_name() {
        let error = place(Path::new("/proc/self/status")).unwrap_err();
        assert!(error.to_string().contains("it is not a directory"), "{error}");
        let error = place(Path::new("/nowhere/at all")).unwrap_err();
        assert!(error.to_string().starts_with("cannot mount at /nowhere/at all: "), "{error}");
    }
}
