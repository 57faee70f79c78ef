//! Moving packets between batches.

use packet::Batch;

/// Moves the first `count` packets of `from` (or all there are) to the back of `to`. Where that
/// is all of them, as it mostly is, they move together and not one by one.
#[inline]
pub(crate) fn move_front(from: &mut Batch, to: &mut Batch, count: usize) {
    if count >= from.len() {
        to.append(from);
    } else {
        to.extend(from.drain(..count));
    }
}
