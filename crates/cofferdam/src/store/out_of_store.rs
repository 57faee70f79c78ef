//! Files of a store, copied to this machine.
//!
//! A file gets its name when it is whole: what was there before is replaced at once, or not
//! touched.

use super::contents::{self, How};
use super::exit::Refused;
use super::extras;
use super::path::join;
use super::progress::Progress;
use super::session::Session;
use super::troubles::Troubles;
use super::unnamed::{Beside, Unnamed};
use crate::Failure;
use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use store::{Attributes, Entry, Kind, ObjectId, Time};

/// Copies out of a store.
pub(super) struct OutOfStore<'a> {
    pub(super) session: &'a mut Session,
    pub(super) progress: Progress,
    pub(super) troubles: Troubles,
    /// All that is known of a file stays as it is.
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
            Kind::Fifo if self.keeps => self.node(it, FileType::Fifo, to),
            Kind::Character if self.keeps && rustix::process::geteuid().is_root() => {
                self.node(it, FileType::CharacterDevice, to)
            }
            Kind::Block if self.keeps && rustix::process::geteuid().is_root() => {
                self.node(it, FileType::BlockDevice, to)
            }
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
            self.progress.begin_next()?;
            let inner = join(path, &entry.name);
            let done = self.entry(&inner, &entry, to);
            if let Err(failure) = done {
                self.troubles.bear(failure, &mut self.progress)?;
            }
        }
        if !self.keeps {
            return Ok(());
        }
        let folder = File::open(to).map_err(|error| Refused::outside("changing", to, &error))?;
        self.keep(path, it, &folder, to)
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
        if self.another_name(it, to)? {
            return Ok(());
        }
        let target = self.session.store().read_link(it.object);
        let target = target.map_err(|error| self.session.about(path, &error))?;
        let beside = Beside::name(to);
        std::os::unix::fs::symlink(OsStr::from_bytes(&target), &beside.0)
            .map_err(|error| Refused::outside("making", to, &error))?;
        self.keep_at(it, &beside.0)?;
        beside.take_place(to, self.replaces)?;
        self.remember(it, to);
        Ok(())
    }

    /// A pipe or a device.
    fn node(&mut self, it: &Attributes, kind: FileType, to: &Path) -> Result<(), Failure> {
        if self.another_name(it, to)? {
            return Ok(());
        }
        let beside = Beside::name(to);
        rustix::fs::mknodat(CWD, &beside.0, kind, Mode::RUSR | Mode::WUSR, it.device)
            .map_err(|error| Refused::outside("making", to, &error.into()))?;
        self.keep_at(it, &beside.0)?;
        beside.take_place(to, self.replaces)?;
        self.remember(it, to);
        Ok(())
    }

    fn file(&mut self, path: &[u8], it: &Attributes, to: &Path) -> Result<(), Failure> {
        if self.another_name(it, to)? {
            return Ok(());
        }
        let failed = |error: io::Error| Failure::from(Refused::outside("writing", to, &error));
        // Told before the work, not after.
        if !self.replaces && fs::symlink_metadata(to).is_ok() {
            return Err(failed(ErrorKind::AlreadyExists.into()));
        }
        let new = Unnamed::make(to).map_err(failed)?;
        let file = &new.file;
        let how = How { sparse: true, keep_going: self.keep_going };
        let told = (&mut self.progress, &mut self.troubles);
        contents::read(self.session, (path, it), how, told, &mut |_, at, piece| {
            file.write_all_at(piece, at).map_err(failed)
        })?;
        file.set_len(it.size).map_err(failed)?;
        if self.keeps {
            self.keep(path, it, file, to)?;
        } else {
            let permissions = Permissions::from_mode(it.mode & 0o777 & !self.mask);
            file.set_permissions(permissions).map_err(failed)?;
        }
        new.take_place(to, self.replaces)?;
        self.files += 1;
        self.bytes += it.size;
        self.remember(it, to);
        Ok(())
    }

    /// If it was put somewhere under another of its names, it gets one more there.
    fn another_name(&mut self, it: &Attributes, to: &Path) -> Result<bool, Failure> {
        let Some(first) = self.seen.get(&it.object).filter(|_| self.keeps) else {
            return Ok(false);
        };
        let beside = Beside::name(to);
        // The link itself is meant, if it is one.
        rustix::fs::linkat(CWD, first, CWD, &beside.0, AtFlags::empty())
            .map_err(|error| Refused::outside("writing", to, &error.into()))?;
        beside.take_place(to, self.replaces)?;
        Ok(true)
    }

    fn remember(&mut self, it: &Attributes, to: &Path) {
        if it.links > 1 {
            self.seen.insert(it.object, to.into());
        }
    }

    /// Gives an open file or folder its owner, extended attributes, mode and times.
    fn keep(&mut self, path: &[u8], it: &Attributes, at: &File, to: &Path) -> Result<(), Failure> {
        let failed = |error: io::Error| Failure::from(Refused::outside("changing", to, &error));
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::fchown(at, Some(it.user), Some(it.group)).map_err(failed)?;
        }
        let extras = extras::of_object(self.session.store(), it.object);
        let extras = extras.map_err(|error| self.session.about(path, &error))?;
        extras::to_file(at, &extras).map_err(failed)?;
        // After the owner: a new one takes set-id bits away.
        at.set_permissions(Permissions::from_mode(it.mode & 0o7777)).map_err(failed)?;
        rustix::fs::futimens(at, &times(it)).map_err(|number| failed(number.into()))
    }

    /// The same for what cannot be opened.
    fn keep_at(&self, it: &Attributes, at: &Path) -> Result<(), Failure> {
        if !self.keeps {
            return Ok(());
        }
        let failed = |error: io::Error| Failure::from(Refused::outside("changing", at, &error));
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::lchown(at, Some(it.user), Some(it.group)).map_err(failed)?;
        }
        if it.kind() != Kind::Link {
            fs::set_permissions(at, Permissions::from_mode(it.mode & 0o7777)).map_err(failed)?;
        }
        rustix::fs::utimensat(CWD, at, &times(it), AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|number| failed(number.into()))
    }
}

fn times(it: &Attributes) -> Timestamps {
    Timestamps { last_access: timespec(it.read), last_modification: timespec(it.changed) }
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
