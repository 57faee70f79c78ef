//! A store that a command has open, from the locks to the last commit.
//!
//! Who reads marks that somebody reads, and reads the last commit, whoever writes meanwhile. Who
//! writes has the store's lock, and between operations gives the store what it needs: memory back,
//! and commits before memory or room run out.

use super::exit::{Exit, Refused};
use super::options::StoreOptions;
use super::place::{self, Trusted};
use super::secret::Held;
use super::shown;
use crate::Failure;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use store::host::{self, Access, Hold, Holds, SystemRandomness, Volume, Writer};
use store::superblock::Superblocks;
use store::{Closed, Error, Identity, Media, Memory, Store, Time};

/// How often a reader looks again when a writer's commit came in between.
const ATTEMPTS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(20);

/// An open store.
pub(super) struct Session {
    store: Store,
    pub(super) identity: Identity,
    pub(super) trusted: Trusted,
    pub(super) secret: Held,
    path: PathBuf,
    /// Whether the key file is worth remembering.
    remembers: bool,
    holds: Option<Holds>,
    /// The locks; dropped last.
    lock: Lock,
}

/// The locks of a store that threads share.
pub(super) struct Shared(Lock);

impl Shared {
    /// The store was closed: nobody changes it any more.
    pub(super) fn end(mut self, volume: &Volume) {
        if let Some(writer) = &mut self.0.writing {
            // Without it the next one to write is more careful than it has to be.
            let _ = volume.with(|store| {
                writer.closed(store);
                Ok(())
            });
        }
    }
}

/// One of the two, kept as long as the store is open.
struct Lock {
    _reading: Option<Hold>,
    writing: Option<Writer>,
}

/// A store that was found, with its locks.
struct Found {
    media: Media,
    trusted: Trusted,
    lock: Lock,
}

impl Session {
    /// Opens it to be read, as it was at the last commit.
    pub(super) fn read(options: &StoreOptions) -> Result<Self, Failure> {
        Self::read_as(options, Held::named(&options.secret)?)
    }

    /// The same with a secret that is there already, whatever the options name.
    pub(super) fn read_with(options: &StoreOptions, secret: Held) -> Result<Self, Failure> {
        Self::read_as(options, Some(secret))
    }

    fn read_as(options: &StoreOptions, mut secret: Option<Held>) -> Result<Self, Failure> {
        let mut attempts = 0;
        loop {
            let found = find(options, Access::Read)?;
            match open(options, found, &mut secret, None) {
                Err(not) if attempts < ATTEMPTS && not.may_be_a_commit() => {
                    attempts += 1;
                    std::thread::sleep(PAUSE);
                }
                done => return done.map_err(|not| not.failure),
            }
        }
    }

    /// Opens it to be written to.
    pub(super) fn write(options: &StoreOptions) -> Result<Self, Failure> {
        Self::write_as(options, Held::named(&options.secret)?)
    }

    /// The same with a secret that is there already, whatever the options name.
    pub(super) fn write_with(options: &StoreOptions, secret: Held) -> Result<Self, Failure> {
        Self::write_as(options, Some(secret))
    }

    fn write_as(options: &StoreOptions, mut secret: Option<Held>) -> Result<Self, Failure> {
        let found = find(options, Access::Write)?;
        let mut randomness = SystemRandomness::new()?;
        open(options, found, &mut secret, Some(&mut randomness)).map_err(|not| not.failure)
    }

    /// Does something with it that reads.
    pub(super) fn store(&mut self) -> &mut Store {
        self.store.tidy();
        &mut self.store
    }

    /// Does something with it that changes it. If it is full, and a commit would make room, it is
    /// done again after one.
    pub(super) fn change<T>(
        &mut self,
        mut operation: impl FnMut(&mut Store, Time) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut done = operation(&mut self.store, now());
        if matches!(done, Err(Error::Full)) && self.store.commit_makes_room() {
            self.commit()?;
            done = operation(&mut self.store, now());
        }
        let told = done?;
        self.store.tidy();
        if self.store.needs_commit() {
            self.commit()?;
        }
        Ok(told)
    }

    /// Makes safe what was done so far.
    pub(super) fn commit(&mut self) -> Result<(), Error> {
        let held = self.holds.as_ref().is_some_and(Holds::any);
        self.store.sync(now(), held)
    }

    /// Gives what is free back to what lies below.
    pub(super) fn trim(
        &mut self,
        progress: &mut dyn FnMut(store::Progress) -> bool,
    ) -> Result<u64, Error> {
        let held = self.holds.as_ref().is_some_and(Holds::any);
        self.store.trim(now(), held, progress)
    }

    /// Makes everything safe, after which one root only is accepted, and remembers where seal and
    /// key are.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        let held = self.holds.as_ref().is_some_and(Holds::any);
        self.store.finish(now(), held).map_err(|error| self.about(b"", &error))?;
        if let Some(writer) = &mut self.lock.writing {
            writer.closed(&self.store);
        }
        self.remember();
        Ok(())
    }

    /// Ends work that may have failed: what was done before is made safe, the first error is told.
    pub(super) fn end(self, done: Result<(), Failure>) -> Result<(), Failure> {
        match done {
            Ok(()) => self.finish(),
            Err(failure) => {
                // The first one is the one to tell.
                let _ = self.finish();
                Err(failure)
            }
        }
    }

    /// Changes its keys.
    pub(super) fn change_keys<T>(
        &mut self,
        change: impl FnOnce(
            &mut store::keys::Opened,
            &mut dyn store::medium::Randomness,
        ) -> Result<T, Error>,
    ) -> Result<T, Failure> {
        let mut randomness = SystemRandomness::new()?;
        let done = self.store.change_keys(&mut randomness, change);
        done.map_err(|error| self.about(b"", &error))
    }

    /// The secret that opened it opens it no more: it is not to be remembered.
    pub(super) fn secret_is_gone(&mut self) {
        self.remembers = false;
    }

    /// Lets threads share the store. What comes with it has the locks, and is dropped after it.
    pub(super) fn share(self) -> (Volume, Shared) {
        (Volume::new(self.store, self.holds), Shared(self.lock))
    }

    fn remember(&mut self) {
        if !self.remembers {
            return;
        }
        let commit = self.store.commit_number();
        self.trusted.remember(&self.path, self.secret.key_file(), commit);
    }

    /// An error about a path in the store, or with none about the store.
    pub(super) fn about(&mut self, path: &[u8], error: &Error) -> Failure {
        let explained = self.store.explain(error.clone());
        let store = shown::path(&self.path);
        // It names the path already.
        let named = matches!(&explained, Error::Damaged(damage) if damage.path.is_some());
        if path.is_empty() || named {
            return Refused::about(store, &explained).into();
        }
        Refused::about(format!("{store}: {}", super::shown::safe(path)), &explained).into()
    }
}

/// Now, as this machine has it.
pub(super) fn now() -> Time {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => Time {
            seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            nanoseconds: since.subsec_nanos(),
        },
        Err(_) => Time::default(),
    }
}

/// As much memory as was asked for: pages of files, and a quarter of that more for the tree.
pub(super) fn memory(cache: u64) -> Result<Memory, Failure> {
    let frames = usize::try_from(cache / 4096).unwrap_or(usize::MAX).max(1024);
    let nodes = (frames / 8).max(1024);
    Ok(Memory { frames: store::host::frames(frames)?, nodes })
}

fn find(options: &StoreOptions, access: Access) -> Result<Found, Failure> {
    let path = &options.store;
    // Whose it is stands in clear; nothing else is believed before the locks are there.
    let identity = identity_of(options)?;
    let trusted = Trusted::find(path, identity, &options.trusted, access)?;
    let lock = match access {
        Access::Read => Lock { _reading: Some(Hold::take(&trusted.seal)?), writing: None },
        Access::Write => Lock { _reading: None, writing: Some(Writer::take(&trusted.seal)?) },
    };
    let media = Media {
        store: Arc::from(host::open(path, access)?),
        seal: Arc::from(host::open(&trusted.seal, access)?),
    };
    Ok(Found { media, trusted, lock })
}

fn identity_of(options: &StoreOptions) -> Result<Identity, Failure> {
    let path = &options.store;
    let medium = host::open(path, Access::Read)?;
    let mut attempts = 0;
    loop {
        let newest = Superblocks::read(&*medium).and_then(|both| Ok(both.newest()?.identity));
        match newest {
            Err(error) if attempts < ATTEMPTS && may_be_a_commit(&error) => {
                attempts += 1;
                std::thread::sleep(PAUSE);
            }
            Err(Error::NotAStore) => return Err(place::no_store(path, &options.trusted)),
            done => return done.map_err(|error| Refused::about(shown::path(path), &error).into()),
        }
    }
}

/// Why a store did not open.
struct NotOpen {
    failure: Failure,
    /// What the store said, if it was that.
    error: Option<Error>,
}

impl NotOpen {
    fn may_be_a_commit(&self) -> bool {
        self.error.as_ref().is_some_and(may_be_a_commit)
    }
}

/// What a commit that comes while one reads superblock and seal can look like.
fn may_be_a_commit(error: &Error) -> bool {
    matches!(
        error,
        Error::RolledBack { .. }
            | Error::SealBehind { .. }
            | Error::SealDamaged
            | Error::SuperblockDamaged
            | Error::KeysRolledBack { .. }
            | Error::KeysDamaged
    )
}

fn open(
    options: &StoreOptions,
    found: Found,
    named: &mut Option<Held>,
    writer: Option<&mut SystemRandomness>,
) -> Result<Session, Box<NotOpen>> {
    let path = options.store.clone();
    let refused = |error: Error| {
        let failure = match &error {
            // What is wrong is the seal: the path to name is its.
            Error::NotASeal | Error::SealDamaged => {
                Refused::about(shown::path(&found.trusted.seal), &error).into()
            }
            Error::SealBehind { .. } | Error::SealOfAnother { .. } => {
                let seal = shown::path(&found.trusted.seal);
                Refused::about(format!("{} with the seal {seal}", shown::path(&path)), &error)
                    .into()
            }
            Error::RolledBack { .. } | Error::KeysRolledBack { .. } => {
                let used_for = found.trusted.used_for(&path).map(|other| {
                    format!(" (its seal was last used for the store at {})", shown::path(other))
                });
                let used_for = used_for.unwrap_or_default();
                Refused::about(format!("{}{used_for}", shown::path(&path)), &error).into()
            }
            _ => Failure::from(Refused::about(shown::path(&path), &error)),
        };
        Box::new(NotOpen { failure, error: Some(error) })
    };
    let closed = Closed::look(found.media.clone()).map_err(&refused)?;
    let secret = match named.take() {
        Some(secret) => secret,
        None => Held::usual(found.trusted.key_file().as_deref(), &closed.slots(), &path)
            .map_err(|failure| Box::new(NotOpen { failure, error: None }))?,
    };
    let writer = writer.map(|randomness| randomness as &mut dyn store::medium::Randomness);
    let memory = memory(options.trusted.cache)
        .map_err(|failure| Box::new(NotOpen { failure, error: None }))?;
    let mut store = match closed.open(&secret.secret(), memory, writer) {
        Ok(store) => store,
        Err(error) => {
            let told = refused(error);
            // It is not asked for twice.
            *named = Some(secret);
            return Err(told);
        }
    };
    let identity = closed.identity();
    let Found { trusted, mut lock, .. } = found;
    let opened = lock.writing.as_mut().map(|writer| writer.opened(&mut store)).transpose();
    let failed = |error: host::Error| Box::new(NotOpen { failure: error.into(), error: None });
    let holds = opened.map_err(failed)?;
    let mut session =
        Session { store, identity, trusted, secret, path, remembers: true, holds, lock };
    session.remember();
    Ok(session)
}

/// What a command answers when something is missing on its command line.
pub(super) fn usage(text: impl Into<String>) -> Failure {
    Refused::new(Exit::Usage, text).into()
}
