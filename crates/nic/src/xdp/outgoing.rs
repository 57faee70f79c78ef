//! Frames to the kernel, and their pages back.

use super::Xdp;
use super::ring::Descriptor;
use super::slots::Sent;
use crate::Error;
use packet::header::ethernet::Ethernet;
use packet::{Batch, Checksum, PAGE, Packet};
use rustix::io::Errno;
use rustix::net::{SendFlags, send};

/// A frame may be that much longer than the MTU: the Ethernet header and a VLAN tag.
const OVERHEAD: usize = Ethernet::LEN + 4;
/// Pages of one frame that the kernel takes (`MAX_SKB_FRAGS`, at least).
const CHAIN: usize = 16;
/// Frames that the kernel sends in one call.
const BURST: u32 = 32;

impl Xdp {
    /// Takes the first frame that is ready and puts it into the ring. `None`, and nothing taken:
    /// there is no room now; `Some(false)`: it is taken, and can never be sent.
    #[inline]
    pub(super) fn offer(&mut self, ready: &mut Batch) -> Option<bool> {
        let frame = ready.front()?;
        let length = frame.frame_len();
        let mut sent = self.may_send(frame, length);
        if sent {
            let (whole, pages) = self.as_they_are(frame);
            if whole {
                if (self.socket.transmit.room(pages as u32) as usize) < pages {
                    return None;
                }
                self.put(ready.pop_front()?, pages);
                return Some(true);
            }
            sent = self.put_copy(frame, length)?;
        }
        self.sent.extend(ready.pop_front());
        Some(sent)
    }

    /// Whether the frame is complete and not too large.
    #[inline]
    fn may_send(&self, frame: &Packet, length: usize) -> bool {
        let offload = frame.offload();
        (Ethernet::LEN..=self.information.mtu + OVERHEAD).contains(&length)
            && !matches!(offload.checksum, Checksum::Partial { .. })
            && offload.segmentation.is_none()
    }

    /// Whether the kernel can send the pages as they are; and how many there are with bytes.
    #[inline]
    fn as_they_are(&self, frame: &Packet) -> (bool, usize) {
        let (mut ours, mut pages) = (true, 0);
        for page in frame.pages() {
            ours &= page.belongs_to(&self.pool);
            pages += usize::from(page.len() > 0);
        }
        (ours && (pages == 1 || self.abilities.chains && pages <= CHAIN), pages)
    }

    /// Puts the pages of a frame into the ring, which has room for them.
    #[inline]
    fn put(&mut self, frame: Packet, mut pages: usize) {
        let mut rest = Some(frame);
        while let Some(mut page) = rest {
            rest = page.take_next();
            let length = page.len() as u32;
            if length == 0 {
                self.sent.push_back(page);
                continue;
            }
            pages -= 1;
            let options = if pages > 0 { Descriptor::CONTINUED } else { 0 };
            let address = self.slots.send(page);
            self.socket.transmit.push(Descriptor { address, length, options });
        }
    }

    /// Copies a frame into pages of the driver's own and puts these into the ring. `None`, and
    /// nothing done, if there are no pages; `Some(false)` if the frame can never be sent.
    fn put_copy(&mut self, frame: &Packet, length: usize) -> Option<bool> {
        let pages = length.div_ceil(PAGE);
        if pages > 1 && !self.abilities.chains {
            return Some(false);
        }
        if (self.socket.transmit.room(pages as u32) as usize) < pages {
            return None;
        }
        let copies: Vec<_> = (0..pages).map_while(|_| self.pool.allocate()).collect();
        if copies.len() < pages {
            for page in copies {
                self.pool.recycle(page);
            }
            return None;
        }
        for (number, mut page) in copies.into_iter().enumerate() {
            let count = (length - number * PAGE).min(PAGE);
            frame.copy_out(number * PAGE, page.page_mut().get_mut(..count)?);
            let fits = page.set_range(0, count);
            debug_assert!(fits, "at most a page");
            let options = if number + 1 < pages { Descriptor::CONTINUED } else { 0 };
            let address = self.slots.send_copy(page);
            self.socket.transmit.push(Descriptor { address, length: count as u32, options });
        }
        self.statistics.copied += 1;
        Some(true)
    }

    /// Takes back what the kernel has sent.
    #[inline]
    pub(super) fn complete(&mut self) {
        let mut any = false;
        while let Some(address) = self.socket.completed.pop() {
            any = true;
            match self.slots.sent(address) {
                Some(Sent::Own(page)) => self.sent.push_back(page),
                Some(Sent::Copy(page)) => self.pool.recycle(page),
                None => self.statistics.malformed += 1,
            }
        }
        if any {
            self.socket.completed.release();
        }
    }

    /// Makes the kernel look at what is to be sent, if it must be told.
    pub(super) fn kick(&mut self) -> Result<(), Error> {
        let mut waiting = self.socket.transmit.waiting();
        // Each call sends a burst. A call that gets nowhere ends it: the kernel has no room now.
        for _ in 0..=self.frames as u32 / BURST {
            // Without zero-copy nothing is sent but by a call.
            let told = self.abilities.zero_copy && !self.socket.transmit.needs_wakeup();
            if waiting == 0 || told {
                break;
            }
            match send(&self.socket, &[], SendFlags::DONTWAIT) {
                Ok(_) | Err(Errno::AGAIN | Errno::BUSY | Errno::NOBUFS | Errno::INTR) => {}
                // ENETDOWN while the interface is down: the frames stay until it is up again.
                Err(_) => {
                    self.interface.check()?;
                    break;
                }
            }
            let still = self.socket.transmit.waiting();
            if still >= waiting {
                break;
            }
            waiting = still;
            self.complete();
        }
        Ok(())
    }
}
