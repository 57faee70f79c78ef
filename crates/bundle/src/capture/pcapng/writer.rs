//! Writing pcapng.

use super::super::{Direction, MAX_FRAME, Stamp};
use super::block::{
    APPLICATION, COMMENT, FLAGS, INTERFACE_NAME, RESOLUTION, padding, push_end, push_option,
    push_text,
};
use super::{BYTE_ORDER, Interface, kind};
use std::io::{self, Write};

/// What is said about a section as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Section<'a> {
    /// Which program captured it.
    pub application: Option<&'a str>,
    /// What to remark about it.
    pub comment: Option<&'a str>,
}

/// Writes one section of a pcapng, with time stamps in nanoseconds, in this machine's byte order.
pub struct Writer<W> {
    to: W,
    /// The block that is being put together.
    block: Vec<u8>,
    interfaces: u32,
}

impl<W: Write> Writer<W> {
    /// Begins a section.
    pub fn new(to: W, section: &Section<'_>) -> io::Result<Self> {
        let mut writer = Self { to, block: Vec::new(), interfaces: 0 };
        let body = &mut writer.block;
        body.extend_from_slice(&BYTE_ORDER.to_ne_bytes());
        body.extend_from_slice(&1_u16.to_ne_bytes());
        body.extend_from_slice(&0_u16.to_ne_bytes());
        // Length of the section: not known while it is written.
        body.extend_from_slice(&(-1_i64).to_ne_bytes());
        if let Some(comment) = section.comment {
            push_text(body, COMMENT, comment);
        }
        if let Some(application) = section.application {
            push_text(body, APPLICATION, application);
        }
        push_end(body);
        writer.finish_block(kind::SECTION)?;
        Ok(writer)
    }

    /// Describes an interface and gives its number.
    pub fn add_interface(&mut self, interface: &Interface<'_>) -> io::Result<u32> {
        let body = &mut self.block;
        body.extend_from_slice(&interface.link.0.to_ne_bytes());
        body.extend_from_slice(&0_u16.to_ne_bytes());
        body.extend_from_slice(&(MAX_FRAME as u32).to_ne_bytes());
        push_text(body, INTERFACE_NAME, interface.name);
        push_option(body, RESOLUTION, &[9]);
        push_end(body);
        self.finish_block(kind::INTERFACE)?;
        self.interfaces += 1;
        Ok(self.interfaces - 1)
    }

    /// Writes one frame of an interface, given in pieces (the pages of a chain). What is beyond
    /// [`MAX_FRAME`] is cut.
    pub fn write<'a, P>(&mut self, interface: u32, stamp: &Stamp<'_>, pieces: P) -> io::Result<()>
    where
        P: IntoIterator<Item = &'a [u8]> + Clone,
    {
        if interface >= self.interfaces {
            let what = format!("interface {interface} was not described");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        let length: usize = pieces.clone().into_iter().map(<[u8]>::len).sum();
        let captured = length.min(MAX_FRAME);
        // The format ends in 2554: what is later is written as that.
        let time = u64::try_from(stamp.time.as_nanos()).unwrap_or(u64::MAX);
        let body = &mut self.block;
        body.extend_from_slice(&interface.to_ne_bytes());
        body.extend_from_slice(&((time >> 32) as u32).to_ne_bytes());
        body.extend_from_slice(&(time as u32).to_ne_bytes());
        body.extend_from_slice(&(captured as u32).to_ne_bytes());
        body.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_ne_bytes());
        let mut left = captured;
        for piece in pieces {
            let piece = &piece[..piece.len().min(left)];
            left -= piece.len();
            body.extend_from_slice(piece);
        }
        body.extend_from_slice(padding(captured));
        let flags: u32 = match stamp.direction {
            Direction::Unknown => 0,
            Direction::Inbound => 1,
            Direction::Outbound => 2,
        };
        if let Some(comment) = stamp.comment {
            push_text(body, COMMENT, comment);
        }
        if flags != 0 {
            push_option(body, FLAGS, &flags.to_ne_bytes());
        }
        if flags != 0 || stamp.comment.is_some() {
            push_end(body);
        }
        self.finish_block(kind::ENHANCED_PACKET)
    }

    /// Where it is written to.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.to
    }

    /// Writes the block that was put together. Nothing of it stays behind, even if that fails.
    fn finish_block(&mut self, kind: u32) -> io::Result<()> {
        let length = (self.block.len() as u32 + 12).to_ne_bytes();
        let mut head = [0; 8];
        head[..4].copy_from_slice(&kind.to_ne_bytes());
        head[4..].copy_from_slice(&length);
        self.block.extend_from_slice(&length);
        let written = self.to.write_all(&head).and_then(|()| self.to.write_all(&self.block));
        self.block.clear();
        written
    }
}
