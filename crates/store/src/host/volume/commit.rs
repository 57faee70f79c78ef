//! Commits that threads share.

use super::{Shared, now};
use crate::error::Error;
use crate::store::Store;
use std::time::Instant;

/// Pages that are left for the commit itself to write: a job's worth. More would keep others
/// waiting while they are encrypted.
const FEW: usize = 256;

/// Which commits have begun and ended.
#[derive(Default)]
pub(super) struct Commits {
    /// One, or a confirmation of one, is on its way.
    busy: bool,
    begun: u64,
    ended: u64,
    /// What is dirty is being written out for one.
    gathering: bool,
    /// Something changed since the last one began.
    pub(super) dirty: bool,
    /// When that was first noticed.
    pub(super) dirty_since: Option<Instant>,
    /// When the last one ended, if it was not confirmed yet.
    pub(super) unconfirmed_since: Option<Instant>,
}

impl Commits {
    /// Whether a commit is gathering what is dirty, and has more of it than one thread should write.
    pub(super) fn gathers(&self, store: &Store) -> bool {
        self.gathering && store.dirty_pages() > FEW
    }

    /// Notes that there is something to commit.
    pub(super) fn note(&mut self) {
        self.dirty = true;
        self.dirty_since = Some(Instant::now());
    }
}

impl Shared {
    /// Makes everything safe that was done before, and tells what was lost.
    pub(super) fn sync(&self) -> Result<(), Error> {
        self.lock()?.habit.synchronised();
        self.make_safe()?;
        self.lock()?.store.take_lost()
    }

    /// Makes everything safe that was done before. What was lost is told to somebody who
    /// synchronises.
    pub(super) fn make_safe(&self) -> Result<(), Error> {
        let mut state = self.lock()?;
        let mine = state.commits.begun + 1;
        while state.commits.ended < mine {
            if state.commits.busy {
                state = self.wait(state)?;
                continue;
            }
            state.commits.busy = true;
            state.commits.begun += 1;
            let number = state.commits.begun;
            drop(state);
            let done = self.commit();
            state = self.lock()?;
            state.commits.busy = false;
            state.commits.ended = number;
            self.changed.notify_all();
            self.call_keeper(&mut state);
            done?;
        }
        Ok(())
    }

    /// Tells seal and superblock that the last commit happened.
    pub(super) fn confirm(&self) -> Result<(), Error> {
        let mut state = self.lock()?;
        while state.commits.busy {
            state = self.wait(state)?;
        }
        let Some(mut landing) = state.store.begin_confirm()? else { return Ok(()) };
        state.commits.busy = true;
        drop(state);
        let done = landing.confirm();
        let mut state = self.lock()?;
        state.commits.busy = false;
        state.commits.unconfirmed_since = None;
        self.changed.notify_all();
        state.store.finish_commit(landing, done, (self.held)())
    }

    fn commit(&self) -> Result<(), Error> {
        // What can be written out while others go on, is; but only what was there: they may be
        // faster than we are.
        let mut state = self.lock()?;
        let mut rounds = state.store.dirty_pages() / FEW;
        if rounds > 0 {
            state.commits.gathering = true;
            self.call_keeper(&mut state);
            drop(state);
            while rounds > 0 && self.flush_some()? {
                rounds -= 1;
            }
            state = self.lock()?;
            state.commits.gathering = false;
        }
        while state.jobs > 0 {
            state = self.wait(state)?;
        }
        state.commits.dirty = false;
        state.commits.dirty_since = None;
        if state.store.keeps_for_readers() && !(self.held)() {
            state.store.nobody_reads_older();
        }
        let begun = state.store.begin_commit(now())?;
        if state.store.is_written_through_mappings() {
            // Nobody tells when that happens again.
            state.commits.note();
        }
        let Some(mut landing) = begun else { return Ok(()) };
        drop(state);
        let done = landing.land();
        let held = (self.held)();
        let mut state = self.lock()?;
        state.commits.unconfirmed_since = Some(Instant::now());
        state.store.finish_commit(landing, done, held)
    }
}
