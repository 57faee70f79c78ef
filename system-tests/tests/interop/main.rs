//! Our stack and Linux's, over each driver: they find each other, speak, and tell each other what
//! is wrong.
//!
//! Each file is one subject and reads as a few short stories; each story takes place once for
//! every driver in [`meeting::Driver`], unless it says that the driver does not matter.

#[macro_use]
mod meeting;

mod addresses;
mod commands;
mod datagrams;
mod duplicates;
mod errors;
mod failures;
mod groups;
mod hops;
mod names;
mod neighbours;
mod outside;
mod path_mtu;
mod ping;
mod traceroute;
