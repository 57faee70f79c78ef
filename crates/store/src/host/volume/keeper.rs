//! The thread that does what nobody is waiting for.

use super::call::Call;
use super::{Shared, State};
use std::string::ToString;
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// What nobody synchronises is committed after so long. As in ext4 and btrfs it is what a crash may
/// take; theirs is 5 and 30 s.
const COMMIT_AFTER: Duration = Duration::from_secs(5);
/// After a commit, the seal is told that it happened when so long nobody made another. Until then
/// whoever can crash this machine and change the store could undo that one commit.
const CONFIRM_AFTER: Duration = Duration::from_millis(50);
/// Jobs of others beside which it takes one more: more would only take turns.
const JOBS: usize = 2;
/// How long it sleeps at most, if nobody calls.
pub(super) const NAP: Duration = Duration::from_mins(1);

/// What there is to do.
enum Task {
    WriteOut,
    Commit,
    Confirm,
    Sleep(Duration),
    End,
}

/// Starts it. It ends when the volume is closed, or nobody has it any more.
/// Without a thread there is none: then writers write out, and the one who closes commits.
pub(super) fn start(shared: Weak<Shared>, call: Arc<Call>) -> Option<JoinHandle<()>> {
    let builder = thread::Builder::new().name("store-keeper".to_string());
    builder.spawn(move || keep(&shared, &call)).ok()
}

fn keep(shared: &Weak<Shared>, call: &Call) {
    while let Some(shared) = shared.upgrade() {
        let Ok(mut state) = shared.lock() else { return };
        let task = next(&state);
        state.keeper_sleeps = matches!(task, Task::Sleep(time) if time > CONFIRM_AFTER);
        // Whoever has a store that stopped is told when they ask for something.
        let _ = match task {
            Task::End => return,
            Task::Sleep(time) => {
                drop(state);
                drop(shared);
                call.sleep(time);
                continue;
            }
            Task::WriteOut => {
                drop(state);
                shared.flush_some().map(|_| ())
            }
            Task::Commit => {
                drop(state);
                shared.make_safe()
            }
            Task::Confirm => {
                drop(state);
                shared.confirm()
            }
        };
    }
}

fn next(state: &State) -> Task {
    if state.closing || state.store.is_stopped() {
        return Task::End;
    }
    if state.store.is_read_only() {
        return Task::Sleep(NAP);
    }
    let many = state.store.should_write_out() || state.commits.gathers(&state.store);
    if many && state.jobs < JOBS {
        return Task::WriteOut;
    }
    let now = Instant::now();
    let left = |since: Option<Instant>, after: Duration| {
        since.map(|since| (since + after).saturating_duration_since(now))
    };
    let commit = left(state.commits.dirty_since, COMMIT_AFTER);
    let confirm = left(state.commits.unconfirmed_since, CONFIRM_AFTER);
    match (commit, confirm) {
        (Some(Duration::ZERO), _) => Task::Commit,
        (_, Some(Duration::ZERO)) => Task::Confirm,
        (commit, confirm) => {
            let soonest = [commit, confirm].into_iter().flatten().min().unwrap_or(NAP);
            Task::Sleep(soonest)
        }
    }
}
