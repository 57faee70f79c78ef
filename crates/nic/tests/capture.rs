//! Capture files as devices, and captures of what passes.

mod frames;

use bundle::capture::{Direction, Format, Link, Reader, Stamp, Writer, pcapng::Interface};
use frames::{contents, frame, number, numbered, receive, reclaim};
use nic::Nic;
use nic::pcap::{End, Options, Pace, Pcap};
use nic::wire::{self, wire};
use nic::wrap::{Tee, VirtualClock, tee};
use packet::{Batch, Pool};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// A directory that is removed at the end of a test.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("cofferdam-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

/// Writes a capture of frames of these sizes, a second apart.
fn capture(path: &Path, link: Link, sizes: &[usize]) {
    let interface = Interface { name: "test", link };
    let mut writer = Writer::new(Vec::new(), Format::of_path(path), &interface).unwrap();
    for (number, size) in sizes.iter().enumerate() {
        let time = Duration::from_secs(1_000_000 + number as u64);
        let stamp = Stamp { time, ..Stamp::default() };
        writer.write(&stamp, [numbered(number as u32, *size).as_slice()]).unwrap();
    }
    fs::write(path, writer.get_mut()).unwrap();
}

/// Times, directions and bytes in a capture.
fn read(path: &Path) -> Vec<(Duration, Direction, Vec<u8>)> {
    let mut reader = Reader::new(File::open(path).unwrap()).unwrap();
    let mut frames = Vec::new();
    while let Some(frame) = reader.next_frame().unwrap() {
        frames.push((frame.time, frame.direction, frame.bytes.to_vec()));
    }
    frames
}

fn options(path: &Path) -> Options {
    Options { path: path.into(), ..Options::default() }
}

#[test]
fn frames_of_a_file_are_received_whole() {
    let directory = Directory::new("receive");
    let mut pool = Pool::plain(256);
    let sizes = [60, 1514, 65_550, 18];
    for name in ["in.pcap", "in.pcapng"] {
        capture(&directory.file(name), Link::ETHERNET, &sizes);
        let mut nic = Pcap::open(options(&directory.file(name))).unwrap();
        let mut received = receive(&mut nic, &mut pool, 64);
        assert_eq!(received.len(), 4);
        for (number, (packet, size)) in received.iter().zip(sizes).enumerate() {
            assert_eq!(contents(packet), numbered(number as u32, size));
        }
        // Quiet at the end, and no busy one.
        assert!(receive(&mut nic, &mut pool, 64).is_empty());
        assert!(!nic.wait(Some(Duration::from_millis(5))).unwrap());
        pool.recycle_batch(&mut received);
    }
    assert_eq!(pool.statistics().away, 0);
}

#[test]
fn the_end_is_what_was_asked_for() {
    let directory = Directory::new("end");
    let path = directory.file("in.pcap");
    capture(&path, Link::ETHERNET, &[60, 60, 60]);
    let mut pool = Pool::plain(64);
    let mut nic = Pcap::open(Options { end: End::Gone, ..options(&path) }).unwrap();
    assert_eq!(receive(&mut nic, &mut pool, 64).len(), 3);
    let (mut free, mut received) = (Batch::new(), Batch::new());
    pool.allocate_batch(&mut free, 1);
    let error = nic.receive(&mut free, &mut received, 1).unwrap_err();
    assert!(error.is_gone() && error.to_string().contains("the capture has ended"), "{error}");
    assert!(nic.wait(None).unwrap_err().is_gone());

    let mut nic = Pcap::open(Options { end: End::Again, ..options(&path) }).unwrap();
    let numbers: Vec<_> = receive(&mut nic, &mut pool, 8).iter().map(number).collect();
    assert_eq!(numbers, [0, 1, 2, 0, 1, 2, 0, 1]);

    // Nothing to begin again with is no reason to search for ever.
    let path = directory.file("empty.pcap");
    capture(&path, Link::ETHERNET, &[]);
    let mut nic = Pcap::open(Options { end: End::Again, ..options(&path) }).unwrap();
    assert!(receive(&mut nic, &mut pool, 8).is_empty());
}

#[test]
fn the_pace_is_that_of_the_time_stamps() {
    let directory = Directory::new("pace");
    let path = directory.file("in.pcapng");
    capture(&path, Link::ETHERNET, &[60, 60, 60]);
    let (mut pool, clock) = (Pool::plain(64), VirtualClock::default());
    let real = Options { pace: Pace::Real, ..options(&path) };
    let mut nic = Pcap::with_clock(real, clock.clone()).unwrap();
    for number_expected in 0..3 {
        let received = receive(&mut nic, &mut pool, 64);
        assert_eq!(received.iter().map(number).collect::<Vec<_>>(), [number_expected]);
        clock.advance(Duration::from_nanos(999_999_999));
        assert!(receive(&mut nic, &mut pool, 64).is_empty());
        clock.advance(Duration::from_nanos(1));
    }
}

#[test]
fn frames_that_are_none_are_counted() {
    let directory = Directory::new("none");
    let path = directory.file("in.pcapng");
    capture(&path, Link::RAW, &[60, 60]);
    let mut pool = Pool::plain(64);
    let mut nic = Pcap::open(options(&path)).unwrap();
    assert!(receive(&mut nic, &mut pool, 64).is_empty());
    assert_eq!(nic.statistics().malformed, 2);
    // A file that was cut gives what is whole.
    capture(&path, Link::ETHERNET, &[60, 60]);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 9]).unwrap();
    let mut nic = Pcap::open(options(&path)).unwrap();
    assert_eq!(receive(&mut nic, &mut pool, 64).len(), 1);
    assert_eq!(nic.statistics().malformed, 1);
    // One that is none is refused.
    fs::write(&path, "#!/bin/sh\n").unwrap();
    let Err(error) = Pcap::open(options(&path)) else { panic!("opened") };
    assert!(error.to_string().contains("neither a pcap nor a pcapng"), "{error}");
}

#[test]
fn a_frame_without_buffers_waits_or_is_counted() {
    let directory = Directory::new("buffers");
    let path = directory.file("in.pcap");
    capture(&path, Link::ETHERNET, &[60, 9000, 60]);
    let mut pool = Pool::plain(64);
    let mut nic = Pcap::open(options(&path)).unwrap();
    let (mut free, mut received) = (Batch::new(), Batch::new());
    pool.allocate_batch(&mut free, 3);
    assert_eq!(nic.receive(&mut free, &mut received, 64).unwrap(), 1, "the large one waits");
    assert_eq!(free.len(), 2);
    assert_eq!(nic.receive(&mut free, &mut received, 64).unwrap(), 1, "and is not waited for");
    assert_eq!((number(&received[1]), nic.statistics().receive_dropped), (2, 1));
}

#[test]
fn sent_frames_are_written_and_come_back() {
    let directory = Directory::new("sent");
    let (path, out) = (directory.file("in.pcap"), directory.file("out.pcapng"));
    capture(&path, Link::ETHERNET, &[60]);
    let (mut pool, clock) = (Pool::plain(64), VirtualClock::default());
    clock.advance(SECOND);
    let written = Options { out: Some(out.clone()), ..options(&path) };
    let mut nic = Pcap::with_clock(written, clock.clone()).unwrap();
    let large = numbered(8, 65_000);
    let mut ready = Batch::from([frame(&mut pool, &numbered(7, 60)), frame(&mut pool, &large)]);
    assert_eq!(nic.transmit(&mut ready).unwrap(), 2);
    reclaim(&mut nic, &mut pool);
    assert_eq!(pool.statistics().away, 0);
    drop(nic);
    let outbound = Direction::Outbound;
    assert_eq!(read(&out), [(SECOND, outbound, numbered(7, 60)), (SECOND, outbound, large)]);
}

#[test]
fn a_tee_has_both_directions_and_only_what_left() {
    let directory = Directory::new("tee");
    let path = directory.file("x.pcapng");
    let (mut pool, clock) = (Pool::plain(256), VirtualClock::default());
    let (near, mut far) = wire(&wire::Options { depth: 2, ..wire::Options::default() });
    let mut near = Tee::with_clock(near, tee::Options::new(&path), clock.clone()).unwrap();
    let sizes = [60, 65_550, 1514];
    let mut ready: Batch =
        sizes.iter().zip(0..).map(|(size, n)| frame(&mut pool, &numbered(n, *size))).collect();
    // The wire takes two; the third is written when it leaves, not when it is offered.
    assert_eq!(near.transmit(&mut ready).unwrap(), 2);
    clock.advance(SECOND);
    assert_eq!(near.transmit(&mut ready).unwrap(), 0);
    assert_eq!(ready.len(), 1);
    let mut received = receive(&mut far, &mut pool, 2);
    far.transmit(&mut received).unwrap();
    assert_eq!(near.transmit(&mut ready).unwrap(), 1);
    clock.advance(SECOND);
    assert_eq!(receive(&mut near, &mut pool, 64).len(), 2);
    // Whoever waits can look at the file.
    near.wait(Some(Duration::ZERO)).unwrap();
    let (out, inn) = (Direction::Outbound, Direction::Inbound);
    let expected = [
        (Duration::ZERO, out, numbered(0, 60)),
        (Duration::ZERO, out, numbered(1, 65_550)),
        (SECOND, out, numbered(2, 1514)),
        (2 * SECOND, inn, numbered(0, 60)),
        (2 * SECOND, inn, numbered(1, 65_550)),
    ];
    assert_eq!(read(&path), expected);
}

#[test]
fn a_tee_keeps_within_its_bound() {
    let directory = Directory::new("rotate");
    let path = directory.file("x.y.pcap");
    let mut pool = Pool::plain(64);
    let (near, mut far) = wire(&wire::Options::default());
    let bound = tee::Options { path: path.clone(), size: Some(5_000), files: 3 };
    let mut near = Tee::new(near, bound).unwrap();
    for number in 0..100 {
        near.transmit(&mut Batch::from([frame(&mut pool, &numbered(number, 1000))])).unwrap();
        receive(&mut far, &mut pool, 1);
        reclaim(&mut near, &mut pool);
    }
    drop(near);
    let mut numbers = Vec::new();
    for name in ["x.y.2.pcap", "x.y.1.pcap", "x.y.pcap"] {
        assert!(fs::metadata(directory.file(name)).unwrap().len() <= 5_000);
        for (_, _, bytes) in read(&directory.file(name)) {
            numbers.push(u32::from_be_bytes(bytes[14..18].try_into().unwrap()));
        }
    }
    assert_eq!(numbers, (88..100).collect::<Vec<_>>());
    assert_eq!(fs::read_dir(&directory.0).unwrap().count(), 3);
}

#[test]
fn a_full_disk_does_not_stop_the_network() {
    let mut pool = Pool::plain(64);
    let (near, mut far) = wire(&wire::Options::default());
    let mut near = Tee::new(near, tee::Options::new("/dev/full")).unwrap();
    for number in 0..200 {
        near.transmit(&mut Batch::from([frame(&mut pool, &numbered(number, 1000))])).unwrap();
        assert_eq!(receive(&mut far, &mut pool, 1).len(), 1);
        reclaim(&mut near, &mut pool);
        near.wait(Some(Duration::ZERO)).unwrap();
    }
}
