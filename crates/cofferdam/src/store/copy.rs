//! `cofferdam store cp`: copies within a store. As with `put`, a file gets its name when it is whole.

use super::contents::{self, How};
use super::extras;
use super::options::{CopyOptions, StoreOptions};
use super::out_of_store::entries;
use super::path::{self, Spot, join};
use super::progress::Progress;
use super::session::{Session, usage};
use super::troubles::Troubles;
use crate::{Context, Failure};
use clap::Args;
use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use store::{Attributes, Change, Error, Kind, Make, ObjectId, Taken};

/// Its options.
#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    store: StoreOptions,
    /// What to copy
    from: OsString,
    /// The copy's name; into it, if it is a directory
    to: OsString,
    #[command(flatten)]
    copy: CopyOptions,
}

struct Copy<'a> {
    session: &'a mut Session,
    progress: Progress,
    troubles: Troubles,
    options: &'a Options,
    /// What has several names, and its copy.
    seen: HashMap<ObjectId, ObjectId>,
}

/// Copies.
pub(crate) fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let mut session = Session::write(&options.store)?;
    let (from, to) = (options.from.as_bytes(), options.to.as_bytes());
    let found = if options.copy.archive {
        path::look(session.store(), from)
    } else {
        path::follow(session.store(), from)
    };
    let it = found.map_err(|error| session.about(from, &error))?;
    if it.kind() == Kind::Directory && !options.copy.directories() {
        return Err(session.about(from, &Error::IsDirectory));
    }
    let target = path::target(session.store(), to, path::last(from))
        .map_err(|error| session.about(to, &error))?;
    if it.kind() == Kind::Directory && within(&mut session, target.parent, it.object)? {
        return Err(usage(format!(
            "{}: a directory cannot be copied into itself; choose another place",
            super::shown::safe(from)
        )));
    }
    let total = (it.kind() == Kind::File).then_some(it.size);
    let mut copy = Copy {
        session: &mut session,
        progress: Progress::begin("cp", total, context),
        troubles: Troubles::none(context),
        options,
        seen: HashMap::new(),
    };
    let done = copy.any(from, &it, &target);
    let Copy { troubles, .. } = copy;
    session.end(done)?;
    troubles.end()
}

/// Whether a directory is another one, or is in it.
fn within(session: &mut Session, directory: ObjectId, other: ObjectId) -> Result<bool, Failure> {
    let mut at = directory;
    while at != other {
        if at == ObjectId::ROOT {
            return Ok(false);
        }
        at = session.store().parent(at).map_err(|error| session.about(b"", &error))?;
    }
    Ok(true)
}

impl Copy<'_> {
    fn any(&mut self, path: &[u8], it: &Attributes, to: &Spot) -> Result<(), Failure> {
        self.progress.begin_next()?;
        if it.kind() == Kind::Directory {
            return self.directory(path, it, to);
        }
        if self.options.copy.archive
            && let Some(&object) = self.seen.get(&it.object)
        {
            self.make_room(to)?;
            let linked =
                self.session.change(|store, now| store.link(object, to.parent, &to.name, now));
            return linked.map(drop).map_err(|error| self.session.about(&to.path, &error));
        }
        let object = match it.kind() {
            Kind::File => self.file(path, it, to)?,
            Kind::Link => {
                let target = self.session.store().read_link(it.object);
                let target = target.map_err(|error| self.session.about(path, &error))?;
                let Make { user, group, .. } = self.make(it);
                self.make_room(to)?;
                let made = self.session.change(|store, now| {
                    store.make_link(to.parent, &to.name, &target, user, group, now)
                });
                let made = made.map_err(|error| self.session.about(&to.path, &error))?;
                self.keep(made.object, it, to)?;
                made.object
            }
            _ => {
                let make = self.make(it);
                self.make_room(to)?;
                let made =
                    self.session.change(|store, now| store.make(to.parent, &to.name, &make, now));
                let made = made.map_err(|error| self.session.about(&to.path, &error))?;
                self.keep(made.object, it, to)?;
                made.object
            }
        };
        if it.links > 1 {
            self.seen.insert(it.object, object);
        }
        Ok(())
    }

    /// Removes what has the name, if that is to be replaced.
    fn make_room(&mut self, to: &Spot) -> Result<(), Failure> {
        if !self.options.copy.force {
            return Ok(());
        }
        let done = self.session.change(|store, now| match store.unlink(to.parent, &to.name, now) {
            Err(Error::NotFound) => Ok(()),
            done => done,
        });
        done.map_err(|error| self.session.about(&to.path, &error))
    }

    fn directory(&mut self, path: &[u8], it: &Attributes, to: &Spot) -> Result<(), Failure> {
        let make = self.make(it);
        let there = self.session.store().lookup(to.parent, &to.name);
        let object = match there {
            Ok(there) if there.kind() == Kind::Directory => there.object,
            _ => {
                let made =
                    self.session.change(|store, now| store.make(to.parent, &to.name, &make, now));
                made.map_err(|error| self.session.about(&to.path, &error))?.object
            }
        };
        let (entries, damage) = entries(self.session, it.object);
        if let Some(damage) = damage {
            let failure = self.session.about(path, &damage);
            self.troubles.bear(failure, &mut self.progress)?;
        }
        for entry in entries {
            let inner = join(path, &entry.name);
            let spot = Spot { parent: object, path: join(&to.path, &entry.name), name: entry.name };
            let found = self.session.store().attributes(entry.object);
            let done = found
                .map_err(|error| self.session.about(&inner, &error))
                .and_then(|it| self.any(&inner, &it, &spot));
            if let Err(failure) = done {
                self.troubles.bear(failure, &mut self.progress)?;
            }
        }
        self.keep(object, it, to)
    }

    fn file(&mut self, path: &[u8], it: &Attributes, to: &Spot) -> Result<ObjectId, Failure> {
        let make = self.make(it);
        if !self.options.copy.force && self.session.store().lookup(to.parent, &to.name).is_ok() {
            return Err(self.session.about(&to.path, &Error::Exists));
        }
        let made = self.session.change(|store, now| store.make_unnamed(to.parent, &make, now));
        let object = made.map_err(|error| self.session.about(&to.path, &error))?.object;
        let taken = if self.options.copy.force { Taken::Replace } else { Taken::Refuse };
        let done = self.fill(path, it, object).and_then(|()| {
            self.keep(object, it, to)?;
            let named = self
                .session
                .change(|store, now| store.name(object, to.parent, &to.name, taken, now));
            named.map(drop).map_err(|error| self.session.about(&to.path, &error))
        });
        let closed = self.session.change(|store, _| store.close(object));
        done?;
        closed.map(|()| object).map_err(|error| self.session.about(&to.path, &error))
    }

    fn fill(&mut self, path: &[u8], it: &Attributes, object: ObjectId) -> Result<(), Failure> {
        let how = How { sparse: true, keep_going: false };
        let (progress, troubles) = (&mut self.progress, &mut self.troubles);
        contents::copy(self.session, (path, it), how, (progress, troubles), object)?;
        let change = Change { size: Some(it.size), ..Change::default() };
        let done = self.session.change(|store, now| store.change(object, &change, now));
        done.map(drop).map_err(|error| self.session.about(path, &error))
    }

    fn make(&self, it: &Attributes) -> Make {
        let keeps = self.options.copy.archive;
        let permissions = it.mode & if keeps { 0o7777 } else { 0o777 & !super::put::mask() };
        let (user, group) = if keeps { (it.user, it.group) } else { super::put::owner() };
        Make { kind: it.kind(), permissions, user, group, device: it.device }
    }

    fn keep(&mut self, object: ObjectId, it: &Attributes, to: &Spot) -> Result<(), Failure> {
        if !self.options.copy.archive {
            return Ok(());
        }
        let extras = extras::of_object(self.session.store(), it.object);
        let extras = extras.map_err(|error| self.session.about(&to.path, &error))?;
        for extra in &extras {
            let done =
                self.session.change(|store, now| extras::to_object(store, object, extra, now));
            done.map_err(|error| self.session.about(&to.path, &error))?;
        }
        let change = Change {
            permissions: Some(it.mode & 0o7777),
            read: Some(it.read),
            changed: Some(it.changed),
            ..Change::default()
        };
        let done = self.session.change(|store, now| store.change(object, &change, now));
        done.map(drop).map_err(|error| self.session.about(&to.path, &error))
    }
}
