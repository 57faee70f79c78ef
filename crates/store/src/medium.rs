//! What a store lies on, as it is seen from inside: a row of bytes that nobody trusts.
//!
//! The store does no I/O of its own; whoever opens one hands it a [`Medium`] for the store and one
//! for the seal. A medium may lie about anything it gives back: all of it is checked. It may not
//! lie about [`Medium::sync`], or what was acknowledged can be lost in a crash (but is never wrong).

use core::fmt;

/// Why a medium could not do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// There are no such bytes: the medium is shorter than that.
    Short,
    /// There is no room for more.
    Full,
    /// It cannot be written to.
    ReadOnly,
    /// Anything else, with the error number of the system below.
    System(i32),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short => f.write_str("it ends before that"),
            Self::Full => f.write_str("no space is left on it"),
            Self::ReadOnly => f.write_str("it is read-only"),
            Self::System(number) => write!(f, "the system says error {number}"),
        }
    }
}

/// A row of bytes that can be read and written at any place, from several threads at once.
///
/// What [`write`](Self::write) has returned from is seen by every later [`read`](Self::read). It
/// survives a crash only after a later [`sync`](Self::sync) has returned; until then any part of
/// it may be there and any part not.
pub trait Medium: Send + Sync {
    /// Fills `into` with the bytes at `at`. Bytes that were never written, but for which there is
    /// room, are zeros.
    ///
    /// # Errors
    /// [`Trouble::Short`] if the medium ends before that.
    fn read(&self, at: u64, into: &mut [u8]) -> Result<(), Trouble>;

    /// The same for bytes that are not soon read again: a cache below should not keep them, and may
    /// keep others instead. Asked for a whole block or several, to where one can begin, it costs less.
    fn read_straight(&self, at: u64, into: &mut [u8]) -> Result<(), Trouble> {
        self.read(at, into)
    }

    /// Puts `from` at `at`. The place must have been made by [`grow`](Self::grow).
    fn write(&self, at: u64, from: &[u8]) -> Result<(), Trouble>;

    /// Returns when all that was written before is safe from a crash.
    fn sync(&self) -> Result<(), Trouble>;

    /// How many bytes there is room for now.
    fn size(&self) -> u64;

    /// How many bytes there could be room for, as far as it can tell.
    fn limit(&self) -> u64;

    /// Makes room for `size` bytes, so that writing them does not fail for want of it.
    ///
    /// # Errors
    /// [`Trouble::Full`]; the medium then is as it was.
    fn grow(&self, size: u64) -> Result<(), Trouble>;

    /// Says that these bytes are not needed any more. They read as anything afterwards.
    fn discard(&self, at: u64, length: u64);

    /// Says that these bytes will soon be read.
    fn foresee(&self, at: u64, length: u64);

    /// Says that these bytes, which were written, will soon be synchronised and not soon be read:
    /// their way may begin now.
    fn hasten(&self, _at: u64, _length: u64) {}

    /// A number for the device below, if that is known, and if a [`sync`](Self::sync) after
    /// something was written, of this medium or of any other that gives the same number, makes safe
    /// whatever was [written through](Self::write_through) before.
    fn device(&self) -> Option<u64> {
        None
    }

    /// Writes, and returns when the device has it; only its own cache may not be safe yet.
    fn write_through(&self, at: u64, from: &[u8]) -> Result<(), Trouble> {
        self.write(at, from)
    }
}

/// Where the store gets its random bytes.
pub trait Randomness {
    /// Fills `into` with bytes that nobody can foresee.
    fn fill(&mut self, into: &mut [u8]);
}
