//! Looking at frames on their way out, without being wrong about which of them left.

use crate::{Error, Nic};
use packet::{Batch, Packet};

/// Most frames and bytes that are looked at before the driver is asked to take them.
const FRAMES: usize = 64;
const BYTES: usize = 256 * 1024;

/// Transmits like `inner`, and shows each frame to `look` before it goes: afterwards it is no
/// longer ours to look at. How many of those shown since the last time were taken, `taken` is
/// told; the others will be shown again.
///
/// `staged` is empty before and after; it is kept by the caller to be used again.
pub(super) fn transmit<N: Nic, S>(
    inner: &mut N,
    ready: &mut Batch,
    staged: &mut Batch,
    state: &mut S,
    mut look: impl FnMut(&mut S, &Packet),
    mut taken: impl FnMut(&mut S, usize),
) -> Result<usize, Error> {
    let mut total = 0;
    loop {
        let mut bytes = 0;
        while staged.len() < FRAMES
            && bytes < BYTES
            && let Some(packet) = ready.pop_front()
        {
            bytes += packet.frame_len();
            look(state, &packet);
            staged.push_back(packet);
        }
        let offered = staged.len();
        let result = inner.transmit(staged);
        let count = offered - staged.len();
        taken(state, count);
        total += count;
        while let Some(packet) = staged.pop_back() {
            ready.push_front(packet);
        }
        match result {
            // The next call will meet the same error; this one has frames to report.
            Err(error) if total == 0 => return Err(error),
            Ok(_) if count == offered && !ready.is_empty() => {}
            _ => return Ok(total),
        }
    }
}
