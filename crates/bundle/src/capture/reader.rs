//! Reading a capture of either format.

use super::source::Source;
use super::{Error, Frame, pcap, pcapng};
use std::io::Read;

/// Reads a capture, whichever format it has. After an error it is at its end: nothing behind a
/// broken record can be believed.
///
/// It reads in small pieces: give it a [`std::io::BufReader`].
pub struct Reader<R> {
    format: Format<R>,
    broken: bool,
}

enum Format<R> {
    Pcap(pcap::Reader<R>),
    Pcapng(pcapng::Reader<R>),
}

impl<R: Read> Reader<R> {
    /// Reads the header, and recognises the format by it.
    pub fn new(from: R) -> Result<Self, Error> {
        let mut source = Source::new(from);
        let magic = source.array()?;
        let format = if let Some((order, nanoseconds)) = pcap::recognise(magic) {
            Format::Pcap(pcap::Reader::behind_magic(source, order, nanoseconds)?)
        } else if u32::from_le_bytes(magic) == pcapng::SECTION {
            Format::Pcapng(pcapng::Reader::behind_magic(source)?)
        } else {
            return Err(Error::Unknown(magic));
        };
        Ok(Self { format, broken: false })
    }

    /// The next frame, `None` at the end.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, Error> {
        if self.broken {
            return Ok(None);
        }
        let next = match &mut self.format {
            Format::Pcap(reader) => reader.next_frame(),
            Format::Pcapng(reader) => reader.next_frame(),
        };
        self.broken = next.is_err();
        next
    }
}
