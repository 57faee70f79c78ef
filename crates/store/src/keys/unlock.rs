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
    unlock_area(&area, medium, seal, secret)
}

/// The same, when the key area was already read by what the seal claims.
pub(crate) fn unlock_area(
    area: &KeyArea,
    medium: &dyn Medium,
    seal: &dyn Medium,
    secret: &Secret<'_>,
) -> Result<(Opened, Seal), Error> {
    let opened = area.open(secret)?;
    let believed = Seal::read(seal, opened.keyring().seal_key())?;
    if believed.accepts_keys(opened.serial()) {
        return Ok((opened, believed));
    }
    // One slot of the seal still named an older list of keys, and it was that which opened.
    let named = [believed.keys_intended, believed.keys_serial];
    let opened = KeyArea::read(medium, believed.identity, &named)?.open(secret)?;
    Ok((opened, believed))
}
