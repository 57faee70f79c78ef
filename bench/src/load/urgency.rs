//! Threads that others on the machine do not hold up.
//!
//! A round trip is made of many short turns of several threads. On a busy machine each turn would
//! wait for somebody's time slice, and what it costs to be held up would be measured. In the
//! real-time class, none of them waits for anybody else; among each other they take turns when
//! they sleep. Where that is forbidden, figures are as good as the machine is quiet.

use std::process::{Command, Stdio};

/// The calling thread is in the real-time class until this is dropped.
#[must_use = "the thread is an ordinary one again when this is dropped"]
pub(crate) struct Urgent(i32);

impl Urgent {
    /// Puts the calling thread there.
    pub(crate) fn this() -> Self {
        let thread = rustix::thread::gettid().as_raw_nonzero().get();
        hurry(thread);
        Self(thread)
    }
}

impl Drop for Urgent {
    fn drop(&mut self) {
        change(&["--other", "--pid", "0"], self.0);
    }
}

/// Puts a thread into the real-time class, for good.
pub(crate) fn hurry(thread: i32) {
    change(&["--fifo", "--pid", "1"], thread);
}

fn change(how: &[&str], thread: i32) {
    let mut command = Command::new("chrt");
    command.args(how).arg(thread.to_string()).stdout(Stdio::null()).stderr(Stdio::null());
    // Without it, or without the right to, it is as the head of this module says.
    let _ = command.status();
}
