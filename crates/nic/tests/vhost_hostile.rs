//! A device that writes anything into the rings, and a virtual machine that says anything: nobody
//! panics, nothing hangs, every page goes home.
//!
//! The device here is a thread that speaks just enough vhost-user to be given the file of the
//! rings, and then writes into that file: what it writes is what the driver's mapping holds.

use nic::Nic;
use nic::memory::Memory;
use nic::vhost::{Device, DeviceOptions, Driver, DriverOptions};
use packet::{Batch, PAGE, Pool};
use proptest::prelude::*;
use rustix::cmsg_space;
use rustix::io::pwrite;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use std::io::{IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Sender, channel};

/// Descriptors in each ring, and where the tables of both lie: a page for descriptors and the
/// available ring, one for the used ring.
const SIZE: u16 = 64;
const RECEIVING_USED: usize = PAGE;
const SENDING_USED: usize = 3 * PAGE;

/// `VERSION_1`, `MRG_RXBUF`, checksums; `IN_ORDER` on top.
const FEATURES: u64 = 1 << 32 | 1 << 15 | 1 << 1 | 1;
const IN_ORDER: u64 = 1 << 35;

fn path() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("cofferdam-hostile-{}-{number}", std::process::id()))
}

/// Attends to the driver until it goes; gives the file of the rings.
fn attend(mut socket: &UnixStream, features: u64, rings: &Sender<OwnedFd>) {
    let number = |bytes: &[u8]| u32::from_ne_bytes(bytes.try_into().unwrap());
    loop {
        let mut message = [0; 12 + 512];
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(8))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        // One message a read: it is sent whole, and the next only after an answer, or so small
        // that reading the header's length first would change nothing.
        let (head, body) = message.split_at_mut(12);
        let flags = RecvFlags::WAITALL;
        let got = recvmsg(socket, &mut [IoSliceMut::new(head)], &mut control, flags);
        if !got.is_ok_and(|got| got.bytes == 12) {
            return;
        }
        let mut files: Vec<OwnedFd> = control
            .drain()
            .filter_map(|message| match message {
                RecvAncillaryMessage::ScmRights(rights) => Some(rights.collect::<Vec<_>>()),
                _ => None,
            })
            .flatten()
            .collect();
        let (request, len) = (number(&head[..4]), number(&head[8..]) as usize);
        std::io::Read::read_exact(&mut socket, &mut body[..len]).unwrap();
        let mut answer = |payload: &[u8]| {
            let header = [request, 5, payload.len() as u32].map(u32::to_ne_bytes).concat();
            let _ = socket.write_all(&[&header, payload].concat());
        };
        match request {
            1 => answer(&features.to_ne_bytes()),
            5 => rings.send(files.remove(1)).unwrap(),
            11 => answer(&body[..8]),
            _ => {}
        }
    }
}

struct World {
    driver: Driver,
    rings: OwnedFd,
    pool: Pool,
}

impl World {
    fn new(features: u64) -> Self {
        let path = path();
        let listener = UnixListener::bind(&path).unwrap();
        let (sender, rings) = channel();
        std::thread::spawn(move || attend(&listener.accept().unwrap().0, features, &sender));
        let pool = Pool::registered(Memory::shared(256, false).unwrap());
        let options = DriverOptions { size: SIZE, ..DriverOptions::new(&path) };
        let driver = Driver::open(&options, &pool).unwrap().pop().unwrap();
        std::fs::remove_file(path).unwrap();
        Self { driver, rings: rings.recv().unwrap(), pool }
    }

    /// Says that a buffer was used: writes a cell of the used ring at `ring`.
    fn used(&self, ring: usize, place: u16, id: u32, len: u32) {
        let cell = [id.to_le_bytes(), len.to_le_bytes()].concat();
        let at = ring + 4 + 8 * usize::from(place % SIZE);
        pwrite(&self.rings, &cell, at as u64).unwrap();
    }

    /// Says how many were used.
    fn index(&self, ring: usize, index: u16) {
        // The flags beside it say that no kick is wanted.
        let cell = [1_u16.to_le_bytes(), index.to_le_bytes()].concat();
        pwrite(&self.rings, &cell, ring as u64).unwrap();
    }

    fn end(self) {
        drop(self.driver);
        assert_eq!(self.pool.statistics().away, 0);
    }
}

#[test]
fn bogus_numbers_and_lengths_are_counted_and_skipped() {
    let mut world = World::new(FEATURES);
    let (mut free, mut received) = (Batch::new(), Batch::new());
    world.pool.allocate_batch(&mut free, 100);
    world.driver.receive(&mut free, &mut received, 32).unwrap();
    assert_eq!(free.len(), 36, "the ring took its fill");
    let claims =
        [(64, 100), (u32::MAX, 100), (5, 11), (6, u32::MAX), (7, 4096), (8, 72), (8, 72), (9, 12)];
    for (place, (id, len)) in (0..).zip(claims) {
        world.used(RECEIVING_USED, place, id, len);
    }
    world.index(RECEIVING_USED, claims.len() as u16);
    assert_eq!(world.driver.receive(&mut free, &mut received, 32).unwrap(), 2);
    assert_eq!(received.iter().map(packet::Packet::len).collect::<Vec<_>>(), [60, 0]);
    assert_eq!(world.driver.statistics().malformed, 6);
    drop((free, received));
    world.end();
}

#[test]
fn an_index_that_cannot_be_ends_the_device() {
    let mut world = World::new(FEATURES | IN_ORDER);
    let (mut free, mut received) = (Batch::new(), Batch::new());
    world.pool.allocate_batch(&mut free, 10);
    world.driver.receive(&mut free, &mut received, 32).unwrap();
    world.index(RECEIVING_USED, 11);
    let error = world.driver.receive(&mut free, &mut received, 32).unwrap_err();
    assert!(error.to_string().contains("more buffers than it was given"), "{error}");
    world.index(SENDING_USED, 1);
    assert!(world.driver.reclaim(&mut received).is_err());
    world.end();
}

#[test]
fn a_device_that_answers_nonsense_is_not_opened() {
    for answer in [&[0_u8; 12][..], &[1, 0, 0, 0, 5, 0, 0, 0, 255, 255, 255, 255], b"HTTP/1.1 400 "]
    {
        let path = path();
        let listener = UnixListener::bind(&path).unwrap();
        let answer = answer.to_vec();
        let other = std::thread::spawn(move || {
            let mut socket = listener.accept().unwrap().0;
            socket.write_all(&answer).unwrap();
            let mut rest = Vec::new();
            let _ = std::io::Read::read_to_end(&mut socket, &mut rest);
        });
        let pool = Pool::registered(Memory::shared(16, false).unwrap());
        assert!(Driver::open(&DriverOptions::new(&path), &pool).is_err());
        other.join().unwrap();
        std::fs::remove_file(path).unwrap();
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// The device writes a cell of a used ring.
    Used {
        sending: bool,
        place: u16,
        id: u32,
        len: u32,
    },
    /// It says how many more it used.
    Index {
        sending: bool,
        more: u16,
    },
    /// It scribbles over the headers of all frames.
    Header([u8; 12]),
    Receive,
    Transmit(usize),
    Reclaim,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let id = prop_oneof![8 => 0..u32::from(SIZE), 1 => any::<u32>()];
    let len = prop_oneof![8 => 0..4000_u32, 1 => any::<u32>()];
    let step = prop_oneof![
        4 => (any::<bool>(), 0..SIZE, id, len)
            .prop_map(|(sending, place, id, len)| Step::Used { sending, place, id, len }),
        3 => (any::<bool>(), 0..6_u16).prop_map(|(sending, more)| Step::Index { sending, more }),
        1 => (0..2_u8, 0..3_u8, 0..4_u8).prop_map(|(flags, gso, count)| {
            Step::Header([flags, gso, 0, 0, 1, 0, 34, 0, 16, 0, count, 0])
        }),
        3 => Just(Step::Receive),
        2 => (0..40_usize).prop_map(Step::Transmit),
        2 => Just(Step::Reclaim),
    ];
    proptest::collection::vec(step, 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// Whatever the device writes, there is never a page too few or too many.
    #[test]
    fn pages_are_kept_whatever_the_device_does(steps in steps(), in_order: bool) {
        let mut world = World::new(if in_order { FEATURES | IN_ORDER } else { FEATURES });
        let (mut free, mut frames, mut sent) = (Batch::new(), Batch::new(), Batch::new());
        let mut indices = [0_u16; 2];
        for step in steps {
            // An error ends the device for its user; going on must be harmless all the same.
            match step {
                Step::Used { sending, place, id, len } => {
                    let ring = if sending { SENDING_USED } else { RECEIVING_USED };
                    world.used(ring, place, id, len);
                }
                Step::Index { sending, more } => {
                    let index = &mut indices[usize::from(sending)];
                    *index = index.wrapping_add(more);
                    world.index(if sending { SENDING_USED } else { RECEIVING_USED }, *index);
                }
                Step::Header(header) => {
                    // Pages at home or lent; the device may write to all of them.
                    let region = world.pool.region().unwrap();
                    let file = region.file().unwrap();
                    let path = format!("/proc/self/fd/{file}");
                    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
                    for page in 0..region.pages() {
                        let start = page * PAGE + 256 + page % 16 * 64;
                        pwrite(&file, &header, start as u64).unwrap();
                    }
                }
                Step::Receive => {
                    let missing = 100 - free.len().min(100);
                    world.pool.allocate_batch(&mut free, missing);
                    let _ = world.driver.receive(&mut free, &mut frames, 32);
                }
                Step::Transmit(count) => {
                    for frame in frames.iter_mut().take(count) {
                        *frame.offload_mut() = packet::Offload::default();
                    }
                    let _ = world.driver.transmit(&mut frames);
                }
                Step::Reclaim => {
                    let _ = world.driver.reclaim(&mut sent);
                }
            }
        }
        let pages: std::collections::HashSet<usize> = free
            .iter()
            .chain(&frames)
            .chain(&sent)
            .flat_map(|frame| frame.pages().map(packet::Packet::number))
            .collect();
        let count: usize =
            [&free, &frames, &sent].iter().flat_map(|b| b.iter()).map(|f| f.pages().count()).sum();
        prop_assert_eq!(pages.len(), count, "no page is there twice");
        drop((free, frames, sent));
        drop(world.driver);
        prop_assert_eq!(world.pool.statistics().away, 0);
    }

    /// Whatever a machine says, the device goes on listening.
    #[test]
    fn a_machine_that_says_anything_is_let_go(
        messages in proptest::collection::vec(
            (0..45_u32, prop_oneof![4 => Just(1_u32), 1 => any::<u32>()],
             proptest::collection::vec(any::<u8>(), 0..80)), 1..20),
    ) {
        let path = path();
        let mut device = Device::listen(&DeviceOptions::new(&path)).unwrap();
        let mut socket = UnixStream::connect(&path).unwrap();
        socket.set_nonblocking(true).unwrap();
        for (request, flags, payload) in messages {
            let header = [request, flags, payload.len() as u32].map(u32::to_ne_bytes).concat();
            let _ = socket.write_all(&[&header, &payload[..]].concat());
        }
        let mut ready = Batch::new();
        Pool::plain(1).allocate_batch(&mut ready, 1);
        let (mut free, mut received) = (Batch::new(), Batch::new());
        for _ in 0..64 {
            device.receive(&mut free, &mut received, 32).unwrap();
            device.transmit(&mut ready).unwrap();
        }
        drop(socket);
        for _ in 0..64 {
            device.receive(&mut free, &mut received, 32).unwrap();
        }
        prop_assert!(!device.is_up());
        prop_assert!(received.is_empty());
    }
}
