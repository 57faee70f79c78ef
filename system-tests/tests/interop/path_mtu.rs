//! Path MTU: a router with a narrow link stands between us and Linux.
//!
//! ```text
//! us 10.0.0.1 ── 10.0.0.2 router 10.1.0.1 ──(narrow)── 10.1.0.2 Linux
//! ```

use crate::meeting::{Driver, LINUX, Meeting, OURS, Place, config, end, ip, with_prefix};
use std::io::ErrorKind;
use std::net::UdpSocket;
use system_tests::frame::payload;
use system_tests::{Namespace, PATIENCE, eventually, tool};

/// Linux behind the router.
pub(crate) const BEHIND: [&str; 2] = ["10.1.0.2", "fd01::2"];
/// What the narrow link carries.
const NARROW: usize = 1300;

on_each_driver!(
    we_learn_what_the_path_carries,
    linux_learns_that_we_are_behind_a_narrow_link,
    traceroute_finds_us_behind_the_router,
);

/// We, the router, and Linux behind it. The link between the last two carries [`NARROW`] bytes if
/// `narrow`; else the one between us and the router does.
pub(crate) struct Path {
    pub(crate) meeting: Meeting,
    behind: Namespace,
}

pub(crate) fn path(driver: Driver, narrow: bool) -> Path {
    let place = Place::with_mtu(driver, if narrow { 1500 } else { NARROW });
    for address in with_prefix(LINUX) {
        place.give_linux(&address);
    }
    let (router, behind) = (&place.linux, Namespace::new());
    let mtu = if narrow { NARROW } else { 1500 }.to_string();
    let pair = ["ip", "link", "add", "in0", "mtu", &mtu, "type", "veth", "peer", "name", "out0"];
    router.output(&pair);
    router.output(&["ip", "link", "set", "out0", "mtu", &mtu, "netns", &behind.thread()]);
    for (namespace, name, [v4, v6]) in [
        (router, "in0", ["10.1.0.1/24", "fd01::1/64"]),
        (&behind, "out0", ["10.1.0.2/24", "fd01::2/64"]),
    ] {
        namespace.output(&["ip", "address", "add", v4, "dev", name]);
        namespace.output(&["ip", "address", "add", v6, "dev", name, "nodad"]);
        namespace.output(&["ip", "link", "set", name, "up"]);
    }
    router.output(&["sysctl", "-qw", "net.ipv4.ip_forward=1"]);
    router.output(&["sysctl", "-qw", "net.ipv6.conf.all.forwarding=1"]);
    behind.output(&["ip", "route", "add", "default", "via", "10.1.0.1"]);
    behind.output(&["ip", "route", "add", "default", "via", "fd01::1"]);
    let mut config = config();
    config.gateway4 = LINUX[0].parse().ok();
    config.gateway6 = LINUX[1].parse().ok();
    let path = Path { meeting: place.open(config), behind };
    eventually("the path is up", || {
        path.behind.output(&["ip", "link", "show", "out0"]).contains("state UP")
    });
    for ip in BEHIND.map(ip) {
        path.meeting.network.ping(ip, b"there?", PATIENCE).expect("a way through");
    }
    path
}

impl Path {
    pub(crate) fn bind_behind(&self, local: &str) -> UdpSocket {
        let local: std::net::SocketAddr = local.parse().expect("an address");
        let socket = self.behind.run(move || UdpSocket::bind(local)).expect("a free port");
        socket.set_read_timeout(Some(PATIENCE)).expect("more than nothing");
        socket
    }
}

/// What is too large for the path is lost once, with an error that says what fits; from then on
/// it is cut to fit.
fn we_learn_what_the_path_carries(driver: Driver) {
    let path = path(driver, true);
    let mut buffer = vec![0; 70_000];
    for (ours, behind) in OURS.into_iter().zip(BEHIND) {
        let there = path.bind_behind(&end(behind, 7));
        let here = path.meeting.bind(&end(ours, 0));
        here.connect(end(behind, 7)).expect("a way there");
        let large = payload(1400, 1);
        here.send(&large).expect("the link carries it");
        let error = here.recv(&mut buffer).expect_err("the path does not");
        assert!(error.to_string().contains("1300 bytes"), "{error}");
        assert!(error.to_string().contains(&end(behind, 7)), "{error}");
        for size in [1400, 1272, 9000, 40_000] {
            let sent = payload(size, 2);
            here.send(&sent).expect("it is cut to fit");
            let (length, from) = there.recv_from(&mut buffer).expect("it arrives");
            assert!(buffer[..length] == sent, "{size} bytes to {behind}");
            there.send_to(&sent, from).expect("a way back");
            let length = here.recv(&mut buffer).expect("it arrives");
            assert!(buffer[..length] == sent, "{size} bytes from {behind}");
        }
        let headers = if ip(behind).is_ipv4() { 28 } else { 48 };
        let fits = path.meeting.network.with_link(|link| {
            let now = link.now();
            link.host_ref().payload_mtu(now, ip(behind))
        });
        assert_eq!(fits, NARROW - headers);
        let pong = path.meeting.network.ping(ip(behind), &payload(5000, 1), PATIENCE);
        assert_eq!(pong.expect("in fragments").payload.len(), 5000);
    }
}

/// The other way round: the router tells Linux what our link carries, and Linux sends less.
fn linux_learns_that_we_are_behind_a_narrow_link(driver: Driver) {
    tool("ping", "iputils-ping");
    let path = path(driver, false);
    let mut buffer = vec![0; 70_000];
    for (ours, behind) in OURS.into_iter().zip(BEHIND) {
        let ping = ["ping", "-n", "-c", "1", "-W", "5", "-M", "do", "-s", "1400", ours];
        let told = path.behind.start(&ping).wait();
        let said = format!("{}{}", told.output, told.errors);
        assert!(!told.success && said.contains("mtu") && said.contains("1300"), "{said}");
        let (here, there) = (path.meeting.bind(&end(ours, 7)), path.bind_behind(&end(behind, 0)));
        there.connect(end(ours, 7)).expect("a way there");
        for size in [1400, 9000, 60_000] {
            let sent = payload(size, 4);
            // Linux does not cut what it may not; it knows by now, and says so at once, or cuts.
            match there.send(&sent) {
                Ok(_) => {}
                Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}"),
            }
            let (length, from) = here.recv_from(&mut buffer).expect("it arrives");
            assert!(buffer[..length] == sent, "{size} bytes from {behind}");
            here.send_to(&sent, from).expect("our own link is narrow: in fragments");
            let length = there.recv(&mut buffer).expect("it arrives");
            assert!(buffer[..length] == sent, "{size} bytes to {behind}");
        }
    }
}

fn traceroute_finds_us_behind_the_router(driver: Driver) {
    tool("traceroute", "traceroute");
    let path = path(driver, true);
    for (router, ours) in [("10.1.0.1", OURS[0]), ("fd01::1", OURS[1])] {
        let family = if ip(ours).is_ipv4() { "-4" } else { "-6" };
        let told = path.behind.output(&["traceroute", family, "-n", "-w", "3", ours]);
        let hops: Vec<_> = told.lines().skip(1).collect();
        assert_eq!(hops.len(), 2, "{told}");
        assert!(hops[0].contains(router) && hops[1].contains(ours), "{told}");
        assert!(!told.contains('!'), "{told}");
    }
}
