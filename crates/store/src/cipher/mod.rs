//! The two ciphers, and the keys of sessions.
//!
//! Each opening for writing has a key of its own, derived from the master key and the session's
//! name. So a nonce has to be unique within one opening only, and a counter that a crash or a
//! restored machine sets back does no harm.
//!
//! The ciphers come from two libraries: a fast one needs std, and another does without. What one has
//! sealed the other opens.

#[cfg(feature = "std")]
mod native;
#[cfg(any(not(feature = "std"), test))]
mod portable;
#[cfg(test)]
mod tests;

#[cfg(feature = "std")]
pub(crate) use native::Cipher;
#[cfg(not(feature = "std"))]
pub(crate) use portable::Cipher;

use crate::error::Error;
use crate::keys::Keyring;
use crate::medium::Randomness;
use crate::place::{self, SessionName};
use alloc::sync::Arc;
use hashbrown::HashMap;
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

/// Bytes were changed, or belong somewhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Forged;

/// The numbers that ciphers have in the names of sessions.
const AES: u8 = 1;
const CHACHA: u8 = 2;

#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
cpufeatures::new!(fast_aes, "aes", "pclmulqdq");
#[cfg(target_arch = "aarch64")]
cpufeatures::new!(fast_aes, "aes");

/// The faster one on this machine; without instructions for AES that is `ChaCha`, which then is also
/// the one that does not look into tables.
fn fastest() -> u8 {
    #[cfg(any(target_arch = "x86_64", target_arch = "x86", target_arch = "aarch64"))]
    if fast_aes::get() {
        return AES;
    }
    CHACHA
}

/// A store's master keys, by generation.
pub(crate) type Masters = alloc::vec::Vec<Zeroizing<[u8; 32]>>;

/// How many sessions' keys are kept ready.
const READY: usize = 64;

/// The keys of sessions, derived when they are first needed.
pub(crate) struct Sessions {
    masters: Masters,
    ready: HashMap<SessionName, Arc<Cipher>>,
}

impl Sessions {
    pub(crate) fn new(masters: Masters) -> Self {
        Self { masters, ready: HashMap::new() }
    }

    /// Those under these keys.
    pub(crate) fn of(keyring: &Keyring) -> Self {
        let generations = 0..keyring.generations() as u16;
        let masters = generations.filter_map(|generation| keyring.master(generation));
        Self::new(masters.map(|key| Zeroizing::new(*key)).collect())
    }

    /// The cipher of a session; nothing if no such session can have been.
    pub(crate) fn cipher(&mut self, name: SessionName) -> Option<Arc<Cipher>> {
        if let Some(cipher) = self.ready.get(&name) {
            return Some(cipher.clone());
        }
        let master = self.masters.get(usize::from(name.generation()))?;
        let mut key = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(Some(&name.0), master.as_slice())
            .expand(b"cofferdam store 1 session", key.as_mut_slice())
            .ok()?;
        let cipher = Arc::new(Cipher::new(name.cipher(), &key)?);
        if self.ready.len() >= READY {
            // Any one will do: it costs a microsecond to have it back.
            let victim = self.ready.keys().next().copied();
            victim.map(|victim| self.ready.remove(&victim));
        }
        self.ready.insert(name, cipher.clone());
        Some(cipher)
    }

    /// The name of a new session, under the newest master key.
    pub(crate) fn begin(&self, randomness: &mut dyn Randomness) -> SessionName {
        let mut name = [0; 12];
        randomness.fill(&mut name[3..]);
        let newest = self.masters.len().saturating_sub(1) as u16;
        name[..2].copy_from_slice(&newest.to_le_bytes());
        name[2] = fastest();
        SessionName(name)
    }
}

/// The key of one session, for those who write.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) name: SessionName,
    cipher: Arc<Cipher>,
    /// In tests of whatever lies on a simulated medium, each nonce is watched.
    #[cfg(feature = "simulation")]
    nonces: crate::simulation::Nonces,
}

impl Session {
    pub(crate) fn begin(
        sessions: &mut Sessions,
        randomness: &mut dyn Randomness,
    ) -> Result<Self, Error> {
        let name = sessions.begin(randomness);
        let cipher = sessions.cipher(name).ok_or(Error::KeysDamaged)?;
        Ok(Self {
            name,
            cipher,
            #[cfg(feature = "simulation")]
            nonces: crate::simulation::Nonces::default(),
        })
    }

    /// Encrypts what commit `birth` is about to write at `address`.
    pub(crate) fn seal(
        &self,
        birth: u64,
        address: u64,
        associated: &[u8],
        bytes: &mut [u8],
    ) -> [u8; 16] {
        let nonce = place::nonce(birth, address);
        let tag = self.cipher.seal(&nonce, associated, bytes);
        #[cfg(feature = "simulation")]
        self.nonces.note(nonce, tag);
        tag
    }
}

/// Associated data of a node.
pub(crate) fn of_node(level: u8) -> [u8; 5] {
    [b'n', b'o', b'd', b'e', level]
}

/// Associated data of a page of a file.
pub(crate) fn of_page(object: u64, page: u64) -> [u8; 20] {
    let mut out = *b"data                ";
    out[4..12].copy_from_slice(&object.to_le_bytes());
    out[12..].copy_from_slice(&page.to_le_bytes());
    out
}
