//! Who has locked which bytes of which file, and who waits for whom.
//!
//! Locks of `flock`, of `fcntl` by process and of `fcntl` by open description, with the rules of
//! Linux. The table never blocks, and knows no threads: it says that a lock is granted, or whose is
//! in the way; whoever calls it puts its program to sleep and wakes those that it is told to wake.
//! Nothing of it lies in the store: locks end with the processes that hold them.
//!
//! **Who is next.** A wanted lock is granted if nothing that is *held* is in its way, as in Linux:
//! readers that keep coming can keep a writer waiting. Among those that wait, the one that has
//! waited longest is asked first, and is given its lock by the table itself, so that nobody can
//! come between its being woken and its having it.

mod range;
mod record;
mod waiting;

#[cfg(test)]
mod tests;

pub use range::Range;
pub use record::{Held, Mode, Owner};
pub use waiting::{Waiter, Woken};

use crate::{Error, ObjectId};
use alloc::vec::Vec;
use hashbrown::HashMap;
use record::Records;
use waiting::Queue;

/// Why a lock was not granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// A lock is in the way.
    Held {
        /// The first that is.
        by: Held,
        /// Whom to wake all the same: `flock` gives up what it has before it asks for something
        /// else, and as in Linux it has lost that even if it then gets nothing.
        woken: Vec<Woken>,
    },
    /// There are too many locks; nothing has changed.
    TooMany,
}

/// All the locks of a store.
#[derive(Debug)]
pub struct Locks {
    /// How many records and waiters there may be, together.
    limit: usize,
    /// How many records there are.
    records: usize,
    files: HashMap<ObjectId, Records>,
    queue: Queue,
}

impl Locks {
    /// A table that holds at most `limit` locks and waiters together.
    pub fn new(limit: usize) -> Self {
        Self { limit, records: 0, files: HashMap::new(), queue: Queue::default() }
    }

    /// Gives a lock to its owner, or changes the mode of one that it has; answers whom to wake.
    ///
    /// # Errors
    /// [`Refused`]: who has it, or that there are too many.
    pub fn set(
        &mut self,
        object: ObjectId,
        owner: Owner,
        range: Range,
        mode: Mode,
    ) -> Result<Vec<Woken>, Refused> {
        let range = whole_if_flock(owner, range);
        let wanted = Held { owner, range, mode };
        if let Some(by) = self.files.get(&object).and_then(|file| file.first_against(&wanted)) {
            let by = *by;
            let woken = match owner {
                Owner::Flock(_) => self.release_all(object, owner),
                _ => Vec::new(),
            };
            return Err(Refused::Held { by, woken });
        }
        self.put(object, owner, range, Some(mode)).map_err(|_| Refused::TooMany)?;
        Ok(self.wake(object))
    }

    /// The first lock that would be in the way: what `F_GETLK` tells.
    pub fn test(&self, object: ObjectId, owner: Owner, range: Range, mode: Mode) -> Option<Held> {
        let wanted = Held { owner, range: whole_if_flock(owner, range), mode };
        self.files.get(&object)?.first_against(&wanted).copied()
    }

    /// Takes from an owner what it has of a range; answers whom to wake.
    ///
    /// # Errors
    /// [`Error::TooManyLocks`] if a lock would have to be cut in two and there is no room for that.
    pub fn release(
        &mut self,
        object: ObjectId,
        owner: Owner,
        range: Range,
    ) -> Result<Vec<Woken>, Error> {
        self.put(object, owner, whole_if_flock(owner, range), None)?;
        Ok(self.wake(object))
    }

    /// Takes from an owner all it has on a file; answers whom to wake. To be called for a process
    /// when it closes *any* descriptor of the file, for a description when its last one is closed.
    pub fn release_all(&mut self, object: ObjectId, owner: Owner) -> Vec<Woken> {
        // Nothing is cut in two by that, so there is always room for it.
        self.put(object, owner, Range::WHOLE, None)
            .map_or_else(|_| Vec::new(), |()| self.wake(object))
    }

    /// Queues up for a lock that [`set`](Self::set) has just refused. The waiter comes back in the
    /// list of a later call, once.
    ///
    /// # Errors
    /// [`Error::Deadlock`] if the processes that are in the way wait, themselves or by others, for
    /// this one; [`Error::TooManyLocks`].
    pub fn wait(
        &mut self,
        owner: Owner,
        object: ObjectId,
        range: Range,
        mode: Mode,
    ) -> Result<Waiter, Error> {
        if self.records + self.queue.len() >= self.limit {
            return Err(Error::TooManyLocks);
        }
        let wanted = Held { owner, range: whole_if_flock(owner, range), mode };
        if self.queue.would_never_end(&self.files, object, &wanted) {
            return Err(Error::Deadlock);
        }
        Ok(self.queue.add(object, wanted))
    }

    /// Gives up waiting; answers whether it still waited. If not, it has its lock by now, or was
    /// told that it cannot have it.
    pub fn cancel(&mut self, waiter: Waiter) -> bool {
        self.queue.remove(waiter).is_some()
    }

    /// Changes what an owner has, if there is room for it.
    fn put(
        &mut self,
        object: ObjectId,
        owner: Owner,
        range: Range,
        mode: Option<Mode>,
    ) -> Result<(), Error> {
        if mode.is_none() && !self.files.contains_key(&object) {
            return Ok(());
        }
        let file = self.files.entry(object).or_default();
        let (new, old) = file.growth(owner, range, mode);
        let records = self.records - old + new;
        let room = new <= old || records + self.queue.len() <= self.limit;
        if room {
            file.put(owner, range, mode);
            self.records = records;
        }
        if file.is_empty() {
            self.files.remove(&object);
        }
        if room { Ok(()) } else { Err(Error::TooManyLocks) }
    }

    /// Grants what is now free to those who have waited longest.
    fn wake(&mut self, object: ObjectId) -> Vec<Woken> {
        let mut woken = Vec::new();
        // Once more after each round that granted something: who gets a shared lock gives up the
        // exclusive one it may have had there, for which somebody may wait.
        loop {
            let before = woken.len();
            for (waiter, wanted) in self.queue.of(object) {
                if self.files.get(&object).is_some_and(|file| file.first_against(&wanted).is_some())
                {
                    continue;
                }
                self.queue.remove(waiter);
                let outcome = self.put(object, wanted.owner, wanted.range, Some(wanted.mode));
                woken.push(Woken { waiter, outcome });
            }
            if woken.len() == before {
                return woken;
            }
        }
    }
}

fn whole_if_flock(owner: Owner, range: Range) -> Range {
    if matches!(owner, Owner::Flock(_)) { Range::WHOLE } else { range }
}
