//! An address that both sides have: who finds out, who yields.

use crate::meeting::{Driver, Meeting, OURS, Place, config, ip};
use socket::Event;
use std::time::Duration;
use system_tests::{eventually, tool};

on_each_driver!(
    we_find_out_that_linux_has_our_address,
    arping_finds_out_that_we_have_the_address,
    linux_finds_out_that_we_have_its_ipv6_address,
    we_defend_our_ipv4_address,
);

/// Waits for the events that say so of each.
fn told_of_duplicates(meeting: &Meeting, addresses: &[&str]) {
    let mut missing: Vec<_> = addresses.iter().copied().map(ip).collect();
    eventually("we are told of the duplicate", || {
        while let Some(event) = meeting.network.next_event() {
            if let Event::DuplicateAddress { address, .. } = event {
                missing.retain(|other| *other != address);
            }
        }
        missing.is_empty()
    });
}

fn we_find_out_that_linux_has_our_address(driver: Driver) {
    let place = Place::new(driver);
    for address in crate::meeting::with_prefix(OURS) {
        place.give_linux(&address);
    }
    let meeting = place.open(config());
    told_of_duplicates(&meeting, &OURS);
    // IPv6 is given up; IPv4 is kept and defended, since somebody may depend on it.
    let kept: Vec<_> = meeting.network.addresses().iter().map(|it| it.ip).collect();
    assert!(kept.contains(&ip(OURS[0])) && !kept.contains(&ip(OURS[1])), "{kept:?}");
}

fn arping_finds_out_that_we_have_the_address(driver: Driver) {
    tool("arping", "iputils-arping");
    let meeting = Meeting::new(driver);
    let arping = |address| {
        let command =
            ["arping", "-D", "-q", "-c", "2", "-w", "3", "-I", meeting.interface, address];
        meeting.linux.start(&command).wait().success
    };
    assert!(!arping(OURS[0]), "it is taken");
    assert!(arping("10.0.0.77"), "it is free");
}

fn linux_finds_out_that_we_have_its_ipv6_address(driver: Driver) {
    let meeting = Meeting::new(driver);
    let (linux, interface) = (&meeting.linux, meeting.interface);
    // Ours is checked first: while both check, both would yield.
    eventually("our address is checked", || {
        loop {
            match meeting.network.next_event() {
                Some(Event::AddressReady(ready)) if ready == ip(OURS[1]) => return true,
                Some(_) => {}
                None => return false,
            }
        }
    });
    linux.output(&["ip", "address", "add", &format!("{}/64", OURS[1]), "dev", interface]);
    eventually("Linux gives its address up", || {
        linux.output(&["ip", "address", "show", "dev", interface]).contains("dadfailed")
    });
    assert!(meeting.network.addresses().iter().any(|it| it.ip == ip(OURS[1])), "we keep it");
}

/// Somebody announces our address: we say once more that it is ours.
fn we_defend_our_ipv4_address(driver: Driver) {
    tool("arping", "iputils-arping");
    let meeting = Meeting::new(driver);
    std::thread::sleep(Duration::from_millis(500));
    let watch = {
        let interface = meeting.interface;
        meeting.linux.run(move || system_tests::Raw::new(interface))
    };
    meeting.linux.output(&[
        "ip",
        "address",
        "add",
        &format!("{}/32", OURS[0]),
        "dev",
        meeting.interface,
    ]);
    meeting.linux.output(&["arping", "-A", "-q", "-c", "1", "-I", meeting.interface, OURS[0]]);
    told_of_duplicates(&meeting, &OURS[..1]);
    let ours = [10, 0, 0, 1];
    let defence = watch.receive(|frame| {
        // An announcement: ARP, from the address about the address, to everybody.
        frame[..6] == [0xff; 6]
            && frame[12..14] == [8, 6]
            && frame[28..32] == ours
            && frame[38..42] == ours
    });
    assert_eq!(defence[6..12], meeting.network.with_link(|link| link.host_ref().mac()).0);
}
