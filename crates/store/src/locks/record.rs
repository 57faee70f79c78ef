//! One lock, and the locks that one file has, in the order in which Linux shows them.

use super::Range;
use alloc::vec::Vec;

/// Whose lock it is, and with that of which kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owner {
    /// An open description that has it by `flock`: always the whole file.
    Flock(u64),
    /// A process, by `fcntl` with `F_SETLK`.
    Process(u64),
    /// An open description, by `fcntl` with `F_OFD_SETLK`.
    Description(u64),
}

impl Owner {
    /// Locks of `flock` and of `fcntl` do not see each other, as on any local file system of Linux.
    fn sees(self, other: Self) -> bool {
        matches!(self, Self::Flock(_)) == matches!(other, Self::Flock(_))
    }
}

/// With whom a lock can be shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// With others that are shared.
    Shared,
    /// With nobody.
    Exclusive,
}

/// A lock, held or wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Whose.
    pub owner: Owner,
    /// On which bytes.
    pub range: Range,
    /// Shared or not.
    pub mode: Mode,
}

impl Held {
    /// Whether the two cannot be held at the same time.
    pub(super) fn excludes(&self, other: &Self) -> bool {
        self.owner != other.owner
            && self.owner.sees(other.owner)
            && (self.mode == Mode::Exclusive || other.mode == Mode::Exclusive)
            && self.range.overlaps(other.range)
    }
}

/// The locks held on one file: those of one owner stand together, sorted by their range, and the
/// owners in the order of their first lock. `F_GETLK` tells the first that is in the way, so the
/// order can be seen; this is the order of Linux.
#[derive(Debug, Default)]
pub(super) struct Records(Vec<Held>);

impl Records {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first lock that a wanted one cannot be held with.
    pub(super) fn first_against(&self, wanted: &Held) -> Option<&Held> {
        self.0.iter().find(|held| held.excludes(wanted))
    }

    /// All of these.
    pub(super) fn against<'a>(&'a self, wanted: &'a Held) -> impl Iterator<Item = &'a Held> {
        self.0.iter().filter(|held| held.excludes(wanted))
    }

    /// How many records an owner would have if it had that mode on that range (`None` for no lock),
    /// and how many it has now.
    pub(super) fn growth(&self, owner: Owner, range: Range, mode: Option<Mode>) -> (usize, usize) {
        let (_, group) = self.group(owner);
        (rewritten(group, owner, range, mode).len(), group.len())
    }

    /// Lets an owner have that mode on that range, whatever it had there before.
    pub(super) fn put(&mut self, owner: Owner, range: Range, mode: Option<Mode>) {
        let (at, group) = self.group(owner);
        let (new, old) = (rewritten(group, owner, range, mode), group.len());
        self.0.splice(at..at + old, new);
    }

    /// Where an owner's locks begin, and which they are; at the end if there are none.
    fn group(&self, owner: Owner) -> (usize, &[Held]) {
        let theirs = |held: &Held| held.owner == owner;
        let at = self.0.iter().position(theirs).unwrap_or(self.0.len());
        let rest = self.0.get(at..).unwrap_or_default();
        let many = rest.iter().position(|held| !theirs(held)).unwrap_or(rest.len());
        (at, rest.get(..many).unwrap_or_default())
    }
}

/// An owner's locks after a change: cut where the range begins and ends, joined where neighbours
/// have the same mode.
fn rewritten(group: &[Held], owner: Owner, range: Range, mode: Option<Mode>) -> Vec<Held> {
    let mut grown = range;
    let mut new = Vec::with_capacity(group.len() + 2);
    let mut joined = |held: &&Held| {
        let joins = Some(held.mode) == mode && held.range.touches(range);
        if joins {
            grown = grown.with(held.range);
        }
        joins
    };
    for held in group.iter().filter(|held| !joined(held)) {
        let parts = [held.range.before(range), held.range.after(range)];
        new.extend(parts.into_iter().flatten().map(|range| Held { range, ..*held }));
    }
    if let Some(mode) = mode {
        let at = new.partition_point(|held| held.range.start() < grown.start());
        new.insert(at, Held { owner, range: grown, mode });
    }
    new
}
