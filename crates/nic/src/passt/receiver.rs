//! Frames out of a stream that may be cut anywhere.

use super::{Break, LARGEST, SMALLEST};
use crate::Statistics;
use crate::chain::{self, ROOM};
use core::array;
use packet::{Batch, HEADROOM, Packet};
use rustix::io::Errno;
use std::io::{self, IoSliceMut, Read};
use std::os::unix::net::UnixStream;

/// Pages of the largest frame.
const PAGES: usize = LARGEST.div_ceil(ROOM);

/// Reads frames, one after the other.
#[derive(Default)]
pub(super) struct Receiver {
    /// The length of the frame that is coming, once it is known.
    length: Option<usize>,
    /// Bytes of it that have come.
    filled: usize,
    /// Pages for it, as far as there were any to be had.
    pages: Batch,
    /// The length in front of the frame behind it, as far as that has come.
    header: [u8; 4],
    have: usize,
}

impl Receiver {
    /// The next frame, if all of it has come. It takes pages from `free` as soon as it knows how
    /// many; those of a frame that has not come to its end stay here.
    pub(super) fn next(
        &mut self,
        socket: &UnixStream,
        free: &mut Batch,
        statistics: &mut Statistics,
    ) -> Result<Option<Packet>, Break> {
        loop {
            let Some(length) = self.length(socket)? else { return Ok(None) };
            while self.filled < length {
                if !self.lend(free, length) {
                    return Ok(None);
                }
                let Some(count) = came(self.read(socket, length))? else { return Ok(None) };
                let of_frame = count.min(length - self.filled);
                self.filled += of_frame;
                self.have += count - of_frame;
            }
            let frame = self.finish(length);
            if length >= SMALLEST {
                statistics.received += 1;
                statistics.received_bytes += length as u64;
                return Ok(frame);
            }
            statistics.malformed += 1;
            free.extend(frame);
        }
    }

    /// How long the frame is that is coming, if that has come.
    fn length(&mut self, mut socket: &UnixStream) -> Result<Option<usize>, Break> {
        if self.length.is_some() {
            return Ok(self.length);
        }
        while self.have < self.header.len() {
            let rest = self.header.get_mut(self.have..).unwrap_or_default();
            let Some(count) = came(socket.read(rest))? else { return Ok(None) };
            self.have += count;
        }
        let length = u32::from_be_bytes(self.header) as usize;
        if length > LARGEST {
            return Err(Break::Length(length));
        }
        self.have = 0;
        self.length = Some(length);
        Ok(self.length)
    }

    /// Sees to it that there are pages for the whole frame.
    fn lend(&mut self, free: &mut Batch, length: usize) -> bool {
        while self.pages.len() < length.div_ceil(ROOM) {
            let Some(mut page) = free.pop_front() else { return false };
            page.clear();
            self.pages.push_back(page);
        }
        true
    }

    /// Reads more of the frame, and of the length behind it.
    fn read(&mut self, mut socket: &UnixStream, length: usize) -> io::Result<usize> {
        let mut slices: [IoSliceMut<'_>; PAGES + 1] = array::from_fn(|_| IoSliceMut::new(&mut []));
        let (mut skip, mut left) = (self.filled, length);
        let rooms = self.pages.iter_mut().filter_map(|page| {
            let room = left.min(ROOM);
            left -= room;
            let filled = skip.min(room);
            skip -= filled;
            page.page_mut().get_mut(HEADROOM + filled..HEADROOM + room)
        });
        let rest = rooms.chain([&mut self.header[..]]).filter(|room| !room.is_empty());
        let mut used = 0;
        for (slice, room) in slices.iter_mut().zip(rest) {
            *slice = IoSliceMut::new(room);
            used += 1;
        }
        socket.read_vectored(&mut slices[..used])
    }

    /// The frame, complete; nothing if it has no bytes.
    fn finish(&mut self, length: usize) -> Option<Packet> {
        self.length = None;
        self.filled = 0;
        chain::filled(&mut self.pages, length)
    }
}

/// How many bytes came; `None` if there are none yet.
fn came(read: io::Result<usize>) -> Result<Option<usize>, Break> {
    match read {
        Ok(0) => Err(Break::Closed),
        Ok(count) => Ok(Some(count)),
        Err(error) => match Errno::from_io_error(&error) {
            Some(Errno::AGAIN | Errno::INTR) => Ok(None),
            Some(errno) => Err(Break::Io(errno)),
            None => Err(Break::Closed),
        },
    }
}
