//! The checksum against the definition of RFC 1071, word by word.

use packet::header::Protocol;
use packet::header::udp::Udp;
use packet::{Checksum, Packet, Pool, checksum};
use packet::{checksum::Sum, header::Malformed};
use proptest::prelude::*;
use std::net::{Ipv4Addr, Ipv6Addr};

/// As slow and plain as can be.
fn reference(bytes: &[u8]) -> u16 {
    let mut sum = 0_u32;
    for word in bytes.chunks(2) {
        sum += u32::from(word[0]) << 8 | word.get(1).map_or(0, |&low| u32::from(low));
        if sum > 0xffff {
            sum = (sum & 0xffff) + 1;
        }
    }
    !(sum as u16)
}

/// A chain with a page for each of `lens` bytes out of `bytes`, odd ones included.
fn chain(pool: &mut Pool, bytes: &[u8], lens: &[usize]) -> Packet {
    let mut pages = Vec::new();
    let mut rest = bytes;
    for &len in lens.iter().chain([&usize::MAX]) {
        let (part, behind) = rest.split_at(len.min(rest.len()).min(3000));
        rest = behind;
        let mut page = pool.allocate().unwrap();
        page.push_back(part.len()).unwrap().copy_from_slice(part);
        pages.push(page);
    }
    assert!(rest.is_empty());
    let mut first = pages.remove(0);
    for page in pages {
        first.append(page);
    }
    first
}

proptest! {
    #[test]
    fn equals_the_definition(bytes in prop::collection::vec(any::<u8>(), 0..5000)) {
        prop_assert_eq!(Sum::of(&bytes).checksum(), reference(&bytes));
    }

    #[test]
    fn is_the_same_however_the_bytes_are_cut(
        bytes in prop::collection::vec(any::<u8>(), 0..2000),
        cuts in prop::collection::vec(0_usize..300, 0..8),
    ) {
        let mut sum = Sum::new();
        let mut rest = &bytes[..];
        for cut in cuts {
            let (part, behind) = rest.split_at(cut.min(rest.len()));
            sum.add(part);
            rest = behind;
        }
        sum.add(rest);
        prop_assert_eq!(sum.checksum(), reference(&bytes));
    }

    #[test]
    fn is_the_same_over_a_chain(
        bytes in prop::collection::vec(any::<u8>(), 0..2500),
        lens in prop::collection::vec(0_usize..200, 0..6),
        from in 0_usize..2500,
        len in 0_usize..2500,
    ) {
        let mut pool = Pool::plain(8);
        let packet = chain(&mut pool, &bytes, &lens);
        let mut sum = Sum::new();
        let there = bytes.get(from..).unwrap_or_default();
        let enough = len <= there.len();
        prop_assert_eq!(sum.add_chain(&packet, from, len), enough);
        prop_assert_eq!(sum.checksum(), reference(&there[..len.min(there.len())]));
    }

    #[test]
    fn what_was_updated_equals_what_was_summed_anew(
        bytes in prop::collection::vec(any::<u8>(), 40..60),
        new in any::<[u8; 16]>(),
        at in 1_usize..6,
    ) {
        // A checksum over nothing but zeros has two right values, so let something stand there.
        let mut bytes = bytes;
        bytes[0] |= 1;
        let before = Sum::of(&bytes).checksum();
        let at = at * 4;
        let old: [u8; 16] = bytes[at..at + 16].try_into().unwrap();
        bytes[at..at + 16].copy_from_slice(&new);
        let whole = checksum::updated(before, Ipv6Addr::from(old), Ipv6Addr::from(new));
        prop_assert_eq!(whole, Sum::of(&bytes).checksum());
        let mut steps = before;
        for (old, new) in old.as_chunks::<4>().0.iter().zip(new.as_chunks::<4>().0) {
            steps = match old[0] % 3 {
                0 => checksum::updated(steps, Ipv4Addr::from(*old), Ipv4Addr::from(*new)),
                1 => checksum::updated(steps, u32::from_be_bytes(*old), u32::from_be_bytes(*new)),
                _ => {
                    let half = |at: &[u8; 4], n: usize| u16::from_be_bytes([at[n], at[n + 1]]);
                    let first = checksum::updated(steps, half(old, 0), half(new, 0));
                    checksum::updated(first, half(old, 2), half(new, 2))
                }
            };
        }
        prop_assert_eq!(steps, whole);
    }

    #[test]
    fn what_a_device_is_left_can_be_done_in_software(
        payload in prop::collection::vec(any::<u8>(), 0..900),
        lens in prop::collection::vec(0_usize..120, 0..6),
        addresses in any::<(u128, u128)>(),
    ) {
        let (source, destination) = (Ipv6Addr::from(addresses.0), Ipv6Addr::from(addresses.1));
        let length = Udp::LEN + payload.len();
        let pseudo = Sum::pseudo_v6(source, destination, Protocol::UDP, length);
        let mut udp = Udp::new(1, 2, payload.len());
        udp.set_checksum(pseudo.partial());
        let bytes = [&[0xee; 14], zerocopy::IntoBytes::as_bytes(&udp), &payload].concat();
        let mut pool = Pool::plain(8);
        let mut frame = chain(&mut pool, &bytes, &lens);
        frame.offload_mut().checksum = Checksum::Partial { start: 14, offset: 6 };
        prop_assert_eq!(checksum::verify(&frame, 14, length, pseudo), Ok(()));
        checksum::complete(&mut frame).unwrap();
        prop_assert_eq!(frame.offload().checksum, Checksum::Unknown);
        prop_assert_eq!(checksum::verify(&frame, 14, length, pseudo), Ok(()));
        let mut field = [0; 2];
        frame.copy_out(20, &mut field);
        prop_assert_ne!(field, [0, 0]);
        let mut sent = vec![0; length];
        frame.copy_out(14, &mut sent);
        sent[6..8].fill(0);
        let mut whole = Vec::new();
        whole.extend(source.octets());
        whole.extend(destination.octets());
        whole.extend((length as u32).to_be_bytes());
        whole.extend([0, 0, 0, 17]);
        whole.extend(&sent);
        let expected = match reference(&whole) { 0 => 0xffff, sum => sum };
        prop_assert_eq!(u16::from_be_bytes(field), expected);
    }
}

#[test]
fn zeros_and_ones() {
    assert_eq!(Sum::new().checksum(), 0xffff);
    assert_eq!(Sum::of(&[0; 9]).checksum(), 0xffff);
    assert_eq!(Sum::of(&[0xff; 4096]).checksum(), 0);
    assert_eq!(Sum::of(&[0xff; 4096]).udp_checksum(), 0xffff);
    assert!(!Sum::of(&[0; 20]).is_right());
    // Two words cancel to all ones: the example of RFC 1624, section 3.
    assert_eq!(checksum::updated(0xdd2f_u16, 0x5555_u16, 0x3285), 0x0000);
}

#[test]
fn a_pseudo_header_of_ipv4() {
    let (source, destination) = (Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(198, 51, 100, 2));
    let sum = Sum::pseudo_v4(source, destination, Protocol::TCP, 1234);
    let header = [192, 0, 2, 1, 198, 51, 100, 2, 0, 6, 4, 210];
    assert_eq!(sum.checksum(), reference(&header));
    assert_eq!(sum.partial(), !reference(&header));
}

#[test]
fn broken_frames_are_found() {
    let mut pool = Pool::plain(2);
    let mut frame = pool.allocate().unwrap();
    let right = [1, 2, 3, 4, !4, !6];
    frame.push_back(6).unwrap().copy_from_slice(&right);
    let check = |frame: &Packet, len| checksum::verify(frame, 0, len, Sum::new());
    assert_eq!(check(&frame, 6), Ok(()));
    assert_eq!(check(&frame, 7), Err(Malformed::Truncated));
    frame.bytes_mut()[0] ^= 1;
    assert_eq!(check(&frame, 6), Err(Malformed::Checksum));
    frame.offload_mut().checksum = Checksum::Verified;
    assert_eq!(check(&frame, 6), Ok(()));
    for (start, offset) in [(0, 5), (5, 0), (6, 0), (7, 0), (u16::MAX, u16::MAX)] {
        frame.offload_mut().checksum = Checksum::Partial { start, offset };
        assert_eq!(checksum::complete(&mut frame), Err(Malformed::Truncated));
    }
}
