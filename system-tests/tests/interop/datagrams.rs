//! UDP both ways: with `nc`, and with a socket of Linux's for what `nc` cannot send.

use crate::meeting::{Driver, LINUX, Meeting, OURS, end};
use system_tests::frame::payload;
use system_tests::{eventually, tool};

on_each_driver!(
    nc_speaks_to_us,
    we_speak_to_nc,
    datagrams_of_every_size_cross,
    broadcasts_are_heard_both_ways,
    many_datagrams_at_once_come_in_order,
);

fn nc_speaks_to_us(driver: Driver) {
    tool("nc", "netcat-openbsd");
    let meeting = Meeting::new(driver);
    for ours in OURS {
        let socket = meeting.bind(&end(ours, 7));
        let mut nc = meeting.linux.start(&["nc", "-u", "-w", "1", ours, "7"]);
        nc.feed(b"hello from nc\n");
        let mut buffer = [0; 64];
        let (length, from) = socket.recv_from(&mut buffer).expect("what nc sent");
        assert_eq!(&buffer[..length], b"hello from nc\n");
        socket.send_to(b"hello nc\n", from).expect("a way back");
        assert_eq!(nc.wait().output, "hello nc\n");
    }
}

fn we_speak_to_nc(driver: Driver) {
    tool("nc", "netcat-openbsd");
    let meeting = Meeting::new(driver);
    for (ours, linux) in OURS.into_iter().zip(LINUX) {
        let mut nc = meeting.linux.start(&["nc", "-u", "-l", "-n", linux, "7"]);
        eventually("nc listens", || {
            meeting.linux.output(&["ss", "--udp", "--listening", "--numeric"]).contains(":7 ")
        });
        let socket = meeting.bind(&end(ours, 0));
        socket.connect(end(linux, 7)).expect("a way there");
        socket.send(b"hello nc\n").expect("room");
        nc.feed(b"hello back\n");
        let mut buffer = [0; 64];
        let length = socket.recv(&mut buffer).expect("what nc answered");
        assert_eq!(&buffer[..length], b"hello back\n");
        // Ending its input does not end it.
        assert!(nc.runs());
    }
}

fn datagrams_of_every_size_cross(driver: Driver) {
    let meeting = Meeting::new(driver);
    let mut buffer = vec![0; 70_000];
    for (ours, linux) in OURS.into_iter().zip(LINUX) {
        let here = meeting.bind(&end(ours, 7));
        let there = meeting.bind_linux(&end(linux, 7));
        for size in [0, 1, 17, 18, 1000, 1452, 1453, 1472, 1473, 9000, 30_000, 65_507] {
            let sent = payload(size, 3);
            there.send_to(&sent, end(ours, 7)).expect("Linux sends it");
            let (length, from) = here.recv_from(&mut buffer).expect("it arrives");
            assert_eq!(from.to_string(), end(linux, 7));
            assert!(buffer[..length] == sent, "{size} bytes from {linux}");
            here.send_to(&sent, end(linux, 7)).expect("we send it");
            let (length, from) = there
                .recv_from(&mut buffer)
                .unwrap_or_else(|error| panic!("{size} bytes from {ours}: {error}"));
            assert_eq!(from.to_string(), end(ours, 7));
            assert!(buffer[..length] == sent, "{size} bytes from {ours}");
        }
    }
}

fn broadcasts_are_heard_both_ways(driver: Driver) {
    let meeting = Meeting::new(driver);
    let here = meeting.bind("0.0.0.0:7");
    let there = meeting.bind_linux("0.0.0.0:7");
    here.set_broadcast(true).expect("an open socket");
    there.set_broadcast(true).expect("an open socket");
    let mut buffer = [0; 64];
    for everybody in ["255.255.255.255:7", "10.0.0.255:7"] {
        here.send_to(b"from us", everybody).expect("we send it");
        let (length, from) = there.recv_from(&mut buffer).expect("Linux hears it");
        assert_eq!((&buffer[..length], from.to_string()), (&b"from us"[..], end(OURS[0], 7)));
    }
    // Linux sends to all ones only where a route says so.
    there.send_to(b"from Linux", "10.0.0.255:7").expect("Linux sends it");
    let heard = here.recv_from(&mut buffer);
    let (length, from) = heard.unwrap_or_else(|error| panic!("{error}: {}", meeting.drops()));
    assert_eq!((&buffer[..length], from.to_string()), (&b"from Linux"[..], end(LINUX[0], 7)));
}

/// A burst arrives whole and in order: what a cable of the system's holds, ours does.
fn many_datagrams_at_once_come_in_order(driver: Driver) {
    const COUNT: u32 = 200;
    let meeting = Meeting::new(driver);
    for (ours, linux) in OURS.into_iter().zip(LINUX) {
        let here = meeting.bind(&end(ours, 7));
        let there = meeting.bind_linux(&end(linux, 7));
        // Everybody knows everybody: only three may wait for a neighbour.
        there.send_to(b"", end(ours, 7)).expect("Linux sends it");
        here.recv_from(&mut []).expect("it arrives");
        here.send_to(b"", end(linux, 7)).expect("we send it");
        there.recv_from(&mut []).expect("it arrives");
        let mut buffer = [0; 8];
        for number in 0..COUNT {
            here.send_to(&number.to_be_bytes(), end(linux, 7)).expect("room");
        }
        for number in 0..COUNT {
            let (length, _) = there.recv_from(&mut buffer).expect("it arrives");
            assert_eq!(buffer[..length], number.to_be_bytes());
        }
        for number in 0..COUNT {
            there.send_to(&number.to_be_bytes(), end(ours, 7)).expect("room");
        }
        for number in 0..COUNT {
            let (length, _) = here.recv_from(&mut buffer).expect("it arrives");
            assert_eq!(buffer[..length], number.to_be_bytes());
        }
    }
}
