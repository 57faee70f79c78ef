//! Random bytes from the system.
//!
//! Whether there are any is found out when this is made. Should the system refuse later (a filter
//! of system calls that came in between), nothing repeats and nothing panics: bytes then come from
//! a secret that was drawn at the beginning.

use super::Error;
use crate::medium::Randomness;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

type Draw = fn(&mut [u8]) -> Result<(), getrandom::Error>;

/// The system's random bytes.
pub struct SystemRandomness {
    draw: Draw,
    /// Never used, unless the system refuses.
    secret: Zeroizing<[u8; 32]>,
    /// How many blocks came from the secret.
    blocks: u64,
}

impl SystemRandomness {
    /// Asks for the first bytes.
    pub fn new() -> Result<Self, Error> {
        Self::from(getrandom::fill)
    }

    fn from(draw: Draw) -> Result<Self, Error> {
        let mut secret = Zeroizing::new([0; 32]);
        draw(secret.as_mut_slice()).map_err(Error::NoRandomness)?;
        Ok(Self { draw, secret, blocks: 0 })
    }

    fn fill_from_secret(&mut self, into: &mut [u8]) {
        for piece in into.chunks_mut(32) {
            let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.secret.as_slice()) else {
                // HMAC takes keys of any length.
                continue;
            };
            self.blocks = self.blocks.wrapping_add(1);
            mac.update(&self.blocks.to_le_bytes());
            // A process that was forked has the same secret.
            mac.update(&std::process::id().to_le_bytes());
            let block = mac.finalize().into_bytes();
            for (to, from) in piece.iter_mut().zip(block) {
                *to = from;
            }
        }
    }
}

impl Randomness for SystemRandomness {
    fn fill(&mut self, into: &mut [u8]) {
        if (self.draw)(into).is_err() {
            self.fill_from_secret(into);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn refusal_is_said_when_it_is_made() {
        let made = SystemRandomness::from(|_| Err(getrandom::Error::UNSUPPORTED));
        assert!(matches!(made, Err(Error::NoRandomness(_))));
    }

    #[test]
    fn no_bytes_repeat_whether_the_system_gives_them_or_not() {
        static REFUSES: AtomicBool = AtomicBool::new(false);
        let mut randomness = SystemRandomness::from(|into| {
            if REFUSES.load(Ordering::Relaxed) {
                return Err(getrandom::Error::UNSUPPORTED);
            }
            getrandom::fill(into)
        })
        .unwrap();
        let mut seen = BTreeSet::new();
        for round in 0..200 {
            REFUSES.store(round >= 100, Ordering::Relaxed);
            let mut bytes = [0; 77];
            randomness.fill(&mut bytes);
            for piece in bytes.chunks_exact(16) {
                assert!(seen.insert(piece.to_vec()), "sixteen bytes came twice");
            }
        }
    }
}
