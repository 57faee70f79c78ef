//! From a medium, a seal and a secret to keys and a seal that can be believed.
//!
//! The two lean on each other: the seal says which copy of the key area counts, and the seal's key
//! lies in the key area. So the seal's word is taken first, and checked when its key is known.

use super::area::KeyArea;
use super::opened::Opened;
use super::secret::Secret;
use crate::error::Error;
use crate::medium::Medium;
use crate::seal::{Claim, Seal};
use crate::superblock::Superblocks;

/// Opens the key area and reads the seal.
///
/// # Errors
/// Those of [`Claim::read`], [`KeyArea::read`], [`KeyArea::open`] and [`Seal::read`].
pub fn unlock(
    medium: &dyn Medium,
    seal: &dyn Medium,
    secret: &Secret<'_>,
) -> Result<(Opened, Seal), Error> {
    let claim = Claim::read(seal)?;
    let area = KeyArea::read(medium, claim.identity, &claim.keys)?;
    unlock_area(&area, medium, seal, secret).map(|(opened, seal, ..)| (opened, seal))
}

/// The same, when the key area was already read by what the seal claims. Says besides whether both
/// copies of it are the one that counts, and what the superblocks said before the seal was read.
pub(crate) fn unlock_area(
    area: &KeyArea,
    medium: &dyn Medium,
    seal: &dyn Medium,
    secret: &Secret<'_>,
) -> Result<(Opened, Seal, bool, Superblocks), Error> {
    let opened = area.open(secret)?;
    let superblocks = Superblocks::read(medium)?;
    let believed = Seal::read(seal, opened.keyring().seal_key())?;
    if believed.accepts_keys(opened.serial()) {
        let twice = area.has_twice(&opened);
        return Ok((opened, believed, twice, superblocks));
    }
    // One slot of the seal still named an older list of keys, and it was that which opened.
    let named = [believed.keys_intended, believed.keys_serial];
    let area = KeyArea::read(medium, believed.identity, &named)?;
    let opened = area.open(secret)?;
    let twice = area.has_twice(&opened);
    Ok((opened, believed, twice, superblocks))
}
