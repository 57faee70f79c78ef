//! `cofferdam net`: programs on the user-space network stack.
//!
//! Each is a module with its options and a `run`; they are also what to read first for how the
//! crates `nic`, `netstack` and `socket` are used.

mod clock;
mod demo;
mod echo;
mod events;
mod kv;
mod l2fwd;
mod options;
mod ping;

pub(crate) use options::{AddressOptions, NicOptions};

use crate::{Context, Failure};
use clap::Subcommand;

/// The programs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Ten seconds of a client and a key-value server, each on a stack of its own
    Demo(demo::Options),
    /// Send every UDP datagram back to where it came from
    Echo(echo::Options),
    /// Forward frames between two devices, with their addresses rewritten
    L2fwd(l2fwd::Options),
    /// Ask a host whether it is there, and how far away
    Ping(ping::Options),
    /// A key-value store that memcached's clients talk to over UDP
    Kv(kv::Options),
}

/// Runs one of them.
pub(crate) fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Demo(options) => demo::run(&options, context),
        Command::Echo(options) => echo::run(&options, context),
        Command::L2fwd(options) => l2fwd::run(&options, context),
        Command::Ping(options) => ping::run(&options, context),
        Command::Kv(options) => kv::run(&options, context),
    }
}
