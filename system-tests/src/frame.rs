//! Frames written byte by byte, as an oracle: nothing here comes from the code that is tested.

/// An address that is nobody's on the machine.
pub const OURS: [u8; 6] = [0x02, 0, 0, 0, 0, 1];
/// Where the IP header of a frame begins.
pub const IP: usize = 14;
/// Where the payload of an IPv4 datagram (UDP) begins.
pub const UDP_PAYLOAD: usize = 14 + 20 + 8;
/// Of an experimental kind, which Linux leaves alone (IEEE 802, local experimental 1).
pub const EXPERIMENTAL: [u8; 2] = [0x88, 0xb5];

/// A frame of the experimental kind; each of its payload bytes depends on its place and `seed`.
pub fn experimental(destination: [u8; 6], source: [u8; 6], length: usize, seed: u8) -> Vec<u8> {
    let mut frame = [&destination[..], &source[..], &EXPERIMENTAL[..]].concat();
    frame.extend(payload(length.saturating_sub(frame.len()), seed));
    frame
}

/// Whether it is of the experimental kind.
pub fn is_experimental(frame: &[u8]) -> bool {
    frame.get(12..14) == Some(&EXPERIMENTAL[..])
}

/// So many bytes, each of which depends on its place and `seed`.
pub fn payload(length: usize, seed: u8) -> Vec<u8> {
    (0..length).map(|place| (place * 7 + place / 256) as u8 ^ seed).collect()
}

/// Who talks to whom in a UDP datagram.
#[derive(Clone, Copy, Debug)]
pub struct Udp {
    /// Hardware addresses: to whom, from whom.
    pub hardware: ([u8; 6], [u8; 6]),
    /// IPv4 addresses: from whom, to whom.
    pub addresses: ([u8; 4], [u8; 4]),
    /// Ports: from which, to which.
    pub ports: (u16, u16),
}

impl Udp {
    /// The datagram as a complete frame.
    pub fn complete(&self, payload: &[u8]) -> Vec<u8> {
        let mut frame = self.partial(payload);
        let sum = !sum(&frame[34..]);
        // Zero would mean that there is none.
        let sum = if sum == 0 { 0xffff } else { sum };
        frame[40..42].copy_from_slice(&sum.to_be_bytes());
        frame
    }

    /// The datagram as a frame whose UDP checksum is left to a device: the field at 40 holds the
    /// sum of the pseudo header.
    pub fn partial(&self, payload: &[u8]) -> Vec<u8> {
        let length = (8 + payload.len()) as u16;
        let mut frame = [&self.hardware.0[..], &self.hardware.1[..], &[8, 0]].concat();
        frame.extend([0x45, 0]);
        frame.extend((20 + length).to_be_bytes());
        // Identification 1, may not be fragmented, 64 hops, UDP, no checksum yet.
        frame.extend([0, 1, 0x40, 0, 64, 17, 0, 0]);
        frame.extend(self.addresses.0);
        frame.extend(self.addresses.1);
        let header = !sum(&frame[14..34]);
        frame[24..26].copy_from_slice(&header.to_be_bytes());
        frame.extend(self.ports.0.to_be_bytes());
        frame.extend(self.ports.1.to_be_bytes());
        frame.extend(length.to_be_bytes());
        let pseudo = [&frame[26..34], &[0, 17], &length.to_be_bytes()].concat();
        frame.extend(sum(&pseudo).to_be_bytes());
        frame.extend(payload);
        frame
    }
}

/// Whether the UDP checksum of a frame over IPv4 is right.
pub fn udp_checksum_holds(frame: &[u8]) -> bool {
    let udp = &frame[34..];
    let pseudo = [&frame[26..34], &[0, 17], &udp[4..6]].concat();
    let total = u32::from(sum(&pseudo)) + u32::from(sum(udp));
    total % 0xffff == 0
}

/// The Internet checksum's sum (not yet complemented), in network byte order.
pub fn sum(bytes: &[u8]) -> u16 {
    let words = bytes
        .chunks(2)
        .map(|pair| u64::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)])));
    let mut total: u64 = words.sum();
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    total as u16
}
