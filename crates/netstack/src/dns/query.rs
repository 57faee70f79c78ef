//! One question on its way: which names are tried, at which servers, how often.

use super::message::write_query;
use super::{Answer, Data, DnsError, Kind, Message, Name};
use crate::{Random, Time};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

/// Names that may lead from one to the next.
const LONGEST_CHAIN: u32 = 8;

/// What was sent last and may be answered.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pub(super) socket: u32,
    pub(super) server: SocketAddr,
    id: u16,
    name: Name,
}

/// Whether an answer answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    Yes,
    /// All but the case of the letters.
    OtherCase,
    No,
}

#[derive(Clone, Debug)]
pub(super) struct Query {
    pub(super) kind: Kind,
    /// What is asked for now: the name itself, or one that it leads to.
    name: Name,
    /// The name that the answer will be remembered for.
    asked: Name,
    /// Names to be tried after it.
    others: VecDeque<Name>,
    /// A name that exists and has nothing of the kind: better to be told than that the last one
    /// tried does not exist.
    empty: Option<DnsError>,
    pub(super) attempt: Option<Attempt>,
    pub(super) due: Time,
    tries: u32,
    chain: u32,
    /// The least time to live of the chain so far.
    ttl: Duration,
    /// Whether to send an OPT record: not to servers that do not understand it.
    extended: bool,
    /// Whether some server answered, if only to say that it failed.
    failed: bool,
}

/// What comes of an answer.
pub(super) enum Step {
    /// The question is answered, and this may be remembered for the name for so long.
    Done(Result<Answer, DnsError>, Name, Duration),
    /// The next name, or the one that this leads to, is asked for.
    Next(Option<(DnsError, Name, Duration)>),
    /// The server is of no use; another may be.
    Useless,
    /// The server does not understand OPT records.
    Plain,
}

impl Query {
    pub(super) fn new(now: Time, name: Name, others: VecDeque<Name>, kind: Kind) -> Self {
        Self {
            kind,
            asked: name.clone(),
            name,
            others,
            empty: None,
            attempt: None,
            due: now,
            tries: 0,
            chain: 0,
            ttl: Duration::MAX,
            extended: true,
            failed: false,
        }
    }

    /// Sends the question to the next server: gives the server and the datagram.
    pub(super) fn send(
        &mut self,
        now: Time,
        servers: &[SocketAddr],
        rounds: u32,
        timeout: Duration,
        socket: u32,
        random: u64,
    ) -> Result<(SocketAddr, Vec<u8>), DnsError> {
        let count = servers.len() as u32;
        let round = self.tries.checked_div(count).ok_or(DnsError::NoServers)?;
        let server = servers.get((self.tries % count) as usize).copied();
        let Some(server) = server.filter(|_| round < rounds) else {
            let name = self.asked.clone();
            return Err(if self.failed {
                DnsError::Failed(name)
            } else {
                DnsError::TimedOut(name)
            });
        };
        let mut random = Random::new(random);
        let id = random.next_u16();
        // There are servers that do not keep the case; the last round is for them.
        let plain = rounds > 1 && round + 1 == rounds;
        let name = self.name.with_case(|| !plain && random.next_u64() >> 63 == 1);
        let payload = write_query(id, &name, self.kind, self.extended);
        self.attempt = Some(Attempt { socket, server, id, name });
        self.tries += 1;
        self.due = now + timeout * 2_u32.saturating_pow(round.min(16));
        Ok((server, payload))
    }

    /// Whether a message answers what was sent last.
    pub(super) fn matches(&self, message: &Message) -> Match {
        let Some(attempt) = &self.attempt else { return Match::No };
        let Some((name, kind, class)) = &message.question else { return Match::No };
        let fits = message.is_answer
            && message.id == attempt.id
            && (*kind, *class) == (self.kind.number(), 1)
            && *name == attempt.name;
        match (fits, name.is_identical(&attempt.name)) {
            (false, _) => Match::No,
            (true, false) => Match::OtherCase,
            (true, true) => Match::Yes,
        }
    }

    /// Goes on with an answer that matches.
    pub(super) fn take(&mut self, now: Time, message: &Message) -> Step {
        let timeout = core::mem::replace(&mut self.due, now);
        match message.code {
            0 if message.is_truncated => {
                let error = DnsError::Truncated(self.asked.clone());
                Step::Done(Err(error), self.asked.clone(), Duration::ZERO)
            }
            0 => self.take_records(message),
            3 => {
                let error = DnsError::NoName(self.asked.clone());
                self.nothing(error, message.nothing_for)
            }
            // Not understood, or not implemented.
            1 | 4 if self.extended => {
                self.extended = false;
                self.tries = self.tries.saturating_sub(1);
                Step::Plain
            }
            _ => {
                self.failed = true;
                self.due = timeout;
                Step::Useless
            }
        }
    }

    /// A server failed: the next one is asked at once, but the first one again only when it would
    /// have been without an answer.
    pub(super) fn despair(&mut self, now: Time, servers: usize) {
        if self.tries.checked_rem(servers as u32) != Some(0) {
            self.due = now;
        }
    }

    /// Follows the chain of names through the records, in whatever order they are.
    fn take_records(&mut self, message: &Message) -> Step {
        let start = self.name.clone();
        loop {
            let own = || message.answers.iter().filter(|record| record.name == self.name);
            let found = || own().filter(|record| record.data.kind() == self.kind);
            if let Some(least) = found().map(|record| record.ttl).min() {
                let ttl = least.min(self.ttl);
                let data = found().map(|record| record.data.clone()).collect();
                let answer = Answer { name: self.name.clone(), data, ttl };
                return Step::Done(Ok(answer), self.asked.clone(), ttl);
            }
            let next = own().find_map(|record| match &record.data {
                Data::Cname(name) => Some((name.clone(), record.ttl)),
                _ => None,
            });
            let Some((next, ttl)) = next else { break };
            self.chain += 1;
            if self.chain > LONGEST_CHAIN {
                let error = DnsError::LongChain(self.asked.clone());
                return Step::Done(Err(error), self.asked.clone(), Duration::ZERO);
            }
            self.ttl = self.ttl.min(ttl);
            self.name = next;
        }
        // A chain that this server did not follow to its end, unless it says that the end is
        // empty.
        if self.name != start && message.nothing_for.is_none() {
            self.tries = 0;
            return Step::Next(None);
        }
        let error = DnsError::NoData(self.asked.clone(), self.kind);
        self.nothing(error, message.nothing_for)
    }

    /// The name has nothing: the next is tried, if there is one.
    fn nothing(&mut self, error: DnsError, remember: Option<Duration>) -> Step {
        let (asked, ttl) = (self.asked.clone(), remember.unwrap_or_default().min(self.ttl));
        let Some(next) = self.others.pop_front() else {
            let told = self.empty.take().filter(|_| matches!(error, DnsError::NoName(_)));
            // What is told is about another name; that is remembered already.
            let ttl = if told.is_some() { Duration::ZERO } else { ttl };
            return Step::Done(Err(told.unwrap_or(error)), asked, ttl);
        };
        if matches!(error, DnsError::NoData(..)) {
            self.empty.get_or_insert_with(|| error.clone());
        }
        self.asked = next.clone();
        self.name = next;
        (self.tries, self.chain, self.ttl) = (0, 0, Duration::MAX);
        Step::Next(Some((error, asked, ttl)))
    }

    /// The name that is asked for now.
    pub(super) fn asked(&self) -> &Name {
        &self.asked
    }

    /// Goes on as if a server had said what is known of the name asked for now; gives an outcome
    /// if that is the last word.
    pub(super) fn take_known(
        &mut self,
        known: Result<Answer, DnsError>,
    ) -> Option<Result<Answer, DnsError>> {
        match known {
            Ok(answer) => Some(Ok(answer)),
            Err(error) => match self.nothing(error, None) {
                Step::Done(outcome, ..) => Some(outcome),
                _ => None,
            },
        }
    }
}
