//! Wrappers: drivers around a driver.
//!
//! Each takes any [`Nic`](crate::Nic), a boxed one too, and is one itself, so they can be put around each other
//! in any order; the outermost is nearest to the stack. None of them ever loses a packet: what a
//! wrapper drops on purpose goes back to its caller like a packet that was sent.

pub mod clock;
pub mod faults;
mod observe;
pub mod tee;
mod trace;

pub use clock::{Clock, SystemClock, VirtualClock};
pub use faults::Faults;
pub use tee::Tee;
pub use trace::Trace;
