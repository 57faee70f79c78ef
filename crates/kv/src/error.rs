//! Why a store could not be made.

/// What is wrong with the measures of a store. (What goes wrong with a request is an answer to
/// that request, not an error here.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The capacity cannot be.
    #[error("capacity {capacity}: must be a power of two from {least} to {most}")]
    Capacity {
        /// What was asked for.
        capacity: usize,
        /// The least there can be.
        least: usize,
        /// The most there can be.
        most: usize,
    },
    /// The limit of memory cannot be.
    #[error("memory {memory} bytes: must be from {least} to {most}")]
    Memory {
        /// What was asked for.
        memory: usize,
        /// The least there can be.
        least: usize,
        /// The most there can be.
        most: usize,
    },
    /// The machine has not that much.
    #[error("no memory for {bytes} bytes of {what}: ask for less")]
    NoMemory {
        /// How many bytes were asked for.
        bytes: usize,
        /// What for.
        what: &'static str,
    },
}
