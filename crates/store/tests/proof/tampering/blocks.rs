//! One block after another: flipped, emptied, exchanged, copied, put back, cut off.

use super::look::{self, Refused, What};
use super::victim::{BLOCK, Version, versions};
use std::collections::BTreeSet;
use store::simulation::Dice;
use store::{Damaged, Error};

/// The first block that is not part of the header.
pub(super) const FIRST: usize = 32;

/// What is refused if something is wrong with one block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Everything.
    Closed,
    /// These parts.
    Without(BTreeSet<(String, What)>),
}

impl Outcome {
    fn join(&mut self, other: &Self) {
        match (&mut *self, other) {
            (Self::Without(mine), Self::Without(theirs)) => mine.extend(theirs.iter().cloned()),
            _ => *self = Self::Closed,
        }
    }
}

/// Looks at a store in which only these blocks were changed.
pub(super) fn outcome(
    version: &Version,
    about: &str,
    blocks: &[usize],
    change: impl FnOnce(&mut [[u8; BLOCK]]),
) -> Outcome {
    match look::at(&version.changed(change), &version.state, about) {
        Ok(refused) => {
            check_blocks(&refused, about, blocks);
            Outcome::Without(refused.into_keys().collect())
        }
        Err(Error::Damaged(damage)) => {
            assert!(matches!(damage.what, Damaged::Node { object: 0, .. }), "{about}: {damage}");
            Outcome::Closed
        }
        Err(error) => panic!("{about}: {error}"),
    }
}

/// The block that is named is the one that was changed; a node has two.
fn check_blocks(refused: &Refused, about: &str, blocks: &[usize]) {
    for damage in refused.values() {
        let block = damage.block as usize;
        let named = blocks.contains(&block)
            || (matches!(damage.what, Damaged::Node { .. }) && blocks.contains(&(block + 1)));
        assert!(named, "{about}: {damage}");
    }
}

/// Looking at everything names the block, if it is in use.
fn verified(version: &Version, block: usize, uses: &Outcome) {
    let Outcome::Without(parts) = uses else { return };
    let world = version.changed(|blocks| blocks[block][1] ^= 1);
    let report = world.read().unwrap().verify(&mut |_| true).unwrap();
    let named = report.findings.iter().filter_map(|finding| finding.block);
    let mut named = named.filter(|&named| named as usize == block || named as usize + 1 == block);
    assert!(parts.is_empty() || named.next().is_some(), "block {block}: {:?}", report.findings);
}

/// What each block is for, found by flipping a bit of it.
pub(super) fn uses(version: &Version) -> Vec<Outcome> {
    let flip = |block: usize| {
        outcome(version, &format!("bit of block {block}"), &[block], |blocks| {
            blocks[block][100] ^= 1;
        })
    };
    let header = (0..FIRST).map(|_| Outcome::Without(BTreeSet::new()));
    header.chain((FIRST..version.blocks()).map(flip)).collect()
}

#[test]
fn whatever_is_done_to_a_block_the_same_is_refused() {
    let versions = versions(1);
    let last = versions.last().unwrap();
    let uses = uses(last);
    let mut dice = Dice(1);
    let mut put_back = 0;
    for block in FIRST..last.blocks() {
        let is = |about: &str, change: &dyn Fn(&mut [u8; BLOCK])| {
            let about = format!("block {block}: {about}");
            let mut changed: [u8; BLOCK] = last.block(block).try_into().unwrap();
            change(&mut changed);
            if changed != last.block(block) {
                let found = outcome(last, &about, &[block], |blocks| blocks[block] = changed);
                assert_eq!(found, uses[block], "{about}");
            }
        };
        verified(last, block, &uses[block]);
        is("first bit", &|bytes| bytes[0] ^= 0x80);
        is("last bit", &|bytes| bytes[BLOCK - 1] ^= 1);
        is("emptied", &|bytes| bytes.fill(0));
        for (number, old) in versions.iter().enumerate() {
            if block < old.blocks() && old.block(block) != last.block(block) {
                let old = old.block(block);
                is(&format!("as in version {number}"), &|bytes| bytes.copy_from_slice(old));
                put_back += 1;
            }
        }
        let others =
            if crate::soak() > 1 { block + 1..last.blocks() } else { block + 1..block + 3 };
        let far = FIRST + dice.below(last.blocks() - FIRST);
        for other in others.filter(|&other| other < last.blocks()).chain([far]) {
            if last.block(block) == last.block(other) {
                continue;
            }
            let about = format!("block {block} exchanged with {other}");
            let found = outcome(last, &about, &[block, other], |b| b.swap(block, other));
            let mut expected = uses[block].clone();
            expected.join(&uses[other]);
            assert_eq!(found, expected, "{about}");
            is(&format!("copied from {other}"), &|bytes| bytes.copy_from_slice(last.block(other)));
        }
    }
    assert!(put_back > 50, "{put_back} were put back");
    check_uses(last, &uses);
}

/// Everything lies in some block, and pages in one of their own.
fn check_uses(version: &Version, uses: &[Outcome]) {
    let mut all = BTreeSet::new();
    let mut pages = BTreeSet::new();
    let mut closed = 0;
    for outcome in uses {
        match outcome {
            Outcome::Closed => closed += 1,
            Outcome::Without(parts) => {
                all.extend(parts.iter().cloned());
                let of_one: BTreeSet<_> = parts
                    .iter()
                    .filter(|(_, what)| matches!(what, What::Page(_) | What::Target))
                    .map(|(path, what)| (version.state[path].attributes.object, *what))
                    .collect();
                if of_one.len() == 1
                    && parts.iter().all(|(_, what)| matches!(what, What::Page(_) | What::Target))
                {
                    pages.extend(of_one);
                }
            }
        }
    }
    assert_eq!(closed, 2, "blocks of the root node");
    let mut blocks = std::collections::BTreeMap::new();
    for (path, thing) in &version.state {
        assert!(all.contains(&(path.clone(), What::Attributes)), "{path} lies nowhere");
        blocks.insert(thing.attributes.object, thing.attributes.blocks as usize);
    }
    assert_eq!(pages.len(), blocks.values().sum::<usize>(), "a block for each page");
}

#[test]
fn what_lies_beyond_the_end_is_refused_and_the_rest_reads() {
    let versions = versions(2);
    let last = versions.last().unwrap();
    let uses = uses(last);
    for blocks in 0..last.blocks() {
        for more in [0, 1, 2048] {
            let about = format!("cut off after {blocks} blocks and {more} bytes");
            let world = last.with(last.store[..blocks * BLOCK + more].to_vec());
            let mut expected = Outcome::Without(BTreeSet::new());
            uses[blocks..].iter().for_each(|outcome| expected.join(outcome));
            match look::at(&world, &last.state, &about) {
                Ok(refused) => {
                    assert_eq!(
                        Outcome::Without(refused.into_keys().collect()),
                        expected,
                        "{about}"
                    );
                }
                Err(Error::Damaged(_)) => assert_eq!(expected, Outcome::Closed, "{about}"),
                Err(Error::NotAStore) => assert!(blocks < 2, "{about}"),
                Err(Error::KeysDamaged) => assert!(blocks < 18, "{about}"),
                Err(error) => panic!("{about}: {error}"),
            }
        }
    }
}

#[test]
fn nothing_that_is_done_to_the_header_changes_what_is_read() {
    let versions = versions(3);
    let last = versions.last().unwrap();
    let mut dice = Dice(3);
    let mut good = 0;
    let step = if crate::soak() > 1 { 1 } else { 61 };
    for at in (0..FIRST * BLOCK).step_by(step) {
        let about = format!("bit of byte {at}");
        let mut bytes = last.store.clone();
        bytes[at] ^= 1 << dice.below(8);
        match look::at(&last.with(bytes), &last.state, &about) {
            Ok(parts) => {
                assert!(parts.is_empty(), "{about}");
                good += 1;
            }
            Err(error) => panic!("{about}: {error}"),
        }
    }
    assert!(good > 100, "superblocks and keys are there twice: one is enough; {good}");
    for one in 0..18 {
        for other in (0..18).chain([FIRST, FIRST + 1, last.blocks() - 1]) {
            for copy in [false, true] {
                let about = format!("block {one} and {other}, copied: {copy}");
                let world = last.changed(|blocks| {
                    if copy { blocks[one] = blocks[other] } else { blocks.swap(one, other) }
                });
                match look::at(&world, &last.state, &about) {
                    Ok(parts) => assert!(parts.is_empty() || other >= FIRST, "{about}"),
                    Err(
                        Error::KeysDamaged
                        | Error::WrongKey
                        | Error::SuperblockDamaged
                        | Error::NotAStore
                        | Error::KeysRolledBack { .. },
                    ) => {}
                    Err(Error::Damaged(_)) => assert!(other >= FIRST, "{about}"),
                    Err(error) => panic!("{about}: {error}"),
                }
            }
        }
    }
    let world = last.changed(|blocks| blocks[..2].fill([1; BLOCK]));
    assert_eq!(look::at(&world, &last.state, "both").unwrap_err(), Error::NotAStore);
    let world = last.changed(|blocks| (blocks[0][300], blocks[1][300]) = (1, 1));
    assert_eq!(look::at(&world, &last.state, "both").unwrap_err(), Error::SuperblockDamaged);
}
