//! What no host would send: pings by the hundred thousand, floods, rubbish.

use crate::end::{mac, v6};
use core::net::Ipv4Addr;
use system_tests::stranger::{ICMPV4, Piece, Stranger, UDP};

/// Frames of which each round gets one or several.
pub(crate) struct Noise {
    frames: Vec<Vec<u8>>,
}

impl Noise {
    /// From a stranger at `from`'s end to the host `to`.
    pub(crate) fn new(from: u8, to: u8) -> Self {
        let stranger = Stranger {
            hardware: (mac(0x66), mac(to)),
            v4: ([10, 0, 0, from].into(), [10, 0, 0, to].into()),
            v6: (v6(from), v6(to)),
        };
        let nobody = Stranger { hardware: (mac(0x66), mac(0x67)), ..stranger };
        let piece = |number, start, more| Some(Piece { number, start, more });
        let mut frames = vec![
            // Answered: the answer goes to whoever has the address.
            stranger.ping4(1, &[1; 56]),
            stranger.ping6(2, &[2; 56]),
            stranger.arp(1, [10, 0, 0, 77].into(), stranger.v4.1),
            stranger.solicitation(),
            // For nobody.
            stranger.udp4((9, 9), b"nobody"),
            stranger.udp6((9, 9), b"nobody"),
            nobody.udp4((9, 7), b"somebody else"),
            stranger.arp(1, [10, 0, 0, 78].into(), [10, 0, 0, 79].into()),
            stranger.advertisement(v6(0x99)),
            stranger.frame(0x88b5, &[0; 46]),
            stranger.packet4(6, None, &[0; 20]),
            stranger.packet4(200, None, &[0; 20]),
            stranger.packet6(200, None, &[0; 20]),
            // Rubbish.
            stranger.frame(0x0806, &[0xff; 28]),
            stranger.frame(0x0800, &[0x4f; 30]),
            stranger.frame(0x86dd, &[0x60; 30]),
            stranger.packet4(ICMPV4, None, &[8, 0, 1, 2, 3, 4, 5, 6]),
            stranger.packet4(UDP, None, &[0, 9, 0, 7, 0, 200, 0, 0]),
            // Fragments that never end, and two that overlap.
            stranger.packet4(UDP, piece(1, 8, true), &[0; 64]),
            stranger.packet6(UDP, piece(1, 8, true), &[0; 64]),
            stranger.packet4(UDP, piece(2, 0, true), &[0; 64]),
            stranger.packet4(UDP, piece(2, 32, true), &[0; 64]),
        ];
        let forged = Stranger { v4: (Ipv4Addr::LOCALHOST, stranger.v4.1), ..stranger };
        frames.push(forged.udp4((9, 7), b"from nowhere"));
        Self { frames }
    }

    /// What to send this round.
    pub(crate) fn of_round(&self, round: u64) -> impl Iterator<Item = &Vec<u8>> {
        let all = self.frames.len();
        // A flood of one kind now and then; else two of them.
        let (first, count) = if round % 64 == 1 {
            ((round / 64) as usize % all, 24)
        } else {
            (round as usize * 2 % all, 2)
        };
        (0..count).filter_map(move |at| {
            let place = if count > 2 { first } else { (first + at) % all };
            self.frames.get(place)
        })
    }
}
