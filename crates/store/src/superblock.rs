//! The superblock: what a store says about itself in clear, in two slots at its beginning.
//!
//! It says that this is a store, which one, and up to which commit it got. Its checksum finds
//! accidents, not attacks: whoever can write to the medium can write a superblock. Nothing is
//! believed for its sake; the seal decides which root counts.

use crate::error::{Error, Identity};
use crate::medium::{Medium, Trouble};
use crate::sealed_root::SealedRoot;
use sha2::{Digest, Sha256};
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, transmute, transmute_ref};

/// The version of the format that is written, and the newest that is read.
pub const VERSION: u32 = 1;

/// The features that this program knows: none so far.
const KNOWN_FEATURES: u64 = 0;

const BLOCK: usize = 4096;
const SUMMED: usize = 4064;
const MAGIC: [u8; 16] = *b"cofferdam store\0";

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Layout {
    magic: [u8; 16],
    version: U32,
    zeros: U32,
    identity: [u8; 16],
    features: U64,
    root: SealedRoot,
    rest: [u8; 3788],
    sum: [u8; 32],
}

/// What one slot says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Superblock {
    /// Which store it is.
    pub identity: Identity,
    /// What a reader must know to read it.
    pub features: u64,
    /// The root of some commit.
    pub root: SealedRoot,
}

impl Superblock {
    /// The block of a slot.
    pub fn encode(&self) -> [u8; BLOCK] {
        let mut block: [u8; BLOCK] = transmute!(Layout {
            magic: MAGIC,
            version: VERSION.into(),
            zeros: U32::ZERO,
            identity: self.identity.0,
            features: self.features.into(),
            root: self.root,
            rest: [0; 3788],
            sum: [0; 32],
        });
        let (summed, sum) = block.split_at_mut(SUMMED);
        sum.copy_from_slice(&Sha256::digest(summed));
        block
    }

    /// Reads the block of a slot.
    ///
    /// # Errors
    /// [`Error::NotAStore`] if there never was a superblock, [`Error::SuperblockDamaged`] if there
    /// was one, [`Error::Version`] and [`Error::Features`] if a later program wrote it.
    pub fn decode(block: &[u8; BLOCK]) -> Result<Self, Error> {
        let layout: &Layout = transmute_ref!(block);
        if layout.magic != MAGIC {
            return Err(Error::NotAStore);
        }
        let (summed, sum) = block.split_at(SUMMED);
        if Sha256::digest(summed).as_slice() != sum {
            return Err(Error::SuperblockDamaged);
        }
        match layout.version.get() {
            VERSION => {}
            0 => return Err(Error::SuperblockDamaged),
            found => return Err(Error::Version { what: "store", found, known: VERSION }),
        }
        let features = layout.features.get();
        if features & !KNOWN_FEATURES != 0 {
            return Err(Error::Features(features & !KNOWN_FEATURES));
        }
        Ok(Self { identity: Identity(layout.identity), features, root: layout.root })
    }

    /// Puts it into a slot, 0 or 1. Making it durable, before the other slot is written to, is the
    /// caller's.
    pub fn write(&self, medium: &dyn Medium, slot: u64) -> Result<(), Error> {
        medium.write((slot % 2) * BLOCK as u64, &self.encode()).map_err(Error::Medium)
    }
}

/// What both slots say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Superblocks {
    /// Slot 0 and slot 1.
    pub slots: [Result<Superblock, Error>; 2],
}

impl Superblocks {
    /// Reads both slots. A medium that ends before them has none.
    ///
    /// # Errors
    /// [`Error::Medium`] only; what is wrong with a slot stands in its place.
    pub fn read(medium: &dyn Medium) -> Result<Self, Error> {
        Ok(Self { slots: [read_slot(medium, 0)?, read_slot(medium, 1)?] })
    }

    /// The slot to write to next: the one that does not have the newer commit, or has none.
    pub fn next_slot(&self) -> u64 {
        match &self.slots {
            [Ok(zero), Ok(one)] => u64::from(zero.root.commit() > one.root.commit()),
            [Ok(_), Err(_)] => 1,
            _ => 0,
        }
    }

    /// The slot with the newer commit.
    ///
    /// # Errors
    /// [`Error::Version`] or [`Error::Features`] if a later program wrote any of them, else
    /// [`Error::SuperblockDamaged`] or [`Error::NotAStore`] if neither can be read.
    pub fn newest(&self) -> Result<&Superblock, Error> {
        let later = |slot: &&Result<Superblock, Error>| {
            matches!(slot, Err(Error::Version { .. } | Error::Features(_)))
        };
        if let Some(Err(error)) = self.slots.iter().find(later) {
            return Err(error.clone());
        }
        let [zero, one] = &self.slots;
        match (zero, one) {
            (Ok(zero), Ok(one)) => {
                Ok(if zero.root.commit() > one.root.commit() { zero } else { one })
            }
            (Ok(only), Err(_)) | (Err(_), Ok(only)) => Ok(only),
            (Err(Error::NotAStore), Err(error)) | (Err(error), Err(_)) => Err(error.clone()),
        }
    }
}

fn read_slot(medium: &dyn Medium, slot: u64) -> Result<Result<Superblock, Error>, Error> {
    let mut block = [0; BLOCK];
    match medium.read(slot * BLOCK as u64, &mut block) {
        Ok(()) => {}
        Err(Trouble::Short) => return Ok(Err(Error::NotAStore)),
        Err(trouble) => return Err(Error::Medium(trouble)),
    }
    Ok(Superblock::decode(&block))
}

#[cfg(test)]
mod tests;
