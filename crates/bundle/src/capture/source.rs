//! A stream that counts its bytes, so that a mistake can be placed.

use super::Error;
use std::io::{self, Read};

/// Where a capture comes from.
pub(super) struct Source<R> {
    from: R,
    offset: u64,
}

impl<R: Read> Source<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from, offset: 0 }
    }

    /// How many bytes were read.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The next `N` bytes; `None` if the stream ends right here.
    pub(super) fn next_array<const N: usize>(&mut self) -> Result<Option<[u8; N]>, Error> {
        let mut bytes = [0; N];
        let mut have = 0;
        while have < N {
            match self.from.read(&mut bytes[have..]) {
                Ok(0) if have == 0 => return Ok(None),
                Ok(0) => return Err(Error::Truncated { offset: self.offset }),
                Ok(count) => {
                    have += count;
                    self.offset += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(Error::Io { offset: self.offset, source }),
            }
        }
        Ok(Some(bytes))
    }

    /// The next `N` bytes, which must be there.
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        self.next_array()?.ok_or(Error::Truncated { offset: self.offset })
    }

    /// Replaces what is in `buffer` by the next `count` bytes. Memory grows with the bytes that
    /// are really there, not with what a length promises; the caller bounds `count` as well.
    pub(super) fn fill(&mut self, buffer: &mut Vec<u8>, count: usize) -> Result<(), Error> {
        buffer.clear();
        let read = (&mut self.from).take(count as u64).read_to_end(buffer);
        self.offset += buffer.len() as u64;
        match read {
            Ok(read) if read == count => Ok(()),
            Ok(_) => Err(Error::Truncated { offset: self.offset }),
            Err(source) => Err(Error::Io { offset: self.offset, source }),
        }
    }

    /// Passes over the next `count` bytes.
    pub(super) fn skip(&mut self, count: u64) -> Result<(), Error> {
        match io::copy(&mut (&mut self.from).take(count), &mut io::sink()) {
            Ok(skipped) => {
                self.offset += skipped;
                if skipped == count {
                    Ok(())
                } else {
                    Err(Error::Truncated { offset: self.offset })
                }
            }
            Err(source) => Err(Error::Io { offset: self.offset, source }),
        }
    }
}
