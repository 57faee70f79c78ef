//! The server: datagrams in, datagrams out, nothing in between but a store.

mod message;
mod statistics;
mod writing;

use crate::Error;
use crate::datagram::{Datagram, Outlet};
use crate::protocol::frame::Frame;
use crate::protocol::glance::Glance;
use crate::protocol::{Context, Echo, Reply, Session};
use crate::store::Store;
use crate::time::Time;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use message::Message;
use statistics::Facts;

/// Requests whose keys are hashed and prefetched together.
pub const BATCH: usize = 32;
/// The largest request, and so the most that must be set aside while its answer is written.
const LARGEST_REQUEST: usize = 1 << 16;
/// Datagrams in an answer, at most: the largest entry, and some. Who asks for more in one request
/// is told to ask for less; a small request with a forged sender must not flood anybody.
pub const LONGEST_ANSWER: usize = 1024;

/// A memcached server over UDP, without the UDP.
#[derive(Debug)]
pub struct Server {
    store: Store,
    /// When it began.
    since: Time,
    /// What was not yet worked through of a request that is being written over.
    aside: Vec<u8>,
    /// The last key that was not found and is named in the answer.
    echo: Echo,
    counters: Counters,
}

/// What happened in a server, besides what happened in its store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Datagrams that came.
    pub requests: u64,
    /// Bytes in them.
    pub bytes_in: u64,
    /// Datagrams that went.
    pub answers: u64,
    /// Bytes in them.
    pub bytes_out: u64,
    /// Datagrams that were no request, or one of several datagrams.
    pub malformed: u64,
    /// Answers that were too long, or for which there was no buffer.
    pub cut: u64,
}

impl Server {
    /// A server for a store.
    pub fn new(store: Store, now: Time) -> Result<Self, Error> {
        let mut aside = Vec::new();
        aside
            .try_reserve_exact(LARGEST_REQUEST)
            .map_err(|_| Error::NoMemory { bytes: LARGEST_REQUEST, what: "a request" })?;
        let (echo, counters) = (Echo::default(), Counters::default());
        Ok(Self { store, since: now, aside, echo, counters })
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The store, to use besides.
    pub fn store_mut(&mut self) -> &mut Store {
        &mut self.store
    }

    /// What happened so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Answers all requests, in order. First all keys of a batch are hashed and their slots
    /// prefetched, then what these slots point to, and only then is one after the other carried
    /// out: so the waits for memory pass together.
    pub fn process_batch<D: Datagram>(
        &mut self,
        now: Time,
        requests: &mut VecDeque<D>,
        outlet: &mut impl Outlet<D>,
    ) {
        self.store.advance(now);
        let mut glances = [None; BATCH];
        while !requests.is_empty() {
            for (request, glance) in requests.iter().zip(&mut glances) {
                *glance = Glance::at(request.payload());
                if let Some(glance) = glance {
                    self.store.prefetch_slot(glance.hash());
                }
            }
            for glance in glances.iter().take(requests.len()).flatten() {
                self.store.prefetch_entry(glance.hash());
            }
            for glance in glances {
                let Some(request) = requests.pop_front() else { break };
                self.answer(now, request, glance, outlet);
            }
        }
    }

    /// Answers one request by itself.
    pub fn process<D: Datagram>(&mut self, now: Time, request: D, outlet: &mut impl Outlet<D>) {
        self.store.advance(now);
        let glance = Glance::at(request.payload());
        self.answer(now, request, glance, outlet);
    }

    #[inline]
    fn answer<D: Datagram>(
        &mut self,
        now: Time,
        request: D,
        glance: Option<Glance>,
        outlet: &mut impl Outlet<D>,
    ) {
        let payload = request.payload();
        self.counters.requests += 1;
        self.counters.bytes_in += payload.len() as u64;
        let frame = Frame::read(payload).filter(|_| payload.len() <= LARGEST_REQUEST);
        let Some(frame) = frame else {
            self.counters.malformed += 1;
            outlet.discard(request);
            return;
        };
        let mut session = Session::of(payload[Frame::LEN]);
        let mut glance = glance.map(|glance| (Frame::LEN, glance));
        let mut message = Message::new(request, frame, outlet);
        // The first step reads from the datagram itself; what it leaves, mostly nothing, is set
        // aside before the first answer is written over it.
        let (mut in_place, mut at) = (true, 0);
        loop {
            let input = if in_place {
                message.request(Frame::LEN)
            } else {
                self.aside.get(at..).unwrap_or_default()
            };
            let left = input.len();
            let context = Context { input, glance: glance.take(), now };
            let (reply, used) = session.step(&mut self.store, &mut self.echo, context);
            let goes_on = session.goes_on(left - used);
            at += used;
            if in_place && goes_on {
                self.aside.clear();
                self.aside.extend_from_slice(message.request(Frame::LEN + used));
                at = 0;
            }
            in_place = false;
            match reply {
                Reply::Statistics(which) => message.statistics(which, &self.facts(now)),
                Reply::BinaryStatistics(which, reply) => {
                    message.binary_statistics(&reply, which, &self.facts(now));
                }
                Reply::Binary(reply) => message.binary(&reply, self.echo.bytes()),
                reply => message.write(reply),
            }
            if !goes_on {
                break;
            }
            if session.is_between() {
                message.mark();
            }
        }
        message.finish(&mut self.counters);
    }

    fn facts(&self, now: Time) -> Facts<'_> {
        Facts { store: &self.store, counters: &self.counters, since: self.since, now }
    }
}
