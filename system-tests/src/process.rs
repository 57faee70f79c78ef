//! Programs that a test starts: ended by their guard, or by the kernel with the thread that
//! started them.
//!
//! **Why unsafe is allowed here:** what a child does between fork and exec.
#![allow(unsafe_code)]

use crate::PATIENCE;
use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// A running program. Dropping it kills it, by its id.
pub struct Process {
    child: Child,
    name: String,
    output: Option<Receiver<String>>,
    errors: Option<Receiver<String>>,
}

/// A program that ended.
#[derive(Debug)]
pub struct Ended {
    /// Whether it said that all went well.
    pub success: bool,
    /// What it printed.
    pub output: String,
    /// What it complained about.
    pub errors: String,
}

/// The tool must be there for the test to mean anything.
///
/// # Panics
///
/// If it is not, naming the command that installs it.
#[track_caller]
pub fn tool(name: &str, package: &str) {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path);
    assert!(
        places.any(|place| place.join(name).is_file()),
        "this test needs `{name}`: `sudo apt-get install -y --no-install-recommends {package}`"
    );
}

/// Starts a program in the namespace of this thread.
pub(crate) fn start(command: &[String]) -> Process {
    let (name, arguments) = command.split_first().expect("a command has a name");
    let mut builder = Command::new(name);
    builder.args(arguments);
    builder.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // SAFETY: the closure makes one system call and neither allocates nor locks.
    unsafe {
        builder.pre_exec(|| {
            set_parent_process_death_signal(Some(Signal::KILL))?;
            Ok(())
        });
    }
    let mut child =
        builder.spawn().unwrap_or_else(|error| panic!("cannot start `{name}`: {error}"));
    let output = child.stdout.take().map(collect);
    let errors = child.stderr.take().map(collect);
    Process { child, name: command.join(" "), output, errors }
}

/// Reads to the end beside us, so that the child never waits for a full pipe.
fn collect(mut from: impl Read + Send + 'static) -> Receiver<String> {
    let (tell, told) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        let _ = tell.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    told
}

impl Process {
    /// Its id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Gives it something to read.
    ///
    /// # Panics
    ///
    /// If it does not read.
    pub fn feed(&mut self, bytes: &[u8]) {
        let input = self.child.stdin.as_mut().expect("its input was not closed");
        input.write_all(bytes).expect("it reads its input");
    }

    /// Tells it that there is nothing more to read.
    pub fn end_input(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Asks it to end, and gives everything it said: its output, then its complaints.
    ///
    /// # Panics
    ///
    /// If it does not end within [`PATIENCE`].
    #[track_caller]
    pub fn end(self) -> String {
        let id = i32::try_from(self.id()).ok().and_then(Pid::from_raw).expect("an id");
        // It may have ended on its own.
        let _ = kill_process(id, Signal::TERM);
        let Ended { output, errors, .. } = self.wait();
        output + &errors
    }

    /// Waits for its end.
    ///
    /// # Panics
    ///
    /// If that takes longer than [`PATIENCE`].
    #[track_caller]
    pub fn wait(self) -> Ended {
        self.wait_for(PATIENCE)
    }

    /// Waits for its end, but not longer than that.
    ///
    /// # Panics
    ///
    /// If it takes longer.
    #[track_caller]
    pub fn wait_for(mut self, patience: Duration) -> Ended {
        self.end_input();
        let deadline = Instant::now() + patience;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                break status;
            }
            assert!(Instant::now() < deadline, "`{}` did not end in {patience:?}", self.name);
            thread::sleep(Duration::from_millis(2));
        };
        // A child of the child may hold the pipe open for longer.
        let read = |pipe: Option<Receiver<String>>| {
            pipe.and_then(|told| told.recv_timeout(patience).ok()).unwrap_or_default()
        };
        let (output, errors) = (read(self.output.take()), read(self.errors.take()));
        Ended { success: status.success(), output, errors }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended on its own.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
