//! A network namespace of its own: a thread that lives in one and does there what it is told.
//!
//! **Why unsafe is allowed here:** leaving a namespace is unsafe in rustix, since the same call
//! can also split the descriptor table.
#![allow(unsafe_code)]

use crate::PATIENCE;
use crate::process::{self, Process};
use rustix::thread::{UnshareFlags, capabilities, gettid, set_capabilities, unshare_unsafe};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Sender, channel};
use std::thread;

pub use rustix::thread::CapabilitySet as Rights;

type Job = Box<dyn FnOnce() + Send>;

/// A network namespace, gone when this is dropped and nothing that was opened in it is left.
pub struct Namespace {
    thread: i32,
    jobs: Sender<Job>,
}

impl Namespace {
    /// A new one, in which the loopback interface is up.
    ///
    /// # Panics
    ///
    /// Without root.
    pub fn new() -> Self {
        let (jobs, queue) = channel::<Job>();
        let (tell, told) = channel();
        thread::spawn(move || {
            // SAFETY: a network namespace is a thread's own affair: no memory or descriptor that
            // others use is split off.
            let left = unsafe { unshare_unsafe(UnshareFlags::NEWNET) };
            let _ = tell.send(left.map(|()| gettid().as_raw_nonzero().get()));
            if left.is_ok() {
                // Until the namespace is dropped, and the queue with it.
                for job in queue {
                    job();
                }
            }
        });
        let thread = told
            .recv_timeout(PATIENCE)
            .expect("a thread for the namespace")
            .unwrap_or_else(|error| {
                panic!("a network namespace needs root ({error}): `sudo -E cargo xtask test`")
            });
        let namespace = Self { thread, jobs };
        namespace.output(&["ip", "link", "set", "lo", "up"]);
        namespace
    }

    /// Does something inside. What it opens belongs to this namespace for good.
    ///
    /// # Panics
    ///
    /// If the job does, with its message.
    pub fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (tell, told) = channel();
        let job = move || {
            let _ = tell.send(catch_unwind(AssertUnwindSafe(job)));
        };
        self.jobs.send(Box::new(job)).expect("the thread lives as long as its namespace");
        match told.recv_timeout(2 * PATIENCE).expect("a job ends") {
            Ok(value) => value,
            Err(panic) => resume_unwind(panic),
        }
    }

    /// Does something inside as a root that lacks some rights.
    ///
    /// # Panics
    ///
    /// If the job does, with its message.
    pub fn run_without<T: Send + 'static>(
        &self,
        rights: Rights,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        self.run(move || {
            // On a thread of its own, which begins in the same namespace: there is no way back.
            let deprived = thread::spawn(move || {
                let mut sets = capabilities(None).expect("rights can be asked for");
                sets.effective -= rights;
                sets.permitted -= rights;
                sets.inheritable -= rights;
                set_capabilities(None, sets).expect("rights can be given up");
                job()
            });
            deprived.join().unwrap_or_else(|panic| resume_unwind(panic))
        })
    }

    /// Starts a program inside.
    pub fn start(&self, command: &[&str]) -> Process {
        let command: Vec<String> = command.iter().map(ToString::to_string).collect();
        self.run(move || process::start(&command))
    }

    /// Runs a program inside to its end and gives what it printed.
    ///
    /// # Panics
    ///
    /// If the program is not there, fails, or takes longer than [`PATIENCE`].
    #[track_caller]
    pub fn output(&self, command: &[&str]) -> String {
        let ended = self.start(command).wait();
        assert!(ended.success, "`{}` failed:\n{}{}", command.join(" "), ended.output, ended.errors);
        ended.output
    }

    /// The thread whose namespace it is, as `ip link set … netns` takes it.
    pub fn thread(&self) -> String {
        self.thread.to_string()
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Self::new()
    }
}
