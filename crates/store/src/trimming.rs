//! Trimming: what is free is given back to whatever lies below.
//!
//! Only when somebody asks for it. Given back with each commit, blocks would be taken anew with the
//! next one, which costs a file system more than writing to those it has; and room that a store has
//! is a promise that its commits are kept by, which a disk that others fill would break. So a trim
//! is for whoever has removed much and wants the room elsewhere.
//!
//! What is given back reads as anything afterwards. So before the first block goes, the seal and both
//! superblocks name the last commit and no other: nobody goes back to one that had it.

use crate::Store;
use crate::attributes::Time;
use crate::error::Error;
use crate::place::{BLOCK, bytes};
use crate::verify::Progress;

impl Store {
    /// Makes everything safe and gives free blocks back, all but some for the next commits; says how
    /// many bytes that were. Those that were given back before count again. `held` says whether
    /// somebody reads an older commit; `progress` is called now and then, and if it says false, that
    /// was all.
    ///
    /// # Errors
    /// [`Error::Locked`] if somebody reads an older commit, which may need what is free.
    pub fn trim(
        &mut self,
        now: Time,
        held: bool,
        progress: &mut dyn FnMut(Progress) -> bool,
    ) -> Result<u64, Error> {
        self.may_write()?;
        if held {
            return Err(Error::Locked);
        }
        self.finish(now, false)?;
        // Each of the two, the first of them safe before the second is touched.
        for _ in 0..2 {
            self.write_superblock()?;
            self.medium.sync().map_err(Error::Medium)?;
        }
        let (all, mut blocks, mut kept) = (self.space.regions(), 0, 0);
        for number in 0..all {
            for (start, length) in self.space.free_runs(&mut self.tree, number, &mut kept)? {
                self.medium.discard(bytes(start), bytes(length));
                blocks += length;
            }
            self.tidy();
            if !progress(Progress { done: number + 1, all }) {
                break;
            }
        }
        Ok(blocks * BLOCK as u64)
    }
}
