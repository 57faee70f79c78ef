//! One packet: the only way to reach the bytes of a page.

use super::pool::{Core, Pool};
use super::prefetch::{prefetch, prefetch_for_writing};
use super::record::{Owned, Record};
use super::{HEADROOM, PAGE};
use crate::Offload;
use core::fmt;
use core::mem::{self, ManuallyDrop};
use core::ptr::NonNull;
use core::slice;

/// The most bytes that [`Packet::clear_spread`] spreads: beyond that, frames overlap most of each
/// other's lines wherever they begin.
pub const SPREAD: usize = 1856;

/// Bytes between two places at which it may begin: a cache line.
const LINE: usize = 64;

/// Shorter frames fit beside each other at few places; at more, they are in the way of all else.
const SHORT: usize = 512;
const FEW: usize = 32;

/// The golden ratio's part behind the point, in 32 bits: its multiples lie as evenly as can be,
/// however many of them are taken.
const GOLDEN: u32 = 0x9e37_79b9;

/// A page-sized buffer with exactly one owner; perhaps the first of a chain.
///
/// One word long. `Option<Packet>` is one word too.
#[repr(transparent)]
pub struct Packet(NonNull<Record>);

// SAFETY: the packet owns its page and its half of the record; the rest is fixed or atomic.
unsafe impl Send for Packet {}
// SAFETY: a shared packet can only be read.
unsafe impl Sync for Packet {}

impl Packet {
    /// # Safety
    ///
    /// The caller owns the record and its reference to the core and gives both up; its page is
    /// not null.
    pub(super) unsafe fn from_record(record: NonNull<Record>) -> Self {
        Self(record)
    }

    pub(super) fn into_record(self) -> NonNull<Record> {
        ManuallyDrop::new(self).0
    }

    pub(super) fn record_pointer(&self) -> NonNull<Record> {
        self.0
    }

    #[inline]
    fn record(&self) -> &Record {
        // SAFETY: a packet holds a reference to the core, which keeps all records alive.
        unsafe { self.0.as_ref() }
    }

    #[inline]
    fn owned(&self) -> &Owned {
        // SAFETY: we own this half of the record; `&self` forbids writing to it meanwhile.
        unsafe { &*self.record().owned.get() }
    }

    #[inline]
    fn owned_mut(&mut self) -> &mut Owned {
        // SAFETY: we own this half of the record, and `&mut self` makes this the only use.
        unsafe { &mut *self.record().owned.get() }
    }

    /// The bytes in this page. For a chain, only those in its first page.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        let owned = self.owned();
        // SAFETY: `start + len <= PAGE` always, the page is initialised memory and ours.
        unsafe {
            slice::from_raw_parts(owned.page.add(usize::from(owned.start)), usize::from(owned.len))
        }
    }

    /// The bytes in this page, to write.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        let owned = self.owned_mut();
        // SAFETY: as in `bytes`, and `&mut self` makes this the only reference.
        unsafe {
            slice::from_raw_parts_mut(
                owned.page.add(usize::from(owned.start)),
                usize::from(owned.len),
            )
        }
    }

    /// The whole page, headroom and tailroom included, for a driver to fill.
    #[inline]
    pub fn page_mut(&mut self) -> &mut [u8; PAGE] {
        // SAFETY: the page is PAGE bytes of initialised memory and ours.
        unsafe { &mut *self.owned_mut().page.cast() }
    }

    /// The free bytes in front of the data: where drivers and devices keep what travels before a
    /// frame.
    #[inline]
    pub fn headroom_bytes(&self) -> &[u8] {
        let owned = self.owned();
        // SAFETY: `start <= PAGE` always, the page is initialised memory and ours.
        unsafe { slice::from_raw_parts(owned.page, usize::from(owned.start)) }
    }

    /// The free bytes in front of the data, to write.
    #[inline]
    pub fn headroom_bytes_mut(&mut self) -> &mut [u8] {
        let owned = self.owned_mut();
        // SAFETY: as in `headroom_bytes`, and `&mut self` makes this the only reference.
        unsafe { slice::from_raw_parts_mut(owned.page, usize::from(owned.start)) }
    }

    /// The free bytes behind the data, in this page.
    #[inline]
    pub fn tailroom_bytes(&self) -> &[u8] {
        let owned = self.owned();
        let end = usize::from(owned.start) + usize::from(owned.len);
        // SAFETY: `start + len <= PAGE` always, the page is initialised memory and ours.
        unsafe { slice::from_raw_parts(owned.page.add(end), PAGE - end) }
    }

    /// Where the page begins in memory. It stays the same from the pool to the wire and back.
    #[inline]
    pub fn page_address(&self) -> usize {
        self.owned().page as usize
    }

    /// How many bytes of data are in this page.
    #[inline]
    #[expect(
        clippy::len_without_is_empty,
        reason = "`is_empty` of one page would mislead on a chain"
    )]
    pub fn len(&self) -> usize {
        usize::from(self.owned().len)
    }

    /// How many bytes of data are in the whole chain.
    #[inline]
    pub fn frame_len(&self) -> usize {
        match self.next() {
            None => self.len(),
            Some(rest) => self.len() + rest.pages().map(Self::len).sum::<usize>(),
        }
    }

    /// Free bytes in front of the data.
    #[inline]
    pub fn headroom(&self) -> usize {
        usize::from(self.owned().start)
    }

    /// Free bytes behind the data, in this page.
    #[inline]
    pub fn tailroom(&self) -> usize {
        PAGE - self.headroom() - self.len()
    }

    /// Says where in the page the data is. `false`, and nothing changed, if that is not within
    /// the page.
    #[inline]
    #[must_use]
    pub fn set_range(&mut self, start: usize, len: usize) -> bool {
        let fits = start <= PAGE && len <= PAGE - start;
        if fits {
            let owned = self.owned_mut();
            owned.start = start as u16;
            owned.len = len as u16;
        }
        fits
    }

    /// Grows the data by `count` bytes at the front and gives these (their content is whatever
    /// was there); `None` if the headroom is too small.
    #[inline]
    pub fn push_front(&mut self, count: usize) -> Option<&mut [u8]> {
        let owned = self.owned_mut();
        if count > usize::from(owned.start) {
            return None;
        }
        owned.start -= count as u16;
        owned.len += count as u16;
        Some(&mut self.bytes_mut()[..count])
    }

    /// Grows the data by `count` bytes at the back and gives these (their content is whatever
    /// was there); `None` if the tailroom is too small.
    #[inline]
    pub fn push_back(&mut self, count: usize) -> Option<&mut [u8]> {
        if count > self.tailroom() {
            return None;
        }
        let owned = self.owned_mut();
        let old = usize::from(owned.len);
        owned.len += count as u16;
        Some(&mut self.bytes_mut()[old..])
    }

    /// Cuts up to `count` bytes off the front of this page's data; they become headroom.
    #[inline]
    pub fn cut_front(&mut self, count: usize) {
        let owned = self.owned_mut();
        let count = count.min(usize::from(owned.len)) as u16;
        owned.start += count;
        owned.len -= count;
    }

    /// Cuts this page's data to `len` bytes, if it is longer.
    #[inline]
    pub fn truncate(&mut self, len: usize) {
        let owned = self.owned_mut();
        owned.len = owned.len.min(len.min(PAGE) as u16);
    }

    /// Cuts the whole chain to `len` bytes, if it is longer; pages left empty go home.
    pub fn truncate_frame(&mut self, len: usize) {
        let mut left = len;
        let mut page = self;
        loop {
            let keep = page.len().min(left);
            page.truncate(keep);
            left -= keep;
            if left == 0 {
                drop(page.take_next());
                return;
            }
            match page.next_mut() {
                Some(next) => page = next,
                None => return,
            }
        }
    }

    /// Makes it an empty packet again, with [`HEADROOM`] in front. The rest of a chain goes home.
    #[inline]
    pub fn clear(&mut self) {
        let owned = self.owned_mut();
        owned.start = HEADROOM as u16;
        owned.len = 0;
        owned.offload = Offload::default();
        if owned.next.is_some() {
            owned.next = None;
        }
    }

    /// Like [`Packet::clear`], for a frame of `len` bytes behind the [`HEADROOM`]: if that is no
    /// more than [`SPREAD`], it begins at different cache lines in pages that follow each other.
    ///
    /// A processor keeps only a few cache lines whose addresses differ by whole pages (8 to 16 in
    /// those of today). If all frames began at the same place in their pages, the headers of a
    /// batch would throw one another out; and if all used the same part of their pages, the rest
    /// of the cache would never be used.
    #[inline]
    pub fn clear_spread(&mut self, len: usize) {
        self.clear();
        if len <= SPREAD {
            let places = if len < SHORT { FEW } else { (PAGE - HEADROOM - len) / LINE + 1 };
            let turn = u64::from(self.record().number.wrapping_mul(GOLDEN));
            let place = (turn * places as u64) >> 32;
            self.owned_mut().start += (place as usize * LINE) as u16;
        }
    }

    /// What a device did with the frame or has to do.
    #[inline]
    pub fn offload(&self) -> &Offload {
        &self.owned().offload
    }

    /// What a device did with the frame or has to do, to change.
    #[inline]
    pub fn offload_mut(&mut self) -> &mut Offload {
        &mut self.owned_mut().offload
    }

    /// The next page of the chain.
    #[inline]
    pub fn next(&self) -> Option<&Packet> {
        self.owned().next.as_ref()
    }

    /// The next page of the chain, to write.
    #[inline]
    pub fn next_mut(&mut self) -> Option<&mut Packet> {
        self.owned_mut().next.as_mut()
    }

    /// Cuts the chain behind this page and gives the rest.
    #[inline]
    pub fn take_next(&mut self) -> Option<Packet> {
        self.owned_mut().next.take()
    }

    /// Puts `rest` at the end of the chain.
    pub fn append(&mut self, rest: Packet) {
        let mut last = self;
        while last.next().is_some() {
            // The compiler cannot see that `next` stays `Some`; an `if let` would borrow too long.
            let Some(next) = last.next_mut() else { return };
            last = next;
        }
        last.owned_mut().next = Some(rest);
    }

    /// The pages of the chain, this one first.
    #[inline]
    pub fn pages(&self) -> Pages<'_> {
        Pages(Some(self))
    }

    /// Copies bytes of the chain from `offset` on into `to`; says how many there were.
    pub fn copy_out(&self, offset: usize, to: &mut [u8]) -> usize {
        let (mut skip, mut done) = (offset, 0);
        for page in self.pages() {
            let bytes = page.bytes();
            let from = bytes.get(skip..).unwrap_or_default();
            skip = skip.saturating_sub(bytes.len());
            let count = from.len().min(to.len() - done);
            to[done..done + count].copy_from_slice(&from[..count]);
            done += count;
        }
        done
    }

    /// Makes the first `count` bytes of the chain lie in its first page, so that headers can be
    /// read there, by moving what is missing out of the pages behind; pages left empty go home.
    /// Free if they lie there already. `false`, and nothing changed, if there are not that many
    /// bytes, or no page could hold them.
    pub fn gather(&mut self, count: usize) -> bool {
        if count <= self.len() {
            return true;
        }
        if count > PAGE || count > self.frame_len() {
            return false;
        }
        let (start, len) = (self.headroom(), self.len());
        if count > PAGE - start {
            let start_now = PAGE - count;
            self.page_mut().copy_within(start..start + len, start_now);
            self.owned_mut().start = start_now as u16;
        }
        while self.len() < count {
            let Some(mut next) = self.take_next() else { break };
            let moved = next.len().min(count - self.len());
            if let Some(room) = self.push_back(moved) {
                room.copy_from_slice(&next.bytes()[..moved]);
            }
            next.cut_front(moved);
            self.owned_mut().next = if next.len() == 0 { next.take_next() } else { Some(next) };
        }
        true
    }

    /// Number of the page in its pool: for a registered pool, its place in the region.
    #[inline]
    pub fn number(&self) -> usize {
        self.record().number as usize
    }

    /// Whether `pool` is where this packet comes from.
    #[inline]
    pub fn belongs_to(&self, pool: &Pool) -> bool {
        pool.is_core(self.record().core)
    }

    /// Asks the processor to load the record and the first bytes soon; changes nothing.
    #[inline]
    pub fn prefetch(&self) {
        prefetch(self.first_byte());
    }

    /// The same, for a frame that was filled on another core, and is changed here and sent on.
    #[inline]
    pub fn prefetch_for_writing(&self) {
        prefetch_for_writing(self.first_byte());
    }

    #[inline]
    fn first_byte(&self) -> *const u8 {
        let owned = self.owned();
        owned.page.wrapping_add(usize::from(owned.start))
    }

    pub(super) fn behind_mut(&mut self) -> &mut Option<Packet> {
        &mut self.owned_mut().behind
    }
}

impl Drop for Packet {
    #[inline]
    fn drop(&mut self) {
        let rest = self.take_next();
        debug_assert!(self.owned().behind.is_none(), "a queue unlinks what it gives");
        // SAFETY: we own the record and its reference, and nothing uses them after this.
        unsafe { Core::go_home(self.record().core, &[self.0]) };
        // One page after the other: dropping `rest` in place would recurse along the chain.
        let mut rest = rest;
        while let Some(mut packet) = rest {
            rest = packet.take_next();
        }
    }
}

impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packet")
            .field("number", &self.number())
            .field("headroom", &self.headroom())
            .field("len", &self.len())
            .field("frame_len", &self.frame_len())
            .field("offload", self.offload())
            .finish()
    }
}

/// The pages of a chain. Made by [`Packet::pages`].
#[derive(Clone, Debug)]
pub struct Pages<'a>(Option<&'a Packet>);

impl<'a> Iterator for Pages<'a> {
    type Item = &'a Packet;

    #[inline]
    fn next(&mut self) -> Option<&'a Packet> {
        let next = self.0.and_then(Packet::next);
        mem::replace(&mut self.0, next)
    }
}
