//! The root: what a commit is, in 192 bytes that are encrypted into 228.

use crate::attributes::Time;
use crate::cipher::{Forged, Session, Sessions};
use crate::error::Identity;
use crate::place::{self, NOWHERE, Pointer, SessionName, number48};
use crate::sealed_root::{ROOT_BYTES, SealedRoot};

const PLAIN: usize = ROOT_BYTES;
/// The version of the format.
pub(crate) const VERSION: u32 = 1;

/// All that one needs besides the keys to read a store as it was at one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Root {
    pub(crate) commit: u64,
    /// Of the tree's root node.
    pub(crate) tree: Pointer,
    /// Of that node.
    pub(crate) level: u8,
    pub(crate) next_object: u64,
    /// Blocks.
    pub(crate) used: u64,
    pub(crate) objects: u64,
    /// Blocks promised by `fallocate`.
    pub(crate) promised: u64,
    /// No block at or beyond it was ever used.
    pub(crate) end: u64,
    pub(crate) time: Time,
    /// Of the hash of names.
    pub(crate) name_key: [u8; 16],
}

/// What of a store is bound to its root besides the root itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    pub(crate) identity: Identity,
    pub(crate) features: u64,
}

impl Frame {
    fn associated(self) -> [u8; 32] {
        let mut out = [0; 32];
        out[..4].copy_from_slice(b"root");
        out[4..8].copy_from_slice(&VERSION.to_le_bytes());
        out[8..24].copy_from_slice(&self.identity.0);
        out[24..].copy_from_slice(&self.features.to_le_bytes());
        out
    }
}

impl Root {
    /// Encrypts it in `session`, for the seal and the superblock.
    pub(crate) fn seal(&self, frame: Frame, session: &Session) -> SealedRoot {
        let mut bytes = self.encode();
        let tag = session.seal(self.commit, NOWHERE, &frame.associated(), &mut bytes);
        SealedRoot::new(self.commit, session.name.0, tag, bytes)
    }

    /// Decrypts one.
    pub(crate) fn open(
        sealed: &SealedRoot,
        frame: Frame,
        sessions: &mut Sessions,
    ) -> Result<Self, Forged> {
        let mut bytes = *sealed.ciphertext();
        let cipher = sessions.cipher(SessionName(sealed.session())).ok_or(Forged)?;
        let nonce = place::nonce(sealed.commit(), NOWHERE);
        cipher.open(&nonce, &frame.associated(), &mut bytes, &sealed.tag())?;
        let root = Self::decode(&bytes);
        if root.commit == sealed.commit() { Ok(root) } else { Err(Forged) }
    }

    fn encode(&self) -> [u8; PLAIN] {
        let mut out = [0; PLAIN];
        out[..8].copy_from_slice(&self.commit.to_le_bytes());
        out[8..48].copy_from_slice(&self.tree.encode());
        out[48] = self.level;
        let numbers = [self.next_object, self.used, self.objects, self.promised, self.end];
        for (at, number) in numbers.iter().enumerate() {
            out[56 + 8 * at..64 + 8 * at].copy_from_slice(&number.to_le_bytes());
        }
        out[96..104].copy_from_slice(&self.time.seconds.to_le_bytes());
        out[104..108].copy_from_slice(&self.time.nanoseconds.to_le_bytes());
        out[112..128].copy_from_slice(&self.name_key);
        out
    }

    fn decode(plain: &[u8; PLAIN]) -> Self {
        let mut pointer = [0; Pointer::LEN];
        pointer.copy_from_slice(&plain[8..48]);
        let mut name_key = [0; 16];
        name_key.copy_from_slice(&plain[112..128]);
        Self {
            commit: number(&plain[..8]),
            tree: Pointer::decode(&pointer),
            level: plain[48],
            next_object: number(&plain[56..64]),
            used: number(&plain[64..72]),
            objects: number(&plain[72..80]),
            promised: number(&plain[80..88]),
            end: number(&plain[88..96]),
            time: Time {
                seconds: number(&plain[96..104]).cast_signed(),
                nanoseconds: number48(&plain[104..108]) as u32,
            },
            name_key,
        }
    }
}

/// Eight bytes as a number.
fn number(bytes: &[u8]) -> u64 {
    let mut wide = [0; 8];
    for (to, from) in wide.iter_mut().zip(bytes) {
        *to = *from;
    }
    u64::from_le_bytes(wide)
}
