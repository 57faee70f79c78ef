//! The keys of a store, and the ways to get at them.
//!
//! A key area holds up to 16 *slots*: a passphrase, a key file or a recovery key each open one, and
//! give the area key, which decrypts the seal key and the master keys. So a passphrase is changed
//! without touching a block of the store. There are two copies of the area, written in turns.
//!
//! Keys are wiped from memory when they are dropped, and never printed. Two secrets are never
//! compared here: whether one is right is said by the tag of what it decrypts.

mod area;
mod keyring;
mod opened;
mod recovery;
mod secret;
mod settings;
mod slot;
#[cfg(test)]
mod tests;
mod unlock;

pub use area::KeyArea;
pub use keyring::Keyring;
pub use opened::Opened;
pub use recovery::RecoveryKey;
pub use secret::Secret;
pub use settings::Settings;
pub use slot::{NewSlot, SlotInfo, SlotKind};
pub use unlock::unlock;
pub(crate) use unlock::unlock_area;

/// How many slots there are.
pub const SLOTS: usize = 16;

/// Bytes of a copy of the key area.
pub const KEY_AREA_BYTES: usize = 32 * 1024;

/// Where copy 0 begins; copy 1 follows it.
pub const KEY_AREA_AT: u64 = 2 * 4096;
