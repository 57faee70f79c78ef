//! One UDP datagram in its packet: getters, setters, and the way back.

use super::plain::{self, Plain};
use crate::Error;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::num::NonZeroU64;
use packet::header::ethernet::{EtherType, Ethernet, Mac};
use packet::header::ipv4::Ipv4;
use packet::header::ipv6::{Ipv6, extension};
use packet::header::udp::Udp;
use packet::header::vlan::Vlan;
use packet::header::{Malformed, Protocol};
use packet::{Checksum, Packet};

/// Most bytes that one datagram can carry over IPv4; the same bound is kept for IPv6.
pub const LONGEST_PAYLOAD: usize = 65_507;

/// Where the headers of a datagram lie in its frame.
///
/// All of it is one number, so that it is handed on in a register: in memory it would be written
/// in pieces and read back whole, which costs more than finding it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(NonZeroU64);

impl Place {
    /// `None` if the headers lie further behind than any can.
    #[inline]
    fn new(is_v4: bool, ip: usize, udp: usize, payload: usize) -> Option<Self> {
        const MOST: usize = u16::MAX as usize;
        if ip > MOST || udp > MOST || payload > MOST {
            return None;
        }
        let number = ip as u64 | (udp as u64) << 16 | (payload as u64) << 32;
        NonZeroU64::new(number | u64::from(is_v4) << 48).map(Self)
    }

    #[inline]
    const fn part(self, number: u32) -> usize {
        (self.0.get() >> (16 * number)) as u16 as usize
    }

    /// First byte of the IP header.
    #[inline]
    pub(crate) const fn ip(self) -> usize {
        self.part(0)
    }

    /// First byte of the UDP header.
    #[inline]
    pub(crate) const fn udp(self) -> usize {
        self.part(1)
    }

    /// Bytes of payload.
    #[inline]
    pub(crate) const fn payload(self) -> usize {
        self.part(2)
    }

    /// Whether the IP header is one of version 4.
    #[inline]
    pub(crate) const fn is_v4(self) -> bool {
        self.part(3) != 0
    }

    /// Finds them. Checksums are not looked at.
    #[inline]
    pub(crate) fn of(packet: &Packet) -> Option<Self> {
        match Plain::of(packet) {
            Some(Plain { is_v4, udp, end }) => {
                Self::new(is_v4, plain::IP, udp, end - udp - Udp::LEN)
            }
            None => Self::behind(packet),
        }
    }

    #[cold]
    fn behind(packet: &Packet) -> Option<Self> {
        Self::search(packet).ok()
    }

    /// Finds them behind tags, options, extension headers, in chains.
    #[cold]
    fn search(packet: &Packet) -> Result<Self, Malformed> {
        let bytes = packet.bytes();
        let (ethernet, behind) = Ethernet::read(bytes)?;
        let (ethertype, ip) = if ethernet.ethertype == EtherType::VLAN {
            (Vlan::read(behind)?.0.ethertype, Ethernet::LEN + Vlan::LEN)
        } else {
            (ethernet.ethertype, Ethernet::LEN)
        };
        let whole = if packet.next().is_none() { bytes.len() } else { packet.frame_len() };
        let behind = bytes.get(ip..).unwrap_or_default();
        let (is_v4, udp, transport) = match ethertype {
            EtherType::IPV4 => {
                let (header, payload) = Ipv4::read_start(behind, whole - ip)?;
                if header.protocol() != Protocol::UDP || header.is_fragment() {
                    return Err(Malformed::Field);
                }
                (true, ip + header.len(), payload)
            }
            EtherType::IPV6 => {
                let (_, payload) = Ipv6::read_start(behind, whole - ip)?;
                let Ok(upper) = extension::upper(behind) else { return Err(Malformed::Field) };
                if upper.protocol != Protocol::UDP {
                    return Err(Malformed::Field);
                }
                let extensions = upper.offset - Ipv6::LEN;
                (false, ip + upper.offset, payload.saturating_sub(extensions))
            }
            _ => return Err(Malformed::Field),
        };
        let (_, payload) = Udp::read_start(bytes.get(udp..).unwrap_or_default(), transport)?;
        Self::new(is_v4, ip, udp, payload).ok_or(Malformed::Length)
    }

    /// Why none were found.
    #[cold]
    fn why_not(packet: &Packet) -> Malformed {
        Self::search(packet).err().unwrap_or(Malformed::Length)
    }

    /// First byte of the payload.
    #[inline]
    pub(crate) const fn payload_start(self) -> usize {
        self.udp() + Udp::LEN
    }
}

/// A view of a packet that holds a whole frame with a UDP datagram in it.
///
/// Nothing is copied: the view reads and writes the packet's own bytes. What a change does to
/// checksums is noted in the packet and carried out once, when it is sent; a datagram that is
/// only flipped keeps the checksum that it came with.
#[derive(Debug)]
pub struct Datagram<'a> {
    packet: &'a mut Packet,
    place: Place,
}

impl<'a> Datagram<'a> {
    /// Looks at a frame from the first byte of its Ethernet header.
    #[inline]
    pub fn read(packet: &'a mut Packet) -> Result<Self, Malformed> {
        match Place::of(packet) {
            Some(place) => Ok(Self { packet, place }),
            None => Err(Place::why_not(packet)),
        }
    }

    /// From whom.
    #[inline]
    pub fn source(&self) -> SocketAddr {
        SocketAddr::new(self.address(12, 8), self.port(0))
    }

    /// To whom.
    #[inline]
    pub fn destination(&self) -> SocketAddr {
        SocketAddr::new(self.address(16, 24), self.port(2))
    }

    /// Bytes that it carries, in all its pages.
    #[inline]
    pub fn payload_len(&self) -> usize {
        self.place.payload()
    }

    /// What it carries. For a chain, what of it lies in the first page; the other pages
    /// ([`Packet::next`]) hold nothing else.
    #[inline]
    pub fn payload(&self) -> &[u8] {
        let bytes = self.packet.bytes();
        let start = self.place.payload_start();
        let end = bytes.len().min(start + self.place.payload());
        bytes.get(start..end).unwrap_or_default()
    }

    /// Copies what it carries, from all its pages, as far as it fits; says how many bytes.
    pub fn copy_payload(&self, to: &mut [u8]) -> usize {
        let len = to.len().min(self.place.payload());
        let to = to.get_mut(..len).unwrap_or_default();
        self.packet.copy_out(self.place.payload_start(), to)
    }

    /// What it carries, to write.
    #[inline]
    pub fn payload_mut(&mut self) -> &mut [u8] {
        self.changed();
        let start = self.place.payload_start();
        let bytes = self.packet.bytes_mut();
        let end = bytes.len().min(start + self.place.payload());
        bytes.get_mut(start..end).unwrap_or_default()
    }

    /// The longest payload that fits into the first page.
    #[inline]
    pub fn payload_capacity(&self) -> usize {
        (self.packet.len() + self.packet.tailroom()).saturating_sub(self.place.payload_start())
    }

    /// Makes the payload `len` bytes long; new bytes are whatever was there. `false`, and nothing
    /// changed, if they do not fit.
    #[inline]
    #[must_use]
    pub fn set_payload_len(&mut self, len: usize) -> bool {
        // What does not fit here fits in no page, and in no chain that came in.
        let (is_v4, ip, udp) = (self.place.is_v4(), self.place.ip(), self.place.udp());
        let Some(place) = Place::new(is_v4, ip, udp, len) else { return false };
        let end = self.place.payload_start() + len;
        if self.packet.next().is_some() {
            if len > self.place.payload() {
                return false;
            }
            self.packet.truncate_frame(end);
        } else if end <= self.packet.len() {
            self.packet.truncate(end);
        } else if self.packet.push_back(end - self.packet.len()).is_none() {
            return false;
        }
        self.changed();
        self.place = place;
        let transport = len + Udp::LEN;
        if is_v4 {
            self.put(ip + 2, ((udp - ip + transport) as u16).to_be_bytes());
        } else {
            let behind = udp - ip - Ipv6::LEN + transport;
            self.put(ip + 4, (behind as u16).to_be_bytes());
        }
        self.put(udp + 4, (transport as u16).to_be_bytes());
        true
    }

    /// Makes it go back to where it came from: addresses, ports and Ethernet addresses. Options
    /// and extension headers that it came with were for the way here, and go.
    #[inline]
    pub fn flip(&mut self) {
        let plain = if self.place.is_v4() { Ipv4::LEN } else { Ipv6::LEN };
        if self.place.udp() - self.place.ip() != plain {
            self.strip(plain);
        }
        let (ip, udp) = (self.place.ip(), self.place.udp());
        let bytes = self.packet.bytes_mut();
        swap::<6>(bytes, 0);
        if self.place.is_v4() {
            swap::<4>(bytes, ip + 12);
        } else {
            swap::<16>(bytes, ip + 8);
        }
        swap::<2>(bytes, udp);
    }

    /// Sends it to somebody: his hardware address is found when it is sent.
    pub fn set_destination(&mut self, destination: SocketAddr) -> Result<(), Error> {
        match destination.ip() {
            IpAddr::V4(ip) if self.place.is_v4() => self.put(self.place.ip() + 16, ip.octets()),
            IpAddr::V6(ip) if !self.place.is_v4() => self.put(self.place.ip() + 24, ip.octets()),
            other => return Err(Error::Family(other)),
        }
        self.put(self.place.udp() + 2, destination.port().to_be_bytes());
        self.put(0, Mac::default().0);
        self.changed();
        Ok(())
    }

    /// Hops that it may still make.
    #[inline]
    pub fn hop_limit(&self) -> u8 {
        let [hops] = self.array(self.place.ip() + if self.place.is_v4() { 8 } else { 7 });
        hops
    }

    /// The hardware address it came from; or, flipped, goes out from.
    #[inline]
    pub fn source_mac(&self) -> Mac {
        Mac(self.array(6))
    }

    /// The packet behind the view.
    pub fn packet(&self) -> &Packet {
        self.packet
    }

    /// Takes out all headers but the plain ones of Ethernet, IP and UDP.
    #[cold]
    fn strip(&mut self, plain: usize) {
        let (is_v4, ip, udp) = (self.place.is_v4(), self.place.ip(), self.place.udp());
        let surplus = udp - ip - plain;
        self.packet.bytes_mut().copy_within(..ip + plain, surplus);
        self.packet.cut_front(surplus);
        let payload = self.place.payload();
        self.place = Place::new(is_v4, ip, udp - surplus, payload).unwrap_or(self.place);
        let transport = payload + Udp::LEN;
        if is_v4 {
            self.put(ip, [0x45]);
            self.put(ip + 2, ((plain + transport) as u16).to_be_bytes());
        } else {
            self.put(ip + 4, (transport as u16).to_be_bytes());
            self.put(ip + 6, [Protocol::UDP.0]);
        }
        self.changed();
    }

    /// Notes that the checksum is to be computed anew.
    #[inline]
    fn changed(&mut self) {
        self.packet.offload_mut().checksum =
            Checksum::Partial { start: self.place.udp() as u16, offset: 6 };
    }

    #[inline]
    fn address(&self, in_v4: usize, in_v6: usize) -> IpAddr {
        if self.place.is_v4() {
            Ipv4Addr::from(self.array(self.place.ip() + in_v4)).into()
        } else {
            Ipv6Addr::from(self.array(self.place.ip() + in_v6)).into()
        }
    }

    #[inline]
    fn port(&self, at: usize) -> u16 {
        u16::from_be_bytes(self.array(self.place.udp() + at))
    }

    /// Bytes of a header. They are there: `read` saw to it.
    #[inline]
    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        let rest = self.packet.bytes().get(at..).unwrap_or_default();
        rest.first_chunk().copied().unwrap_or([0; N])
    }

    #[inline]
    fn put<const N: usize>(&mut self, at: usize, value: [u8; N]) {
        let rest = self.packet.bytes_mut().get_mut(at..).unwrap_or_default();
        if let Some(field) = rest.first_chunk_mut() {
            *field = value;
        }
    }
}

/// Swaps two neighbouring fields of `N` bytes each.
#[inline]
fn swap<const N: usize>(bytes: &mut [u8], at: usize) {
    let pair = bytes
        .get_mut(at..at + 2 * N)
        .and_then(|pair| pair.as_chunks_mut::<N>().0.first_chunk_mut());
    if let Some([first, second]) = pair {
        core::mem::swap(first, second);
    }
}
