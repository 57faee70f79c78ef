//! Names into addresses, for whoever waits for them.

use super::Network;
use crate::{Error, UdpSocket};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;
use netstack::Time;
use netstack::dns::{Data, DnsError, Kind, Lookup, Options, QueryId, Resolver, SERVER_PORT};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::time::Instant;

/// How long one look at all sockets is put off: answers take milliseconds at least.
const PAUSE: Duration = Duration::from_millis(2);
/// More than any answer has.
const LONGEST: usize = 4096;

impl Network {
    /// The addresses of a host, IPv6 first, as the network's name servers know them (those that
    /// DHCP and router advertisements named). Waits for the answer, seconds at most.
    pub fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, Error> {
        let servers = self.with_link(|link| link.host_ref().name_servers());
        self.resolve_by(name, servers.into_iter().map(|ip| (ip, SERVER_PORT).into()).collect())
    }

    /// The same, by these name servers.
    pub fn resolve_by(&self, name: &str, servers: Vec<SocketAddr>) -> Result<Vec<IpAddr>, Error> {
        let mut resolver = Resolver::new(Options::new(servers));
        let (mut found, mut waiting, mut failed) = (Vec::new(), Vec::<QueryId>::new(), None);
        let start = Instant::now();
        for kind in [Kind::Aaaa, Kind::A] {
            match resolver.lookup(Time::ZERO, name, kind) {
                Ok(Lookup::Known(answer)) => take(&answer.data, &mut found),
                Ok(Lookup::Asked(query)) => waiting.push(query),
                Err(error) => failed = Some(error),
            }
        }
        let mut sockets = HashMap::new();
        while !waiting.is_empty() {
            let now = Time::ZERO + start.elapsed();
            self.ask(&mut resolver, now, &mut sockets)?;
            let mut buffer = [0; LONGEST];
            let mut heard = false;
            for (number, socket) in &sockets {
                // Errors are for the resolver's timeouts to notice.
                if let Ok((count, source)) = UdpSocket::recv_from(socket, &mut buffer) {
                    resolver.receive(now, *number, source, &buffer[..count]);
                    heard = true;
                }
            }
            while let Some(number) = resolver.next_closed() {
                sockets.remove(&number);
            }
            while let Some((query, answer)) = resolver.next_answer() {
                waiting.retain(|other| *other != query);
                match answer {
                    Ok(answer) => take(&answer.data, &mut found),
                    Err(error) => failed = Some(error),
                }
            }
            if !heard && !waiting.is_empty() {
                std::thread::sleep(PAUSE);
            }
        }
        found.sort_by_key(IpAddr::is_ipv4);
        match failed {
            Some(error) if found.is_empty() => Err(error.into()),
            _ => Ok(found),
        }
    }

    /// Sends the questions that are due, each from a socket of its own.
    fn ask(
        &self,
        resolver: &mut Resolver,
        now: Time,
        sockets: &mut HashMap<u32, UdpSocket>,
    ) -> Result<(), Error> {
        while let Some(question) = resolver.poll(now, RandomState::new().hash_one(now)) {
            let any: IpAddr = match question.server {
                SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
                SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
            };
            let socket = UdpSocket::bind(self, (any, 0)).map_err(Error::Resolving)?;
            socket.set_nonblocking(true).map_err(Error::Resolving)?;
            // A server that cannot be reached is one that does not answer: the next is asked.
            if let Err(error) = socket.send_to(&question.payload, question.server) {
                tracing::debug!(server = %question.server, %error, "not asked");
            }
            sockets.insert(question.socket, socket);
        }
        Ok(())
    }
}

fn take(data: &[Data], found: &mut Vec<IpAddr>) {
    found.extend(data.iter().filter_map(|record| match record {
        Data::A(ip) => Some(IpAddr::V4(*ip)),
        Data::Aaaa(ip) => Some(IpAddr::V6(*ip)),
        Data::Cname(_) | Data::Ptr(_) => None,
    }));
}

impl From<DnsError> for Error {
    fn from(error: DnsError) -> Self {
        Self::Name(error)
    }
}
