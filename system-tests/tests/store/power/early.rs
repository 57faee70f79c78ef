//! A segment that was made safe before its time: so few may be open at once that one which was
//! written to had to be closed, or the store got another segment.
//!
//! When the blocks of a commit are safe already, the flush that is to make its seal safe must come
//! all the same.

use super::bench::Bench;
use super::cut::is_seal;
use super::disk::{Event, Log};
use super::{EXT4, safe};
use std::fs::File;
use std::path::Path;
use store::host::{Access, Device, Segments};
use store::medium::Medium;

const GIB: u64 = 1 << 30;

/// What the disk was told by a commit whose blocks were made safe early.
fn told(before_the_seal: impl Fn(&Segments)) -> Vec<Event> {
    let bench = Bench::new();
    let log = Log::of(bench.make(EXT4));
    let mounted = bench.mount(&log, EXT4);
    let (segments, seal) = lay(&mounted.path);
    let begin = log.length();
    segments.write(0, &[1; 4096]).unwrap();
    before_the_seal(&segments);
    assert_eq!(seal.device(), segments.device());
    let mut block = [2; 4096];
    block[..16].copy_from_slice(b"cofferdam seal\0\0");
    seal.write_through(0, &block).unwrap();
    segments.sync().unwrap();
    // What comes when it is unmounted does not count.
    let end = log.length();
    drop((segments, seal));
    drop(mounted);
    log.events()[begin..end].to_vec()
}

/// Segments of which one at a time may be open: one of 1 GiB, without any blocks, and a short one.
fn lay(folder: &Path) -> (Segments, Device) {
    let (segments, seal) = safe::halves(folder);
    drop(segments);
    let store = folder.join("store");
    for (number, length) in [GIB, 1 << 20].into_iter().enumerate() {
        let name = format!("segment-{number:06}");
        File::create_new(store.join(name)).unwrap().set_len(length).unwrap();
    }
    (Segments::open(&store, Access::Write).unwrap().with_open_at_most(1), seal)
}

fn flushed_after_the_seal(events: &[Event]) -> bool {
    let seal = events
        .iter()
        .position(|event| matches!(event, Event::Write { bytes, .. } if is_seal(bytes)));
    events[seal.unwrap()..].iter().any(|event| matches!(event, Event::Flush))
}

#[test]
fn a_seal_is_flushed_also_if_the_segment_was_closed_before() {
    let events = told(|segments| segments.read(GIB, &mut [0; 4096]).unwrap());
    assert!(flushed_after_the_seal(&events));
}

#[test]
fn a_seal_is_flushed_if_nothing_came_in_between() {
    assert!(flushed_after_the_seal(&told(|_| ())));
}
