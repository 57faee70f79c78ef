//! The format of a crash report: its parts, reading and writing.
//!
//! Today that is [`capture`], the frames of a flight record, in the formats that every network
//! tool reads. This crate knows bytes, never devices: what it reads comes from any
//! [`std::io::Read`], what it writes goes to any [`std::io::Write`].
#![forbid(unsafe_code)]

pub mod capture;
