//! The exit codes of `cofferdam store`: the one place where they are.
//!
//! They are part of what scripts rely on: a number never gets another meaning. The table in the
//! help, the manual page and docs/store.md says the same.

use std::fmt::Display;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use store::host;
use store::medium::Trouble;

/// Why a command about a store failed, as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Anything that has no number of its own.
    Failed = 1,
    /// What was asked for cannot be.
    Usage = 2,
    NotThere = 3,
    ThroughFile = 4,
    BadName = 5,
    Taken = 6,
    WrongKey = 10,
    Damaged = 11,
    SealMissing = 12,
    SealOfAnother = 13,
    SealBehind = 14,
    RolledBack = 15,
    InUse = 16,
    Full = 17,
    ReadOnly = 18,
    Version = 19,
    NotAStore = 20,
    Interrupted = 130,
}

/// The table, for the help.
pub(super) const TABLE: &str = "Exit codes:\n  \
    0  done\n  \
    1  it failed in a way that has no number of its own\n  \
    2  the command line is wrong\n  \
    3  no such file, in the store or outside\n  \
    4  a path leads through a file\n  \
    5  a name is too long, or cannot be one\n  \
    6  the name is taken, or the directory is not empty\n \
    10  wrong key, or none\n \
    11  damaged: what can be read was read, the rest is named\n \
    12  the seal is missing\n \
    13  the seal is another store's, or goes with another copy of it\n \
    14  the seal is an old copy: the store is ahead of it\n \
    15  the store, or its list of keys, is an old copy: the seal is ahead of it\n \
    16  in use: somebody else writes to the store, or still used the mount\n \
    17  no room: nothing of the file that did not fit is in the store\n \
    18  the store is read-only here\n \
    19  made by a later version\n \
    20  not a store, or not a seal\n\
    130  interrupted";

/// A refusal with its number, told in one sentence.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Refused {
    /// Its number.
    pub(crate) exit: Exit,
    text: String,
    /// Whether work on other files can go on: it is about one file only.
    pub(super) bearable: bool,
}

impl Refused {
    /// One with a text of its own.
    pub(super) fn new(exit: Exit, text: impl Into<String>) -> Self {
        let bearable = matches!(
            exit,
            Exit::NotThere | Exit::ThroughFile | Exit::BadName | Exit::Taken | Exit::Damaged
        );
        Self { exit, text: text.into(), bearable }
    }

    /// One thing of many is no part of a store.
    pub(super) fn left_out(text: String) -> Self {
        Self { bearable: true, ..Self::new(Exit::Failed, text) }
    }

    /// What the system said about a file outside the store.
    pub(super) fn outside(action: &str, path: &Path, error: &io::Error) -> Self {
        let exit = of_system(error.kind());
        let way_out = match exit {
            Exit::NotThere | Exit::ThroughFile => "check the path",
            Exit::Taken => "choose another name, or add --force to replace it",
            Exit::Full => "make some room there",
            Exit::ReadOnly => "name a place that can be written to",
            _ if error.kind() == ErrorKind::PermissionDenied => {
                "do it as its owner, or ask the owner for permission"
            }
            _ => "check what is there",
        };
        let path = super::shown::safe(path.as_os_str().as_bytes());
        let text = format!("{action} {path}: {error}; {way_out}");
        let bearable = !matches!(exit, Exit::Full | Exit::ReadOnly);
        Self { bearable, ..Self::new(exit, text) }
    }

    /// What the store said when something was done with `thing`.
    pub(super) fn about(thing: impl Display, error: &store::Error) -> Self {
        Self::new(of(error), format!("{thing}: {error}{}", way_out(error)))
    }
}

impl From<host::Error> for Refused {
    fn from(error: host::Error) -> Self {
        Self::new(of_host(&error), error.to_string())
    }
}

/// The number of what a store says.
pub(super) fn of(error: &store::Error) -> Exit {
    use store::Error as E;
    if let Some(exit) = super::backup::exit(error) {
        return exit;
    }
    match error {
        E::NotFound | E::Stale => Exit::NotThere,
        E::NotDirectory => Exit::ThroughFile,
        E::NameTooLong | E::InvalidName => Exit::BadName,
        E::Exists | E::NotEmpty => Exit::Taken,
        E::WrongKey => Exit::WrongKey,
        E::Damaged(_) | E::SuperblockDamaged | E::KeysDamaged | E::SealDamaged => Exit::Damaged,
        E::SealOfAnother { .. } => Exit::SealOfAnother,
        E::SealBehind { .. } => Exit::SealBehind,
        E::RolledBack { .. } | E::KeysRolledBack { .. } => Exit::RolledBack,
        E::Locked => Exit::InUse,
        E::Full | E::KeysFull(_) => Exit::Full,
        E::ReadOnly => Exit::ReadOnly,
        E::Medium(trouble) | E::SealMedium(trouble) | E::Stopped(trouble) => of_trouble(*trouble),
        E::Version { .. } | E::Features(_) => Exit::Version,
        E::NotAStore | E::NotASeal => Exit::NotAStore,
        E::IsDirectory
        | E::Invalid(_)
        | E::RecoveryLetter { .. }
        | E::RecoveryEnd(_)
        | E::RecoveryLength(_)
        | E::NoSuchKey(_)
        | E::LastKey => Exit::Usage,
        _ => Exit::Failed,
    }
}

fn of_trouble(trouble: Trouble) -> Exit {
    match trouble {
        Trouble::Full => Exit::Full,
        Trouble::ReadOnly => Exit::ReadOnly,
        Trouble::Short => Exit::Damaged,
        Trouble::System(_) => Exit::Failed,
    }
}

fn of_host(error: &host::Error) -> Exit {
    use host::Error as E;
    match error {
        E::System { cause, .. } => of_system(cause.kind()),
        E::Room { trouble, .. } | E::Medium { trouble, .. } => of_trouble(*trouble),
        E::Exists { .. } => Exit::Taken,
        E::WrongKind { .. } => Exit::NotAStore,
        E::DeviceInUse { .. } | E::Held { .. } | E::MarkLocked { .. } => Exit::InUse,
        E::KeyTooShort { .. } | E::NoPassphrase => Exit::WrongKey,
        E::Interrupted => Exit::Interrupted,
        E::Store(error) => of(error),
        _ => Exit::Failed,
    }
}

/// The number of what the system says.
pub(super) fn of_system(kind: ErrorKind) -> Exit {
    match kind {
        ErrorKind::NotFound => Exit::NotThere,
        ErrorKind::NotADirectory => Exit::ThroughFile,
        ErrorKind::InvalidFilename => Exit::BadName,
        ErrorKind::AlreadyExists | ErrorKind::DirectoryNotEmpty => Exit::Taken,
        ErrorKind::ReadOnlyFilesystem => Exit::ReadOnly,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Exit::Full,
        _ => Exit::Failed,
    }
}

/// What helps, where the error itself does not say.
fn way_out(error: &store::Error) -> &'static str {
    use store::Error as E;
    match error {
        E::NotFound => "; `cofferdam store ls` shows what is there",
        E::NotDirectory => "; a path can only lead through directories",
        E::IsDirectory => "; add -r to take all that is in it",
        E::NameTooLong | E::InvalidName => "; choose another name",
        E::Exists => "; choose another name, or add --force to replace it",
        E::NotEmpty => "; empty it first, or add -r",
        E::WrongKey => {
            "; name the right one with --key-file, --passphrase or --recovery-key-fd: \
             `cofferdam store keys list --unproven` shows of which kinds there are"
        }
        E::Damaged(_) => {
            "; the rest still reads: `get -r` or `get --keep-going` saves it, a backup has the other"
        }
        E::SuperblockDamaged | E::KeysDamaged => "; put that back from a backup",
        E::SealDamaged => "; put the seal back from where it was copied to",
        E::SealOfAnother { .. } => "; name this store's with --seal",
        E::SealBehind { .. } => "; put the newest copy of the seal back",
        E::RolledBack { .. } | E::KeysRolledBack { .. } => {
            "; put the newest copy of the store back, or restore a backup"
        }
        E::Full => "; make room below it, or remove something from it",
        E::ReadOnly => "; make it writable",
        E::Stopped(_) | E::Medium(_) | E::SealMedium(_) => {
            "; what was there before is safe; mend what is below the store and do it again"
        }
        E::Version { .. } | E::Features(_) => "; use a newer cofferdam",
        E::NotAStore => "; check the path, or make one with `cofferdam store init`",
        E::NotABackup => "; check the path",
        E::BackupShort | E::BackupDamaged => "; take another copy of it",
        E::NotASeal => "; name the store's with --seal, or put it back from where it was copied to",
        E::KeysFull(_) => "; remove one first",
        E::NoMemory { .. } => "; end other programs, or use another kind of key",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_in_the_table() {
        for exit in [
            Exit::Failed,
            Exit::Usage,
            Exit::NotThere,
            Exit::ThroughFile,
            Exit::BadName,
            Exit::Taken,
            Exit::WrongKey,
            Exit::Damaged,
            Exit::SealMissing,
            Exit::SealOfAnother,
            Exit::SealBehind,
            Exit::RolledBack,
            Exit::InUse,
            Exit::Full,
            Exit::ReadOnly,
            Exit::Version,
            Exit::NotAStore,
            Exit::Interrupted,
        ] {
            let number = format!("{:>3}  ", exit as u8);
            assert!(TABLE.lines().any(|line| line.starts_with(&number)), "{exit:?}");
            let guide = include_str!("../../../../docs/store.md");
            assert!(guide.contains(&format!("| {} |", exit as u8)), "{exit:?} in docs/store.md");
        }
    }
}
