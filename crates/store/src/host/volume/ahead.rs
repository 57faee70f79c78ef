//! Reading ahead: who reads a file from one end to the other finds the next pages in memory.
//!
//! Decrypting takes about as long as a fast disk, so it is done while the reader is busy with what
//! it has, by a thread of its own. How far ahead doubles with each read that goes on where the last
//! one ended, as kernels do it.

use super::call::Call;
use super::{Shared, State};
use crate::attributes::ObjectId;
use crate::error::Error;
use crate::files::reading::Fetch;
use std::collections::VecDeque;
use std::string::ToString;
use std::sync::{Arc, MutexGuard, Weak};
use std::thread;
use std::vec::Vec;

/// How far ahead at first, and at most.
const FIRST: u64 = 512 << 10;
const MOST: u64 = 16 << 20;
/// Readers that are remembered.
const READERS: usize = 16;

/// Pages that somebody is fetching: whoever needs them waits, instead of fetching them too.
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
    wanted: VecDeque<(ObjectId, u64, u64)>,
    loading: Vec<Span>,
    pub(super) ending: bool,
}

impl Ahead {
    /// Notes a read; says whether there is something to do ahead of it.
    pub(super) fn note(&mut self, object: ObjectId, offset: u64, end: u64) -> bool {
        let found = self.readers.iter().position(|r| r.object == object && r.next == offset);
        let Some(mut reader) = found.and_then(|at| self.readers.remove(at)) else {
            self.readers.push_back(Reader { object, next: end, window: FIRST, ahead: 0 });
            if self.readers.len() > READERS {
                self.readers.pop_front();
            }
            return false;
        };
        reader.next = end;
        let from = reader.ahead.max(end);
        // Half a window at a time, so that pieces are not small.
        let due = from < end + reader.window / 2 && end > offset;
        if due {
            let to = end + reader.window;
            self.wanted.push_back((object, from, to - from));
            reader.ahead = to;
            reader.window = (2 * reader.window).min(MOST);
        }
        self.readers.push_back(reader);
        due
    }

    /// Whether pages are on their way to memory.
    fn is_loading(&self, (object, from, to): Span) -> bool {
        self.loading.iter().any(|span| span.0 == object && span.1 < to && from < span.2)
    }
}

impl Shared {
    /// Waits until nobody is fetching any of these pages.
    pub(super) fn wait_for<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        span: Span,
    ) -> Result<MutexGuard<'a, State>, Error> {
        while state.ahead.is_loading(span) {
            state = self.wait(state)?;
        }
        Ok(state)
    }
}

/// Starts the thread. It ends when the volume is closed, or nobody has it any more.
pub(super) fn start(shared: Weak<Shared>, call: Arc<Call>) {
    // Without it, nothing is read ahead.
    let builder = thread::Builder::new().name("store-ahead".to_string());
    let _ = builder.spawn(move || run(&shared, &call));
}

fn run(shared: &Weak<Shared>, call: &Call) {
    while let Some(shared) = shared.upgrade() {
        let Ok(mut state) = shared.lock() else { return };
        if state.ahead.ending {
            return;
        }
        let Some((object, from, length)) = state.ahead.wanted.pop_front() else {
            drop(state);
            drop(shared);
            call.sleep(super::keeper::NAP);
            continue;
        };
        // What goes wrong here goes wrong again for whoever asks for it, and is told then.
        let Ok(fetches) = state.store.fetch_ahead(object, from, length) else { continue };
        state.store.tidy();
        state.ahead.loading = fetches.iter().map(Fetch::span).collect();
        drop(state);
        // All at once: a disk is fast only if it knows of much at a time.
        fetches.iter().for_each(Fetch::announce);
        for mut fetch in fetches {
            let done = fetch.run();
            let Ok(mut state) = shared.lock() else { return };
            if done.is_ok() {
                let _ = state.store.fetched(&fetch, done);
            }
            let span = fetch.span();
            state.ahead.loading.retain(|loading| *loading != span);
            shared.changed.notify_all();
        }
    }
}
