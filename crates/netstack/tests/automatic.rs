//! Addresses that others give: a DHCP server and a router, written out byte by byte.

mod segment;

use core::net::{IpAddr, Ipv6Addr};
use core::time::Duration;
use netstack::udp::Options;
use netstack::{Addressing, Config, Event, Host, StackId};
use packet::Batch;
use packet::checksum::Sum;
use packet::header::Protocol;
use segment::{Segment, config, mac, v4};

/// A host without an address, and one that gives some.
fn link(addressing: Addressing) -> Segment {
    let mut nobody = Config::new(mac(2));
    nobody.addressing = addressing;
    Segment::with([config(1), nobody])
}

/// Answers what came to the server: offers `10.0.0.77`, and keeps to it.
fn serve(link: &mut Segment, server: StackId) -> Vec<u8> {
    let mut kinds = Vec::new();
    for (_, question) in link.received(1, server) {
        assert_eq!(question[..4], [1, 1, 6, 0]);
        let options = &question[240..];
        assert_eq!(options[..2], [53, 1], "the type comes first");
        kinds.push(options[2]);
        let mut answer = question[..240].to_vec();
        answer[0] = 2;
        answer[16..20].copy_from_slice(&[10, 0, 0, 77]);
        answer.extend([53, 1, if options[2] == 1 { 2 } else { 5 }]);
        answer.extend([54, 4, 10, 0, 0, 1, 51, 4, 0, 0, 0, 120, 1, 4, 255, 255, 255, 0]);
        answer.extend([3, 4, 10, 0, 0, 1, 6, 4, 10, 0, 0, 53, 255]);
        let now = link.now;
        let node = &mut link.nodes[0];
        let mut ready = Batch::new();
        let to = "255.255.255.255:68".parse().expect("an address");
        node.host
            .prepare_batch(server, to, &answer, 1000, &mut node.free, &mut ready)
            .expect("a route");
        assert_eq!(node.host.tx_batch(now, server, &mut ready, &mut node.free), 1);
        link.settle();
    }
    kinds
}

fn addresses(host: &mut Host) -> Vec<IpAddr> {
    host.addresses().map(|address| address.ip).collect()
}

#[test]
fn dhcp_gives_an_address_a_route_and_a_name_server_and_takes_them_back() {
    let mut link = link(Addressing::Dhcp);
    let now = link.now;
    let options =
        Options { broadcast: true, ..Options::new("0.0.0.0:67".parse().expect("an address")) };
    let server = link.host(1).bind(now, &options).expect("a port");
    let given = v4(77, 0).ip();
    let mut kinds = Vec::new();
    for _ in 0..200 {
        link.pass(Duration::from_millis(100));
        kinds.extend(serve(&mut link, server));
    }
    assert_eq!(kinds[..2], [1, 3], "a discovery, then a request");
    assert_eq!(addresses(link.host(2)), [given]);
    assert_eq!(link.host(2).name_servers(), [v4(53, 0).ip()]);
    let far = "8.8.8.8".parse().expect("an address");
    assert!(link.host(2).routes().any(|it| it.prefix.contains(far) && it.gateway.is_some()));
    // It can be spoken with.
    let echo = link.bind(2, "0.0.0.0:7".parse().expect("an address"));
    let client = link.bind(1, v4(1, 0));
    link.send(1, client, (given, 7).into(), b"hello");
    link.settle();
    assert_eq!(link.echo(2, echo), 1);
    link.settle();
    assert_eq!(link.received(1, client).len(), 1);
    // The server falls silent: the lease ends.
    link.pass(Duration::from_secs(130));
    assert!(addresses(link.host(2)).is_empty());
    let lost = core::iter::from_fn(|| link.host(2).next_event());
    assert!(lost.into_iter().any(|event| event == Event::AddressLost(given)));
    link.host(1).next_ready();
    link.received(1, server);
    link.assert_nothing_lost();
}

/// A router's advertisement of a prefix, as a frame.
fn advertisement(lifetime: u32) -> Vec<u8> {
    let (source, all): (Ipv6Addr, Ipv6Addr) =
        ("fe80::1".parse().expect("an address"), "ff02::1".parse().expect("an address"));
    let mut message = vec![134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    message.extend([3, 4, 64, 0xc0]);
    message.extend(lifetime.to_be_bytes());
    message.extend(lifetime.to_be_bytes());
    message.extend([0; 4]);
    message.extend("2001:db8:1::".parse::<Ipv6Addr>().expect("an address").octets());
    let sum = Sum::pseudo_v6(source, all, Protocol::ICMPV6, message.len());
    let checksum = sum.and(Sum::of(&message)).checksum();
    message[2..4].copy_from_slice(&checksum.to_be_bytes());
    let mut frame = vec![0x33, 0x33, 0, 0, 0, 1, 2, 0, 0, 0, 0, 1, 0x86, 0xdd];
    frame.extend([0x60, 0, 0, 0, 0, message.len() as u8, 58, 255]);
    frame.extend(source.octets());
    frame.extend(all.octets());
    frame.extend(message);
    frame
}

#[test]
fn a_router_gives_an_address_and_a_way_out() {
    let mut link = link(Addressing::Slaac);
    link.pass(Duration::from_secs(3));
    link.inject(1, &advertisement(7200));
    link.pass(Duration::from_secs(3));
    let given: IpAddr = "2001:db8:1::ff:fe00:2".parse().expect("an address");
    let addresses = addresses(link.host(2));
    assert!(addresses.contains(&given), "{addresses:?}");
    let far = "2001:db8:2::1".parse().expect("an address");
    let gateway = "fe80::1".parse::<IpAddr>().expect("an address");
    let way = |host: &mut Host| {
        host.routes().any(|route| route.prefix.contains(far) && route.gateway == Some(gateway))
    };
    assert!(way(link.host(2)));
    // The router's lifetime is over.
    link.pass(Duration::from_secs(1801));
    assert!(!way(link.host(2)));
    link.assert_nothing_lost();
}
