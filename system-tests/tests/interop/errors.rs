//! What ICMP errors come to: at a connected socket of either side the call fails.

use crate::meeting::{Driver, LINUX, Meeting, OURS, end, ip};
use std::io::ErrorKind;
use std::time::{Duration, Instant};
use system_tests::PATIENCE;

on_each_driver!(
    our_closed_port_refuses_linux,
    a_closed_port_of_linux_refuses_us,
    who_is_not_there_cannot_be_reached,
    a_router_says_that_there_is_no_way,
);

fn our_closed_port_refuses_linux(driver: Driver) {
    let meeting = Meeting::new(driver);
    for (ours, linux) in OURS.into_iter().zip(LINUX) {
        let socket = meeting.bind_linux(&end(linux, 0));
        socket.connect(end(ours, 9)).expect("a way there");
        socket.send(b"anybody?").expect("nothing is known against it yet");
        let error = socket.recv(&mut [0; 8]).expect_err("nobody listens");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{error}");
    }
}

fn a_closed_port_of_linux_refuses_us(driver: Driver) {
    let meeting = Meeting::new(driver);
    for (ours, linux) in OURS.into_iter().zip(LINUX) {
        let socket = meeting.bind(&end(ours, 0));
        socket.connect(end(linux, 9)).expect("a way there");
        socket.send(b"anybody?").expect("nothing is known against it yet");
        let error = socket.recv(&mut [0; 8]).expect_err("nobody listens");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{error}");
        assert!(error.to_string().contains(&end(linux, 9)), "{error}");
        // It was told once; the socket is as good as before.
        let there = meeting.bind_linux(&end(linux, 9));
        socket.send(b"now?").expect("it goes on");
        let (length, from) = there.recv_from(&mut [0; 8]).expect("it arrives");
        assert_eq!(length, 4);
        there.send_to(b"yes", from).expect("a way back");
        assert_eq!(socket.recv(&mut [0; 8]).expect("it arrives"), 3);
    }
}

fn who_is_not_there_cannot_be_reached(driver: Driver) {
    let meeting = Meeting::new(driver);
    for (ours, nobody) in OURS.into_iter().zip(["10.0.0.77", "fd00::77"]) {
        let socket = meeting.bind(&end(ours, 0));
        socket.connect(end(nobody, 9)).expect("a way there");
        socket.send(b"anybody?").expect("nothing is known against it yet");
        let begin = Instant::now();
        let error = socket.recv(&mut [0; 8]).expect_err("nobody is there");
        assert_eq!(error.kind(), ErrorKind::HostUnreachable, "{error}");
        // Three questions, a second between two.
        assert!(begin.elapsed() < Duration::from_secs(6), "{:?}", begin.elapsed());
        let error = meeting.network.ping(ip(nobody), b"anybody?", PATIENCE).expect_err("nobody");
        assert_eq!(error.kind(), ErrorKind::HostUnreachable, "{error}");
    }
}

/// Linux as our router, that has no route to where we want to go.
fn a_router_says_that_there_is_no_way(driver: Driver) {
    let place = crate::meeting::Place::new(driver);
    for address in crate::meeting::with_prefix(LINUX) {
        place.give_linux(&address);
    }
    place.linux.output(&["sysctl", "-qw", "net.ipv4.ip_forward=1"]);
    place.linux.output(&["sysctl", "-qw", "net.ipv6.conf.all.forwarding=1"]);
    place.linux.output(&["ip", "route", "add", "unreachable", "192.0.2.0/24"]);
    place.linux.output(&["ip", "route", "add", "unreachable", "2001:db8::/32"]);
    let mut config = crate::meeting::config();
    config.gateway4 = LINUX[0].parse().ok();
    config.gateway6 = LINUX[1].parse().ok();
    let meeting = place.open(config);
    for nowhere in ["192.0.2.1", "2001:db8::1"] {
        let any = if nowhere.contains(':') { "[::]:0" } else { "0.0.0.0:0" };
        let socket = meeting.bind(any);
        socket.connect(end(nowhere, 9)).expect("a route to the router");
        socket.send(b"anybody?").expect("nothing is known against it yet");
        let error = socket.recv(&mut [0; 8]).expect_err("there is no way");
        assert_eq!(error.kind(), ErrorKind::HostUnreachable, "{error}");
        let error = meeting.network.ping(ip(nowhere), b"?", PATIENCE).expect_err("no way");
        assert_eq!(error.kind(), ErrorKind::HostUnreachable, "{error}");
    }
}
