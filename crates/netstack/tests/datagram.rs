//! A datagram's length, set to whatever a program may ask for: either it is that long, or nothing
//! has changed.

mod segment;

use core::net::SocketAddr;
use netstack::udp::LONGEST_PAYLOAD;
use netstack::{Config, Datagram, StackId};
use packet::{Batch, Offload, Packet};
use proptest::prelude::*;
use segment::{Node, Segment, config, v4, v6};

/// Datagrams to port 7 over both families, in a VLAN and in none.
fn kinds() -> [(Option<u16>, SocketAddr); 4] {
    [(None, v4(2, 7)), (None, v6(2, 7)), (Some(5), v4(2, 7)), (Some(5), v6(2, 7))]
}

/// A datagram as it is prepared, in as many pages as it takes, and the host it is of.
struct World {
    link: Segment,
    client: StackId,
    packet: Packet,
}

fn prepared((vlan, to): (Option<u16>, SocketAddr), payload: &[u8]) -> World {
    let mut link = Segment::with([Config { vlan, ..config(1) }]);
    let client = link.bind(1, if to.is_ipv4() { v4(1, 5000) } else { v6(1, 5000) });
    let Node { host, free, .. } = &mut link.nodes[0];
    let mut ready = Batch::new();
    let size = payload.len().max(1);
    host.prepare_batch(client, to, payload, size, free, &mut ready).expect("a route");
    let packet = ready.pop_front().expect("a datagram");
    World { link, client, packet }
}

/// Everything about a packet that a datagram's length could change.
fn state(packet: &Packet) -> Vec<(usize, Vec<u8>, Offload)> {
    let page = |page: &Packet| (page.headroom(), page.bytes().to_vec(), *page.offload());
    packet.pages().map(page).collect()
}

/// Sets the length; sees that it is that, everywhere it stands, or that nothing has changed.
fn set(world: &mut World, len: usize) -> bool {
    // As one that came in: nothing is left to be computed.
    *world.packet.offload_mut() = Offload::default();
    let before = state(&world.packet);
    let mut datagram = Datagram::read(&mut world.packet).expect("a datagram");
    let was = datagram.payload_len();
    let fits = datagram.set_payload_len(len);
    assert_eq!(datagram.payload_len(), if fits { len } else { was });
    let again = Datagram::read(&mut world.packet).expect("a datagram still");
    assert_eq!(again.payload_len(), if fits { len } else { was });
    if !fits {
        assert!(state(&world.packet) == before, "{len} bytes were refused, and changed something");
    }
    fits
}

/// Lengths where a sum of two numbers, a cut to 16 bits, or a page ends.
fn edges() -> Vec<usize> {
    let huge = [usize::MAX, usize::MAX / 2, isize::MAX as usize, u32::MAX as usize, 1 << 32];
    let around = [1 << 16, LONGEST_PAYLOAD, 1 << 15, packet::PAGE];
    let near =
        |at: usize| (0..=70).flat_map(move |by| [at.saturating_sub(by), at.saturating_add(by)]);
    huge.into_iter().chain(around).flat_map(near).collect()
}

#[test]
fn lengths_that_fit_into_no_page_change_nothing() {
    for kind in kinds() {
        let mut world = prepared(kind, b"hello");
        let capacity = Datagram::read(&mut world.packet).expect("a datagram").payload_capacity();
        assert!(capacity < packet::PAGE);
        for len in edges().into_iter().filter(|len| *len > capacity) {
            assert!(!set(&mut world, len), "{len} bytes of {capacity}");
        }
        // It is what it was, and goes its way.
        let now = world.link.now;
        let Node { host, free, .. } = &mut world.link.nodes[0];
        assert_eq!(host.tx_batch(now, world.client, &mut Batch::from([world.packet]), free), 1);
    }
}

#[test]
fn the_longest_that_fits_is_the_capacity() {
    for kind in kinds() {
        let mut world = prepared(kind, b"hello");
        let capacity = Datagram::read(&mut world.packet).expect("a datagram").payload_capacity();
        for (len, fits) in [(capacity + 1, false), (capacity, true), (0, true), (capacity, true)] {
            assert_eq!(set(&mut world, len), fits, "{len} bytes of {capacity}");
        }
    }
}

/// One that came in several pages can be made shorter, and no longer.
#[test]
fn a_chain_never_grows() {
    for kind in kinds() {
        for len in [4000, 9000, LONGEST_PAYLOAD] {
            let payload: Vec<u8> = (0..=250_u8).cycle().take(len).collect();
            let mut world = prepared(kind, &payload);
            assert!(world.packet.next().is_some());
            for longer in edges().into_iter().filter(|longer| *longer > len) {
                assert!(!set(&mut world, longer), "{longer} bytes of {len}");
            }
            for shorter in [len, len - 1, 3900, 100] {
                assert!(set(&mut world, shorter), "{shorter} bytes of {len}");
                let datagram = Datagram::read(&mut world.packet).expect("a datagram");
                let mut kept = vec![0; shorter];
                assert_eq!(datagram.copy_payload(&mut kept), shorter);
                assert!(kept == payload[..shorter]);
            }
        }
    }
}

proptest! {
    #[test]
    fn it_is_as_long_as_asked_or_as_it_was(
        kind in prop::sample::select(kinds().to_vec()),
        first in 0..6000_usize,
        lengths in prop::collection::vec(
            prop_oneof![0..5000_usize, any::<usize>(), prop::sample::select(edges())],
            1..20,
        ),
    ) {
        let mut world = prepared(kind, &vec![7; first]);
        for len in lengths {
            let datagram = Datagram::read(&mut world.packet).expect("a datagram");
            let (is, capacity) = (datagram.payload_len(), datagram.payload_capacity());
            let in_one = world.packet.next().is_none();
            prop_assert_eq!(set(&mut world, len), len <= if in_one { capacity } else { is });
        }
    }
}
