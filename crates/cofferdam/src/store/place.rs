//! Where a store's seal and key are: as named, as remembered, or where they are by default.

use super::exit::{Exit, Refused};
use super::options::TrustedOptions;
use crate::Failure;
use std::path::{Path, PathBuf};
use store::Identity;
use store::host::{Place, Places};

/// The trusted side of one store.
pub(super) struct Trusted {
    places: Places,
    identity: Identity,
    remembered: Option<Place>,
    pub(super) seal: PathBuf,
}

/// The folder that the options or the environment name, or this user's.
pub(super) fn folder(options: &TrustedOptions) -> Result<Places, Failure> {
    Ok(match &options.trusted {
        Some(folder) => Places::new(folder)?,
        None => Places::of_this_user()?,
    })
}

impl Trusted {
    /// Finds the seal of the store with that identity.
    pub(super) fn find(
        store: &Path,
        identity: Identity,
        options: &TrustedOptions,
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
                store.display(),
                seal.display()
            );
            return Err(Refused::new(Exit::SealMissing, text).into());
        }
        Ok(Self { places, identity, remembered, seal })
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
