//! A stranger on the wire, who sends whatever he likes; written byte by byte, as [`crate::frame`].

use crate::frame::sum;
use core::net::{Ipv4Addr, Ipv6Addr};

/// Numbers of protocols.
pub const ICMPV4: u8 = 1;
/// ICMP for IPv6.
pub const ICMPV6: u8 = 58;
/// UDP.
pub const UDP: u8 = 17;
/// A fragment header of IPv6.
pub const FRAGMENT: u8 = 44;

/// Who sends, and to whom.
#[derive(Clone, Copy, Debug)]
pub struct Stranger {
    /// Hardware addresses: his, and his victim's.
    pub hardware: ([u8; 6], [u8; 6]),
    /// IPv4 addresses: his, and his victim's.
    pub v4: (Ipv4Addr, Ipv4Addr),
    /// IPv6 addresses: his, and his victim's.
    pub v6: (Ipv6Addr, Ipv6Addr),
}

/// A piece of a larger packet: its number, where it begins, whether more follows.
#[derive(Clone, Copy, Debug)]
pub struct Piece {
    /// What all pieces of the packet have in common.
    pub number: u16,
    /// Where its bytes belong; a multiple of eight.
    pub start: u16,
    /// Whether it is not the last.
    pub more: bool,
}

impl Stranger {
    /// A frame with any content.
    pub fn frame(&self, kind: u16, content: &[u8]) -> Vec<u8> {
        let (from, to) = self.hardware;
        [&to[..], &from[..], &kind.to_be_bytes()[..], content].concat()
    }

    /// A packet over IPv4, perhaps a piece of one.
    pub fn packet4(&self, protocol: u8, piece: Option<Piece>, payload: &[u8]) -> Vec<u8> {
        let mut ip = vec![0x45, 0];
        ip.extend((20 + payload.len() as u16).to_be_bytes());
        let Piece { number, start, more } =
            piece.unwrap_or(Piece { number: 0, start: 0, more: false });
        ip.extend(number.to_be_bytes());
        ip.extend(((start / 8) | (u16::from(more) << 13)).to_be_bytes());
        ip.extend([64, protocol, 0, 0]);
        ip.extend(self.v4.0.octets());
        ip.extend(self.v4.1.octets());
        let header = !sum(&ip);
        ip[10..12].copy_from_slice(&header.to_be_bytes());
        ip.extend(payload);
        self.frame(0x0800, &ip)
    }

    /// A packet over IPv6, perhaps a piece of one.
    pub fn packet6(&self, protocol: u8, piece: Option<Piece>, payload: &[u8]) -> Vec<u8> {
        let mut content = Vec::new();
        if let Some(Piece { number, start, more }) = piece {
            content.extend([protocol, 0]);
            content.extend(((start & !7) | u16::from(more)).to_be_bytes());
            content.extend(u32::from(number).to_be_bytes());
        }
        content.extend(payload);
        let mut ip = vec![0x60, 0, 0, 0];
        ip.extend((content.len() as u16).to_be_bytes());
        ip.extend([if piece.is_some() { FRAGMENT } else { protocol }, 255]);
        ip.extend(self.v6.0.octets());
        ip.extend(self.v6.1.octets());
        ip.extend(content);
        self.frame(0x86dd, &ip)
    }

    /// The pseudo header.
    fn pseudo6(&self, protocol: u8, length: usize) -> Vec<u8> {
        let (from, to) = (self.v6.0.octets(), self.v6.1.octets());
        [&from[..], &to[..], &(length as u32).to_be_bytes(), &[0, 0, 0, protocol]].concat()
    }

    /// A complete message of ICMPv6.
    fn icmp6(&self, mut message: Vec<u8>) -> Vec<u8> {
        let covered = [self.pseudo6(ICMPV6, message.len()), message.clone()].concat();
        let checksum = !sum(&covered);
        message[2..4].copy_from_slice(&checksum.to_be_bytes());
        self.packet6(ICMPV6, None, &message)
    }

    /// A ping over IPv4.
    pub fn ping4(&self, number: u16, content: &[u8]) -> Vec<u8> {
        let [high, low] = number.to_be_bytes();
        let mut message = [&[8, 0, 0, 0, 0, 7, high, low], content].concat();
        let checksum = !sum(&message);
        message[2..4].copy_from_slice(&checksum.to_be_bytes());
        self.packet4(ICMPV4, None, &message)
    }

    /// A ping over IPv6.
    pub fn ping6(&self, number: u16, content: &[u8]) -> Vec<u8> {
        let [high, low] = number.to_be_bytes();
        self.icmp6([&[128, 0, 0, 0, 0, 7, high, low], content].concat())
    }

    /// An ARP message: operation 1 asks, 2 answers.
    pub fn arp(&self, operation: u8, sender: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
        let (from, to) = self.hardware;
        let (sender, target) = (sender.octets(), target.octets());
        let parts: [&[u8]; 5] = [&[0, 1, 8, 0, 6, 4, 0, operation], &from, &sender, &to, &target];
        self.frame(0x0806, &parts.concat())
    }

    /// The question who has the victim's IPv6 address.
    pub fn solicitation(&self) -> Vec<u8> {
        let (from, target) = (self.hardware.0, self.v6.1.octets());
        let parts: [&[u8]; 4] = [&[135, 0, 0, 0, 0, 0, 0, 0], &target, &[1, 1], &from];
        self.icmp6(parts.concat())
    }

    /// The claim to have an IPv6 address.
    pub fn advertisement(&self, target: Ipv6Addr) -> Vec<u8> {
        let (from, target) = (self.hardware.0, target.octets());
        let parts: [&[u8]; 4] = [&[136, 0, 0, 0, 0x60, 0, 0, 0], &target, &[2, 1], &from];
        self.icmp6(parts.concat())
    }

    /// A complete datagram over IPv4.
    pub fn udp4(&self, ports: (u16, u16), content: &[u8]) -> Vec<u8> {
        let (from, to) = (self.v4.0.octets(), self.v4.1.octets());
        let length = (8 + content.len()) as u16;
        let pseudo = [&from[..], &to, &[0, UDP], &length.to_be_bytes()].concat();
        self.packet4(UDP, None, &datagram(&pseudo, ports, content))
    }

    /// A complete datagram over IPv6.
    pub fn udp6(&self, ports: (u16, u16), content: &[u8]) -> Vec<u8> {
        let pseudo = self.pseudo6(UDP, 8 + content.len());
        self.packet6(UDP, None, &datagram(&pseudo, ports, content))
    }
}

/// A UDP header and its content, with their checksum.
fn datagram(pseudo: &[u8], (from, to): (u16, u16), content: &[u8]) -> Vec<u8> {
    let length = (8 + content.len()) as u16;
    let mut udp = [from, to, length, 0].map(u16::to_be_bytes).concat();
    udp.extend(content);
    let checksum = match !sum(&[pseudo, &udp].concat()) {
        // Zero would mean that there is none.
        0 => 0xffff,
        checksum => checksum,
    };
    udp[6..8].copy_from_slice(&checksum.to_be_bytes());
    udp
}
