//! Echo requests in both directions, of every size that IP carries.

use crate::meeting::{Driver, LINUX, Meeting, OURS, ip};
use system_tests::frame::payload;
use system_tests::{PATIENCE, tool};

/// The least, ping's own, what just fits a frame, what just does not, and what takes two, many
/// and very many fragments.
const SIZES: [usize; 8] = [1, 56, 1452, 1472, 1473, 4000, 9000, 60_000];

on_each_driver!(linux_pings_us, we_ping_linux, a_flood_of_pings_is_answered);

fn linux_pings_us(driver: Driver) {
    tool("ping", "iputils-ping");
    let meeting = Meeting::new(driver);
    for ours in OURS {
        for size in SIZES {
            let size = size.to_string();
            let ping = ["ping", "-n", "-q", "-c", "3", "-i", "0.05", "-W", "5", "-s", &size, ours];
            let told = meeting.linux.output(&ping);
            assert!(told.contains("3 received, 0% packet loss"), "{size} bytes to {ours}: {told}");
        }
    }
}

fn we_ping_linux(driver: Driver) {
    let meeting = Meeting::new(driver);
    for linux in LINUX.map(ip) {
        for size in SIZES {
            let sent = payload(size, 7);
            let pong = meeting.network.ping(linux, &sent, PATIENCE).expect("an answer");
            assert_eq!((pong.from, pong.hops), (linux, 64));
            assert!(pong.payload == sent, "{size} bytes came back from {linux} changed");
            assert!(pong.time < PATIENCE);
        }
    }
}

/// Ping's own check: no answer twice, none damaged, none lost.
fn a_flood_of_pings_is_answered(driver: Driver) {
    tool("ping", "iputils-ping");
    let meeting = Meeting::new(driver);
    for ours in OURS {
        let ping = ["ping", "-n", "-q", "-f", "-c", "500", "-W", "5", "-s", "1000", ours];
        let told = meeting.linux.output(&ping);
        assert!(told.contains("500 received, 0% packet loss"), "{told}");
        assert!(!told.contains("duplicates") && !told.contains("errors"), "{told}");
    }
}
