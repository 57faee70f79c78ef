//! Where a store's seal and key are: as named, as remembered, or where they are by default.
//!
//! A plain copy of a store has the identity of the original, and one seal cannot be right for both
//! once either is written to. So the one that is remembered stays the one that the seal goes with, as
//! long as it is there; the other one can only be read.

use super::exit::{Exit, Refused};
use super::options::TrustedOptions;
use super::shown;
use crate::Failure;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use store::Identity;
use store::host::{self, Access, Place, Places};
use store::superblock::Superblocks;

/// The trusted side of one store.
pub(super) struct Trusted {
    places: Places,
    identity: Identity,
    remembered: Option<Place>,
    pub(super) seal: PathBuf,
    /// What is remembered is about another store of the same identity, which is there.
    original: Option<PathBuf>,
}

/// The folder that the options or the environment name, or this user's.
pub(super) fn folder(options: &TrustedOptions) -> Result<Places, Failure> {
    Ok(match &options.trusted {
        Some(folder) => Places::new(folder)?,
        None => Places::of_this_user()?,
    })
}

/// Whether two paths lead to the same file, folder or device.
fn is_same(one: &Path, other: &Path) -> bool {
    let what = |path: &Path| {
        let about = std::fs::metadata(path).ok()?;
        let device = about.file_type().is_block_device().then(|| about.rdev());
        Some(device.map_or((about.dev(), about.ino()), |device| (device, 0)))
    };
    what(one).is_some_and(|it| Some(it) == what(other))
}

/// Which other store was at that place when it was last used, as far as that is remembered.
fn other_at(store: &Path, identity: Option<Identity>, places: &Places) -> Option<Identity> {
    let absolute = std::path::absolute(store).ok()?;
    let is_there = |place: &Place| place.store == absolute || is_same(&place.store, store);
    let mut all = places.all().ok()?.into_iter();
    all.find(|(other, place)| Some(*other) != identity && place.as_ref().is_ok_and(is_there))
        .map(|(other, _)| other)
}

/// What to say where there is no store: whoever can change one can also take it away.
pub(super) fn no_store(store: &Path, options: &TrustedOptions) -> Failure {
    let path = shown::path(store);
    match folder(options).ok().and_then(|places| other_at(store, None, &places)) {
        Some(identity) => {
            let text = format!(
                "{path}: this is not a store, or no longer: store {identity} was there when it was \
                 last used; put its newest copy back, or restore a backup"
            );
            Refused::new(Exit::NotAStore, text).into()
        }
        None => Refused::about(path, &store::Error::NotAStore).into(),
    }
}

/// Refuses a store that lies where another one was: who can exchange them could else answer for one
/// with what is in the other. Who names the seal says which one is meant.
fn refuse_exchanged(
    store: &Path,
    identity: Identity,
    places: &Places,
    (found, seal): (Option<&Place>, &Path),
) -> Result<(), Failure> {
    let absolute = std::path::absolute(store).unwrap_or(store.into());
    if found.is_some_and(|place| place.store == absolute) {
        return Ok(());
    }
    let Some(before) = other_at(store, Some(identity), places) else { return Ok(()) };
    let text = format!(
        "{}: another store lies there now ({identity}) than when it was last used ({before}); put \
         that one back, or, if this one is meant, say so with --seal {}",
        shown::path(store),
        shown::path(seal)
    );
    Err(Refused::new(Exit::SealOfAnother, text).into())
}

/// Whether there is a store of that identity which is not this one.
fn is_another(path: &Path, store: &Path, identity: Identity) -> bool {
    let its = || {
        let medium = host::open(path, Access::Read).ok()?;
        let superblocks = Superblocks::read(&*medium).ok()?;
        Some(superblocks.newest().ok()?.identity)
    };
    !is_same(path, store) && its() == Some(identity)
}

impl Trusted {
    /// Finds the seal of the store with that identity.
    pub(super) fn find(
        store: &Path,
        identity: Identity,
        options: &TrustedOptions,
        access: Access,
    ) -> Result<Self, Failure> {
        let places = folder(options)?;
        let found = places.find(identity);
        let (seal, remembered) = match (&options.seal, found) {
            // What is damaged is not needed then, and is written anew.
            (Some(seal), found) => (seal.clone(), found.unwrap_or_default()),
            (None, found) => {
                let found = found?;
                let seal = found.as_ref().map(|place| place.seal.clone());
                (seal.unwrap_or_else(|| places.seal(identity)), found)
            }
        };
        if let Err(error) = std::fs::metadata(&seal)
            && error.kind() == std::io::ErrorKind::NotFound
        {
            let text = format!(
                "{}: its seal `{}` is missing; put it back there, or name it with --seal: without \
                 it nobody can tell whether the store is an old copy",
                shown::path(store),
                shown::path(&seal)
            );
            return Err(Refused::new(Exit::SealMissing, text).into());
        }
        if options.seal.is_none() {
            refuse_exchanged(store, identity, &places, (remembered.as_ref(), &seal))?;
        }
        let known = remembered.as_ref();
        let original =
            known.map(|place| &place.store).filter(|path| is_another(path, store, identity));
        let original = original.cloned();
        if let (Some(original), Some(place), Access::Write) = (&original, known, access)
            && is_same(&place.seal, &seal)
        {
            let text = format!(
                "{}: its seal `{}` goes with the store at {}, which is still there, and writing to \
                 one would make the other an old copy; move that away if this one is to take its \
                 place, or make a store of its own of this one: `backup`, then `restore`",
                shown::path(store),
                shown::path(&seal),
                shown::path(original)
            );
            return Err(Refused::new(Exit::SealOfAnother, text).into());
        }
        Ok(Self { places, identity, remembered, seal, original })
    }

    /// For an error that says that the store is an old copy: the one that the seal was used for since.
    pub(super) fn used_for(&self, store: &Path) -> Option<&Path> {
        let place = self.remembered.as_ref().filter(|place| is_same(&place.seal, &self.seal))?;
        let absolute = std::path::absolute(store).ok()?;
        (place.store != absolute && !is_same(&place.store, store)).then_some(&*place.store)
    }

    /// The key file that is remembered, or lies where one does by default.
    pub(super) fn key_file(&self) -> Option<PathBuf> {
        match &self.remembered {
            Some(place) => place.key_file.clone(),
            None => Some(self.places.key_file(self.identity)).filter(|path| path.exists()),
        }
    }

    /// Remembers where seal and key were when the store was opened with them. A store that opens is
    /// not refused because that cannot be written down.
    pub(super) fn remember(&mut self, store: &Path, key_file: Option<&Path>, commit: u64) {
        if self.original.is_some() {
            return;
        }
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or(path.into());
        let place = Place {
            store: absolute(store),
            seal: absolute(&self.seal),
            key_file: key_file.map(absolute).or_else(|| self.remembered.as_ref()?.key_file.clone()),
            commit: Some(commit),
        };
        if self.remembered.as_ref() == Some(&place) {
            return;
        }
        if let Err(error) = self.places.remember(self.identity, &place) {
            tracing::warn!("not remembered where seal and key are: {error}");
        }
        self.remembered = Some(place);
    }

    /// Forgets the key file, because it opens the store no more.
    pub(super) fn forget_key_file(&mut self) {
        if let Some(place) = &mut self.remembered {
            place.key_file = None;
            if let Err(error) = self.places.remember(self.identity, place) {
                tracing::warn!("not forgotten where the key file is: {error}");
            }
        }
    }
}
