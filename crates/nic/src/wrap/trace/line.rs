//! What a frame says, in one line. Headers are believed as far as they can be read; a broken one
//! is called by what is wrong with it.

use core::fmt::{self, Display, Formatter};
use core::net::{IpAddr, SocketAddr};
use packet::header::arp::{Arp, Operation};
use packet::header::ethernet::{EtherType, Ethernet};
use packet::header::icmpv4::{self, Icmpv4};
use packet::header::icmpv6::{self, Icmpv6};
use packet::header::ipv4::Ipv4;
use packet::header::ipv6::Ipv6;
use packet::header::ipv6::extension::{Blocked, upper};
use packet::header::tcp::{Flags, Tcp};
use packet::header::udp::Udp;
use packet::header::vlan::Vlan;
use packet::header::{Malformed, Protocol};
use packet::{Checksum, Packet};

/// A frame, to be shown as one line.
pub(super) struct Line<'a>(pub(super) &'a Packet);

impl Display for Line<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let length = self.0.frame_len();
        match Ethernet::read(self.0.bytes()) {
            Ok((ethernet, rest)) => {
                write!(f, "{} > {}, ", ethernet.source, ethernet.destination)?;
                below(f, ethernet.ethertype, rest, length)?;
            }
            Err(malformed) => write!(f, "Ethernet, length {length}: {malformed}")?,
        }
        let offload = self.0.offload();
        if let Some(segmentation) = offload.segmentation {
            write!(f, ", to be cut every {}", segmentation.size)?;
        }
        if let Checksum::Partial { .. } = offload.checksum {
            f.write_str(", checksum to be completed")?;
        }
        Ok(())
    }
}

/// What follows an Ethernet header or a VLAN tag.
fn below(f: &mut Formatter<'_>, kind: EtherType, bytes: &[u8], length: usize) -> fmt::Result {
    let (name, told) = match kind {
        EtherType::ARP => ("ARP", arp as fn(&mut Formatter<'_>, &[u8]) -> Told),
        EtherType::IPV4 => ("IPv4", ipv4 as _),
        EtherType::IPV6 => ("IPv6", ipv6 as _),
        EtherType::VLAN => {
            return match Vlan::read(bytes) {
                Ok((vlan, rest)) => {
                    write!(f, "VLAN {}, ", vlan.id())?;
                    below(f, vlan.ethertype, rest, length)
                }
                Err(malformed) => write!(f, "VLAN, length {length}: {malformed}"),
            };
        }
        other => return write!(f, "type {:#06x}, length {length}", other.number()),
    };
    write!(f, "{name}, length {length}: ")?;
    match told(f, bytes) {
        Ok(written) => written,
        Err(malformed) => write!(f, "{malformed}"),
    }
}

/// Written, or could not be read.
type Told = Result<fmt::Result, Malformed>;

fn arp(f: &mut Formatter<'_>, bytes: &[u8]) -> Told {
    let (arp, _) = Arp::read(bytes)?;
    Ok(match arp.operation {
        Operation::REQUEST => write!(f, "who has {}, tell {}", arp.target(), arp.sender()),
        Operation::REPLY => write!(f, "{} is at {}", arp.sender(), arp.sender_mac),
        other => write!(f, "{other:?}"),
    })
}

fn ipv4(f: &mut Formatter<'_>, bytes: &[u8]) -> Told {
    // As if quoted: the rest of a chain lies in other pages.
    let (ip, payload) = Ipv4::read_quoted(bytes)?;
    let length = usize::from(ip.total_length()).saturating_sub(ip.len());
    let ends = (ip.source().into(), ip.destination().into());
    if ip.fragment_offset() > 0 {
        let (from, to) = ends;
        let (id, at) = (ip.identification(), ip.fragment_offset());
        return Ok(write!(f, "{from} > {to}: fragment of {id} at {at}, length {length}"));
    }
    let written = transport(f, ends, ip.protocol(), payload, length)?;
    if ip.is_fragment() {
        return Ok(written.and(write!(f, ", first fragment of {}", ip.identification())));
    }
    Ok(written)
}

fn ipv6(f: &mut Formatter<'_>, bytes: &[u8]) -> Told {
    let (ip, _) = Ipv6::read_quoted(bytes)?;
    let ends = (ip.source().into(), ip.destination().into());
    let upper = match upper(bytes) {
        Ok(upper) => upper,
        Err(Blocked::Drop(malformed)) => return Err(malformed),
        Err(Blocked::Complain { pointer, .. }) => {
            let (from, to) = ends;
            return Ok(write!(f, "{from} > {to}: impossible header at byte {pointer}"));
        }
    };
    let whole = Ipv6::LEN + usize::from(ip.payload_length());
    let length = whole.saturating_sub(upper.offset);
    let fragment = upper.fragment.filter(|(fragment, _)| !fragment.is_atomic());
    if let Some((fragment, _)) = fragment {
        let (from, to) = ends;
        let (id, at) = (fragment.identification(), fragment.offset());
        return Ok(write!(f, "{from} > {to}: fragment of {id} at {at}, length {length}"));
    }
    let payload = bytes.get(upper.offset..).ok_or(Malformed::Truncated)?;
    transport(f, ends, upper.protocol, payload, length)
}

/// What an IP packet carries: `length` bytes, of which those in the first page are here.
fn transport(
    f: &mut Formatter<'_>,
    (from, to): (IpAddr, IpAddr),
    protocol: Protocol,
    bytes: &[u8],
    length: usize,
) -> Told {
    let between =
        |from_port, to_port| (SocketAddr::new(from, from_port), SocketAddr::new(to, to_port));
    Ok(match protocol {
        Protocol::UDP => {
            let (udp, _) = Udp::read_start(bytes, length)?;
            let (from, to) = between(udp.source(), udp.destination());
            write!(f, "{from} > {to}: UDP, length {}", usize::from(udp.length()) - Udp::LEN)
        }
        Protocol::TCP => {
            let (tcp, _) = Tcp::read(bytes)?;
            let (from, to) = between(tcp.source(), tcp.destination());
            let (sequence, window) = (tcp.sequence(), tcp.window());
            let flags = Names(tcp.flags());
            let length = length.saturating_sub(tcp.len());
            write!(f, "{from} > {to}: TCP {flags}, seq {sequence}, ").and_then(|()| {
                write!(f, "ack {}, win {window}, length {length}", tcp.acknowledgement())
            })
        }
        Protocol::ICMPV4 => {
            let (icmp, _) = Icmpv4::read(bytes)?;
            let message = ToldV4(icmp.message());
            write!(f, "{from} > {to}: ICMP {message}, length {length}")
        }
        Protocol::ICMPV6 => {
            let (icmp, _) = Icmpv6::read(bytes)?;
            let message = ToldV6(icmp.message());
            write!(f, "{from} > {to}: ICMPv6 {message}, length {length}")
        }
        other => write!(f, "{from} > {to}: {other}, length {length}"),
    })
}

/// The flags of a segment by name.
struct Names(Flags);

impl Display for Names {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let names = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE"];
        let set = names.iter().enumerate().filter(|(bit, _)| self.0.0 >> bit & 1 == 1);
        let set: Vec<_> = set.map(|(_, name)| *name).collect();
        f.write_str(&if set.is_empty() { "without flags".into() } else { set.join(" ") })
    }
}

struct ToldV4(icmpv4::Message);

impl Display for ToldV4 {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        use icmpv4::Message;
        match self.0 {
            Message::EchoRequest(echo) => {
                write!(f, "echo request, id {}, seq {}", echo.identifier, echo.sequence)
            }
            Message::EchoReply(echo) => {
                write!(f, "echo reply, id {}, seq {}", echo.identifier, echo.sequence)
            }
            Message::Unreachable { code: icmpv4::Unreachable::FRAGMENTATION_NEEDED, mtu } => {
                write!(f, "fragmentation needed, mtu {mtu}")
            }
            Message::Unreachable { code, .. } => write!(f, "unreachable, code {}", code.0),
            Message::Redirect { gateway, .. } => write!(f, "redirect to {gateway}"),
            Message::TimeExceeded(code) => write!(f, "time exceeded, code {}", code.0),
            Message::ParameterProblem { pointer, .. } => {
                write!(f, "parameter problem at {pointer}")
            }
            Message::TimestampRequest(_) => f.write_str("timestamp request"),
            Message::TimestampReply(_) => f.write_str("timestamp reply"),
            Message::Other { kind, code, .. } => write!(f, "type {kind}, code {code}"),
        }
    }
}

struct ToldV6(icmpv6::Message);

impl Display for ToldV6 {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        use icmpv6::Message;
        match self.0 {
            Message::EchoRequest(echo) => {
                write!(f, "echo request, id {}, seq {}", echo.identifier, echo.sequence)
            }
            Message::EchoReply(echo) => {
                write!(f, "echo reply, id {}, seq {}", echo.identifier, echo.sequence)
            }
            Message::Unreachable(code) => write!(f, "unreachable, code {}", code.0),
            Message::PacketTooBig { mtu } => write!(f, "packet too big, mtu {mtu}"),
            Message::TimeExceeded(code) => write!(f, "time exceeded, code {}", code.0),
            Message::ParameterProblem { pointer, .. } => {
                write!(f, "parameter problem at {pointer}")
            }
            Message::Other { kind: 133, .. } => f.write_str("router solicitation"),
            Message::Other { kind: 134, .. } => f.write_str("router advertisement"),
            Message::Other { kind: 135, .. } => f.write_str("neighbour solicitation"),
            Message::Other { kind: 136, .. } => f.write_str("neighbour advertisement"),
            Message::Other { kind: 137, .. } => f.write_str("redirect"),
            Message::Other { kind: 143, .. } => f.write_str("multicast listener report"),
            Message::Other { kind, code, .. } => write!(f, "type {kind}, code {code}"),
        }
    }
}
