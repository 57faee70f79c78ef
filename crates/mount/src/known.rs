//! How often the kernel knows each file, and that what it knows stays alive.
//!
//! The kernel counts every answer that names a file, and says one day that it forgets so many of
//! them. Until then it may ask about it, whether it has a name or not: an open descriptor, a mapped
//! page, a working directory, an `O_PATH` all keep it known. So a file is open in the store from the
//! first answer to the last forgetting, and the kernel need not tell us of each `open` and `close`.

use crate::Files;
use std::collections::{HashMap, hash_map};
use std::sync::{Mutex, PoisonError};
use store::{Error, ObjectId};

/// Parts of the table, so that threads seldom wait for one another.
const PARTS: usize = 32;

#[derive(Default)]
pub(crate) struct Known {
    parts: [Mutex<HashMap<u64, u64>>; PARTS],
}

impl Known {
    /// To be called before an answer names an object.
    pub(crate) fn learn(&self, files: &impl Files, object: ObjectId) -> Result<(), Error> {
        let mut part = self.part(object).lock().unwrap_or_else(PoisonError::into_inner);
        match part.entry(object.0) {
            hash_map::Entry::Occupied(mut count) => *count.get_mut() += 1,
            hash_map::Entry::Vacant(place) => {
                // Under the lock: nobody may count on it before it is open.
                files.open(object)?;
                place.insert(1);
            }
        }
        Ok(())
    }

    /// To be called when the kernel forgets that many answers.
    pub(crate) fn forget(&self, files: &impl Files, object: ObjectId, answers: u64) {
        let mut part = self.part(object).lock().unwrap_or_else(PoisonError::into_inner);
        let hash_map::Entry::Occupied(mut count) = part.entry(object.0) else { return };
        if *count.get() > answers {
            *count.get_mut() -= answers;
            return;
        }
        count.remove();
        drop(part);
        files.close(object);
    }

    /// To be called when the kernel is gone, which then forgets without a word.
    pub(crate) fn forget_all(&self, files: &impl Files) {
        for part in &self.parts {
            let known = std::mem::take(&mut *part.lock().unwrap_or_else(PoisonError::into_inner));
            for object in known.into_keys() {
                files.close(ObjectId(object));
            }
        }
    }

    fn part(&self, object: ObjectId) -> &Mutex<HashMap<u64, u64>> {
        &self.parts[object.0 as usize % PARTS]
    }
}
