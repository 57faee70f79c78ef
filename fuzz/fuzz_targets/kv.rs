//! Requests to the key-value server: datagrams of any bytes, and requests whose answers a map
//! foretells.
#![no_main]

use cofferdam_fuzz::Input;
use kv::{Options, Outlet, Server, Store, Time, WhenFull};
use libfuzzer_sys::fuzz_target;
use packet::{Packet, Pool};
use std::collections::{HashMap, VecDeque};

const FRAME: [u8; 8] = [0xca, 0xfe, 0, 0, 0, 1, 0, 0];

struct Answers {
    pool: Pool,
    payloads: Vec<u8>,
    datagrams: usize,
}

impl Outlet<Packet> for Answers {
    fn spare(&mut self, _: &Packet) -> Option<Packet> {
        self.pool.allocate()
    }

    fn answer(&mut self, answer: Packet) {
        let bytes = answer.bytes();
        assert!((8..=1400).contains(&bytes.len()));
        assert_eq!(bytes[..2], FRAME[..2], "the client's number comes back");
        assert_eq!(usize::from(bytes[2]) << 8 | usize::from(bytes[3]), self.datagrams);
        self.datagrams += 1;
        self.payloads.extend_from_slice(&bytes[8..]);
    }

    fn discard(&mut self, _: Packet) {}
}

/// The server's answer to a datagram.
fn ask(server: &mut Server, pool: &Pool, now: Time, request: &[u8]) -> Vec<u8> {
    let mut answers = Answers { pool: pool.clone(), payloads: Vec::new(), datagrams: 0 };
    let Some(mut packet) = answers.pool.allocate() else { panic!("a packet was lost") };
    let Some(space) = packet.push_back(8 + request.len()) else { return Vec::new() };
    space[..8].copy_from_slice(&FRAME);
    space[8..].copy_from_slice(request);
    server.process_batch(now, &mut VecDeque::from([packet]), &mut answers);
    answers.payloads
}

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let pool = Pool::plain(64);
    let now = Time(1_700_000_000);
    // Enough for all that an input can store, so that nothing is evicted and the map is right.
    let options = Options { capacity: 1 << 12, memory: 8 << 20, when_full: WhenFull::Refuse };
    let Ok(mut server) = Store::new(&options).and_then(|store| Server::new(store, now)) else {
        return;
    };
    let mut model: HashMap<u8, Vec<u8>> = HashMap::new();
    while !input.is_empty() {
        let (what, key) = (input.byte(), input.byte() % 16);
        match what % 8 {
            0 | 1 => {
                let len = input.byte();
                let value = input.bytes(usize::from(len)).to_vec();
                let head = format!("set m{key} 3 0 {}\r\n", value.len()).into_bytes();
                let request = [&head, &value[..], b"\r\n"].concat();
                assert_eq!(ask(&mut server, &pool, now, &request), b"STORED\r\n");
                model.insert(key, value);
            }
            2 | 3 => {
                let expected = match model.get(&key) {
                    Some(value) => {
                        let head = format!("VALUE m{key} 3 {}\r\n", value.len()).into_bytes();
                        [&head, &value[..], b"\r\nEND\r\n"].concat()
                    }
                    None => b"END\r\n".to_vec(),
                };
                let request = format!("get m{key}\r\n").into_bytes();
                assert_eq!(ask(&mut server, &pool, now, &request), expected);
            }
            4 => {
                let request = format!("delete m{key}\r\n").into_bytes();
                let expected: &[u8] =
                    if model.remove(&key).is_some() { b"DELETED\r\n" } else { b"NOT_FOUND\r\n" };
                assert_eq!(ask(&mut server, &pool, now, &request), expected);
            }
            _ => {
                // Anything. It may change what the map knows of, so the map begins anew.
                let len = input.number() % 3000;
                ask(&mut server, &pool, now, input.bytes(len));
                ask(&mut server, &pool, now, b"flush_all\r\n");
                model.clear();
            }
        }
        assert!(server.store().bytes() <= options.memory);
    }
    assert_eq!(pool.statistics().away, 0, "every packet is back");
});
