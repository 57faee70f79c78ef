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
    let named = [believed.keys_intended, believed.keys_serial];
    if believed.accepts_keys(opened.serial()) {
        return checked(area, secret, opened, believed, superblocks, named);
    }
    // One slot of the seal still named an older list of keys, and it was that which opened.
    let area = KeyArea::read(medium, believed.identity, &named)?;
    let opened = area.open(secret)?;
    checked(&area, secret, opened, believed, superblocks, named)
}

/// A secret that was removed opens nothing, even while the older list still lies there: otherwise
/// a writer with it would put that list back over the one that counts.
fn checked(
    area: &KeyArea,
    secret: &Secret<'_>,
    opened: Opened,
    seal: Seal,
    superblocks: Superblocks,
    named: [u64; 2],
) -> Result<(Opened, Seal, bool, Superblocks), Error> {
    if area.has_newer(&opened, secret, named) {
        return Err(Error::WrongKey);
    }
    let twice = area.has_twice(&opened);
    Ok((opened, seal, twice, superblocks))
}
