//! The resolver: questions that wait, and what is known.

use super::cache::Cache;
use super::query::{Attempt, Match, Query, Step};
use super::{Answer, Data, DnsError, Kind, Message, Name};
use crate::Time;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;

/// Domains that a short name is tried in.
const MOST_SEARCH: usize = 8;
/// Sockets that are remembered as closed for somebody who does not ask.
const MOST_CLOSED: usize = 4096;
/// How long what was given as known may be used.
const KNOWN_TTL: Duration = Duration::from_hours(1);

/// How a resolver is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whom to ask, best first.
    pub servers: Vec<SocketAddr>,
    /// Domains that short names are tried in; of these, the first eight.
    pub search: Vec<Name>,
    /// Names with at least so many dots are tried as they are first.
    pub dots: usize,
    /// Names that are known, as in `/etc/hosts`.
    pub known: Vec<(Name, IpAddr)>,
    /// How long to wait for a server in the first round; doubled in each.
    pub timeout: Duration,
    /// How often each server is asked.
    pub rounds: u32,
    /// Questions that may wait at once, for a server or for their answer to be fetched.
    pub questions: usize,
    /// Answers that are remembered.
    pub cache: usize,
}

impl Options {
    /// The defaults, with these servers.
    pub const fn new(servers: Vec<SocketAddr>) -> Self {
        Self {
            servers,
            search: Vec::new(),
            dots: 1,
            known: Vec::new(),
            timeout: Duration::from_secs(2),
            rounds: 3,
            questions: 256,
            cache: 1024,
        }
    }
}

/// Names a question that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueryId(u32);

/// What comes of asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// The answer is known.
    Known(Answer),
    /// Servers are asked; [`Resolver::next_answer`] will tell.
    Asked(QueryId),
}

/// A datagram to be sent from a socket of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Number of the socket: a new one each time, to be bound to a random port.
    pub socket: u32,
    /// To whom.
    pub server: SocketAddr,
    /// What.
    pub payload: Vec<u8>,
}

/// Datagrams that were ignored, by reason. Counters only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ignored {
    /// Broken.
    pub malformed: u64,
    /// To a socket that waits no more, or from somebody who was not asked.
    pub unexpected: u64,
    /// With a wrong number, or for another question.
    pub mismatched: u64,
    /// Right but for the case of letters: forged, or from a server that does not keep it.
    pub other_case: u64,
}

/// A stub resolver.
#[derive(Clone, Debug)]
pub struct Resolver {
    options: Options,
    cache: Cache,
    queries: BTreeMap<QueryId, Query>,
    last_query: u32,
    last_socket: u32,
    answers: VecDeque<(QueryId, Result<Answer, DnsError>)>,
    closed: VecDeque<u32>,
    ignored: Ignored,
}

impl Resolver {
    /// A resolver that knows nothing yet.
    pub const fn new(options: Options) -> Self {
        Self {
            cache: Cache::new(options.cache),
            options,
            queries: BTreeMap::new(),
            last_query: 0,
            last_socket: 0,
            answers: VecDeque::new(),
            closed: VecDeque::new(),
            ignored: Ignored { malformed: 0, unexpected: 0, mismatched: 0, other_case: 0 },
        }
    }

    /// Changes whom to ask and where to search, after the network has changed. What was
    /// remembered is forgotten; questions that wait go on with the new servers.
    pub fn set_servers(&mut self, servers: Vec<SocketAddr>, search: Vec<Name>) {
        (self.options.servers, self.options.search) = (servers, search);
        self.cache.clear();
    }

    /// Asks for a name, or an address that is written as one. A name that ends with a dot is
    /// complete; any other may be tried in the search domains too.
    pub fn lookup(&mut self, now: Time, text: &str, kind: Kind) -> Result<Lookup, DnsError> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return self.lookup_literal(now, address, kind);
        }
        let name: Name = text.parse()?;
        let is_complete = text.ends_with('.') || kind == Kind::Ptr;
        self.start(now, name, is_complete, kind)
    }

    /// Asks for the names of an address.
    pub fn lookup_names(&mut self, now: Time, address: IpAddr) -> Result<Lookup, DnsError> {
        let name = Name::reverse(address);
        let own = self.options.known.iter().filter(|(_, other)| *other == address);
        let data: Vec<_> = own.map(|(name, _)| Data::Ptr(name.clone())).collect();
        if data.is_empty() {
            self.start(now, name, true, Kind::Ptr)
        } else {
            Ok(Lookup::Known(Answer { name, data, ttl: KNOWN_TTL }))
        }
    }

    /// Gives up a question.
    pub fn cancel(&mut self, query: QueryId) {
        if let Some(query) = self.queries.remove(&query) {
            self.close(query.attempt);
        }
        self.answers.retain(|(other, _)| *other != query);
    }

    /// Gives a datagram to be sent, if it is time for one. `random` is a fresh random number that
    /// nobody else can know. Call it again until it gives none.
    pub fn poll(&mut self, now: Time, random: u64) -> Option<Outgoing> {
        loop {
            let (&id, query) = self.queries.iter_mut().find(|(_, query)| query.due <= now)?;
            let over = query.attempt.take();
            self.last_socket = self.last_socket.wrapping_add(1);
            let Options { servers, rounds, timeout, .. } = &self.options;
            let sent = query.send(now, servers, *rounds, *timeout, self.last_socket, random);
            self.close(over);
            match sent {
                Ok((server, payload)) => {
                    return Some(Outgoing { socket: self.last_socket, server, payload });
                }
                Err(error) => self.finish(id, Err(error)),
            }
        }
    }

    /// Takes in a datagram that came to a socket.
    pub fn receive(&mut self, now: Time, socket: u32, source: SocketAddr, payload: &[u8]) {
        let waiting = self.queries.iter_mut().find(|(_, query)| {
            query.attempt.as_ref().is_some_and(|it| it.socket == socket && it.server == source)
        });
        let Some((&id, query)) = waiting else {
            self.ignored.unexpected += 1;
            return;
        };
        let Ok(message) = Message::read(payload) else {
            self.ignored.malformed += 1;
            return;
        };
        match query.matches(&message) {
            Match::No => return self.ignored.mismatched += 1,
            Match::OtherCase => return self.ignored.other_case += 1,
            Match::Yes => {}
        }
        let kind = query.kind;
        // A second copy of the answer must find nothing that waits for it.
        let attempt = query.attempt.take();
        match query.take(now, &message) {
            Step::Done(outcome, name, ttl) => {
                self.cache.put(now, &name, kind, &outcome, ttl);
                self.finish(id, outcome);
            }
            Step::Next(nothing) => {
                if let Some((error, name, ttl)) = nothing {
                    self.cache.put(now, &name, kind, &Err(error), ttl);
                }
                self.go_on(now, id);
            }
            Step::Useless => query.despair(now, self.options.servers.len()),
            Step::Plain => {}
        }
        self.close(attempt);
    }

    /// The outcome of a question that waited.
    pub fn next_answer(&mut self) -> Option<(QueryId, Result<Answer, DnsError>)> {
        self.answers.pop_front()
    }

    /// A socket that is needed no more.
    pub fn next_closed(&mut self) -> Option<u32> {
        self.closed.pop_front()
    }

    /// When [`Resolver::poll`] has something to do.
    pub fn next_timeout(&self) -> Option<Time> {
        self.queries.values().map(|query| query.due).min()
    }

    /// What was ignored so far.
    pub fn ignored(&self) -> Ignored {
        self.ignored
    }

    /// How many answers are remembered.
    pub fn remembered(&self) -> usize {
        self.cache.len()
    }

    fn lookup_literal(
        &mut self,
        now: Time,
        address: IpAddr,
        kind: Kind,
    ) -> Result<Lookup, DnsError> {
        let data = match (address, kind) {
            (IpAddr::V4(v4), Kind::A) => Data::A(v4),
            (IpAddr::V6(v6), Kind::Aaaa) => Data::Aaaa(v6),
            (_, Kind::Ptr) => return self.lookup_names(now, address),
            _ => return Err(DnsError::NoData(Name::reverse(address), kind)),
        };
        let (name, data) = (Name::reverse(address), Vec::from([data]));
        Ok(Lookup::Known(Answer { name, data, ttl: Duration::MAX }))
    }

    fn start(
        &mut self,
        now: Time,
        name: Name,
        is_complete: bool,
        kind: Kind,
    ) -> Result<Lookup, DnsError> {
        if let Some(outcome) = self.local(&name, kind) {
            return outcome.map(Lookup::Known);
        }
        let mut names = if is_complete { [name].into() } else { self.candidates(name) };
        // There is at least the name itself.
        let Some(first) = names.pop_front() else { return Err(DnsError::NoServers) };
        let mut query = Query::new(now, first, names, kind);
        while let Some(known) = self.cache.get(now, query.asked(), kind) {
            if let Some(outcome) = query.take_known(known) {
                return outcome.map(Lookup::Known);
            }
        }
        if self.options.servers.is_empty() {
            return Err(DnsError::NoServers);
        }
        if self.queries.len() + self.answers.len() >= self.options.questions {
            return Err(DnsError::TooMany(self.options.questions));
        }
        self.last_query = self.last_query.wrapping_add(1);
        let id = QueryId(self.last_query);
        self.queries.insert(id, query);
        Ok(Lookup::Asked(id))
    }

    /// What is known without anybody being asked: what was given, and names that never leave the
    /// host (RFC 6761, 7686).
    fn local(&self, name: &Name, kind: Kind) -> Option<Result<Answer, DnsError>> {
        let last = name.labels().last()?;
        let own = self.options.known.iter().filter(|(known, _)| known == name);
        let mut addresses: Vec<_> = own.map(|(_, address)| *address).collect();
        if addresses.is_empty() {
            if last.eq_ignore_ascii_case(b"invalid") || last.eq_ignore_ascii_case(b"onion") {
                return Some(Err(DnsError::NoName(name.clone())));
            }
            if !last.eq_ignore_ascii_case(b"localhost") {
                return None;
            }
            addresses = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()].into();
        }
        let data: Vec<_> = addresses
            .into_iter()
            .map(|address| match address {
                IpAddr::V4(v4) => Data::A(v4),
                IpAddr::V6(v6) => Data::Aaaa(v6),
            })
            .filter(|data| data.kind() == kind)
            .collect();
        let name = name.clone();
        Some(if data.is_empty() {
            Err(DnsError::NoData(name, kind))
        } else {
            Ok(Answer { name, data, ttl: KNOWN_TTL })
        })
    }

    /// The names to try for one that may be short, in order.
    fn candidates(&self, name: Name) -> VecDeque<Name> {
        let search = self.options.search.iter().take(MOST_SEARCH);
        let mut names: VecDeque<_> = search.filter_map(|domain| name.below(domain)).collect();
        if name.labels().count() > self.options.dots {
            names.push_front(name);
        } else {
            names.push_back(name);
        }
        names
    }

    /// Skips names that are known already; the question may be over by that.
    fn go_on(&mut self, now: Time, id: QueryId) {
        let Some(query) = self.queries.get_mut(&id) else { return };
        while let Some(known) = self.cache.get(now, query.asked(), query.kind) {
            if let Some(outcome) = query.take_known(known) {
                self.finish(id, outcome);
                return;
            }
        }
    }

    fn close(&mut self, attempt: Option<Attempt>) {
        if self.closed.len() >= MOST_CLOSED {
            self.closed.pop_front();
        }
        self.closed.extend(attempt.map(|attempt| attempt.socket));
    }

    fn finish(&mut self, id: QueryId, outcome: Result<Answer, DnsError>) {
        if let Some(query) = self.queries.remove(&id) {
            self.close(query.attempt);
            self.answers.push_back((id, outcome));
        }
    }
}
