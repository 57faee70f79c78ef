//! Our server, asked directly.

use kv::{Datagram, Options, Outlet, Server, Store, Time};
use std::collections::VecDeque;
use std::time::{SystemTime, UNIX_EPOCH};

/// A datagram in a vector, as large as a page would be.
pub(crate) struct Plain {
    pub(crate) bytes: Vec<u8>,
    pub(crate) room: usize,
}

impl Datagram for Plain {
    fn payload(&self) -> &[u8] {
        &self.bytes
    }

    fn room(&self) -> usize {
        self.room
    }

    fn resize(&mut self, len: usize) -> Option<&mut [u8]> {
        (len <= self.room).then(|| {
            self.bytes.resize(len, 0xa5);
            self.bytes.as_mut_slice()
        })
    }
}

/// What came of a request.
#[derive(Default)]
pub(crate) struct Collected {
    pub(crate) answers: Vec<Vec<u8>>,
    pub(crate) discarded: usize,
    /// Spare datagrams that may be had.
    pub(crate) spares: usize,
}

impl Outlet<Plain> for Collected {
    fn spare(&mut self, _: &Plain) -> Option<Plain> {
        self.spares = self.spares.checked_sub(1)?;
        Some(Plain { bytes: Vec::new(), room: 2048 })
    }

    fn answer(&mut self, answer: Plain) {
        self.answers.push(answer.bytes);
    }

    fn discard(&mut self, _: Plain) {
        self.discarded += 1;
    }
}

pub(crate) struct Ours(pub(crate) Server);

impl Ours {
    pub(crate) fn new(options: &Options) -> Self {
        Self(Server::new(Store::new(options).unwrap(), now()).unwrap())
    }

    /// The answer to a request, without frames; these are checked.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Vec<u8> {
        let bytes = [&[0xca, 0xfe, 0, 0, 0, 1, 0, 0], request].concat();
        let mut collected = Collected { spares: 2000, ..Collected::default() };
        let mut requests = VecDeque::from([Plain { bytes, room: 65_535 }]);
        self.0.process_batch(now(), &mut requests, &mut collected);
        let total = collected.answers.len();
        let mut whole = Vec::new();
        for (sequence, answer) in collected.answers.iter().enumerate() {
            let [s1, s0] = (sequence as u16).to_be_bytes();
            let [t1, t0] = (total as u16).to_be_bytes();
            assert_eq!(answer[..8], [0xca, 0xfe, s1, s0, t1, t0, 0, 0]);
            assert!(answer.len() <= 1400);
            assert!(sequence + 1 == total || answer.len() == 1400, "only the last one is short");
            whole.extend_from_slice(&answer[8..]);
        }
        whole
    }
}

pub(crate) fn now() -> Time {
    Time(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as u32)
}
