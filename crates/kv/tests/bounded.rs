//! The store takes the memory it was given when it is made, and none after.
//!
//! **Why unsafe is allowed here:** a global allocator that counts cannot be written without.
#![allow(unsafe_code)]

use kv::{Condition, Datagram, Key, Options, Outlet, Server, Store, Time, WhenFull, Write};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::VecDeque;

struct Counting;

thread_local! {
    /// Bytes allocated by this thread and not freed, and calls for memory.
    static HELD: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

fn held() -> (usize, usize) {
    HELD.get()
}

fn count(more: usize, less: usize) {
    // A thread on its way out has no counter any more, and nobody who asks for it.
    let _ = HELD.try_with(|held| {
        let (bytes, calls) = held.get();
        held.set((bytes.wrapping_add(more).wrapping_sub(less), calls + usize::from(more > 0)));
    });
}

// SAFETY: all calls are handed to the system's allocator as they are.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) };
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const NOW: Time = Time(1_700_000_000);

/// A datagram that needs no memory.
struct Fixed {
    bytes: [u8; 2048],
    len: usize,
}

impl Datagram for Fixed {
    fn payload(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn room(&self) -> usize {
        self.bytes.len()
    }

    fn resize(&mut self, len: usize) -> Option<&mut [u8]> {
        self.bytes.get(..len)?;
        self.len = len;
        self.bytes.get_mut(..len)
    }
}

#[derive(Default)]
struct Counted {
    answers: usize,
    free: Option<Fixed>,
}

impl Outlet<Fixed> for Counted {
    fn spare(&mut self, _: &Fixed) -> Option<Fixed> {
        None
    }

    fn answer(&mut self, answer: Fixed) {
        self.answers += 1;
        self.free = Some(answer);
    }

    fn discard(&mut self, datagram: Fixed) {
        self.free = Some(datagram);
    }
}

#[test]
fn a_store_never_grows() {
    for when_full in [WhenFull::Evict, WhenFull::Refuse] {
        let options = Options { capacity: 1 << 12, memory: 2 << 20, when_full };
        let (before, _) = held();
        let mut store = Store::new(&options).unwrap();
        let (made, _) = held();
        let limit = options.memory + options.capacity * 8;
        // The third part is what is kept about pages: 16 bytes for each 64 KiB.
        let taken = made.wrapping_sub(before);
        assert!(taken <= limit + options.memory / 4096, "{taken} bytes");
        let value = vec![0x5a; 300_000];
        let key_bytes: Vec<[u8; 4]> = (0..30_000_u32).map(u32::to_be_bytes).collect();
        let (_, calls_made) = held();
        let mut random = 1_u64;
        for key in &key_bytes {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let len = match random >> 61 {
                0 => random >> 40 & 0x3ffff,
                1..=3 => random >> 40 & 0xfff,
                _ => random >> 40 & 0x7f,
            } as usize;
            let condition = if (random >> 32).trailing_zeros() >= 3 {
                Condition::Append
            } else {
                Condition::Set
            };
            let write = Write { condition, flags: 0, expiry: 0, cas: 0, value: &value[..len] };
            let key = &key[..2 + (random >> 35 & 1) as usize * 2];
            store.write(Key::new(key).unwrap(), &write, NOW);
            assert!(store.bytes() <= options.memory);
        }
        assert_eq!(held().1, calls_made, "no operation asks for memory");
        assert!(store.bytes() + (64 << 10) > options.memory, "and all that was given is used");
        let evicted = store.counters().evictions > 0;
        assert_eq!(evicted, when_full == WhenFull::Evict);
        assert_eq!(store.counters().refused > 0, when_full == WhenFull::Refuse);
    }
}

#[test]
fn answers_of_one_datagram_ask_for_no_memory() {
    let options = Options { capacity: 1 << 12, memory: 1 << 20, ..Options::default() };
    let mut server = Server::new(Store::new(&options).unwrap(), NOW).unwrap();
    let mut requests = VecDeque::with_capacity(1);
    let mut outlet = Counted::default();
    let mut free = Some(Fixed { bytes: [0; 2048], len: 0 });
    let texts: Vec<String> = (0..2000)
        .map(|number| match number % 5 {
            0 => format!("set k{} 0 0 5\r\nhello\r\n", number % 70),
            1 => format!("get k{} k2 k3\r\n", number % 90),
            2 => format!("incr k{} 1\r\nget k1\r\n", number % 9),
            3 => format!("delete k{}\r\nnonsense\r\n", number % 99),
            _ => "stats\r\n".to_owned(),
        })
        .collect();
    let (_, before) = held();
    for text in &texts {
        let mut datagram = free.take().unwrap();
        datagram.bytes[..8].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
        datagram.bytes[8..8 + text.len()].copy_from_slice(text.as_bytes());
        datagram.len = 8 + text.len();
        requests.push_back(datagram);
        server.process_batch(NOW, &mut requests, &mut outlet);
        free = outlet.free.take();
    }
    assert_eq!(held().1, before);
    assert_eq!(outlet.answers, texts.len());
}
