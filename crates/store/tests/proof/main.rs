//! Proof of what the store promises: whole after any crash, no lie after any change from outside,
//! nothing to be read on its medium, a clear error for whatever goes wrong below.
//!
//! `STORE_SOAK` multiplies how much of it is tried; 1 takes about a minute.

mod crashes;
mod failing;
mod secrecy;
mod snapshot;
mod tampering;
mod trimming;
mod witness;
mod workload;
mod world;

/// How many times as much as usual is to be tried.
fn soak() -> usize {
    std::env::var("STORE_SOAK").map_or(1, |text| text.parse().expect("STORE_SOAK is a number"))
}
