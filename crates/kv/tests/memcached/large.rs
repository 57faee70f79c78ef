//! Numbers of 2^63 and more, which memcached 1.6.18 sometimes does not take for numbers.
//!
//! It reads a stored number with `strtoull`, and if what it got would be negative as a signed one
//! it looks for the sign with `strchr`, in case it *was* negative. But no NUL ends a stored value:
//! the search goes on behind it, through what an earlier and longer entry left in the same piece of
//! memory, and a `-` there makes the value "non-numeric". Ours looks at the value and no further.
//!
//! So the same request has two answers there, by what was stored before. All else is compared.

use crate::ours::{Ours, now};
use crate::theirs::Theirs;
use kv::Key;
use proptest::prelude::*;
use std::cell::Cell;

/// Such numbers, as text; and smaller ones.
pub(crate) fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => (1 << 63)..=u64::MAX,
        1 => any::<u64>(),
        1 => ((1 << 63) - 50)..(1_u64 << 63) + 50,
        1 => u64::MAX - 50..=u64::MAX,
    ]
    .prop_map(|number| number.to_string())
}

/// Whether such a number is stored under the key.
pub(crate) fn is_at(ours: &mut Ours, key: &[u8]) -> bool {
    // Others are hardly met twice, and could not be named in text.
    if !key.iter().all(u8::is_ascii_graphic) {
        return false;
    }
    let Some(entry) = Key::new(key).and_then(|key| ours.0.store_mut().get(key, now())) else {
        return false;
    };
    let value: Vec<u8> = entry.value().flatten().copied().collect();
    let text = String::from_utf8_lossy(&value);
    // Read as any number is; a sign of its own makes it another matter.
    let first = text.split_ascii_whitespace().next().and_then(|word| word.parse::<u64>().ok());
    first.is_some_and(|number| number >= 1 << 63)
}

/// How often they were met.
#[derive(Default)]
pub(crate) struct Large {
    alike: Cell<usize>,
    refused: Cell<usize>,
}

impl Large {
    /// To be told what both answered to an increment or decrement where [`is_at`] held. Whether
    /// it is memcached's mistake; then neither has the key any more, and all goes on alike.
    pub(crate) fn is_mistake(
        &self,
        (expected, answered): (&[u8], &[u8]),
        (theirs, ours): (&Theirs, &mut Ours),
        key: &[u8],
    ) -> bool {
        // In both protocols, but for the first letter.
        let refuses = |answer: &[u8]| answer.windows(10).any(|text| text == b"on-numeric");
        if !refuses(expected) || refuses(answered) {
            self.alike.set(self.alike.get() + 1);
            return false;
        }
        self.refused.set(self.refused.get() + 1);
        // One more change for theirs, since each has its number.
        let set = [b"set ", key, b" 0 0 1\r\nx\r\n"].concat();
        assert_eq!(theirs.ask(&set, b"\r\n"), b"STORED\r\n");
        let delete = [b"delete ", key, b"\r\n"].concat();
        assert_eq!(theirs.ask(&delete, b"\r\n"), b"DELETED\r\n");
        assert_eq!(ours.ask(&delete), b"DELETED\r\n");
        true
    }

    /// That there were enough of them for the test to mean something.
    pub(crate) fn assert_compared(&self) {
        let (alike, refused) = (self.alike.get(), self.refused.get());
        assert!(alike >= 10, "{alike} alike, {refused} refused");
    }
}
