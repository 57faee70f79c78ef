//! Questions of routers for group members, byte by byte, with everything that can be wrong about
//! them; and the reports that answer them, read with everything that must be right.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use packet::checksum::Sum;
use packet::header::Protocol;
use packet::header::ipv4::Ipv4;
use packet::header::ipv6::Ipv6;
use zerocopy::IntoBytes;

/// IGMP version 3 and MLD version 2; or the versions before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    Newest,
    Older,
}

/// A question.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) version: Version,
    /// Unspecified asks for all groups.
    pub(crate) group: IpAddr,
    /// Whether it goes to all hosts rather than to the group.
    pub(crate) to_all: bool,
    /// How long answers may take, as it is written.
    pub(crate) code: u16,
    pub(crate) source: IpAddr,
    pub(crate) hops: u8,
    /// What the IPv6 options tell routers to look for.
    pub(crate) alert: Option<u8>,
    pub(crate) kind: u8,
    /// How many sources it says it names.
    pub(crate) sources: u16,
    /// So many bytes more or fewer than the version has without sources.
    pub(crate) surplus: i16,
    /// Whether a bit of the message is wrong.
    pub(crate) broken: bool,
}

impl Question {
    /// For the members of all groups.
    pub(crate) fn general(is_v4: bool) -> Self {
        let any: [IpAddr; 2] = [Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()];
        Self { to_all: true, ..Self::of(any[usize::from(is_v4)]) }
    }

    /// For the members of one.
    pub(crate) fn of(group: IpAddr) -> Self {
        let (source, kind) = match group {
            IpAddr::V4(_) => (IpAddr::from([10, 0, 0, 254]), 0x11),
            IpAddr::V6(_) => (IpAddr::from([0xfe80, 0, 0, 0, 0, 0, 0, 0xfe]), 130),
        };
        let question = Self {
            version: Version::Newest,
            group,
            to_all: false,
            code: 0,
            source,
            hops: 1,
            alert: Some(0),
            kind,
            sources: 0,
            surplus: 0,
            broken: false,
        };
        question.within(Duration::from_secs(10))
    }

    /// The same with another time, short enough to be written as it is.
    pub(crate) fn within(self, time: Duration) -> Self {
        let unit = if self.group.is_ipv4() { 100 } else { 1 };
        Self { code: (time.as_millis() / unit) as u16, ..self }
    }

    pub(crate) fn frame(&self) -> Vec<u8> {
        let mut message = match self.group {
            IpAddr::V4(group) => {
                let mut message = vec![self.kind, self.code as u8, 0, 0];
                message.extend(group.octets());
                message
            }
            IpAddr::V6(group) => {
                let mut message = vec![self.kind, 0, 0, 0];
                message.extend(self.code.to_be_bytes());
                message.extend([0, 0]);
                message.extend(group.octets());
                message
            }
        };
        if self.version == Version::Newest {
            message.extend([2, 125]);
            message.extend(self.sources.to_be_bytes());
        }
        let len = message.len().checked_add_signed(self.surplus.into()).expect("some length");
        message.resize(len, 0);
        match (self.source, self.group) {
            (IpAddr::V4(source), IpAddr::V4(group)) => self.frame_v4(source, group, message),
            (IpAddr::V6(source), IpAddr::V6(group)) => self.frame_v6(source, group, message),
            _ => panic!("of two families: {self:?}"),
        }
    }

    fn frame_v4(&self, source: Ipv4Addr, group: Ipv4Addr, mut message: Vec<u8>) -> Vec<u8> {
        let to = if self.to_all { Ipv4Addr::new(224, 0, 0, 1) } else { group };
        let sum = Sum::of(&message);
        put_checksum(&mut message, sum, self.broken);
        let mut bytes = vec![0; 24 + message.len()];
        let (ip, payload) = Ipv4::create(&mut bytes, 4).expect("room");
        ip.set_ttl(self.hops);
        ip.set_protocol(Protocol::IGMP);
        ip.set_source(source);
        ip.set_destination(to);
        ip.option_bytes_mut().copy_from_slice(&[0x94, 4, 0, 0]);
        ip.update_checksum();
        payload.copy_from_slice(&message);
        let [_, b, c, d] = to.octets();
        [&[1, 0, 0x5e, b & 0x7f, c, d], &ROUTER[..], &[8, 0], &bytes].concat()
    }

    fn frame_v6(&self, source: Ipv6Addr, group: Ipv6Addr, mut message: Vec<u8>) -> Vec<u8> {
        let to = if self.to_all { Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1) } else { group };
        let sum = Sum::pseudo_v6(source, to, Protocol::ICMPV6, message.len());
        let sum = sum.and(Sum::of(&message));
        put_checksum(&mut message, sum, self.broken);
        let (first, options) = match self.alert {
            Some(what) => (Protocol::HOP_BY_HOP, vec![Protocol::ICMPV6.0, 0, 5, 2, 0, what, 1, 0]),
            None => (Protocol::ICMPV6, Vec::new()),
        };
        let mut ip = Ipv6::new(source, to, first, (options.len() + message.len()) as u16);
        ip.set_hop_limit(self.hops);
        let [.., a, b, c, d] = to.octets();
        let mac = [0x33, 0x33, a, b, c, d];
        [&mac, &ROUTER[..], &[0x86, 0xdd], ip.as_bytes(), &options, &message].concat()
    }
}

/// Hardware address of who asks.
const ROUTER: [u8; 6] = [2, 0, 0, 0, 0, 254];

fn put_checksum(message: &mut [u8], sum: Sum, broken: bool) {
    let checksum = sum.checksum() ^ u16::from(broken);
    if let Some(field) = message.get_mut(2..4) {
        field.copy_from_slice(&checksum.to_be_bytes());
    }
}

/// What is said of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    In,
    Joined,
    Left,
}

/// A report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) version: Version,
    pub(crate) said: Said,
    pub(crate) group: IpAddr,
    to: IpAddr,
}

impl Report {
    /// What should be said, and to whom.
    pub(crate) fn new(version: Version, said: Said, group: IpAddr) -> Self {
        let to = match (version, said, group) {
            (Version::Newest, _, IpAddr::V4(_)) => IpAddr::from([224, 0, 0, 22]),
            (Version::Newest, _, IpAddr::V6(_)) => IpAddr::from([0xff02, 0, 0, 0, 0, 0, 0, 0x16]),
            (Version::Older, Said::Left, IpAddr::V4(_)) => IpAddr::from([224, 0, 0, 2]),
            (Version::Older, Said::Left, IpAddr::V6(_)) => {
                IpAddr::from([0xff02, 0, 0, 0, 0, 0, 0, 2])
            }
            (Version::Older, Said::In | Said::Joined, group) => group,
        };
        // Older versions do not tell why.
        let said = match (version, said) {
            (Version::Older, Said::Joined) => Said::In,
            _ => said,
        };
        Self { version, said, group, to }
    }

    /// Reads a frame; `None` if it is something else.
    pub(crate) fn read(frame: &[u8]) -> Option<Self> {
        let report = match frame[12..14] {
            [0x08, 0x00] => Self::read_v4(frame),
            [0x86, 0xdd] => Self::read_v6(frame),
            _ => None,
        }?;
        let mac = match report.to {
            IpAddr::V4(ip) => {
                let [_, b, c, d] = ip.octets();
                [1, 0, 0x5e, b & 0x7f, c, d]
            }
            IpAddr::V6(ip) => {
                let [.., a, b, c, d] = ip.octets();
                [0x33, 0x33, a, b, c, d]
            }
        };
        assert_eq!(frame[..6], mac, "{report:?}");
        Some(report)
    }

    fn read_v4(frame: &[u8]) -> Option<Self> {
        let (ip, message) = Ipv4::read(&frame[14..]).expect("an IPv4 packet");
        if ip.protocol() != Protocol::IGMP {
            return None;
        }
        assert!(ip.has_right_checksum() && ip.ttl() == 1);
        assert_eq!(ip.option_bytes(), [0x94, 4, 0, 0], "routers are to look");
        assert_eq!(ip.source(), Ipv4Addr::new(10, 0, 0, 1));
        assert!(Sum::of(message).is_right());
        let group = |at: usize| Ipv4Addr::from(*message[at..].first_chunk::<4>().expect("a group"));
        let (version, said, group) = match message[0] {
            0x16 => (Version::Older, Said::In, group(4)),
            0x17 => (Version::Older, Said::Left, group(4)),
            0x22 => (Version::Newest, record(message), group(12)),
            other => panic!("hosts do not say {other:#x}"),
        };
        assert_eq!(message.len(), if version == Version::Older { 8 } else { 16 });
        Some(Self { version, said, group: group.into(), to: ip.destination().into() })
    }

    fn read_v6(frame: &[u8]) -> Option<Self> {
        let (ip, behind) = Ipv6::read(&frame[14..]).expect("an IPv6 packet");
        if ip.next_header() != Protocol::HOP_BY_HOP {
            return None;
        }
        let (options, message) = behind.split_at(8);
        assert_eq!(options, [Protocol::ICMPV6.0, 0, 5, 2, 0, 0, 1, 0], "routers are to look");
        assert!(ip.hop_limit() == 1 && ip.source().is_unicast_link_local());
        let (source, to) = (ip.source(), ip.destination());
        let sum = Sum::pseudo_v6(source, to, Protocol::ICMPV6, message.len());
        assert!(sum.and(Sum::of(message)).is_right());
        let group =
            |at: usize| Ipv6Addr::from(*message[at..].first_chunk::<16>().expect("a group"));
        let (version, said, group) = match message[0] {
            131 => (Version::Older, Said::In, group(8)),
            132 => (Version::Older, Said::Left, group(8)),
            143 => (Version::Newest, record(message), group(12)),
            other => panic!("hosts do not say {other}"),
        };
        assert_eq!(message.len(), if version == Version::Older { 24 } else { 28 });
        Some(Self { version, said, group: group.into(), to: to.into() })
    }
}

/// What the one record of a newest report says.
fn record(message: &[u8]) -> Said {
    assert_eq!(message[6..8], [0, 1], "one record");
    assert_eq!(message[9..12], [0, 0, 0], "no sources");
    match message[8] {
        2 => Said::In,
        3 => Said::Left,
        4 => Said::Joined,
        other => panic!("no such record: {other}"),
    }
}

/// Whether it is a group that a host is in because it has an address.
pub(crate) fn is_solicited_node(group: IpAddr) -> bool {
    let IpAddr::V6(ip) = group else { return false };
    ip.octets()[..13] == [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff]
}
