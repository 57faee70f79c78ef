//! Operations, done to a plain directory, by this machine's kernel.

use crate::operation::{OPEN, Operation, Path};
use crate::outcome::{Outcome, Status};
use rustix::fs::{
    AtFlags, CWD, FallocateFlags, FileType, Mode, OFlags, RenameFlags, Timespec, Timestamps,
    XattrFlags,
};
use rustix::io::Errno;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use store::{Allocate, Kind, Taken};

pub(crate) struct InDirectory {
    root: PathBuf,
    open: [Option<File>; OPEN],
}

impl InDirectory {
    pub(crate) fn new(root: PathBuf) -> Self {
        std::fs::create_dir(&root).unwrap();
        Self { root, open: Default::default() }
    }

    pub(crate) fn apply(&mut self, operation: &Operation) -> Outcome {
        self.attempt(operation).unwrap_or_else(|error| Outcome::Refused(error.raw_os_error()))
    }

    /// The path from outside. On the way down no symbolic link is followed, as the store follows none.
    fn path(&self, path: &Path) -> Result<PathBuf, Errno> {
        let mut at = self.root.clone();
        for name in path {
            // What is missing or too long is for the kernel to say, when it comes to it.
            if rustix::fs::lstat(&at).is_ok_and(|stat| stat.st_mode & 0o170_000 == 0o120_000) {
                return Err(Errno::NOTDIR);
            }
            at.push(name);
        }
        Ok(at)
    }

    fn attempt(&mut self, operation: &Operation) -> Result<Outcome, Errno> {
        match operation {
            Operation::Sync | Operation::Forget => {}
            Operation::Reopen => self.open = Default::default(),
            Operation::Make(path) => {
                let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY;
                rustix::fs::open(self.path(path)?, flags, Mode::from(0o644))?;
            }
            Operation::MakeDirectory(path) => {
                rustix::fs::mkdir(self.path(path)?, Mode::from(0o755))?;
            }
            Operation::MakePipe(path) => {
                rustix::fs::mknodat(CWD, self.path(path)?, FileType::Fifo, Mode::from(0o600), 0)?;
            }
            Operation::MakeLink(_, target) if target.is_empty() => return Err(Errno::NOENT),
            Operation::MakeLink(path, target) => {
                rustix::fs::symlink(&target[..], self.path(path)?)?;
            }
            Operation::ReadLink(path) => {
                let target = rustix::fs::readlink(self.path(path)?, Vec::new())?;
                return Ok(Outcome::Bytes(target.into_bytes()));
            }
            Operation::Link(old, new) => {
                rustix::fs::lstat(self.path(old)?)?;
                rustix::fs::linkat(CWD, self.path(old)?, CWD, self.path(new)?, AtFlags::empty())?;
            }
            Operation::Unlink(path) => rustix::fs::unlink(self.path(path)?)?,
            Operation::RemoveDirectory(path) => rustix::fs::rmdir(self.path(path)?)?,
            Operation::Rename(old, new, taken) => {
                self.directory(old)?;
                let flags = match taken {
                    Taken::Replace => RenameFlags::empty(),
                    Taken::Refuse => RenameFlags::NOREPLACE,
                    Taken::Exchange => RenameFlags::EXCHANGE,
                };
                rustix::fs::renameat_with(CWD, self.path(old)?, CWD, self.path(new)?, flags)?;
            }
            Operation::Stat(path) => return Ok(status(&rustix::fs::lstat(self.path(path)?)?)),
            Operation::List(path) => return self.list(path),
            Operation::Permissions(path, permissions) => {
                let path = self.path(path)?;
                if rustix::fs::lstat(&path)?.st_mode & 0o170_000 == 0o120_000 {
                    return Err(Errno::AGAIN);
                }
                rustix::fs::chmod(path, Mode::from(*permissions))?;
            }
            Operation::Times(path, seconds, nanoseconds) => {
                let time = Timespec { tv_sec: *seconds, tv_nsec: (*nanoseconds).into() };
                let times = Timestamps { last_access: time, last_modification: time };
                rustix::fs::utimensat(CWD, self.path(path)?, &times, AtFlags::SYMLINK_NOFOLLOW)?;
            }
            Operation::SetExtra(path, name, value) => {
                rustix::fs::lsetxattr(self.path(path)?, name.as_str(), value, XattrFlags::empty())?;
            }
            Operation::Extra(path, name) => {
                let mut value = vec![0; 4096];
                let length =
                    rustix::fs::lgetxattr(self.path(path)?, name.as_str(), &mut value[..])?;
                value.truncate(length);
                return Ok(Outcome::Bytes(value));
            }
            Operation::RemoveExtra(path, name) => {
                rustix::fs::lremovexattr(self.path(path)?, name.as_str())?;
            }
            Operation::Open(file, path) => {
                let path = self.path(path)?;
                // Not what a symbolic link names, and not waiting for the other end of a pipe.
                match rustix::fs::lstat(&path)?.st_mode & 0o170_000 {
                    0o100_000 => {}
                    0o040_000 => return Err(Errno::ISDIR),
                    _ => return Err(Errno::AGAIN),
                }
                let opened = rustix::fs::open(&path, OFlags::RDWR, Mode::empty())?;
                self.open[*file] = Some(opened.into());
            }
            Operation::Close(file) => self.open[*file] = None,
            _ => return self.attempt_open(operation),
        }
        Ok(Outcome::Done)
    }

    /// The directory that a path's last name is in must be there.
    fn directory(&self, path: &Path) -> Result<(), Errno> {
        let mut above = self.path(path)?;
        above.pop();
        let stat = rustix::fs::lstat(above)?;
        if stat.st_mode & 0o170_000 == 0o040_000 { Ok(()) } else { Err(Errno::NOTDIR) }
    }

    /// What is done to an open file.
    fn attempt_open(&mut self, operation: &Operation) -> Result<Outcome, Errno> {
        let (Operation::StatOpen(file)
        | Operation::Read(file, ..)
        | Operation::Write(file, ..)
        | Operation::Append(file, ..)
        | Operation::Resize(file, ..)
        | Operation::Allocate(file, ..)
        | Operation::Seek(file, ..)) = operation
        else {
            unreachable!("{operation:?} is of a path");
        };
        let Some(file) = &self.open[*file] else { return Ok(Outcome::Done) };
        match operation {
            Operation::StatOpen(_) => return Ok(status(&rustix::fs::fstat(file)?)),
            Operation::Read(_, offset, length) => {
                let mut bytes = vec![0; *length];
                let read = file.read_at(&mut bytes, *offset).unwrap();
                bytes.truncate(read);
                return Ok(Outcome::Bytes(bytes));
            }
            Operation::Write(_, offset, bytes) => file.write_all_at(bytes, *offset).unwrap(),
            Operation::Append(_, bytes) => {
                let end = rustix::fs::fstat(file)?.st_size.cast_unsigned();
                file.write_all_at(bytes, end).unwrap();
            }
            Operation::Resize(_, size) => rustix::fs::ftruncate(file, *size)?,
            Operation::Allocate(_, how, offset, length) => allocate(file, *how, *offset, *length)?,
            Operation::Seek(..) => {
                // Which zeros are a hole is each file system's own affair; so the test needs the bytes.
                let mut bytes =
                    vec![0; rustix::fs::fstat(file)?.st_size.cast_unsigned().min(1 << 23) as usize];
                file.read_exact_at(&mut bytes, 0).unwrap();
                return Ok(Outcome::Bytes(bytes));
            }
            _ => {}
        }
        Ok(Outcome::Done)
    }

    fn list(&self, path: &Path) -> Result<Outcome, Errno> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW;
        let directory = rustix::fs::open(self.path(path)?, flags, Mode::empty())?;
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::new(directory)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes().to_vec();
            if name != b"." && name != b".." {
                let mode = entry.file_type().as_raw_mode();
                names.push((name, Kind::of_mode(mode).unwrap()));
            }
        }
        names.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(Outcome::Names(names))
    }
}

fn allocate(file: &File, how: Allocate, offset: u64, length: u64) -> Result<(), Errno> {
    let size = rustix::fs::fstat(file)?.st_size.cast_unsigned();
    let flags = match how {
        Allocate::Grow => FallocateFlags::empty(),
        Allocate::KeepSize => FallocateFlags::KEEP_SIZE,
        Allocate::Punch => FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE,
        Allocate::Zero | Allocate::ZeroKeepSize => {
            // tmpfs has no such thing: a hole, and room promised for it, is the same.
            let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            rustix::fs::fallocate(file, hole, offset, length)?;
            if how == Allocate::Zero && offset + length > size {
                rustix::fs::ftruncate(file, offset + length)?;
            }
            return Ok(());
        }
    };
    rustix::fs::fallocate(file, flags, offset, length)
}

fn status(stat: &rustix::fs::Stat) -> Outcome {
    let kind = Kind::of_mode(stat.st_mode).unwrap();
    let by_hand = stat.st_mtime < 1 << 40 && !recent(stat.st_mtime);
    Outcome::Status(Status {
        kind,
        permissions: stat.st_mode & 0o7777,
        links: stat.st_nlink as u32,
        size: matches!(kind, Kind::File | Kind::Link).then_some(stat.st_size.cast_unsigned()),
        changed: by_hand.then_some((stat.st_mtime, stat.st_mtime_nsec as u32)),
    })
}

/// Whether a time is of this run of the test, not one set by hand.
fn recent(seconds: i64) -> bool {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    (now.as_secs().cast_signed() - seconds).abs() < 100_000
}
