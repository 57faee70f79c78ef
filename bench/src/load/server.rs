//! A server on a core of its own: a thread of this process, or a program.

use super::SERVICE;
use super::urgency::{Urgent, hurry};
use bench::frame::{keep_on_core, pin};
use rustix::thread::gettid;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle};
use system_tests::Process;

/// The longest that a server may sleep without looking whether it is to end.
pub(crate) const NAP: std::time::Duration = std::time::Duration::from_millis(100);

/// A running server. Dropping it tells it to end, and waits for that.
pub(crate) enum Server {
    Thread(Thread),
    Program(Process),
}

pub(crate) struct Thread {
    number: i32,
    stop: Arc<AtomicBool>,
    handle: Option<JoinHandle<Result<(), String>>>,
}

impl Server {
    /// Runs `serve` until it is told to stop by what it is given, to be looked at every [`NAP`].
    pub(crate) fn start(
        serve: impl FnOnce(&AtomicBool) -> Result<(), String> + Send + 'static,
    ) -> Result<Self, String> {
        let stop = Arc::new(AtomicBool::new(false));
        let (tell, told) = channel();
        let seen = Arc::clone(&stop);
        let handle = thread::spawn(move || {
            let pinned = pin(SERVICE);
            let _ = tell.send(gettid().as_raw_nonzero().get());
            let _pinned = pinned?;
            let _urgent = Urgent::this();
            serve(&seen)
        });
        let number = told.recv().map_err(|_| "the server did not start".to_owned())?;
        Ok(Self::Thread(Thread { number, stop, handle: Some(handle) }))
    }

    /// A program that serves already; all its threads get the core.
    pub(crate) fn program(process: Process) -> Result<Self, String> {
        let server = Self::Program(process);
        for thread in server.threads()? {
            keep_on_core(thread, SERVICE)?;
            hurry(thread);
        }
        Ok(server)
    }

    /// Its threads, by their numbers.
    pub(super) fn threads(&self) -> Result<Vec<i32>, String> {
        let process = match self {
            Self::Thread(thread) => return Ok(vec![thread.number]),
            Self::Program(process) => process,
        };
        let path = format!("/proc/{}/task", process.id());
        let tasks = fs::read_dir(&path).map_err(|error| format!("{path}: {error}"))?;
        Ok(tasks.flatten().filter_map(|task| task.file_name().to_str()?.parse().ok()).collect())
    }

    /// Why it ended, if it has.
    pub(super) fn check(&mut self) -> Result<(), String> {
        let thread = match self {
            Self::Thread(thread) => thread,
            // One that has ended is a zombie without threads that could be running.
            Self::Program(_) => return Ok(()),
        };
        match thread.handle.take_if(|handle| handle.is_finished()) {
            None if thread.handle.is_some() => Ok(()),
            None => Err("the server has ended".into()),
            Some(handle) => Err(handle.join().map_or_else(
                |_| "the server panicked".into(),
                |ended| ended.err().unwrap_or_else(|| "the server ended".into()),
            )),
        }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(handle) = self.handle.take() {
            // What it has to say came too late to matter.
            let _ = handle.join();
        }
    }
}
