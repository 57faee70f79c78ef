//! How requests come in and answers go out: two small traits, so that this crate needs to know
//! no network stack.

use packet::Packet;

/// A UDP datagram in a buffer that somebody received and that the answer is written into.
pub trait Datagram {
    /// The request: everything behind the UDP header.
    fn payload(&self) -> &[u8];

    /// The most bytes that a payload in this buffer could have, and still be sent.
    fn room(&self) -> usize;

    /// Makes the payload `len` bytes long and gives it; bytes that were there before stay.
    /// `None`, and nothing changed, if that is more than the [room](Self::room).
    fn resize(&mut self, len: usize) -> Option<&mut [u8]>;
}

/// Where a server's answers go, and where it gets buffers if one answer needs several datagrams.
pub trait Outlet<D> {
    /// An empty datagram that will go where the answer to `request` goes. `None` if there is no
    /// buffer now; then the client gets an error instead of the answer.
    fn spare(&mut self, request: &D) -> Option<D>;

    /// An answer, to be sent back to where its request came from.
    fn answer(&mut self, answer: D);

    /// A datagram that gets no answer, or a spare one that was not needed: its buffer is free.
    fn discard(&mut self, datagram: D);
}

/// A packet of which all bytes are payload: what is left of it when the headers have been cut off,
/// and stand in the headroom.
impl Datagram for Packet {
    #[inline]
    fn payload(&self) -> &[u8] {
        self.bytes()
    }

    #[inline]
    fn room(&self) -> usize {
        self.len() + self.tailroom()
    }

    #[inline]
    fn resize(&mut self, len: usize) -> Option<&mut [u8]> {
        self.set_range(self.headroom(), len).then(|| self.bytes_mut())
    }
}
