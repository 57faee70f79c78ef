//! Logs: where they go and how much of them.

use crate::Failure;
use clap::{ArgAction, Args, ValueEnum};
use std::io::{self, IsTerminal as _};
use tracing_subscriber::EnvFilter;

/// How lines look: for people, or one JSON object each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Text,
    Json,
}

/// Options about logs.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// What to log on stderr: a level, or levels for parts (`info,nic=trace`)
    #[arg(
        long,
        global = true,
        env = "COFFERDAM_LOG",
        hide_env_values = true,
        value_name = "FILTER",
        help_heading = "Logs"
    )]
    log: Option<String>,
    /// How log lines look
    #[arg(long, global = true, value_enum, value_name = "FORMAT", default_value_t = Format::Text, help_heading = "Logs")]
    log_format: Format,
    /// Log more: -v what happens, -vv details, -vvv everything; `--log` wins over it
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = "Logs")]
    verbose: u8,
}

/// Sends logs to stderr from now on.
pub(crate) fn start(options: &Options) -> Result<(), Failure> {
    let level = match options.verbose {
        0 => "warn",
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let filter = options.log.as_deref().unwrap_or(level);
    let filter = EnvFilter::try_new(filter).map_err(|error| {
        Failure::Usage(format!(
            "--log {filter}: {error}; give a level (error, warn, info, debug, trace) or a list \
             like `info,nic=trace`"
        ))
    })?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none());
    match options.log_format {
        Format::Text => lines.init(),
        Format::Json => lines.json().init(),
    }
    Ok(())
}
