//! Where things lie: sizes, addresses and pointers.

/// Bytes of a block, of a page of a file, and of a page of memory.
pub(crate) const BLOCK: usize = 4096;
/// A file of at most so many bytes lies in the tree, without a block of its own.
pub(crate) const SMALL: u64 = 1024;
/// Blocks that a node takes.
pub(crate) const NODE_BLOCKS: u64 = 2;
/// The first block that is not part of the header.
pub(crate) const FIRST: u64 = 32;
/// Addresses and births have 48 bits; the largest address means something else.
pub(crate) const NOWHERE: u64 = (1 << 48) - 1;

/// Where a block of the medium begins, in bytes.
pub(crate) const fn bytes(address: u64) -> u64 {
    address * BLOCK as u64
}

/// Which session wrote a block, and so which key it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SessionName(pub(crate) [u8; 12]);

impl SessionName {
    /// For things that were never written.
    pub(crate) const NONE: Self = Self([0; 12]);

    pub(crate) fn generation(self) -> u16 {
        u16::from_le_bytes([self.0[0], self.0[1]])
    }

    pub(crate) fn cipher(self) -> u8 {
        self.0[2]
    }
}

/// Where some blocks lie and what it takes to decrypt them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pointer {
    /// The first block.
    pub(crate) address: u64,
    /// The commit that wrote it.
    pub(crate) birth: u64,
    pub(crate) session: SessionName,
    pub(crate) tag: [u8; 16],
}

impl Pointer {
    pub(crate) const LEN: usize = 40;

    pub(crate) fn encode(&self) -> [u8; Self::LEN] {
        let mut out = [0; Self::LEN];
        out[..6].copy_from_slice(&self.address.to_le_bytes()[..6]);
        out[6..12].copy_from_slice(&self.birth.to_le_bytes()[..6]);
        out[12..24].copy_from_slice(&self.session.0);
        out[24..].copy_from_slice(&self.tag);
        out
    }

    pub(crate) fn decode(bytes: &[u8; Self::LEN]) -> Self {
        let mut session = [0; 12];
        let mut tag = [0; 16];
        session.copy_from_slice(&bytes[12..24]);
        tag.copy_from_slice(&bytes[24..]);
        Self {
            address: number48(&bytes[..6]),
            birth: number48(&bytes[6..12]),
            session: SessionName(session),
            tag,
        }
    }
}

/// Six bytes as a number.
pub(crate) fn number48(bytes: &[u8]) -> u64 {
    let mut wide = [0; 8];
    for (to, from) in wide.iter_mut().zip(bytes.iter().take(6)) {
        *to = *from;
    }
    u64::from_le_bytes(wide)
}

/// The nonce of what commit `birth` wrote at `address`.
pub(crate) fn nonce(birth: u64, address: u64) -> [u8; 12] {
    let mut out = [0; 12];
    out[..6].copy_from_slice(&birth.to_le_bytes()[..6]);
    out[6..].copy_from_slice(&address.to_le_bytes()[..6]);
    out
}
