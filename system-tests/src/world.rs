//! Two namespaces and the cable between them.

use crate::{Namespace, eventually};

/// The interface in the near namespace, for a driver to sit on. Linux has no address there.
pub const NEAR: &str = "near0";
/// The interface in the far namespace, where Linux is the peer.
pub const FAR: &str = "far0";

/// How a world is made.
#[derive(Clone, Debug)]
pub struct Options {
    /// Queues of each end.
    pub queues: usize,
    /// MTU of each end.
    pub mtu: usize,
    /// Whether Linux leaves checksums and cutting undone on the cable. A driver that cannot finish
    /// them (`xdp`) needs this off.
    pub offloads: bool,
    /// Whether Linux has its addresses at the far end. Without them it sends nothing on its own,
    /// so that a test can count frames.
    pub addresses: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { queues: 1, mtu: 1500, offloads: true, addresses: true }
    }
}

/// A veth pair between two namespaces.
pub struct World {
    /// Where the driver is.
    pub near: Namespace,
    /// Where Linux answers: 10.0.0.2/24 and `fd00::2/64`, unless told otherwise.
    pub far: Namespace,
}

impl World {
    /// An ordinary one.
    pub fn new() -> Self {
        Self::with(&Options::default())
    }

    /// One on whose cable there is nothing but what a test sends.
    pub fn silent() -> Self {
        Self::with(&Options { addresses: false, ..Options::default() })
    }

    /// One made to order.
    pub fn with(options: &Options) -> Self {
        let (near, far) = (Namespace::new(), Namespace::new());
        let queues = options.queues.to_string();
        let mtu = options.mtu.to_string();
        let both = ["numrxqueues", &queues, "numtxqueues", &queues, "mtu", &mtu];
        let mut pair = vec!["ip", "link", "add", NEAR];
        pair.extend(both);
        pair.extend(["type", "veth", "peer", "name", FAR]);
        pair.extend(both);
        near.output(&pair);
        near.output(&["ip", "link", "set", FAR, "netns", &far.thread()]);
        for (namespace, name) in [(&near, NEAR), (&far, FAR)] {
            if !options.offloads {
                crate::tool("ethtool", "ethtool");
                namespace.output(&["ethtool", "-K", name, "tx", "off"]);
            }
            quiet(namespace, name);
            namespace.output(&["ip", "link", "set", name, "up"]);
        }
        if options.addresses {
            far.output(&["ip", "address", "add", "10.0.0.2/24", "dev", FAR]);
            far.output(&["ip", "address", "add", "fd00::2/64", "dev", FAR, "nodad"]);
        }
        let world = Self { near, far };
        world.settle();
        world
    }

    /// Waits until the cable carries frames, which Linux sees to a moment after both ends are up.
    /// Before that it drops what it sends.
    pub fn settle(&self) {
        for (namespace, name) in [(&self.near, NEAR), (&self.far, FAR)] {
            eventually("the cable carries frames", || {
                namespace.output(&["ip", "link", "show", name]).contains("state UP")
            });
        }
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

/// Keeps Linux from sending router solicitations and the like on its own, which would mix with
/// what a test waits for.
fn quiet(namespace: &Namespace, name: &str) {
    namespace.output(&["ip", "link", "set", name, "addrgenmode", "none"]);
}
