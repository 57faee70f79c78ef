//! Discretely allocated pages, compared with a pool of huge pages.
//!
//! The thesis finds no discernible difference, and so gives every packet a page of its own.

use bench::frame::{Bench, Case, Contest, HugePages, Plan, Side, pin, ticks};
use nic::Nic;
use nic::memory::Memory;
use nic::wire::{Options, wire};
use packet::header::ethernet::Ethernet;
use packet::{Batch, PAGE, Packet, Pool};
use std::time::Instant;

/// Packets handled together.
const BATCH: usize = 32;
/// Pages in each pool: 8 MiB, more than the caches nearest to a core hold.
const PAGES: usize = 2048;
/// Bytes of a frame; the headers of all protocols fit.
const FRAME: usize = 64;

pub(crate) fn bench() -> Bench {
    Bench {
        name: "pages",
        about: "discretely allocated pages compared with a huge-page pool",
        packages: &[],
        axis: None,
        contests,
    }
}

fn contests(_: &Plan) -> Vec<Contest> {
    let goal = 1.0 / 0.97;
    let case = |name: &str| [Case::lower(name, "ticks/packet").goal(goal)];
    vec![
        Contest::new(
            "huge-page pool",
            case("allocate, touch, free"),
            |plan| Ok(cycle(plan, discrete(), BATCH)),
            |plan| Ok(cycle(plan, huge()?, BATCH)),
        ),
        Contest::new(
            "huge-page pool",
            case("allocate, touch, free all"),
            |plan| Ok(cycle(plan, discrete(), PAGES)),
            |plan| Ok(cycle(plan, huge()?, PAGES)),
        ),
        Contest::new(
            "huge-page pool",
            case("forward"),
            |plan| Ok(forward(plan, discrete())),
            |plan| Ok(forward(plan, huge()?)),
        ),
    ]
}

/// A pool, and what must outlive it.
type Open = (Pool, Option<HugePages>);

fn discrete() -> Open {
    (warm(Pool::plain(PAGES)), None)
}

fn huge() -> Result<Open, String> {
    let pages = HugePages::of(PAGES * PAGE)?;
    let region = Memory::private(PAGES, true).map_err(|error| error.to_string())?;
    Ok((warm(Pool::registered(region)), Some(pages)))
}

/// Has every page of the pool exist, and go home again.
fn warm(mut pool: Pool) -> Pool {
    let mut all = Batch::new();
    pool.allocate_batch(&mut all, PAGES);
    for packet in &mut all {
        packet.page_mut().fill(1);
    }
    pool.recycle_batch(&mut all);
    pool
}

/// Writes a frame's headers.
fn touch(packet: &mut Packet) {
    if let Some(bytes) = packet.push_back(FRAME) {
        bytes.fill(2);
    }
}

/// Allocates `count` packets, touches the headers of each, frees them.
fn cycle(plan: &Plan, (mut pool, pages): Open, count: usize) -> Side {
    let mut batch = Batch::with_capacity(count);
    let slice = plan.slice;
    Box::new(move || {
        let (_pinned, _pages) = (pin(0)?, &pages);
        let mut packets = 0;
        let (begin, start) = (Instant::now(), ticks());
        while begin.elapsed() < slice {
            // Reading the clock is spread over some thousand packets.
            for _ in 0..4 * PAGES / count {
                pool.allocate_batch(&mut batch, count);
                batch.iter_mut().for_each(touch);
                packets += batch.len();
                pool.recycle_batch(&mut batch);
            }
        }
        Ok(vec![ticks().wrapping_sub(start) as f64 / packets as f64])
    })
}

/// Sends frames into one end of a wire, and forwards them from the other back to the first, with
/// their addresses turned round.
fn forward(plan: &Plan, (mut pool, pages): Open) -> Side {
    let (mut near, mut far) = wire(&Options::default());
    let (mut ready, mut free, mut turned) = (Batch::new(), Batch::new(), Batch::new());
    let mut near_free = Batch::new();
    pool.allocate_batch(&mut free, PAGES / 4);
    pool.allocate_batch(&mut near_free, PAGES / 4);
    let slice = plan.slice;
    Box::new(move || {
        let (_pinned, _pages) = (pin(0)?, &pages);
        let said = |error: nic::Error| error.to_string();
        let mut packets = 0;
        let (begin, start) = (Instant::now(), ticks());
        while begin.elapsed() < slice {
            for _ in 0..64 {
                pool.allocate_batch(&mut ready, BATCH);
                ready.iter_mut().for_each(touch);
                near.transmit(&mut ready).map_err(said)?;
                far.receive(&mut free, &mut turned, BATCH).map_err(said)?;
                for packet in &mut turned {
                    if let Ok((ethernet, _)) = Ethernet::read_mut(packet.bytes_mut()) {
                        ethernet.flip();
                    }
                }
                far.transmit(&mut turned).map_err(said)?;
                far.reclaim(&mut free).map_err(said)?;
                packets += near.receive(&mut near_free, &mut ready, BATCH).map_err(said)?;
                pool.recycle_batch(&mut ready);
                near.reclaim(&mut near_free).map_err(said)?;
            }
        }
        Ok(vec![ticks().wrapping_sub(start) as f64 / packets as f64])
    })
}
