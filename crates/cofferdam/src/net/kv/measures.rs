//! Sizes on the command line.

use std::str::FromStr;

/// A number of bytes: `65536`, `64K`, `64M`, `2G`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bytes(pub(super) usize);

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (digits, shift) = match text.as_bytes().last() {
            Some(b'k' | b'K') => (&text[..text.len() - 1], 10),
            Some(b'm' | b'M') => (&text[..text.len() - 1], 20),
            Some(b'g' | b'G') => (&text[..text.len() - 1], 30),
            _ => (text, 0),
        };
        let number: usize =
            digits.parse().map_err(|_| format!("`{text}` is no size; write it like 64M"))?;
        let bytes = number.checked_mul(1 << shift);
        bytes.map(Self).ok_or_else(|| format!("`{text}` is more than there can be"))
    }
}

/// A number of slots: `2^20`, or as it is. Whether it may be is for the store to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slots(pub(super) usize);

impl FromStr for Slots {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mistake = || format!("`{text}` is no number of slots; write it like 2^20 or 1048576");
        if let Some(exponent) = text.strip_prefix("2^") {
            let exponent: u32 = exponent.parse().map_err(|_| mistake())?;
            return 1_usize.checked_shl(exponent).map(Self).ok_or_else(mistake);
        }
        text.parse().map(Self).map_err(|_| mistake())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!("64M".parse(), Ok(Bytes(64 << 20)));
        assert_eq!("4096".parse(), Ok(Bytes(4096)));
        assert_eq!("1g".parse(), Ok(Bytes(1 << 30)));
        for wrong in ["", "M", "-1M", "1.5G", "99999999999G", "64MB", "é"] {
            assert!(wrong.parse::<Bytes>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn slots() {
        assert_eq!("2^20".parse(), Ok(Slots(1 << 20)));
        assert_eq!("4096".parse(), Ok(Slots(4096)));
        for wrong in ["", "2^", "2^64", "2^-1", "x"] {
            assert!(wrong.parse::<Slots>().is_err(), "{wrong}");
        }
    }
}
