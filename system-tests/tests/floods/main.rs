//! Floods of every kind: memory stays where it was, everything is counted, and whoever else has a
//! socket goes on being answered.
//!
//! A stranger floods a host, as fast as it can take frames, with one kind after the other, each
//! frame a little different from the last. Meanwhile an honest client asks the host's echo socket,
//! and has to be answered every time.
//!
//! **Why unsafe is allowed here:** a global allocator that counts cannot be written without.
#![allow(unsafe_code)]

mod victim;

use core::net::{Ipv4Addr, Ipv6Addr};
use netstack::DropReason;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use system_tests::stranger::{FRAGMENT, ICMPV4, ICMPV6, Piece, Stranger, UDP};
use victim::{Victim, mac};

/// Bytes that are allocated and were not freed.
static HELD: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: all calls are handed to the system's allocator as they are.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) };
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Frames of each flood.
const FLOOD: u32 = 100_000;
/// Bytes that may be held more at the height of a flood than before all floods: caches and queues
/// have bounds, and here is what these come to. Pages are not among them: the pool has all its
/// pages before the first flood begins.
const BOUND: usize = 1 << 20;

/// One kind of flood: its name, what it is made of, and under which reasons it is counted.
struct Kind {
    name: &'static str,
    frame: fn(&Stranger, u32) -> Vec<u8>,
    reasons: &'static [DropReason],
}

/// Another source for each frame.
fn somebody(stranger: &Stranger, number: u32) -> Stranger {
    let [_, _, high, low] = number.to_be_bytes();
    let v6 = Ipv6Addr::new(0xfd00, 0, 0, number as u16, 0, 0, 0, number as u16 | 2);
    Stranger {
        v4: ([10, 0, high | 1, low].into(), stranger.v4.1),
        v6: (v6, stranger.v6.1),
        ..*stranger
    }
}

const KINDS: &[Kind] = &[
    Kind {
        name: "fragments that never end",
        frame: |it, number| {
            let piece = Some(Piece { number: number as u16, start: 8, more: true });
            somebody(it, number / 7).packet4(UDP, piece, &[0; 600])
        },
        reasons: &[
            DropReason::FragmentNoRoom,
            DropReason::FragmentOverlap,
            DropReason::FragmentDuplicate,
        ],
    },
    Kind {
        name: "fragments that never end, over IPv6",
        frame: |it, number| {
            let piece = Some(Piece { number: number as u16, start: 8, more: true });
            somebody(it, number / 7).packet6(UDP, piece, &[0; 600])
        },
        reasons: &[
            DropReason::FragmentNoRoom,
            DropReason::FragmentOverlap,
            DropReason::FragmentDuplicate,
        ],
    },
    Kind {
        name: "fragments that overlap",
        frame: |it, number| {
            let piece = Some(Piece {
                number: (number / 4) as u16,
                start: 8 * (number % 4) as u16,
                more: true,
            });
            it.packet4(UDP, piece, &[0; 64])
        },
        reasons: &[DropReason::FragmentOverlap, DropReason::FragmentNoRoom],
    },
    Kind {
        name: "tiny fragments",
        frame: |it, number| {
            let piece = Some(Piece {
                number: (number / 4096) as u16,
                start: 16 * (number % 4096) as u16,
                more: true,
            });
            it.packet4(UDP, piece, &[0; 8])
        },
        reasons: &[DropReason::FragmentNoRoom],
    },
    Kind {
        name: "ARP requests from everybody",
        frame: |it, number| it.arp(1, somebody(it, number).v4.0, it.v4.1),
        reasons: &[],
    },
    Kind {
        name: "ARP answers that nobody asked for",
        frame: |it, number| it.arp(2, somebody(it, number).v4.0, it.v4.1),
        reasons: &[],
    },
    Kind {
        name: "ARP for others",
        frame: |it, number| it.arp(1, it.v4.0, somebody(it, number).v4.0),
        reasons: &[DropReason::ArpNotOurs],
    },
    Kind {
        name: "neighbour solicitations from everybody",
        frame: |it, number| somebody(it, number).solicitation(),
        reasons: &[],
    },
    Kind {
        name: "neighbour advertisements that nobody asked for",
        frame: |it, number| it.advertisement(somebody(it, number).v6.0),
        reasons: &[],
    },
    Kind {
        name: "datagrams for nobody",
        frame: |it, number| somebody(it, number).udp4((9, 1 + (number % 6000) as u16 + 7), b"?"),
        reasons: &[DropReason::UdpNobody],
    },
    Kind {
        name: "datagrams for nobody, over IPv6",
        frame: |it, number| somebody(it, number).udp6((9, 1 + (number % 6000) as u16 + 7), b"?"),
        reasons: &[DropReason::UdpNobody],
    },
    Kind {
        name: "datagrams for a socket that nobody reads",
        frame: |it, number| it.udp4((number as u16 | 1, victim::SILENT), &[7; 1000]),
        reasons: &[DropReason::UdpQueueFull],
    },
    Kind {
        name: "frames for others",
        frame: |it, number| {
            let to = mac(number as u8 | 0x80);
            Stranger { hardware: (it.hardware.0, to), ..*it }.udp4((9, 7), b"?")
        },
        reasons: &[DropReason::EthernetNotOurs],
    },
    Kind {
        name: "packets for others",
        frame: |it, number| {
            let to = Ipv4Addr::new(10, 0, 0, 100 + (number % 100) as u8);
            Stranger { v4: (it.v4.0, to), ..*it }.udp4((9, 7), b"?")
        },
        reasons: &[DropReason::IpNotOurs],
    },
    Kind {
        name: "pings",
        frame: |it, number| somebody(it, number).ping4(number as u16, &[1; 56]),
        reasons: &[],
    },
    Kind {
        name: "pings, over IPv6",
        frame: |it, number| somebody(it, number).ping6(number as u16, &[1; 56]),
        reasons: &[],
    },
    Kind {
        name: "ICMP errors about nothing",
        frame: |it, number| {
            let mut message = vec![3, 3, 0, 0, 0, 0, 0, 0, 0x45, 0, 0, 28];
            message.extend(number.to_be_bytes());
            message.extend([64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 9, 0, 9, 0, 8, 0, 0]);
            let sum = !system_tests::frame::sum(&message);
            message[2..4].copy_from_slice(&sum.to_be_bytes());
            it.packet4(ICMPV4, None, &message)
        },
        reasons: &[DropReason::IcmpUnknown],
    },
    Kind {
        name: "protocols that nobody speaks",
        frame: |it, number| somebody(it, number).packet4(200, None, &[0; 20]),
        reasons: &[DropReason::IpUnknownProtocol],
    },
    Kind {
        name: "broken checksums",
        frame: |it, number| it.packet4(UDP, None, &[0, 9, 0, 7, 0, 9, 1, number as u8 | 1, 0]),
        reasons: &[DropReason::UdpChecksum],
    },
    Kind {
        name: "lengths that cannot be",
        frame: |it, number| it.packet4(UDP, None, &[0, 9, 0, 7, number as u8 | 1, 200, 0, 0]),
        reasons: &[DropReason::UdpMalformed],
    },
    Kind {
        name: "IPv4 headers that cannot be",
        frame: |it, number| it.frame(0x0800, &[number as u8 & 0x0f | 0x10; 40]),
        reasons: &[DropReason::Ipv4Malformed],
    },
    Kind {
        name: "IPv6 headers that cannot be",
        frame: |it, number| it.frame(0x86dd, &[number as u8 & 0x0f; 40]),
        reasons: &[DropReason::Ipv6Malformed],
    },
    Kind {
        name: "extension headers without end",
        frame: |it, number| {
            // Destination options of eight bytes, each followed by the next.
            let options = [60, 0, 1, 4, 0, 0, 0, 0].repeat(1 + number as usize % 150);
            it.packet6(60, None, &options)
        },
        reasons: &[DropReason::Ipv6Malformed],
    },
    Kind {
        name: "fragments of fragments",
        frame: |it, number| {
            let piece = Some(Piece { number: number as u16, start: 0, more: false });
            it.packet6(FRAGMENT, piece, &[UDP, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 0])
        },
        reasons: &[
            DropReason::Ipv6Malformed,
            DropReason::FragmentNoRoom,
            DropReason::FragmentMalformed,
            DropReason::Ipv6Extension,
        ],
    },
    Kind {
        name: "neighbours from beyond a router",
        frame: |it, number| {
            let mut frame = somebody(it, number).solicitation();
            frame[21] = 64;
            frame
        },
        reasons: &[DropReason::NdpInvalid],
    },
    Kind {
        name: "ICMPv6 that cannot be",
        frame: |it, number| it.packet6(ICMPV6, None, &[128, 0, 1, number as u8, 0, 0, 0, 0]),
        reasons: &[DropReason::IcmpChecksum],
    },
    Kind {
        name: "frames too short for anything",
        frame: |it, number| {
            let mut frame = it.frame(0x0800, &[]);
            frame.truncate(number as usize % 14);
            frame
        },
        reasons: &[DropReason::EthernetTruncated],
    },
];

#[test]
fn floods_find_bounded_memory_and_others_are_served() {
    let mut victim = Victim::new();
    // Everything that grows once has grown: the pool, the counters of a first answer.
    victim.serve(200);
    let before = HELD.load(Ordering::Relaxed);
    for kind in KINDS {
        let (mut highest, mut number) = (0, 0);
        let dropped =
            |victim: &Victim| kind.reasons.iter().map(|it| victim.dropped(*it)).sum::<u64>();
        let dropped_before = dropped(&victim);
        while number < FLOOD {
            for _ in 0..100 {
                let frame = (kind.frame)(&victim.stranger, number);
                victim.flood(&frame);
                number += 1;
            }
            assert!(victim.serve(1), "{}: the honest client was not answered", kind.name);
            highest = highest.max(HELD.load(Ordering::Relaxed));
        }
        let grown = highest.saturating_sub(before);
        assert!(grown < BOUND, "{}: {grown} bytes more than before", kind.name);
        if !kind.reasons.is_empty() {
            let counted = dropped(&victim) - dropped_before;
            assert!(counted > u64::from(FLOOD) / 2, "{}: only {counted} counted", kind.name);
        }
        victim.assert_balance(kind.name);
    }
    victim.finish();
}
