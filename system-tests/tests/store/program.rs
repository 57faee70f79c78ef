//! Programs that are run to their end, which comes in time.

use std::process::{Command, Output, Stdio};

/// The same command, ended after so many seconds.
pub(crate) fn bounded(command: &Command, seconds: u32) -> Command {
    let mut bounded = Command::new("timeout");
    bounded.arg("--kill-after=2").arg(seconds.to_string());
    bounded.arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
    if let Some(folder) = command.get_current_dir() {
        bounded.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => bounded.env(name, value),
            None => bounded.env_remove(name),
        };
    }
    bounded
}

/// How it ended.
pub(crate) fn ended(command: &Command, seconds: u32) -> Output {
    bounded(command, seconds).output().unwrap()
}

/// What it printed, which must have ended well.
#[track_caller]
pub(crate) fn said(command: &mut Command, seconds: u32) -> String {
    let output = ended(command, seconds);
    let (text, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let name = command.get_program().display();
    assert!(output.status.success(), "{name}: {}\n{text}\n{errors}", output.status);
    text.into_owned()
}
