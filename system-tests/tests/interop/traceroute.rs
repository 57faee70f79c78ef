//! `traceroute` ends at us, straight and through a router.

use crate::meeting::{Driver, Meeting, OURS};
use system_tests::tool;

on_each_driver!(traceroute_ends_at_us);

fn traceroute_ends_at_us(driver: Driver) {
    tool("traceroute", "traceroute");
    let meeting = Meeting::new(driver);
    for (family, ours) in ["-4", "-6"].into_iter().zip(OURS) {
        // Datagrams to ports where nobody listens, then echo requests.
        for method in ["-U", "-I"] {
            let trace = ["traceroute", family, method, "-n", "-q", "3", "-w", "3", ours];
            let told = meeting.linux.output(&trace);
            let hops: Vec<_> = told.lines().skip(1).collect();
            assert_eq!(hops.len(), 1, "we are the first hop and the last: {told}");
            assert!(hops[0].contains(ours), "{told}");
            assert!(!told.contains('*') && !told.contains('!'), "every probe is answered: {told}");
        }
    }
}
