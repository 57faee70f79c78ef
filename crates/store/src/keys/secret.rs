//! What somebody has or knows that opens a store, and the key that a slot makes of it.

use super::recovery::RecoveryKey;
use super::settings::Settings;
use crate::error::Error;
use alloc::vec::Vec;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use core::fmt;
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

/// One way to open a store.
#[derive(Clone, Copy)]
pub enum Secret<'a> {
    /// What somebody knows; the bytes as they were typed.
    Passphrase(&'a [u8]),
    /// The first 32 bytes of a file.
    KeyFile(&'a [u8; 32]),
    /// What was written down when the store was made.
    Recovery(&'a RecoveryKey),
}

impl fmt::Debug for Secret<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passphrase(_) => "Passphrase(..)",
            Self::KeyFile(_) => "KeyFile(..)",
            Self::Recovery(_) => "Recovery(..)",
        })
    }
}

impl Secret<'_> {
    /// The key that encrypts the area key in a slot with this salt. `settings` are for passphrases.
    pub(super) fn slot_key(
        &self,
        salt: &[u8; 32],
        settings: Settings,
    ) -> Result<Zeroizing<[u8; 32]>, Error> {
        match self {
            Self::Passphrase(passphrase) => argon2id(passphrase, salt, settings),
            Self::KeyFile(bytes) => expand(bytes, salt),
            Self::Recovery(key) => expand(key.bytes(), salt),
        }
    }
}

fn expand(secret: &[u8; 32], salt: &[u8; 32]) -> Result<Zeroizing<[u8; 32]>, Error> {
    let mut key = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(Some(salt), secret)
        .expand(b"cofferdam store 1 slot", &mut *key)
        .map_err(|_| Error::Invalid("HKDF refuses a key of that length"))?;
    Ok(key)
}

fn argon2id(
    passphrase: &[u8],
    salt: &[u8; 32],
    settings: Settings,
) -> Result<Zeroizing<[u8; 32]>, Error> {
    settings.check()?;
    let Settings { memory, passes, lanes } = settings;
    let refused = |_| Error::Invalid("argon2id refuses this passphrase or these settings");
    let params = Params::new(memory, passes, lanes, Some(32)).map_err(refused)?;
    let mut blocks = room(params.block_count())?;
    let mut key = Zeroizing::new([0; 32]);
    let done = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(passphrase, salt, &mut *key, &mut blocks);
    // The last column of it is all that is needed to have the key.
    blocks.zeroize();
    done.map_err(refused)?;
    Ok(key)
}

/// Memory for so many blocks of 1 KiB, or an error instead of the end of the program.
fn room(count: usize) -> Result<Vec<Block>, Error> {
    let mut blocks = Vec::new();
    blocks
        .try_reserve_exact(count)
        .map_err(|_| Error::NoMemory { kibibytes: u32::try_from(count).unwrap_or(u32::MAX) })?;
    blocks.resize(count, Block::new());
    Ok(blocks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn no_secret_is_ever_printed() {
        let file = [b'f'; 32];
        let recovery = RecoveryKey::from_bytes(&[b'r'; 32]);
        for secret in
            [Secret::Passphrase(b"pppp"), Secret::KeyFile(&file), Secret::Recovery(&recovery)]
        {
            let shown = format!("{secret:?} {recovery:?}");
            assert!(!shown.contains("112") && !shown.contains("102") && !shown.contains("114"));
            assert!(shown.contains("(..)"));
        }
    }

    #[test]
    fn memory_that_is_not_there_is_an_error() {
        assert_eq!(room(8).unwrap().len(), 8);
        // More than an address can reach.
        let refused = room(usize::MAX / Block::SIZE).unwrap_err();
        assert_eq!(refused, Error::NoMemory { kibibytes: u32::MAX });
        assert_eq!(refused.errno(), 12);
    }

    #[test]
    fn settings_that_are_too_much_are_never_tried() {
        let settings = Settings { memory: u32::MAX, passes: 1, lanes: 1 };
        assert!(matches!(argon2id(b"x", &[0; 32], settings), Err(Error::Invalid(_))));
    }
}
