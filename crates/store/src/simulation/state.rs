//! The bytes of a simulated medium: those that are safe, those that are read, and what was done
//! to the ones to get to the others.

use super::dice::Dice;
use crate::medium::Trouble;
use alloc::vec;
use alloc::vec::Vec;

/// What a disk writes as a whole, except when the power fails in the middle of it.
pub(super) const SECTOR: usize = 512;

/// What discarded bytes read as: anything, but zeros would hide who counts on them.
const DISCARDED: u8 = 0xdb;

/// Something that was done.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Write {
        at: u64,
        bytes: Vec<u8>,
    },
    Grow(usize),
    Discard {
        at: u64,
        length: usize,
    },
    Sync,
    FailedSync,
    /// A sync that lied.
    Nothing,
}

#[derive(Debug, Clone, Default)]
pub(super) struct State {
    /// What a crash leaves in any case.
    safe: Vec<u8>,
    /// What is read.
    seen: Vec<u8>,
    /// What leads from the one to the other.
    pending: Vec<Pending>,
}

#[derive(Debug, Clone)]
struct Pending {
    at: usize,
    effect: Effect,
    /// A sync that should have made it safe failed: no later one is going to.
    given_up: bool,
}

#[derive(Debug, Clone)]
enum Effect {
    Bytes(Vec<u8>),
    /// It got as long as `at`.
    Longer,
}

impl State {
    pub(super) fn holding(bytes: Vec<u8>) -> Self {
        Self { safe: bytes.clone(), seen: bytes, pending: Vec::new() }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.seen
    }

    pub(super) fn size(&self) -> u64 {
        self.seen.len() as u64
    }

    /// The bytes that are read there.
    pub(super) fn range(&self, at: u64, length: usize) -> Result<&[u8], Trouble> {
        let at = usize::try_from(at).map_err(|_| Trouble::Short)?;
        let end = at.checked_add(length).ok_or(Trouble::Short)?;
        self.seen.get(at..end).ok_or(Trouble::Short)
    }

    pub(super) fn tamper(&mut self, at: u64, bytes: &[u8]) {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        put(&mut self.safe, at, bytes);
        put(&mut self.seen, at, bytes);
        // Nor does a crash bring back what was there.
        for pending in &mut self.pending {
            if let Effect::Bytes(written) = &mut pending.effect {
                overlay(written, pending.at, bytes, at);
            }
        }
    }

    pub(super) fn apply(&mut self, change: &Change) {
        match change {
            Change::Write { at, bytes } => self.write(*at, bytes.clone()),
            Change::Discard { at, length } => self.write(*at, vec![DISCARDED; *length]),
            Change::Grow(length) => {
                self.seen.resize(*length, 0);
                self.wait_for(*length, Effect::Longer);
            }
            Change::Sync => self.sync(),
            Change::FailedSync => {
                for pending in &mut self.pending {
                    pending.given_up = true;
                }
            }
            Change::Nothing => {}
        }
    }

    fn write(&mut self, at: u64, bytes: Vec<u8>) {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        put(&mut self.seen, at, &bytes);
        self.wait_for(at, Effect::Bytes(bytes));
    }

    fn wait_for(&mut self, at: usize, effect: Effect) {
        self.pending.push(Pending { at, effect, given_up: false });
    }

    fn sync(&mut self) {
        if self.pending.iter().any(|pending| pending.given_up) {
            // Whether these got there is known only after the crash, so they stay open, and what
            // came later stays above them.
            let (given_up, later): (Vec<_>, Vec<_>) =
                self.pending.drain(..).partition(|pending| pending.given_up);
            self.pending = given_up;
            for above in later {
                above.settle(&mut self.safe);
                for below in &mut self.pending {
                    below.give_way_to(&above);
                }
            }
        } else {
            for pending in self.pending.drain(..) {
                pending.settle(&mut self.safe);
            }
        }
    }

    /// What a crash leaves: of each write any sectors, and of one perhaps only the beginning
    /// of a sector.
    pub(super) fn crash(&self, dice: &mut Dice) -> Self {
        let mut bytes = self.safe.clone();
        // Nothing, a quarter, a half, three quarters, everything: the ends are cases of their own.
        let quarters = dice.below(5);
        let kept = |dice: &mut Dice| dice.below(4) < quarters;
        // How long it got is one decision; of what is beyond nothing can be left.
        let longer = self.pending.iter().filter(|pending| matches!(pending.effect, Effect::Longer));
        for pending in longer {
            if kept(dice) && pending.at > bytes.len() {
                bytes.resize(pending.at, 0);
            }
        }
        let mut last_of_all: Option<(usize, &[u8])> = None;
        for pending in &self.pending {
            let Effect::Bytes(written) = &pending.effect else { continue };
            for (at, sector) in sectors(pending.at, written) {
                if kept(dice) {
                    put(&mut bytes, at, sector);
                    // What came later into the same sector was not overtaken.
                    last_of_all = last_of_all.filter(|(other, _)| other / SECTOR != at / SECTOR);
                } else {
                    last_of_all = Some((at, sector));
                }
            }
        }
        if let Some((at, sector)) = last_of_all
            && quarters > 0
            && dice.below(2) == 0
        {
            let torn = sector.get(..dice.below(sector.len())).unwrap_or_default();
            put(&mut bytes, at, torn);
        }
        Self::holding(bytes)
    }
}

impl Pending {
    fn settle(&self, safe: &mut Vec<u8>) {
        match &self.effect {
            Effect::Bytes(bytes) => {
                // It was seen there, so there was room, even if a sync failed to say so.
                let end = self.at + bytes.len();
                if safe.len() < end {
                    safe.resize(end, 0);
                }
                put(safe, self.at, bytes);
            }
            Effect::Longer if self.at > safe.len() => safe.resize(self.at, 0),
            Effect::Longer => {}
        }
    }

    /// Takes over the bytes of a later write that is safe, where the two overlap.
    fn give_way_to(&mut self, later: &Self) {
        let (Effect::Bytes(mine), Effect::Bytes(theirs)) = (&mut self.effect, &later.effect) else {
            return;
        };
        overlay(mine, self.at, theirs, later.at);
    }
}

/// Writes `from`, which lies at `from_at`, over `into`, which lies at `into_at`, where they meet.
fn overlay(into: &mut [u8], into_at: usize, from: &[u8], from_at: usize) {
    let start = into_at.max(from_at);
    let end = (into_at.saturating_add(into.len())).min(from_at.saturating_add(from.len()));
    let Some(length) = end.checked_sub(start) else { return };
    let to = into.get_mut(start - into_at..start - into_at + length);
    let new = from.get(start - from_at..start - from_at + length);
    if let (Some(to), Some(new)) = (to, new) {
        to.copy_from_slice(new);
    }
}

/// Writes as much as there is room for.
fn put(into: &mut [u8], at: usize, bytes: &[u8]) {
    overlay(into, 0, bytes, at);
}

/// The pieces of a write that lie in one sector each.
fn sectors(at: usize, bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut next = at;
    let mut rest = bytes;
    core::iter::from_fn(move || {
        let length = (SECTOR - next % SECTOR).min(rest.len());
        let (piece, after) =
            rest.split_at_checked(length).filter(|(piece, _)| !piece.is_empty())?;
        let found = (next, piece);
        (next, rest) = (next + length, after);
        Some(found)
    })
}
