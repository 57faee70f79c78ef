//! The binary protocol's messages.

use crate::store::Entry;
use core::ops::Range;
use zerocopy::byteorder::network_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The header of a request, and of an answer.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct Header {
    magic: u8,
    pub(super) opcode: u8,
    key_len: U16,
    extras_len: u8,
    data_type: u8,
    /// In an answer: the status.
    bucket: U16,
    body_len: U32,
    pub(super) opaque: [u8; 4],
    pub(super) cas: U64,
}

/// A request's header, whose lengths fit each other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request(Header);

impl Request {
    /// The first byte of every request.
    pub(crate) const MAGIC: u8 = 0x80;

    /// The header of the request in front, and what follows it; `None` if it is cut short.
    #[inline]
    pub(crate) fn read(input: &[u8]) -> Option<(Self, &[u8])> {
        let (header, behind) = Header::read_from_prefix(input).ok()?;
        (header.magic == Self::MAGIC).then_some((Self(header), behind))
    }

    pub(super) fn header(&self) -> &Header {
        &self.0
    }

    /// Whether extras and key fit into the body.
    pub(super) fn is_sound(&self) -> bool {
        self.extras_len() + self.key_len() <= self.body_len()
    }

    pub(super) fn extras_len(&self) -> usize {
        usize::from(self.0.extras_len)
    }

    pub(super) fn key_len(&self) -> usize {
        usize::from(self.0.key_len.get())
    }

    pub(super) fn body_len(&self) -> usize {
        self.0.body_len.get() as usize
    }

    /// Bytes of the whole request.
    pub(super) fn len(&self) -> usize {
        size_of::<Header>() + self.body_len()
    }

    /// Where its key lies, counted from the header on.
    #[inline]
    pub(crate) fn key(&self) -> Range<usize> {
        let start = size_of::<Header>() + self.extras_len();
        start..start + self.key_len()
    }
}

/// How a request went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum Status {
    Done = 0,
    NotFound = 1,
    Exists = 2,
    TooLarge = 3,
    Invalid = 4,
    NotStored = 5,
    NonNumeric = 6,
    Unknown = 0x81,
    NoMemory = 0x82,
}

impl Status {
    /// The text that goes with it.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Done => "",
            Self::NotFound => "Not found",
            Self::Exists => "Data exists for key.",
            Self::TooLarge => "Too large.",
            Self::Invalid => "Invalid arguments",
            Self::NotStored => "Not stored.",
            Self::NonNumeric => "Non-numeric server-side value for incr or decr",
            Self::Unknown => "Unknown command",
            Self::NoMemory => "Out of memory",
        }
    }
}

/// What is in an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Body<'s> {
    /// A text, or nothing.
    Text(&'static str),
    /// A number.
    Number(u64),
    /// An entry: its flags, its key if `with_key`, its value if `with_value`.
    Entry { entry: Entry<'s>, with_key: bool, with_value: bool },
    /// The key that was asked for, of which the session keeps a copy.
    Echo,
}

/// An answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reply<'s> {
    pub(crate) opcode: u8,
    pub(crate) opaque: [u8; 4],
    pub(crate) status: Status,
    pub(crate) cas: u64,
    pub(crate) body: Body<'s>,
}

impl<'s> Reply<'s> {
    /// That it went well.
    pub(super) fn done(request: &Request, cas: u64, body: Body<'s>) -> Self {
        let Header { opcode, opaque, .. } = request.0;
        Self { opcode, opaque, status: Status::Done, cas, body }
    }

    /// That it did not.
    pub(super) fn failed(request: &Request, status: Status) -> Self {
        Self::told(request, status, status.text())
    }

    /// That it did not, in other words.
    pub(super) fn told(request: &Request, status: Status, text: &'static str) -> Self {
        Self { status, ..Self::done(request, 0, Body::Text(text)) }
    }

    /// The header of this answer, with so much behind it.
    #[inline]
    pub(crate) fn header(&self, extras_len: u8, key_len: usize, value_len: usize) -> Header {
        Header {
            magic: 0x81,
            opcode: self.opcode,
            key_len: U16::new(key_len as u16),
            extras_len,
            data_type: 0,
            bucket: U16::new(self.status as u16),
            body_len: U32::new((usize::from(extras_len) + key_len + value_len) as u32),
            opaque: self.opaque,
            cas: U64::new(self.cas),
        }
    }
}
