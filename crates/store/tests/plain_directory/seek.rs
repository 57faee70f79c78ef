//! Whether the place of a hole, or of data, can be.

use crate::outcome::Outcome;
use store::Seek;

const PAGE: usize = 4096;

/// Whether this is a right answer for a file of these bytes (or that begins with them, if it is a
/// very large one): no data may be taken for a hole.
pub(crate) fn is_right(bytes: &[u8], what: Seek, offset: u64, got: &Outcome) -> bool {
    let is_zero = |from: usize, to: usize| {
        let to = to.min(bytes.len());
        from >= to || bytes[from..to].iter().all(|&byte| byte == 0)
    };
    let from = offset as usize;
    let large = bytes.len() == 1 << 23;
    match (what, got) {
        (_, Outcome::Refused(6)) if from >= bytes.len() => true,
        (Seek::Data, Outcome::Refused(6)) => is_zero(from, bytes.len()),
        (Seek::Data, Outcome::Place(at)) => {
            *at >= offset && (large || *at < bytes.len() as u64) && is_zero(from, *at as usize)
        }
        (Seek::Hole, Outcome::Place(at)) => {
            let at = *at as usize;
            at >= from && (large || at <= bytes.len()) && is_zero(at, (at / PAGE + 1) * PAGE)
        }
        _ => large,
    }
}
