//! What was right once: earlier versions of files, of the whole, of its header, put back.

use super::blocks::{FIRST, Outcome, outcome, uses};
use super::look;
use super::victim::{NEWEST, Version, versions};
use crate::crashes;
use crate::world::{SECRET, World, memory};
use std::collections::BTreeSet;
use store::simulation::Dice;
use store::{Closed, Error};

fn number(version: &Version) -> u64 {
    version.with(version.store.clone()).read().unwrap().commit_number()
}

#[test]
fn no_earlier_version_of_the_whole_opens() {
    let versions = versions(4);
    let (last, earlier) = versions.split_last().unwrap();
    let newest = number(last);
    assert_eq!(newest, NEWEST);
    for old in earlier {
        let commit = number(old);
        let refused =
            look::at(&last.with(old.store.clone()), &last.state, "all of it").unwrap_err();
        assert_eq!(refused, Error::RolledBack { store: commit, seal: newest });
        // Likewise whoever wants to write.
        let refused = last.with(old.store.clone()).open(&mut Dice(1)).err().unwrap();
        assert_eq!(refused, Error::RolledBack { store: commit, seal: newest });
        // With the superblocks of today it claims to be new.
        let world = last.changed(|blocks| {
            let (old, _) = old.store.as_chunks();
            blocks[2..old.len()].copy_from_slice(&old[2..]);
        });
        let refused = look::at(&world, &last.state, "all but the superblocks");
        assert!(matches!(refused, Err(Error::Damaged(_))), "{refused:?}");
        // With the superblocks of then nothing is wrong but them, and the seal does not need them.
        let world =
            last.changed(|blocks| blocks[..2].copy_from_slice(&old.store.as_chunks().0[..2]));
        assert!(look::at(&world, &last.state, "the superblocks").unwrap().is_empty());
    }
}

#[test]
fn no_earlier_version_of_a_file_is_read() {
    let versions = versions(5);
    let (last, earlier) = versions.split_last().unwrap();
    let now = uses(last);
    let mut tried = 0;
    for (number, old) in earlier.iter().enumerate().skip(1) {
        let then = uses(old);
        for path in old.state.keys() {
            let has = |outcome: &Outcome| match outcome {
                Outcome::Closed => false,
                Outcome::Without(parts) => parts.iter().any(|(other, _)| other == path),
            };
            // All that it lay in: its pages, and the nodes that lead to them.
            let its: Vec<usize> = (FIRST..old.blocks())
                .filter(|&block| has(&then[block]) && old.block(block) != last.block(block))
                .collect();
            if its.is_empty() {
                continue;
            }
            tried += 1;
            let about = format!("{path} of version {number}");
            let found = outcome(last, &about, &its, |blocks| {
                for &block in &its {
                    blocks[block] = old.block(block).try_into().unwrap();
                }
            });
            let mut expected = BTreeSet::new();
            let closed = its.iter().any(|&block| match &now[block] {
                Outcome::Closed => true,
                Outcome::Without(parts) => {
                    expected.extend(parts.iter().cloned());
                    false
                }
            });
            let expected = if closed { Outcome::Closed } else { Outcome::Without(expected) };
            assert_eq!(found, expected, "{about}");
        }
    }
    assert!(tried > 100, "{tried} files were put back");
}

#[test]
fn an_earlier_list_of_keys_does_not_open() {
    let versions = versions(6);
    let last = versions.last().unwrap();
    let world = last.with(last.store.clone());
    let mut dice = Dice(6);
    crashes::change_keys(&world, false, &mut dice);
    let before = world.bytes();
    crashes::change_keys(&world, true, &mut dice);
    let after = world.bytes();
    let area = 2 * 4096..18 * 4096;
    let mut bytes = after.0.clone();
    bytes[area.clone()].copy_from_slice(&before.0[area]);
    let put_back = World::holding(bytes, &after.1);
    for secret in [&SECRET, &crashes::DROPPED] {
        let refused = Closed::look(put_back.media())
            .and_then(|closed| closed.open(secret, memory(), None).map(|_| ()));
        // Each change is written twice.
        assert_eq!(refused.unwrap_err(), Error::KeysRolledBack { found: 4, sealed: 6 });
    }
    // Either copy of the new one is enough, and none is not.
    for (first, second) in [(true, false), (false, true), (true, true)] {
        let mut bytes = after.0.clone();
        if first {
            bytes[2 * 4096..10 * 4096].fill(0);
        }
        if second {
            bytes[10 * 4096..18 * 4096].fill(0);
        }
        let opened = World::holding(bytes, &after.1).read().map(|_| ());
        let expected = if first && second { Err(Error::KeysDamaged) } else { Ok(()) };
        assert_eq!(opened, expected);
    }
}

#[test]
fn one_commit_back_is_refused_as_soon_as_the_seal_says_so() {
    let world = World::new();
    let mut dice = Dice(7);
    let mut store = world.create(&mut dice).unwrap();
    let mut worker = crate::workload::Worker::new(7);
    for _ in 0..40 {
        worker.step(&mut store).unwrap();
    }
    store.finish(worker.now(), false).unwrap();
    let old = Version::of(&world, &mut store);
    for _ in 0..10 {
        worker.step(&mut store).unwrap();
    }
    store.sync(worker.now(), false).unwrap();
    // The seal cannot know yet whether the blocks got there: this is what a crash may have left.
    let (_, seal) = world.bytes();
    let mut crashed = World::holding(old.store.clone(), &seal).read().unwrap();
    assert_eq!(crashed.commit_number(), 2);
    assert!(crate::snapshot::of(&mut crashed) == old.state);
    store.finish(worker.now(), false).unwrap();
    let (_, seal) = world.bytes();
    let refused = World::holding(old.store.clone(), &seal).read().err().unwrap();
    assert_eq!(refused, Error::RolledBack { store: 2, seal: 3 });
}
