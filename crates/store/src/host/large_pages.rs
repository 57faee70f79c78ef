//! Memory for the pages of files, in the large pages of the processor.
//!
//! A cache of some hundred megabytes in pages of 4 KiB costs a fault for each when it is first filled,
//! which is as dear as decrypting what is put there, and later a miss of the processor's own cache of
//! addresses for nearly every page that is read.

use super::Error;
use crate::pages::{Frames, Heap};
use crate::place::BLOCK;
use memmap2::{Advice, MmapMut};
use std::boxed::Box;

/// A large page: less than that is not worth a mapping.
const LARGE: usize = 2 << 20;

/// So many frames, in large pages where the kernel gives them. It gives memory only when it is first
/// used.
///
/// # Errors
/// [`Error::Memory`]: there is not so much.
pub fn frames(count: usize) -> Result<Box<dyn Frames>, Error> {
    let bytes = count.saturating_mul(BLOCK);
    if bytes < LARGE {
        return Ok(Box::new(Heap::new(count)));
    }
    let memory = MmapMut::map_anon(bytes).map_err(|cause| Error::Memory { bytes, cause })?;
    // A kernel without large pages gives small ones.
    let _ = memory.advise(Advice::HugePage);
    Ok(Box::new(LargePages(memory)))
}

/// Frames in a mapping of their own.
struct LargePages(MmapMut);

impl Frames for LargePages {
    fn count(&self) -> usize {
        self.0.len() / BLOCK
    }

    fn read(&self, frame: usize, at: usize, into: &mut [u8]) {
        let start = frame * BLOCK + at;
        if let Some(from) = self.0.get(start..start + into.len()) {
            into.copy_from_slice(from);
        }
    }

    fn write(&mut self, frame: usize, at: usize, from: &[u8]) {
        let start = frame * BLOCK + at;
        if let Some(into) = self.0.get_mut(start..start + from.len()) {
            into.copy_from_slice(from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;
    use std::vec;

    #[test]
    fn few_and_many_frames_keep_what_is_written_to_them() {
        for count in [1, 511, 512, 1025] {
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
