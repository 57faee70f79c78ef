//! Packets and fragments to try things on.

use netstack::reassembly::{Outcome, Reason};
use packet::header::Protocol;
use packet::header::ipv4::Ipv4;
use packet::header::ipv6::Ipv6;
use packet::header::ipv6::extension::Fragment;
use packet::{Packet, Pool};
use std::net::{Ipv4Addr, Ipv6Addr};
use zerocopy::IntoBytes;

/// A chain that holds `bytes`, `per_page` to a page, `headroom` in front of each.
pub(crate) fn chain(pool: &mut Pool, bytes: &[u8], per_page: usize, headroom: usize) -> Packet {
    let mut pages: Vec<Packet> = Vec::new();
    for part in bytes.chunks(per_page) {
        let mut page = pool.allocate().unwrap();
        assert!(page.set_range(headroom, part.len()));
        page.bytes_mut().copy_from_slice(part);
        pages.push(page);
    }
    let mut chain = pages.pop().unwrap();
    while let Some(mut page) = pages.pop() {
        page.append(chain);
        chain = page;
    }
    chain
}

pub(crate) fn bytes(packet: &Packet) -> Vec<u8> {
    packet.pages().flat_map(|page| page.bytes().to_vec()).collect()
}

/// Bytes that are different everywhere, nearly.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 31 + at / 251) as u8).collect()
}

/// A whole IPv4 packet from 10.0.0.`host`.
pub(crate) fn v4(host: u8, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 20 + options.len() + payload.len()];
    let (ip, rest) = Ipv4::create(&mut bytes, options.len()).unwrap();
    rest.copy_from_slice(payload);
    ip.option_bytes_mut().copy_from_slice(options);
    ip.set_dont_fragment(false);
    ip.set_protocol(Protocol(200));
    ip.set_source(Ipv4Addr::new(10, 0, 0, host));
    ip.set_destination(Ipv4Addr::new(10, 0, 1, 1));
    ip.update_checksum();
    bytes
}

/// A fragment of an IPv4 packet from 10.0.0.`host`.
pub(crate) fn fragment_v4(
    host: u8,
    identification: u16,
    start: usize,
    more: bool,
    payload: &[u8],
) -> Vec<u8> {
    let mut bytes = v4(host, &[], payload);
    let (ip, _) = Ipv4::read_mut(&mut bytes).unwrap();
    ip.set_identification(identification);
    ip.set_fragment_offset(start);
    ip.set_more_fragments(more);
    ip.update_checksum();
    bytes
}

/// A whole IPv6 packet; `front` is extension headers.
pub(crate) fn v6(first: Protocol, front: &[u8], payload: &[u8]) -> Vec<u8> {
    let source = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    let destination = Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 1);
    let ip = Ipv6::new(source, destination, first, (front.len() + payload.len()) as u16);
    [ip.as_bytes(), front, payload].concat()
}

/// A fragment of an IPv6 packet.
pub(crate) fn fragment_v6(next: Protocol, start: u16, more: bool, payload: &[u8]) -> Vec<u8> {
    let header = Fragment::new(next, start, more, 77);
    v6(Protocol::FRAGMENT, header.as_bytes(), payload)
}

pub(crate) fn whole(outcome: Outcome) -> Packet {
    match outcome {
        Outcome::Whole(packet) => packet,
        other => panic!("not whole: {other:?}"),
    }
}

pub(crate) fn refused(outcome: Outcome) -> (Reason, u32) {
    match outcome {
        Outcome::Refused { reason, pointer, .. } => (reason, pointer),
        other => panic!("not refused: {other:?}"),
    }
}
