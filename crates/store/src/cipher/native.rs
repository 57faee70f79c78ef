//! The ciphers where there is std: those of AWS-LC, thrice as fast.

use super::{AES, CHACHA, Forged};
use aws_lc_rs::aead::{AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

/// What encrypts, with its key in it, which is wiped when it is dropped.
pub(crate) struct Cipher(LessSafeKey);

impl Cipher {
    pub(super) fn new(number: u8, key: &[u8; 32]) -> Option<Self> {
        let algorithm = match number {
            AES => &AES_256_GCM,
            CHACHA => &CHACHA20_POLY1305,
            _ => return None,
        };
        Some(Self(LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?)))
    }

    /// Encrypts in place.
    pub(crate) fn seal(&self, nonce: &[u8; 12], associated: &[u8], bytes: &mut [u8]) -> [u8; 16] {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let done = self.0.seal_in_place_separate_tag(nonce, Aad::from(associated), bytes);
        // They refuse only what is longer than 64 GiB.
        done.ok().and_then(|tag| tag.as_ref().try_into().ok()).unwrap_or([0; 16])
    }

    /// Decrypts in place. What was forged may be anything afterwards.
    pub(crate) fn open(
        &self,
        nonce: &[u8; 12],
        associated: &[u8],
        bytes: &mut [u8],
        tag: &[u8; 16],
    ) -> Result<(), Forged> {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let done = self.0.open_in_place_separate_tag(nonce, Aad::from(associated), tag, bytes);
        done.map(|_| ()).map_err(|_| Forged)
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
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let done = self.0.open_separate_gather(nonce, Aad::from(associated), from, tag, to);
        done.map_err(|_| Forged)
    }
}
