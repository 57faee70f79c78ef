//! Four threads take, fill, chain, hand on, recycle and drop packets of two small pools, all at
//! once. Every packet carries a mark of who filled it in every byte it has; a page with two
//! owners would show marks that differ. In the end all pages are home.
//!
//! Also for valgrind, which sees what the marks do not (the one "possibly lost" block is std's
//! handle of the main thread):
//!
//! ```text
//! STRESS_TURNS=20000 PROPTEST_CASES=20 \
//! CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="valgrind -q --error-exitcode=9 --fair-sched=yes \
//!   --leak-check=full --show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite,indirect" \
//!   cargo test -p cofferdam-packet --test buffer --test stress
//! ```

use packet::{Contiguous, Packet, Pool};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

const THREADS: usize = 4;
/// Few pages, so that the pools run dry all the time and pages change threads at once.
const PAGES: usize = 96;

/// Under valgrind everything takes fifty times as long: `STRESS_TURNS` says how often.
fn turns() -> u32 {
    let turns = std::env::var("STRESS_TURNS").ok().and_then(|turns| turns.parse().ok());
    turns.unwrap_or(2_000_000)
}

fn fill(packet: &mut Packet, mark: u8) {
    packet.push_back(64).unwrap().fill(mark);
}

fn check(packet: &Packet) {
    for page in packet.pages() {
        let bytes = page.bytes();
        assert_eq!(bytes.len(), 64);
        assert!(bytes.iter().all(|byte| *byte == bytes[0]), "two owners wrote to one page");
    }
}

/// A small generator of numbers without meaning (xorshift).
struct Dice(u32);

impl Dice {
    fn throw(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }
}

fn work(me: usize, mut pools: [Pool; 2], to: &SyncSender<Packet>, from: &Receiver<Packet>) {
    let mut dice = Dice(0x9e37_79b9 ^ (me as u32 + 1));
    let mut held: Vec<Packet> = Vec::new();
    for turn in 0..turns() {
        let which = dice.throw() as usize % 2;
        match dice.throw() % 8 {
            0..=2 => {
                if let Some(mut packet) = pools[which].allocate() {
                    fill(&mut packet, (turn as u8) << 2 | me as u8);
                    held.push(packet);
                }
            }
            3 => {
                if let (Some(mut first), Some(rest)) = (held.pop(), held.pop()) {
                    first.append(rest);
                    held.push(first);
                }
            }
            4 => {
                if let Some(packet) = held.pop() {
                    check(&packet);
                    // A full channel gives the packet back inside the error, which drops it here.
                    drop(to.try_send(packet));
                }
            }
            5 => {
                if let Ok(packet) = from.try_recv() {
                    check(&packet);
                    held.push(packet);
                }
            }
            6 => {
                if let Some(packet) = held.pop() {
                    check(&packet);
                    pools[which].recycle(packet);
                }
            }
            _ => {
                if dice.throw().is_multiple_of(16) {
                    // A new handle; the old one gives its cache away.
                    pools[which] = pools[which].clone();
                    assert!(pools[which].statistics().away <= PAGES);
                }
                drop(held.pop());
            }
        }
        if held.len() > 24 {
            held.clear();
        }
    }
}

#[test]
fn pages_have_one_owner_across_threads_and_all_come_home() {
    let pools = [Pool::plain(PAGES), Pool::registered(Contiguous::new(PAGES).unwrap())];
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| sync_channel(16)).unzip();
    let mut workers = Vec::new();
    for (me, from) in receivers.into_iter().enumerate() {
        let to = senders[(me + 1) % THREADS].clone();
        let pools = pools.clone();
        workers.push(thread::spawn(move || work(me, pools, &to, &from)));
    }
    drop(senders);
    for worker in workers {
        worker.join().unwrap();
    }
    for mut pool in pools {
        assert_eq!(pool.statistics().away, 0);
        let all: Vec<_> = std::iter::from_fn(|| pool.allocate()).collect();
        assert_eq!(all.len(), PAGES);
    }
}
