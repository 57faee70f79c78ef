//! Drivers: what carries frames between this process and a wire.
//!
//! All drivers are one small trait, [`Nic`]. A driver never allocates a packet: it fills buffers
//! that its caller lends, and gives back the ones it has sent. Wrappers (`wrap`) are drivers
//! around drivers: they trace, capture, or break things on purpose. `Spec` reads the short form
//! in which people name a driver on a command line (`tap:tap0`, `xdp:eth0,queues=2`).
//!
//! A driver knows frames and nothing inside them; what the bytes mean is `netstack`'s business.

mod batch;
mod chain;
mod error;
pub mod forward;
mod interface;
pub mod memory;
mod nic;
pub mod null;
pub mod packet_socket;
pub mod passt;
pub mod pcap;
mod socket_path;
pub mod spec;
pub mod tap;
pub mod vhost;
mod virtio;
pub mod wire;
pub mod wrap;
pub mod xdp;

pub use error::Error;
pub use memory::Memory;
pub use nic::{Information, Nic, Offloads, Statistics};
pub use spec::Spec;
