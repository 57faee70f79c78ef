//! Memory for the pages of files, in the large pages of the processor.
//!
//! A cache of some hundred megabytes in pages of 4 KiB costs a fault for each when it is first filled,
//! which is as dear as decrypting what is put there, and later a miss of the processor's own cache of
//! addresses for nearly every page that is read.

use super::Error;
use crate::pages::{AtOnce, Frames};
use crate::place::BLOCK;
use memmap2::{Advice, MmapMut};
use std::boxed::Box;
use std::sync::{Arc, Mutex, PoisonError};
use std::vec::Vec;

/// Frames of one mapping. Each has a lock, which is kept for as long as one page is copied or decrypted:
/// what is fetched at once lies in one or two of them, so that whoever fetches seldom waits for others.
const PART: usize = 64;

/// So many frames, in large pages where the kernel gives them. It gives memory only when it is first
/// used.
///
/// # Errors
/// [`Error::Memory`]: there is not so much.
pub fn frames(count: usize) -> Result<Box<dyn Frames>, Error> {
    let bytes = count.saturating_mul(BLOCK);
    let refused = |cause| Error::Memory { bytes, cause };
    // Asked for as a whole first: in parts, the kernel would promise more than there is.
    drop(MmapMut::map_anon(bytes).map_err(refused)?);
    let mut parts = Vec::new();
    for first in (0..count).step_by(PART) {
        // The kernel puts them side by side, and takes those for one that are: a large page is of several.
        let part = MmapMut::map_anon(PART.min(count - first) * BLOCK).map_err(refused)?;
        // A kernel without large pages gives small ones.
        let _ = part.advise(Advice::HugePage);
        parts.push(Mutex::new(part));
    }
    Ok(Box::new(LargePages { count, parts: Arc::new(Parts(parts)) }))
}

/// Frames in mappings of their own.
struct LargePages {
    count: usize,
    parts: Arc<Parts>,
}

struct Parts(Vec<Mutex<MmapMut>>);

impl Parts {
    fn with(&self, frame: usize, at: usize, length: usize, copy: impl FnOnce(&mut [u8])) {
        let Some(part) = self.0.get(frame / PART) else { return };
        let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
        let start = frame % PART * BLOCK + at;
        if let Some(bytes) = part.get_mut(start..start + length) {
            copy(bytes);
        }
    }
}

impl AtOnce for Parts {
    fn read(&self, frame: usize, at: usize, into: &mut [u8]) {
        self.with(frame, at, into.len(), |bytes| into.copy_from_slice(bytes));
    }

    fn fill(&self, frame: usize, fill: &mut dyn FnMut(&mut [u8])) {
        self.with(frame, 0, BLOCK, fill);
    }
}

impl Frames for LargePages {
    fn count(&self) -> usize {
        self.count
    }

    fn read(&self, frame: usize, at: usize, into: &mut [u8]) {
        self.parts.read(frame, at, into);
    }

    fn write(&mut self, frame: usize, at: usize, from: &[u8]) {
        self.parts.with(frame, at, from.len(), |bytes| bytes.copy_from_slice(from));
    }

    fn at_once(&self) -> Option<Arc<dyn AtOnce>> {
        Some(self.parts.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;
    use std::vec;

    #[test]
    fn few_and_many_frames_keep_what_is_written_to_them() {
        for count in [1, 511, 512, 1025, PART + 1] {
            let mut frames = frames(count).expect("memory");
            assert_eq!(frames.count(), count);
            for frame in 0..count {
                frames.write(frame, 7, &[frame as u8; 9]);
            }
            for frame in 0..count {
                let mut found = vec![1; 17];
                frames.read(frame, 0, &mut found);
                assert_eq!(found[..7], [0; 7]);
                assert_eq!(found[7..16], [frame as u8; 9]);
                assert_eq!(found[16], 0);
            }
        }
    }

    #[test]
    fn more_than_there_can_be_is_refused_and_said() {
        let refused = frames(usize::MAX).err().expect("no machine has that");
        assert!(refused.to_string().contains("a smaller cache"), "{refused}");
    }
}
