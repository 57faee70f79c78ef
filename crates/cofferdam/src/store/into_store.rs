//! Files of this machine, copied into a store.
//!
//! A file is written without a name and gets it when it is whole: a copy that was interrupted, or
//! did not fit, leaves nothing of it.

use super::contents::PIECE;
use super::exit::Refused;
use super::extras;
use super::path::{Spot, join};
use super::progress::Progress;
use super::session::Session;
use super::shown;
use super::troubles::Troubles;
use crate::{Failure, Stop};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::SeekFrom;
use rustix::io::Errno;
use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::io::{ErrorKind, Read};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use store::{Attributes, Change, Kind, Make, ObjectId, Taken, Time};

/// How many there were.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) files: u64,
    pub(super) directories: u64,
    pub(super) links: u64,
    pub(super) bytes: u64,
}

/// Copies into a store.
pub(super) struct IntoStore<'a> {
    pub(super) session: &'a mut Session,
    pub(super) progress: Progress,
    pub(super) troubles: Troubles,
    /// All that is known of a file stays as it is.
    pub(super) keeps: bool,
    pub(super) replaces: bool,
    /// Whose new files are.
    pub(super) owner: (u32, u32),
    /// Permissions that new files do not get.
    pub(super) mask: u32,
    pub(super) counts: Counts,
    /// Files with several names, by device and number.
    pub(super) seen: HashMap<(u64, u64), ObjectId>,
}

impl IntoStore<'_> {
    /// Copies whatever `from` is, with all that is in it.
    pub(super) fn any(&mut self, from: &Path, about: &Metadata, to: &Spot) -> Result<(), Failure> {
        let kind = about.file_type();
        if kind.is_dir() {
            self.directory(from, about, to)
        } else if kind.is_symlink() {
            self.link(from, about, to)
        } else if kind.is_file() {
            self.file(from, about, to)
        } else if kind.is_fifo() && self.keeps {
            self.node(Kind::Fifo, from, about, to)
        } else if kind.is_char_device() && self.keeps && rustix::process::geteuid().is_root() {
            self.node(Kind::Character, from, about, to)
        } else if kind.is_block_device() && self.keeps && rustix::process::geteuid().is_root() {
            self.node(Kind::Block, from, about, to)
        } else {
            let what = if kind.is_socket() { "a socket" } else { "a pipe or a device" };
            let text = format!("{} is {what}: it is left out", shown::path(from));
            Err(Refused::left_out(text).into())
        }
    }

    fn directory(&mut self, from: &Path, about: &Metadata, to: &Spot) -> Result<(), Failure> {
        let there = self.session.store().lookup(to.parent, &to.name);
        let made = match there {
            Ok(there) if there.kind() == Kind::Directory => there,
            Ok(_) => return Err(self.session.about(&to.path, &store::Error::Exists)),
            Err(store::Error::NotFound) => {
                let make = self.make(Kind::Directory, about);
                let made =
                    self.session.change(|store, now| store.make(to.parent, &to.name, &make, now));
                made.map_err(|error| self.session.about(&to.path, &error))?
            }
            Err(error) => return Err(self.session.about(&to.path, &error)),
        };
        self.counts.directories += 1;
        let failed = |error| Refused::outside("reading", from, &error);
        let mut names: Vec<_> = Vec::new();
        for entry in fs::read_dir(from).map_err(failed)? {
            names.push(entry.map_err(failed)?.file_name());
        }
        names.sort();
        for name in names {
            self.progress.begin_next()?;
            let (inner, name) = (from.join(&name), name.into_vec());
            let spot = Spot { parent: made.object, path: join(&to.path, &name), name };
            let about = fs::symlink_metadata(&inner)
                .map_err(|error| Refused::outside("reading", &inner, &error));
            let done =
                about.map_err(Failure::from).and_then(|about| self.any(&inner, &about, &spot));
            if let Err(failure) = done {
                self.troubles.bear(failure, &mut self.progress)?;
            }
        }
        self.keep(made.object, about, from, &to.path)
    }

    fn link(&mut self, from: &Path, about: &Metadata, to: &Spot) -> Result<(), Failure> {
        if self.another_name(about, to)? {
            return Ok(());
        }
        let target =
            fs::read_link(from).map_err(|error| Refused::outside("reading", from, &error))?;
        let make = self.make(Kind::Link, about);
        self.make_room(to)?;
        let made = self.session.change(|store, now| {
            let target = target.as_os_str().as_bytes();
            store.make_link(to.parent, &to.name, target, make.user, make.group, now)
        });
        let made = made.map_err(|error| self.session.about(&to.path, &error))?;
        self.counts.links += 1;
        self.remember(about, made.object);
        self.keep(made.object, about, from, &to.path)
    }

    /// A pipe or a device.
    fn node(
        &mut self,
        kind: Kind,
        from: &Path,
        about: &Metadata,
        to: &Spot,
    ) -> Result<(), Failure> {
        if self.another_name(about, to)? {
            return Ok(());
        }
        let make = Make { device: about.rdev(), ..self.make(kind, about) };
        self.make_room(to)?;
        let made = self.session.change(|store, now| store.make(to.parent, &to.name, &make, now));
        let object = made.map_err(|error| self.session.about(&to.path, &error))?.object;
        self.counts.files += 1;
        self.remember(about, object);
        self.keep(object, about, from, &to.path)
    }

    /// If it was put there under another of its names, it gets one more.
    fn another_name(&mut self, about: &Metadata, to: &Spot) -> Result<bool, Failure> {
        let place = (about.dev(), about.ino());
        let Some(&object) = self.seen.get(&place).filter(|_| self.keeps) else {
            return Ok(false);
        };
        self.make_room(to)?;
        let linked = self.session.change(|store, now| store.link(object, to.parent, &to.name, now));
        linked.map_err(|error| self.session.about(&to.path, &error))?;
        self.counts.links += 1;
        Ok(true)
    }

    fn remember(&mut self, about: &Metadata, object: ObjectId) {
        if about.nlink() > 1 {
            self.seen.insert((about.dev(), about.ino()), object);
        }
    }

    /// Removes what has the name, if that is to be replaced.
    fn make_room(&mut self, to: &Spot) -> Result<(), Failure> {
        if !self.replaces {
            return Ok(());
        }
        let done = self.session.change(|store, now| match store.unlink(to.parent, &to.name, now) {
            Err(store::Error::NotFound) => Ok(()),
            done => done,
        });
        done.map_err(|error| self.session.about(&to.path, &error))
    }

    fn file(&mut self, from: &Path, about: &Metadata, to: &Spot) -> Result<(), Failure> {
        if self.another_name(about, to)? {
            return Ok(());
        }
        // What became a pipe meanwhile must not be waited for.
        let mut file = fs::OpenOptions::new()
            .read(true)
            .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
            .open(from)
            .map_err(|error| Refused::outside("reading", from, &error))?;
        let make = self.make(Kind::File, about);
        let object = self.stream(&mut file, Some(from), &make, Some(about), to)?;
        self.remember(about, object);
        Ok(())
    }

    /// Copies all that comes from `from`; with a path it is a file that may have holes.
    pub(super) fn stream(
        &mut self,
        from: &mut dyn Source,
        path: Option<&Path>,
        make: &Make,
        about: Option<&Metadata>,
        to: &Spot,
    ) -> Result<ObjectId, Failure> {
        // Told before the work, not after.
        if !self.replaces && self.session.store().lookup(to.parent, &to.name).is_ok() {
            return Err(self.session.about(&to.path, &store::Error::Exists));
        }
        let made = self.session.change(|store, now| store.make_unnamed(to.parent, make, now));
        let object = made.map_err(|error| self.session.about(&to.path, &error))?.object;
        let taken = if self.replaces { Taken::Replace } else { Taken::Refuse };
        let done = self.fill(from, path, object, to).and_then(|()| {
            if let (Some(about), Some(from)) = (about, path) {
                self.keep(object, about, from, &to.path)?;
            }
            let named = self
                .session
                .change(|store, now| store.name(object, to.parent, &to.name, taken, now));
            named.map(drop).map_err(|error| self.session.about(&to.path, &error))
        });
        let closed = self.session.change(|store, _| store.close(object));
        done?;
        closed.map_err(|error| self.session.about(&to.path, &error))?;
        self.counts.files += 1;
        Ok(object)
    }

    fn fill(
        &mut self,
        from: &mut dyn Source,
        path: Option<&Path>,
        object: ObjectId,
        to: &Spot,
    ) -> Result<(), Failure> {
        let failed = |error: std::io::Error| {
            Refused::outside("reading", path.unwrap_or(Path::new("stdin")), &error)
        };
        let mut buffer = vec![0; PIECE];
        let (mut at, mut data_end) = (0_u64, 0_u64);
        loop {
            if path.is_some() && at >= data_end {
                match from.data(at).map_err(failed)? {
                    Some((data, end)) => (at, data_end) = (data, end),
                    None => break,
                }
            }
            let most = if path.is_some() { data_end - at } else { u64::MAX };
            let most = usize::try_from(most).unwrap_or(PIECE).min(PIECE);
            let piece = buffer.get_mut(..most).unwrap_or_default();
            let length = fill_up(from, piece, &self.progress)
                .map_err(|error| error.unwrap_or_else(|error| failed(error).into()))?;
            let piece = piece.get(..length).unwrap_or_default();
            let written = self.session.change(|store, now| store.write(object, at, piece, now));
            written.map_err(|error| self.session.about(&to.path, &error))?;
            at += length as u64;
            self.counts.bytes += length as u64;
            self.progress.add(length as u64)?;
            if length < most {
                break;
            }
        }
        // A hole at the end.
        let size = from.size().map_err(failed)?.unwrap_or(at).max(at);
        if path.is_some() && size > at {
            let change = Change { size: Some(size), ..Change::default() };
            let done = self.session.change(|store, now| store.change(object, &change, now));
            done.map_err(|error| self.session.about(&to.path, &error))?;
        }
        Ok(())
    }

    fn make(&self, kind: Kind, about: &Metadata) -> Make {
        let permissions = about.mode() & if self.keeps { 0o7777 } else { 0o777 & !self.mask };
        let (user, group) = if self.keeps { (about.uid(), about.gid()) } else { self.owner };
        Make { kind, permissions, user, group, device: 0 }
    }

    /// Gives what was copied the extended attributes and times of what it was copied from.
    fn keep(
        &mut self,
        object: ObjectId,
        about: &Metadata,
        from: &Path,
        path: &[u8],
    ) -> Result<(), Failure> {
        if !self.keeps {
            return Ok(());
        }
        let read = extras::of_file(from).map_err(|error| Refused::outside("reading", from, &error));
        for extra in read? {
            let set =
                self.session.change(|store, now| extras::to_object(store, object, &extra, now));
            if let Err(error @ store::Error::ValueTooLarge { .. }) = set {
                let name = super::shown::safe(&extra.0);
                let text = format!("{}: {name} is left out: {error}", super::shown::safe(path));
                self.troubles.bear(Refused::left_out(text).into(), &mut self.progress)?;
            } else {
                set.map_err(|error| self.session.about(path, &error))?;
            }
        }
        let time = |seconds, nanoseconds: i64| Time {
            seconds,
            nanoseconds: u32::try_from(nanoseconds).unwrap_or(0),
        };
        let change = Change {
            permissions: (!about.is_symlink()).then_some(about.mode() & 0o7777),
            read: Some(time(about.atime(), about.atime_nsec())),
            changed: Some(time(about.mtime(), about.mtime_nsec())),
            ..Change::default()
        };
        let changed: Result<Attributes, _> =
            self.session.change(|store, now| store.change(object, &change, now));
        changed.map(drop).map_err(|error| self.session.about(path, &error))
    }
}

/// Reads until the piece is full or nothing follows, and says how much it was. A signal ends it only
/// if somebody wants the work to end.
fn fill_up(
    from: &mut dyn Source,
    piece: &mut [u8],
    progress: &Progress,
) -> Result<usize, Result<Failure, std::io::Error>> {
    let mut filled = 0;
    while let Some(rest) = piece.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match from.read(rest) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                progress.check().map_err(Ok)?;
            }
            Err(error) => return Err(Err(error)),
        }
    }
    Ok(filled)
}

/// Where bytes come from.
pub(super) trait Source: Read {
    /// The next bytes that are no hole, from a place on: where they begin and end; nothing if only
    /// a hole follows. The next read is there.
    fn data(&mut self, from: u64) -> std::io::Result<Option<(u64, u64)>>;
    /// How large it is, if that is known.
    fn size(&self) -> std::io::Result<Option<u64>>;
}

impl Source for File {
    fn data(&mut self, from: u64) -> std::io::Result<Option<(u64, u64)>> {
        let data = match rustix::fs::seek(&*self, SeekFrom::Data(from)) {
            Ok(data) => data,
            Err(Errno::NXIO) => return Ok(None),
            // A file system that knows of no holes, as `/proc`.
            Err(Errno::INVAL | Errno::OPNOTSUPP) => {
                return Ok((from == 0).then_some((0, u64::MAX)));
            }
            Err(error) => return Err(error.into()),
        };
        let end = rustix::fs::seek(&*self, SeekFrom::Hole(data))?;
        rustix::fs::seek(&*self, SeekFrom::Start(data))?;
        Ok(Some((data, end)))
    }

    fn size(&self) -> std::io::Result<Option<u64>> {
        self.metadata().map(|about| Some(about.len()))
    }
}

/// Stdin, or another pipe: it has an end, and no size.
pub(super) struct Pipe {
    file: File,
    stop: Stop,
}

impl Pipe {
    /// How long one waits before looking whether somebody wants the work to end, in nanoseconds.
    const LOOK: i64 = 100_000_000;

    /// Over an open file.
    pub(super) fn new(file: File, stop: &Stop) -> Self {
        Self { file, stop: stop.clone() }
    }
}

impl Read for Pipe {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        // A signal does not end a read that waits: so none waits.
        loop {
            if self.stop.is_wanted() {
                return Err(ErrorKind::Interrupted.into());
            }
            let mut wait = [PollFd::new(&self.file, PollFlags::IN)];
            let look = Timespec { tv_sec: 0, tv_nsec: Self::LOOK };
            match rustix::event::poll(&mut wait, Some(&look)) {
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return self.file.read(into),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Source for Pipe {
    fn data(&mut self, _from: u64) -> std::io::Result<Option<(u64, u64)>> {
        Ok(None)
    }

    fn size(&self) -> std::io::Result<Option<u64>> {
        Ok(None)
    }
}
