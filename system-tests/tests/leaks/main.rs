//! Ten million packets with every fault on, and every page is back.
//!
//! Two hosts talk over a wire in memory, and each end loses, delays, reorders, duplicates, breaks,
//! cuts and slows what passes. Between them and against them: datagrams whole and in fragments
//! over both versions of IP, pings, neighbours that are forgotten and asked for again, floods. The
//! clock is virtual and every choice is seeded, so each run is the same run.
//!
//! In the end no page is away, and the books balance: every frame that a host sent was lost,
//! doubled or delivered to the other, and every frame that a host was given was delivered,
//! answered, heard, or dropped for one reason.

mod end;
mod noise;

use core::time::Duration;
use end::End;
use netstack::DropReason;
use nic::wire::{self, wire};
use nic::wrap::VirtualClock;
use nic::wrap::faults::{Distribution, Impairment, Options, Share};
use packet::Pool;

/// Frames that hosts are given altogether.
const FRAMES: u64 = 10_000_000;
/// Time that a round takes.
const ROUND: Duration = Duration::from_micros(500);

#[test]
fn ten_million_packets_with_every_fault_and_every_page_is_back() {
    let impairment = Impairment {
        loss: Share::percent(1),
        duplicate: Share::percent(1),
        corrupt: Share::percent(1),
        truncate: Share::percent(1),
        reorder: Share::percent(1),
        delay: Duration::from_micros(200),
        jitter: Duration::from_micros(100),
        distribution: Distribution::Pareto,
        rate: Some(10_000_000_000),
        ..Impairment::default()
    };
    let pool = Pool::plain(16_384);
    let clock = VirtualClock::default();
    let (left, right) = wire(&wire::Options { depth: 1024, ..wire::Options::default() });
    let options = |seed| Options::both(impairment.clone(), seed);
    let mut left = End::new(1, left, &options(1), &clock, &pool);
    let mut right = End::new(2, right, &options(2), &clock, &pool);

    let mut round = 0;
    while left.received() + right.received() < FRAMES {
        left.ask(round);
        left.disturb(round);
        left.work();
        right.work();
        clock.advance(ROUND);
        round += 1;
        assert!(round < FRAMES, "frames stopped arriving");
    }
    // What is on its way arrives, and what waits for something gives up.
    for _ in 0..400 {
        clock.advance(Duration::from_millis(250));
        left.work();
        right.work();
    }

    for (end, other) in [(&left, &right), (&right, &left)] {
        end.assert_balance();
        end.assert_all_arrived_at(other);
    }
    for reason in [
        DropReason::Ipv4Checksum,
        DropReason::UdpChecksum,
        DropReason::IcmpChecksum,
        DropReason::UdpNobody,
        DropReason::ArpMalformed,
        DropReason::EthernetNotOurs,
        DropReason::Ipv4Malformed,
        DropReason::Ipv6Malformed,
        DropReason::FragmentTimeout,
        DropReason::FragmentDuplicate,
        DropReason::FragmentOverlap,
    ] {
        assert!(right.dropped(reason) > 0, "{} never happened", reason.name());
    }
    let asked = left.asked();
    assert!(left.answers() > asked / 2, "{} of {asked} were answered", left.answers());
    assert!(right.replied() > 10_000 && left.joined() > 10_000 && right.joined() > 10_000);

    drop((left, right));
    assert_eq!(pool.statistics().away, 0, "every page is back");
}
