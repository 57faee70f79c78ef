//! Frames into a stream that takes as much as it has room for.

use super::{Break, LARGEST};
use crate::Statistics;
use core::array;
use packet::{Batch, Packet};
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};
use std::io::IoSlice;
use std::os::unix::net::UnixStream;

/// Most frames that are written by one system call.
const FRAMES: usize = 32;

/// Most slices that are written by one system call: each frame has at least two, one of the
/// largest 19. What does not fit is left to the next.
const SLICES: usize = 128;

/// Writes frames, one after the other.
#[derive(Default)]
pub(super) struct Sender {
    /// Frames that were taken and are not written to their end.
    pending: Batch,
    /// Bytes of the first one that are written, those of its length included.
    written: usize,
    /// Frames that are written, to be reclaimed.
    sent: Batch,
}

impl Sender {
    /// Takes frames to be written. To be called when none is pending: so much is the room that
    /// this device has.
    pub(super) fn take(&mut self, ready: &mut Batch, statistics: &mut Statistics) -> usize {
        let count = ready.len().min(FRAMES);
        for frame in ready.drain(..count) {
            if frame.frame_len() > LARGEST {
                statistics.send_dropped += 1;
                self.sent.push_back(frame);
            } else {
                self.pending.push_back(frame);
            }
        }
        count
    }

    /// Writes what the socket has room for; `true` if nothing is left to be written.
    pub(super) fn flush(
        &mut self,
        socket: &UnixStream,
        statistics: &mut Statistics,
    ) -> Result<bool, Break> {
        while !self.pending.is_empty() {
            match self.write(socket) {
                Ok(count) => self.advance(count, statistics),
                Err(Errno::AGAIN | Errno::INTR) => return Ok(false),
                Err(errno) => return Err(Break::Io(errno)),
            }
        }
        Ok(true)
    }

    fn write(&self, socket: &UnixStream) -> Result<usize, Errno> {
        let mut headers = [[0; 4]; FRAMES];
        for (header, frame) in headers.iter_mut().zip(&self.pending) {
            *header = (frame.frame_len() as u32).to_be_bytes();
        }
        let mut skip = self.written;
        let pieces = headers.iter().zip(&self.pending).flat_map(|(header, frame)| {
            core::iter::once(&header[..]).chain(frame.pages().map(Packet::bytes))
        });
        let rest = pieces.filter_map(|piece| {
            let skipped = skip.min(piece.len());
            skip -= skipped;
            piece.get(skipped..).filter(|rest| !rest.is_empty())
        });
        let mut slices: [IoSlice<'_>; SLICES] = array::from_fn(|_| IoSlice::new(&[]));
        let mut used = 0;
        for (slice, piece) in slices.iter_mut().zip(rest) {
            *slice = IoSlice::new(piece);
            used += 1;
        }
        // A peer that has gone is an error, not a signal that ends the whole program.
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        sendmsg(socket, &slices[..used], &mut SendAncillaryBuffer::default(), flags)
    }

    /// So many more bytes are written.
    fn advance(&mut self, count: usize, statistics: &mut Statistics) {
        self.written += count;
        while let Some(first) = self.pending.front() {
            let length = first.frame_len();
            if self.written < 4 + length {
                return;
            }
            self.written -= 4 + length;
            statistics.sent += 1;
            statistics.sent_bytes += length as u64;
            self.sent.extend(self.pending.pop_front());
        }
    }

    /// Gives back the frames that are written.
    pub(super) fn reclaim(&mut self, sent: &mut Batch) -> usize {
        let count = self.sent.len();
        sent.append(&mut self.sent);
        count
    }
}
