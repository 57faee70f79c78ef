//! Frames for tests, and what they hold.

#![allow(dead_code, reason = "each test file uses some of these")]

use nic::Nic;
use packet::{Batch, HEADROOM, PAGE, Packet, Pool};

/// A chain of as many pages as `bytes` need.
pub(crate) fn frame(pool: &mut Pool, bytes: &[u8]) -> Packet {
    let mut pages = bytes.chunks(PAGE - HEADROOM).rev().map(|part| {
        let mut page = pool.allocate().expect("the pool is large enough");
        page.push_back(part.len()).unwrap().copy_from_slice(part);
        page
    });
    let last = pages.next().expect("a frame has bytes");
    pages.fold(last, |rest, mut page| {
        page.append(rest);
        page
    })
}

/// `len` bytes that begin with an Ethernet header and tell `number`.
pub(crate) fn numbered(number: u32, len: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..len.max(18)).map(|at| (at as u32 * 31 + number) as u8).collect();
    bytes[..14].copy_from_slice(&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5]);
    bytes[14..18].copy_from_slice(&number.to_be_bytes());
    bytes
}

/// The number that a frame tells.
pub(crate) fn number(packet: &Packet) -> u32 {
    u32::from_be_bytes(contents(packet)[14..18].try_into().unwrap())
}

/// All bytes of a chain.
pub(crate) fn contents(packet: &Packet) -> Vec<u8> {
    packet.pages().flat_map(|page| page.bytes().to_vec()).collect()
}

/// Receives what is there now into pages of `pool`, and gives those that are left back.
pub(crate) fn receive(nic: &mut impl Nic, pool: &mut Pool, limit: usize) -> Batch {
    let (mut free, mut received) = (Batch::new(), Batch::new());
    pool.allocate_batch(&mut free, 64);
    nic.receive(&mut free, &mut received, limit).unwrap();
    pool.recycle_batch(&mut free);
    received
}

/// Gives sent packets back to `pool`.
pub(crate) fn reclaim(nic: &mut impl Nic, pool: &mut Pool) {
    let mut sent = Batch::new();
    nic.reclaim(&mut sent).unwrap();
    pool.recycle_batch(&mut sent);
}
