//! The ciphers where there is no std: those of `RustCrypto`.

use super::{AES, CHACHA, Forged};
use aes_gcm::Aes256Gcm;
use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::aead::{AeadInOut, KeyInit};
use alloc::boxed::Box;
use chacha20poly1305::ChaCha20Poly1305;

/// What encrypts, with its key in it. Both wipe their keys when dropped.
pub(crate) enum Cipher {
    Aes(Box<Aes256Gcm>),
    ChaCha(Box<ChaCha20Poly1305>),
}

impl Cipher {
    pub(super) fn new(number: u8, key: &[u8; 32]) -> Option<Self> {
        Some(match number {
            AES => Self::Aes(Box::new(Aes256Gcm::new(key.into()))),
            CHACHA => Self::ChaCha(Box::new(ChaCha20Poly1305::new(key.into()))),
            _ => return None,
        })
    }

    /// Encrypts in place.
    pub(crate) fn seal(&self, nonce: &[u8; 12], associated: &[u8], bytes: &mut [u8]) -> [u8; 16] {
        let buffer = InOutBuf::from(bytes);
        let done = match self {
            Self::Aes(cipher) => {
                cipher.encrypt_inout_detached(nonce.into(), associated, buffer).map(Into::into)
            }
            Self::ChaCha(cipher) => {
                cipher.encrypt_inout_detached(nonce.into(), associated, buffer).map(Into::into)
            }
        };
        // They refuse only what is longer than 64 GiB.
        done.unwrap_or([0; 16])
    }

    /// Decrypts in place. What was forged may be anything afterwards.
    pub(crate) fn open(
        &self,
        nonce: &[u8; 12],
        associated: &[u8],
        bytes: &mut [u8],
        tag: &[u8; 16],
    ) -> Result<(), Forged> {
        let buffer = InOutBuf::from(bytes);
        let done = match self {
            Self::Aes(cipher) => {
                cipher.decrypt_inout_detached(nonce.into(), associated, buffer, tag.into())
            }
            Self::ChaCha(cipher) => {
                cipher.decrypt_inout_detached(nonce.into(), associated, buffer, tag.into())
            }
        };
        done.map_err(|_| Forged)
    }

    /// Decrypts to another place of the same length. What was forged may be anything there.
    pub(crate) fn open_to(
        &self,
        nonce: &[u8; 12],
        associated: &[u8],
        from: &[u8],
        tag: &[u8; 16],
        to: &mut [u8],
    ) -> Result<(), Forged> {
        to.copy_from_slice(from);
        self.open(nonce, associated, to, tag)
    }
}
