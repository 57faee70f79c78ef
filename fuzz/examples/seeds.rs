//! Writes the seeds of targets whose inputs are easier to build than to type.
//!
//! `cargo run --example seeds`, in `fuzz/`. Nothing random in it: it writes the same files again.

use core::net::{Ipv4Addr, Ipv6Addr};
use packet::header::Protocol;
use packet::header::arp::{Arp, Operation};
use packet::header::ethernet::{EtherType, Mac};
use packet::header::icmpv4::{Echo, Icmpv4, Message, Unreachable};
use packet::header::ipv4::Ipv4;
use packet::header::ipv6::Ipv6;
use packet::header::ipv6::extension::Fragment;
use packet::header::ndp::{
    Domains, NdpOption, NeighborAdvertisement, NeighborSolicitation, Prefix, Redirect,
    RouterAdvertisement, RouterSolicitation, Servers,
};
use packet::header::tcp::{Flags, Tcp, TcpOption, Writer};
use packet::header::udp::Udp;
use packet::header::vlan::Vlan;
use std::path::Path;
use zerocopy::IntoBytes;

const OURS: Mac = Mac([2, 0, 0, 0, 0, 1]);
const THEIRS: Mac = Mac([2, 0, 0, 0, 0, 2]);
const LEFT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const RIGHT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const LEFT6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const RIGHT6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);

fn write(target: &str, name: &str, parts: &[&[u8]]) -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join(name), parts.concat())
}

fn main() -> std::io::Result<()> {
    link()?;
    ip()?;
    transport()?;
    neighbours()?;
    fragments()?;
    stores()?;
    write("checksum", "odd-pages", &[&[0, 6, 0, 3, 0, 20, 0, 0, 0, 6], &[0xa5; 41]])?;
    // Allocate, push, allocate, push, chain, gather, queue.
    let steps = [[0, 0, 0], [1, 0, 70], [0, 0, 0], [1, 0, 9], [7, 0, 0], [6, 0, 75], [9, 0, 0]];
    write("chain", "gather", &[steps.as_flattened()])
}

fn link() -> std::io::Result<()> {
    let arp = Arp::new(Operation::REQUEST, (OURS, LEFT), (Mac::default(), RIGHT));
    let addresses = [&Mac::BROADCAST.0[..], &OURS.0].concat();
    write("link", "arp", &[&addresses, &[8, 6], arp.as_bytes()])?;
    let tag = Vlan::new(42, EtherType::ARP);
    write("link", "tagged-arp", &[&addresses, &[0x81, 0], tag.as_bytes(), arp.as_bytes()])
}

fn v4(protocol: Protocol, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 20 + options.len() + payload.len()];
    let (ip, rest) = Ipv4::create(&mut bytes, options.len()).expect("options are short");
    rest.copy_from_slice(payload);
    ip.option_bytes_mut().copy_from_slice(options);
    ip.set_protocol(protocol);
    ip.set_dont_fragment(false);
    ip.set_source(LEFT);
    ip.set_destination(RIGHT);
    ip.update_checksum();
    bytes
}

fn v6(next: Protocol, payload: &[&[u8]]) -> Vec<u8> {
    let payload = payload.concat();
    let ip = Ipv6::new(LEFT6, RIGHT6, next, payload.len() as u16);
    [ip.as_bytes(), &payload].concat()
}

fn ip() -> std::io::Result<()> {
    let udp = Udp::new(7, 9, 4);
    let payload = [udp.as_bytes(), b"data"].concat();
    write("ipv4", "plain", &[&v4(Protocol::UDP, &[], &payload)])?;
    write("ipv4", "options", &[&v4(Protocol::UDP, &[1, 7, 3, 4, 148, 4, 0, 0], &payload)])?;
    write("ipv6", "plain", &[&v6(Protocol::UDP, &[&payload])])?;
    let atomic = Fragment::new(Protocol::UDP, 0, false, 7);
    let extensions: [&[u8]; 5] = [
        &[60, 0, 5, 2, 0, 0, 1, 0],
        &[43, 0, 1, 4, 0, 0, 0, 0],
        &[44, 0, 3, 0, 0, 0, 0, 0],
        atomic.as_bytes(),
        &payload,
    ];
    write("ipv6", "extensions", &[&v6(Protocol::HOP_BY_HOP, &extensions)])?;
    let first = Fragment::new(Protocol::UDP, 0, true, 7);
    write("ipv6", "fragment", &[&v6(Protocol::FRAGMENT, &[first.as_bytes(), &payload])])?;
    let unknown = [17, 0, 0xfe, 4, 0, 0, 0, 0];
    write("ipv6", "unknown-option", &[&v6(Protocol::HOP_BY_HOP, &[&unknown, &payload])])
}

fn transport() -> std::io::Result<()> {
    write("udp", "query", &[Udp::new(54_321, 53, 5).as_bytes(), b"query"])?;
    let echo = Message::EchoRequest(Echo { identifier: 1, sequence: 2 });
    write("icmp", "echo", &[Icmpv4::new(echo).as_bytes(), b"data"])?;
    let large = Message::Unreachable { code: Unreachable::FRAGMENTATION_NEEDED, mtu: 1280 };
    write("icmp", "too-large", &[Icmpv4::new(large).as_bytes(), &v4(Protocol::UDP, &[], &[0; 8])])?;
    for (name, options) in [
        (
            "syn",
            &[
                TcpOption::MaximumSegment(1460),
                TcpOption::SackPermitted,
                TcpOption::Timestamps { value: 1, echo: 0 },
                TcpOption::WindowScale(7),
            ][..],
        ),
        ("timeout", &[TcpOption::UserTimeout { minutes: true, time: 5 }][..]),
    ] {
        let mut writer = Writer::new();
        assert!(options.iter().all(|option| writer.push(option)));
        tcp(name, &writer)?;
    }
    let mut writer = Writer::new();
    writer.push_sack([(100, 200), (300, 400)]);
    tcp("sack", &writer)
}

fn tcp(name: &str, options: &Writer) -> std::io::Result<()> {
    let mut bytes = vec![0; Tcp::LEN + options.bytes().len()];
    let (tcp, _) = Tcp::create(&mut bytes, options.bytes().len()).expect("there is room");
    tcp.option_bytes_mut().copy_from_slice(options.bytes());
    tcp.set_source(49_152);
    tcp.set_destination(80);
    tcp.set_flags(Flags::SYN);
    write("tcp", name, &[&bytes])
}

fn neighbours() -> std::io::Result<()> {
    let prefix = Prefix {
        address: LEFT6,
        len: 64,
        on_link: true,
        autonomous: true,
        valid: 3600,
        preferred: 1800,
    };
    let servers = [LEFT6.octets(), RIGHT6.octets()];
    let options = [
        NdpOption::SourceLinkLayer(OURS),
        NdpOption::Mtu(1500),
        NdpOption::Prefix(prefix),
        NdpOption::Route { prefix: LEFT6, prefix_len: 48, preference: 1, lifetime: 60 },
        NdpOption::Rdnss { lifetime: 60, servers: Servers::new(&servers) },
        NdpOption::Dnssl { lifetime: 60, domains: Domains::new(b"\x04home\x04arpa\0\0\0\0\0\0") },
    ];
    let all = written(&options);
    write("ndp", "router", &[RouterAdvertisement::new(1800).as_bytes(), &all])?;
    write("ndp", "who", &[RouterSolicitation::new().as_bytes(), &written(&options[..1])])?;
    let question = NeighborSolicitation::new(RIGHT6);
    write("ndp", "question", &[question.as_bytes(), &written(&options[..1])])?;
    let target = [NdpOption::TargetLinkLayer(THEIRS)];
    let answer = NeighborAdvertisement::new(RIGHT6);
    write("ndp", "answer", &[answer.as_bytes(), &written(&target)])?;
    let quoted = v6(Protocol::UDP, &[&[0; 8]]);
    let redirected = [NdpOption::Redirected(&quoted)];
    write("ndp", "redirect", &[Redirect::new(LEFT6, RIGHT6).as_bytes(), &written(&redirected)])
}

fn written(options: &[NdpOption<'_>]) -> Vec<u8> {
    let mut bytes = vec![0; options.iter().map(NdpOption::len).sum()];
    let mut rest = &mut bytes[..];
    for option in options {
        rest = option.write(rest).expect("there is room");
    }
    bytes
}

fn fragments() -> std::io::Result<()> {
    let pattern: Vec<u8> = (0..900_u16).map(|number| number as u8).collect();
    let sizes = [1, 44, 0, 184, 0, 40];
    let options = [1, 7, 3, 4, 148, 4, 0, 0];
    write("fragment", "v4", &[&sizes, &v4(Protocol(200), &options, &pattern)])?;
    let front: [&[u8]; 2] = [&[200, 0, 1, 4, 0, 0, 0, 0], &pattern];
    write("fragment", "v6", &[&sizes, &v6(Protocol::HOP_BY_HOP, &front)])?;

    // Seconds, who, where (in units of 8), whether more, length, salt, bytes a page.
    let step = |time, who, start: u16, more, len: u16, salt| {
        let ([a, b], [c, d]) = (start.to_be_bytes(), len.to_be_bytes());
        [time, who, a, b, more, c, d, salt, 1, 0]
    };
    let (first, middle, last) =
        (step(0, 0, 0, 1, 80, 0), step(0, 0, 10, 1, 80, 0), step(0, 0, 20, 0, 33, 0));
    let overlap = step(0, 0, 9, 1, 80, 0);
    let six =
        |[time, _, a, b, more, c, d, salt, e, f]: [u8; 10]| [time, 1, a, b, more, c, d, salt, e, f];
    for (name, steps) in [
        ("in-order", vec![first, middle, last]),
        ("backwards", vec![last, middle, first]),
        ("duplicate", vec![first, first, last, middle, last]),
        ("overlap", vec![first, middle, overlap, last]),
        ("six", vec![six(last), six(first), six(middle)]),
        ("late", vec![first, step(12, 2, 1, 1, 8, 0), step(12, 2, 1, 1, 8, 0), last]),
        ("atomic", vec![first, step(0, 1, 0, 0, 80, 0), step(0, 0, 0, 0, 80, 0), middle, last]),
    ] {
        let steps = steps.concat();
        write("reassembly", name, &[&[0], &steps])?;
        write("reassembly", &format!("{name}-narrow"), &[&[1], &steps])?;
    }
    Ok(())
}

fn stores() -> std::io::Result<()> {
    let pattern: Vec<u8> = (1..=255).collect();
    for target in ["store_superblock", "store_seal"] {
        write(target, "as-it-was", &[&[0, 0, 0], &pattern, &pattern])?;
        write(target, "changed", &[&[1, 44, 8], &pattern, &pattern])?;
    }
    write("store_superblock", "beginning", &[b"cofferdam store\0", &[1, 0, 0, 0]])?;
    write("store_seal", "beginning", &[b"cofferdam seal\0\0", &[1, 0, 0, 0]])?;
    // Identity, serial, then slots: of a key file, of a recovery key, of a passphrase.
    let mut keys = vec![1; 44];
    for kind in [2, 3, 1] {
        let mut slot = [0; 256];
        (slot[0], slot[104]) = (kind, 4);
        (slot[5], slot[8], slot[12]) = (1, 1, 1);
        slot[105..109].copy_from_slice(b"mine");
        keys.extend_from_slice(&slot);
    }
    write("store_keys", "three", &[&[1], &keys])?;

    // An inode, an entry, a promised and a written extent, a record of free space.
    let mut inode = [0; 128];
    inode[1] = 0x81;
    let mut promised = [0; 30];
    (promised[24], promised[26]) = (1, 9);
    let mut written = [3; 46];
    written[24..30].copy_from_slice(&[0, 0, 1, 0, 0, 0]);
    let entry = [&[2, 0, 0, 0, 0, 0, 0, 0, 8, 4], &b"name"[..]].concat();
    let leaf = leaf(&[
        (0, 8, 0, &[0xff]),
        (1, 2, 256, &entry),
        (2, 1, 0, &inode),
        (2, 4, 0, &promised),
        (2, 4, 9, &written),
    ]);
    write("store_node", "leaf", &[&leaf])?;
    write("store_node", "changed", &[&leaf, &[8, 5, 90, 16, 6, 255, 24, 1, 1, 8, 5, 200, 1, 5, 90]])
}

/// A leaf of the store's tree: object, kind, position and value of each record.
fn leaf(records: &[(u64, u8, u64, &[u8])]) -> Vec<u8> {
    let mut node = vec![0; 8192];
    let mut begin = node.len();
    for (at, (object, kind, position, value)) in records.iter().enumerate() {
        begin -= value.len();
        node[begin..begin + value.len()].copy_from_slice(value);
        let place = [begin as u16, value.len() as u16].map(u16::to_le_bytes).concat();
        let slot = [&object.to_be_bytes()[..], &[*kind], &position.to_be_bytes(), &place].concat();
        node[8 + 21 * at..29 + 21 * at].copy_from_slice(&slot);
    }
    node[2] = records.len() as u8;
    node[4..6].copy_from_slice(&(begin as u16).to_le_bytes());
    node
}
