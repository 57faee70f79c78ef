//! Bytes between the medium and memory, while others go on.

use super::{Shared, Volume, now};
use crate::attributes::{ObjectId, Time};
use crate::error::Error;
use crate::files::fetching::Announcement;

const BLOCK: u64 = crate::place::BLOCK as u64;
/// Dirty pages from which on writers help to write out.
const MANY: usize = 6144;
/// A read whose pages were changed while they were fetched is begun anew so often, then done with
/// everybody waiting.
const ATTEMPTS: usize = 8;

impl Volume {
    /// Reads from a file; gives how many bytes there were.
    pub fn read(&self, object: ObjectId, offset: u64, into: &mut [u8]) -> Result<usize, Error> {
        let shared = &self.0;
        for _ in 0..ATTEMPTS {
            let mut state = shared.lock()?;
            let span = (object, offset / BLOCK, (offset + into.len() as u64).div_ceil(BLOCK));
            state = shared.wait_for(state, span)?;
            let begun = state.store.begin_read_of_file(object, offset, into);
            let reading = begun.map_err(|error| state.store.explain(error))?;
            let end = offset + reading.length as u64;
            let announcements = state.look_ahead(object, offset, end);
            drop(state);
            if let Some(announcements) = announcements {
                announcements.iter().for_each(Announcement::make);
                shared.look_ahead.call();
            }
            if !reading.lent.is_empty() {
                reading.lent.copy(&mut into[..reading.length]);
                shared.lock()?.store.copied(&reading.lent);
            }
            if reading.fetches.is_empty() {
                return Ok(reading.length);
            }
            let mut right = true;
            for mut fetch in reading.fetches {
                let done = fetch.run();
                fetch.copy(offset, &mut into[..reading.length]);
                let mut state = shared.lock()?;
                right &= state.store.fetched(fetch, done)?;
                state.store.tidy();
            }
            if right {
                return Ok(reading.length);
            }
        }
        let mut state = shared.lock()?;
        let done = state.store.read(object, offset, into);
        state.store.tidy();
        done.map_err(|error| state.store.explain(error))
    }

    /// Writes to a file: all of it, or nothing. Its times become `now`.
    pub fn write(
        &self,
        object: ObjectId,
        offset: u64,
        from: &[u8],
        now: Time,
    ) -> Result<(), Error> {
        self.0.make_frames()?;
        self.0.with(&mut |store| store.write(object, offset, from, now))
    }

    /// Writes to the end of a file, wherever that is by now; gives where that was.
    pub fn append(&self, object: ObjectId, from: &[u8]) -> Result<u64, Error> {
        self.0.make_frames()?;
        self.0.with(&mut |store| store.append(object, from, now()))
    }

    /// Makes everything safe that was done before.
    pub fn sync(&self) -> Result<(), Error> {
        // Where nothing can be changed there is nothing that is not safe.
        if self.0.lock()?.store.is_read_only() {
            return Ok(());
        }
        self.0.sync()
    }
}

impl Shared {
    /// Writes some dirty pages out; says whether there were any.
    pub(super) fn flush_some(&self) -> Result<bool, Error> {
        let mut state = self.lock()?;
        let Some(mut job) = state.store.take_job()? else { return Ok(false) };
        state.jobs += 1;
        drop(state);
        let done = job.run();
        let mut state = self.lock()?;
        state.jobs -= 1;
        let done = state.store.finish_job(job, done);
        state.store.tidy();
        self.changed.notify_all();
        done.map(|()| true)
    }

    /// Returns when there are frames to write to; helps if there are none.
    pub(super) fn make_frames(&self) -> Result<(), Error> {
        loop {
            let mut state = self.lock()?;
            if state.store.should_write_out() {
                self.call_keeper(&mut state);
            }
            let crowded = state.store.crowded();
            let many = state.store.dirty_pages() > MANY;
            drop(state);
            if !crowded {
                // Whoever writes faster than the keeper writes out, helps: so both processors are
                // used, and the keeper finds the store free meanwhile.
                return if many { self.flush_some().map(|_| ()) } else { Ok(()) };
            }
            if !self.flush_some()? {
                let state = self.lock()?;
                // Others are writing out all that is dirty.
                if state.jobs > 0 {
                    drop(self.wait(state)?);
                }
            }
        }
    }
}
