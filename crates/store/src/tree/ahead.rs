//! Leaves that will probably be read next.
//!
//! Who walks over many objects in order (a listing, a search, a copy) needs one leaf after the other,
//! and each would be waited for. The tree's own order says which comes next, so the medium is told of
//! some before they are read. Nothing is read here.

use super::key::Key;

/// Walks that are remembered at a time: one over names goes with one over what they name.
const WALKS: usize = 8;
/// Leaves that are foreseen at first, and at most.
const FIRST: usize = 8;
const MOST: usize = 64;

/// A walk from leaf to leaf.
#[derive(Clone, Copy, Default)]
struct Walk {
    /// Where its next leaf begins.
    next: Option<Key>,
    /// How many leaves are foreseen at a time.
    window: usize,
    /// Leaves that were foreseen and that it has not come to.
    foreseen: usize,
}

/// The walks that are under way.
#[derive(Default)]
pub(super) struct Ahead {
    walks: [Walk; WALKS],
    oldest: usize,
}

impl Ahead {
    /// A leaf with these bounds is not in memory. Gives how many after it should be foreseen.
    pub(super) fn note(&mut self, from: Option<Key>, to: Option<Key>) -> usize {
        let Some(walk) = self.walks.iter_mut().find(|walk| from.is_some() && walk.next == from)
        else {
            self.walks[self.oldest] = Walk { next: to, window: FIRST, foreseen: 0 };
            self.oldest = (self.oldest + 1) % WALKS;
            return 0;
        };
        walk.next = to;
        if let Some(fewer) = walk.foreseen.checked_sub(1) {
            walk.foreseen = fewer;
            return 0;
        }
        walk.foreseen = walk.window;
        walk.window = (2 * walk.window).min(MOST);
        walk.foreseen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn key(object: u64) -> Key {
        Key { object, kind: 0, position: 0 }
    }

    /// The leaf of an object is read.
    fn read(ahead: &mut Ahead, object: u64) -> usize {
        ahead.note(Some(key(object)), Some(key(object + 1)))
    }

    #[test]
    fn a_walk_is_foreseen_in_growing_windows_and_without_repetition() {
        let mut ahead = Ahead::default();
        let asked: Vec<(u64, usize)> = (0..200)
            .map(|leaf| (leaf, read(&mut ahead, leaf)))
            .filter(|(_, leaves)| *leaves > 0)
            .collect();
        assert_eq!(asked, [(1, 8), (10, 16), (27, 32), (60, 64), (125, 64), (190, 64)]);
    }

    #[test]
    fn leaves_here_and_there_are_no_walk() {
        let mut ahead = Ahead::default();
        for leaf in 0..1000 {
            let place = leaf * 7919 % 1009;
            assert_eq!(read(&mut ahead, 2 * place), 0, "{leaf}");
        }
    }

    #[test]
    fn two_walks_do_not_disturb_each_other() {
        let mut ahead = Ahead::default();
        let mut asked = 0;
        for leaf in 0..50 {
            asked += read(&mut ahead, leaf);
            asked += read(&mut ahead, 1000 + leaf);
        }
        assert_eq!(asked, 2 * (8 + 16 + 32));
    }

    #[test]
    fn the_first_leaf_of_all_begins_a_walk_and_continues_none() {
        let mut ahead = Ahead::default();
        assert_eq!(ahead.note(None, None), 0);
        assert_eq!(ahead.note(None, Some(key(1))), 0);
        assert_eq!(read(&mut ahead, 1), 8);
    }
}
