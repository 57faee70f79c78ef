//! Why a capture could not be read to its end.

use std::io;

/// What is wrong with a capture.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes could not be had.
    #[error("the capture could not be read at byte {offset}: {source}")]
    Io {
        /// Where reading stopped.
        offset: u64,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The first bytes are those of no format known here.
    #[error(
        "this is neither a pcap nor a pcapng file (its first bytes are {0:02x?}); other formats \
         can be converted by `editcap -F pcapng`"
    )]
    Unknown([u8; 4]),
    /// The capture ends within a record. What came before it was whole.
    #[error(
        "the capture breaks off at byte {offset}, within a record; it was cut, or is still being \
         written"
    )]
    Truncated {
        /// Where the bytes ended.
        offset: u64,
    },
    /// A record contradicts itself, so that nothing behind it can be believed.
    #[error("the capture is broken at byte {offset}: {what}")]
    Malformed {
        /// Where the record begins.
        offset: u64,
        /// What contradicts what.
        what: &'static str,
    },
}

impl Error {
    /// Whether the capture only ends too early.
    pub fn is_truncated(&self) -> bool {
        matches!(self, Self::Truncated { .. })
    }
}
