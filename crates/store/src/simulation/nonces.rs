//! Watches the nonces of one session's key: a nonce that comes twice must encrypt the same.
//!
//! Two texts under one key and nonce would give both away. That it never happens follows from how
//! blocks are given out and when commits get their numbers; here it is checked, in every test that
//! runs over a simulated medium or not, as long as the feature is on. It panics, because going on
//! would hide it.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};
use hashbrown::HashMap;
use std::sync::{Mutex, PoisonError};

static UNWATCHED: AtomicBool = AtomicBool::new(false);

/// No nonce is remembered any more, in this whole process: for tests of how much memory a store
/// takes, as what is remembered here grows with everything that is written.
pub fn leave_nonces_unwatched() {
    UNWATCHED.store(true, Ordering::Relaxed);
}

/// All nonces of a session so far, with the tag that each gave. A clone is the same.
#[derive(Clone, Default)]
pub(crate) struct Nonces(Arc<Mutex<HashMap<[u8; 12], [u8; 16]>>>);

impl Nonces {
    /// A nonce was used. The same tag means the same text, under the same associated data.
    pub(crate) fn note(&self, nonce: [u8; 12], tag: [u8; 16]) {
        if UNWATCHED.load(Ordering::Relaxed) {
            return;
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *known.entry(nonce).or_insert(tag);
        assert!(before == tag, "the nonce {nonce:02x?} encrypts two texts under one key");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_again_is_nothing_new() {
        let nonces = Nonces::default();
        nonces.note([1; 12], [1; 16]);
        nonces.note([1; 12], [1; 16]);
        nonces.note([2; 12], [1; 16]);
    }

    #[test]
    #[should_panic(expected = "encrypts two texts")]
    fn two_texts_under_one_nonce_are_noticed() {
        let nonces = Nonces::default();
        nonces.note([1; 12], [1; 16]);
        nonces.clone().note([1; 12], [2; 16]);
    }
}
