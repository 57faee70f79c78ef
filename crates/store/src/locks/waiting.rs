//! Those who wait for a lock, and whether waiting would ever end.

use super::{Held, Owner, record::Records};
use crate::{Error, ObjectId};
use alloc::{collections::BTreeMap, vec::Vec};
use hashbrown::{HashMap, HashSet};

/// Somebody who waits for a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Waiter {
    object: ObjectId,
    /// Rises: who waits longer has the smaller one.
    ticket: u64,
}

/// Somebody who waits no longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Woken {
    /// Who.
    pub waiter: Waiter,
    /// Whether it now has its lock: there may have been no room for it.
    pub outcome: Result<(), Error>,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    /// By file, and there in the order of their coming.
    waiting: BTreeMap<(ObjectId, u64), Held>,
    /// What each process waits for: with several threads, for several.
    processes: HashMap<u64, Vec<Waiter>>,
    next: u64,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn add(&mut self, object: ObjectId, wanted: Held) -> Waiter {
        let waiter = Waiter { object, ticket: self.next };
        self.next += 1;
        self.waiting.insert((object, waiter.ticket), wanted);
        if let Owner::Process(process) = wanted.owner {
            self.processes.entry(process).or_default().push(waiter);
        }
        waiter
    }

    pub(super) fn remove(&mut self, waiter: Waiter) -> Option<Held> {
        let wanted = self.waiting.remove(&(waiter.object, waiter.ticket))?;
        if let Owner::Process(process) = wanted.owner
            && let Some(theirs) = self.processes.get_mut(&process)
        {
            theirs.retain(|other| *other != waiter);
            if theirs.is_empty() {
                self.processes.remove(&process);
            }
        }
        Some(wanted)
    }

    /// Those who wait for locks on a file, the longest first.
    pub(super) fn of(&self, object: ObjectId) -> Vec<(Waiter, Held)> {
        self.waiting
            .range((object, 0)..=(object, u64::MAX))
            .map(|((object, ticket), held)| (Waiter { object: *object, ticket: *ticket }, *held))
            .collect()
    }

    /// Whether a process that waits for a lock would wait for itself in the end. Only locks of
    /// processes are looked at, as in Linux: who will let go of a description cannot be known.
    ///
    /// Who is in whose way is looked up in the table each time, so this is right however the locks
    /// went from hand to hand meanwhile. A process with several threads can still tie a knot
    /// without asking to wait: Linux does not see that either.
    pub(super) fn would_never_end(
        &self,
        files: &HashMap<ObjectId, Records>,
        object: ObjectId,
        wanted: &Held,
    ) -> bool {
        let Owner::Process(asking) = wanted.owner else { return false };
        let mut seen = HashSet::new();
        let mut open = Vec::new();
        let mut note = |object: &ObjectId, wanted: &Held, open: &mut Vec<u64>| {
            for held in files.get(object).into_iter().flat_map(|file| file.against(wanted)) {
                if let Owner::Process(process) = held.owner
                    && seen.insert(process)
                {
                    open.push(process);
                }
            }
        };
        note(&object, wanted, &mut open);
        while let Some(process) = open.pop() {
            if process == asking {
                return true;
            }
            for waiter in self.processes.get(&process).into_iter().flatten() {
                if let Some(wanted) = self.waiting.get(&(waiter.object, waiter.ticket)) {
                    note(&waiter.object, wanted, &mut open);
                }
            }
        }
        false
    }
}
