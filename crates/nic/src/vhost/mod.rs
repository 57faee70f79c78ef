//! vhost-user: frames through memory shared with another process.
//!
//! The protocol has two sides, and both are here.
//!
//! * [`Driver`] has the frames of a program like this one: it lends its packets to a switch
//!   (DPDK's `net_vhost`, VPP, Open vSwitch), which reads and fills them where they lie. No copy
//!   on our side.
//! * [`Device`] is what a virtual machine (QEMU) finds as its network card. It copies between the
//!   guest's memory and our packets, for a guest's memory is not ours to lend.
//!
//! # What the other side can do to us
//!
//! Neither side trusts what the other writes: every index, descriptor number, length and address
//! is checked against what this side knows, wrong ones are counted ([`Statistics::malformed`])
//! or end the device, and nothing in shared memory is ever a pointer. What cannot be checked is
//! the *content of pages*: the peer of a [`Driver`] maps the whole pool it was opened with. It can
//! read and change any page of that pool at any time, also packets it was not sent, also while
//! they are parsed, and after they were checked. So give the device a pool of its own, or open it
//! with [`DriverOptions::private`]: then the peer maps only pages of the driver's, and each frame
//! is copied out of them before anybody looks at it, and into them when it is sent.
//!
//! [`Statistics::malformed`]: crate::Statistics::malformed

mod device;
mod driver;
mod guest;
mod message;
mod ring;
mod slots;

use message::feature;

pub use device::{Device, DeviceOptions};
pub use driver::{Driver, DriverOptions};
