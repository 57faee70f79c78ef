//! The command line's shape.

use crate::logs;
use crate::{net, store};
use clap::{Parser, Subcommand};
use clap_complete::Shell;
use std::path::PathBuf;

/// Runs programs in compartments that break one at a time, and says why when one does.
#[derive(Debug, Parser)]
#[command(
    name = "cofferdam",
    version,
    arg_required_else_help = true,
    propagate_version = true,
    max_term_width = 100,
    after_help = "Exit codes: 0 done, 1 it failed (the last line on stderr says what, why, and \
                  the way out), 2 the command line is wrong, 130 a second Ctrl-C cut it off; \
                  `cofferdam store` has more, which its help lists."
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) logs: logs::Options,
    /// Print results, and errors, as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// What there is to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say what this machine can do, and what to install for the rest
    #[command(after_help = "The exit code is 0 whatever is missing: nothing here needs all of it.")]
    Doctor,
    /// Programs on the user-space network stack
    #[command(subcommand)]
    Net(net::Command),
    /// An encrypted store that notices every change it did not make
    #[command(subcommand)]
    Store(store::Command),
    /// Print a completion script for a shell
    #[command(after_help = "Example: cofferdam completions bash > \
                            ~/.local/share/bash-completion/completions/cofferdam")]
    Completions {
        /// For which shell
        shell: Shell,
    },
    /// Print the manual page, or write one page for each command
    #[command(after_help = "Example: cofferdam man | man -l -")]
    Man {
        /// Write `cofferdam.1`, `cofferdam-net.1` … into this folder
        #[arg(long, value_name = "FOLDER")]
        dir: Option<PathBuf>,
    },
}
