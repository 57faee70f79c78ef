use super::search::NEW_RECORDS;
use super::*;
use crate::cipher::Sessions;
use alloc::vec;
use proptest::prelude::*;

/// A medium that has a size, and on which nothing is ever written: all nodes are fresh.
struct Size(u64);

impl Medium for Size {
    fn read(&self, _at: u64, _into: &mut [u8]) -> Result<(), Trouble> {
        Err(Trouble::Short)
    }

    fn write(&self, _at: u64, _from: &[u8]) -> Result<(), Trouble> {
        Err(Trouble::Full)
    }

    fn sync(&self) -> Result<(), Trouble> {
        Ok(())
    }

    fn size(&self) -> u64 {
        self.0
    }

    fn limit(&self) -> u64 {
        self.0
    }

    fn grow(&self, _size: u64) -> Result<(), Trouble> {
        Err(Trouble::Full)
    }

    fn discard(&self, _at: u64, _length: u64) {}

    fn foresee(&self, _at: u64, _length: u64) {}
}

/// A store that was just opened: `used` regions, in which `free` is all that is free; and so many that
/// were never used.
fn opened(used: u64, free: &[(u64, u64)], never: u64) -> (Space, Tree) {
    let medium: Arc<dyn Medium> = Arc::new(Size((used + never) * BLOCKS * BLOCK as u64));
    let mut tree = Tree::empty(medium.clone(), Sessions::new(vec![]), 64);
    let mut holes = Blocks::default();
    for &(start, blocks) in free {
        holes.insert(start, blocks);
    }
    for number in 0..used {
        let mut region = Region::EMPTY;
        region.set(0, BLOCKS);
        if let Some(free) = holes.region(number) {
            region.take_out(free);
        }
        put(&mut tree, number, &region).unwrap();
    }
    (Space::new(medium, used * BLOCKS - holes.count(), used * BLOCKS, 0), tree)
}

fn seen(space: &Space) -> usize {
    space.hints.iter().filter(|hint| hint.seen).count()
}

#[test]
fn a_search_in_a_store_that_was_just_opened_reads_few_records_however_large_it_is() {
    for used in [100, 1000, 4000] {
        for (purpose, least) in [(Purpose::Nodes, 2), (Purpose::Data, 1)] {
            let (mut space, mut tree) = opened(used, &[], 2);
            for round in 1..20 {
                let before = seen(&space);
                let run = space.allocate(&mut tree, purpose, least, 100).unwrap();
                assert!(run.0 >= used * BLOCKS, "{run:?}: nothing else is free");
                assert!(seen(&space) <= before + NEW_RECORDS + 2, "{used} regions, round {round}");
            }
        }
    }
}

#[test]
fn what_is_free_anywhere_is_found_in_the_end() {
    for purpose in [Purpose::Nodes, Purpose::Data] {
        let free = [(5 * BLOCKS + 7, 2), (77 * BLOCKS, 4), (98 * BLOCKS + 100, 2)];
        let (mut space, mut tree) = opened(100, &free, 0);
        let mut found: Vec<(u64, u64)> = Vec::new();
        while let Ok(run) = space.allocate(&mut tree, purpose, 2, 2) {
            found.push(run);
        }
        found.sort_unstable();
        assert_eq!(found, [free[0], (77 * BLOCKS, 2), (77 * BLOCKS + 2, 2), free[2]]);
    }
}

#[test]
fn what_is_free_in_the_front_is_found_once_all_is_known() {
    let (mut space, mut tree) = opened(100, &[(90 * BLOCKS, 1000)], 3);
    let runs = (0..200).map(|_| space.allocate(&mut tree, Purpose::Data, 1, 100).unwrap());
    let runs: Vec<_> = runs.collect();
    assert!(runs[..100].contains(&(90 * BLOCKS, 100)), "{runs:?}");
}

#[test]
fn nodes_of_a_commit_lie_in_a_row_where_all_that_is_free_is_in_pieces() {
    // Every other pair of blocks is free, as random writes leave it, in regions for nodes and others.
    let free: Vec<(u64, u64)> = (0..40 * BLOCKS / 4).map(|at| (4 * at, 2)).collect();
    let (mut space, mut tree) = opened(40, &free, 1);
    // All records were read since it was opened.
    space.hints.resize(41, Hint { longest: BLOCKS as u16, seen: true });
    let mut taken = Vec::new();
    for _ in 0..20 {
        let run = space.allocate(&mut tree, Purpose::Nodes, NODE_BLOCKS, 12).unwrap();
        assert_eq!(run.1, 12, "{run:?}");
        taken.push(run);
    }
    // When there is no room in a row, any will do.
    let mut short = 0;
    while short < 100 {
        let run = space.allocate(&mut tree, Purpose::Nodes, NODE_BLOCKS, 12).unwrap();
        short += u64::from(run.1 < 12);
        assert!(!taken.contains(&run), "{run:?}");
    }
}

proptest! {
    #[test]
    fn nothing_is_given_out_twice(
        free in prop::collection::btree_map(0u64..20, (0u64..8000, 1u64..190), 0..10),
        asked in prop::collection::vec((any::<bool>(), 1u64..200), 1..60),
        never in 0u64..2,
    ) {
        let free: Vec<(u64, u64)> =
            free.into_iter().map(|(region, (at, blocks))| (region * BLOCKS + at, blocks)).collect();
        let (mut space, mut tree) = opened(20, &free, never);
        let mut left = Blocks::default();
        for &(start, blocks) in &free {
            left.insert(start, blocks);
        }
        left.insert(20 * BLOCKS, never * BLOCKS);
        for (nodes, most) in asked {
            let (purpose, least) =
                if nodes { (Purpose::Nodes, 2) } else { (Purpose::Data, 1) };
            let most = most.max(least);
            let Ok((start, blocks)) = space.allocate(&mut tree, purpose, least, most) else { break };
            prop_assert!((least..=most).contains(&blocks));
            prop_assert_eq!(left.remove(start, blocks), blocks);
        }
    }
}

impl Blocks {
    fn region(&self, number: u64) -> Option<&Region> {
        self.regions.get(&number).map(|region| &**region)
    }

    /// Gives how many were there.
    fn remove(&mut self, start: u64, blocks: u64) -> u64 {
        let mut were = 0;
        for (number, within, count) in pieces(start, blocks) {
            let mut run = Region::EMPTY;
            run.set(within, count);
            were += self.regions.get_mut(&number).map_or(0, |region| region.take_out(&run));
        }
        were
    }
}
