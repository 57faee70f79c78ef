//! The command `cofferdam`.
//!
//! Reads the command line, starts what it names, and turns what that says into an exit code. It
//! holds no logic of its own: each command has a module with its options and its `run`.

mod cli;
mod doctor;
mod failure;
mod logs;
mod manual;
mod net;
mod stdout;
mod stop;
mod store;

use clap::Parser;
use clap::error::ErrorKind;
use cli::{Cli, Command};
use failure::Failure;
use std::process::ExitCode;
use stop::Stop;

/// What every command is given besides its own options.
pub(crate) struct Context {
    /// Whether results are printed as JSON.
    pub(crate) json: bool,
    /// Told when somebody wants the command to end.
    pub(crate) stop: Stop,
}

fn main() -> ExitCode {
    // Before parsing, so that mistakes on the command line are told as JSON as well.
    let json = std::env::args_os().skip(1).take_while(|a| a != "--").any(|a| a == "--json");
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if json && !is_help(error.kind()) => {
            return Failure::Usage(failure::sentence(&error)).tell(true);
        }
        Err(error) => error.exit(),
    };
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell(json),
    }
}

fn is_help(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::DisplayHelp | ErrorKind::DisplayVersion)
}

fn run(cli: Cli) -> Result<(), Failure> {
    logs::start(&cli.logs)?;
    let context = Context { json: cli.json, stop: Stop::on_signals()? };
    match cli.command {
        Command::Doctor => doctor::run(&context),
        Command::Net(command) => net::run(command, &context),
        Command::Store(command) => store::run(command, &context),
        Command::Completions { shell } => manual::completions(shell),
        Command::Man { dir } => manual::pages(dir.as_deref()),
    }
}
