//! A file of 100 GB that is mostly holes: what each operation costs, however many pages lie in it.

use crate::cost::{Cost, NODE};
use crate::medium::Counts;
use crate::place::{COLD, FILLING, NOW, Place, between, make, sync, warm};
use crate::{alone, number, sizes};
use std::collections::BTreeSet;
use store::simulation::Dice;
use store::{Allocate, Change, Error, Kind, ObjectId, Seek, Store};

pub(crate) const SIZE: u64 = 100_000_000_000;
const PAGES: u64 = SIZE / 4096;
const SAMPLES: u64 = 12;
/// Records of pages that a node has at least, on the average: they are of 63 bytes with their keys,
/// and nodes are half full.
const RECORDS: u64 = 50;

/// The file, and which of its pages are no holes.
struct Sparse {
    file: ObjectId,
    pages: BTreeSet<u64>,
}

impl Sparse {
    /// Writes pages all over it until there are so many, and commits.
    fn grow(&mut self, store: &mut Store, size: u64, dice: &mut Dice) {
        while (self.pages.len() as u64) < size {
            let page = some_page(dice);
            if self.pages.insert(page) {
                write(store, self.file, page);
            }
        }
        sync(store).unwrap();
    }

    fn any(&self, dice: &mut Dice) -> u64 {
        self.next(dice.number() % PAGES)
    }

    /// The page that is no hole at or after this one; around the end.
    fn next(&self, page: u64) -> u64 {
        let after = self.pages.range(page..).next().or(self.pages.first());
        *after.expect("there are pages")
    }
}

/// Never the last one, and never two beside each other.
pub(crate) fn some_page(dice: &mut Dice) -> u64 {
    dice.number() % (PAGES / 2 - 1) * 2
}

pub(crate) fn write(store: &mut Store, file: ObjectId, page: u64) {
    store.write(file, page * 4096, &contents(page), NOW).unwrap();
    between(store);
}

/// A hole of that size, and nothing else.
pub(crate) fn empty(store: &mut Store) -> ObjectId {
    let file = make(store, ObjectId::ROOT, "sparse", Kind::File);
    resize(store, file, SIZE);
    sync(store).unwrap();
    file
}

fn contents(page: u64) -> [u8; 4096] {
    let mut out = [1; 4096];
    out[..8].copy_from_slice(&page.to_le_bytes());
    out
}

pub(crate) fn resize(store: &mut Store, file: ObjectId, size: u64) {
    let change = Change { size: Some(size), ..Change::default() };
    store.change(file, &change, NOW).unwrap();
}

/// An operation on some page.
struct Operation {
    name: &'static str,
    /// Ways down the tree: nodes that it may cost more with ten times as many pages.
    ways: u64,
    work: fn(&mut Store, &Sparse, &mut Dice),
}

const OPERATIONS: &[Operation] = &[
    Operation {
        name: "read a page",
        ways: 2,
        work: |store, sparse, dice| {
            let (page, mut bytes) = (sparse.any(dice), [0; 4096]);
            store.read(sparse.file, page * 4096, &mut bytes).unwrap();
            assert_eq!(bytes, contents(page));
        },
    },
    Operation {
        name: "read a hole",
        ways: 3,
        work: |store, sparse, dice| {
            let mut bytes = [1; 4096];
            store.read(sparse.file, (sparse.any(dice) + 1) * 4096, &mut bytes).unwrap();
            assert_eq!(bytes, [0; 4096]);
        },
    },
    Operation {
        name: "seek data",
        ways: 3,
        work: |store, sparse, dice| {
            let from = dice.number() % PAGES;
            let found = match store.seek(sparse.file, Seek::Data, from * 4096) {
                Err(Error::NothingThere) => sparse.next(0),
                found => found.unwrap() / 4096,
            };
            assert_eq!(found, sparse.next(from));
        },
    },
    Operation {
        name: "seek a hole",
        ways: 4,
        work: |store, sparse, dice| {
            let from = sparse.any(dice) * 4096;
            assert_eq!(store.seek(sparse.file, Seek::Hole, from), Ok(from + 4096));
        },
    },
    Operation {
        name: "write a page again",
        ways: 4,
        work: |store, sparse, dice| {
            let page = sparse.any(dice);
            store.write(sparse.file, page * 4096, &contents(page), NOW).unwrap();
            sync(store).unwrap();
        },
    },
    Operation {
        name: "write into a hole, and punch it",
        ways: 6,
        work: |store, sparse, dice| {
            let page = sparse.any(dice) + 1;
            store.write(sparse.file, page * 4096, &[3; 4096], NOW).unwrap();
            sync(store).unwrap();
            store.allocate(sparse.file, Allocate::Punch, page * 4096, 4096, NOW).unwrap();
            sync(store).unwrap();
        },
    },
    Operation {
        name: "make it twice as large, and again as it was",
        ways: 3,
        work: |store, sparse, _| {
            resize(store, sparse.file, 2 * SIZE);
            sync(store).unwrap();
            resize(store, sparse.file, SIZE);
            sync(store).unwrap();
        },
    },
];

fn costs(place: &Place, sparse: &Sparse, dice: &mut Dice) -> Vec<(Cost, Cost)> {
    let mut store = place.open(warm(sparse.pages.len() as u64), dice.number());
    for page in &sparse.pages {
        store.read(sparse.file, page * 4096, &mut [0; 8192]).unwrap();
    }
    let mut warm = |operation: &Operation, dice: &mut Dice| {
        let mut cost = Cost::default();
        for _ in 0..SAMPLES {
            cost = cost.most(Cost::of(place, || (operation.work)(&mut store, sparse, dice)));
            between(&mut store);
        }
        cost
    };
    let warm: Vec<Cost> = OPERATIONS.iter().map(|operation| warm(operation, dice)).collect();
    store.finish(NOW, false).unwrap();
    drop(store);
    let cold = |(operation, warm): (&Operation, Cost)| {
        let mut cost = Cost::default();
        for _ in 0..SAMPLES {
            let mut store = place.open(COLD, dice.number());
            cost = cost.most(Cost::of(place, || (operation.work)(&mut store, sparse, dice)));
            store.finish(NOW, false).unwrap();
        }
        (cost, warm)
    };
    OPERATIONS.iter().zip(warm).map(cold).collect()
}

#[test]
fn a_page_of_a_file_with_holes_costs_the_logarithm_of_their_number() {
    let _alone = alone();
    let mut dice = Dice(9);
    let (place, mut store) = Place::new(FILLING);
    let mut sparse = Sparse { file: empty(&mut store), pages: BTreeSet::new() };
    store.finish(NOW, false).unwrap();
    drop(store);
    let mut before: Option<Vec<(Cost, Cost)>> = None;
    for size in sizes(number("STORE_GROWTH_PAGES", 100_000)) {
        let mut store = place.open(FILLING, dice.number());
        sparse.grow(&mut store, size, &mut dice);
        store.finish(NOW, false).unwrap();
        drop(store);
        let now = costs(&place, &sparse, &mut dice);
        for (at, (operation, (cold, warm))) in OPERATIONS.iter().zip(&now).enumerate() {
            let what = format!("{}, {size} pages", operation.name);
            println!("{what}: cold {:?}, warm {:?}", cold.0, warm.0);
            if let Some(before) = &before {
                cold.assert_grows_by(before[at].0, operation.ways, &what);
                warm.assert_grows_by(before[at].1, operation.ways, &what);
            }
            let deepest = 2 + u64::from(size.ilog10()) / 2;
            assert!(cold.0.bytes_read <= (operation.ways * deepest + 1) * NODE, "{what}");
        }
        before = Some(now);
    }
    let size = sparse.pages.len() as u64;
    // Half of the pages go, with half of the nodes; then the rest.
    let cut = |store: &mut Store| resize(store, sparse.file, SIZE / 2);
    let cost = whole(&place, &mut dice, size / 2, &cut);
    println!("cutting off half of {size} pages: {cost:?}");
    let remove = |store: &mut Store| store.unlink(ObjectId::ROOT, b"sparse", NOW).unwrap();
    let cost = whole(&place, &mut dice, size / 2, &remove);
    println!("removing the other half: {cost:?}");
    let mut store = place.open(COLD, dice.number());
    let room = store.room();
    assert!(room.objects == 1, "{room:?}");
}

/// What something costs that goes once through all records of so many pages. Nodes are read once to
/// see whether they can be, and once to be changed; what is written is the way to where they were,
/// and the records of free blocks.
fn whole(place: &Place, dice: &mut Dice, pages: u64, work: &dyn Fn(&mut Store)) -> Counts {
    let mut store = place.open(COLD, dice.number());
    let Cost(counts) = Cost::of(place, || {
        work(&mut store);
        sync(&mut store).unwrap();
    });
    store.finish(NOW, false).unwrap();
    let nodes = pages / RECORDS + 20;
    assert!(counts.bytes_read <= 2 * nodes * NODE, "{counts:?} for {pages} pages");
    assert!(counts.bytes_written <= (pages / 2000 + 40) * NODE, "{counts:?} for {pages} pages");
    counts
}
