//! Where each store's seal and key file are: the trusted side's memory.
//!
//! It is a folder that only its owner may enter, with one small text for each store, named by the
//! store's identity. Nothing of it is ever in the store: who can change the store could else point
//! to a seal of his own. New seals and key files are made there, unless somebody says otherwise.

use super::record::{Mistake, Record};
use super::{Error, file};
use crate::Identity;
use std::ffi::{OsStr, OsString};
use std::format;
use std::io::ErrorKind;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::string::{String, ToString};
use std::sync::atomic::{AtomicU64, Ordering};
use std::vec::Vec;

/// Names the folder, if it is to be another.
const VARIABLE: &str = "COFFERDAM_TRUSTED";

/// What is remembered of one store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Where it was last.
    pub store: PathBuf,
    /// Its seal.
    pub seal: PathBuf,
    /// Its key file, if it has one.
    pub key_file: Option<PathBuf>,
    /// The commit it had when it was last closed, for a person to compare.
    pub commit: Option<u64>,
}

/// A store, and what is remembered of it unless that is damaged.
pub type Remembered = (Identity, Result<Place, Error>);

/// The folder in which that lies.
#[derive(Debug, Clone)]
pub struct Places {
    folder: PathBuf,
}

impl Places {
    /// In that folder, which is made if it is not there.
    pub fn new(folder: &Path) -> Result<Self, Error> {
        // Whatever it leads to now is where seals are looked for, wherever the program goes.
        let folder = std::path::absolute(folder).map_err(Error::system("find", folder))?;
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        match std::fs::metadata(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                builder.create(&folder).map_err(Error::system("make the folder", &folder))?;
                file::sync_folder_of(&folder)?;
            }
            Err(error) => return Err(Error::system("open the folder", &folder)(error)),
            Ok(about) if !about.is_dir() => {
                return Err(Error::WrongKind { path: folder, expected: "a folder" });
            }
            Ok(about) => {
                let mode = about.permissions().mode() & 0o7777;
                if mode & 0o022 != 0 {
                    return Err(Error::OpenToOthers { path: folder, mode });
                }
            }
        }
        Ok(Self { folder })
    }

    /// In the folder that this user's are in: `COFFERDAM_TRUSTED`, or `cofferdam/stores` where
    /// programs keep their data.
    pub fn of_this_user() -> Result<Self, Error> {
        Self::new(&default_folder(|name| std::env::var_os(name))?)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where a store's seal is, unless somebody says otherwise.
    pub fn seal(&self, identity: Identity) -> PathBuf {
        self.folder.join(format!("{identity}.seal"))
    }

    /// Where a store's key file is, unless somebody says otherwise.
    pub fn key_file(&self, identity: Identity) -> PathBuf {
        self.folder.join(format!("{identity}.key"))
    }

    fn path(&self, identity: Identity) -> PathBuf {
        self.folder.join(format!("{identity}.place"))
    }

    /// Remembers it in the place of what was remembered before; safe when this returns.
    pub fn remember(&self, identity: Identity, place: &Place) -> Result<(), Error> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = self.path(identity);
        let new = self.folder.join(format!(".{identity}.{}.{number}.new", std::process::id()));
        // One that a killed process of the same number left behind.
        let _ = std::fs::remove_file(&new);
        file::create_with(&new, place.to_text(identity).as_bytes())?;
        if let Err(cause) = std::fs::rename(&new, &path) {
            // The first error is the one to tell.
            let _ = std::fs::remove_file(&new);
            return Err(Error::system("write", &path)(cause));
        }
        file::sync_folder_of(&path)
    }

    /// What is remembered of a store.
    pub fn find(&self, identity: Identity) -> Result<Option<Place>, Error> {
        let path = self.path(identity);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::system("read", &path)(error)),
        };
        match Place::parse(&text, identity) {
            Ok(place) => Ok(Some(place)),
            Err(Mistake { line, cause }) => Err(Error::Damaged { path, line, cause }),
        }
    }

    /// Forgets a store; whether there was anything to forget. Its seal and key file stay.
    pub fn forget(&self, identity: Identity) -> Result<bool, Error> {
        let path = self.path(identity);
        match std::fs::remove_file(&path) {
            Ok(()) => file::sync_folder_of(&path).map(|()| true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::system("remove", &path)(error)),
        }
    }

    /// All stores that are remembered, by their identities. One that is damaged does not hide the
    /// others.
    pub fn all(&self) -> Result<Vec<Remembered>, Error> {
        let folder = &self.folder;
        let mut all = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(Error::system("list", folder))? {
            let entry = entry.map_err(Error::system("list", folder))?;
            let Some(identity) = entry.file_name().to_str().and_then(identity_in) else { continue };
            // One that was forgotten meanwhile is none.
            if let Some(found) = self.find(identity).transpose() {
                all.push((identity, found));
            }
        }
        all.sort_by_key(|(identity, _)| *identity);
        Ok(all)
    }
}

impl Place {
    fn to_text(&self, identity: Identity) -> String {
        let bytes = |path: &Path| path.as_os_str().as_bytes().to_vec();
        let mut record = Record::default()
            .with("identity", identity.to_string().as_bytes())
            .with("store", &bytes(&self.store))
            .with("seal", &bytes(&self.seal));
        if let Some(key_file) = &self.key_file {
            record = record.with("key_file", &bytes(key_file));
        }
        if let Some(commit) = self.commit {
            record = record.with("commit", commit.to_string().as_bytes());
        }
        record.to_text()
    }

    fn parse(text: &[u8], identity: Identity) -> Result<Self, Mistake> {
        let whole = |cause: String| Mistake { line: 0, cause };
        let record = Record::parse(text)?;
        let path = |key: &str| {
            let value = record.get(key).filter(|value| !value.is_empty() && !value.contains(&0));
            value.map(|value| PathBuf::from(OsString::from_vec(value.to_vec())))
        };
        let needed = |key: &str| path(key).ok_or_else(|| whole(format!("it has no path `{key}`")));
        if record.text("identity") != Some(identity.to_string().as_str()) {
            return Err(whole(format!("it is not about store {identity}")));
        }
        let commit = record.get("commit").map(|_| {
            let number = record.text("commit").and_then(|text| text.parse().ok());
            number.ok_or_else(|| whole("`commit` is not a number".into()))
        });
        let key_file = record.get("key_file").map(|_| needed("key_file"));
        Ok(Self {
            store: needed("store")?,
            seal: needed("seal")?,
            key_file: key_file.transpose()?,
            commit: commit.transpose()?,
        })
    }
}

/// The identity in the name of a text.
fn identity_in(name: &str) -> Option<Identity> {
    let digits = name.strip_suffix(".place").filter(|digits| digits.len() == 32)?;
    if !digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    u128::from_str_radix(digits, 16).ok().map(|number| Identity(number.to_be_bytes()))
}

fn default_folder(variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, Error> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(folder) = set(VARIABLE) {
        return Ok(folder);
    }
    let own = Path::new("cofferdam").join(OsStr::new("stores"));
    // The rule for this variable: a relative path counts as none.
    if let Some(data) = set("XDG_DATA_HOME").filter(|path| path.is_absolute()) {
        return Ok(data.join(own));
    }
    let home = set("HOME").filter(|path| path.is_absolute()).ok_or(Error::NoHome)?;
    Ok(home.join(".local/share").join(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_the_one_that_was_named_or_the_one_for_data() {
        let with = |set: &[(&str, &str)]| {
            default_folder(|name| {
                set.iter().find(|(other, _)| *other == name).map(|(_, value)| value.into())
            })
            .ok()
        };
        let (trusted, data, home) =
            (("COFFERDAM_TRUSTED", "t"), ("XDG_DATA_HOME", "/d"), ("HOME", "/h"));
        assert_eq!(with(&[trusted, data, home]), Some("t".into()));
        assert_eq!(with(&[data, home]), Some("/d/cofferdam/stores".into()));
        assert_eq!(with(&[home]), Some("/h/.local/share/cofferdam/stores".into()));
        let relative = ("XDG_DATA_HOME", "d");
        assert_eq!(with(&[relative, home]), Some("/h/.local/share/cofferdam/stores".into()));
        assert_eq!(with(&[("HOME", "")]), None);
    }
}
