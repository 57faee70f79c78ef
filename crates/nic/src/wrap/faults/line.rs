//! One direction: frames go in, meet their fate, and come out when they are due.

use super::REORDER_WAIT;
use super::fate::{Draws, Fate};
use super::settings::Impairment;
use core::time::Duration;
use packet::{Batch, Packet, checksum};
use std::collections::BTreeMap;

/// Bytes of an Ethernet header: a frame is not cut shorter, since no device would take it.
const HEADER: usize = 14;

/// What happened to the frames of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Frames that came.
    pub seen: u64,
    /// Lost on purpose.
    pub lost: u64,
    /// Lost because too many were on their way.
    pub overflowed: u64,
    /// Copies that were made.
    pub duplicated: u64,
    /// Copies that could not be made, for want of a free buffer.
    pub not_duplicated: u64,
    /// Frames with a bit turned over.
    pub corrupted: u64,
    /// Frames cut short.
    pub truncated: u64,
    /// Frames held back so that others overtake them.
    pub reordered: u64,
}

/// A frame that waits to be overtaken.
struct Held {
    packet: Packet,
    /// After so many frames have been seen it goes on,
    after: u64,
    /// or at this time.
    latest: Duration,
}

/// One direction.
pub(super) struct Line {
    settings: Impairment,
    seed: u64,
    direction: u64,
    /// Frames on their way, by the time they are due, and among equals by their number.
    way: BTreeMap<(Duration, u64), Packet>,
    /// Numbers given to frames on their way.
    numbers: u64,
    held: Vec<Held>,
    /// The bucket's level, as the time when it will be full again.
    full_at: Duration,
    pub(super) counts: Counts,
}

impl Line {
    pub(super) fn new(settings: Impairment, seed: u64, direction: u64) -> Self {
        Self {
            settings,
            seed,
            direction,
            way: BTreeMap::new(),
            numbers: 0,
            held: Vec::new(),
            full_at: Duration::ZERO,
            counts: Counts::default(),
        }
    }

    /// A frame comes. Buffers for a duplicate are taken from `free`; a frame that is lost goes to
    /// `lost`.
    pub(super) fn admit(
        &mut self,
        packet: Packet,
        now: Duration,
        free: &mut Batch,
        lost: &mut Batch,
    ) {
        let number = self.counts.seen;
        self.counts.seen += 1;
        let length = packet.frame_len();
        let (seed, direction) = (self.seed, self.direction);
        let draws = |copy| Draws::of_frame(seed, direction, number, copy);
        let fate = Fate::draw(&self.settings, draws(0), length);
        let copy = if fate.duplicated && !fate.lost { copy(&packet, free) } else { None };
        if fate.lost {
            self.counts.lost += 1;
            lost.push_back(packet);
        } else {
            self.counts.not_duplicated += u64::from(fate.duplicated && copy.is_none());
            self.send(packet, &fate, now, lost);
        }
        if let Some(copy) = copy {
            let copy_fate = Fate::draw(&self.settings, draws(1), length);
            self.counts.duplicated += 1;
            self.send(copy, &copy_fate, now, lost);
        }
        self.release_held(now);
    }

    /// The first frame that is due.
    pub(super) fn next(&mut self, now: Duration) -> Option<Packet> {
        self.release_held(now);
        let first = self.way.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    /// When the next frame is due.
    pub(super) fn due(&self) -> Option<Duration> {
        let way = self.way.first_key_value().map(|(key, _)| key.0);
        way.into_iter().chain(self.held.iter().map(|held| held.latest)).min()
    }

    /// Whether frames can come out later than they came in.
    pub(super) fn takes_time(&self) -> bool {
        self.settings.takes_time()
    }

    /// Sends a frame on its way.
    fn send(&mut self, mut packet: Packet, fate: &Fate, now: Duration, lost: &mut Batch) {
        if self.way.len() + self.held.len() >= self.settings.queue {
            self.counts.overflowed += 1;
            lost.push_back(packet);
            return;
        }
        if fate.corrupted.is_some() || fate.truncated.is_some() {
            // A device would complete the checksum afterwards, over the damage. What cannot be
            // completed goes as it is: it is to be broken anyway.
            let _ = checksum::complete(&mut packet);
            *packet.offload_mut() = packet::Offload::default();
        }
        if let Some(bit) = fate.corrupted {
            self.counts.corrupted += 1;
            turn_bit(&mut packet, bit);
        }
        if let Some(length) = fate.truncated {
            self.counts.truncated += 1;
            packet.truncate_frame(length.max(HEADER));
        }
        let due = self.departure(packet.frame_len(), now).saturating_add(fate.delay);
        if let Some(by) = fate.overtaken {
            self.counts.reordered += 1;
            let after = self.counts.seen + by;
            self.held.push(Held { packet, after, latest: due.saturating_add(REORDER_WAIT) });
        } else {
            self.put(due, packet);
        }
    }

    fn put(&mut self, due: Duration, packet: Packet) {
        self.way.insert((due, self.numbers), packet);
        self.numbers += 1;
    }

    /// When a frame leaves the bucket: at once if enough was saved, else when it will be.
    fn departure(&mut self, length: usize, now: Duration) -> Duration {
        let Some(rate) = self.settings.rate else { return now };
        let time_of = |bytes: u64| {
            let nanoseconds = u128::from(bytes) * 8 * 1_000_000_000 / u128::from(rate.max(1));
            Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
        };
        let departure = now.max(self.full_at.saturating_sub(time_of(self.settings.burst)));
        self.full_at = self.full_at.max(departure).saturating_add(time_of(length as u64));
        departure
    }

    /// Lets frames go on that were overtaken, or have waited long enough for it.
    fn release_held(&mut self, now: Duration) {
        let seen = self.counts.seen;
        let overtaken = |held: &mut Held| held.after <= seen || held.latest <= now;
        for held in self.held.extract_if(.., |held| overtaken(held)).collect::<Vec<_>>() {
            // Behind the frames that were to overtake it, as late as these may be.
            let last = self.way.last_key_value().map_or(now, |(key, _)| key.0);
            self.put(last.min(held.latest), held.packet);
        }
    }
}

/// A copy of a frame in pages from the front of `free`; `None`, and nothing taken, if there are
/// too few.
fn copy(packet: &Packet, free: &mut Batch) -> Option<Packet> {
    let pages = packet.pages().count();
    if pages > free.len() {
        return None;
    }
    let mut copies: Vec<_> = free.drain(..pages).collect();
    for (copy, page) in copies.iter_mut().zip(packet.pages()) {
        copy.clear();
        let fits = copy.set_range(page.headroom(), page.len());
        debug_assert!(fits, "a page is as large as another");
        copy.bytes_mut().copy_from_slice(page.bytes());
    }
    // From the back, so that each page is put in front of a rest that is complete.
    let mut frame: Option<Packet> = None;
    for mut page in copies.into_iter().rev() {
        if let Some(rest) = frame {
            page.append(rest);
        }
        frame = Some(page);
    }
    if let Some(frame) = &mut frame {
        *frame.offload_mut() = *packet.offload();
    }
    frame
}

/// Turns over one bit of a chain.
fn turn_bit(packet: &mut Packet, bit: usize) {
    let mut byte = bit / 8;
    let mut page = Some(packet);
    while let Some(this) = page {
        if let Some(byte) = this.bytes_mut().get_mut(byte) {
            *byte ^= 1 << (bit % 8);
            return;
        }
        byte -= this.len();
        page = this.next_mut();
    }
}
