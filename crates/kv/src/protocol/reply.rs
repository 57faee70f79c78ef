//! What one step of a request comes to.

use super::binary;
use crate::store::Entry;

/// The outcome of a step, to be written into the answer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reply<'s> {
    /// Nothing: the client asked for no answer, or there is none to a request like that.
    Quiet,
    /// A line.
    Line(&'static str),
    /// A line instead of all that was answered to this request so far.
    Instead(&'static str),
    /// A line with a number.
    Number(u64),
    /// An entry, with its number or without.
    Value {
        /// What was found.
        entry: Entry<'s>,
        /// Whether the client wants to know its number.
        with_cas: bool,
        /// Whether it is the last one, so that the end follows.
        last: bool,
    },
    /// The end of a list of entries.
    End,
    /// The version.
    Version,
    /// Statistics in text.
    Statistics(Statistics),
    /// A message of the binary protocol.
    Binary(binary::Reply<'s>),
    /// Statistics, each in a message like this one.
    BinaryStatistics(Statistics, binary::Reply<'static>),
}

/// Which statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Statistics {
    /// Of the server as a whole.
    General,
    /// How it was set up.
    Settings,
    /// Of the entries.
    Items,
    /// Of memory.
    Slabs,
}

impl Statistics {
    /// By the name that clients use.
    pub(crate) fn named(name: &[u8]) -> Option<Self> {
        match name {
            b"" => Some(Self::General),
            b"settings" => Some(Self::Settings),
            b"items" => Some(Self::Items),
            b"slabs" => Some(Self::Slabs),
            _ => None,
        }
    }
}
