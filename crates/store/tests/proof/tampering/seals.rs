//! Seals that are not the store's, or not of today.

use super::look;
use super::victim::{NEWEST, Version, versions};
use crate::world::World;
use store::simulation::Dice;
use store::{Closed, Error};

fn open(store: &Version, seal: &[u8]) -> Result<look::Refused, Error> {
    look::at(&World::holding(store.store.clone(), seal), &store.state, "with that seal")
}

#[test]
fn a_seal_that_is_missing_old_new_or_of_another_has_its_own_error() {
    let (versions, others) = (versions(8), versions(9));
    let (last, earlier) = versions.split_last().unwrap();
    let other = others.last().unwrap();
    assert_eq!(open(last, &[]).unwrap_err(), Error::NotASeal);
    assert_eq!(open(last, &[0; 8192]).unwrap_err(), Error::NotASeal);
    let identity = |version: &Version| {
        Closed::look(version.with(version.store.clone()).media()).unwrap().identity()
    };
    let (seal, store) = (identity(other), identity(last));
    assert_ne!(seal, store);
    assert_eq!(open(last, &other.seal).unwrap_err(), Error::SealOfAnother { seal, store });
    for (number, old) in (1..).zip(earlier) {
        assert_eq!(
            open(last, &old.seal).unwrap_err(),
            Error::SealBehind { store: NEWEST, seal: number }
        );
        assert_eq!(
            open(old, &last.seal).unwrap_err(),
            Error::RolledBack { store: number, seal: NEWEST }
        );
        assert!(open(old, &old.seal).unwrap().is_empty());
    }
    // Half of another's is not taken for one's own.
    for half in [0..4096, 4096..8192] {
        let mut mixed = last.seal.clone();
        mixed[half.clone()].copy_from_slice(&other.seal[half]);
        match open(last, &mixed) {
            Ok(refused) => assert!(refused.is_empty()),
            Err(Error::SealOfAnother { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn one_slot_of_a_seal_is_enough_and_without_both_nothing_opens() {
    let versions = versions(10);
    let last = versions.last().unwrap();
    let mut dice = Dice(10);
    for _ in 0..400 * crate::soak() {
        let mut seal = last.seal.clone();
        let (slot, at) = (dice.below(2), dice.below(4096));
        let bit = 1 << dice.below(8);
        seal[4096 * slot + at] ^= bit;
        assert!(open(last, &seal).unwrap().is_empty(), "slot {slot}, byte {at}");
        let also = dice.below(4096);
        seal[4096 * (1 - slot) + also] ^= bit;
        let refused = open(last, &seal).unwrap_err();
        let known = match &refused {
            Error::SealDamaged => true,
            Error::NotASeal => at < 16 || also < 16,
            Error::Version { .. } => (16..20).contains(&at) || (16..20).contains(&also),
            Error::SealOfAnother { .. } => (24..40).contains(&at) || (24..40).contains(&also),
            Error::KeysDamaged | Error::KeysRolledBack { .. } => {
                (48..64).contains(&at) || (48..64).contains(&also)
            }
            _ => false,
        };
        assert!(known, "bytes {at} and {also}: {refused}");
    }
    for length in [1, 100, 4095] {
        assert_eq!(open(last, &last.seal[..length]).unwrap_err(), Error::NotASeal);
    }
    for length in [4096, 5000, 8191] {
        // Which of the two slots is left is chance; both lead to the last commit.
        match open(last, &last.seal[..length]) {
            Ok(refused) => assert!(refused.is_empty()),
            Err(error) => panic!("{length} bytes: {error}"),
        }
    }
    // The two slots exchanged.
    let mut seal = last.seal.clone();
    seal.rotate_left(4096);
    assert_eq!(open(last, &seal).unwrap_err(), Error::SealDamaged);
}
