//! What was committed when, so that it is known what a crash may leave.

use crate::snapshot::{self, Snapshot};
use crate::workload::Worker;
use crate::world::World;
use store::Store;
use store::simulation::Dice;

/// In which order blocks and seal become safe.
#[derive(Debug, Clone, Copy)]
pub(super) enum Order {
    /// Blocks, then the seal.
    BlocksFirst,
    /// The seal, while no block is safe.
    SealFirst,
    /// Likewise, and the next commit's work begins in between.
    Overlapping,
}

impl Order {
    pub(super) fn draw(dice: &mut Dice) -> Self {
        [Self::BlocksFirst, Self::SealFirst, Self::Overlapping][dice.below(3)]
    }
}

struct Commit {
    number: u64,
    /// The first operation of the media that came after all its blocks were written.
    begun: u64,
    /// The first one that came after it was acknowledged.
    acknowledged: u64,
    state: Snapshot,
}

/// All commits since a beginning.
pub(super) struct History {
    /// The first operation of the media.
    pub(super) begin: u64,
    commits: Vec<Commit>,
}

impl History {
    pub(super) fn beginning(begin: u64, (number, state): (u64, Snapshot)) -> Self {
        Self { begin, commits: vec![Commit { number, begun: begin, acknowledged: begin, state }] }
    }

    /// What may be found after a crash right before that operation.
    pub(super) fn allowed(&self, operation: u64) -> impl Iterator<Item = (u64, &Snapshot)> {
        let safe = |commit: &&Commit| commit.acknowledged <= operation;
        let last = self.commits.iter().filter(safe).count() - 1;
        let mut allowed = vec![&self.commits[last]];
        allowed.extend(self.commits.get(last + 1).filter(|commit| commit.begun < operation));
        allowed.into_iter().map(|commit| (commit.number, &commit.state))
    }

    /// Commits, if there is anything to commit.
    pub(super) fn commit(
        &mut self,
        world: &World,
        store: &mut Store,
        worker: &mut Worker,
        order: Order,
    ) {
        let now = worker.now();
        let Some(mut landing) = store.begin_commit(now).unwrap() else { return };
        let begun = world.store.next_operation();
        let state = snapshot::of(store);
        let nameless = worker.nameless(store);
        snapshot::check(store, &state, nameless);
        match order {
            Order::BlocksFirst => landing.land().unwrap(),
            Order::SealFirst => {
                landing.write_seal().unwrap();
                landing.sync_blocks().unwrap();
            }
            Order::Overlapping => {
                landing.write_seal().unwrap();
                for _ in 0..3 {
                    worker.step(store).unwrap();
                    flush_some(store);
                }
                landing.sync_blocks().unwrap();
            }
        }
        let acknowledged = world.store.next_operation();
        let number = store.commit_number();
        store.finish_commit(landing, Ok(()), false).unwrap();
        self.commits.push(Commit { number, begun, acknowledged, state });
    }
}

/// Says that the last commit happened.
pub(super) fn confirm(store: &mut Store, order: Order) {
    let Some(mut landing) = store.begin_confirm().unwrap() else { return };
    if matches!(order, Order::BlocksFirst) {
        landing.land().unwrap();
    } else {
        landing.write_seal().unwrap();
        landing.sync_blocks().unwrap();
    }
    store.finish_commit(landing, Ok(()), false).unwrap();
}

/// Writes out some of what is dirty.
pub(super) fn flush_some(store: &mut Store) {
    if let Some(mut job) = store.take_job().unwrap() {
        let done = job.run();
        store.finish_job(job, done).unwrap();
    }
}
