//! Multicast: we join and routers hear of it, what is sent to the group arrives, and we leave.

use crate::meeting::{Driver, LINUX, Meeting, OURS, end, ip};
use std::net::{IpAddr, UdpSocket};
use system_tests::Raw;

on_each_driver!(
    what_linux_sends_to_our_group_arrives,
    linux_hears_what_we_send_to_its_group,
    routers_hear_that_we_join_and_leave,
);

const GROUPS: [&str; 2] = ["239.1.2.3", "ff15::77"];

fn what_linux_sends_to_our_group_arrives(driver: Driver) {
    let meeting = Meeting::new(driver);
    for ((linux, group), any) in LINUX.into_iter().zip(GROUPS).zip(["0.0.0.0", "::"]) {
        let member = meeting.bind(&end(any, 7));
        join(&member, group);
        let other = meeting.bind(&end(any, 8));
        other.set_nonblocking(true).expect("an open socket");
        let sender = sender(&meeting, linux, group);
        for port in [8, 7] {
            sender.send_to(b"to all", end(group, port)).expect("a route to groups");
        }
        let mut buffer = [0; 8];
        let heard = member.recv_from(&mut buffer);
        let (length, from) = heard.unwrap_or_else(|error| panic!("{error}: {}", meeting.drops()));
        assert_eq!((&buffer[..length], from.ip()), (&b"to all"[..], ip(linux)));
        assert!(other.recv_from(&mut buffer).is_err(), "who did not join hears nothing");
    }
}

fn linux_hears_what_we_send_to_its_group(driver: Driver) {
    let meeting = Meeting::new(driver);
    for ((ours, linux), group) in OURS.into_iter().zip(LINUX).zip(GROUPS) {
        // A port each: the first socket may live on for a moment in a child of another test.
        let (any, port) = if linux.contains(':') { ("::", 8) } else { ("0.0.0.0", 7) };
        let there = meeting.bind_linux(&end(any, port));
        match (ip(group), ip(linux)) {
            (IpAddr::V4(group), IpAddr::V4(linux)) => there.join_multicast_v4(&group, &linux),
            (IpAddr::V6(group), _) => there.join_multicast_v6(&group, index(&meeting)),
            _ => unreachable!("of one family"),
        }
        .expect("Linux joins");
        let told = meeting.linux.output(&["ip", "maddress", "show", "dev", meeting.interface]);
        assert!(told.contains(group), "{told}");
        let here = meeting.bind(&end(ours, 0));
        here.send_to(b"to all", end(group, port)).expect("we send it");
        let mut buffer = [0; 8];
        let (length, from) = there.recv_from(&mut buffer).expect("it arrives");
        assert_eq!((&buffer[..length], from.ip()), (&b"to all"[..], ip(ours)));
    }
}

fn routers_hear_that_we_join_and_leave(driver: Driver) {
    let meeting = Meeting::new(driver);
    let interface = meeting.interface;
    let wire = meeting.linux.run(move || Raw::new(interface));
    // Reports of version 3 and 2: their addresses, record types 4 (joined) and 3 (left).
    for (group, any) in GROUPS.into_iter().zip(["0.0.0.0", "::"]) {
        let member = meeting.bind(&end(any, 7));
        join(&member, group);
        wire.receive(|frame| reports(frame, ip(group), 4));
        drop(member);
        wire.receive(|frame| reports(frame, ip(group), 3));
    }
}

fn join(socket: &socket::UdpSocket, group: &str) {
    match ip(group) {
        IpAddr::V4(group) => socket.join_multicast_v4(group),
        IpAddr::V6(group) => socket.join_multicast_v6(group),
    }
    .expect("a group");
}

/// A socket of Linux's that sends to groups by the interface that we are at.
fn sender(meeting: &Meeting, linux: &str, group: &str) -> UdpSocket {
    let table = if group.contains(':') { "-6" } else { "-4" };
    let prefix = if group.contains(':') { "ff15::/16" } else { "224.0.0.0/4" };
    let mut route = vec!["ip", table, "route", "replace"];
    if group.contains(':') {
        route.push("multicast");
    }
    route.extend([prefix, "dev", meeting.interface, "table", "local"]);
    meeting.linux.output(&route);
    meeting.bind_linux(&end(linux, 0))
}

fn index(meeting: &Meeting) -> u32 {
    let told = meeting.linux.output(&["ip", "-o", "link", "show", "dev", meeting.interface]);
    told.split(':').next().and_then(|index| index.trim().parse().ok()).expect("an index")
}

/// Whether a frame reports, in the newest version, that record about that group.
fn reports(frame: &[u8], group: IpAddr, record: u8) -> bool {
    match group {
        // Behind the IP header, which has an option (24 bytes).
        IpAddr::V4(group) => {
            frame[12..14] == [8, 0]
                && frame[14] == 0x46
                && frame[23] == 2
                && frame[30..34] == [224, 0, 0, 22]
                && frame.get(38) == Some(&0x22)
                && frame.get(46) == Some(&record)
                && frame.get(50..54) == Some(&group.octets())
        }
        // Behind the IPv6 header and hop-by-hop options (8 bytes).
        IpAddr::V6(group) => {
            frame[12..14] == [0x86, 0xdd]
                && frame.get(62) == Some(&143)
                && frame.get(70) == Some(&record)
                && frame.get(74..90) == Some(&group.octets())
        }
    }
}
