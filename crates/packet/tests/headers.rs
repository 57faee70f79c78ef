//! Whatever is written into a header is read back, and nothing else moves.

use packet::header::ethernet::Mac;
use packet::header::ipv4::Ipv4;
use packet::header::ipv6::Ipv6;
use packet::header::ipv6::extension::{Fragment, upper};
use packet::header::ndp::{self, NdpOption, Prefix};
use packet::header::tcp::{self, Flags, Tcp, TcpOption};
use packet::header::udp::Udp;
use packet::header::vlan::Vlan;
use packet::header::{Protocol, ethernet::EtherType};
use proptest::prelude::*;
use std::net::{Ipv4Addr, Ipv6Addr};

proptest! {
    #[test]
    fn ipv4(
        (dscp, ecn, identification, offset) in (0_u8..64, 0_u8..4, any::<u16>(), 0_usize..8192),
        (dont, more, ttl, protocol) in any::<(bool, bool, u8, u8)>(),
        (source, destination) in any::<(Ipv4Addr, Ipv4Addr)>(),
        options in 0_usize..=10,
        payload in 0_usize..100,
    ) {
        let mut bytes = vec![0xaa; 20 + 4 * options + payload];
        let (ip, rest) = Ipv4::create(&mut bytes, 4 * options).unwrap();
        prop_assert_eq!(rest.len(), payload);
        ip.set_destination(destination);
        ip.set_source(source);
        ip.set_protocol(Protocol(protocol));
        ip.set_ttl(ttl);
        ip.set_fragment_offset(offset * 8);
        ip.set_more_fragments(more);
        ip.set_dont_fragment(dont);
        ip.set_identification(identification);
        ip.set_ecn(ecn);
        ip.set_dscp(dscp);
        ip.update_checksum();
        let (ip, rest) = Ipv4::read(&bytes).unwrap();
        prop_assert!(ip.has_right_checksum());
        prop_assert_eq!((ip.dscp(), ip.ecn(), ip.ttl()), (dscp, ecn, ttl));
        prop_assert_eq!((ip.identification(), ip.fragment_offset()), (identification, offset * 8));
        prop_assert_eq!((ip.dont_fragment(), ip.more_fragments()), (dont, more));
        prop_assert_eq!((ip.source(), ip.destination()), (source, destination));
        prop_assert_eq!((ip.protocol().0, ip.len(), rest.len()), (protocol, 20 + 4 * options, payload));
        prop_assert_eq!(ip.options().count(), 0);
    }

    #[test]
    fn ipv6(
        (dscp, ecn, label, hops) in (0_u8..64, 0_u8..4, 0_u32..1 << 20, any::<u8>()),
        (source, destination, next) in any::<(Ipv6Addr, Ipv6Addr, u8)>(),
        payload in 0_usize..100,
    ) {
        let mut bytes = vec![0; 40 + payload];
        let (ip, _) = Ipv6::create(&mut bytes).unwrap();
        *ip = Ipv6::new(destination, source, Protocol(next), payload as u16);
        ip.flip();
        ip.set_flow_label(label);
        ip.set_ecn(ecn);
        ip.set_dscp(dscp);
        ip.set_hop_limit(hops);
        let (ip, rest) = Ipv6::read(&bytes).unwrap();
        prop_assert_eq!((ip.dscp(), ip.ecn(), ip.flow_label()), (dscp, ecn, label));
        prop_assert_eq!((ip.source(), ip.destination()), (source, destination));
        prop_assert_eq!((ip.hop_limit(), ip.next_header().0, rest.len()), (hops, next, payload));
    }

    #[test]
    fn small_ones(numbers in any::<(u16, u16, u16, u32, bool)>(), priority in 0_u8..8) {
        let (a, b, c, d, flag) = numbers;
        let mut vlan = Vlan::new(a, EtherType::new(b));
        vlan.set_priority(priority);
        vlan.set_drop_eligible(flag);
        prop_assert_eq!((vlan.id(), vlan.priority()), (a & 0xfff, priority));
        prop_assert_eq!((vlan.drop_eligible(), vlan.ethertype.number()), (flag, b));
        let mut udp = Udp::new(b, a, 0);
        udp.flip();
        udp.set_length(c);
        prop_assert_eq!((udp.source(), udp.destination(), udp.length()), (a, b, c));
        let mut fragment = Fragment::new(Protocol::TCP, b, !flag, d);
        prop_assert_eq!((fragment.offset(), fragment.more_fragments()), (usize::from(b & !7), !flag));
        fragment.set_offset(usize::from(a));
        fragment.set_more_fragments(flag);
        prop_assert_eq!((fragment.offset(), fragment.more_fragments()), (usize::from(a & !7), flag));
        prop_assert_eq!(fragment.is_atomic(), a < 8 && !flag);
        prop_assert_eq!(fragment.identification(), d);
    }

    #[test]
    fn tcp_options(options in prop::collection::vec(tcp_option(), 0..6), ports in any::<(u16, u16)>()) {
        let mut writer = tcp::Writer::new();
        let written: Vec<_> =
            options.iter().map(TcpChoice::option).filter(|option| writer.push(option)).collect();
        let mut bytes = vec![0; Tcp::LEN + writer.bytes().len()];
        let (tcp, _) = Tcp::create(&mut bytes, writer.bytes().len()).unwrap();
        tcp.option_bytes_mut().copy_from_slice(writer.bytes());
        tcp.set_source(ports.0);
        tcp.set_destination(ports.1);
        tcp.set_flags(Flags(ports.0 & 0x1ff));
        let (tcp, _) = Tcp::read(&bytes).unwrap();
        prop_assert_eq!(tcp.flags(), Flags(ports.0 & 0x1ff));
        prop_assert_eq!((tcp.source(), tcp.destination()), ports);
        let read = tcp.options().collect::<Result<Vec<_>, _>>().unwrap();
        prop_assert_eq!(read, written);
    }

    #[test]
    fn ndp_options(
        (mac, mtu, address) in any::<([u8; 6], u32, Ipv6Addr)>(),
        (on_link, autonomous, valid, preferred) in any::<(bool, bool, u32, u32)>(),
        (len, preference) in (0_u8..=128, -1_i8..=1),
        servers in prop::collection::vec(any::<[u8; 16]>(), 1..5),
        other in prop::collection::vec(any::<u8>(), 0..5),
    ) {
        let mut other = other;
        other.resize((2 + other.len()).next_multiple_of(8) - 2, 0);
        let options = [
            NdpOption::SourceLinkLayer(Mac(mac)),
            NdpOption::TargetLinkLayer(Mac(mac)),
            NdpOption::Mtu(mtu),
            NdpOption::Prefix(Prefix { address, len, on_link, autonomous, valid, preferred }),
            NdpOption::Route { prefix: address, prefix_len: len, preference, lifetime: valid },
            NdpOption::Rdnss { lifetime: valid, servers: ndp::Servers::new(&servers) },
            NdpOption::Dnssl { lifetime: mtu, domains: ndp::Domains::new(b"\x03lan\x00\x00\x00\x00") },
            NdpOption::Unknown { kind: 14, data: &other },
        ];
        let mut bytes = [0xaa; 300];
        let mut rest = &mut bytes[..];
        for option in &options {
            rest = option.write(rest).unwrap();
        }
        let left = rest.len();
        let read = ndp::Options::new(&bytes[..300 - left]).collect::<Result<Vec<_>, _>>().unwrap();
        prop_assert_eq!(read, options);
        for option in options {
            prop_assert!(option.write(&mut [0; 200][..option.len() - 1]).is_none());
        }
    }

    /// Bytes that mean nothing: every reader gives an error or a header that can be asked anything.
    #[test]
    fn noise(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = upper(&bytes);
        if let Ok((ip, rest)) = Ipv4::read(&bytes) {
            prop_assert!(ip.len() + rest.len() == usize::from(ip.total_length()));
            prop_assert!(ip.options().count() <= 20);
        }
        if let Ok((tcp, _)) = Tcp::read(&bytes) {
            prop_assert!(tcp.options().count() <= 20);
        }
        prop_assert!(ndp::Options::new(&bytes).count() <= 26);
    }
}

#[derive(Clone, Debug)]
enum TcpChoice {
    Plain(TcpOption<'static>),
    Unknown(u8, Vec<u8>),
}

impl TcpChoice {
    fn option(&self) -> TcpOption<'_> {
        match self {
            Self::Plain(option) => *option,
            Self::Unknown(kind, data) => TcpOption::Unknown { kind: *kind, data },
        }
    }
}

fn tcp_option() -> impl Strategy<Value = TcpChoice> {
    prop_oneof![
        any::<u16>().prop_map(|size| TcpChoice::Plain(TcpOption::MaximumSegment(size))),
        any::<u8>().prop_map(|shift| TcpChoice::Plain(TcpOption::WindowScale(shift))),
        Just(TcpChoice::Plain(TcpOption::SackPermitted)),
        any::<(u32, u32)>()
            .prop_map(|(value, echo)| TcpChoice::Plain(TcpOption::Timestamps { value, echo })),
        (any::<bool>(), 0_u16..1 << 15)
            .prop_map(|(minutes, time)| TcpChoice::Plain(TcpOption::UserTimeout { minutes, time })),
        (64_u8.., prop::collection::vec(any::<u8>(), 0..6))
            .prop_map(|(kind, data)| TcpChoice::Unknown(kind, data)),
    ]
}
