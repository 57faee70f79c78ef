//! Reading ahead: who reads a file from one end to the other finds the next pages in memory.
//!
//! Decrypting takes about as long as a fast disk, so it is done by all processors: what is wanted
//! soon lies in a queue, from which threads of its own take it, and the reader too when it comes to
//! what nobody has begun, or would only wait for what somebody has. How far ahead doubles with each
//! read that goes on where the last one ended, as kernels do it.

use super::call::Call;
use super::{Shared, State};
use crate::attributes::ObjectId;
use crate::error::Error;
use crate::files::fetching::{Announcement, Fetch};
use std::collections::VecDeque;
use std::string::ToString;
use std::sync::{Arc, MutexGuard, Weak};
use std::thread::{self, JoinHandle};
use std::vec::Vec;

/// How far ahead at first, and at most.
const FIRST: u64 = 512 << 10;
const MOST: u64 = 8 << 20;
/// Who reads so far ahead reads a large file, more of it than a cache below would do well to keep.
const STRAIGHT: u64 = 2 << 20;
/// Pieces that wait to be fetched, at most: the widest window, page by page. Who reads a little here
/// and a little there asks for them faster than they are fetched.
const QUEUED: usize = (MOST / crate::place::BLOCK as u64) as usize;
/// Readers that are remembered.
const READERS: usize = 16;
/// Threads that read ahead: one for each processor, which decrypts, and so many who wait for the medium
/// meanwhile; and how many they are at most.
const WAITING: usize = 4;
const THREADS: usize = 8;

/// Pages that somebody is fetching, or soon will: whoever needs them waits, instead of fetching
/// them too.
type Span = (ObjectId, u64, u64);

/// Somebody who reads a file.
struct Reader {
    object: ObjectId,
    /// Where the last read ended.
    next: u64,
    /// How far ahead it is read.
    window: u64,
    /// Up to where that was asked for.
    ahead: u64,
}

/// Who reads what, and what is on its way.
#[derive(Default)]
pub(super) struct Ahead {
    readers: VecDeque<Reader>,
    queue: VecDeque<Fetch>,
    loading: Vec<Span>,
    pub(super) ending: bool,
}

impl Ahead {
    /// Notes a read; gives what to read ahead of it: from where, how much, and whether straight from the
    /// disk.
    fn note(&mut self, object: ObjectId, offset: u64, end: u64) -> Option<(u64, u64, bool)> {
        let found = self.readers.iter().position(|r| r.object == object && r.next == offset);
        let Some(mut reader) = found.and_then(|at| self.readers.remove(at)) else {
            self.readers.push_back(Reader { object, next: end, window: FIRST, ahead: 0 });
            if self.readers.len() > READERS {
                self.readers.pop_front();
            }
            return None;
        };
        reader.next = end;
        let from = reader.ahead.max(end);
        // Half a window at a time, so that pieces are not small.
        let due = (from < end + reader.window / 2 && end > offset).then(|| {
            let to = end + reader.window;
            let straight = reader.window >= STRAIGHT;
            reader.ahead = to;
            reader.window = (2 * reader.window).min(MOST);
            (from, to - from, straight)
        });
        self.readers.push_back(reader);
        due
    }

    /// Whether somebody is fetching some of these pages.
    fn is_loading(&self, (object, from, to): Span) -> bool {
        self.loading.iter().any(|span| span.0 == object && span.1 < to && from < span.2)
    }

    /// The next to be fetched; of these pages, if they are given.
    fn take(&mut self, needed: Option<Span>) -> Option<Fetch> {
        let at = match needed {
            None => 0,
            Some((object, from, to)) => self.queue.iter().position(|fetch| {
                let span = fetch.span();
                span.0 == object && span.1 < to && from < span.2
            })?,
        };
        let fetch = self.queue.remove(at)?;
        self.loading.push(fetch.span());
        Some(fetch)
    }
}

impl State {
    /// After a read: queues what will probably be read next, if anything. Gives what is to be announced
    /// to the medium, when others can have the store.
    pub(super) fn look_ahead(
        &mut self,
        object: ObjectId,
        offset: u64,
        end: u64,
    ) -> Option<Vec<Announcement>> {
        let (from, length, straight) = self.ahead.note(object, offset, end)?;
        // What goes wrong here goes wrong again for whoever asks for it, and is told then.
        let mut fetches = self.store.fetch_ahead(object, from, length).ok()?;
        if fetches.is_empty() {
            return None;
        }
        if straight {
            fetches.iter_mut().for_each(Fetch::go_straight);
        }
        // All at once: a disk is fast only if it knows of much at a time.
        let announcements = Announcement::of(&fetches);
        self.ahead.queue.extend(fetches);
        // The oldest go: whoever asked for them has probably gone on, or fetches them himself.
        let excess = self.ahead.queue.len().saturating_sub(QUEUED);
        self.ahead.queue.drain(..excess);
        Some(announcements)
    }
}

impl Shared {
    /// Before a read: returns when nobody is fetching any of its pages. What nobody has begun to, is
    /// fetched here.
    pub(super) fn wait_for<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        span: Span,
    ) -> Result<MutexGuard<'a, State>, Error> {
        loop {
            let fetch = state.ahead.take(Some(span));
            if fetch.is_none() && !state.ahead.is_loading(span) {
                return Ok(state);
            }
            // Others fetch these pages: meanwhile, what is wanted next.
            let rest = (span.0, span.2, u64::MAX);
            let Some(mut fetch) = fetch.or_else(|| state.ahead.take(Some(rest))) else {
                state = self.wait(state)?;
                continue;
            };
            state.store.prepare(&mut fetch);
            drop(state);
            state = self.fetch(fetch)?;
        }
    }

    /// Fetches into the cache.
    fn fetch(&self, mut fetch: Fetch) -> Result<MutexGuard<'_, State>, Error> {
        let done = fetch.run();
        let span = fetch.span();
        let mut state = self.lock()?;
        if done.is_ok() {
            let _ = state.store.fetched(fetch, done);
        } else {
            state.store.not_fetched(fetch);
        }
        state.ahead.loading.retain(|loading| *loading != span);
        state.store.tidy();
        self.changed.notify_all();
        Ok(state)
    }
}

/// Starts the threads. They end when the volume is closed, or nobody has it any more.
pub(super) fn start(shared: &Weak<Shared>, call: &Arc<Call>) -> Vec<JoinHandle<()>> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let start = |_| {
        let (shared, call) = (shared.clone(), call.clone());
        let builder = thread::Builder::new().name("store-ahead".to_string());
        // Without them, nothing is read ahead, or by the reader.
        builder.spawn(move || run(&shared, &call)).ok()
    };
    (0..(processors + WAITING).min(THREADS)).filter_map(start).collect()
}

fn run(shared: &Weak<Shared>, call: &Call) {
    while let Some(shared) = shared.upgrade() {
        let Ok(mut state) = shared.lock() else { return };
        if state.ahead.ending {
            // The next one is to end, too.
            call.call();
            return;
        }
        let Some(mut fetch) = state.ahead.take(None) else {
            drop(state);
            drop(shared);
            call.sleep(super::keeper::NAP);
            continue;
        };
        state.store.prepare(&mut fetch);
        drop(state);
        if shared.fetch(fetch).is_err() {
            return;
        }
    }
    call.call();
}
