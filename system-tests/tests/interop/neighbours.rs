//! Who has which hardware address: `arping`, caches that are flushed, expire or are probed while
//! traffic goes on, and a neighbour that moves.

use crate::meeting::{Driver, LINUX, Meeting, OURS, end, ip};
use std::time::Duration;
use system_tests::{eventually, tool};

on_each_driver!(
    arping_is_answered,
    linux_forgets_us_while_traffic_goes_on,
    linux_probes_us_and_finds_us_reachable,
    linux_moves_to_another_hardware_address,
    our_entry_expires_while_traffic_goes_on,
);

fn arping_is_answered(driver: Driver) {
    tool("arping", "iputils-arping");
    let meeting = Meeting::new(driver);
    let told = meeting.linux.output(&["arping", "-c", "3", "-I", meeting.interface, OURS[0]]);
    assert!(told.contains("Received 3 response(s)"), "{told}");
    assert!(told.to_lowercase().contains("[02:00:00:00:00:01]") || driver.has_mac(), "{told}");
}

/// Sends something both ways and sees it arrive.
fn speak(here: &socket::UdpSocket, there: &std::net::UdpSocket, number: u32) {
    let (ours, linux) = (here.local_addr().unwrap(), there.local_addr().unwrap());
    let mut buffer = [0; 8];
    there.send_to(&number.to_be_bytes(), ours).expect("Linux sends it");
    let (length, _) = here.recv_from(&mut buffer).expect("it arrives here");
    assert_eq!(buffer[..length], number.to_be_bytes());
    here.send_to(&number.to_be_bytes(), linux).expect("we send it");
    let (length, _) = there.recv_from(&mut buffer).expect("it arrives there");
    assert_eq!(buffer[..length], number.to_be_bytes());
}

fn linux_forgets_us_while_traffic_goes_on(driver: Driver) {
    let meeting = Meeting::new(driver);
    for (ours, linux) in OURS.into_iter().zip(LINUX) {
        let (here, there) = (meeting.bind(&end(ours, 7)), meeting.bind_linux(&end(linux, 7)));
        for number in 0..20 {
            speak(&here, &there, number);
            meeting.linux.output(&["ip", "neigh", "flush", "dev", meeting.interface]);
        }
    }
}

fn linux_probes_us_and_finds_us_reachable(driver: Driver) {
    let meeting = Meeting::new(driver);
    let interface = meeting.interface;
    for (ours, linux) in OURS.into_iter().zip(LINUX) {
        let (here, there) = (meeting.bind(&end(ours, 7)), meeting.bind_linux(&end(linux, 7)));
        speak(&here, &there, 0);
        for state in ["probe", "stale", "delay"] {
            let change = ["ip", "neigh", "change", ours, "dev", interface, "nud", state];
            meeting.linux.output(&change);
            speak(&here, &there, 1);
            // A stale entry is probed five seconds after it was used.
            eventually("Linux finds us reachable again", || {
                let show = ["ip", "neigh", "show", ours, "dev", interface];
                meeting.linux.output(&show).contains("REACHABLE")
            });
            speak(&here, &there, 2);
        }
    }
}

/// A new address is believed, once Linux says so unasked (as it does when told to notify).
fn linux_moves_to_another_hardware_address(driver: Driver) {
    let meeting = Meeting::new(driver);
    for key in ["ipv4.conf.all.arp_notify", "ipv6.conf.all.ndisc_notify"] {
        meeting.linux.output(&["sysctl", "-qw", &format!("net.{key}=1")]);
    }
    for (number, (ours, linux)) in (0..).zip(OURS.into_iter().zip(LINUX)) {
        let (here, there) = (meeting.bind(&end(ours, 7)), meeting.bind_linux(&end(linux, 7)));
        speak(&here, &there, number);
        let mac = format!("02:00:00:00:99:0{number}");
        meeting.linux.output(&["ip", "link", "set", meeting.interface, "address", &mac]);
        let sent = eventually_speaks(&here, &there);
        assert!(sent < 40, "it took {sent} datagrams until they arrived again");
    }
}

/// Sends until something arrives: how often.
fn eventually_speaks(here: &socket::UdpSocket, there: &std::net::UdpSocket) -> usize {
    let linux = there.local_addr().unwrap();
    there.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    for count in 1..100 {
        here.send_to(b"moved?", linux).expect("we send it");
        if there.recv_from(&mut [0; 8]).is_ok() {
            return count;
        }
    }
    panic!("nothing arrives where Linux moved to");
}

/// Our side: an entry is reachable for 15 to 45 seconds. It is asked again by unicast while it is
/// used, and nothing is lost meanwhile.
fn our_entry_expires_while_traffic_goes_on(driver: Driver) {
    let meeting = Meeting::new(driver);
    let pairs = OURS
        .into_iter()
        .zip(LINUX)
        .map(|(ours, linux)| (meeting.bind(&end(ours, 7)), meeting.bind_linux(&end(linux, 7))));
    let pairs: Vec<_> = pairs.collect();
    for number in 0..560 {
        for (here, there) in &pairs {
            speak(here, there, number);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    for linux in LINUX {
        assert!(meeting.network.ping(ip(linux), b"there?", Duration::from_secs(5)).is_ok());
    }
}
