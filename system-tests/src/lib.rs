//! A world for tests and benches: network namespaces that vanish with their threads, child
//! processes that vanish with their guards, and plain Linux peers to talk to.
//!
//! ```no_run
//! use system_tests::{Namespace, World, tool};
//!
//! // Two namespaces joined by a veth pair. Linux has the far end: 10.0.0.2 and fd00::2.
//! let world = World::new();
//! // Whatever is opened inside belongs to the namespace, whichever thread uses it later.
//! let socket = world.far.run(|| std::net::UdpSocket::bind("10.0.0.2:7"));
//! // A program inside, gone when its guard is dropped; and one that is waited for.
//! let server = world.far.start(&["python3", "-m", "http.server"]);
//! tool("arping", "iputils-arping");
//! let answer = world.far.output(&["ip", "address"]);
//! // One namespace alone, for TAP.
//! let alone = Namespace::new();
//! alone.run(|| { /* nic::tap::open("tap0", …) */ });
//! ```
//!
//! Everything here panics when it cannot do its work ([`HugePages`] excepted, without which a bench
//! goes on): a test that cannot run has failed. It needs root, and says so. Nothing is left behind,
//! not even when the test is killed: a namespace lives as long as its thread and what was opened in
//! it, and the kernel ends the children of a thread that ends. Every wait is bounded by
//! [`PATIENCE`].

pub mod frame;
mod huge;
mod mapper;
mod namespace;
mod ordinary;
mod process;
mod raw;
mod setting;
pub mod stranger;
mod world;

pub use huge::HugePages;
pub use mapper::Mapper;
pub use namespace::{Namespace, Rights};
pub use ordinary::Ordinary;
pub use process::{Ended, Process, tool};
pub use raw::{HEADER, Raw, segment_udp};
pub use setting::Setting;
pub use world::{FAR, NEAR, Options, World};

use std::thread::sleep;
use std::time::{Duration, Instant};

/// The longest that anything here waits.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until something holds. What a driver lets go of may live on for a moment in a child that
/// another thread of this process has forked and that has not called exec yet.
///
/// # Panics
///
/// If it does not hold within [`PATIENCE`].
#[track_caller]
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "it never came about that {what}");
        sleep(Duration::from_millis(5));
    }
}
