//! An answer under way: written over its request, and into further datagrams if it is long.

use super::{Counters, LONGEST_ANSWER};
use crate::datagram::{Datagram, Outlet};
use crate::protocol::frame::{DATAGRAM, Frame};
use alloc::vec::Vec;
use zerocopy::IntoBytes;

/// An answer under way.
pub(super) struct Message<'o, D: Datagram, O: Outlet<D>> {
    outlet: &'o mut O,
    frame: Frame,
    /// The datagram that is being filled, at first the request itself.
    datagram: D,
    filled: usize,
    /// Datagrams that are full.
    full: Vec<D>,
    /// How much was written when the request that is being answered now began.
    mark: (usize, usize),
    /// No more datagrams could be had.
    cut: bool,
}

impl<'o, D: Datagram, O: Outlet<D>> Message<'o, D, O> {
    #[inline]
    pub(super) fn new(request: D, frame: Frame, outlet: &'o mut O) -> Self {
        Self {
            outlet,
            frame,
            datagram: request,
            filled: Frame::LEN,
            full: Vec::new(),
            mark: (0, Frame::LEN),
            cut: false,
        }
    }

    /// The request, from `at` on. Only until something is written.
    #[inline]
    pub(super) fn request(&self, at: usize) -> &[u8] {
        self.datagram.payload().get(at..).unwrap_or_default()
    }

    /// From here on another request is answered.
    pub(super) fn mark(&mut self) {
        self.mark = (self.full.len(), self.filled);
    }

    /// Takes back what was written for this request.
    pub(super) fn rewind(&mut self) {
        while self.full.len() > self.mark.0 {
            let Some(before) = self.full.pop() else { break };
            let later = core::mem::replace(&mut self.datagram, before);
            self.outlet.discard(later);
        }
        self.filled = self.mark.1;
    }

    /// So many bytes of the datagram, to write, if it has room for all of them.
    #[inline]
    pub(super) fn space(&mut self, len: usize) -> Option<&mut [u8]> {
        let start = self.filled;
        let end = start + len;
        if end > DATAGRAM || end > self.datagram.room() {
            return None;
        }
        let bytes = self.datagram.resize(end)?;
        self.filled = end;
        bytes.get_mut(start..end)
    }

    /// Writes bytes, into further datagrams if need be.
    #[inline]
    pub(super) fn put(&mut self, bytes: &[u8]) {
        match self.space(bytes.len()) {
            Some(space) => space.copy_from_slice(bytes),
            None => self.put_in_parts(bytes),
        }
    }

    #[cold]
    fn put_in_parts(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() && !self.cut {
            let room = self.datagram.room().min(DATAGRAM).saturating_sub(self.filled);
            if room == 0 {
                self.begin_another();
                continue;
            }
            let (now, later) = rest.split_at(rest.len().min(room));
            let Some(space) = self.space(now.len()) else {
                self.cut = true;
                return;
            };
            space.copy_from_slice(now);
            rest = later;
        }
    }

    fn begin_another(&mut self) {
        let another = if self.full.len() + 1 < LONGEST_ANSWER && self.full.try_reserve(1).is_ok() {
            self.outlet.spare(&self.datagram)
        } else {
            None
        };
        match another {
            Some(another) if another.room() > Frame::LEN => {
                self.close();
                self.full.push(core::mem::replace(&mut self.datagram, another));
                self.filled = Frame::LEN;
            }
            another => {
                self.cut = true;
                if let Some(useless) = another {
                    self.outlet.discard(useless);
                }
            }
        }
    }

    /// Ends the datagram where its last byte was written.
    fn close(&mut self) {
        let filled = self.filled;
        let closed = self.datagram.resize(filled).is_some();
        debug_assert!(closed, "it had room for what was written");
    }

    /// Hands over the answer, whole or not at all.
    #[inline]
    pub(super) fn finish(self, counters: &mut Counters) {
        if self.cut || self.filled == Frame::LEN || !self.full.is_empty() {
            return self.finish_unusual(counters);
        }
        // Mostly it is one datagram, which ends where its last byte was written.
        let Self { outlet, frame, datagram, filled, .. } = self;
        hand_over(outlet, datagram, filled, frame.answer(0, 1), counters);
    }

    #[cold]
    fn finish_unusual(mut self, counters: &mut Counters) {
        if self.cut {
            counters.cut += 1;
            self.mark = (0, Frame::LEN);
            self.rewind();
            self.put(b"SERVER_ERROR out of memory writing get response\r\n");
        }
        if self.filled == Frame::LEN && self.full.is_empty() {
            self.outlet.discard(self.datagram);
            return;
        }
        self.close();
        let total = self.full.len() + 1;
        let last = (total - 1, self.datagram);
        for (sequence, datagram) in self.full.into_iter().enumerate().chain([last]) {
            let len = datagram.payload().len();
            let frame = self.frame.answer(sequence as u16, total as u16);
            hand_over(self.outlet, datagram, len, frame, counters);
        }
    }
}

/// Hands over one datagram of `len` bytes, with its frame.
#[inline]
fn hand_over<D: Datagram>(
    outlet: &mut impl Outlet<D>,
    mut datagram: D,
    len: usize,
    frame: Frame,
    counters: &mut Counters,
) {
    let front = datagram.resize(len).and_then(|bytes| bytes.get_mut(..Frame::LEN));
    debug_assert!(front.is_some(), "it had room for what was written");
    if let Some(front) = front {
        front.copy_from_slice(frame.as_bytes());
    }
    counters.answers += 1;
    counters.bytes_out += len as u64;
    outlet.answer(datagram);
}
