//! Lent buffers as the slices that `readv` and `writev` take, and back into one frame.

use core::iter;
use packet::{Batch, HEADROOM, PAGE, Packet};
use std::io::{IoSlice, IoSliceMut};

/// Bytes of a frame that one lent page takes. [`HEADROOM`] stays free in front of them.
pub(crate) const ROOM: usize = PAGE - HEADROOM;

/// Slices for one frame: a header apart, and so many pages. Enough for 64 KiB, and for senders
/// that cut a chain smaller than they need to.
pub(crate) const SLICES: usize = 40;

/// The rooms of the first pages lent, to be read into: at most `pages` pages, behind `header`,
/// and a byte behind them, `excess`, into which nothing is read but of a frame that is too large.
/// Says how many slices there are.
pub(crate) fn rooms<'a>(
    slices: &mut [IoSliceMut<'a>; SLICES],
    header: &'a mut [u8],
    free: &'a mut Batch,
    pages: usize,
    excess: &'a mut [u8; 1],
) -> usize {
    let mut used = 0;
    let rooms = free.iter_mut().take(pages).map(|page| &mut page.page_mut()[HEADROOM..]);
    let all = iter::once(header).chain(rooms).chain(iter::once(&mut excess[..]));
    for (slice, room) in slices.iter_mut().zip(all) {
        *slice = IoSliceMut::new(room);
        used += 1;
    }
    used
}

/// Takes the first pages lent, whose rooms hold a frame of `len` bytes now, as that frame.
/// `None`, and nothing taken, if so many were not lent.
pub(crate) fn filled(free: &mut Batch, len: usize) -> Option<Packet> {
    let pages = len.div_ceil(ROOM).max(1);
    if pages > free.len() {
        return None;
    }
    // From the back, so that each page is put in front of a rest that is complete.
    let mut frame: Option<Packet> = None;
    for (number, mut page) in free.drain(..pages).enumerate().rev() {
        page.clear();
        let fits = page.set_range(HEADROOM, (len - number * ROOM).min(ROOM));
        debug_assert!(fits, "ROOM is what is left behind HEADROOM");
        if let Some(rest) = frame {
            page.append(rest);
        }
        frame = Some(page);
    }
    frame
}

/// Copies a frame into the first pages lent and takes them. `None`, and nothing taken, if it is
/// larger than all that was lent.
#[inline]
pub(crate) fn copied(free: &mut Batch, mut bytes: &[u8]) -> Option<Packet> {
    let mut frame = filled(free, bytes.len())?;
    let mut page = Some(&mut frame);
    while let Some(to) = page {
        let (now, later) = bytes.split_at_checked(to.len())?;
        to.bytes_mut().copy_from_slice(now);
        bytes = later;
        page = to.next_mut();
    }
    Some(frame)
}

/// Puts the pages of a frame back at the front of what was lent.
pub(crate) fn give_back(free: &mut Batch, frame: Packet) {
    let mut rest = Some(frame);
    while let Some(mut page) = rest {
        rest = page.take_next();
        page.clear();
        free.push_front(page);
    }
}

/// The bytes of a frame, behind `header`, to be written. `None` if the chain is cut into more
/// pages than there are slices.
pub(crate) fn bytes<'a>(
    slices: &mut [IoSlice<'a>; SLICES],
    header: &'a [u8],
    frame: &'a Packet,
) -> Option<usize> {
    let mut used = 0;
    for bytes in iter::once(header).chain(frame.pages().map(Packet::bytes)) {
        *slices.get_mut(used)? = IoSlice::new(bytes);
        used += 1;
    }
    Some(used)
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::array;
    use packet::Pool;

    #[test]
    fn what_is_read_into_rooms_is_the_frame() {
        let mut pool = Pool::plain(4);
        for len in [0, 1, ROOM, ROOM + 1, 3 * ROOM] {
            let mut free = Batch::new();
            assert_eq!(pool.allocate_batch(&mut free, 4), 4);
            let mut header = [0; 2];
            let mut slices = array::from_fn(|_| IoSliceMut::new(&mut []));
            let mut excess = [0];
            let used = rooms(&mut slices, &mut header, &mut free, 3, &mut excess);
            assert_eq!(used, 5);
            for (number, slice) in slices[1..4].iter_mut().enumerate() {
                slice.fill(number as u8);
            }
            let frame = filled(&mut free, len).unwrap();
            assert_eq!(frame.frame_len(), len);
            assert_eq!(free.len(), 4 - frame.pages().count());
            for (number, page) in frame.pages().enumerate() {
                assert!(page.bytes().iter().all(|&byte| byte == number as u8));
            }
            let mut slices = array::from_fn(|_| IoSlice::new(&[]));
            let used = bytes(&mut slices, &[], &frame).unwrap();
            assert_eq!(slices[..used].iter().map(|slice| slice.len()).sum::<usize>(), len);
        }
    }

    #[test]
    fn a_frame_larger_than_what_was_lent_takes_nothing() {
        let mut free = Batch::new();
        Pool::plain(2).allocate_batch(&mut free, 2);
        assert!(filled(&mut free, 2 * ROOM + 1).is_none());
        assert_eq!(free.len(), 2);
    }

    #[test]
    fn a_chain_of_too_many_pages_is_refused() {
        let mut pool = Pool::plain(SLICES);
        let mut frame = pool.allocate().unwrap();
        while let Some(page) = pool.allocate() {
            frame.append(page);
        }
        let mut slices = array::from_fn(|_| IoSlice::new(&[]));
        assert_eq!(bytes(&mut slices, &[], &frame), None);
    }
}
