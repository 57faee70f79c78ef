//! The seal: on the trusted side, the root that counts.
//!
//! Each write goes to the slot that does not hold the newest seal, so that a write cut short by a
//! crash leaves the one before. What is read is believed only if its MAC is right under the seal
//! key, which lies in the key area of the store; [`Claim`] is what a seal says before that.
//!
//! Nothing here makes a write durable, or decides which of two roots is right.

mod claim;
mod slot;
#[cfg(test)]
mod tests;

pub use claim::{Claim, identity_of};
pub use slot::{decode, encode};

use crate::error::{Error, Identity};
use crate::medium::{Medium, Trouble};
use crate::sealed_root::SealedRoot;

/// Bytes of a slot.
pub const SLOT_BYTES: usize = 4096;

/// Bytes of a seal.
pub const SEAL_BYTES: u64 = 2 * SLOT_BYTES as u64;

/// What a seal says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// Whose seal it is.
    pub identity: Identity,
    /// Rises with each write; 0 was never written.
    pub serial: u64,
    /// The serial of the key area.
    pub keys_serial: u64,
    /// The serial that the key area is about to get; the same when it is not about to change.
    pub keys_intended: u64,
    /// The root that is known to be whole.
    pub current: SealedRoot,
    /// The root of the next commit, which has happened if it is whole.
    pub intended: Option<SealedRoot>,
}

impl Seal {
    /// Reads the newest slot that is right under the seal key.
    ///
    /// # Errors
    /// [`Error::NotASeal`], [`Error::SealDamaged`], [`Error::Version`], [`Error::Features`] or
    /// [`Error::SealMedium`].
    pub fn read(medium: &dyn Medium, key: &[u8; 32]) -> Result<Self, Error> {
        let mut newest: Result<Self, Error> = Err(Error::NotASeal);
        for number in 0..2 {
            let found = read_slot(medium, number)?
                .ok_or(Error::NotASeal)
                .and_then(|block| decode(&block, key))
                // One that lies in the other's slot was copied there.
                .and_then(|seal| {
                    if seal.serial % 2 == number { Ok(seal) } else { Err(Error::SealDamaged) }
                });
            newest = match (newest, found) {
                (Ok(one), Ok(other)) => Ok(if other.serial > one.serial { other } else { one }),
                (Ok(one), Err(_)) | (Err(_), Ok(one)) => Ok(one),
                (Err(one), Err(other)) => Err(weightier(one, other)),
            };
        }
        newest
    }

    /// Writes it with the next serial, into the slot of that serial. Making it durable, before it
    /// is written again, is the caller's. After an error the next write goes to the same slot.
    pub fn write(&mut self, medium: &dyn Medium, key: &[u8; 32]) -> Result<(), Error> {
        let (at, bytes) = self.next(medium, key)?;
        medium.write(at, &bytes).map_err(Error::SealMedium)?;
        self.serial += 1;
        Ok(())
    }

    /// The same, through to the device: see [`Medium::write_through`].
    pub fn write_through(&mut self, medium: &dyn Medium, key: &[u8; 32]) -> Result<(), Error> {
        let (at, bytes) = self.next(medium, key)?;
        medium.write_through(at, &bytes).map_err(Error::SealMedium)?;
        self.serial += 1;
        Ok(())
    }

    /// What is written next, and where.
    fn next(&self, medium: &dyn Medium, key: &[u8; 32]) -> Result<(u64, [u8; SLOT_BYTES]), Error> {
        if medium.size() < SEAL_BYTES {
            medium.grow(SEAL_BYTES).map_err(Error::SealMedium)?;
        }
        let serial = self.serial.checked_add(1).ok_or(Error::SealDamaged)?;
        let next = Self { serial, ..self.clone() };
        Ok(((serial % 2) * SLOT_BYTES as u64, encode(&next, key)))
    }

    /// Whether the key area with this serial is, or may already be, the one that counts.
    pub fn accepts_keys(&self, serial: u64) -> bool {
        serial == self.keys_serial || serial == self.keys_intended
    }
}

/// Of what is wrong with the two slots, what explains more.
fn weightier(one: Error, other: Error) -> Error {
    match (&one, &other) {
        (Error::Version { .. } | Error::Features(_), _) | (_, Error::NotASeal) => one,
        (_, Error::Version { .. } | Error::Features(_)) | (Error::NotASeal, _) => other,
        _ => one,
    }
}

/// The bytes of a slot, or none if the medium ends before that.
fn read_slot(medium: &dyn Medium, number: u64) -> Result<Option<[u8; SLOT_BYTES]>, Error> {
    let mut block = [0; SLOT_BYTES];
    match medium.read(number * SLOT_BYTES as u64, &mut block) {
        Ok(()) => Ok(Some(block)),
        Err(Trouble::Short) => Ok(None),
        Err(trouble) => Err(Error::SealMedium(trouble)),
    }
}
