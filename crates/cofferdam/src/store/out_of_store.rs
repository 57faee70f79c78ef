//! Files of a store, copied to this machine.
//!
//! A file is written beside its place under another name, and gets its own when it is whole: what
//! was there before is replaced at once, or not touched.

use super::contents::{self, How};
use super::exit::Refused;
use super::path::join;
use super::progress::Progress;
use super::session::Session;
use super::troubles::Troubles;
use crate::Failure;
use rustix::fs::{AtFlags, CWD, RenameFlags, Timespec, Timestamps};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use store::{Attributes, Entry, Kind, ObjectId, Time};

/// Copies out of a store.
pub(super) struct OutOfStore<'a> {
    pub(super) session: &'a mut Session,
    pub(super) progress: Progress,
    pub(super) troubles: Troubles,
    /// Modes, times, owners and hard links stay as they are.
    pub(super) keeps: bool,
    pub(super) replaces: bool,
    pub(super) keep_going: bool,
    /// Permissions that new files do not get.
    pub(super) mask: u32,
    pub(super) files: u64,
    pub(super) bytes: u64,
    /// Files with several names, and where they were put.
    pub(super) seen: HashMap<ObjectId, PathBuf>,
}

impl OutOfStore<'_> {
    /// Copies whatever it is, with all that is in it.
    pub(super) fn any(&mut self, path: &[u8], it: &Attributes, to: &Path) -> Result<(), Failure> {
        match it.kind() {
            Kind::Directory => self.directory(path, it, to),
            Kind::File => self.file(path, it, to),
            Kind::Link => self.link(path, it, to),
            other => {
                let what = super::shown::kind(other);
                let text = format!("{}: it is a {what}, and left out", super::shown::safe(path));
                Err(Refused::left_out(text).into())
            }
        }
    }

    fn directory(&mut self, path: &[u8], it: &Attributes, to: &Path) -> Result<(), Failure> {
        match fs::create_dir(to) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists && to.is_dir() => {}
            Err(error) => return Err(Refused::outside("making", to, &error).into()),
        }
        let (entries, damage) = entries(self.session, it.object);
        if let Some(damage) = damage {
            let failure = self.session.about(path, &damage);
            self.troubles.bear(failure, &mut self.progress)?;
        }
        for entry in entries {
            self.progress.check()?;
            let inner = join(path, &entry.name);
            let done = self.entry(&inner, &entry, to);
            if let Err(failure) = done {
                self.troubles.bear(failure, &mut self.progress)?;
            }
        }
        self.keep(it, to)
    }

    fn entry(&mut self, path: &[u8], entry: &Entry, to: &Path) -> Result<(), Failure> {
        // Only who has the key could have written such a name; but it would lead elsewhere.
        if matches!(&*entry.name, b"" | b"." | b"..") || entry.name.contains(&b'/') {
            return Err(self.session.about(path, &store::Error::InvalidName));
        }
        let it = self.session.store().attributes(entry.object);
        let it = it.map_err(|error| self.session.about(path, &error))?;
        self.any(path, &it, &to.join(OsStr::from_bytes(&entry.name)))
    }

    fn link(&mut self, path: &[u8], it: &Attributes, to: &Path) -> Result<(), Failure> {
        let target = self.session.store().read_link(it.object);
        let target = target.map_err(|error| self.session.about(path, &error))?;
        let beside = Beside::name(to);
        std::os::unix::fs::symlink(OsStr::from_bytes(&target), &beside.0)
            .map_err(|error| Refused::outside("making", to, &error))?;
        self.keep(it, &beside.0)?;
        beside.take_place(to, self.replaces)
    }

    fn file(&mut self, path: &[u8], it: &Attributes, to: &Path) -> Result<(), Failure> {
        let failed = |error: io::Error| Failure::from(Refused::outside("writing", to, &error));
        let beside = Beside::name(to);
        if self.keeps
            && it.links > 1
            && let Some(first) = self.seen.get(&it.object)
        {
            fs::hard_link(first, &beside.0).map_err(failed)?;
            return beside.take_place(to, self.replaces);
        }
        // Told before the work, not after.
        if !self.replaces && fs::symlink_metadata(to).is_ok() {
            return Err(failed(ErrorKind::AlreadyExists.into()));
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside.0);
        let file = file.map_err(failed)?;
        let how = How { sparse: true, keep_going: self.keep_going };
        let told = (&mut self.progress, &mut self.troubles);
        contents::read(self.session, (path, it), how, told, &mut |_, at, piece| {
            file.write_all_at(piece, at).map_err(failed)
        })?;
        file.set_len(it.size).map_err(failed)?;
        let permissions = it.mode & if self.keeps { 0o7777 } else { 0o777 & !self.mask };
        file.set_permissions(Permissions::from_mode(permissions)).map_err(failed)?;
        self.keep(it, &beside.0)?;
        beside.take_place(to, self.replaces)?;
        self.files += 1;
        self.bytes += it.size;
        if it.links > 1 {
            self.seen.insert(it.object, to.into());
        }
        Ok(())
    }

    /// Gives a file its owner, mode and times.
    fn keep(&self, it: &Attributes, at: &Path) -> Result<(), Failure> {
        if !self.keeps {
            return Ok(());
        }
        let failed = |error: io::Error| Failure::from(Refused::outside("changing", at, &error));
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::lchown(at, Some(it.user), Some(it.group)).map_err(failed)?;
        }
        if it.kind() != Kind::Link {
            // After the owner: a new one takes set-id bits away.
            fs::set_permissions(at, Permissions::from_mode(it.mode & 0o7777)).map_err(failed)?;
        }
        let times =
            Timestamps { last_access: timespec(it.read), last_modification: timespec(it.changed) };
        rustix::fs::utimensat(CWD, at, &times, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|number| failed(number.into()))
    }
}

/// All entries of a directory that can be read, by name, and what is damaged of it.
pub(super) fn entries(
    session: &mut Session,
    directory: ObjectId,
) -> (Vec<Entry>, Option<store::Error>) {
    let mut entries = Vec::new();
    let done = session.store().list(directory, 0, &mut |entry| {
        entries.push(entry.clone());
        true
    });
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    (entries, done.err())
}

fn timespec(time: Time) -> Timespec {
    Timespec { tv_sec: time.seconds, tv_nsec: time.nanoseconds.into() }
}

/// A name beside another one; what has it is removed unless it took the other's place.
pub(super) struct Beside(pub(super) PathBuf);

impl Beside {
    pub(super) fn name(of: &Path) -> Self {
        let mut name = std::ffi::OsString::from(".");
        // Not longer than the longest name.
        name.push(format!("cofferdam-{}-new", std::process::id()));
        Self(of.parent().unwrap_or(Path::new("")).join(name))
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
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
