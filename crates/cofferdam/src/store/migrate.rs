//! `cofferdam store migrate`: says whether a store has the newest format, or copies everything in
//! it into a new store with new keys.
//!
//! The copy is also the way out for a store that was given new keys too often, and for one whose
//! old contents are to be under new keys. The old store is only read. The new one is verified, and
//! taken away again if anything fails: half a copy would look like all there is.

use super::contents::{self, How};
use super::exit::{Exit, Refused};
use super::new_key::NewKeyOptions;
use super::options::{SecretOptions, StoreOptions};
use super::out_of_store::entries;
use super::path::join;
use super::progress::Progress;
use super::secret::Held;
use super::session::Session;
use super::shown;
use super::troubles::Troubles;
use super::{extras, init, verify};
use crate::{Context, Failure};
use clap::Args;
use serde_json::json;
use std::collections::HashMap;
use std::path::PathBuf;
use store::host::key_file;
use store::{Attributes, Change, Error, Kind, Make, ObjectId};

/// Its options.
#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    store: StoreOptions,
    /// Copy everything into a new store there, with new keys: a folder, or with --device a file or
    /// a block device
    new: Option<PathBuf>,
    /// The new store is in one file, which is made if it is not there, or on a block device
    #[arg(long, requires = "new", help_heading = "New store")]
    device: bool,
    /// Where the new seal is to be
    #[arg(long, requires = "new", value_name = "FILE", help_heading = "New store")]
    new_seal: Option<PathBuf>,
    /// The new store's key file, which is made if it is not there
    #[arg(
        long,
        requires = "new",
        value_name = "FILE",
        group = "new_secret",
        help_heading = "New store"
    )]
    new_key_file: Option<PathBuf>,
    /// Ask for a passphrase for the new store
    #[arg(long, requires = "new", group = "new_secret", help_heading = "New store")]
    new_passphrase: bool,
    /// A passphrase for the new store, from an open descriptor
    #[arg(
        long,
        requires = "new",
        value_name = "NUMBER",
        group = "new_secret",
        help_heading = "New store"
    )]
    new_passphrase_fd: Option<i32>,
    /// Add a recovery key to the new store, which is printed once
    #[arg(long, requires = "new", help_heading = "New store")]
    recovery_key: bool,
    #[command(flatten)]
    new_key: NewKeyOptions,
}

/// Does it.
pub(crate) fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let mut from = Session::read(&options.store)?;
    let Some(path) = &options.new else { return is_newest(context) };
    let mut trusted = options.store.trusted.clone();
    trusted.seal.clone_from(&options.new_seal);
    let secret = SecretOptions {
        key_file: options.new_key_file.clone(),
        passphrase: options.new_passphrase,
        passphrase_fd: options.new_passphrase_fd,
        ..SecretOptions::default()
    };
    let new = init::make(&init::Options {
        store: path.clone(),
        device: options.device,
        recovery_key: options.recovery_key,
        trusted: trusted.clone(),
        secret: secret.clone(),
        new: options.new_key.clone(),
    })?;
    trusted.seal = Some(new.place.seal.clone());
    let to = StoreOptions { store: path.clone(), trusted, secret };
    match fill(&mut from, &to, new.key, context) {
        Ok((objects, bytes)) => {
            new.made.keep();
            if !context.json {
                let text = format!("{objects} files and directories are copied and verified\n\n");
                crate::stdout::print(text.as_bytes())?;
            }
            let more = json!({ "objects": objects, "bytes": bytes, "changed": true });
            init::tell(new.identity, &new.place, new.recovery.as_ref(), Some(more), context)
        }
        Err(failure) => {
            // The first error is the one to tell.
            let _ = new.places.forget(new.identity);
            new.made.with_lock_of(&new.place.seal);
            Err(failure)
        }
    }
}

/// Whatever opens has the one version that there is; another one is refused with its number.
fn is_newest(context: &Context) -> Result<(), Failure> {
    let text = if context.json {
        json!({ "version": 1, "newest": 1, "changed": false }).to_string()
    } else {
        "the store has version 1 of the format, which is the newest; nothing to do".to_owned()
    };
    crate::stdout::print(format!("{text}\n").as_bytes())
}

/// Copies all, makes it safe and verifies it. Gives how many objects and bytes there are.
fn fill(
    from: &mut Session,
    options: &StoreOptions,
    key: Held,
    context: &Context,
) -> Result<(u64, u64), Failure> {
    let mut to = Session::write_with(options, key)?;
    let mut copy = Copying {
        from,
        to: &mut to,
        progress: Progress::begin("migrate", None, context),
        troubles: Troubles::none(context),
        seen: HashMap::new(),
        objects: 0,
        bytes: 0,
    };
    copy.all()?;
    let Copying { objects, bytes, .. } = copy;
    let nothing = Held::KeyFile(key_file::Secret::default(), None);
    let key = std::mem::replace(&mut to.secret, nothing);
    to.finish()?;
    let mut again = Session::read_with(options, key)?;
    let report = verify::check(&mut again, &mut Progress::begin("verify", None, context))?;
    if report.findings.is_empty() && report.objects == objects {
        return Ok((objects, bytes));
    }
    let text = format!(
        "{}: what was written does not read back: {} of {objects} objects, {} damaged; it is taken \
         away again, check what is below it",
        shown::path(&options.store),
        report.objects,
        report.findings.len()
    );
    Err(Refused::new(Exit::Damaged, text).into())
}

/// What is to be done next. Directories may be nested deeper than calls may.
enum Step {
    /// Copies something into a directory of the new store.
    Copy { object: ObjectId, path: Vec<u8>, parent: ObjectId, name: Vec<u8> },
    /// All that is in a directory is there.
    Leave { it: Attributes, path: Vec<u8>, copy: ObjectId },
}

struct Copying<'a> {
    from: &'a mut Session,
    to: &'a mut Session,
    progress: Progress,
    troubles: Troubles,
    /// What has several names, and its copy.
    seen: HashMap<ObjectId, ObjectId>,
    objects: u64,
    bytes: u64,
}

impl Copying<'_> {
    fn all(&mut self) -> Result<(), Failure> {
        let root = self.attributes(ObjectId::ROOT, b"/")?;
        self.objects += 1;
        let mut steps = Vec::new();
        self.enter(root, b"", ObjectId::ROOT, &mut steps)?;
        while let Some(step) = steps.pop() {
            self.progress.check()?;
            match step {
                Step::Leave { it, path, copy } => self.keep(&it, &path, copy)?,
                Step::Copy { object, path, parent, name } => {
                    self.progress.begin_next()?;
                    let it = self.attributes(object, &path)?;
                    if it.kind() == Kind::Directory {
                        let copy = self.make(&it, &path, parent, &name)?;
                        self.enter(it, &path, copy, &mut steps)?;
                    } else {
                        self.copy(&it, &path, parent, &name)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn attributes(&mut self, object: ObjectId, path: &[u8]) -> Result<Attributes, Failure> {
        let found = self.from.store().attributes(object);
        found.map_err(|error| self.from.about(path, &error))
    }

    fn enter(
        &mut self,
        it: Attributes,
        path: &[u8],
        copy: ObjectId,
        steps: &mut Vec<Step>,
    ) -> Result<(), Failure> {
        let (entries, damage) = entries(self.from, it.object);
        if let Some(damage) = damage {
            return Err(self.from.about(path, &damage));
        }
        steps.push(Step::Leave { it, path: path.to_vec(), copy });
        steps.extend(entries.into_iter().rev().map(|entry| Step::Copy {
            object: entry.object,
            path: join(path, &entry.name),
            parent: copy,
            name: entry.name,
        }));
        Ok(())
    }

    /// Anything but a directory.
    fn copy(
        &mut self,
        it: &Attributes,
        path: &[u8],
        parent: ObjectId,
        name: &[u8],
    ) -> Result<(), Failure> {
        if let Some(&copy) = self.seen.get(&it.object) {
            let linked = self.to.change(|store, now| store.link(copy, parent, name, now));
            linked.map_err(|error| self.to.about(path, &error))?;
            // That was a change of its status.
            return self.keep(it, path, copy);
        }
        let copy = match it.kind() {
            Kind::Link => {
                let target = self.from.store().read_link(it.object);
                let target = target.map_err(|error| self.from.about(path, &error))?;
                let made = self.to.change(|store, now| {
                    store.make_link(parent, name, &target, it.user, it.group, now)
                });
                self.objects += 1;
                made.map_err(|error| self.to.about(path, &error))?.object
            }
            _ => self.make(it, path, parent, name)?,
        };
        if it.kind() == Kind::File {
            self.contents(it, path, copy)?;
        }
        if it.links > 1 {
            self.seen.insert(it.object, copy);
        }
        self.keep(it, path, copy)
    }

    fn make(
        &mut self,
        it: &Attributes,
        path: &[u8],
        parent: ObjectId,
        name: &[u8],
    ) -> Result<ObjectId, Failure> {
        let (user, group, device) = (it.user, it.group, it.device);
        let make = Make { kind: it.kind(), permissions: it.mode & 0o7777, user, group, device };
        let made = self.to.change(|store, now| store.make(parent, name, &make, now));
        self.objects += 1;
        made.map(|made| made.object).map_err(|error| self.to.about(path, &error))
    }

    fn contents(&mut self, it: &Attributes, path: &[u8], copy: ObjectId) -> Result<(), Failure> {
        let how = How { sparse: true, keep_going: false };
        let told = (&mut self.progress, &mut self.troubles);
        let to = &mut *self.to;
        contents::read(self.from, (path, it), how, told, &mut |_, at, piece| {
            let written = to.change(|store, now| store.write(copy, at, piece, now));
            written.map(drop).map_err(|error| to.about(path, &error))
        })?;
        // A hole at the end.
        let change = Change { size: Some(it.size), ..Change::default() };
        let done = to.change(|store, now| store.change(copy, &change, now));
        self.bytes += it.size;
        done.map(drop).map_err(|error| to.about(path, &error))
    }

    /// Gives a copy all that is known of what it was copied from.
    fn keep(&mut self, it: &Attributes, path: &[u8], copy: ObjectId) -> Result<(), Failure> {
        let extras = extras::of_object(self.from.store(), it.object);
        for extra in extras.map_err(|error| self.from.about(path, &error))? {
            let set = self.to.change(|store, now| extras::to_object(store, copy, &extra, now));
            set.map_err(|error| self.to.about(path, &error))?;
        }
        // The mode after the owner: a new owner takes set-id bits away.
        let owner = Change { user: Some(it.user), group: Some(it.group), ..Change::default() };
        let rest = Change {
            permissions: Some(it.mode & 0o7777),
            read: Some(it.read),
            changed: Some(it.changed),
            status_changed: Some(it.status_changed),
            made: Some(it.made),
            ..Change::default()
        };
        let done: Result<(), Error> = self.to.change(|store, now| {
            store.change(copy, &owner, now)?;
            store.change(copy, &rest, now).map(drop)
        });
        done.map_err(|error| self.to.about(path, &error))
    }
}
