//! One end of a wire: a driver, the pool behind it, and the patience to wait for frames.

use nic::{Error, Nic};
use packet::{Batch, Offload, Packet, Pool};
use std::collections::HashSet;
use std::time::{Duration, Instant};
use system_tests::frame::is_experimental;
use system_tests::{PATIENCE, Raw};

/// Buffers that are lent, at most.
const LENT: usize = 64;

pub(crate) struct Station {
    pub(crate) nic: Box<dyn Nic>,
    pub(crate) pool: Pool,
    free: Batch,
    received: Batch,
    /// Page addresses of all that was ever reclaimed.
    pub(crate) reclaimed: HashSet<usize>,
}

impl Station {
    pub(crate) fn new(nic: impl Nic + 'static, pool: &Pool) -> Self {
        let mut station = Self {
            nic: Box::new(nic),
            pool: pool.clone(),
            free: Batch::new(),
            received: Batch::new(),
            reclaimed: HashSet::new(),
        };
        // A device that fills buffers on its own has them from the start.
        station.poll().unwrap();
        station
    }

    /// Lends buffers and takes what has arrived.
    pub(crate) fn poll(&mut self) -> Result<usize, Error> {
        let missing = LENT.saturating_sub(self.free.len());
        self.pool.allocate_batch(&mut self.free, missing);
        self.nic.receive(&mut self.free, &mut self.received, 32)
    }

    /// The next frame.
    #[track_caller]
    pub(crate) fn receive(&mut self) -> Packet {
        self.receive_in(PATIENCE).expect("a frame comes")
    }

    /// The next frame, if there is one in that time.
    pub(crate) fn receive_in(&mut self, time: Duration) -> Option<Packet> {
        let deadline = Instant::now() + time;
        loop {
            if let Some(packet) = self.received.pop_front() {
                return Some(packet);
            }
            if self.poll().unwrap() == 0 {
                let left = deadline.checked_duration_since(Instant::now())?;
                self.nic.wait(Some(left)).unwrap();
            }
        }
    }

    /// The next frame that is `wanted`; others are passed over.
    #[track_caller]
    pub(crate) fn receive_that(&mut self, wanted: impl Fn(&Packet) -> bool) -> Packet {
        loop {
            let packet = self.receive();
            if wanted(&packet) {
                return packet;
            }
        }
    }

    /// A frame in pages of the pool.
    pub(crate) fn frame(&mut self, bytes: &[u8]) -> Packet {
        frame(&mut self.pool, bytes)
    }

    /// Sends a frame of those bytes.
    #[track_caller]
    pub(crate) fn send(&mut self, bytes: &[u8], offload: Offload) {
        let mut packet = self.frame(bytes);
        *packet.offload_mut() = offload;
        self.send_packet(packet);
    }

    /// Sends a packet.
    #[track_caller]
    pub(crate) fn send_packet(&mut self, packet: Packet) {
        let mut ready = Batch::from([packet]);
        let deadline = Instant::now() + PATIENCE;
        while self.nic.transmit(&mut ready).unwrap() == 0 {
            assert!(Instant::now() < deadline, "the device has no room");
            self.reclaim();
        }
        self.reclaim();
    }

    /// What of the frames sent arrives next at the peer. A driver goes on with what the kernel
    /// refused for now whenever it is called, so it is called.
    #[track_caller]
    pub(crate) fn sent_to(&mut self, peer: &Raw) -> Vec<u8> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.reclaim();
            let frame = peer.receive_in(Duration::from_millis(20));
            if let Some(frame) = frame.filter(|frame| is_experimental(frame)) {
                return frame;
            }
            assert!(Instant::now() < deadline, "no frame arrives");
        }
    }

    /// Takes back what was sent, notes where it lay, and lets it go home.
    pub(crate) fn reclaim(&mut self) {
        let mut sent = Batch::new();
        self.nic.reclaim(&mut sent).unwrap();
        self.reclaimed.extend(sent.iter().map(Packet::page_address));
        self.pool.recycle_batch(&mut sent);
    }

    /// Polls without ever waiting until the driver says that its device is gone.
    #[track_caller]
    pub(crate) fn poll_until_gone(&mut self) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.poll() {
                Ok(_) => assert!(Instant::now() < deadline, "nobody said that the device is gone"),
                Err(error) => {
                    assert!(error.is_gone(), "{error}");
                    return error.to_string();
                }
            }
        }
    }

    /// As a caller that sleeps between frames hears of it.
    #[track_caller]
    pub(crate) fn wait_until_gone(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < deadline, "nobody said that the device is gone");
            let heard = self.nic.wait(Some(Duration::from_secs(1))).and_then(|_| self.poll());
            if let Err(error) = heard {
                assert!(error.is_gone(), "{error}");
                return;
            }
        }
    }

    /// Lets the driver go; every page must be home then.
    #[track_caller]
    pub(crate) fn finish(self) {
        let Self { nic, pool, free, received, .. } = self;
        drop((nic, free, received));
        assert_eq!(pool.statistics().away, 0, "pages leaked");
    }
}

/// A frame of those bytes, in as few pages as it takes.
pub(crate) fn frame(pool: &mut Pool, bytes: &[u8]) -> Packet {
    let mut first = pool.allocate().unwrap();
    let mut pieces = bytes.chunks(first.tailroom());
    let piece = pieces.next().unwrap_or_default();
    first.push_back(piece.len()).unwrap().copy_from_slice(piece);
    for piece in pieces {
        let mut page = pool.allocate().unwrap();
        page.push_back(piece.len()).unwrap().copy_from_slice(piece);
        first.append(page);
    }
    first
}

/// All bytes of a frame.
pub(crate) fn bytes(packet: &Packet) -> Vec<u8> {
    let mut bytes = vec![0; packet.frame_len()];
    assert_eq!(packet.copy_out(0, &mut bytes), bytes.len());
    bytes
}
