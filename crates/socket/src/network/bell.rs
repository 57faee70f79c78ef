//! What wakes the network's thread: an eventfd.

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::fs::Timespec;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

pub(super) struct Bell(OwnedFd);

impl Bell {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    /// Wakes who sleeps, or is about to.
    pub(super) fn ring(&self) {
        // It can only fail when it rang 2^64 times and nobody listened.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    /// Sleeps until the bell rings, the descriptor is readable, or the time is over.
    pub(super) fn sleep(&self, descriptor: Option<&OwnedFd>, timeout: Option<Duration>) {
        let timeout = timeout.map(|timeout| Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        });
        let own = PollFd::new(&self.0, PollFlags::IN);
        // An interruption is a wake-up like any other.
        let _ = match descriptor {
            Some(descriptor) => {
                let mut both = [own, PollFd::new(descriptor, PollFlags::IN)];
                poll(&mut both, timeout.as_ref())
            }
            None => poll(&mut [own], timeout.as_ref()),
        };
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
    }
}
