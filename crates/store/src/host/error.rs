//! What can go wrong on the machine's side, said with the path, the cause and the way out.

use super::holder::Holder;
use crate::medium::Trouble;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::string::String;

/// What the machine says when it does not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A system call failed.
    #[error("cannot {action} `{}`: {cause}{}", path.display(), way_out(cause))]
    System {
        /// What was to be done with it: a verb, perhaps with an object.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// A medium could not be made as large as it has to be.
    #[error("cannot make room in `{}`: {trouble}; use another place or make some room there", path.display())]
    Room {
        /// Which.
        path: PathBuf,
        /// Why.
        trouble: Trouble,
    },
    /// What lies there does not let itself be made safe.
    #[error("cannot synchronise `{}`: {trouble}; the system's log (`dmesg`) may say more", path.display())]
    Medium {
        /// Which.
        path: PathBuf,
        /// Why.
        trouble: Trouble,
    },
    /// There is not so much memory.
    #[error("cannot have {bytes} bytes of memory: {cause}; use a smaller cache")]
    Memory {
        /// How much was asked for.
        bytes: usize,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// Something has that name.
    #[error("`{}` is already there; choose another name, or move it away", path.display())]
    Exists {
        /// What is there.
        path: PathBuf,
    },
    /// Neither this nor that.
    #[error("`{}` is not {expected}; check the path", path.display())]
    WrongKind {
        /// What was looked at.
        path: PathBuf,
        /// What it should have been.
        expected: &'static str,
    },
    /// A block device that is mounted, or that another program has for itself.
    #[error(
        "`{}` is in use: it is mounted, or another program has it for itself; end that first",
        path.display()
    )]
    DeviceInUse {
        /// Which.
        path: PathBuf,
    },
    /// Somebody else writes.
    #[error(
        "the store sealed by `{}` is in use by {}; end that first, or open the store for reading only",
        seal.display(),
        who(holder.as_ref())
    )]
    Held {
        /// The store's seal.
        seal: PathBuf,
        /// Who it is, if it left its name.
        holder: Option<Holder>,
    },
    /// The mark of those who read could not be set.
    #[error("`{}` stays locked by another program; end that first", path.display())]
    MarkLocked {
        /// The file with the marks.
        path: PathBuf,
    },
    /// A key file with less than a key in it.
    #[error(
        "the key file `{}` has {length} bytes, and {} are needed; is it the right file?",
        path.display(),
        super::key_file::LENGTH
    )]
    KeyTooShort {
        /// Which.
        path: PathBuf,
        /// What it has.
        length: usize,
    },
    /// A passphrase without end.
    #[error("the passphrase is longer than {limit} bytes; is that the right input?")]
    PassphraseTooLong {
        /// The most that is taken.
        limit: usize,
    },
    /// Nothing was typed or handed over.
    #[error("there is no passphrase in the input; type one, or hand one over")]
    NoPassphrase,
    /// Ctrl-C while a passphrase was asked for.
    #[error("asked for the passphrase, and it was interrupted; start again")]
    Interrupted,
    /// A descriptor that is not open.
    #[error("cannot read from descriptor {number}: {cause}; hand it over as in `{number}<FILE`")]
    Descriptor {
        /// Its number.
        number: i32,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// A text of the trusted side that is not what was written there.
    #[error(
        "`{}` is damaged: line {line}: {cause}; correct it, or remove it and name seal and key file yourself",
        path.display()
    )]
    Damaged {
        /// Which.
        path: PathBuf,
        /// Where, counted from 1; 0 if it is about the whole.
        line: usize,
        /// What is wrong.
        cause: String,
    },
    /// The trusted side lies where others can write.
    #[error(
        "others can write to `{}` (mode {mode:o}), so it cannot be trusted; `chmod 700` it and check what is in it",
        path.display()
    )]
    OpenToOthers {
        /// The folder.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// No home, and nobody said where else.
    #[error("there is no home folder to keep seals in; set COFFERDAM_TRUSTED to a folder")]
    NoHome,
    /// The system gives no random bytes.
    #[error("the system gives no random bytes ({0}), and without them nothing can be encrypted")]
    NoRandomness(getrandom::Error),
    /// What the store itself says.
    #[error(transparent)]
    Store(#[from] crate::Error),
}

impl Error {
    /// For `map_err`: the system refused to `action` `path`.
    pub(super) fn system<E: Into<io::Error>>(
        action: &'static str,
        path: &Path,
    ) -> impl FnOnce(E) -> Self {
        move |cause| match cause.into() {
            cause if cause.kind() == ErrorKind::AlreadyExists => Self::Exists { path: path.into() },
            cause => Self::System { action, path: path.into(), cause },
        }
    }
}

fn way_out(cause: &io::Error) -> &'static str {
    match cause.kind() {
        ErrorKind::NotFound => "; check the path",
        ErrorKind::PermissionDenied => "; do it as its owner, or ask the owner for permission",
        ErrorKind::ReadOnlyFilesystem => "; open it for reading only, or mount it writable",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "; make some room there",
        _ if rustix::io::Errno::from_io_error(cause) == Some(rustix::io::Errno::LOOP) => {
            "; symbolic links are not followed there: name the file itself"
        }
        _ => "; the system's log (`dmesg`) may say more",
    }
}

fn who(holder: Option<&Holder>) -> String {
    holder.map_or_else(|| "another program".into(), std::string::ToString::to_string)
}
