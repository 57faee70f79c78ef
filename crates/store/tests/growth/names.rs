//! A million files, or one directory of so many: what each operation costs.
//!
//! An operation goes down the tree from the root a fixed number of times: for the inode of the
//! directory, the entry, the inode of the file, and so on. With ten times as many files each of these
//! ways is longer by one node at most. A change writes each node of its ways to another place, and the
//! place that it leaves may be on record in one node more.

use crate::cost::{Cost, NODE};
use crate::place::{COLD, FILLING, NOW, Place, between, make, sync, warm};
use crate::tree::{Layout, Tree, name};
use crate::{alone, number, sizes};
use store::simulation::Dice;
use store::{Allocate, Kind, Store, Taken};

/// How often each operation is done; the worst counts.
const SAMPLES: u64 = 12;
/// Entries that are listed at a time: about a page.
const SOME: usize = 40;

/// An operation on some file, with what makes it safe.
struct Operation {
    name: &'static str,
    /// Ways down the tree, each to another place; a change also has one to the record of free blocks.
    ways: u64,
    /// Whether it only reads.
    reads: bool,
    work: fn(&mut Store, &Tree, &mut Dice),
}

const OPERATIONS: &[Operation] = &[
    Operation {
        name: "look up",
        ways: 3,
        reads: true,
        work: |store, tree, dice| {
            let file = tree.any(dice);
            let found = store.lookup(tree.directory(file), name(file).as_bytes()).unwrap();
            assert_eq!(found.object, tree.files[file as usize]);
        },
    },
    Operation {
        name: "stat",
        ways: 1,
        reads: true,
        work: |store, tree, dice| {
            let file = tree.any(dice);
            assert_eq!(store.attributes(tree.files[file as usize]).unwrap().links, 1);
        },
    },
    Operation {
        name: "list a page",
        ways: 2,
        reads: true,
        work: |store, tree, dice| {
            let directory = tree.directory(tree.any(dice));
            // Within the upper half there is never less than a page in a directory of thousands.
            let from = if tree.size() > 1000 { dice.number() >> 2 } else { 0 };
            let mut left = SOME;
            let mut visit = |_: &store::Entry| {
                left -= 1;
                left > 0
            };
            store.list(directory, from, &mut visit).unwrap();
            assert!(left < SOME);
        },
    },
    Operation {
        name: "read a page",
        ways: 2,
        reads: true,
        work: |store, tree, dice| {
            let file = tree.any_written(dice);
            let mut page = [0; 4096];
            store.read(tree.files[file as usize], 4096, &mut page).unwrap();
            assert_eq!(page, [file as u8 | 1; 4096]);
        },
    },
    Operation {
        name: "create",
        ways: 5,
        reads: false,
        work: |store, tree, dice| {
            let directory = tree.directory(tree.any(dice));
            make(store, directory, &format!("new {}", dice.number()), Kind::File);
            sync(store).unwrap();
        },
    },
    Operation {
        name: "create and unlink",
        ways: 6,
        reads: false,
        work: |store, tree, dice| {
            let directory = tree.directory(tree.any(dice));
            let name = format!("new {}", dice.number());
            make(store, directory, &name, Kind::File);
            sync(store).unwrap();
            store.unlink(directory, name.as_bytes(), NOW).unwrap();
            sync(store).unwrap();
        },
    },
    Operation {
        name: "rename there and back",
        ways: 7,
        reads: false,
        work: |store, tree, dice| {
            let (file, other) = (tree.any(dice), tree.any(dice));
            let (from, to) = (tree.directory(file), tree.directory(other));
            let (old, new) = (name(file), format!("renamed {}", dice.number()));
            let (old, new) = (old.as_bytes(), new.as_bytes());
            store.rename(from, old, to, new, Taken::Refuse, NOW).unwrap();
            sync(store).unwrap();
            store.rename(to, new, from, old, Taken::Refuse, NOW).unwrap();
            sync(store).unwrap();
        },
    },
    Operation {
        name: "write a page",
        ways: 4,
        reads: false,
        work: |store, tree, dice| {
            let file = tree.any_written(dice);
            store.write(tree.files[file as usize], 0, &[9; 4096], NOW).unwrap();
            sync(store).unwrap();
        },
    },
    Operation {
        name: "punch a page and write it again",
        ways: 5,
        reads: false,
        work: |store, tree, dice| {
            let file = tree.files[tree.any_written(dice) as usize];
            store.allocate(file, Allocate::Punch, 0, 4096, NOW).unwrap();
            sync(store).unwrap();
            store.write(file, 0, &[9; 4096], NOW).unwrap();
            sync(store).unwrap();
        },
    },
];

impl Operation {
    /// Nodes that it may cost more with ten times as many files.
    fn growth(&self) -> u64 {
        if self.reads { self.ways } else { 2 * self.ways }
    }
}

/// What each operation costs at most, with nothing in memory, then with all.
fn costs(place: &Place, tree: &Tree, dice: &mut Dice) -> Vec<(Cost, Cost)> {
    let mut costs = Vec::new();
    for operation in OPERATIONS {
        let mut cold = Cost::default();
        for _ in 0..SAMPLES {
            let mut store = place.open(COLD, dice.number());
            cold = cold.most(Cost::of(place, || (operation.work)(&mut store, tree, dice)));
            store.finish(NOW, false).unwrap();
        }
        costs.push((cold, Cost::default()));
    }
    let mut store = place.open(warm(tree.size() / 8), dice.number());
    read_everything(&mut store, tree);
    for (operation, (_, warm)) in OPERATIONS.iter().zip(&mut costs) {
        for _ in 0..SAMPLES {
            *warm = warm.most(Cost::of(place, || (operation.work)(&mut store, tree, dice)));
            between(&mut store);
        }
        if operation.reads {
            assert_eq!(*warm, Cost::default(), "{}, all in memory", operation.name);
        }
    }
    store.finish(NOW, false).unwrap();
    costs
}

/// All nodes and pages that there are come into memory.
fn read_everything(store: &mut Store, tree: &Tree) {
    let mut pages = [0; 8192];
    for number in 0..tree.size() {
        store.lookup(tree.directory(number), name(number).as_bytes()).unwrap();
        store.read(tree.files[number as usize], 0, &mut pages).unwrap();
    }
}

fn hold(layout: Layout) {
    let _alone = alone();
    let mut dice = Dice(7);
    let (place, mut store) = Place::new(FILLING);
    store.finish(NOW, false).unwrap();
    drop(store);
    let mut tree = Tree::new(layout);
    let mut before: Option<Vec<(Cost, Cost)>> = None;
    for size in sizes(number("STORE_GROWTH", 100_000)) {
        let mut store = place.open(FILLING, dice.number());
        tree.grow(&mut store, size);
        store.finish(NOW, false).unwrap();
        drop(store);
        let now = costs(&place, &tree, &mut dice);
        for (at, (operation, (cold, warm))) in OPERATIONS.iter().zip(&now).enumerate() {
            let what = format!("{} among {size}, {layout:?}", operation.name);
            println!("{what}: cold {:?}, warm {:?}", cold.0, warm.0);
            if let Some(before) = &before {
                cold.assert_grows_by(before[at].0, operation.growth(), &what);
                warm.assert_grows_by(before[at].1, operation.growth(), &what);
            }
            // And never more than the whole way down, as often as it is gone.
            let deepest = 2 + u64::from(size.ilog10()) / 2;
            assert!(cold.0.bytes_read <= (operation.growth() * deepest + 1) * NODE, "{what}");
        }
        before = Some(now);
    }
}

#[test]
fn an_operation_in_one_large_directory_costs_the_logarithm_of_its_size() {
    hold(Layout::OneDirectory);
}

#[test]
fn an_operation_among_many_directories_costs_the_logarithm_of_their_number() {
    hold(Layout::ManyDirectories);
}
