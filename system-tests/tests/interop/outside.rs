//! The outside world, as an ordinary user reaches it: the command on a real passt, which gives it an
//! address by DHCP and turns its frames into sockets.
//!
//! ```text
//! command ── passt ── this machine 10.0.0.1 ── 10.0.0.2 router and server
//! ```
//!
//! The command and passt belong to nobody in particular, without rights; passt by itself would make
//! itself so of root.

use crate::commands::cofferdam;
use std::path::Path;
use system_tests::{NEAR, Ordinary, World, eventually, tool};

/// A machine with a default route, and whom it leads to.
fn machine() -> World {
    tool("passt", "passt");
    let world = World::new();
    world.near.output(&["ip", "address", "add", "10.0.0.1/24", "dev", NEAR]);
    world.near.output(&["ip", "route", "add", "default", "via", "10.0.0.2"]);
    // As Debian sets it: everybody may ping, which is what passt makes of an echo request.
    world.near.output(&["sysctl", "-qw", "net.ipv4.ping_group_range=0 2147483647"]);
    world
}

#[test]
fn net_ping_gets_an_address_and_reaches_the_outside() {
    let (machine, user) = (machine(), Ordinary::running(Path::new(cofferdam())));
    // Behind the router, and nowhere else: what answers there is reached through the route that
    // came with the address.
    machine.far.output(&["ip", "address", "add", "192.0.2.1/32", "dev", "lo"]);
    for to in ["10.0.0.2", "192.0.2.1"] {
        let ping = machine.near.start(&[
            user.path(),
            "net",
            "ping",
            to,
            "--nic",
            "passt+trace",
            "--dhcp",
            "--count",
            "2",
            "--interval",
            "0.1",
            "--timeout",
            "5",
            "--log",
            "frame=info",
        ]);
        let told = ping.wait();
        assert!(told.success, "{}{}", told.output, told.errors);
        assert!(told.output.contains(&format!("from {to}")), "{}", told.output);
        assert!(told.output.contains("2 sent, 2 answered"), "{}", told.output);
        // With the address that this machine has, which is what passt leases.
        let asked = format!("10.0.0.1 > {to}: ICMP echo request");
        assert!(told.errors.contains(&asked), "{}", told.errors);
        let leased = "0.0.0.0:68 > 255.255.255.255:67";
        assert!(told.errors.contains(leased), "{}", told.errors);
    }
}

#[test]
fn net_echo_gets_an_address_and_is_reached_from_outside() {
    tool("nc", "netcat-openbsd");
    let (machine, user) = (machine(), Ordinary::running(Path::new(cofferdam())));
    let echo = ["net", "echo", "--nic", "passt:udp=7007:7", "--dhcp"];
    let mut echo = machine.near.start(&[&[user.path()], &echo[..]].concat());
    // Until it has its address, what passt has for it goes nowhere.
    eventually("the other machine is answered", || {
        assert!(echo.runs(), "it ended");
        let mut nc = machine.far.start(&["nc", "-u", "-w", "1", "10.0.0.1", "7007"]);
        nc.feed(b"hello echo\n");
        nc.wait().output == "hello echo\n"
    });
    let told = echo.end();
    assert!(told.starts_with("echo on passt") && told.contains("at no address yet"), "{told}");
    assert!(told.contains("now at 10.0.0.1/24\n"), "{told}");
    assert!(told.contains("1 echoed"), "{told}");
}

/// Without a route passt has nothing to show; the command says so, and that it is passt's.
#[test]
fn a_machine_without_a_route_is_told_what_is_missing() {
    tool("passt", "passt");
    let (world, user) = (World::new(), Ordinary::running(Path::new(cofferdam())));
    let ping = ["net", "ping", "10.0.0.2", "--nic", "passt", "--dhcp", "--count", "1"];
    let told = world.near.start(&[&[user.path()], &ping[..]].concat()).wait();
    assert!(!told.success, "{}", told.output);
    assert!(told.errors.contains("passt needs an interface with a default route"), "{told:?}");
}
