//! The client's side: asks, and checks every answer.

use super::figures::Figures;
use super::{Options, any_port};
use crate::Failure;
use netstack::{Datagram, Random, StackId};
use packet::Batch;
use socket::Link;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// Frames received together.
const BATCH: usize = 32;
/// A request without an answer after this long is lost.
const PATIENCE: Duration = Duration::from_millis(500);
/// One request in so many stores; the others get.
const STORES: u64 = 10;
/// memcached's header in front of each datagram: request, number, count, reserved.
const FRAME: usize = 8;
/// More than any request or answer has.
const LARGEST: usize = 512;
/// Bytes in a value.
const VALUE: usize = 96;

/// A client on a link.
pub(super) struct Client {
    link: Link,
    stack: StackId,
    server: SocketAddr,
    random: Random,
    /// For each key whether it was stored: from then on it must be found.
    stored: Vec<bool>,
    /// What is on its way, each at the place of its number.
    on_their_way: Vec<Option<Sent>>,
    next: u16,
    /// Whether anything was answered yet. Until then one request is on its way, not a windowful:
    /// a host keeps few packets while it asks for its neighbour's address.
    answered: bool,
    text: Vec<u8>,
}

/// A request without an answer yet.
#[derive(Clone, Copy)]
struct Sent {
    number: u16,
    key: u32,
    kind: Kind,
    when: Instant,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Set,
    /// Of a key that was stored, or perhaps not yet.
    Get {
        must_be_there: bool,
    },
}

impl Client {
    /// A client that will ask `server`.
    pub(super) fn new(
        mut link: Link,
        server: SocketAddr,
        options: &Options,
    ) -> Result<Self, Failure> {
        Ok(Self {
            stack: link.bind(any_port())?,
            link,
            server,
            random: Random::new(u64::from(options.keys)),
            stored: vec![false; options.keys as usize],
            on_their_way: vec![None; usize::from(options.window)],
            next: 0,
            answered: false,
            text: Vec::with_capacity(LARGEST),
        })
    }

    /// Asks until it is over.
    pub(super) fn ask(&mut self, figures: &Figures) -> Result<(), Failure> {
        let (mut received, mut ready) = (Batch::new(), Batch::new());
        while !figures.is_over() {
            let count = self.link.poll(BATCH)?;
            while self.link.next_ready().is_some() {
                self.link.rx_batch(self.stack, &mut received, BATCH);
                for packet in &mut received {
                    if let Ok(datagram) = Datagram::read(packet) {
                        self.take_answer(datagram.payload(), figures);
                    }
                }
                self.link.recycle(&mut received);
            }
            let asked = self.fill_window(&mut ready, figures)?;
            self.link.tx_batch(self.stack, &mut ready);
            self.link.flush()?;
            if count == 0 && asked == 0 {
                self.link.wait(Some(Duration::from_millis(10)))?;
            }
        }
        Ok(())
    }

    /// Asks for as long as the place of the next number is free.
    fn fill_window(&mut self, ready: &mut Batch, figures: &Figures) -> Result<usize, Failure> {
        let now = Instant::now();
        let mut asked = 0;
        let waiting = |place: &Option<Sent>| {
            place.is_some_and(|sent| now.duration_since(sent.when) < PATIENCE)
        };
        if !self.answered && self.on_their_way.iter().any(waiting) {
            return Ok(0);
        }
        let most = if self.answered { BATCH } else { 1 };
        while asked < most {
            let place = usize::from(self.next) % self.on_their_way.len();
            let Some(place) = self.on_their_way.get_mut(place) else { break };
            match place {
                Some(sent) if now.duration_since(sent.when) < PATIENCE => break,
                Some(_) => _ = figures.lost.fetch_add(1, Relaxed),
                None => {}
            }
            let key = self.random.below(self.stored.len() as u64) as u32;
            let must_be_there = self.stored.get(key as usize).is_some_and(|stored| *stored);
            let stores = self.random.below(STORES) == 0;
            let kind = if stores { Kind::Set } else { Kind::Get { must_be_there } };
            let number = self.next;
            *place = Some(Sent { number, key, kind, when: now });
            self.next = self.next.wrapping_add(1);
            write_request(&mut self.text, number, key, stores);
            let (link, text) = (&mut self.link, &self.text);
            link.prepare_batch(self.stack, self.server, text, LARGEST, ready)?;
            let counter = if stores { &figures.sets } else { &figures.gets };
            counter.fetch_add(1, Relaxed);
            asked += 1;
        }
        Ok(asked)
    }

    /// Finds the request that an answer belongs to, and checks it.
    fn take_answer(&mut self, payload: &[u8], figures: &Figures) {
        let Some((&[high, low, ..], answer)) = payload.split_first_chunk::<FRAME>() else {
            figures.wrong.fetch_add(1, Relaxed);
            return;
        };
        let number = u16::from_be_bytes([high, low]);
        let place = usize::from(number) % self.on_their_way.len();
        let Some(place) = self.on_their_way.get_mut(place) else { return };
        // An answer that nobody waits for any more was counted as lost.
        let Some(sent) = place.take_if(|sent| sent.number == number) else { return };
        self.answered = true;
        figures.latencies.note(sent.when.elapsed());
        let verdict = match (sent.kind, answer) {
            (Kind::Set, b"STORED\r\n") => {
                if let Some(stored) = self.stored.get_mut(sent.key as usize) {
                    *stored = true;
                }
                &figures.stored
            }
            (Kind::Get { must_be_there: false }, b"END\r\n") => &figures.missed,
            (Kind::Get { .. }, found) => {
                write_found(&mut self.text, sent.key);
                if found == self.text { &figures.hits } else { &figures.wrong }
            }
            _ => &figures.wrong,
        };
        verdict.fetch_add(1, Relaxed);
    }
}

/// A request: memcached's frame header, then its text.
fn write_request(text: &mut Vec<u8>, number: u16, key: u32, stores: bool) {
    let [high, low] = number.to_be_bytes();
    text.clear();
    text.extend_from_slice(&[high, low, 0, 0, 0, 1, 0, 0]);
    if stores {
        let _ = write!(text, "set key-{key} 0 0 {VALUE}\r\n");
        write_value(text, key);
        text.extend_from_slice(b"\r\n");
    } else {
        let _ = write!(text, "get key-{key}\r\n");
    }
}

/// What the server must answer to a get.
fn write_found(text: &mut Vec<u8>, key: u32) {
    text.clear();
    let _ = write!(text, "VALUE key-{key} 0 {VALUE}\r\n");
    write_value(text, key);
    text.extend_from_slice(b"\r\nEND\r\n");
}

/// The value of a key: bytes that no other key has.
fn write_value(text: &mut Vec<u8>, key: u32) {
    let mut random = Random::new(u64::from(key));
    for _ in 0..VALUE / 8 {
        text.extend_from_slice(&random.next_u64().to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_answers_fit_and_differ_by_key() {
        let (mut one, mut other) = (Vec::new(), Vec::new());
        write_request(&mut one, 0x0102, u32::MAX, true);
        assert!(one.starts_with(&[1, 2, 0, 0, 0, 1, 0, 0, b's']) && one.len() <= LARGEST);
        write_found(&mut one, 1);
        write_found(&mut other, 2);
        assert_eq!(one.len(), other.len());
        assert_ne!(one, other);
    }
}
