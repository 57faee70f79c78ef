//! Somebody at 10.7.0.1 who answers ARP and ping, by turning frames round.

use packet::{Checksum, Packet};

const ADDRESS: [u8; 4] = [10, 7, 0, 1];
const MAC: [u8; 6] = [2, 0, 0, 0, 7, 1];

/// Counts what it saw.
#[derive(Default)]
pub(crate) struct Responder {
    pub(crate) asked_by_udp: usize,
    pub(crate) left_checksum: usize,
}

impl Responder {
    /// Makes the answer of a question. `false` if there is none.
    pub(crate) fn answer(&mut self, frame: &mut Packet) -> bool {
        self.left_checksum +=
            usize::from(matches!(frame.offload().checksum, Checksum::Partial { .. }));
        let bytes = frame.bytes_mut();
        if bytes.len() < 42 {
            return false;
        }
        let (source, kind) = (bytes[6..12].to_vec(), [bytes[12], bytes[13]]);
        let answered = match kind {
            [8, 6] => arp(bytes),
            [8, 0] if bytes[30..34] == ADDRESS && bytes[23] == 17 => {
                self.asked_by_udp += 1;
                false
            }
            [8, 0] if bytes[30..34] == ADDRESS && bytes[23] == 1 => ping(bytes),
            _ => false,
        };
        if answered {
            bytes[..6].copy_from_slice(&source);
            bytes[6..12].copy_from_slice(&MAC);
        }
        answered
    }
}

fn arp(bytes: &mut [u8]) -> bool {
    if bytes[20..22] != [0, 1] || bytes[38..42] != ADDRESS {
        return false;
    }
    bytes[21] = 2;
    bytes.copy_within(22..32, 32);
    bytes[22..28].copy_from_slice(&MAC);
    bytes[28..32].copy_from_slice(&ADDRESS);
    true
}

/// The request is turned round, each fragment by itself; the type is in the first.
fn ping(bytes: &mut [u8]) -> bool {
    let first = bytes[20].trailing_zeros() >= 5 && bytes[21] == 0;
    if first {
        if bytes[34] != 8 {
            return false;
        }
        bytes[34] = 0;
        // The sum lost 0x0800, so its complement gains it (RFC 1624).
        let sum = u32::from(u16::from_be_bytes([bytes[36], bytes[37]])) + 0x0800;
        let sum = (sum & 0xffff) + (sum >> 16);
        bytes[36..38].copy_from_slice(&(sum as u16).to_be_bytes());
    }
    let source = bytes[26..30].to_vec();
    bytes[30..34].copy_from_slice(&source);
    bytes[26..30].copy_from_slice(&ADDRESS);
    true
}
