//! A store that threads share.
//!
//! One lock guards the store, and nobody keeps it while waiting for a medium or encrypting: pages are
//! fetched, written out and committed by whoever needs that, outside. Commits are shared: who
//! synchronises while one is on its way waits for the next, together with all others who came
//! meanwhile. A thread of its own, the *keeper*, writes out what has been dirty for a while, commits
//! what nobody synchronises, and tells the seal when nobody is waiting.

mod ahead;
mod call;
mod commit;
mod habit;
mod keeper;
mod operations;
mod room;
mod transfer;

use crate::attributes::Time;
use crate::error::Error;
use crate::host::reader::Holds;
use crate::medium::Trouble;
use crate::store::Store;
use ahead::Ahead;
use call::Call;
use commit::Commits;
use habit::Habit;
use std::boxed::Box;
use std::mem::take;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};
use std::vec::Vec;

/// A store that threads share; its clones are the same one. When the last of them is dropped without
/// its being [closed](Self::close), what was not synchronised is lost, as in a crash.
#[derive(Clone)]
pub struct Volume(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Something ended that somebody may be waiting for.
    changed: Condvar,
    /// There may be something for the keeper to do.
    call: Arc<Call>,
    /// There may be something to read ahead.
    look_ahead: Arc<Call>,
    /// Whether somebody reads an older commit.
    held: Box<dyn Fn() -> bool + Send + Sync>,
    /// How long somebody who finds no room waits for others to make some.
    patience: Duration,
    /// The keeper, and who reads ahead.
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct State {
    store: Store,
    /// Jobs that somebody is running.
    jobs: usize,
    commits: Commits,
    ahead: Ahead,
    habit: Habit,
    /// How many wait for others to make room.
    out_of_room: usize,
    /// The keeper is to end.
    closing: bool,
    /// It sleeps for so long that it has to be called. To call it always would cost every `fsync` a
    /// switch to another thread.
    keeper_sleeps: bool,
}

impl Volume {
    /// Shares a store. `holds` says whether somebody reads an older commit of it.
    pub fn new(store: Store, holds: Option<Holds>) -> Self {
        Self::patient(store, holds, room::PATIENCE)
    }

    fn patient(store: Store, holds: Option<Holds>, patience: Duration) -> Self {
        let held = move || holds.as_ref().is_some_and(Holds::any);
        let state = State {
            store,
            jobs: 0,
            commits: Commits::default(),
            ahead: Ahead::default(),
            habit: Habit::default(),
            out_of_room: 0,
            closing: false,
            keeper_sleeps: false,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
            call: Arc::default(),
            look_ahead: Arc::default(),
            held: Box::new(held),
            patience,
            threads: Mutex::default(),
        });
        let volume = Self(shared);
        let mut threads = ahead::start(&Arc::downgrade(&volume.0), &volume.0.look_ahead);
        threads.extend(keeper::start(Arc::downgrade(&volume.0), volume.0.call.clone()));
        *volume.0.threads.lock().unwrap_or_else(PoisonError::into_inner) = threads;
        volume
    }

    /// Makes everything safe, says so in seal and superblock, and ends the threads: the media are
    /// nobody's when the last clone is dropped. What is done afterwards is refused.
    pub fn close(&self) -> Result<(), Error> {
        self.end_threads()?;
        if self.0.lock()?.store.is_read_only() {
            return Ok(());
        }
        self.0.sync()?;
        self.0.confirm()
    }

    fn end_threads(&self) -> Result<(), Error> {
        {
            let mut state = self.0.lock()?;
            state.closing = true;
            state.ahead.ending = true;
            self.0.call.call();
            self.0.look_ahead.call();
        }
        let threads = take(&mut *self.0.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // If it panicked, the lock says so afterwards.
            let _ = thread.join();
        }
        Ok(())
    }

    /// Forgets all that can be read again, as a system does that needs the memory for something else.
    pub fn forget(&self) -> Result<(), Error> {
        self.0.lock()?.store.forget();
        Ok(())
    }

    /// Something done to the store itself, with all other threads waiting.
    pub fn with<T>(
        &self,
        mut what: impl FnMut(&mut Store) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.0.with(&mut what)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.call.call();
        self.look_ahead.call();
    }
}

impl Shared {
    /// The store. If a thread panicked while it had it, nobody knows what state it is in: no more of
    /// it is shown, and above all nothing of it is committed.
    fn lock(&self) -> Result<MutexGuard<'_, State>, Error> {
        self.state.lock().map_err(|_| Error::Stopped(Trouble::System(0)))
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> Result<MutexGuard<'a, State>, Error> {
        self.changed.wait(state).map_err(|_| Error::Stopped(Trouble::System(0)))
    }

    /// There is something for the keeper to do, now or soon.
    fn call_keeper(&self, state: &mut State) {
        if take(&mut state.keeper_sleeps) {
            self.call.call();
        }
    }

    /// What is due between two operations.
    fn tidy(&self, mut state: MutexGuard<'_, State>) -> Result<(), Error> {
        state.store.tidy();
        if !state.commits.dirty && state.store.has_changed() {
            state.commits.note();
            self.call_keeper(&mut state);
        }
        if state.store.needs_commit() && !state.store.is_read_only() {
            drop(state);
            self.make_safe()?;
        }
        Ok(())
    }
}

/// The time now.
fn now() -> Time {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Time { seconds: since.as_secs().cast_signed(), nanoseconds: since.subsec_nanos() }
}
