//! Requests as `netstack` receives them (with the feature `netstack`).

use crate::{Datagram, Outlet};
use alloc::vec::Vec;
use netstack::Datagram as View;
use packet::{Batch, Packet, Pool};

/// A received UDP datagram, headers and all, that is to be answered in its own buffer.
///
/// A packet comes out of `rx_batch`, becomes a request, is processed, and goes into `tx_batch`
/// again as [`Request::into_answer`]: addresses flipped, lengths right, nothing copied.
#[derive(Debug)]
pub struct Request {
    packet: Packet,
    /// Where the payload begins.
    start: usize,
    /// Bytes of payload now.
    len: usize,
    /// Bytes of payload that the headers speak of.
    announced: usize,
    /// The most bytes of payload that an answer may have.
    most: usize,
    /// The payload in one piece, if it came in a chain of packets.
    whole: Vec<u8>,
}

impl Request {
    /// A packet with a whole frame in it; `most` is the longest payload that the network carries.
    /// Gives the packet back if it holds no UDP datagram, or one for which there is no memory.
    #[inline]
    pub fn read(mut packet: Packet, most: usize) -> Result<Self, Packet> {
        let Ok(view) = View::read(&mut packet) else { return Err(packet) };
        let (len, capacity) = (view.payload_len(), view.payload_capacity());
        let in_page = view.payload().len();
        let start = packet.len() + packet.tailroom() - capacity;
        let most = most.min(capacity);
        if in_page < len {
            return match join(&mut packet, start, len, in_page) {
                Some(whole) => Ok(Self { packet, start, len, announced: in_page, most, whole }),
                None => Err(packet),
            };
        }
        Ok(Self { packet, start, len, announced: len, most, whole: Vec::new() })
    }

    /// The answer, ready to be sent back to where the request came from.
    #[inline]
    pub fn into_answer(mut self) -> Packet {
        // The view checks the headers against the bytes that are there: first as many as these
        // speak of, then as many as it shall be.
        let bytes = self.start + self.len.max(self.announced);
        let headroom = self.packet.headroom();
        let restored = self.packet.set_range(headroom, bytes);
        debug_assert!(restored, "it was within the page before");
        if let Ok(mut view) = View::read(&mut self.packet) {
            let fits = view.set_payload_len(self.len);
            debug_assert!(fits, "not longer than the room");
            view.flip();
        }
        self.packet
    }

    /// The packet, for whoever wants its buffer back.
    pub fn into_packet(self) -> Packet {
        self.packet
    }

    /// Another datagram that will go where this one's answer goes, in an empty packet. Gives the
    /// packet back if it is too small.
    pub fn sibling(&self, mut empty: Packet) -> Result<Self, Packet> {
        let headers = self.packet.bytes().get(..self.start).unwrap_or_default();
        let Some(space) = empty.push_back(self.start + self.announced) else { return Err(empty) };
        match space.get_mut(..headers.len()) {
            Some(front) => front.copy_from_slice(headers),
            None => return Err(empty),
        }
        *empty.offload_mut() = *self.packet.offload();
        let capacity = empty.len() + empty.tailroom() - self.start;
        Ok(Self {
            packet: empty,
            start: self.start,
            len: 0,
            announced: self.announced,
            most: self.most.min(capacity),
            whole: Vec::new(),
        })
    }
}

/// Copies the payload of a chain into one piece, and lets go of all packets but the first. `None`
/// if there is no memory.
#[cold]
fn join(packet: &mut Packet, start: usize, len: usize, in_page: usize) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    whole.try_reserve_exact(len).ok()?;
    whole.resize(len, 0);
    packet.copy_out(start, &mut whole);
    let mut view = View::read(packet).ok()?;
    view.set_payload_len(in_page).then_some(whole)
}

impl Datagram for Request {
    #[inline]
    fn payload(&self) -> &[u8] {
        if !self.whole.is_empty() {
            return &self.whole;
        }
        self.packet.bytes().get(self.start..self.start + self.len).unwrap_or_default()
    }

    #[inline]
    fn room(&self) -> usize {
        self.most
    }

    #[inline]
    fn resize(&mut self, len: usize) -> Option<&mut [u8]> {
        if len > self.most {
            return None;
        }
        if !self.whole.is_empty() {
            self.whole = Vec::new();
        }
        let headroom = self.packet.headroom();
        if !self.packet.set_range(headroom, self.start + len) {
            return None;
        }
        self.len = len;
        self.packet.bytes_mut().get_mut(self.start..)
    }
}

/// Where answers go: a batch that is ready for `tx_batch`.
#[derive(Debug)]
pub struct Answers {
    pool: Pool,
    /// Answers, complete and on their way back.
    pub ready: Batch,
    /// Buffers that nobody needs any more.
    pub free: Batch,
}

impl Answers {
    /// Further buffers, for answers of several datagrams, come from `pool`.
    pub fn new(pool: Pool) -> Self {
        Self { pool, ready: Batch::new(), free: Batch::new() }
    }
}

impl Outlet<Request> for Answers {
    fn spare(&mut self, request: &Request) -> Option<Request> {
        let mut empty = self.free.pop_front().or_else(|| self.pool.allocate())?;
        empty.clear();
        request.sibling(empty).map_err(|packet| self.free.push_back(packet)).ok()
    }

    #[inline]
    fn answer(&mut self, answer: Request) {
        self.ready.push_back(answer.into_answer());
    }

    #[inline]
    fn discard(&mut self, datagram: Request) {
        self.free.push_back(datagram.into_packet());
    }
}
