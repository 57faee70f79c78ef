//! What is in the store: keys that are numbers in hexadecimal, values of eight bytes.

use super::{PORT, memory};
use crate::load::{self, Question};
use kv::{Condition, Key, Memory, Options, Server, Store, Stored, Time, WhenFull, Write};
use packet::checksum;
use std::cell::{RefCell, RefMut};
use std::rc::Rc;

/// The time, as far as this bench is concerned.
pub(super) const NOW: Time = Time(1_700_000_000);

/// Bytes in a key.
pub(super) const KEY: usize = 8;

/// The key with that number.
pub(super) fn key(number: u64) -> [u8; KEY] {
    let mut key = [0; KEY];
    for (place, digit) in key.iter_mut().rev().zip(0..) {
        *place = b"0123456789abcdef"[(number >> (4 * digit)) as usize & 0xf];
    }
    key
}

/// How many keys a store of `1 << bits` slots is filled with.
pub(super) fn keys(bits: u32) -> u64 {
    1 << (bits - 2)
}

/// A server with a store of `1 << bits` slots, a quarter of them filled, in huge pages if there
/// are any.
pub(super) fn server(bits: u32) -> Result<Server, String> {
    // A line of 64 bytes for each entry, and as much again for pages that are not full.
    let bytes = keys(bits) as usize * 64 + (4 << 20);
    let options = Options { capacity: 1 << bits, memory: bytes, when_full: WhenFull::Refuse };
    let said = |error: kv::Error| error.to_string();
    let memory = Memory::reserve(&options).map_err(said)?;
    memory::prefer_huge_pages(&memory);
    let mut store = Store::in_memory(&options, memory).map_err(said)?;
    for number in 0..keys(bits) {
        let key = key(number);
        let Some(hashed) = Key::new(&key) else { return Err("a key is too long".into()) };
        let write = Write { condition: Condition::Set, flags: 0, expiry: 0, cas: 0, value: &key };
        let stored = store.write(hashed, &write, NOW);
        if !matches!(stored, Stored::Stored(_)) {
            return Err(format!("key {number} could not be stored: {stored:?}"));
        }
    }
    Server::new(store, NOW).map_err(said)
}

/// A filled server that several contests share: filling the largest takes half a minute. It is
/// gone when they are.
#[derive(Clone)]
pub(super) struct Filled {
    pub(super) bits: u32,
    server: Rc<RefCell<Option<Server>>>,
}

impl Filled {
    /// It will have `1 << bits` slots.
    pub(super) fn of(bits: u32) -> Self {
        Self { bits, server: Rc::default() }
    }

    /// Fills it, unless it is.
    pub(super) fn fill(&self) -> Result<(), String> {
        let mut place = self.server.borrow_mut();
        if place.is_none() {
            *place = Some(server(self.bits)?);
        }
        Ok(())
    }

    /// The server.
    pub(super) fn server(&self) -> Result<RefMut<'_, Server>, String> {
        let place = self.server.try_borrow_mut().map_err(|_| "the server is in use")?;
        RefMut::filter_map(place, Option::as_mut).map_err(|_| "the server is not filled".into())
    }
}

/// A get for a key.
pub(super) fn get(number: u64) -> [u8; 22] {
    let mut request = *b"\0\x07\0\0\0\x01\0\0get ........\r\n";
    request[12..12 + KEY].copy_from_slice(&key(number));
    request
}

/// Whether it is the value of a key: `VALUE`, the key, and the key again.
pub(super) fn is_value(answer: &[u8]) -> bool {
    answer.get(8..14) == Some(b"VALUE ")
        && answer.len() == 43
        && answer[14..14 + KEY] == answer[28..28 + KEY]
}

/// Frames that ask for keys drawn evenly.
pub(super) fn question(bits: u32) -> Question {
    // Where the key lies in a frame, and UDP's checksum.
    const PLACE: usize = 42 + 12;
    const SUM: usize = 40;
    let mut draw = Draw::of(bits);
    let vary = move |frame: &mut [u8]| {
        let Some((headers, rest)) = frame.split_at_mut_checked(PLACE) else { return };
        let (Some(sum), Some(place)) = (headers[SUM..].first_chunk_mut(), rest.first_chunk_mut())
        else {
            return;
        };
        let next = key(draw.number());
        let halves = |key: [u8; KEY]| {
            let number = u64::from_be_bytes(key);
            [(number >> 32) as u32, number as u32]
        };
        let updated = halves(*place)
            .into_iter()
            .zip(halves(next))
            .fold(u16::from_be_bytes(*sum), |sum, (old, new)| checksum::updated(sum, old, new));
        // All ones: zero would say that there is none.
        *sum = if updated == 0 { [0xff; 2] } else { updated.to_be_bytes() };
        *place = next;
    };
    let frame = load::request(PORT, &get(0));
    Question { frame, vary: Box::new(vary), is_answer: is_value }
}

/// Draws the numbers of keys, evenly.
#[derive(Debug)]
pub(super) struct Draw {
    state: u64,
    mask: u64,
}

impl Draw {
    pub(super) fn of(bits: u32) -> Self {
        Self { state: 1, mask: keys(bits) - 1 }
    }

    pub(super) fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        self.state >> 24 & self.mask
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use checksum::Sum;
    use packet::header::Protocol;
    use std::collections::HashSet;

    #[test]
    fn requests_differ_and_their_checksums_are_right() {
        let mut question = question(16);
        let mut asked = HashSet::new();
        for _ in 0..5000 {
            (question.vary)(&mut question.frame);
            let udp = &question.frame[34..];
            let pseudo = Sum::pseudo_v4(load::CLIENT, load::SERVER, Protocol::UDP, udp.len());
            assert!(pseudo.and(Sum::of(udp)).is_right());
            asked.insert(question.frame[42..].to_vec());
        }
        assert!(asked.len() > 4000, "of 16384 keys, drawn evenly");
        assert!(asked.iter().all(|request| request.starts_with(b"\0\x07\0\0\0\x01\0\0get ")));
    }

    #[test]
    fn what_is_stored_is_what_is_taken_for_an_answer() {
        let frame = |text: &str| [b"\0\x07\0\0\0\x01\0\0", text.as_bytes()].concat();
        assert!(is_value(&frame("VALUE 0000002a 0 8\r\n0000002a\r\nEND\r\n")));
        assert!(!is_value(&frame("VALUE 0000002a 0 8\r\n0000002b\r\nEND\r\n")));
        assert!(!is_value(&frame("END\r\n")));
    }
}
