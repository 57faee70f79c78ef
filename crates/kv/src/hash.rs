//! FNV-1a, the hash of the thesis's key-value store.

/// Start of every hash.
const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
/// What each step multiplies by.
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// What a key hashes to: FNV-1a over 64 bits, folded to 32 as its authors advise.
///
/// The table keeps all 32 bits with each entry: the lower ones say where the entry belongs, the
/// upper ones tell most foreign keys apart without a look at the key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hash(u32);

impl Hash {
    /// The hash of a key.
    #[inline]
    pub fn of(key: &[u8]) -> Self {
        Self::fold(fnv1a(key))
    }

    /// The hash, and the length, of the word at the front: up to a space or what ends a line.
    #[inline]
    pub(crate) fn of_word(bytes: &[u8]) -> (Self, usize) {
        let (mut hash, mut len) = (OFFSET_BASIS, 0);
        for byte in bytes {
            if matches!(byte, b' ' | b'\r' | b'\n' | 0) {
                break;
            }
            hash = (hash ^ u64::from(*byte)).wrapping_mul(PRIME);
            len += 1;
        }
        (Self::fold(hash), len)
    }

    #[inline]
    const fn fold(hash: u64) -> Self {
        Self((hash >> 32) as u32 ^ hash as u32)
    }

    /// As a number.
    #[inline]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// From [`Hash::number`].
    #[inline]
    pub(crate) const fn from_number(number: u32) -> Self {
        Self(number)
    }
}

/// FNV-1a over 64 bits.
#[inline]
pub(crate) const fn fnv1a(bytes: &[u8]) -> u64 {
    let mut hash = OFFSET_BASIS;
    let mut rest = bytes;
    while let [first, behind @ ..] = rest {
        hash = (hash ^ *first as u64).wrapping_mul(PRIME);
        rest = behind;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_vectors() {
        // From the test suite of FNV's authors.
        for (bytes, hash) in [
            ("", 0xcbf2_9ce4_8422_2325),
            ("a", 0xaf63_dc4c_8601_ec8c),
            ("foobar", 0x8594_4171_f739_67e8),
            ("chongo was here!\n", 0x4681_0940_eff5_f915),
        ] {
            assert_eq!(fnv1a(bytes.as_bytes()), hash, "{bytes:?}");
        }
    }
}
