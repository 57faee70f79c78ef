//! What a seal says before anybody knows its key.
//!
//! The seal key lies in the key area, and which copy of the key area counts stands in the seal. So
//! the seal is first read without believing it, the key area is opened, and then the seal is read
//! again with the key.

use super::slot::look;
use super::{read_slot, weightier};
use crate::error::{Error, Identity};
use crate::medium::Medium;
use alloc::vec::Vec;

/// What a seal claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Whose seal it is, in the slot that claims the higher serial.
    pub identity: Identity,
    /// What the other slot claims, if that is something else: one of them is damaged then.
    pub other: Option<Identity>,
    /// The serials of key areas that any of its slots names; the newest comes first.
    pub keys: Vec<u64>,
}

impl Claim {
    /// Reads what a seal claims.
    ///
    /// # Errors
    /// [`Error::NotASeal`], [`Error::SealDamaged`], [`Error::Version`] or [`Error::SealMedium`].
    pub fn read(medium: &dyn Medium) -> Result<Self, Error> {
        let mut newest: Result<(u64, Identity), Error> = Err(Error::NotASeal);
        let mut keys = Vec::new();
        let mut identities = Vec::new();
        for number in 0..2 {
            let block = read_slot(medium, number)?;
            match block.as_ref().ok_or(Error::NotASeal).and_then(look) {
                Ok(layout) => {
                    let here = (layout.serial.get(), Identity(layout.identity));
                    identities.push(here.1);
                    newest = Ok(match newest {
                        Ok(other) if other.0 > here.0 => other,
                        _ => here,
                    });
                    keys.extend([layout.keys_serial.get(), layout.keys_intended.get()]);
                }
                Err(error) => newest = newest.map_err(|other| weightier(other, error)),
            }
        }
        keys.sort_unstable_by(|one, other| other.cmp(one));
        keys.dedup();
        newest.map(|(_, identity)| {
            let other = identities.into_iter().find(|&other| other != identity);
            Self { identity, other, keys }
        })
    }

    /// Whether any slot claims to be that store's.
    pub fn is_of(&self, identity: Identity) -> bool {
        self.identity == identity || self.other == Some(identity)
    }
}

/// Whose seal this claims to be.
pub fn identity_of(medium: &dyn Medium) -> Result<Identity, Error> {
    Claim::read(medium).map(|claim| claim.identity)
}
