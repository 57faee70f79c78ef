//! Echo requests of our own: who was asked, and what came of it.

use super::Host;
use super::address::Cast;
use crate::udp::LONGEST_PAYLOAD;
use crate::{DropReason, Error, Random, Time};
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;
use packet::checksum::Sum;
use packet::header::Protocol;
use packet::header::icmpv4::{self, Icmpv4};
use packet::header::icmpv6::{self, Icmpv6};
use packet::{Batch, HEADROOM, PAGE, Packet};
use zerocopy::IntoBytes;

/// Requests that may wait for an answer, or for their answer to be fetched; the oldest goes when
/// there are more.
const MOST: usize = 64;

/// Names an echo request of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PingId(u16);

/// The answer to an echo request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pong {
    /// Who answered.
    pub from: IpAddr,
    /// Hops that the answer could still have made.
    pub hops: u8,
    /// What it brought back.
    pub payload: Vec<u8>,
    /// How long it took.
    pub time: Duration,
}

/// One request.
#[derive(Debug)]
struct Ping {
    to: IpAddr,
    sent: Time,
    outcome: Option<Result<Pong, Error>>,
}

/// All requests that were not forgotten yet.
#[derive(Debug)]
pub(super) struct Pings {
    identifier: u16,
    /// Of the last request.
    sequence: u16,
    waiting: BTreeMap<u16, Ping>,
}

impl Pings {
    pub(super) fn new(random: &mut Random) -> Self {
        Self { identifier: random.next_u16(), sequence: 0, waiting: BTreeMap::new() }
    }

    /// Notes a request, and names it.
    fn begin(&mut self, to: IpAddr, sent: Time) -> icmpv4::Echo {
        if self.waiting.len() >= MOST {
            let oldest = self.waiting.iter().min_by_key(|(_, ping)| ping.sent).map(|(key, _)| *key);
            oldest.and_then(|key| self.waiting.remove(&key));
        }
        self.sequence = self.sequence.wrapping_add(1);
        self.waiting.insert(self.sequence, Ping { to, sent, outcome: None });
        icmpv4::Echo { identifier: self.identifier, sequence: self.sequence }
    }

    /// A request that waits for its answer.
    fn unanswered(&mut self, echo: icmpv4::Echo) -> Option<&mut Ping> {
        let ours = echo.identifier == self.identifier;
        self.waiting.get_mut(&echo.sequence).filter(|ping| ours && ping.outcome.is_none())
    }

    /// Notes that a request to `to` will not be answered.
    pub(super) fn fail(&mut self, echo: icmpv4::Echo, to: IpAddr, error: Error) {
        if let Some(ping) = self.unanswered(echo).filter(|ping| ping.to == to) {
            ping.outcome = Some(Err(error));
        }
    }
}

impl Host {
    /// Sends an echo request to one host, or to a group. Buffers come from the front of `free`.
    /// Whether and when it is answered, [`Host::take_pong`] says; a request that is not asked
    /// for any more is to be forgotten ([`Host::forget_ping`]).
    pub fn ping(
        &mut self,
        now: Time,
        to: IpAddr,
        hops: u8,
        payload: &[u8],
        free: &mut Batch,
    ) -> Result<PingId, Error> {
        let to = to.to_canonical();
        if payload.len() > LONGEST_PAYLOAD {
            return Err(Error::TooLong { len: payload.len(), most: LONGEST_PAYLOAD });
        }
        let cast = self.addresses.cast(to);
        if cast == Cast::Broadcast {
            return Err(Error::Broadcast(to));
        }
        let source = self.source_or_why_not(to)?;
        if cast == Cast::Other && self.routes.lookup(to).is_none() {
            return Err(Error::NoRoute(to));
        }
        let mut packet = fill(payload, free).ok_or(Error::NoBuffers)?;
        let echo = self.pings.begin(to, now);
        let put = match (source, to) {
            (IpAddr::V4(source), IpAddr::V4(to)) => {
                let header = Icmpv4::new(icmpv4::Message::EchoRequest(echo));
                put_header(&mut packet, header.as_bytes(), Sum::new())
                    && self.put_ipv4(&mut packet, source, to, Protocol::ICMPV4, hops)
            }
            (IpAddr::V6(source), IpAddr::V6(to)) => {
                let header = Icmpv6::new(icmpv6::Message::EchoRequest(echo));
                let len = payload.len() + Icmpv6::LEN;
                let pseudo = Sum::pseudo_v6(source, to, Protocol::ICMPV6, len);
                put_header(&mut packet, header.as_bytes(), pseudo)
                    && self.put_ipv6(&mut packet, source, to, Protocol::ICMPV6, hops)
            }
            _ => false,
        };
        if put {
            self.send(now, packet, to, free);
        } else {
            self.discard(DropReason::SendMalformed, packet, free);
        }
        Ok(PingId(echo.sequence))
    }

    /// What came of a request, once something did: the answer, or the error that came in its
    /// place. It is forgotten then.
    pub fn take_pong(&mut self, ping: PingId) -> Option<Result<Pong, Error>> {
        self.pings.waiting.get(&ping.0)?.outcome.as_ref()?;
        self.pings.waiting.remove(&ping.0)?.outcome
    }

    /// Forgets a request; an answer that comes late is nobody's.
    pub fn forget_ping(&mut self, ping: PingId) {
        self.pings.waiting.remove(&ping.0);
    }

    /// Takes in an answer, whose message begins at `start` of the frame and is `len` bytes long.
    pub(super) fn receive_pong(
        &mut self,
        now: Time,
        echo: icmpv4::Echo,
        (from, hops): (IpAddr, u8),
        (start, len): (usize, usize),
        packet: Packet,
        free: &mut Batch,
    ) {
        let asked = |ping: &&mut Ping| ping.to == from || ping.to.is_multicast();
        let Some(ping) = self.pings.unanswered(echo).filter(asked) else {
            return self.discard(DropReason::IcmpUnknown, packet, free);
        };
        let mut payload = vec![0; len.saturating_sub(Icmpv4::LEN)];
        packet.copy_out(start + Icmpv4::LEN, &mut payload);
        ping.outcome = Some(Ok(Pong { from, hops, payload, time: now.since(ping.sent) }));
        self.heard(packet, free);
    }
}

/// The payload in as many pages as it takes; `None`, and `free` as it was, if there are too few.
fn fill(payload: &[u8], free: &mut Batch) -> Option<Packet> {
    let room = PAGE - HEADROOM;
    if payload.len().div_ceil(room).max(1) > free.len() {
        return None;
    }
    let mut pieces = payload.chunks(room);
    let mut page = |piece: &[u8]| {
        let mut page = free.pop_front()?;
        page.clear();
        page.push_back(piece.len())?.copy_from_slice(piece);
        Some(page)
    };
    let mut packet = page(pieces.next().unwrap_or_default())?;
    for piece in pieces {
        packet.append(page(piece)?);
    }
    Some(packet)
}

/// Puts the header of a message in front of its payload, with the checksum of both.
fn put_header(packet: &mut Packet, header: &[u8], mut sum: Sum) -> bool {
    let Some(bytes) = packet.push_front(header.len()) else { return false };
    bytes.copy_from_slice(header);
    let len = packet.frame_len();
    let summed = sum.add_chain(packet, 0, len);
    if let Some(field) = packet.bytes_mut().get_mut(2..4) {
        field.copy_from_slice(&sum.checksum().to_be_bytes());
    }
    summed
}
