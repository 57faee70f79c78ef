//! How a thread is called while it sleeps.
//!
//! It sleeps without the volume: nobody who drops the last clone of that has to wait until a thread
//! of it is gone.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A call, until it is heard.
#[derive(Default)]
pub(super) struct Call {
    called: Mutex<bool>,
    changed: Condvar,
}

impl Call {
    /// There may be something to do, or nothing any more.
    pub(super) fn call(&self) {
        *self.called.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_one();
    }

    /// Sleeps until it is called, or was since it last slept.
    pub(super) fn sleep(&self, time: Duration) {
        let called = self.called.lock().unwrap_or_else(PoisonError::into_inner);
        let slept = self.changed.wait_timeout_while(called, time, |called| !*called);
        *slept.unwrap_or_else(PoisonError::into_inner).0 = false;
    }
}
