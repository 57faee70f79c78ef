//! Reading pcapng.

use super::super::order::Order;
use super::super::source::Source;
use super::super::{Direction, Error, Frame, Link, MAX_BLOCK, MAX_FRAME};
use super::block::{COMMENT, FLAGS, option};
use super::interface::Known;
use super::{BYTE_ORDER, kind};
use std::io::Read;
use std::ops::Range;
use std::time::Duration;

/// Most interfaces of one section. A machine has fewer; a broken file must not fill memory.
const MAX_INTERFACES: usize = 65_536;

/// Reads a pcapng.
pub struct Reader<R> {
    source: Source<R>,
    order: Order,
    interfaces: Vec<Known>,
    /// The body of the block that is being looked at.
    body: Vec<u8>,
}

/// Where in the body of a block its frame lies.
struct Located {
    time: Duration,
    link: Link,
    interface: u32,
    length: u32,
    bytes: Range<usize>,
    options: usize,
}

impl<R: Read> Reader<R> {
    /// Reads the header of the first section.
    pub fn new(from: R) -> Result<Self, Error> {
        let mut source = Source::new(from);
        let magic: [u8; 4] = source.array()?;
        if u32::from_le_bytes(magic) != kind::SECTION {
            return Err(Error::Unknown(magic));
        }
        Self::behind_magic(source)
    }

    pub(in super::super) fn behind_magic(source: Source<R>) -> Result<Self, Error> {
        let mut reader =
            Self { source, order: Order::Little, interfaces: Vec::new(), body: Vec::new() };
        let length = reader.source.array()?;
        reader.section(0, length)?;
        Ok(reader)
    }

    /// The next frame, `None` at the end.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, Error> {
        let located = loop {
            let offset = self.source.offset();
            let Some(kind) = self.source.next_array::<4>()? else { return Ok(None) };
            let length = self.source.array::<4>()?;
            let located = match self.word(kind) {
                kind::SECTION => {
                    self.section(offset, length)?;
                    continue;
                }
                kind::INTERFACE => {
                    self.block(offset, length)?;
                    let known = Known::read(&self.body, self.order);
                    self.add_interface(known).map_err(|what| Error::Malformed { offset, what })?;
                    continue;
                }
                kind::ENHANCED_PACKET => {
                    self.block(offset, length)?;
                    self.packet(self.order.u32(&self.body, 0))
                }
                kind::PACKET => {
                    self.block(offset, length)?;
                    self.packet(self.order.u16(&self.body, 0).map(u32::from))
                }
                kind::SIMPLE_PACKET => {
                    self.block(offset, length)?;
                    self.simple_packet()
                }
                _ => {
                    let length = Self::checked(offset, self.word(length))?;
                    self.source.skip(length - 12)?;
                    self.trailer(offset, length)?;
                    continue;
                }
            };
            break located.map_err(|what| Error::Malformed { offset, what })?;
        };
        let options = self.body.get(located.options..).unwrap_or_default();
        let flags = option(options, self.order, FLAGS).and_then(|value| self.order.u32(value, 0));
        Ok(Some(Frame {
            time: located.time,
            link: located.link,
            interface: located.interface,
            direction: match flags.unwrap_or_default() & 0b11 {
                0b01 => Direction::Inbound,
                0b10 => Direction::Outbound,
                _ => Direction::Unknown,
            },
            length: located.length as usize,
            comment: option(options, self.order, COMMENT).map(String::from_utf8_lossy),
            bytes: self.body.get(located.bytes).unwrap_or_default(),
        }))
    }

    fn word(&self, bytes: [u8; 4]) -> u32 {
        match self.order {
            Order::Little => u32::from_le_bytes(bytes),
            Order::Big => u32::from_be_bytes(bytes),
        }
    }

    /// The length of a whole block, if it can be one.
    fn checked(offset: u64, length: u32) -> Result<u64, Error> {
        if length < 12 || !length.is_multiple_of(4) {
            let what = "the length of a block is below 12 or no multiple of 4";
            return Err(Error::Malformed { offset, what });
        }
        Ok(u64::from(length))
    }

    /// Begins a section, whose type and length were read. Only what follows the length says in
    /// which byte order it is.
    fn section(&mut self, offset: u64, length: [u8; 4]) -> Result<(), Error> {
        let magic: [u8; 4] = self.source.array()?;
        self.order = match (u32::from_le_bytes(magic), u32::from_be_bytes(magic)) {
            (BYTE_ORDER, _) => Order::Little,
            (_, BYTE_ORDER) => Order::Big,
            _ => {
                let what = "a section without a byte order";
                return Err(Error::Malformed { offset, what });
            }
        };
        self.interfaces.clear();
        let length = Self::checked(offset, self.word(length))?;
        let Some(left) = length.checked_sub(28) else {
            return Err(Error::Malformed { offset, what: "a section header below 28 bytes" });
        };
        let version: [u8; 4] = self.source.array()?;
        if self.order.u16(&version, 0) != Some(1) {
            let what = "the version of a section is not 1; later versions are not known";
            return Err(Error::Malformed { offset, what });
        }
        self.source.skip(8 + left)?;
        self.trailer(offset, length)
    }

    /// Reads the body of a block, whose type and length were read.
    fn block(&mut self, offset: u64, length: [u8; 4]) -> Result<(), Error> {
        let length = Self::checked(offset, self.word(length))?;
        if length > MAX_BLOCK as u64 {
            return Err(Error::Malformed { offset, what: "a block longer than 1 MB" });
        }
        self.source.fill(&mut self.body, length as usize - 12)?;
        self.trailer(offset, length)
    }

    /// Reads the length at the end of a block, which repeats the one at its front.
    fn trailer(&mut self, offset: u64, length: u64) -> Result<(), Error> {
        let again = self.source.array()?;
        if u64::from(self.word(again)) != length {
            let what = "the two lengths of a block differ";
            return Err(Error::Malformed { offset, what });
        }
        Ok(())
    }

    fn add_interface(&mut self, known: Option<Known>) -> Result<(), &'static str> {
        if self.interfaces.len() >= MAX_INTERFACES {
            return Err("a section with more than 65,536 interfaces");
        }
        self.interfaces.push(known.ok_or("the description of an interface is cut")?);
        Ok(())
    }

    /// Finds the frame of a packet block; the old and the new one differ in their first word only.
    fn packet(&self, interface: Option<u32>) -> Result<Located, &'static str> {
        const FIXED: usize = 20;
        let interface = interface.ok_or("a packet block is cut")?;
        let known = self.interface(interface)?;
        let word = |at| self.order.u32(&self.body, at).ok_or("a packet block is cut");
        let (high, low, captured, length) = (word(4)?, word(8)?, word(12)? as usize, word(16)?);
        if captured > self.body.len() - FIXED {
            return Err("a frame longer than its block");
        }
        if captured > MAX_FRAME {
            return Err("a frame longer than 256 KB");
        }
        Ok(Located {
            time: known.time(high, low),
            link: known.link,
            interface,
            length,
            bytes: FIXED..FIXED + captured,
            options: FIXED + captured.next_multiple_of(4),
        })
    }

    /// Finds the frame of a block that has neither time nor options.
    fn simple_packet(&self) -> Result<Located, &'static str> {
        const FIXED: usize = 4;
        let known = self.interface(0)?;
        let length = self.order.u32(&self.body, 0).ok_or("a packet block is cut")?;
        let snap = if known.snap == 0 { u32::MAX } else { known.snap };
        let captured = length.min(snap) as usize;
        if captured > self.body.len() - FIXED {
            return Err("a frame longer than its block");
        }
        if captured > MAX_FRAME {
            return Err("a frame longer than 256 KB");
        }
        Ok(Located {
            time: Duration::ZERO,
            link: known.link,
            interface: 0,
            length,
            bytes: FIXED..FIXED + captured,
            options: self.body.len(),
        })
    }

    fn interface(&self, number: u32) -> Result<&Known, &'static str> {
        self.interfaces.get(number as usize).ok_or("a frame of an interface nobody described")
    }
}
