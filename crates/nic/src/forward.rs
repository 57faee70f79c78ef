//! Forwarding: what arrives on one device leaves through another, with new addresses.
//!
//! The loop of `cofferdam net l2fwd`, and what `bench l2fwd` measures. It knows Ethernet and
//! nothing above it, never sleeps, and owns a packet only for the length of one turn.

use crate::{Error, Nic};
use packet::header::ethernet::{Ethernet, Mac};
use packet::{Batch, Packet, Pool};

/// Frames that are moved in one turn at most.
pub const BATCH: usize = 32;

/// One direction between two devices.
pub struct Path {
    /// Written into every frame as its sender.
    source: Mac,
    /// Written into every frame as its receiver.
    destination: Mac,
    free: Batch,
    frames: Batch,
    sent: Batch,
    counts: Counts,
}

/// What a [`Path`] did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Frames that arrived.
    pub received: u64,
    /// Frames that the other device took.
    pub forwarded: u64,
    /// Frames that the other device had no room for.
    pub dropped: u64,
    /// Frames without so much as an Ethernet header.
    pub malformed: u64,
}

impl Path {
    /// A path whose frames leave as `source`'s, for `destination`.
    pub fn new(source: Mac, destination: Mac) -> Self {
        let batch = || Batch::with_capacity(2 * BATCH);
        Self {
            source,
            destination,
            free: batch(),
            frames: batch(),
            sent: batch(),
            counts: Counts::default(),
        }
    }

    /// Takes what has arrived at `from`, at most [`BATCH`] frames, and sends it through `to`.
    /// Buffers come from `pool` and return to it. A full device loses frames, as a full wire
    /// does: nothing waits here. Says how many frames arrived.
    #[inline]
    pub fn turn<From: Nic + ?Sized, To: Nic + ?Sized>(
        &mut self,
        from: &mut From,
        to: &mut To,
        pool: &mut Pool,
    ) -> Result<usize, Error> {
        let missing = BATCH.saturating_sub(self.free.len());
        pool.allocate_batch(&mut self.free, missing);
        let count = from.receive(&mut self.free, &mut self.frames, BATCH)?;
        if count > 0 {
            self.counts.received += count as u64;
            self.readdress();
            let sent = to.transmit(&mut self.frames);
            self.counts.forwarded += *sent.as_ref().unwrap_or(&0) as u64;
            if !self.frames.is_empty() {
                self.counts.dropped += self.frames.len() as u64;
                pool.recycle_batch(&mut self.frames);
            }
            sent?;
        }
        to.reclaim(&mut self.sent)?;
        pool.recycle_batch(&mut self.sent);
        Ok(count)
    }

    #[inline]
    fn readdress(&mut self) {
        let mut short = 0;
        for frame in &mut self.frames {
            match Ethernet::read_mut(frame.bytes_mut()) {
                Ok((header, _)) => {
                    header.destination = self.destination;
                    header.source = self.source;
                }
                Err(_) => short += 1,
            }
        }
        if short > 0 {
            self.drop_short(short);
        }
    }

    #[cold]
    fn drop_short(&mut self, short: u64) {
        self.counts.malformed += short;
        self.frames.retain(|frame: &Packet| frame.len() >= Ethernet::LEN);
    }

    /// What happened so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Gives the buffers that the path keeps for its next turn back to the pool.
    pub fn release(&mut self, pool: &mut Pool) {
        pool.recycle_batch(&mut self.free);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::null::{Null, Options};
    use crate::wire;

    const HERE: Mac = Mac([2, 0, 0, 0, 0, 0xaa]);
    const THERE: Mac = Mac([2, 0, 0, 0, 0, 0xbb]);

    #[test]
    fn a_frame_leaves_with_new_addresses_in_the_page_it_came_in() {
        let mut pool = Pool::plain(64);
        let (mut sender, mut left) = wire::wire(&wire::Options::default());
        let (mut right, mut receiver) = wire::wire(&wire::Options::default());
        let mut frame = pool.allocate().unwrap();
        frame.push_back(60).unwrap().fill(0x55);
        let page = frame.page_address();
        let mut batch = Batch::from([frame]);
        sender.transmit(&mut batch).unwrap();
        let mut path = Path::new(HERE, THERE);
        assert_eq!(path.turn(&mut left, &mut right, &mut pool).unwrap(), 1);
        let mut free = Batch::new();
        pool.allocate_batch(&mut free, 4);
        receiver.receive(&mut free, &mut batch, 4).unwrap();
        let arrived = &batch[0];
        assert_eq!(arrived.page_address(), page);
        assert_eq!(arrived.bytes()[..6], THERE.0);
        assert_eq!(arrived.bytes()[6..12], HERE.0);
        assert_eq!(arrived.bytes()[12..], [0x55; 48]);
    }

    #[test]
    fn a_frame_without_a_header_is_counted_and_goes_home() {
        let mut pool = Pool::plain(256);
        let mut runt = Null::new(&Options { size: 13, copy: false }).unwrap();
        let mut out = Null::new(&Options::default()).unwrap();
        let mut path = Path::new(HERE, THERE);
        path.turn(&mut runt, &mut out, &mut pool).unwrap();
        let expected = Counts { received: 32, malformed: 32, ..Counts::default() };
        assert_eq!(path.counts(), expected);
        path.release(&mut pool);
        assert_eq!(pool.statistics().away, 0);
    }

    #[test]
    fn a_full_device_loses_frames_but_no_pages() {
        let mut pool = Pool::plain(256);
        let mut from = Null::new(&Options::default()).unwrap();
        let (mut narrow, _other) = wire::wire(&wire::Options { depth: 20, ..Default::default() });
        let mut path = Path::new(HERE, THERE);
        for _ in 0..10 {
            path.turn(&mut from, &mut narrow, &mut pool).unwrap();
        }
        let counts = path.counts();
        assert_eq!((counts.received, counts.forwarded, counts.dropped), (320, 20, 300));
        path.release(&mut pool);
        assert_eq!(pool.statistics().away, 20, "those on the wire");
    }
}
