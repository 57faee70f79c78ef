//! The keys of items: whose, of which kind, where in it.

use core::fmt;

/// A key of the tree; ordered as its bytes are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) object: u64,
    pub(crate) kind: u8,
    pub(crate) position: u64,
}

/// The kinds of items.
pub(crate) mod kind {
    pub(crate) const INODE: u8 = 1;
    pub(crate) const ENTRY: u8 = 2;
    pub(crate) const CONTENT: u8 = 3;
    pub(crate) const EXTENT: u8 = 4;
    pub(crate) const ATTRIBUTE: u8 = 5;
    pub(crate) const SPACE: u8 = 8;
    pub(crate) const ORPHAN: u8 = 9;
}

impl Key {
    pub(crate) const LEN: usize = 17;
    /// Smaller than any that is used.
    pub(crate) const FIRST: Self = Self { object: 0, kind: 0, position: 0 };

    pub(crate) const fn new(object: u64, kind: u8, position: u64) -> Self {
        Self { object, kind, position }
    }

    pub(crate) fn encode(self) -> [u8; Self::LEN] {
        let mut out = [0; Self::LEN];
        out[..8].copy_from_slice(&self.object.to_be_bytes());
        out[8] = self.kind;
        out[9..].copy_from_slice(&self.position.to_be_bytes());
        out
    }

    pub(crate) fn decode(bytes: &[u8; Self::LEN]) -> Self {
        let mut object = [0; 8];
        let mut position = [0; 8];
        object.copy_from_slice(&bytes[..8]);
        position.copy_from_slice(&bytes[9..]);
        Self {
            object: u64::from_be_bytes(object),
            kind: bytes[8],
            position: u64::from_be_bytes(position),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{:#x}", self.object, self.kind, self.position)
    }
}
