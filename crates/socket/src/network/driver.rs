//! The thread that drives a network.

use super::Shared;
use core::task::Waker;
use core::time::Duration;
use netstack::Time;
use std::os::fd::OwnedFd;

/// Frames received in one round, while others wait for the lock.
const ROUND: usize = 64;
/// The longest sleep over a driver that has no descriptor: nobody tells when a frame arrives
/// there, so we look. It grows to this from [`SHORTEST`], while nothing comes.
const LONGEST: Duration = Duration::from_millis(1);
const SHORTEST: Duration = Duration::from_micros(20);

pub(super) fn drive(shared: &Shared, descriptor: Option<&OwnedFd>) {
    // However this ends, nobody may wait for it any longer.
    let _last = Farewell(shared);
    let mut pause = SHORTEST;
    loop {
        let mut guard = shared.lock();
        let state = &mut *guard;
        if state.closed {
            return;
        }
        let count = match state.link.poll(ROUND) {
            Ok(count) => count,
            Err(error) => {
                tracing::warn!(%error, "the interface is gone");
                state.go(&error);
                return;
            }
        };
        while let Some(stack) = state.link.next_ready() {
            if let Some(seat) = state.seats.get_mut(&stack) {
                seat.wake();
            }
        }
        while let Some(stack) = state.link.host().next_failed() {
            if let Some(seat) = state.seats.get_mut(&stack) {
                seat.wake();
            }
        }
        if state.pingers > 0 {
            shared.pong.notify_all();
        }
        // What the round brought about (answers, questions for neighbours) goes out at once.
        if let Err(error) = state.link.flush() {
            state.go(&error);
            return;
        }
        let behind = state.link.is_behind();
        if !behind {
            state.senders.drain(..).for_each(Waker::wake);
            shared.room.notify_all();
        }
        if count > 0 {
            pause = SHORTEST;
            continue;
        }
        // A device may announce nothing unless it is asked to, and what has come by then it does
        // not announce.
        if descriptor.is_some() && !behind {
            match state.link.wait(Some(Duration::ZERO)) {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => {
                    state.go(&error);
                    return;
                }
            }
        }
        let now = state.link.look_at_clock();
        let due = state.link.host_ref().next_timeout();
        let mut timeout = due.map(|due| due.since(now));
        if behind || descriptor.is_none() {
            timeout = Some(timeout.map_or(pause, |timeout| timeout.min(pause)));
            pause = LONGEST.min(pause * 2);
        }
        state.sleeps_until = timeout.map_or(Time::NEVER, |timeout| now + timeout);
        drop(guard);
        shared.bell.sleep(descriptor, timeout);
        shared.lock().sleeps_until = Time::ZERO;
    }
}

/// Tells everybody who waits that nobody drives the network any more.
struct Farewell<'a>(&'a Shared);

impl Drop for Farewell<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.go_because("the network's thread has ended");
        self.0.room.notify_all();
        self.0.pong.notify_all();
    }
}
