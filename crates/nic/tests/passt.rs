//! passt's protocol over any cut of the stream, and a real passt in a network of its own.

mod frames;

use frames::{contents, frame, numbered, receive, reclaim};
use nic::Nic;
use nic::passt::{MTU, Network, Passt};
use packet::header::arp::{Arp, Operation};
use packet::header::ethernet::{EtherType, Ethernet, Mac};
use packet::header::icmpv4::{Echo, Icmpv4, Message};
use packet::header::ipv4::Ipv4;
use packet::header::{Protocol, udp::Udp};
use packet::{Batch, Pool, checksum};
use proptest::prelude::*;
use std::io::{ErrorKind, Read, Write};
use std::net::Ipv4Addr;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::{Duration, Instant};
use zerocopy::IntoBytes;

fn pair() -> (Passt, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    theirs.set_nonblocking(true).unwrap();
    (Passt::over(ours, "peer", MTU).unwrap(), theirs)
}

fn stream(frames: &[Vec<u8>]) -> Vec<u8> {
    frames
        .iter()
        .flat_map(|bytes| [&(bytes.len() as u32).to_be_bytes(), &bytes[..]].concat())
        .collect()
}

fn frames_strategy() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let len = prop_oneof![18..100_usize, 1000..9000_usize, 60_000..65_550_usize];
    proptest::collection::vec(len, 0..12)
        .prop_map(|lens| lens.iter().zip(0..).map(|(len, number)| numbered(number, *len)).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn frames_are_received_however_the_stream_is_cut(
        frames in frames_strategy(),
        cuts in proptest::collection::vec(1..70_000_usize, 1..20),
        limit in 1..10_usize,
        lent in 1..40_usize,
    ) {
        let (mut nic, mut peer) = pair();
        let mut pool = Pool::plain(512);
        let bytes = stream(&frames);
        let (mut rest, mut cuts) = (&bytes[..], cuts.iter().cycle());
        let mut arrived = Vec::new();
        let mut left = 100_000;
        while arrived.len() < frames.len() {
            let count = rest.len().min(*cuts.next().unwrap());
            match peer.write(&rest[..count]) {
                Ok(count) => rest = &rest[count..],
                Err(error) => prop_assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
            let (mut free, mut received) = (Batch::new(), Batch::new());
            pool.allocate_batch(&mut free, lent);
            let count = nic.receive(&mut free, &mut received, limit).unwrap();
            prop_assert!(count == received.len() && count <= limit);
            arrived.extend(received.iter().map(contents));
            left -= 1;
            prop_assert!(left > 0, "{} of {} arrived", arrived.len(), frames.len());
        }
        prop_assert_eq!(&arrived, &frames);
        prop_assert_eq!(nic.statistics().received, frames.len() as u64);
        drop(nic);
        prop_assert_eq!(pool.statistics().away, 0);
    }

    #[test]
    fn frames_are_sent_however_little_the_peer_takes(
        frames in frames_strategy(),
        reads in proptest::collection::vec(1..70_000_usize, 1..20),
    ) {
        let (mut nic, mut peer) = pair();
        let mut pool = Pool::plain(512);
        let mut ready: Batch = frames.iter().map(|bytes| frame(&mut pool, bytes)).collect();
        let expected = stream(&frames);
        let (mut came, mut reads) = (Vec::<u8>::new(), reads.iter().cycle());
        while came.len() < expected.len() {
            nic.transmit(&mut ready).unwrap();
            let mut part = vec![0; *reads.next().unwrap()];
            match peer.read(&mut part) {
                Ok(count) => came.extend(&part[..count]),
                Err(error) => prop_assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        prop_assert_eq!(came, expected);
        prop_assert!(ready.is_empty());
        let mut sent = Batch::new();
        prop_assert_eq!(nic.reclaim(&mut sent).unwrap(), frames.len());
        prop_assert_eq!(nic.statistics().sent, frames.len() as u64);
        drop((nic, sent));
        prop_assert_eq!(pool.statistics().away, 0);
    }

    #[test]
    fn any_bytes_are_frames_or_an_error(bytes in proptest::collection::vec(0..4_u8, 0..300)) {
        let (mut nic, mut peer) = pair();
        peer.write_all(&bytes).unwrap();
        drop(peer);
        let mut pool = Pool::plain(64);
        let (mut free, mut received) = (Batch::new(), Batch::new());
        loop {
            pool.allocate_batch(&mut free, 20);
            match nic.receive(&mut free, &mut received, 4) {
                Ok(_) => pool.recycle_batch(&mut received),
                Err(error) => {
                    prop_assert!(!error.to_string().is_empty());
                    break;
                }
            }
            pool.recycle_batch(&mut free);
        }
        pool.recycle_batch(&mut free);
        drop(nic);
        prop_assert_eq!(pool.statistics().away, 0);
    }
}

#[test]
fn a_broken_stream_says_what_is_wrong() {
    let mut pool = Pool::plain(64);
    let mut error = |bytes: &[u8], close: bool| {
        let (mut nic, mut peer) = pair();
        peer.write_all(bytes).unwrap();
        let peer = (!close).then_some(peer);
        let (mut free, mut received) = (Batch::new(), Batch::new());
        pool.allocate_batch(&mut free, 20);
        let error = nic.receive(&mut free, &mut received, 4).unwrap_err();
        drop(peer);
        error
    };
    let http = error(b"HTTP/1.1 400 Bad Request", false).to_string();
    assert!(
        http.contains("a frame of 1213486160 bytes") && http.contains("passt's protocol"),
        "{http}"
    );
    assert!(error(&[0, 0, 0, 60, 1, 2, 3], true).is_gone());
    assert!(error(&[], true).is_gone());
}

#[test]
fn frames_too_short_or_too_long_are_counted() {
    let (mut nic, mut peer) = pair();
    let mut pool = Pool::plain(64);
    peer.write_all(&stream(&[vec![], vec![7; 13], numbered(1, 60)])).unwrap();
    let received = receive(&mut nic, &mut pool, 4);
    assert_eq!((received.len(), nic.statistics().malformed), (1, 2));
    let mut ready =
        Batch::from([frame(&mut pool, &numbered(1, 66_000)), frame(&mut pool, &numbered(2, 60))]);
    assert_eq!(nic.transmit(&mut ready).unwrap(), 2);
    assert_eq!((nic.statistics().send_dropped, nic.statistics().sent), (1, 1));
    reclaim(&mut nic, &mut pool);
    drop(received);
    assert_eq!(pool.statistics().away, 0);
}

#[test]
fn a_peer_that_goes_is_gone_for_whoever_waits_or_sends() {
    let (mut nic, peer) = pair();
    let mut pool = Pool::plain(64);
    assert!(!nic.wait(Some(Duration::from_millis(1))).unwrap());
    drop(peer);
    assert!(nic.wait(None).unwrap(), "there is an end to receive");
    let mut ready = Batch::from([frame(&mut pool, &numbered(1, 60))]);
    let first = nic.transmit(&mut ready);
    assert!(first.is_ok_and(|count| count == 1));
    assert!(nic.reclaim(&mut Batch::new()).unwrap_err().is_gone());
    drop(nic);
    assert_eq!(pool.statistics().away, 0, "what was not sent came home");
}

/// Runs a test of this file again in a network of its own, which ends with it: loopback, and a
/// pair of interfaces whose addresses lead nowhere, for passt to take as its example. The
/// gateway's address is this network's own, since this passt forwards echo requests as they are.
fn in_own_network(test: &str) {
    let setup = "ip link set lo up && ip link add near type veth peer name far && \
                 ip addr add 10.9.0.2/24 dev near && ip link set near up && \
                 ip link set far up && ip route add default via 10.9.0.1 && \
                 ip addr add 10.9.0.1/32 dev lo && \
                 echo 0 2147483647 > /proc/sys/net/ipv4/ping_group_range && exec \"$@\"";
    let output = Command::new("timeout")
        .args(["60", "unshare", "--net", "--", "sh", "-c", setup, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env("COFFERDAM_OWN_NETWORK", "1")
        .output()
        .unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("1 passed"), "{out}\n{err}");
}

fn is_own_network() -> bool {
    std::env::var_os("COFFERDAM_OWN_NETWORK").is_some()
}

const OUR_MAC: Mac = Mac([0x52, 0x54, 0, 0, 0, 1]);
const OURS: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 2);
const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);

/// Sends a frame and gives the first one that comes and answers it.
fn ask(nic: &mut Passt, pool: &mut Pool, bytes: &[u8], answers: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    nic.transmit(&mut Batch::from([frame(pool, bytes)])).unwrap();
    await_frame(nic, pool, answers)
}

fn await_frame(nic: &mut Passt, pool: &mut Pool, answers: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline {
        nic.wait(Some(Duration::from_millis(100))).unwrap();
        for packet in receive(nic, pool, 16) {
            if answers(&contents(&packet)) {
                return contents(&packet);
            }
        }
        reclaim(nic, pool);
    }
    panic!("no answer");
}

fn arp() -> Vec<u8> {
    let ethernet =
        Ethernet { destination: Mac::BROADCAST, source: OUR_MAC, ethertype: EtherType::ARP };
    let arp = Arp::new(Operation::REQUEST, (OUR_MAC, OURS), (Mac::default(), GATEWAY));
    [ethernet.as_bytes(), arp.as_bytes()].concat()
}

/// An IPv4 packet in a frame.
fn ip(to: Mac, destination: Ipv4Addr, protocol: Protocol, payload: &[u8]) -> Vec<u8> {
    let ethernet = Ethernet { destination: to, source: OUR_MAC, ethertype: EtherType::IPV4 };
    let mut packet = vec![0; Ipv4::LEN + payload.len()];
    packet[Ipv4::LEN..].copy_from_slice(payload);
    let (ip, _) = Ipv4::create(&mut packet, 0).unwrap();
    ip.set_protocol(protocol);
    ip.set_source(OURS);
    ip.set_destination(destination);
    ip.update_checksum();
    [ethernet.as_bytes(), &packet].concat()
}

fn payload(frame: &[u8], protocol: Protocol) -> Option<&[u8]> {
    let (ethernet, rest) = Ethernet::read(frame).ok()?;
    let (ip, payload) = Ipv4::read(rest).ok()?;
    (ethernet.ethertype == EtherType::IPV4 && ip.protocol() == protocol).then_some(payload)
}

/// The hardware address that passt answers with.
fn gateway(nic: &mut Passt, pool: &mut Pool) -> Mac {
    let answer = ask(nic, pool, &arp(), |frame| {
        let Ok((ethernet, rest)) = Ethernet::read(frame) else { return false };
        let arp = Arp::read(rest);
        ethernet.ethertype == EtherType::ARP
            && arp
                .is_ok_and(|(arp, _)| arp.operation == Operation::REPLY && arp.sender() == GATEWAY)
    });
    Ethernet::read(&answer).unwrap().0.source
}

#[test]
fn a_real_passt_answers() {
    if !is_own_network() {
        return in_own_network("a_real_passt_answers");
    }
    let mut pool = Pool::plain(256);
    let network = Network { insecure_loopback: true, ..Network::default() };
    let mut nic = Passt::start(&network).unwrap();
    let mac = gateway(&mut nic, &mut pool);

    // An echo from the gateway's address.
    let mut echo = vec![0; 8 + 1000];
    let (icmp, _) = Icmpv4::read_mut(&mut echo).unwrap();
    icmp.set_message(Message::EchoRequest(Echo { identifier: 7, sequence: 1 }));
    let sum = checksum::Sum::of(&echo).checksum();
    Icmpv4::read_mut(&mut echo).unwrap().0.set_checksum(sum);
    let request = ip(mac, GATEWAY, Protocol::ICMPV4, &echo);
    let answer = ask(&mut nic, &mut pool, &request, |frame| {
        payload(frame, Protocol::ICMPV4).is_some_and(|icmp| icmp.len() == echo.len())
    });
    let (icmp, _) = Icmpv4::read(payload(&answer, Protocol::ICMPV4).unwrap()).unwrap();
    assert!(matches!(icmp.message(), Message::EchoReply(Echo { sequence: 1, .. })));

    // A datagram of 30,000 bytes to an echo server on loopback, where the gateway's address
    // leads, and back, in one frame each.
    let server = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let words = vec![0x5a; 30_000];
    let mut datagram = vec![0; Udp::LEN];
    datagram.extend(&words);
    let (udp, _) = Udp::create(&mut datagram).unwrap();
    udp.set_source(4000);
    udp.set_destination(port);
    udp.set_length((Udp::LEN + words.len()) as u16);
    let request = ip(mac, GATEWAY, Protocol::UDP, &datagram);
    nic.transmit(&mut Batch::from([frame(&mut pool, &request)])).unwrap();
    server.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut buffer = vec![0; 65_536];
    let (count, from) = server.recv_from(&mut buffer).unwrap();
    assert_eq!(buffer[..count], words);
    server.send_to(&buffer[..count], from).unwrap();
    let answer = await_frame(&mut nic, &mut pool, |frame| payload(frame, Protocol::UDP).is_some());
    assert_eq!(payload(&answer, Protocol::UDP).unwrap()[Udp::LEN..], words);

    drop(nic);
    assert_eq!(pool.statistics().away, 0);
    assert_eq!(children(), 0, "passt has ended with its driver");
}

#[test]
fn a_real_passt_forwards_ports() {
    if !is_own_network() {
        return in_own_network("a_real_passt_forwards_ports");
    }
    let mut pool = Pool::plain(256);
    let number = |number| std::num::NonZeroU16::new(number).unwrap();
    let forward = nic::passt::Forward { from: number(5300), to: number(53), count: number(2) };
    let network = Network { udp: vec![forward], ..Network::default() };
    let mut nic = Passt::start(&network).unwrap();
    gateway(&mut nic, &mut pool);
    let client = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    client.send_to(b"question", "127.0.0.1:5301").unwrap();
    let question =
        await_frame(&mut nic, &mut pool, |frame| payload(frame, Protocol::UDP).is_some());
    let (udp, words) = Udp::read(payload(&question, Protocol::UDP).unwrap()).unwrap();
    assert_eq!((udp.destination(), words), (54, &b"question"[..]));
}

#[test]
fn a_passt_that_cannot_start_says_why() {
    if !is_own_network() {
        return in_own_network("a_passt_that_cannot_start_says_why");
    }
    let taken = std::net::TcpListener::bind("0.0.0.0:7777").unwrap();
    let number = |number| std::num::NonZeroU16::new(number).unwrap();
    let forward = nic::passt::Forward { from: number(7777), to: number(80), count: number(1) };
    let network = Network { tcp: vec![forward], ..Network::default() };
    let Err(error) = Passt::start(&network) else { panic!("started") };
    let error = error.to_string();
    assert!(error.contains("7777") && error.contains("ports that are free"), "{error}");
    drop(taken);
    assert_eq!(children(), 0);
    // Killed from outside, it is gone.
    let mut nic = Passt::start(&network).unwrap();
    let pid = children_ids().pop().unwrap();
    assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
    let mut pool = Pool::plain(8);
    let (mut free, mut received) = (Batch::new(), Batch::new());
    pool.allocate_batch(&mut free, 1);
    assert!(nic.wait(Some(Duration::from_secs(5))).unwrap());
    let error = nic.receive(&mut free, &mut received, 1).unwrap_err();
    assert!(error.is_gone() && error.to_string().contains("signal: 9"), "{error}");
}

fn children_ids() -> Vec<String> {
    let mut ids = Vec::new();
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let children = std::fs::read_to_string(task.unwrap().path().join("children")).unwrap();
        ids.extend(children.split_whitespace().map(str::to_owned));
    }
    ids
}

fn children() -> usize {
    children_ids().len()
}
