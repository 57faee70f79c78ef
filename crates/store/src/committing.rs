//! Commits: all that changed since the last one becomes safe, at once.
//!
//! A commit is in three parts. [`Store::begin_commit`] writes everything to free blocks and says
//! what is left to do; [`Landing::land`] waits for the media, and needs nothing of the store;
//! [`Store::finish_commit`] takes note. While it lands, the next one may already be prepared.
//!
//! The seal names the new root as intended: who finds such a seal takes the new root if all of it is
//! there, and the old one if not. So where one flush makes blocks and seal safe, they may share it;
//! elsewhere the blocks come first. Later, when nobody is waiting, the seal and the superblock are
//! told that it happened ([`Store::begin_confirm`]).

use crate::Store;
use crate::attributes::Time;
use crate::error::Error;
use crate::keys::Keyring;
use crate::medium::{Medium, Trouble};
use crate::place;
use crate::root::Root;
use crate::seal::Seal;
use crate::sealed_root::SealedRoot;
use crate::superblock::Superblock;
use alloc::sync::Arc;
use alloc::vec::Vec;
use zeroize::Zeroizing;

/// While one commit follows the other, the superblock turns only to every so many of them: it is no
/// part of what makes a commit safe, and one more place for the disk to write to.
pub(crate) const SUPERBLOCK_LAG: u64 = 16;

/// What is left to do of a commit.
pub struct Landing {
    medium: Arc<dyn Medium>,
    seal_medium: Arc<dyn Medium>,
    seal_key: Zeroizing<[u8; 32]>,
    seal: Seal,
    root: SealedRoot,
}

impl Landing {
    /// The root that it is about.
    pub(crate) fn root(&self) -> SealedRoot {
        self.root
    }

    /// Makes it safe: the blocks, then the seal. Where one device has both, and one flush of that
    /// makes both safe, they go together.
    pub fn land(&mut self) -> Result<(), Error> {
        let device = self.medium.device();
        if device.is_some() && device == self.seal_medium.device() {
            self.seal.write_through(&*self.seal_medium, &self.seal_key)?;
            return self.sync_blocks();
        }
        self.sync_blocks()?;
        self.write_seal()
    }

    /// Says in seal and superblock that it was safe already.
    pub(crate) fn confirm(&mut self) -> Result<(), Error> {
        self.write_seal()
    }

    /// Waits until the blocks are safe.
    pub fn sync_blocks(&self) -> Result<(), Error> {
        self.medium.sync().map_err(Error::Medium)
    }

    /// Writes the seal and waits until that is safe.
    pub fn write_seal(&mut self) -> Result<(), Error> {
        self.seal.write(&*self.seal_medium, &self.seal_key)?;
        self.seal_medium.sync().map_err(Error::SealMedium)
    }
}

impl Store {
    /// Writes all that changed, and says what is left to do; nothing, if nothing changed.
    ///
    /// # Errors
    /// [`Error::Stopped`]: what the last commit has is safe, what came after is not.
    pub fn begin_commit(&mut self, now: Time) -> Result<Option<Landing>, Error> {
        self.may_write()?;
        if self.landing || self.pages.flying() > 0 {
            return Err(Error::Invalid("a commit is under way"));
        }
        self.note_all_mapped(now)?;
        self.flush_all()?;
        if self.tree.fresh() == 0 {
            return Ok(None);
        }
        let root = match self.write_tree(now) {
            Ok(root) => root,
            Err(error) => return Err(self.stop(trouble_of(&error))),
        };
        self.commit = root.commit();
        self.time = now;
        self.space.fly();
        let mut seal = self.seal.clone();
        seal.current = self.safe;
        seal.intended = Some(root);
        self.landing = true;
        Ok(Some(self.landing_of(seal, root)))
    }

    /// A commit landed, or did not. `held` says whether somebody is still reading an older one.
    pub fn finish_commit(
        &mut self,
        landing: Landing,
        done: Result<(), Error>,
        held: bool,
    ) -> Result<(), Error> {
        self.landing = false;
        if let Err(error) = done {
            return Err(self.stop(trouble_of(&error)));
        }
        self.unconfirmed = landing.seal.intended.is_some();
        self.seal = landing.seal;
        self.safe = landing.root;
        self.space.landed(held);
        Ok(())
    }

    /// Says in superblock and seal that the last commit happened; nothing, if they say so already.
    pub fn begin_confirm(&mut self) -> Result<Option<Landing>, Error> {
        self.may_write()?;
        if !self.unconfirmed || self.landing {
            return Ok(None);
        }
        self.write_superblock()?;
        let mut seal = self.seal.clone();
        seal.current = self.safe;
        seal.intended = None;
        self.landing = true;
        Ok(Some(self.landing_of(seal, self.safe)))
    }

    /// Whether blocks are kept only for those who read an older commit. Whoever knows that nobody
    /// does any more says so before the next commit, which may need them.
    pub fn keeps_for_readers(&self) -> bool {
        self.space.holds()
    }

    /// Nobody reads an older commit than the last one that is safe.
    pub fn nobody_reads_older(&mut self) {
        self.space.unheld();
    }

    /// Makes everything safe before it returns.
    pub fn sync(&mut self, now: Time, held: bool) -> Result<(), Error> {
        if !held {
            self.nobody_reads_older();
        }
        if let Some(mut landing) = self.begin_commit(now)? {
            let done = landing.land();
            self.finish_commit(landing, done, held)?;
        }
        self.take_lost()
    }

    /// Says, once, what could not be written since this was last asked: the records of its file are
    /// damaged.
    pub fn take_lost(&mut self) -> Result<(), Error> {
        self.lost.pop().map_or(Ok(()), Err)
    }

    /// Makes everything safe, and says so in seal and superblock: who opens the store next has
    /// nothing to check.
    pub fn finish(&mut self, now: Time, held: bool) -> Result<(), Error> {
        self.sync(now, held)?;
        if let Some(mut landing) = self.begin_confirm()? {
            let done = landing.sync_blocks().and_then(|()| landing.confirm());
            self.finish_commit(landing, done, held)?;
        }
        Ok(())
    }

    fn landing_of(&self, seal: Seal, root: SealedRoot) -> Landing {
        Landing {
            medium: self.medium.clone(),
            seal_medium: self.seal_medium.clone(),
            seal_key: seal_key(self.keys.keyring()),
            seal,
            root,
        }
    }

    fn write_tree(&mut self, now: Time) -> Result<SealedRoot, Error> {
        if self.safe.commit() >= self.superblock.0 + SUPERBLOCK_LAG {
            self.write_superblock()?;
        }
        let session = self.session.clone().ok_or(Error::ReadOnly)?;
        let commit = self.commit + 1;
        self.space.settle(&mut self.tree)?;
        let mut written = core::mem::take(&mut self.written);
        let (tree, level) = self.tree.write(&session, commit, &mut written)?;
        self.hasten(written);
        let root = Root {
            commit,
            tree,
            level,
            next_object: self.next_object,
            used: self.space.used(),
            objects: self.objects,
            promised: self.space.promised(),
            end: self.space.end(),
            time: now,
            name_key: self.name_key,
        };
        Ok(root.seal(self.frame, &session))
    }

    /// What was written begins its way to the disk, neighbours together.
    fn hasten(&self, mut runs: Vec<(u64, u64)>) {
        runs.sort_unstable();
        let mut rest = runs.into_iter();
        let Some(mut run) = rest.next() else { return };
        for (address, blocks) in rest {
            if address == run.0 + run.1 {
                run.1 += blocks;
                continue;
            }
            self.medium.hasten(place::bytes(run.0), place::bytes(run.1));
            run = (address, blocks);
        }
        self.medium.hasten(place::bytes(run.0), place::bytes(run.1));
    }

    /// The superblock turns to the last safe commit.
    pub(crate) fn write_superblock(&mut self) -> Result<(), Error> {
        let Self { frame, safe, .. } = self;
        let superblock =
            Superblock { identity: frame.identity, features: frame.features, root: *safe };
        let (_, slot) = self.superblock;
        superblock.write(&*self.medium, slot)?;
        self.superblock = (self.safe.commit(), 1 - slot);
        Ok(())
    }
}

pub(crate) fn seal_key(keyring: &Keyring) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(*keyring.seal_key())
}

pub(crate) fn trouble_of(error: &Error) -> Trouble {
    match error {
        Error::Medium(trouble) | Error::SealMedium(trouble) | Error::Stopped(trouble) => *trouble,
        Error::Full => Trouble::Full,
        // A node of the tree could not be read while it was to be changed.
        _ => Trouble::System(5),
    }
}
