//! Numbers as memcached reads and writes them.
//!
//! It reads them with C's `strtol` and its kind: white space in front, a sign, and anything behind
//! white space at the end is let pass; what does not fit 64 bits is refused, what does not fit the
//! field is cut.

/// White space by C's rules.
fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

/// Sign and magnitude of the number in front, if it ends with the text, or at white space or NUL.
fn magnitude(text: &[u8]) -> Option<(bool, u64)> {
    let start = text.iter().position(|byte| !is_space(*byte))?;
    let (negative, digits) = match &text[start..] {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    let len = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut value = 0_u64;
    for digit in &digits[..len] {
        value = value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
    }
    let ends = digits.get(len).is_none_or(|byte| is_space(*byte) || *byte == 0);
    (len > 0 && ends).then_some((negative, value))
}

/// An unsigned number of 64 bits. A negative one counts down from 2^64 and is refused only if it
/// ends up in the upper half.
#[inline]
pub(crate) fn unsigned(text: &[u8]) -> Option<u64> {
    let (negative, value) = magnitude(text)?;
    let value = if negative { value.wrapping_neg() } else { value };
    let suspicious = value > i64::MAX as u64 && text.contains(&b'-');
    (!suspicious).then_some(value)
}

/// An unsigned number, cut to 32 bits.
#[inline]
pub(crate) fn unsigned_32(text: &[u8]) -> Option<u32> {
    unsigned(text).map(|value| value as u32)
}

/// A signed number, cut to 32 bits.
#[inline]
pub(crate) fn signed_32(text: &[u8]) -> Option<i32> {
    let (negative, value) = magnitude(text)?;
    let fits = value <= i64::MAX as u64 + u64::from(negative);
    let value = if negative { value.wrapping_neg() } else { value };
    fits.then_some(value.cast_signed() as i32)
}

/// Room for the decimal digits of a number.
#[derive(Default)]
pub(crate) struct Digits([u8; 20]);

impl Digits {
    /// The digits of a number.
    #[inline]
    pub(crate) fn of(&mut self, number: u64) -> &[u8] {
        let mut at = self.0.len();
        let mut rest = number;
        loop {
            at -= 1;
            self.0[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                return &self.0[at..];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_c_reads_them() {
        assert_eq!(unsigned(b"0"), Some(0));
        assert_eq!(unsigned(b" \t+12 junk"), Some(12));
        assert_eq!(unsigned(b"12junk"), None);
        assert_eq!(unsigned(b""), None);
        assert_eq!(unsigned(b"-"), None);
        assert_eq!(unsigned(b"-1"), None);
        assert_eq!(unsigned(b"-18446744073709551615"), Some(1));
        assert_eq!(unsigned(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(unsigned(b"18446744073709551616"), None);
        assert_eq!(unsigned_32(b"4294967297"), Some(1));
        assert_eq!(signed_32(b"-1"), Some(-1));
        assert_eq!(signed_32(b"4294967296"), Some(0));
        assert_eq!(signed_32(b"-9223372036854775808"), Some(0));
        assert_eq!(signed_32(b"9223372036854775808"), None);
    }

    #[test]
    fn digits() {
        for number in [0, 9, 10, 12_345, u64::MAX] {
            let text = alloc::format!("{number}");
            assert_eq!(Digits::default().of(number), text.as_bytes());
        }
    }
}
