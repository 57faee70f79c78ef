//! How long threads were running.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// Threads whose running time counts. What the kernel does in an interrupt counts for the thread
/// that it interrupts, as always where `CONFIG_IRQ_TIME_ACCOUNTING` is off.
pub(crate) struct Effort(Vec<PathBuf>);

impl Effort {
    /// Of a server's threads, and threads of the kernel.
    pub(super) fn of(server: &[i32], kernel: &[i32]) -> Self {
        // Every thread has its folder here, listed or not.
        let path = |thread: &i32| format!("/proc/{thread}/schedstat").into();
        Self(server.iter().chain(kernel).map(path).collect())
    }

    /// How long they have been running by now, together. Exact when they sleep: of a thread that
    /// runs, the kernel writes it down now and then.
    pub(crate) fn so_far(&self) -> Result<Duration, String> {
        let mut nanoseconds = 0;
        for path in &self.0 {
            let named = |what: &str| format!("{}: {what}", path.display());
            let text = fs::read_to_string(path).map_err(|error| named(&error.to_string()))?;
            let first = text.split_whitespace().next().and_then(|number| number.parse().ok());
            nanoseconds += first.unwrap_or(0_u64);
        }
        if nanoseconds == 0 {
            return Err("this kernel does not say how long threads run (CONFIG_SCHED_INFO)".into());
        }
        Ok(Duration::from_nanos(nanoseconds))
    }
}
