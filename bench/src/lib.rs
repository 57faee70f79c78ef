//! Ours and the peers, measured in turn on one machine. See [`frame`] for how, and [`report`]
//! for what is published of it.

pub mod frame;
pub mod report;
