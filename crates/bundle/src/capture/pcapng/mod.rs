//! pcapng: a file of typed blocks, in sections, each with interfaces of its own.

mod block;
mod interface;
mod reader;
mod writer;

pub use interface::Interface;
pub use reader::Reader;
pub use writer::{Section, Writer};

/// Types of the blocks that are understood here.
mod kind {
    pub(in crate::capture) const SECTION: u32 = 0x0a0d_0d0a;
    pub(super) const INTERFACE: u32 = 1;
    /// Obsolete, but found in old files.
    pub(super) const PACKET: u32 = 2;
    pub(super) const SIMPLE_PACKET: u32 = 3;
    pub(super) const ENHANCED_PACKET: u32 = 6;
}

/// First number of a section, which tells its byte order.
const BYTE_ORDER: u32 = 0x1a2b_3c4d;

pub(super) use self::kind::SECTION;
