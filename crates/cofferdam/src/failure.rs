//! Why a command failed, and how that is told.

use std::io;
use std::process::ExitCode;

/// Why a command failed. Its text is one sentence: the thing, the cause, the way out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// What was asked for cannot be: exit code 2.
    #[error("{0}")]
    Usage(String),
    /// A device.
    #[error(transparent)]
    Nic(#[from] nic::Error),
    /// A device and a host on it.
    #[error(transparent)]
    Socket(#[from] socket::Error),
    /// The operating system refused something.
    #[error("{thing}: {source}; {way_out}")]
    System {
        /// What was tried, on what.
        thing: String,
        /// What the system said.
        source: io::Error,
        /// What helps.
        way_out: &'static str,
    },
    /// A store; its exit codes are in `store/exit.rs`.
    #[error(transparent)]
    Store(#[from] crate::store::Refused),
    /// Anything else that is told in one sentence.
    #[error("{0}")]
    Other(String),
}

impl From<::store::host::Error> for Failure {
    fn from(error: ::store::host::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Failure {
    /// Tells it on stderr and gives the exit code that goes with it.
    pub(crate) fn tell(&self, json: bool) -> ExitCode {
        ExitCode::from(self.say(json))
    }

    /// Tells it on stderr and gives the number of the exit code.
    pub(crate) fn say(&self, json: bool) -> u8 {
        let code = match self {
            Self::Usage(_) => 2,
            Self::Store(refused) => refused.exit as u8,
            _ => 1,
        };
        if json {
            let error = serde_json::json!({ "error": self.to_string(), "exit_code": code });
            eprintln!("{error}");
        } else {
            eprintln!("cofferdam: {self}");
        }
        code
    }
}

/// What clap says, as one sentence.
pub(crate) fn sentence(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines = text
        .lines()
        .map(|line| line.trim().trim_start_matches('^').trim_start())
        .take_while(|line| !line.starts_with("Usage:"));
    let whole: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    whole.join("; ").trim_start_matches("error: ").to_owned()
}
