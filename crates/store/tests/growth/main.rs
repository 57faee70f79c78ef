//! How the store's cost and memory grow with what is in it: costs no faster than the logarithm,
//! memory not at all beyond the cache that was asked for.
//!
//! Costs are counts, never times: what is read from the medium and written to it, in which order of
//! magnitude whatever machine this runs on. Memory is what the allocator gave out at most. The medium
//! is a file in memory, and no part of that.
//!
//! `STORE_GROWTH` says how many files there are at most, and `STORE_GROWTH_PAGES` how many pages the
//! file with holes has; `cargo xtask soak` runs it with a million of both. The numbers themselves are
//! printed: `--nocapture`.

mod cost;
mod holes;
mod medium;
mod memory;
mod names;
mod place;
mod shared;
mod tree;

use std::sync::{Mutex, MutexGuard, PoisonError};

#[global_allocator]
static MEMORY: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

/// To be held by each test: memory is counted for all threads of this process together.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    store::simulation::leave_nonces_unwatched();
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

/// 1,000 and ten times more again and again, up to a number.
fn sizes(most: u64) -> impl Iterator<Item = u64> {
    std::iter::successors(Some(1000), |size| Some(size * 10)).take_while(move |size| *size <= most)
}
