//! The wish to end.

use crate::Failure;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether somebody wants the command to end: by Ctrl-C, by `kill`, by closing the terminal.
///
/// A command looks at it between two batches, ends cleanly and prints its summary. Whoever cannot
/// wait presses Ctrl-C twice.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// One that the usual signals set.
    pub(crate) fn on_signals() -> Result<Self, Failure> {
        let stop = Self::default();
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            let flag = || Arc::clone(&stop.0);
            // The order matters: the second signal finds the flag set by the first.
            signal_hook::flag::register_conditional_shutdown(signal, 130, flag())
                .and_then(|_| signal_hook::flag::register(signal, flag()))
                .map_err(|source| Failure::System {
                    thing: format!("listening to signal {signal}"),
                    source,
                    way_out: "check that the sandbox around it allows rt_sigaction",
                })?;
        }
        Ok(stop)
    }

    /// Whether to end.
    pub(crate) fn is_wanted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
