//! Those who read a store while somebody writes to it, and how the writer knows of them.
//!
//! A reader goes by the root it found, whose blocks the writer may have freed since. So it marks
//! the lock file: `flock`, shared. The writer tries for that lock before it uses a freed block
//! again; it gets it, and gives it back at once, only if there is no mark. Marks vanish with their
//! processes. What is to be left alone when one writer follows another, the lock file says, too
//! ([`Writer::opened`](super::Writer::opened)).

use super::{Error, lock_file};
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

/// How long the writer, who has the lock for a moment each time it asks, is waited for.
const ATTEMPTS: u32 = 2_000;
const PAUSE: Duration = Duration::from_millis(1);

/// While this is kept, the writer leaves freed blocks alone.
#[derive(Debug)]
pub struct Hold {
    /// Holds the lock, if this user may touch the lock file. A writer that comes and does not notice
    /// may take blocks away, which is read as damage.
    _mark: Option<File>,
}

impl Hold {
    /// Marks that somebody reads. To be done before the seal is read: what it says then is what
    /// the writer leaves alone.
    pub fn take(seal: &Path) -> Result<Self, Error> {
        let (path, about) = lock_file::path(seal)?;
        let file = match lock_file::open(&path, &about, OFlags::RDONLY) {
            Ok(file) => file,
            // There is none, and we may not make one: then nobody has ever written from here.
            Err(Errno::ACCESS | Errno::PERM | Errno::ROFS) => return Ok(Self { _mark: None }),
            Err(other) => return Err(Error::system("open the lock file", &path)(other)),
        };
        for _ in 0..ATTEMPTS {
            match file.try_lock_shared() {
                Ok(()) => return Ok(Self { _mark: Some(file) }),
                Err(TryLockError::WouldBlock) => sleep(PAUSE),
                Err(TryLockError::Error(cause)) => {
                    return Err(Error::system("lock", &path)(cause));
                }
            }
        }
        Err(Error::MarkLocked { path })
    }
}

/// Tells the writer whether somebody reads.
#[derive(Debug)]
pub struct Holds {
    marks: File,
}

impl Holds {
    pub(super) fn on(marks: File) -> Self {
        Self { marks }
    }

    /// Whether somebody has a [`Hold`] now. Takes two short system calls.
    pub fn any(&self) -> bool {
        if self.marks.try_lock().is_err() {
            // Also if it cannot be told: leaving a block alone is never wrong.
            return true;
        }
        // Should it not go, readers wait a moment and then say so.
        let _ = self.marks.unlock();
        false
    }
}
