//! A store that is open: all its parts, and what holds between two of its operations.

use crate::attributes::{ObjectId, Room, Time};
use crate::blocks::Blocks;
use crate::cipher::Session;
use crate::error::{self, Error};
use crate::files::inode::Inode;
use crate::keys::Opened;
use crate::medium::{Medium, Trouble};
use crate::pages::{PageKey, Pages};
use crate::root::Frame;
use crate::seal::Seal;
use crate::sealed_root::SealedRoot;
use crate::space::Space;
use crate::tree::Tree;
use alloc::sync::Arc;
use alloc::vec::Vec;
use hashbrown::HashMap;

/// Runs that were written, and addresses that nodes have left, which are noted until the next
/// commit: 1 MiB of them, at most.
const NOTED: usize = 65_536;

/// An open store.
///
/// Every method needs it for itself alone; what takes long is given out to be done elsewhere
/// ([`Fetch`](crate::Fetch), [`Job`](crate::Job), [`Landing`](crate::Landing)). Between operations,
/// whoever has it calls [`tidy`](Self::tidy), and commits when [`needs_commit`](Self::needs_commit).
pub struct Store {
    pub(crate) medium: Arc<dyn Medium>,
    pub(crate) seal_medium: Arc<dyn Medium>,
    pub(crate) keys: Opened,
    pub(crate) frame: Frame,
    pub(crate) seal: Seal,
    /// The last commit that is safe.
    pub(crate) safe: SealedRoot,
    /// What remains to be said about it, when there is time.
    pub(crate) unconfirmed: bool,
    /// The commit that a superblock was last written for, and the slot for the next.
    pub(crate) superblock: (u64, u64),
    pub(crate) landing: bool,
    pub(crate) tree: Tree,
    pub(crate) space: Space,
    pub(crate) pages: Pages,
    /// The last commit; the one that is being made has the next number.
    pub(crate) commit: u64,
    pub(crate) next_object: u64,
    pub(crate) objects: u64,
    pub(crate) name_key: [u8; 16],
    pub(crate) session: Option<Session>,
    pub(crate) read_only: bool,
    pub(crate) stopped: Option<Trouble>,
    pub(crate) opened: HashMap<ObjectId, u32>,
    /// What could not be written, until somebody who synchronises was told.
    pub(crate) lost: Vec<Error>,
    /// Short runs of blocks that this transaction wrote.
    pub(crate) written: Vec<(u64, u64)>,
    pub(crate) jobs: u64,
    pub(crate) buffers: Vec<Blocks>,
    /// The inode that was last asked for, and the state of the tree then.
    pub(crate) last_inode: Option<(ObjectId, u64, Inode)>,
    pub(crate) flush_hand: PageKey,
    pub(crate) nodes_limit: usize,
    pub(crate) time: Time,
}

impl Store {
    /// The number of the last commit.
    pub fn commit_number(&self) -> u64 {
        self.commit
    }

    /// When the last commit was made.
    pub fn commit_time(&self) -> Time {
        self.time
    }

    /// The keys, and who can open it.
    pub fn keys(&self) -> &Opened {
        &self.keys
    }

    /// Whether it can only be read.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Whether it stopped taking changes.
    pub fn is_stopped(&self) -> bool {
        self.stopped.is_some()
    }

    /// Whether a commit would have anything to write, as far as is known: what is written through
    /// mappings is only looked for by a commit.
    pub fn has_changed(&self) -> bool {
        let noted = self.tree.fresh() > 0 || self.pages.dirty() > 0;
        !self.read_only && (noted || self.is_written_through_mappings())
    }

    /// How full it is.
    pub fn room(&mut self) -> Room {
        self.space.look_at_total();
        Room { total: self.space.total(), free: self.space.free(), objects: self.objects }
    }

    /// Forgets what need not be in memory. Between operations only.
    pub fn tidy(&mut self) {
        self.tree.make_room();
    }

    /// Forgets all that can be read again, as a system does that needs the memory for something else.
    pub fn forget(&mut self) {
        self.pages.forget();
        self.tree.forget_all();
    }

    /// Whether a commit is due: memory, or the blocks that are kept free for commits, would run out.
    pub fn needs_commit(&self) -> bool {
        // Who writes the same page again and again makes no more nodes fresh, but these lists longer.
        self.tree.fresh() >= (self.nodes_limit / 2).min(self.space.affordable_nodes())
            || self.written.len() + self.tree.left() >= NOTED
    }

    /// Whether a commit would make room.
    pub fn commit_makes_room(&self) -> bool {
        self.space.will_be_free() > 0
    }

    /// Somebody reads the store already, perhaps an older commit than the one it was opened with:
    /// until they have ended, no block is used that the writer before [kept](Self::kept_for_readers)
    /// when it closed the store at this commit. If that is not known, none is that is free. To be
    /// called before anything is changed.
    pub fn keep_for_readers(&mut self, kept: Option<&[(u64, u64)]>) {
        self.space.keep_for_readers(kept);
    }

    /// Runs of blocks that are free, and kept because somebody was reading an older commit when they
    /// became so; nothing if they are not known, or more than `most`.
    pub fn kept_for_readers(&self, most: usize) -> Option<Vec<(u64, u64)>> {
        let runs: Vec<_> = self.space.kept_for_readers()?.take(most.saturating_add(1)).collect();
        (runs.len() <= most).then_some(runs)
    }

    /// Adds to an error which file it is about, as far as that can be told.
    pub fn explain(&mut self, error: Error) -> Error {
        if let Some(trouble) = self.stopped {
            return Error::Stopped(trouble);
        }
        let Error::Damaged(mut damage) = error else { return error };
        if damage.path.is_none()
            && let Some(path) = self.path_of(ObjectId(damage.object()))
        {
            damage.path = Some(error::readable(&path));
        }
        Error::Damaged(damage)
    }

    pub(crate) fn may_write(&self) -> Result<(), Error> {
        match self.stopped {
            Some(trouble) => Err(Error::Stopped(trouble)),
            None if self.read_only => Err(Error::ReadOnly),
            None => Ok(()),
        }
    }

    /// From now on nothing is changed: what was to be written is not there, and who knows what is.
    pub(crate) fn stop(&mut self, trouble: Trouble) -> Error {
        Error::Stopped(*self.stopped.get_or_insert(trouble))
    }
}
