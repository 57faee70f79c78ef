//! What can go wrong, and the error number a program sees for it.

use crate::medium::Trouble;
use alloc::string::String;
use core::fmt::{self, Write as _};

/// What a store says when it does not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No such file.
    #[error("there is no such file or directory")]
    NotFound,
    /// The name is taken.
    #[error("that name is taken")]
    Exists,
    /// A path goes through a file.
    #[error("that is not a directory")]
    NotDirectory,
    /// A directory where a file is needed.
    #[error("that is a directory")]
    IsDirectory,
    /// A directory that still has entries.
    #[error("the directory is not empty")]
    NotEmpty,
    /// Longer than 255 bytes.
    #[error("the name is longer than 255 bytes")]
    NameTooLong,
    /// Empty, `.`, `..`, or with a slash or a zero byte in it.
    #[error("that cannot be a name")]
    InvalidName,
    /// More than 2^31 names for one file.
    #[error("the file has too many names")]
    TooManyLinks,
    /// Beyond the largest file.
    #[error("a file cannot be that large")]
    FileTooLarge,
    /// An argument that makes no sense here.
    #[error("{0}")]
    Invalid(&'static str),
    /// There is no such attribute.
    #[error("there is no such attribute")]
    NoData,
    /// Beyond the end, or in the hole before it.
    #[error("nothing follows there")]
    NothingThere,
    /// Not for this kind of file.
    #[error("that cannot be done with this kind of file")]
    NotPermitted,
    /// A value that is too large to be kept.
    #[error("the value is too large: {limit} bytes are the most")]
    ValueTooLarge {
        /// How many bytes would do.
        limit: usize,
    },
    /// An object that is no longer there.
    #[error("the file is gone")]
    Stale,
    /// Somebody else has a lock on it.
    #[error("somebody else has locked it")]
    Locked,
    /// Waiting for a lock would never end.
    #[error("waiting for that lock would never end")]
    Deadlock,
    /// As many locks as the table can hold.
    #[error("there are too many locks")]
    TooManyLocks,
    /// As many pages as may be mapped.
    #[error(
        "too many pages are mapped: end some mappings, or open the store with more memory for pages"
    )]
    TooManyMapped,

    /// No room.
    #[error("the store is full")]
    Full,
    /// Opened for reading.
    #[error("the store is open for reading only")]
    ReadOnly,
    /// A write failed earlier; what was synchronised before is safe.
    #[error("the store stopped taking changes after an error of its medium: {0}")]
    Stopped(Trouble),
    /// The medium failed.
    #[error("the store's medium failed: {0}")]
    Medium(Trouble),
    /// The seal's medium failed.
    #[error("the seal failed: {0}")]
    SealMedium(Trouble),
    /// Something that this store did not write, or that is gone.
    #[error("{0}")]
    Damaged(Damage),

    /// Nothing here says that it is a backup.
    #[error("this is not a backup of a store")]
    NotABackup,
    /// A backup that was cut short.
    #[error("the backup ends too early: part of it is missing")]
    BackupShort,
    /// A backup that was changed.
    #[error("the backup is damaged: it is not what was written")]
    BackupDamaged,
    /// Somebody did not want to wait for the end.
    #[error("it was interrupted")]
    Interrupted,
    /// Nothing here says that it is a store.
    #[error("this is not a store")]
    NotAStore,
    /// Nothing here says that it is a seal.
    #[error("this is not a seal")]
    NotASeal,
    /// Made by a later version.
    #[error("the {what} has version {found}, and this program knows up to {known}")]
    Version {
        /// Store, seal or key area.
        what: &'static str,
        /// The version it has.
        found: u32,
        /// The newest that can be read.
        known: u32,
    },
    /// Made with features of a later version.
    #[error("the store uses features that this program does not know ({0:#x})")]
    Features(u64),
    /// There was a superblock, and both slots were changed or cut short.
    #[error("the store's first two blocks are damaged")]
    SuperblockDamaged,
    /// No slot opens with that.
    #[error("none of the store's keys opens with that")]
    WrongKey,
    /// Every copy of the key area is damaged.
    #[error("the list of keys is damaged in both copies")]
    KeysDamaged,
    /// An old list of keys.
    #[error("an old list of keys was put back: it has serial {found}, the seal says {sealed}")]
    KeysRolledBack {
        /// The newest serial that is there.
        found: u64,
        /// What the seal says.
        sealed: u64,
    },
    /// Every slot is taken.
    #[error("all {0} places for keys are taken")]
    KeysFull(usize),
    /// No slot of that number is taken.
    #[error("no key has the number {0}; list the keys to see which there are")]
    NoSuchKey(usize),
    /// Without it nobody could open the store again.
    #[error("this is the store's last key: add another one before it is removed")]
    LastKey,
    /// Not enough memory to make a key of a passphrase.
    #[error(
        "turning the passphrase into a key takes {kibibytes} KiB of memory, and they are not there"
    )]
    NoMemory {
        /// How much it takes.
        kibibytes: u32,
    },
    /// A recovery key with a wrong letter.
    #[error(
        "letter {position} of the recovery key cannot be {found:?}: only A to Z and 2 to 7 occur"
    )]
    RecoveryLetter {
        /// Which letter it is, from 1; dashes and spaces are not counted.
        position: usize,
        /// What stands there.
        found: char,
    },
    /// A recovery key whose last letter carries bits that no key has.
    #[error(
        "the recovery key's last letter cannot be {0:?}: only A and Q end one; was it mistyped?"
    )]
    RecoveryEnd(char),
    /// A recovery key with letters missing or too many.
    #[error("a recovery key has 52 letters, and this one has {0}")]
    RecoveryLength(usize),
    /// The seal was changed, or cut short.
    #[error("the seal is damaged in both slots")]
    SealDamaged,
    /// The seal of another store.
    #[error("the seal belongs to another store ({seal}), not to this one ({store})")]
    SealOfAnother {
        /// The identity in the seal.
        seal: Identity,
        /// The identity in the store.
        store: Identity,
    },
    /// An old copy of the store.
    #[error(
        "an old copy of the store was put back: it is at commit {store}, and the seal says {seal}"
    )]
    RolledBack {
        /// The newest commit that is there.
        store: u64,
        /// The commit that should be.
        seal: u64,
    },
    /// An old copy of the seal.
    #[error("the seal is an old copy: it says commit {seal}, and the store is at {store}")]
    SealBehind {
        /// The newest commit that is there.
        store: u64,
        /// The commit that the seal names.
        seal: u64,
    },
}

/// A store's identity, drawn when it was made.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity(pub [u8; 16]);

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Something in the store that is not what was written there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The block where it was found.
    pub block: u64,
    /// What was to be found there.
    pub what: Damaged,
    /// The file it belongs to, as far as it can be told.
    pub path: Option<String>,
}

/// What was to be found in a damaged block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damaged {
    /// A node of the tree, of that level; whose contents begin at that object.
    Node {
        /// 0 is a leaf.
        level: u8,
        /// The smallest object in it.
        object: u64,
    },
    /// A page of a file.
    Page {
        /// Whose.
        object: u64,
        /// Which.
        page: u64,
    },
    /// An item that decrypts but makes no sense: written by a broken program.
    Item {
        /// Whose.
        object: u64,
        /// Of which kind.
        kind: u8,
    },
}

impl Damage {
    /// The object that it is about.
    pub fn object(&self) -> u64 {
        match self.what {
            Damaged::Node { object, .. }
            | Damaged::Page { object, .. }
            | Damaged::Item { object, .. } => object,
        }
    }
}

/// A path as text: what is not UTF-8 is written `\xNN`, and nothing in it can move a cursor.
pub(crate) fn readable(path: &[u8]) -> String {
    let mut text = String::new();
    for chunk in path.utf8_chunks() {
        for letter in chunk.valid().chars() {
            if letter.is_control() {
                text.extend(letter.escape_default());
            } else {
                text.push(letter);
            }
        }
        // Writing to a string cannot fail.
        let _ = chunk.invalid().iter().try_for_each(|byte| write!(text, "\\x{byte:02x}"));
    }
    text
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.path {
            write!(f, "{path}: ")?;
        }
        match self.what {
            Damaged::Node { level: 0, object } => write!(f, "the records from object {object} on")?,
            Damaged::Node { level, object } => {
                write!(f, "the index (level {level}) from object {object} on")?;
            }
            Damaged::Page { object, page } => {
                write!(f, "bytes {} to {} of object {object}", page * 4096, page * 4096 + 4095)?;
            }
            Damaged::Item { object, kind } => {
                return write!(f, "record {kind} of object {object} makes no sense");
            }
        }
        write!(f, " were changed, swapped or put back (block {})", self.block)
    }
}

impl Error {
    /// The error number of Linux that a program gets for it.
    pub fn errno(&self) -> i32 {
        match self {
            Self::NotFound => 2,
            Self::Exists => 17,
            Self::NotDirectory => 20,
            Self::IsDirectory => 21,
            Self::NotEmpty => 39,
            Self::NameTooLong => 36,
            Self::TooManyLinks => 31,
            Self::FileTooLarge => 27,
            Self::InvalidName | Self::Invalid(_) => 22,
            Self::NoData => 61,
            Self::NothingThere => 6,
            Self::NotPermitted => 1,
            Self::ValueTooLarge { .. } => 7,
            Self::Stale => 116,
            Self::Locked => 11,
            Self::Deadlock => 35,
            Self::Interrupted => 4,
            Self::TooManyLocks => 37,
            Self::Full | Self::KeysFull(_) | Self::Medium(Trouble::Full) => 28,
            Self::NoMemory { .. } | Self::TooManyMapped => 12,
            Self::ReadOnly | Self::Medium(Trouble::ReadOnly) => 30,
            _ => 5,
        }
    }
}
