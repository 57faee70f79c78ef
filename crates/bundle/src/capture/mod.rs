//! Captured frames: reading and writing pcap and pcapng.
//!
//! [`Reader`] reads either format, in either byte order, as a stream: it never holds more than
//! one frame, and never believes a length before checking it against [`MAX_FRAME`] and
//! [`MAX_BLOCK`]. [`Writer`] writes either format; [`pcapng::Writer`] alone can describe several
//! interfaces in one file. Whatever the bytes are, the reader ends with frames or an [`Error`].
//!
//! Nothing here looks inside a frame, and nothing reads a clock: time stamps are arguments.

mod error;
mod order;
pub mod pcap;
pub mod pcapng;
mod reader;
mod source;
mod writer;

pub use error::Error;
pub use reader::Reader;
pub use writer::{Format, Writer};

use std::borrow::Cow;
use std::time::Duration;

/// Most bytes of one frame that are read or written. The largest frame of a network device, a
/// 64 KB offload unit, is a quarter of it; it is also what capture tools use as their bound.
pub const MAX_FRAME: usize = 256 * 1024;

/// Most bytes of one pcapng block that has to be understood. Others are skipped, whatever their
/// size. A frame and 64 KB each of a few options fit.
pub const MAX_BLOCK: usize = 1024 * 1024;

/// What kind of frames an interface carries, by the number that the formats share (`LINKTYPE_…`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Link(pub u16);

impl Link {
    /// Ethernet frames, from the destination address on, without checksum.
    pub const ETHERNET: Self = Self(1);
    /// IP packets without a header in front.
    pub const RAW: Self = Self(101);
}

/// Which way a frame went, seen from whoever captured it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The capture does not say.
    #[default]
    Unknown,
    /// It was received.
    Inbound,
    /// It was sent.
    Outbound,
}

/// One captured frame, as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// When, since 1970. Zero if the capture does not say.
    pub time: Duration,
    /// What kind of frame.
    pub link: Link,
    /// Number of the interface in its section of the file; 0 in a classic pcap.
    pub interface: u32,
    /// Which way it went.
    pub direction: Direction,
    /// How long it was on the wire; more than there are bytes if the capture cut it.
    pub length: usize,
    /// The first comment on it.
    pub comment: Option<Cow<'a, str>>,
    /// Its bytes.
    pub bytes: &'a [u8],
}

impl Frame<'_> {
    /// Whether the capture has all of its bytes.
    pub fn is_whole(&self) -> bool {
        self.bytes.len() >= self.length
    }
}

/// What is written about a frame besides its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp<'a> {
    /// When, since 1970.
    pub time: Duration,
    /// Which way it went. Lost in a classic pcap.
    pub direction: Direction,
    /// What to remark about it. Lost in a classic pcap; cut at 65,535 bytes.
    pub comment: Option<&'a str>,
}
