//! What is cut can be put together again; pages are handed on where they can be.

use crate::build::{bytes, chain, pattern, v4, v6, whole};
use netstack::Time;
use netstack::fragment::{self, Error, Uncut, cut};
use netstack::reassembly::{Limits, Outcome, Reassembly};
use packet::header::Protocol;
use packet::header::ipv4::Ipv4;
use packet::header::ipv6::Ipv6;
use packet::{Batch, Checksum, Packet, Pool, Segmentation, SegmentationKind};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn lend(pool: &mut Pool, count: usize) -> Batch {
    let mut free = Batch::new();
    pool.allocate_batch(&mut free, count);
    free
}

proptest! {
    #[test]
    fn there_and_back(
        is_v6 in any::<bool>(),
        len in 1_usize..12_000,
        mtu in 68_usize..3000,
        (per_page, headroom) in (60_usize..3000, 0_usize..600),
        options in prop::sample::select(vec![
            &[][..], &[148, 4, 0, 0][..], &[7, 3, 4, 148, 4, 1, 2, 0][..],
        ]),
        shuffle in any::<u64>(),
    ) {
        // Enough mtu that even small pages suffice.
        let mtu = if is_v6 { mtu.max(120) } else { mtu + 40 };
        let original = if is_v6 {
            v6(Protocol::HOP_BY_HOP, &[200, 0, 1, 4, 0, 0, 0, 0], &pattern(len))
        } else {
            v4(1, options, &pattern(len))
        };
        let mut pool = Pool::plain(1000);
        let packet = chain(&mut pool, &original, per_page, headroom);
        let mut free = lend(&mut pool, 600);
        let mut out = Batch::new();
        let count = match cut(packet, mtu, 0x1234_5678, &mut free, &mut out) {
            Ok(count) => count,
            Err(uncut) => {
                prop_assert!(matches!(uncut.error, Error::NoPages(needed) if needed > 600));
                return Ok(());
            }
        };
        prop_assert_eq!(count, out.len());
        let mut order: Vec<Packet> = out.into_iter().collect();
        let mut state = shuffle | 1;
        for at in (1..order.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            order.swap(at, (state >> 33) as usize % (at + 1));
        }
        let limits = Limits { pages: 1000, pages_per_source: 1000, ..Limits::default() };
        let mut reassembly = Reassembly::new(limits);
        let mut done = None;
        for fragment in order {
            prop_assert!(fragment.frame_len() <= mtu);
            if count > 1 {
                prop_assert!(fragment.headroom() >= 18);
            }
            if !is_v6 {
                let all = bytes(&fragment);
                prop_assert!(Ipv4::read(&all).unwrap().0.has_right_checksum());
            }
            match reassembly.insert(fragment, Time::ZERO, &mut free) {
                Outcome::Kept => prop_assert!(done.is_none()),
                outcome => done = Some(whole(outcome)),
            }
        }
        let done = done.unwrap();
        let mut result = bytes(&done);
        if !is_v6 && count > 1 {
            let (ip, _) = Ipv4::read_mut(&mut result).unwrap();
            prop_assert!(ip.has_right_checksum());
            prop_assert_eq!(ip.identification(), 0x5678);
            ip.set_identification(0);
            ip.update_checksum();
        }
        prop_assert_eq!(result, original);
        drop(done);
        drop(free);
        prop_assert_eq!(pool.statistics().away, 0);
    }
}

#[test]
fn pages_laid_out_for_it_are_cut_without_a_copy() {
    let room = fragment::room(1500, false);
    assert_eq!((room, fragment::room(1500, true)), (1480, 1448));
    let mut pool = Pool::plain(50);
    let payload = pattern(10 * room);
    let mut packet = chain(&mut pool, &payload, room, 100);
    let pages: BTreeSet<_> = packet.pages().map(Packet::page_address).collect();
    let header = v4(1, &[], &payload);
    packet.push_front(20).unwrap().copy_from_slice(&header[..20]);
    let mut free = lend(&mut pool, 10);
    let mut out = Batch::new();
    assert_eq!(cut(packet, 1500, 1, &mut free, &mut out).unwrap(), 10);
    assert_eq!(free.len(), 10);
    assert!(out.iter().all(|fragment| fragment.len() == 1500 && fragment.next().is_none()));
    assert_eq!(out.iter().map(Packet::page_address).collect::<BTreeSet<_>>(), pages);
}

#[test]
fn later_fragments_repeat_only_the_options_that_say_so() {
    let mut pool = Pool::plain(20);
    let router_alert = [148, 4, 0, 0];
    let options = [[1, 7, 3, 4], router_alert].concat();
    let packet = chain(&mut pool, &v4(1, &options, &pattern(3000)), 3100, 100);
    let (mut free, mut out) = (lend(&mut pool, 10), Batch::new());
    assert_eq!(cut(packet, 1500, 1, &mut free, &mut out).unwrap(), 3);
    let read = out.iter().map(|fragment| {
        let (ip, _) = Ipv4::read(fragment.bytes()).unwrap();
        (ip.option_bytes().to_vec(), ip.fragment_offset(), ip.more_fragments())
    });
    let expected = [
        (options, 0, true),
        (router_alert.to_vec(), 1472, true),
        (router_alert.to_vec(), 2944, false),
    ];
    assert!(read.eq(expected));
}

#[test]
fn pages_without_headroom_need_others_for_their_headers() {
    let mut pool = Pool::plain(20);
    let original = v4(1, &[], &pattern(2960));
    // Each fragment begins where a page begins: no cut within a page, three pages without room.
    let [mut packet, second, third] = [&original[..20], &original[20..1500], &original[1500..]]
        .map(|part| chain(&mut pool, part, 3000, 0));
    packet.append(second);
    packet.append(third);
    let mut out = Batch::new();
    let mut free = lend(&mut pool, 4);
    let Uncut { packet, error } = cut(packet, 1500, 1, &mut free, &mut out).unwrap_err();
    assert_eq!(error, Error::NoPages(5));
    free.extend(lend(&mut pool, 1));
    assert_eq!(cut(packet, 1500, 1, &mut free, &mut out).unwrap(), 2);
    assert!(out.iter().all(|fragment| fragment.headroom() >= 18));
    let lens = out.iter().map(|fragment| fragment.pages().map(Packet::len).collect::<Vec<_>>());
    assert!(lens.eq([[20, 1480], [20, 1480]]));
}

#[test]
fn what_fits_goes_as_it_is() {
    let mut pool = Pool::plain(3);
    let mut out = Batch::new();
    for original in [v4(1, &[], &pattern(1480)), v6(Protocol::UDP, &[], &pattern(1460))] {
        let packet = chain(&mut pool, &original, 3000, 0);
        assert_eq!(cut(packet, 1500, 1, &mut Batch::new(), &mut out).unwrap(), 1);
        assert_eq!(bytes(&out.pop_front().unwrap()), original);
    }
}

#[test]
fn what_cannot_be_cut_comes_back_as_it_was() {
    let mut pool = Pool::plain(20);
    let original = v4(1, &[], &pattern(2000));
    let mut out = Batch::new();
    let mut attempt = |edit: &dyn Fn(&mut Packet), mtu, pages| {
        let mut packet = chain(&mut pool, &original, 3000, 100);
        edit(&mut packet);
        let before = bytes(&packet);
        let mut free = lend(&mut pool, pages);
        let uncut = cut(packet, mtu, 1, &mut free, &mut out).unwrap_err();
        assert_eq!((bytes(&uncut.packet), free.len(), out.len()), (before, pages, 0));
        uncut.error
    };
    assert_eq!(attempt(&|_| (), 27, 9), Error::MtuTooSmall(27));
    assert_eq!(attempt(&|_| (), 1500, 0), Error::NoPages(1));
    let forbid = |packet: &mut Packet| {
        Ipv4::read_mut(packet.bytes_mut()).unwrap().0.set_dont_fragment(true);
    };
    assert_eq!(attempt(&forbid, 1500, 9), Error::DontFragment);
    assert!(matches!(attempt(&|packet| packet.truncate(1999), 1500, 9), Error::Malformed(_)));
    assert!(matches!(attempt(&|packet| packet.bytes_mut()[0] = 0, 1500, 9), Error::Malformed(_)));
    let unit = Segmentation { kind: SegmentationKind::Udp, size: 500, headers: 28 };
    let segmented = |packet: &mut Packet| packet.offload_mut().segmentation = Some(unit);
    assert_eq!(attempt(&segmented, 1500, 9), Error::OffloadUnit);
    drop(out);
    assert_eq!(pool.statistics().away, 0);
}

#[test]
fn a_partial_checksum_is_completed_over_the_whole() {
    let mut pool = Pool::plain(20);
    let payload = pattern(3000);
    let mut packet = chain(&mut pool, &v6(Protocol::UDP, &[], &payload), 2000, 100);
    packet.offload_mut().checksum = Checksum::Partial { start: 40, offset: 6 };
    let mut expected = payload.clone();
    let sum = packet::checksum::Sum::of(&payload).udp_checksum();
    expected[6..8].copy_from_slice(&sum.to_be_bytes());
    let (mut free, mut out) = (lend(&mut pool, 10), Batch::new());
    assert_eq!(cut(packet, 1280, 1, &mut free, &mut out).unwrap(), 3);
    let mut reassembly = Reassembly::new(Limits::default());
    let mut done = None;
    for fragment in out {
        assert_eq!(fragment.offload().checksum, Checksum::Unknown);
        if let Outcome::Whole(packet) = reassembly.insert(fragment, Time::ZERO, &mut free) {
            done = Some(bytes(&packet));
        }
    }
    assert_eq!(Ipv6::read(&done.unwrap()).unwrap().1, expected);
}
