//! Why a driver could not be opened, or stopped working.

use std::io;

/// What went wrong with a device. Each message names the thing, the cause, and the way out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The device went away while it was open.
    #[error("{device} is gone: {cause}; open it again once it is back")]
    Gone {
        /// Which device.
        device: String,
        /// How that showed.
        cause: String,
    },
    /// The kernel refused a call.
    #[error("{device}: {doing} failed: {source}{}", way_out(.hint))]
    Kernel {
        /// Which device.
        device: String,
        /// What was tried.
        doing: &'static str,
        /// What the kernel said.
        #[source]
        source: io::Error,
        /// What helps; may be empty.
        hint: String,
    },
    /// The other side of a socket broke the protocol.
    #[error("{device}: the other side {what}")]
    Peer {
        /// Which device.
        device: String,
        /// What it did.
        what: String,
    },
    /// What was asked for cannot be.
    #[error("{device}: {what}")]
    Unusable {
        /// Which device.
        device: String,
        /// What cannot be, why, and what can.
        what: String,
    },
}

fn way_out(hint: &str) -> String {
    if hint.is_empty() { String::new() } else { format!("; {hint}") }
}

impl Error {
    /// Whether the device is no longer there, so that opening it again may help.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Gone { .. })
    }
}
