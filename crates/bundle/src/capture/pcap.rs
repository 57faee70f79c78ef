//! Classic pcap: one header, then each frame behind a header of 16 bytes.

use super::order::Order;
use super::source::Source;
use super::{Direction, Error, Frame, Link, MAX_FRAME, Stamp};
use std::io::{self, Read, Write};
use std::time::Duration;

const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;

/// Reads a classic pcap.
pub struct Reader<R> {
    source: Source<R>,
    order: Order,
    link: Link,
    nanoseconds: bool,
    bytes: Vec<u8>,
}

/// Byte order and resolution, if `magic` is how a classic pcap begins.
pub(super) fn recognise(magic: [u8; 4]) -> Option<(Order, bool)> {
    match (u32::from_le_bytes(magic), u32::from_be_bytes(magic)) {
        (MICROSECONDS, _) => Some((Order::Little, false)),
        (NANOSECONDS, _) => Some((Order::Little, true)),
        (_, MICROSECONDS) => Some((Order::Big, false)),
        (_, NANOSECONDS) => Some((Order::Big, true)),
        _ => None,
    }
}

impl<R: Read> Reader<R> {
    /// Reads the header.
    pub fn new(from: R) -> Result<Self, Error> {
        let mut source = Source::new(from);
        let magic = source.array()?;
        let (order, nanoseconds) = recognise(magic).ok_or(Error::Unknown(magic))?;
        Self::behind_magic(source, order, nanoseconds)
    }

    pub(super) fn behind_magic(
        mut source: Source<R>,
        order: Order,
        nanoseconds: bool,
    ) -> Result<Self, Error> {
        let header: [u8; 20] = source.array()?;
        let malformed = |what| Error::Malformed { offset: 0, what };
        if order.u16(&header, 0) != Some(2) {
            return Err(malformed("its version is not 2; later versions are not known"));
        }
        // The upper half of this word says whether frames end in a checksum, and how long it is.
        let link = order.u32(&header, 16).ok_or(malformed("no link type"))?;
        Ok(Self { source, order, link: Link(link as u16), nanoseconds, bytes: Vec::new() })
    }

    /// What kind of frames the file holds.
    pub fn link(&self) -> Link {
        self.link
    }

    /// The next frame, `None` at the end.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, Error> {
        let offset = self.source.offset();
        let Some(header) = self.source.next_array::<16>()? else { return Ok(None) };
        let word = |at| self.order.u32(&header, at).unwrap_or_default();
        let (seconds, fraction, captured, length) = (word(0), word(4), word(8), word(12));
        if captured as usize > MAX_FRAME {
            return Err(Error::Malformed { offset, what: "a frame longer than 256 KB" });
        }
        self.source.fill(&mut self.bytes, captured as usize)?;
        let fraction = u64::from(fraction);
        let fraction = if self.nanoseconds {
            Duration::from_nanos(fraction)
        } else {
            Duration::from_micros(fraction)
        };
        Ok(Some(Frame {
            time: Duration::from_secs(u64::from(seconds)) + fraction,
            link: self.link,
            interface: 0,
            direction: Direction::Unknown,
            length: length as usize,
            comment: None,
            bytes: &self.bytes,
        }))
    }
}

/// Writes a classic pcap with time stamps in nanoseconds, in this machine's byte order.
pub struct Writer<W> {
    to: W,
}

impl<W: Write> Writer<W> {
    /// Writes the header.
    pub fn new(mut to: W, link: Link) -> io::Result<Self> {
        let mut header = [0; 24];
        header[0..4].copy_from_slice(&NANOSECONDS.to_ne_bytes());
        header[4..6].copy_from_slice(&2_u16.to_ne_bytes());
        header[6..8].copy_from_slice(&4_u16.to_ne_bytes());
        header[16..20].copy_from_slice(&(MAX_FRAME as u32).to_ne_bytes());
        header[20..24].copy_from_slice(&u32::from(link.0).to_ne_bytes());
        to.write_all(&header)?;
        Ok(Self { to })
    }

    /// Writes one frame, given in pieces (the pages of a chain). What is beyond [`MAX_FRAME`] is
    /// cut.
    pub fn write<'a, P>(&mut self, stamp: &Stamp<'_>, pieces: P) -> io::Result<()>
    where
        P: IntoIterator<Item = &'a [u8]> + Clone,
    {
        let length: usize = pieces.clone().into_iter().map(<[u8]>::len).sum();
        let mut left = length.min(MAX_FRAME);
        let mut header = [0; 16];
        // The format ends in 2106: what is later is written as that.
        let seconds = u32::try_from(stamp.time.as_secs()).unwrap_or(u32::MAX);
        header[0..4].copy_from_slice(&seconds.to_ne_bytes());
        header[4..8].copy_from_slice(&stamp.time.subsec_nanos().to_ne_bytes());
        header[8..12].copy_from_slice(&(left as u32).to_ne_bytes());
        header[12..16].copy_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_ne_bytes());
        self.to.write_all(&header)?;
        for piece in pieces {
            let piece = &piece[..piece.len().min(left)];
            left -= piece.len();
            self.to.write_all(piece)?;
        }
        Ok(())
    }

    /// Where it is written to.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.to
    }
}
