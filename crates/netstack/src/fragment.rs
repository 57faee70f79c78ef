//! Packets cut into fragments that fit through.
//!
//! Pages are handed on, not copied, wherever a fragment ends where a page ends; a page in which
//! one ends earlier is shared out by copying what lies behind into free pages, each byte at most
//! once. Who lays out large packets with [`room`] for each page cuts them without any copy.

use packet::header::ipv4::{self, Ipv4};
use packet::header::ipv6::Ipv6;
use packet::header::ipv6::extension::Fragment;
use packet::header::{Malformed, Protocol};
use packet::{Batch, HEADROOM, Packet, Queue, checksum};
use zerocopy::IntoBytes;

/// Bytes kept free in front of each fragment for the header of the link, VLAN tag included.
const LINK: usize = 18;
/// Most bytes of headers that every fragment repeats: what a fresh page has room for in front.
const HEADERS: usize = HEADROOM - LINK;

/// Why a packet cannot be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is not a packet.
    #[error("the packet to be cut is malformed: {0}")]
    Malformed(#[from] Malformed),
    /// It forbids it.
    #[error(
        "the packet is larger than the path's MTU and may not be fragmented; send less at once"
    )]
    DontFragment,
    /// Not even eight bytes besides the headers fit through.
    #[error(
        "an MTU of {0} bytes leaves no room for a payload; it must be at least 68 (IPv6: 1280)"
    )]
    MtuTooSmall(usize),
    /// It stands for several packets, each of which is to be cut on its own.
    #[error("the packet is an offload unit; cut it into segments first")]
    OffloadUnit,
    /// Too few free pages.
    #[error(
        "cutting the packet takes up to {0} free pages; lend more, or wait until some are back"
    )]
    NoPages(usize),
}

/// A packet that was not cut, as it was.
#[derive(Debug)]
pub struct Uncut {
    /// The packet.
    pub packet: Packet,
    /// Why.
    pub error: Error,
}

/// Bytes of payload in each fragment but the last, of packets without options (or extension
/// headers) that go through `mtu`.
pub const fn room(mtu: usize, is_v6: bool) -> usize {
    let headers = if is_v6 { Ipv6::LEN + Fragment::LEN } else { Ipv4::LEN };
    mtu.saturating_sub(headers) & !7
}

/// Cuts `packet`, which begins with its IP header, into fragments of at most `mtu` bytes, which
/// go to the back of `out` and begin with theirs; a packet that fits goes there as it is. Says
/// how many there are.
///
/// `identification` must not be one that fragments between the same two hosts had in the last
/// minute; of IPv4's, 16 bits count. A partial checksum is completed, since no device could.
/// Pages are taken from the front of `free`; what is not needed any more goes to its back.
pub fn cut(
    mut packet: Packet,
    mtu: usize,
    identification: u32,
    free: &mut Batch,
    out: &mut Batch,
) -> Result<usize, Uncut> {
    let plan = match Plan::new(&mut packet, mtu, identification, free.len()) {
        Ok(Some(plan)) => plan,
        Ok(None) => {
            out.push_back(packet);
            return Ok(1);
        }
        Err(error) => return Err(Uncut { packet, error }),
    };
    packet.cut_front(plan.cut);
    let mut share = Share { free, fragments: out, room: plan.room, left: 0, count: 0 };
    let mut rest = Some(packet);
    while let Some(mut page) = rest {
        rest = page.take_next();
        share.page(page);
    }
    let count = share.count;
    let first = out.len() - count;
    let mut offset = 0;
    for (index, fragment) in out.range_mut(first..).enumerate() {
        let len = fragment.frame_len();
        plan.put_headers(fragment, offset, len, index + 1 < count, free);
        offset += len;
    }
    Ok(count)
}

/// How a packet is to be cut.
struct Plan {
    is_v6: bool,
    /// Headers of the first fragment, and of every other (which repeats fewer of IPv4's options).
    first: ([u8; HEADERS], usize),
    other: ([u8; HEADERS], usize),
    /// Bytes of the packet's own headers, which are cut off.
    cut: usize,
    /// Payload of each fragment but the last.
    room: usize,
}

impl Plan {
    /// `None` if the packet fits as it is. The only change to the packet is that its checksum is
    /// completed.
    fn new(
        packet: &mut Packet,
        mtu: usize,
        identification: u32,
        free: usize,
    ) -> Result<Option<Self>, Error> {
        if packet.offload().segmentation.is_some() {
            return Err(Error::OffloadUnit);
        }
        let whole = packet.frame_len();
        let is_v6 = packet.bytes().first().is_some_and(|byte| byte >> 4 == 6);
        if whole <= mtu {
            return Ok(None);
        }
        let mut plan = if is_v6 {
            Self::v6(packet.bytes(), whole, identification)?
        } else {
            Self::v4(packet.bytes(), whole, identification as u16)?
        };
        plan.room = mtu.saturating_sub(plan.first.1) & !7;
        if plan.room == 0 {
            return Err(Error::MtuTooSmall(mtu));
        }
        // One for each cut within a page, one for each page without room for headers in front.
        let headroom = plan.first.1 + LINK;
        let cramped = packet.pages().filter(|page| page.headroom() < headroom).count();
        let needed = (whole - plan.cut) / plan.room + cramped;
        if free < needed {
            return Err(Error::NoPages(needed));
        }
        checksum::complete(packet)?;
        Ok(Some(plan))
    }

    fn v4(bytes: &[u8], whole: usize, identification: u16) -> Result<Self, Error> {
        let (ip, payload) = Ipv4::read_start(bytes, whole)?;
        if ip.dont_fragment() {
            return Err(Error::DontFragment);
        }
        if ip.len() + payload != whole || ip.is_fragment() {
            return Err(Malformed::Length.into());
        }
        let mut first = [0; HEADERS];
        first[..ip.len()].copy_from_slice(ip.as_bytes());
        let mut copied = [0; Ipv4::MAX_OPTIONS];
        let mut copied_len = 0;
        for option in ip.options() {
            let option = option?;
            if option.is_copied() {
                let len = 2 + option.data.len();
                let room = copied.get_mut(copied_len..copied_len + len).ok_or(Malformed::Length)?;
                write_option(room, &option);
                copied_len += len;
            }
        }
        let copied_len = copied_len.next_multiple_of(4);
        let mut other = [0; HEADERS];
        let other_len = Ipv4::LEN + copied_len;
        let (header, _) = Ipv4::create(&mut other[..other_len], copied_len)?;
        header.option_bytes_mut().copy_from_slice(&copied[..copied_len]);
        header.set_dscp(ip.dscp());
        header.set_ecn(ip.ecn());
        header.set_ttl(ip.ttl());
        header.set_protocol(ip.protocol());
        header.set_source(ip.source());
        header.set_destination(ip.destination());
        let (first_len, cut) = (ip.len(), ip.len());
        for (header, len) in [(&mut first, first_len), (&mut other, other_len)] {
            // Each header for itself: its payload is still to come.
            header[2..4].copy_from_slice(&(len as u16).to_be_bytes());
            let (ip, _) = Ipv4::read_mut(&mut header[..len])?;
            ip.set_identification(identification);
            ip.set_dont_fragment(false);
        }
        let (first, other) = ((first, first_len), (other, other_len));
        Ok(Self { is_v6: false, first, other, cut, room: 0 })
    }

    fn v6(bytes: &[u8], whole: usize, identification: u32) -> Result<Self, Error> {
        let (ip, payload) = Ipv6::read_start(bytes, whole)?;
        if Ipv6::LEN + payload != whole {
            return Err(Malformed::Length.into());
        }
        // What routers on the way look at stays in front of the fragment header.
        let (mut len, mut pointer) = (Ipv6::LEN, Ipv6::NEXT_HEADER_OFFSET);
        let mut next = ip.next_header();
        while matches!(next, Protocol::HOP_BY_HOP | Protocol::ROUTING) {
            let &[number, units, ..] = bytes.get(len..).unwrap_or_default() else {
                return Err(Malformed::Truncated.into());
            };
            pointer = len;
            len += (usize::from(units) + 1) * 8;
            next = Protocol(number);
        }
        let mut header = [0; HEADERS];
        let headers = len + Fragment::LEN;
        let (front, behind) = header.get_mut(..headers).ok_or(Malformed::Length)?.split_at_mut(len);
        front.copy_from_slice(bytes.get(..len).ok_or(Malformed::Truncated)?);
        front[pointer] = Protocol::FRAGMENT.0;
        behind.copy_from_slice(Fragment::new(next, 0, false, identification).as_bytes());
        let header = (header, headers);
        Ok(Self { is_v6: true, first: header, other: header, cut: len, room: 0 })
    }

    /// Puts headers in front of a fragment's payload of `len` bytes: into its first page, or where
    /// that has no room, into a page of their own.
    fn put_headers(
        &self,
        fragment: &mut Packet,
        offset: usize,
        len: usize,
        more: bool,
        free: &mut Batch,
    ) {
        let (bytes, headers) = if offset == 0 { &self.first } else { &self.other };
        if fragment.headroom() < headers + LINK
            && let Some(mut page) = free.pop_front()
        {
            page.clear();
            core::mem::swap(fragment, &mut page);
            fragment.append(page);
        }
        let Some(room) = fragment.push_front(*headers) else { return };
        room.copy_from_slice(&bytes[..*headers]);
        if self.is_v6 {
            let at = headers - Fragment::LEN;
            if let Ok((header, _)) = Fragment::read_mut(&mut room[at..]) {
                header.set_offset(offset);
                header.set_more_fragments(more);
            }
            if let Ok((ip, _)) = Ipv6::create(room) {
                ip.set_payload_length((headers - Ipv6::LEN + len) as u16);
            }
        } else if let Ok((ip, _)) = Ipv4::read_mut(room) {
            ip.set_fragment_offset(offset);
            ip.set_more_fragments(more);
            ip.set_total_length((headers + len) as u16);
            ip.update_checksum();
        }
    }
}

fn write_option(to: &mut [u8], option: &ipv4::Option<'_>) {
    if let [kind, len, data @ ..] = to {
        *kind = option.kind;
        *len = 2 + option.data.len() as u8;
        data.copy_from_slice(option.data);
    }
}

/// Shares pages out to fragments.
struct Share<'a> {
    free: &'a mut Batch,
    fragments: &'a mut Batch,
    room: usize,
    /// How much more the last fragment takes.
    left: usize,
    count: usize,
}

impl Share<'_> {
    fn page(&mut self, mut page: Packet) {
        if page.len() == 0 {
            self.free.push_back(page);
            return;
        }
        if self.left == 0 {
            self.left = self.room;
        }
        // What belongs to later fragments is copied out; the page stays where it begins.
        let keep = page.len().min(self.left);
        let mut copies = Queue::new();
        for part in page.bytes()[keep..].chunks(self.room) {
            let Some(mut copy) = self.free.pop_front() else { break };
            copy.clear();
            if let Some(bytes) = copy.push_back(part.len()) {
                bytes.copy_from_slice(part);
            }
            copies.push_back(copy);
        }
        page.truncate(keep);
        self.add(page);
        while let Some(copy) = copies.pop_front() {
            self.left = self.room;
            self.add(copy);
        }
    }

    /// Adds a page that the last fragment has room for.
    fn add(&mut self, page: Packet) {
        let begins = self.left == self.room;
        self.left -= page.len();
        match self.fragments.last_mut() {
            Some(last) if !begins => last.append(page),
            _ => {
                self.fragments.push_back(page);
                self.count += 1;
            }
        }
    }
}
