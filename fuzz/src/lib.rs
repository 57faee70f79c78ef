//! What targets share: numbers out of bytes, and bytes into chains.

use packet::{Packet, Pool};

/// Bytes to be read from the front. When they are used up, everything is zero.
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// All of what libFuzzer gave.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let [byte] = self.array();
        byte
    }

    /// The next two bytes, as a number.
    pub fn number(&mut self) -> usize {
        usize::from(u16::from_be_bytes(self.array()))
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let part = self.bytes(N);
        array[..part.len()].copy_from_slice(part);
        array
    }

    /// Up to `len` bytes.
    pub fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (part, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        part
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.0)
    }
}

/// A chain that holds `bytes`, `per_page` (at least 1, at most 3,000) to a page.
pub fn chain(pool: &mut Pool, bytes: &[u8], per_page: usize) -> Packet {
    let mut chain: Option<Packet> = None;
    for part in bytes.chunks(per_page.clamp(1, 3000)).rev() {
        let mut page = pool.allocate().expect("the target's pool is large enough");
        page.push_back(part.len()).expect("it fits").copy_from_slice(part);
        if let Some(behind) = chain {
            page.append(behind);
        }
        chain = Some(page);
    }
    chain.unwrap_or_else(|| pool.allocate().expect("the target's pool is large enough"))
}

/// All bytes of a chain.
pub fn bytes(packet: &Packet) -> Vec<u8> {
    packet.pages().flat_map(|page| page.bytes().iter().copied()).collect()
}

/// The Internet checksum by its definition (RFC 1071).
pub fn checksum(bytes: &[u8]) -> u16 {
    let mut sum = 0_u32;
    for word in bytes.chunks(2) {
        sum += u32::from(word[0]) << 8 | word.get(1).map_or(0, |&low| u32::from(low));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}
