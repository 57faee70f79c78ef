//! Echo requests: is somebody there, and how far away?

use super::{Network, State};
use crate::Error;
use core::net::IpAddr;
use core::time::Duration;
use netstack::{PingId, Pong};
use std::io::{self, ErrorKind};
use std::sync::{MutexGuard, PoisonError};
use std::time::Instant;

/// Hops that a request may make.
const HOPS: u8 = 64;

impl Network {
    /// Asks a host to send `payload` back, and waits for the answer. An ICMP error that comes in
    /// its place is an error here, as at a connected socket; no answer within `timeout` is
    /// [`ErrorKind::TimedOut`].
    pub fn ping(&self, to: IpAddr, payload: &[u8], timeout: Duration) -> io::Result<Pong> {
        let deadline = Instant::now() + timeout;
        let mut state = self.lock();
        state.check()?;
        let ping = state.link.ping(to, HOPS, payload)?;
        state.pingers += 1;
        let (mut state, outcome) = match self.shared().push(&mut state) {
            Ok(()) => self.wait_for_pong(state, ping, deadline),
            Err(error) => (state, Err(error)),
        };
        state.pingers -= 1;
        state.link.host().forget_ping(ping);
        outcome?.ok_or_else(|| {
            let why = format!("{to} did not answer within {timeout:?}");
            io::Error::new(ErrorKind::TimedOut, why)
        })
    }

    /// What came of a request before the deadline.
    fn wait_for_pong<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        ping: PingId,
        deadline: Instant,
    ) -> (MutexGuard<'a, State>, io::Result<Option<Pong>>) {
        loop {
            if let Some(outcome) = state.link.host().take_pong(ping) {
                return (state, outcome.map(Some).map_err(|error| Error::from(error).into()));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if let Err(error) = state.check() {
                return (state, Err(error));
            }
            if left.is_zero() {
                return (state, Ok(None));
            }
            let bell = &self.shared().pong;
            state = bell.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
