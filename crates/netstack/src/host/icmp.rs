//! ICMP for both versions: echo is answered, errors go to the stack they concern.

use super::Host;
use crate::{DropReason, Error, Time};
use core::net::{IpAddr, SocketAddr};
use packet::checksum::{self, Sum};
use packet::header::Protocol;
use packet::header::icmpv4::{self, Icmpv4};
use packet::header::icmpv6::{self, Icmpv6};
use packet::header::ipv4::Ipv4;
use packet::header::ipv6::{Ipv6, extension};
use packet::{Batch, Packet};

/// ICMPv6 types of messages between neighbours: router solicitation to redirect.
const NEIGHBORS: core::ops::RangeInclusive<u8> = 133..=137;
/// ICMPv6 type of a question for group members.
const MLD_QUERY: u8 = 130;

impl Host {
    pub(super) fn receive_icmpv4(&mut self, now: Time, mut packet: Packet, free: &mut Batch) {
        let (behind, whole) = self.network(&packet);
        let Ok((ip, payload)) = Ipv4::read_start(behind, whole) else {
            return self.discard(DropReason::Ipv4Malformed, packet, free);
        };
        let (source, destination) = (ip.source(), ip.destination());
        let start = self.link + ip.len();
        if checksum::verify(&packet, start, payload, Sum::new()).is_err() {
            return self.discard(DropReason::IcmpChecksum, packet, free);
        }
        let message = packet.bytes().get(start..).unwrap_or_default();
        let Ok((icmp, quoted)) = Icmpv4::read(message) else {
            return self.discard(DropReason::IcmpMalformed, packet, free);
        };
        match icmp.message() {
            icmpv4::Message::EchoRequest(_) => {
                // To a group or to everybody: not answered (RFC 1122 lets us; Linux does not).
                let to_us = self.addresses.has(destination.into());
                if !to_us || source.is_unspecified() {
                    return self.discard(DropReason::IcmpUnknown, packet, free);
                }
                packet.truncate_frame(start + payload);
                if let Some((icmp, _)) =
                    packet.bytes_mut().get_mut(start..).and_then(|it| Icmpv4::read_mut(it).ok())
                {
                    icmp.answer_echo();
                }
                packet.cut_front(start);
                if self.put_ipv4(&mut packet, destination, source, Protocol::ICMPV4, 64) {
                    self.answer(now, packet, source.into(), free);
                } else {
                    self.discard(DropReason::IcmpMalformed, packet, free);
                }
            }
            icmpv4::Message::EchoReply(echo) => {
                let from = (source.into(), ip.ttl());
                self.receive_pong(now, echo, from, (start, payload), packet, free);
            }
            icmpv4::Message::Unreachable { code, mtu } => {
                let what = match code {
                    icmpv4::Unreachable::FRAGMENTATION_NEEDED => What::TooBig(mtu.into()),
                    icmpv4::Unreachable::PORT | icmpv4::Unreachable::PROTOCOL => What::Refused,
                    _ => What::Unreachable,
                };
                let quoted = quote_v4(quoted);
                self.take_quoted(now, what, quoted, packet, free);
            }
            icmpv4::Message::TimeExceeded(code) => {
                let quoted = quote_v4(quoted);
                self.take_quoted(now, What::exceeded(code), quoted, packet, free);
            }
            _ => self.discard(DropReason::IcmpUnknown, packet, free),
        }
    }

    pub(super) fn receive_icmpv6(&mut self, now: Time, mut packet: Packet, free: &mut Batch) {
        let (behind, whole) = self.network(&packet);
        let (Ok((ip, payload)), Ok(upper)) =
            (Ipv6::read_start(behind, whole), extension::upper(behind))
        else {
            return self.discard(DropReason::Ipv6Malformed, packet, free);
        };
        let (source, destination) = (ip.source(), ip.destination());
        let hops = ip.hop_limit();
        let start = self.link + upper.offset;
        let Some(len) = (Ipv6::LEN + payload).checked_sub(upper.offset) else {
            return self.discard(DropReason::Ipv6Malformed, packet, free);
        };
        let pseudo = Sum::pseudo_v6(source, destination, Protocol::ICMPV6, len);
        if checksum::verify(&packet, start, len, pseudo).is_err() {
            return self.discard(DropReason::IcmpChecksum, packet, free);
        }
        // Padding behind the message is nobody's option.
        packet.truncate_frame(start + len);
        let message = packet.bytes().get(start..).unwrap_or_default();
        let Ok((icmp, quoted)) = Icmpv6::read(message) else {
            return self.discard(DropReason::IcmpMalformed, packet, free);
        };
        let kind = icmp.kind();
        if NEIGHBORS.contains(&kind) {
            return self.receive_ndp(now, kind, start, packet, free);
        }
        if self.addresses.has(source.into()) && !self.addresses.has(destination.into()) {
            return self.discard(DropReason::IpSource, packet, free);
        }
        match icmp.message() {
            icmpv6::Message::EchoRequest(_) => {
                if source.is_unspecified() {
                    return self.discard(DropReason::IcmpUnknown, packet, free);
                }
                // A question to a group is answered from an address of our own.
                let to_us = self.addresses.has(destination.into());
                let from = if to_us { Some(destination) } else { self.source_v6(source) };
                let Some(from) = from else {
                    return self.discard(DropReason::IcmpUnknown, packet, free);
                };
                if let Some((icmp, _)) =
                    packet.bytes_mut().get_mut(start..).and_then(|it| Icmpv6::read_mut(it).ok())
                {
                    icmp.answer_echo();
                    if !to_us {
                        let sum = checksum::updated(icmp.checksum(), destination, from);
                        icmp.set_checksum(sum);
                    }
                }
                packet.cut_front(start);
                if self.put_ipv6(&mut packet, from, source, Protocol::ICMPV6, 64) {
                    self.answer(now, packet, source.into(), free);
                } else {
                    self.discard(DropReason::IcmpMalformed, packet, free);
                }
            }
            icmpv6::Message::EchoReply(echo) => {
                let from = (source.into(), hops);
                self.receive_pong(now, echo, from, (start, len), packet, free);
            }
            icmpv6::Message::Unreachable(code) => {
                let refused = code == icmpv6::Unreachable::PORT;
                let what = if refused { What::Refused } else { What::Unreachable };
                let quoted = quote_v6(quoted);
                self.take_quoted(now, what, quoted, packet, free);
            }
            icmpv6::Message::PacketTooBig { mtu } => {
                let quoted = quote_v6(quoted);
                self.take_quoted(now, What::TooBig(mtu as usize), quoted, packet, free);
            }
            icmpv6::Message::TimeExceeded(code) => {
                let quoted = quote_v6(quoted);
                self.take_quoted(now, What::exceeded(code), quoted, packet, free);
            }
            icmpv6::Message::ParameterProblem { .. } => {
                let quoted = quote_v6(quoted);
                self.take_quoted(now, What::Refused, quoted, packet, free);
            }
            _ if kind == MLD_QUERY => self.receive_mld(now, start, packet, free),
            icmpv6::Message::Other { .. } => {
                self.discard(DropReason::IcmpUnknown, packet, free);
            }
        }
    }

    /// Sends an answer that lies in the packet the question came in.
    fn answer(&mut self, now: Time, mut packet: Packet, to: IpAddr, free: &mut Batch) {
        *packet.offload_mut() = packet::Offload::default();
        self.counters.answered += 1;
        self.send(now, packet, to, free);
    }

    /// Takes in what somebody said of a packet that we are to have sent.
    fn take_quoted(
        &mut self,
        now: Time,
        what: What,
        quoted: Option<Quoted>,
        packet: Packet,
        free: &mut Batch,
    ) {
        let ours = quoted.filter(|it| {
            self.addresses.has(it.source) && (it.udp.is_none() || self.sends_from(it))
        });
        let Some(quoted) = ours else {
            return self.discard(DropReason::IcmpUnknown, packet, free);
        };
        let to = quoted.end();
        let error = match what {
            What::Refused => Some(Error::Refused(to)),
            What::Unreachable => Some(Error::Unreachable(to)),
            What::HopsUsedUp => Some(Error::HopsUsedUp(to)),
            What::FragmentsMissing => Some(Error::FragmentsMissing(to)),
            What::TooBig(mtu) => {
                // A router too old to say: the next common size below (RFC 1191, 7.1).
                let mtu = if mtu == 0 { plateau(quoted.len) } else { mtu };
                self.path_mtus
                    .lower(now, to.ip(), mtu, self.mtu)
                    .map(|mtu| Error::PathMtu { to, mtu })
            }
        };
        if let Some(error) = error {
            self.tell_sender(&quoted, error);
        }
        self.heard(packet, free);
    }

    /// Tells who sent a packet of ours that it could not be delivered.
    fn tell_sender(&mut self, quoted: &Quoted, error: Error) {
        if let Some((from, to)) = quoted.udp {
            self.fail_stack(from, SocketAddr::new(quoted.destination, to), error);
        }
        if let Some(echo) = quoted.echo {
            self.pings.fail(echo, quoted.destination, error);
        }
    }

    /// Tells who sent a packet that it could not leave.
    pub(super) fn fail(&mut self, packet: &Packet, error: fn(SocketAddr) -> Error) {
        let (behind, _) = self.network(packet);
        let quoted = match behind.first().map(|first| first >> 4) {
            Some(4) => quote_v4(behind),
            Some(6) => quote_v6(behind),
            _ => None,
        };
        if let Some(quoted) = quoted {
            self.tell_sender(&quoted, error(quoted.end()));
        }
    }

    /// Whether a stack of ours may have sent this.
    fn sends_from(&self, quoted: &Quoted) -> bool {
        let Some((from, to)) = quoted.udp else { return false };
        let remote = SocketAddr::new(quoted.destination, to);
        let peer = |peer: Option<SocketAddr>| peer.is_none_or(|peer| peer == remote);
        self.stacks.next_that(0, &|stack| stack.port == from && peer(stack.rest.remote)).is_some()
    }

    pub(super) fn source_v6(&self, to: core::net::Ipv6Addr) -> Option<core::net::Ipv6Addr> {
        match self.source(to.into())? {
            IpAddr::V6(ip) => Some(ip),
            IpAddr::V4(_) => None,
        }
    }
}

/// What an error says.
#[derive(Clone, Copy, Debug)]
enum What {
    Refused,
    Unreachable,
    HopsUsedUp,
    FragmentsMissing,
    TooBig(usize),
}

impl What {
    /// Which time was exceeded. There are two codes; any other, which nobody may send, is no reason
    /// to send smaller messages.
    fn exceeded(code: icmpv4::TimeExceeded) -> Self {
        match code {
            icmpv4::TimeExceeded::REASSEMBLY => Self::FragmentsMissing,
            _ => Self::HopsUsedUp,
        }
    }
}

/// What is known of the packet that an error is about.
#[derive(Clone, Copy, Debug)]
struct Quoted {
    source: IpAddr,
    destination: IpAddr,
    /// Bytes of the whole packet.
    len: usize,
    /// Ports, from and to, if it carried UDP and was its beginning.
    udp: Option<(u16, u16)>,
    /// Which question it was, if it was the beginning of an echo request.
    echo: Option<icmpv4::Echo>,
}

impl Quoted {
    /// To whom it was; port 0 if it had none.
    fn end(&self) -> SocketAddr {
        SocketAddr::new(self.destination, self.udp.map_or(0, |(_, to)| to))
    }
}

fn quote_v4(bytes: &[u8]) -> Option<Quoted> {
    let (ip, behind) = Ipv4::read_quoted(bytes).ok()?;
    let later = ip.fragment_offset() > 0;
    let (udp, echo) = match ip.protocol() {
        // A later fragment does not show whether we sent it; a first one comes to grief before.
        Protocol::UDP if later => return None,
        Protocol::UDP => (Some(ports(behind)?), None),
        Protocol::ICMPV4 if later => (None, None),
        Protocol::ICMPV4 => match Icmpv4::read(behind).ok()?.0.message() {
            icmpv4::Message::EchoRequest(echo) => (None, Some(echo)),
            _ => (None, None),
        },
        // Nothing else is ever sent.
        _ => return None,
    };
    Some(Quoted {
        source: ip.source().into(),
        destination: ip.destination().into(),
        len: ip.total_length().into(),
        udp,
        echo,
    })
}

fn quote_v6(bytes: &[u8]) -> Option<Quoted> {
    let (ip, _) = Ipv6::read_quoted(bytes).ok()?;
    let upper = extension::upper(bytes).ok()?;
    let later = upper.fragment.is_some_and(|(fragment, _)| fragment.offset() > 0);
    let behind = bytes.get(upper.offset..)?;
    let (udp, echo) = match upper.protocol {
        // As for IPv4.
        Protocol::UDP if later => return None,
        Protocol::UDP => (Some(ports(behind)?), None),
        Protocol::ICMPV6 if later => (None, None),
        Protocol::ICMPV6 => match Icmpv6::read(behind).ok()?.0.message() {
            icmpv6::Message::EchoRequest(echo) => (None, Some(echo)),
            _ => (None, None),
        },
        _ => return None,
    };
    Some(Quoted {
        source: ip.source().into(),
        destination: ip.destination().into(),
        len: Ipv6::LEN + usize::from(ip.payload_length()),
        udp,
        echo,
    })
}

fn ports(udp: &[u8]) -> Option<(u16, u16)> {
    let &[a, b, c, d, ..] = udp else { return None };
    Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
}

/// The next common MTU below a length that was too much.
fn plateau(len: usize) -> usize {
    const COMMON: [usize; 7] = [32_000, 17_914, 8166, 4352, 2002, 1492, 1006];
    COMMON.into_iter().find(|mtu| *mtu < len).unwrap_or(552)
}
