//! Fragments of several senders, in any order, with overlaps and duplicates, as time passes: what
//! is put together equals what a slow reference puts together, bounds hold, all pages come home.
//!
//! Each step is ten bytes. With the first byte of all even, limits are so wide that the reference
//! can do without any; else they are narrow, and only what holds then is looked at.
#![no_main]

use cofferdam_fuzz::{Input, bytes, chain};
use core::net::{Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use netstack::Time;
use netstack::reassembly::{Limits, Outcome, Reason, Reassembly};
use packet::header::Protocol;
use packet::header::ipv4::Ipv4;
use packet::header::ipv6::Ipv6;
use packet::header::ipv6::extension::Fragment;
use packet::{Batch, Pool};
use std::collections::HashMap;
use zerocopy::IntoBytes;

const TIMEOUT: Duration = Duration::from_secs(30);
const NOBODY_KNOWS: Protocol = Protocol(200);

struct Step {
    is_v6: bool,
    host: u8,
    identification: u8,
    start: usize,
    more: bool,
    content: Vec<u8>,
    per_page: usize,
}

impl Step {
    fn read(input: &mut Input<'_>) -> Self {
        let who = input.byte();
        let start = input.number() % 8192 * 8;
        let how = input.byte();
        let (len, salt, per_page) = (input.number() % 1600, input.byte(), input.number());
        Self {
            is_v6: who & 1 == 1,
            host: who >> 1 & 3,
            identification: who >> 3 & 3,
            start,
            more: how & 1 == 1,
            content: (0..len).map(|at| (start + at) as u8 ^ salt).collect(),
            per_page: 60 + per_page % 2000,
        }
    }

    fn packet(&self) -> Vec<u8> {
        if self.is_v6 {
            let header = Fragment::new(
                NOBODY_KNOWS,
                self.start as u16,
                self.more,
                self.identification.into(),
            );
            let source = Ipv6Addr::new(0x2001, 0xdb8, 0, self.host.into(), 0, 0, 0, 1);
            let payload = (Fragment::LEN + self.content.len()) as u16;
            let ip = Ipv6::new(source, Ipv6Addr::LOCALHOST, Protocol::FRAGMENT, payload);
            [ip.as_bytes(), header.as_bytes(), &self.content].concat()
        } else {
            let mut packet = vec![0; 20 + self.content.len()];
            let (ip, payload) = Ipv4::create(&mut packet, 0).unwrap();
            payload.copy_from_slice(&self.content);
            ip.set_source(Ipv4Addr::new(10, 0, 0, self.host));
            ip.set_protocol(NOBODY_KNOWS);
            ip.set_identification(self.identification.into());
            ip.set_dont_fragment(false);
            ip.set_fragment_offset(self.start);
            ip.set_more_fragments(self.more);
            ip.update_checksum();
            packet
        }
    }

    /// The whole packet with this content and this fragment's addresses.
    fn whole(&self, content: Vec<u8>) -> Vec<u8> {
        let whole = Self { start: 0, more: false, content, ..*self };
        let mut packet = whole.packet();
        if self.is_v6 {
            packet.drain(40..48);
            packet[6] = NOBODY_KNOWS.0;
            let len = (packet.len() - 40) as u16;
            packet[4..6].copy_from_slice(&len.to_be_bytes());
        }
        packet
    }
}

/// Nothing but what RFC 791, 5722 and 8200 say, one byte at a time.
#[derive(Default)]
struct Reference {
    pieces: Vec<(usize, Vec<u8>, bool)>,
    deadline: Time,
    abandoned: bool,
}

enum Expected {
    Kept,
    Whole(Vec<u8>),
    Refused(Reason),
}

impl Reference {
    fn add(&mut self, step: &Step) -> Expected {
        let (start, end) = (step.start, step.start + step.content.len());
        if self.abandoned {
            return Expected::Refused(Reason::Late);
        }
        let same = |(at, content, more): &(usize, Vec<u8>, bool)| {
            (*at, at + content.len(), *more) == (start, end, step.more)
        };
        if self.pieces.iter().any(same) {
            return Expected::Refused(Reason::Duplicate);
        }
        let overlaps = |(at, content, _): &(usize, Vec<u8>, bool)| {
            (*at..at + content.len()).any(|byte| (start..end).contains(&byte))
        };
        let last = self.pieces.iter().find(|piece| !piece.2).map(|(at, c, _)| at + c.len());
        let farthest = self.pieces.iter().map(|(at, c, _)| at + c.len()).max().unwrap_or(0);
        let disagrees = match (last, step.more) {
            (Some(_), false) => true,
            (Some(last), true) => end > last,
            (None, false) => farthest > end,
            (None, true) => false,
        };
        if disagrees || self.pieces.iter().any(overlaps) {
            self.pieces.clear();
            self.abandoned = true;
            return Expected::Refused(Reason::Overlap);
        }
        self.pieces.push((start, step.content.clone(), step.more));
        self.pieces.sort();
        let mut whole = Vec::new();
        for (at, content, more) in &self.pieces {
            if *at != whole.len() {
                return Expected::Kept;
            }
            whole.extend_from_slice(content);
            if !more {
                return Expected::Whole(whole);
            }
        }
        Expected::Kept
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let wide = input.byte() & 1 == 0;
    let (pages, pages_per_source) = if wide { (100_000, 100_000) } else { (24, 8) };
    let mut reassembly = Reassembly::new(Limits { pages, pages_per_source, timeout: TIMEOUT });
    let mut references: HashMap<(bool, u8, u8), Reference> = HashMap::new();
    let mut pool = Pool::plain(20_000);
    let (mut free, mut firsts) = (Batch::new(), Batch::new());
    let mut now = Time::ZERO;
    let mut steps = 0;
    while !input.is_empty() && steps < 400 {
        steps += 1;
        now = now + Duration::from_secs(u64::from(input.byte() % 16 / 12 * 7));
        let step = Step::read(&mut input);
        if step.start % 64 == 8 {
            reassembly.expire(now, &mut free, &mut firsts);
            assert!(reassembly.deadline().is_none_or(|deadline| deadline > now));
        }
        let packet = chain(&mut pool, &step.packet(), step.per_page);
        let outcome = reassembly.insert(packet, now, &mut free);
        assert!(reassembly.pages() <= pages);

        let (len, end) = (step.content.len(), step.start + step.content.len());
        let room = if step.is_v6 { 65_535 } else { 65_515 };
        let key = (step.is_v6, step.host, step.identification);
        let expected = if step.start == 0 && !step.more {
            Expected::Whole(step.content.clone())
        } else if len == 0 {
            Expected::Refused(Reason::Malformed)
        } else if step.more && len % 8 != 0 {
            Expected::Refused(Reason::Misaligned)
        } else if end > room {
            Expected::Refused(Reason::Oversized)
        } else {
            if references.get(&key).is_some_and(|reference| reference.deadline <= now) {
                references.remove(&key);
            }
            let fresh = Reference { deadline: now + TIMEOUT, ..Reference::default() };
            references.entry(key).or_insert(fresh).add(&step)
        };
        if let (Expected::Whole(_), false) = (&expected, step.start == 0 && !step.more) {
            references.remove(&key);
        }
        match (outcome, expected) {
            (Outcome::Whole(packet), Expected::Whole(content)) => {
                assert_eq!(bytes(&packet), step.whole(content));
            }
            (Outcome::Kept, Expected::Kept) => {}
            (Outcome::Refused { reason, packet, .. }, Expected::Refused(expected)) if wide => {
                assert_eq!(reason, expected);
                assert_eq!(bytes(&packet), step.packet());
            }
            (outcome, _) => assert!(!wide, "{outcome:?} is not what the reference says"),
        }
        pool.recycle_batch(&mut free);
    }
    reassembly.expire(Time::NEVER, &mut free, &mut firsts);
    drop((free, firsts));
    assert_eq!((reassembly.pages(), pool.statistics().away), (0, 0));
});
