//! What came of an operation, in a form that both sides have.

use store::Kind;

/// What `stat` says, as far as both must agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) kind: Kind,
    pub(crate) permissions: u32,
    pub(crate) links: u32,
    /// Of files and symbolic links.
    pub(crate) size: Option<u64>,
    /// If it was set by hand.
    pub(crate) changed: Option<(i64, u32)>,
}

/// What came of it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Status(Status),
    Names(Vec<(Vec<u8>, Kind)>),
    Bytes(Vec<u8>),
    Place(u64),
    /// The error number.
    Refused(i32),
}

impl std::fmt::Debug for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::Status(status) => status.fmt(f),
            Self::Names(names) => {
                let texts = names.iter().map(|(n, k)| (String::from_utf8_lossy(n).into_owned(), k));
                f.debug_list().entries(texts).finish()
            }
            Self::Bytes(bytes) if bytes.len() > 64 => {
                let sum =
                    bytes.iter().fold(0u64, |sum, &b| sum.wrapping_mul(31).wrapping_add(b.into()));
                write!(f, "{} bytes, {sum:x}, {:?}…", bytes.len(), &bytes[..16])
            }
            Self::Bytes(bytes) => bytes.fmt(f),
            Self::Place(place) => write!(f, "at {place}"),
            Self::Refused(number) => write!(f, "error {number}"),
        }
    }
}
