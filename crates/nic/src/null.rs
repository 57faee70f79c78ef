//! A device without a wire: frames come out of nowhere, and what is sent vanishes.
//!
//! For measuring what a program costs when no wire does. Frames have the size that was asked
//! for; with `copy` each is copied from a template as it arrives and copied out as it is sent,
//! which is what a device that shares no memory with its driver costs; without it nobody touches
//! a byte, and a frame holds whatever its buffer held. Sent packets come back by `reclaim`.

use crate::Error;
use crate::batch::move_front;
use crate::nic::{Information, Nic, Offloads, Statistics};
use core::time::Duration;
use packet::header::ethernet::Mac;
use packet::{Batch, HEADROOM, PAGE, Packet};

/// Sent packets that wait for `reclaim` at most; a device has an end too.
const DEPTH: usize = 1024;

/// The largest frame: one page less the headroom.
pub const LARGEST: usize = PAGE - HEADROOM;

/// How a null device is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Bytes in each frame that arrives. 64, the least an Ethernet has, unless told.
    pub size: usize,
    /// Whether bytes are copied in and out.
    pub copy: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { size: 64, copy: false }
    }
}

/// The device.
pub struct Null {
    information: Information,
    statistics: Statistics,
    size: usize,
    /// With `copy`: the frame that arrives, and where sent ones are copied to.
    copies: Option<Box<Copies>>,
    sent: Batch,
}

struct Copies {
    template: [u8; PAGE],
    sink: [u8; PAGE],
}

impl Null {
    /// Makes a null device.
    pub fn new(options: &Options) -> Result<Self, Error> {
        if options.size > LARGEST {
            return Err(Error::Unusable {
                device: "null".into(),
                what: format!(
                    "size {} is more than the {LARGEST} bytes a frame can have",
                    options.size
                ),
            });
        }
        Ok(Self {
            information: Information {
                name: "null".into(),
                mac: Some(Mac([2, 0, 0, 0, 0, 0xff])),
                mtu: LARGEST - 14,
                offloads: Offloads::default(),
                copies: options.copy,
            },
            statistics: Statistics::default(),
            size: options.size,
            copies: options.copy.then(|| Box::new(Copies { template: [0; PAGE], sink: [0; PAGE] })),
            sent: Batch::with_capacity(DEPTH),
        })
    }

    /// What the last frame that was copied out held: its first `len` bytes.
    pub fn last_sent(&self, len: usize) -> Option<&[u8]> {
        self.copies.as_ref()?.sink.get(..len)
    }

    /// Makes arriving frames begin with these bytes, if the device copies.
    pub fn set_template(&mut self, bytes: &[u8]) {
        if let Some(copies) = &mut self.copies {
            let len = bytes.len().min(LARGEST);
            copies.template[..len].copy_from_slice(&bytes[..len]);
        }
    }
}

impl Nic for Null {
    fn information(&self) -> &Information {
        &self.information
    }

    #[inline]
    fn receive(
        &mut self,
        free: &mut Batch,
        received: &mut Batch,
        limit: usize,
    ) -> Result<usize, Error> {
        let count = limit.min(free.len());
        let size = self.size;
        for packet in free.range_mut(..count) {
            packet.clear_spread(size);
            if packet.set_range(packet.headroom(), size)
                && let Some(copies) = &self.copies
            {
                packet.bytes_mut().copy_from_slice(&copies.template[..size]);
            }
        }
        move_front(free, received, count);
        self.statistics.received += count as u64;
        self.statistics.received_bytes += (count * size) as u64;
        Ok(count)
    }

    #[inline]
    fn transmit(&mut self, ready: &mut Batch) -> Result<usize, Error> {
        let count = ready.len().min(DEPTH - self.sent.len());
        let mut bytes = 0;
        for packet in ready.range(..count) {
            bytes += packet.frame_len() as u64;
            if let Some(copies) = &mut self.copies {
                copies.swallow(packet);
            }
        }
        move_front(ready, &mut self.sent, count);
        self.statistics.sent += count as u64;
        self.statistics.sent_bytes += bytes;
        Ok(count)
    }

    #[inline]
    fn reclaim(&mut self, sent: &mut Batch) -> Result<usize, Error> {
        let count = self.sent.len();
        sent.append(&mut self.sent);
        Ok(count)
    }

    fn wait(&mut self, _timeout: Option<Duration>) -> Result<bool, Error> {
        Ok(true)
    }

    fn statistics(&self) -> Statistics {
        self.statistics
    }
}

impl Copies {
    #[inline]
    fn swallow(&mut self, packet: &Packet) {
        // The pages of a chain land on one another: nobody reads more than the first.
        for page in packet.pages() {
            let bytes = page.bytes();
            self.sink[..bytes.len()].copy_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use packet::Pool;

    #[test]
    fn frames_come_and_go_and_every_page_returns() {
        let mut pool = Pool::plain(64);
        let mut null = Null::new(&Options { size: 100, copy: true }).unwrap();
        null.set_template(&[7; 100]);
        let (mut free, mut frames, mut sent) = (Batch::new(), Batch::new(), Batch::new());
        for _ in 0..50 {
            pool.allocate_batch(&mut free, 32);
            assert_eq!(null.receive(&mut free, &mut frames, 20).unwrap(), 20);
            assert_eq!(free.len(), 12, "only what is filled is taken");
            assert!(frames.iter().all(|frame| frame.bytes() == [7; 100]));
            for frame in &mut frames {
                frame.bytes_mut()[0] = 9;
            }
            assert_eq!(null.transmit(&mut frames).unwrap(), 20);
            assert_eq!(null.last_sent(2), Some(&[9, 7][..]));
            assert_eq!(null.reclaim(&mut sent).unwrap(), 20);
            pool.recycle_batch(&mut sent);
            pool.recycle_batch(&mut free);
        }
        assert_eq!(pool.statistics().away, 0);
        assert_eq!(null.statistics().received_bytes, 50 * 20 * 100);
        assert_eq!(null.statistics().sent_bytes, 50 * 20 * 100);
    }

    #[test]
    fn a_sender_who_never_reclaims_is_stopped() {
        let mut pool = Pool::plain(DEPTH + 10);
        let mut null = Null::new(&Options::default()).unwrap();
        let mut ready = Batch::new();
        pool.allocate_batch(&mut ready, DEPTH + 10);
        assert_eq!(null.transmit(&mut ready).unwrap(), DEPTH);
        assert_eq!(ready.len(), 10);
        drop(null);
        drop(ready);
        assert_eq!(pool.statistics().away, 0, "what a dropped device held went home");
    }

    #[test]
    fn a_size_no_page_can_hold_is_refused() {
        assert!(Null::new(&Options { size: LARGEST, copy: false }).is_ok());
        let refused = Null::new(&Options { size: LARGEST + 1, copy: false });
        assert!(refused.err().unwrap().to_string().contains("3841"));
    }
}
