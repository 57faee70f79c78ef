//! Pages of the driver's own between the device and the caller.
//!
//! A device that must not see the caller's pool sees a small one of ours. Each frame is copied
//! out once, and only the copy is looked at, so what the device does to its pages afterwards
//! changes nothing. (What is sent comes from a pool that is not registered, and is copied by
//! [`super::sending`] for that reason.)

use super::super::ring::Impossible;
use super::receiving::{Arrived, Receiving};
use super::sending::copy_into_batch;
use crate::Statistics;
use packet::{Batch, Pool};

#[derive(Default)]
pub(super) struct Private {
    /// Pages to lend to the device.
    free: Batch,
    /// Frames that arrived in them, and were not copied yet.
    arrived: Batch,
}

impl Private {
    /// Receives into packets from the front of `free`.
    pub(super) fn receive(
        &mut self,
        receiving: &mut Receiving,
        own: &mut Pool,
        free: &mut Batch,
        received: &mut Batch,
        limit: usize,
        statistics: &mut Statistics,
    ) -> Result<Arrived, Impossible> {
        let missing = usize::from(receiving.ring.size() - receiving.ring.outstanding());
        let missing = missing.saturating_sub(self.free.len());
        own.allocate_batch(&mut self.free, missing);
        let limit = limit.min(free.len());
        let more = limit.saturating_sub(self.arrived.len());
        let arrived = receiving.receive(&mut self.free, &mut self.arrived, more)?;
        let (mut frames, mut bytes) = (0, 0);
        while frames < limit
            && let Some(frame) = self.arrived.pop_front()
        {
            let len = frame.frame_len();
            if let Some(copy) = copy_into_batch(free, &frame, len) {
                received.push_back(copy);
                frames += 1;
                bytes += len as u64;
            } else if frames > 0 {
                // A chain: the pages that are left are too few, those of the next call may do.
                self.arrived.push_front(frame);
                break;
            } else {
                statistics.receive_dropped += 1;
            }
            own.recycle(frame);
        }
        Ok(Arrived { frames, bytes, ..arrived })
    }

    /// Whether a frame waits here to be received.
    pub(super) fn waits(&self) -> bool {
        !self.arrived.is_empty()
    }
}
