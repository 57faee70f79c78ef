//! Steps: commands that are run one after the other, with a line before and a duration behind.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Instant;

/// Why a task ended early, in a sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Failed(pub(crate) String);

/// Counts steps.
pub(crate) struct Steps {
    done: usize,
    all: usize,
}

impl Steps {
    /// Of `all` steps none is done.
    pub(crate) fn new(all: usize) -> Self {
        Self { done: 0, all }
    }

    /// Does one step. The first that fails ends the task.
    pub(crate) fn step<T>(
        &mut self,
        name: &str,
        work: impl FnOnce() -> Result<T, Failed>,
    ) -> Result<T, Failed> {
        self.announce(name);
        let begin = Instant::now();
        let result = work();
        let verdict = if result.is_ok() { "ok" } else { "FAILED" };
        eprintln!("--- {name}: {verdict} after {:.1} s", begin.elapsed().as_secs_f64());
        result
    }

    /// Says that a step begins, and nothing when it ends: for the last, whose own summary is
    /// the last thing to be read.
    pub(crate) fn announce(&mut self, name: &str) {
        self.done += 1;
        eprintln!("\n=== [{}/{}] {name}", self.done, self.all);
    }
}

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// `cargo` of the toolchain that runs us, in the folder of the workspace.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// Runs a command and sees it succeed.
pub(crate) fn run(command: &mut Command) -> Result<(), Failed> {
    let shown = shown(command);
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failed(format!("`{shown}` failed ({status}); its output is above"))),
        Err(error) => Err(Failed(format!("`{shown}` could not be started: {error}"))),
    }
}

/// Runs a command, sees it succeed, and gives what it printed.
pub(crate) fn output(command: &mut Command) -> Result<String, Failed> {
    let shown = shown(command);
    let Output { status, stdout, .. } = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| Failed(format!("`{shown}` could not be started: {error}")))?;
    if !status.success() {
        return Err(Failed(format!("`{shown}` failed ({status})")));
    }
    String::from_utf8(stdout).map_err(|_| Failed(format!("`{shown}` printed something odd")))
}

/// Whether a program is there and answers to `arguments`.
pub(crate) fn answers(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// A command as people would type it.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
