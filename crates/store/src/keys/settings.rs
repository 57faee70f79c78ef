//! How much work turning a passphrase into a key is.

use crate::error::Error;

/// The settings of argon2id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Memory in KiB.
    pub memory: u32,
    /// Passes over that memory.
    pub passes: u32,
    /// Lanes that could be computed at the same time.
    pub lanes: u32,
}

impl Settings {
    /// For somebody who waits at a terminal: 256 MiB, three passes, somewhat less than a second.
    ///
    /// RFC 9106 recommends 2 GiB with one pass, or 64 MiB with three where memory is scarce, both
    /// with four lanes. A store is opened seldom and guards much, so four times the smaller is
    /// taken (what libsodium calls `MODERATE`); 2 GiB would not open on a small virtual machine.
    /// One lane, because lanes are computed one after the other here: more would save time only
    /// for an attacker.
    pub const INTERACTIVE: Self = Self { memory: 256 * 1024, passes: 3, lanes: 1 };

    /// The most that is accepted, because the settings are read from a medium that nobody trusts.
    pub const MOST: Self = Self { memory: 4 * 1024 * 1024, passes: 64, lanes: 16 };

    /// The most memory times passes, in KiB: about a minute. Both at their most would take more
    /// than four, for each slot that somebody tampered with.
    const MOST_WORK: u64 = 16 * Self::MOST.memory as u64;

    /// Whether argon2id can do it, and in reasonable time.
    pub fn check(self) -> Result<(), Error> {
        let Self { memory, passes, lanes } = self;
        if passes == 0 || passes > Self::MOST.passes {
            Err(Error::Invalid("argon2id takes 1 to 64 passes here"))
        } else if lanes == 0 || lanes > Self::MOST.lanes {
            Err(Error::Invalid("argon2id takes 1 to 16 lanes here"))
        } else if memory < 8 * lanes || memory > Self::MOST.memory {
            Err(Error::Invalid("argon2id takes 8 KiB for each lane to 4 GiB of memory here"))
        } else if self.work() > Self::MOST_WORK {
            Err(Error::Invalid("argon2id's memory times passes may be 64 GiB at most here"))
        } else {
            Ok(())
        }
    }

    /// How much memory is gone through, in KiB.
    pub(super) fn work(self) -> u64 {
        u64::from(self.memory) * u64::from(self.passes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_hang_or_fill_the_memory_is_refused() {
        let good = |memory, passes, lanes| Settings { memory, passes, lanes }.check().is_ok();
        assert!(Settings::INTERACTIVE.check().is_ok());
        assert!(good(8, 1, 1) && good(4 << 20, 16, 16) && good(1 << 20, 64, 1));
        assert!(!good(7, 1, 1) && !good(127, 1, 16) && !good((4 << 20) + 1, 1, 1));
        assert!(!good(8, 0, 1) && !good(8, 65, 1) && !good(8, 1, 0) && !good(1024, 1, 17));
        assert!(!good(4 << 20, 17, 1) && !good(u32::MAX, u32::MAX, u32::MAX));
    }
}
