//! What opens a store: read from a file, a descriptor or the terminal.

use super::exit::{Exit, Refused};
use super::options::SecretOptions;
use super::shown;
use crate::Failure;
use std::path::{Path, PathBuf};
use store::host::key_file::{self, Secret as FileSecret};
use store::host::passphrase::{self, Passphrase};
use store::keys::{RecoveryKey, Secret, SlotInfo, SlotKind};

/// What opens a store, with its bytes; they are wiped when this is dropped.
pub(super) enum Held {
    /// The bytes of a key file, and where it is if it has a place.
    KeyFile(FileSecret, Option<PathBuf>),
    Passphrase(Passphrase),
    Recovery(RecoveryKey),
}

impl Held {
    /// For the library.
    pub(super) fn secret(&self) -> Secret<'_> {
        match self {
            Self::KeyFile(bytes, _) => Secret::KeyFile(bytes),
            Self::Passphrase(bytes) => Secret::Passphrase(bytes),
            Self::Recovery(key) => Secret::Recovery(key),
        }
    }

    /// The key file that it came from.
    pub(super) fn key_file(&self) -> Option<&Path> {
        match self {
            Self::KeyFile(_, path) => path.as_deref(),
            _ => None,
        }
    }

    /// The one that the options name, if they name one.
    pub(super) fn named(options: &SecretOptions) -> Result<Option<Self>, Failure> {
        Ok(Some(if let Some(path) = &options.key_file {
            Self::from_file(path)?
        } else if let Some(number) = options.key_fd {
            Self::KeyFile(key_file::read_descriptor(number)?, None)
        } else if options.passphrase {
            Self::Passphrase(ask("Passphrase: ")?)
        } else if let Some(number) = options.passphrase_fd {
            Self::Passphrase(passphrase::read_descriptor(number)?)
        } else if let Some(number) = options.recovery_key_fd {
            Self::recovery(number)?
        } else {
            return Ok(None);
        }))
    }

    /// A key file. Somebody is told if others can read it.
    pub(super) fn from_file(path: &Path) -> Result<Self, Failure> {
        let read = key_file::read(path)?;
        if read.readable_by_others {
            let path = super::shown::safe(path.as_os_str().as_encoded_bytes());
            tracing::warn!("others can read the key file {path}; `chmod 600` it");
        }
        Ok(Self::KeyFile(read.secret, Some(std::path::absolute(path).unwrap_or(path.into()))))
    }

    /// A recovery key from a descriptor.
    pub(super) fn recovery(number: i32) -> Result<Self, Failure> {
        let line = passphrase::read_descriptor(number)?;
        let text = std::str::from_utf8(&line).map_err(|_| {
            Refused::new(Exit::WrongKey, format!("descriptor {number}: that is no recovery key"))
        })?;
        let key = RecoveryKey::parse(text)
            .map_err(|error| Refused::about(format!("descriptor {number}"), &error))?;
        Ok(Self::Recovery(key))
    }

    /// What is taken when none is named: the remembered key file, else a passphrase.
    pub(super) fn usual(
        remembered: Option<&Path>,
        slots: &[SlotInfo],
        store: &Path,
    ) -> Result<Self, Failure> {
        if let Some(path) = remembered
            && path.exists()
        {
            return Self::from_file(path);
        }
        let missing =
            remembered.map(|path| format!("its key file `{}` is missing", shown::path(path)));
        let by_passphrase = slots.iter().any(|slot| matches!(slot.kind, SlotKind::Passphrase(_)));
        if by_passphrase && has_terminal() {
            if let Some(missing) = missing {
                tracing::warn!("{}: {missing}", shown::path(store));
            }
            let prompt = format!(
                "Passphrase of {}: ",
                super::shown::safe(store.as_os_str().as_encoded_bytes())
            );
            return Ok(Self::Passphrase(ask(&prompt)?));
        }
        let cause = missing.unwrap_or_else(|| "no key was named, and none is remembered".into());
        let text = format!(
            "{}: {cause}; name one with --key-file, --passphrase, --passphrase-fd or \
             --recovery-key-fd",
            shown::path(store)
        );
        Err(Refused::new(Exit::WrongKey, text).into())
    }

    /// A new passphrase, asked for twice.
    pub(super) fn new_passphrase() -> Result<Self, Failure> {
        let first = ask("New passphrase: ")?;
        let second = ask("The same again: ")?;
        if *first != *second {
            let text = "the two passphrases are not the same; nothing was changed, start again";
            return Err(Refused::new(Exit::WrongKey, text).into());
        }
        Ok(Self::Passphrase(first))
    }
}

/// Asks for one, where there is somebody to ask.
pub(super) fn ask(prompt: &str) -> Result<Passphrase, Failure> {
    if !has_terminal() {
        let text = "there is no terminal to ask for the passphrase at; hand it over on a descriptor: \
                    --passphrase-fd, or --new-passphrase-fd for one more";
        return Err(Refused::new(Exit::WrongKey, text).into());
    }
    Ok(passphrase::ask(prompt)?)
}

fn has_terminal() -> bool {
    std::fs::File::open("/dev/tty").is_ok()
}
