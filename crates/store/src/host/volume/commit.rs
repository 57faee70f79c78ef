//! Commits that threads share.

use super::{Shared, now};
use crate::committing::Landing;
use crate::error::Error;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
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
    /// Something changed since the last one began.
    pub(super) dirty: bool,
    /// When that was first noticed.
    pub(super) dirty_since: Option<Instant>,
    /// When the last one ended, if it was not confirmed yet.
    pub(super) unconfirmed_since: Option<Instant>,
}

impl Commits {
    /// Notes that there is something to commit.
    pub(super) fn note(&mut self) {
        self.dirty = true;
        self.dirty_since = Some(Instant::now());
    }
}

impl Shared {
    /// Makes everything safe that was done before.
    pub(super) fn sync(&self) -> Result<(), Error> {
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
            self.call.call();
            done?;
        }
        state.store.take_lost()
    }

    /// Tells seal and superblock that the last commit happened.
    pub(super) fn confirm(&self) -> Result<(), Error> {
        let mut state = self.lock()?;
        while state.commits.busy {
            state = self.wait(state)?;
        }
        let Some(landing) = state.store.begin_confirm()? else { return Ok(()) };
        state.commits.busy = true;
        drop(state);
        let (landing, done) = land_seal(landing);
        let mut state = self.lock()?;
        state.commits.busy = false;
        state.commits.unconfirmed_since = None;
        self.changed.notify_all();
        state.store.finish_commit(landing, done, (self.held)())
    }

    fn commit(&self) -> Result<(), Error> {
        // What can be written out while others go on, is; but only what was there: they may be
        // faster than we are.
        let mut rounds = self.lock()?.store.dirty_pages() / FEW;
        while rounds > 0 && self.flush_some()? {
            rounds -= 1;
        }
        let mut state = self.lock()?;
        while state.jobs > 0 {
            state = self.wait(state)?;
        }
        state.commits.dirty = false;
        state.commits.dirty_since = None;
        let Some(landing) = state.store.begin_commit(now())? else { return Ok(()) };
        drop(state);
        let landed = self.seal.land(landing);
        let held = (self.held)();
        let mut state = self.lock()?;
        let Some((landing, done)) = landed else { return Err(state.store.abandon_commit()) };
        state.commits.unconfirmed_since = Some(Instant::now());
        state.store.finish_commit(landing, done, held)
    }
}

type Landed = (Landing, Result<(), Error>);

fn land_seal(mut landing: Landing) -> Landed {
    let done = landing.write_seal();
    (landing, done)
}

/// The thread that writes seals, while another waits for the blocks.
pub(super) struct SealThread(Option<Mutex<(Sender<Landing>, Receiver<Landed>)>>);

impl SealThread {
    /// If there cannot be another thread, seals are written after the blocks.
    pub(super) fn start() -> Self {
        let (give, take) = channel::<Landing>();
        let (give_back, take_back) = channel();
        let body = move || {
            while let Ok(landing) = take.recv() {
                if give_back.send(land_seal(landing)).is_err() {
                    return;
                }
            }
        };
        let started = thread::Builder::new().name("store-seal".into()).spawn(body);
        Self(started.is_ok().then(|| Mutex::new((give, take_back))))
    }

    /// Makes a commit safe: the blocks here, the seal over there.
    /// Nothing if that thread panicked: nobody knows how far it came.
    fn land(&self, landing: Landing) -> Option<Landed> {
        let Some(thread) = &self.0 else { return Some(in_turn(landing)) };
        let thread = thread.lock().unwrap_or_else(PoisonError::into_inner);
        let blocks = landing.blocks();
        if let Err(refused) = thread.0.send(landing) {
            return Some(in_turn(refused.0));
        }
        let synced = blocks.sync().map_err(Error::Medium);
        let (landing, sealed) = thread.1.recv().ok()?;
        Some((landing, synced.and(sealed)))
    }
}

fn in_turn(mut landing: Landing) -> Landed {
    let done = landing.land();
    (landing, done)
}
