//! The recovery key: random bytes in a form that can be written on paper and typed again.
//!
//! It has no checksum: that it opens the store is the check, and takes no time, since nothing
//! slow is done with a key that cannot be guessed.

use crate::error::Error;
use crate::medium::Randomness;
use alloc::string::String;
use core::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// RFC 4648, section 6.
const LETTERS: [u8; 32] = *b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// 32 bytes at five bits a letter.
const LENGTH: usize = 52;

/// A key that is kept on paper.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct RecoveryKey([u8; 32]);

impl fmt::Debug for RecoveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryKey(..)")
    }
}

impl RecoveryKey {
    /// A new one.
    pub fn draw(randomness: &mut dyn Randomness) -> Self {
        let mut key = Self([0; 32]);
        randomness.fill(&mut key.0);
        key
    }

    /// The one with these bytes.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(*bytes)
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// As it is written down: 13 groups of four letters.
    pub fn text(&self) -> Zeroizing<String> {
        // Never grown, as that would leave parts of it behind.
        let mut text = Zeroizing::new(String::with_capacity(LENGTH + LENGTH / 4));
        let (mut bits, mut held, mut letters) = (0_u32, 0, 0);
        // The last letter is filled up with zeros.
        for byte in self.0.iter().copied().chain([0]) {
            bits = (bits << 8) | u32::from(byte);
            held += 8;
            while held >= 5 && letters < LENGTH {
                held -= 5;
                if letters > 0 && letters % 4 == 0 {
                    text.push('-');
                }
                let letter = LETTERS[(bits >> held) as usize & 31];
                text.push(char::from(letter));
                letters += 1;
            }
        }
        text
    }

    /// Reads what somebody typed; capitals or not, with dashes and spaces anywhere or nowhere.
    ///
    /// # Errors
    /// [`Error::RecoveryLetter`], [`Error::RecoveryLength`] or [`Error::RecoveryEnd`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut key = Self([0; 32]);
        let (mut bits, mut held, mut letters) = (0_u32, 0, 0);
        let mut last = 'A';
        let mut bytes = key.0.iter_mut();
        for found in text.chars().filter(|&letter| !is_gap(letter)) {
            letters += 1;
            let value = LETTERS
                .iter()
                .position(|&letter| char::from(letter) == found.to_ascii_uppercase())
                .ok_or(Error::RecoveryLetter { position: letters, found })?;
            bits = (bits << 5) | value as u32;
            held += 5;
            if held >= 8
                && let Some(byte) = bytes.next()
            {
                held -= 8;
                *byte = (bits >> held) as u8;
            }
            held %= 8;
            last = found;
        }
        if letters != LENGTH {
            return Err(Error::RecoveryLength(letters));
        }
        if bits & 15 != 0 {
            return Err(Error::RecoveryEnd(last));
        }
        Ok(key)
    }
}

/// What people and programs put between groups: any space, and whatever looks like a dash.
fn is_gap(letter: char) -> bool {
    letter.is_whitespace() || letter == '-' || ('\u{2010}'..='\u{2015}').contains(&letter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    /// From RFC 4648's rules, by hand: 0x00 0x01 … 0x1f.
    const COUNTED: &str = "AAAQ-EAYE-AUDA-OCAJ-BIFQ-YDIO-B4IB-CEQT-CQKR-MFYY-DENB-WHA5-DYPQ";

    fn counted() -> [u8; 32] {
        core::array::from_fn(|index| index as u8)
    }

    #[test]
    fn it_is_written_as_the_format_says() {
        assert_eq!(*RecoveryKey::from_bytes(&counted()).text(), COUNTED);
        assert!(RecoveryKey::from_bytes(&[0xff; 32]).text().ends_with("-777Q"));
    }

    #[test]
    fn it_is_read_however_it_is_typed() {
        let plain = COUNTED.replace('-', "");
        for typed in [
            COUNTED.to_string(),
            COUNTED.to_lowercase(),
            plain.clone(),
            COUNTED.replace('-', " "),
            COUNTED.replace('-', "\u{2013}"),
            alloc::format!("  {plain}--\n"),
        ] {
            assert_eq!(RecoveryKey::parse(&typed).unwrap().bytes(), &counted(), "{typed}");
        }
    }

    #[test]
    fn a_wrong_letter_is_named_by_its_place() {
        let typed = COUNTED.replacen('B', "8", 1);
        assert_eq!(
            RecoveryKey::parse(&typed).unwrap_err(),
            Error::RecoveryLetter { position: 17, found: '8' }
        );
        assert_eq!(RecoveryKey::parse(&COUNTED[..60]).unwrap_err(), Error::RecoveryLength(48));
        assert_eq!(
            RecoveryKey::parse(&alloc::format!("{COUNTED}A")).unwrap_err(),
            Error::RecoveryLength(53)
        );
        let typed = alloc::format!("{}R", &COUNTED[..COUNTED.len() - 1]);
        assert_eq!(RecoveryKey::parse(&typed).unwrap_err(), Error::RecoveryEnd('R'));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(bytes: [u8; 32]) {
            let key = RecoveryKey::from_bytes(&bytes);
            let text = key.text();
            prop_assert_eq!(text.len(), 64);
            let read = RecoveryKey::parse(&text).unwrap();
            prop_assert_eq!(read.bytes(), &bytes);
        }

        #[test]
        fn anything_typed_is_taken_or_refused(text in "\\PC*") {
            let _ = RecoveryKey::parse(&text);
        }

        #[test]
        fn letters_alone_are_a_key_only_if_they_are_written_back(text in "[A-Z2-7]{50,54}") {
            if let Ok(key) = RecoveryKey::parse(&text) {
                prop_assert_eq!(key.text().replace('-', ""), text);
            } else {
                prop_assert!(text.len() != 52 || !text.ends_with(['A', 'Q']));
            }
        }
    }
}
