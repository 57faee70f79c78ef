//! What wakes who sleeps over a queue pair: the device calls, or is gone.

use super::super::message::{Socket, timespec};
use crate::Error;
use core::time::Duration;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, poll};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

pub(super) struct Bell {
    /// The device writes to it when it has used a buffer, while calls are wanted.
    call: OwnedFd,
    /// Nothing is said on it after the handshake but the farewell; here only its end counts. No
    /// turn at the channel is needed for that: somebody else's farewell may take long.
    socket: Socket,
    /// Readable when either has something to say.
    both: OwnedFd,
}

impl Bell {
    pub(super) fn new(call: OwnedFd, socket: Socket) -> io::Result<Self> {
        let both = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&both, &call, EventData::new_u64(0), EventFlags::IN)?;
        epoll::add(&both, &socket, EventData::new_u64(1), EventFlags::RDHUP)?;
        Ok(Self { call, socket, both })
    }

    /// Sleeps until it rings, or the time is over.
    pub(super) fn sleep(&self, timeout: Option<Duration>) {
        let mut both = [PollFd::new(&self.both, PollFlags::IN)];
        // Interrupted is as good as too early.
        let _ = poll(&mut both, timespec(timeout).as_ref());
    }

    /// Forgets the calls so far. Look at the ring afterwards, not before: a call between the two
    /// would be forgotten, and what it was for not seen.
    pub(super) fn silence(&self) {
        // Not blocking: if nobody called there is nothing to read.
        let _ = rustix::io::read(&self.call, &mut [0_u8; 8]);
    }

    /// An error if the device is gone.
    pub(super) fn check(&self) -> Result<(), Error> {
        self.socket.check()
    }

    /// Readable while it rings.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.both.as_fd()
    }
}
