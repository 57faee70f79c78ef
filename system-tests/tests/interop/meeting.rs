//! Where our stack and Linux meet: Linux in a namespace, a driver of ours, a cable between them.

use nic::Nic;
use nic::memory::Memory as Region;
use nic::spec::Spec;
use nic::wire::{self, wire};
use packet::header::ethernet::Mac;
use packet::{Batch, Pool};
use socket::{Config, Network};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use system_tests::{FAR, NEAR, Namespace, Options, PATIENCE, World};

/// Our addresses, and Linux's on the same link: IPv4, IPv6.
pub(crate) const OURS: [&str; 2] = ["10.0.0.1", "fd00::1"];
pub(crate) const LINUX: [&str; 2] = ["10.0.0.2", "fd00::2"];

/// Buffers: as many as an `AF_XDP` socket's region may have without raised limits.
const PAGES: usize = 2048;

/// By what our stack is joined to Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Driver {
    /// A TAP device in Linux's namespace.
    Tap,
    /// A packet socket at our end of a cable.
    Packet,
    /// An `AF_XDP` socket at our end of a cable.
    Xdp,
    /// The wire in memory, whose other end is bridged to a TAP device.
    Memory,
}

impl Driver {
    /// Whether the driver sits on an interface with a hardware address of its own.
    pub(crate) fn has_mac(self) -> bool {
        matches!(self, Self::Packet | Self::Xdp)
    }
}

/// Makes of each story one test for each driver.
macro_rules! on_each_driver {
    ($($story:ident),* $(,)?) => {
        on_each_driver!(@ tap Tap: $($story)*);
        on_each_driver!(@ packet Packet: $($story)*);
        on_each_driver!(@ xdp Xdp: $($story)*);
        on_each_driver!(@ memory Memory: $($story)*);
    };
    (@ $name:ident $driver:ident: $($story:ident)*) => {
        mod $name {
            $(
                #[test]
                fn $story() {
                    super::$story(crate::meeting::Driver::$driver);
                }
            )*
        }
    };
}

/// A driver that is open, and Linux at the other end of it. Linux has no addresses yet.
pub(crate) struct Place {
    pub(crate) linux: Namespace,
    /// Linux's interface.
    pub(crate) interface: &'static str,
    nic: Box<dyn Nic>,
    pool: Pool,
    keep: Keep,
}

/// What must live as long as the driver is used.
#[derive(Default)]
struct Keep(#[expect(dead_code, reason = "kept")] Option<Namespace>, Option<Bridge>);

impl Place {
    pub(crate) fn new(driver: Driver) -> Self {
        Self::with_mtu(driver, 1500)
    }

    /// One whose cable carries at most so much.
    pub(crate) fn with_mtu(driver: Driver, mtu: usize) -> Self {
        match driver {
            Driver::Tap | Driver::Memory => {
                let linux = Namespace::new();
                let options = if driver == Driver::Tap { "" } else { ",large=off" };
                let spec = format!("tap:tap0,mtu={mtu}{options}");
                let (mut nic, pool) = open(&linux, &spec);
                linux.output(&["ip", "link", "set", "tap0", "addrgenmode", "none"]);
                linux.output(&["ip", "link", "set", "tap0", "up"]);
                let mut keep = Keep::default();
                if driver == Driver::Memory {
                    let (ours, theirs) = wire(&wire::Options { mtu, ..wire::Options::default() });
                    let tap = std::mem::replace(&mut nic, Box::new(ours));
                    keep.1 = Some(Bridge::new(tap, Box::new(theirs), pool.clone()));
                }
                Self { linux, interface: "tap0", nic, pool, keep }
            }
            Driver::Packet | Driver::Xdp => {
                let offloads = driver == Driver::Packet;
                let options = Options { mtu, offloads, addresses: false, ..Options::default() };
                let World { near, far } = World::with(&options);
                let name = if driver == Driver::Packet { "packet" } else { "xdp" };
                let (nic, pool) = open(&near, &format!("{name}:{NEAR}"));
                let keep = Keep(Some(near), None);
                Self { linux: far, interface: FAR, nic, pool, keep }
            }
        }
    }

    /// Gives Linux an address, and what goes with it: it asks for its neighbours over IPv6 from
    /// an address that is local to the link.
    pub(crate) fn give_linux(&self, address: &str) {
        let give = |address| {
            let mut command = vec!["ip", "address", "replace", address, "dev", self.interface];
            if address.contains(':') {
                command.push("nodad");
            }
            self.linux.output(&command);
        };
        give(address);
        if address.contains(':') {
            give("fe80::2/64");
        }
    }

    /// Opens a network of ours over the driver.
    pub(crate) fn open(self, config: Config) -> Meeting {
        let Self { linux, interface, nic, pool, keep } = self;
        let network = Network::open(nic, pool, config).expect("a network");
        Meeting { network, linux, interface, _keep: keep }
    }
}

fn open(namespace: &Namespace, spec: &str) -> (Box<dyn Nic>, Pool) {
    let spec: Spec = spec.parse().expect("a device");
    namespace.run(move || {
        let pool = if spec.needs_region() {
            Pool::registered(Region::private(PAGES, false).expect("memory"))
        } else {
            Pool::plain(PAGES)
        };
        let nic = spec.open(&pool).expect("a driver").pop().expect("one queue");
        (nic, pool)
    })
}

/// Our network and Linux on one link, each with its addresses unless told otherwise.
pub(crate) struct Meeting {
    // First, so that it ends before what it uses.
    pub(crate) network: Network,
    pub(crate) linux: Namespace,
    pub(crate) interface: &'static str,
    _keep: Keep,
}

impl Meeting {
    /// [`OURS`] and [`LINUX`] on one link.
    pub(crate) fn new(driver: Driver) -> Self {
        let place = Place::new(driver);
        for address in with_prefix(LINUX) {
            place.give_linux(&address);
        }
        place.open(config())
    }

    /// A socket of ours.
    pub(crate) fn bind(&self, local: &str) -> socket::UdpSocket {
        let socket = self.network.bind(local.parse().expect("an address")).expect("a free port");
        socket.set_read_timeout(Some(PATIENCE)).expect("more than nothing");
        socket
    }

    /// What our stack and its driver dropped so far, and why.
    pub(crate) fn drops(&self) -> String {
        self.network.with_link(|link| {
            let counters = link.host_ref().counters();
            let drops: Vec<_> = counters.drops().collect();
            format!("{} received, {drops:?}, {:?}", counters.received, link.nic().statistics())
        })
    }

    /// A socket of Linux's.
    pub(crate) fn bind_linux(&self, local: &str) -> UdpSocket {
        let local: SocketAddr = local.parse().expect("an address");
        let socket = self.linux.run(move || UdpSocket::bind(local)).expect("a free port");
        socket.set_read_timeout(Some(PATIENCE)).expect("more than nothing");
        socket
    }
}

/// Settings with [`OURS`].
pub(crate) fn config() -> Config {
    without_addresses().with_address(ip(OURS[0]), 24).with_address(ip(OURS[1]), 64)
}

/// Settings without addresses.
pub(crate) fn without_addresses() -> Config {
    Config::new(Mac([0x02, 0, 0, 0, 0, 0x01]))
}

/// The addresses with the length of their networks' prefixes.
pub(crate) fn with_prefix([v4, v6]: [&str; 2]) -> [String; 2] {
    [format!("{v4}/24"), format!("{v6}/64")]
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// An address and a port in the form that both families are written in.
pub(crate) fn end(ip: &str, port: u16) -> String {
    SocketAddr::new(self::ip(ip), port).to_string()
}

/// Carries frames between two drivers, as a switch does.
struct Bridge {
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Bridge {
    fn new(mut left: Box<dyn Nic>, mut right: Box<dyn Nic>, mut pool: Pool) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ends);
        let thread = thread::spawn(move || {
            let (mut free, mut frames) = (Batch::new(), Batch::new());
            while !told.load(Ordering::Relaxed) {
                let mut count = 0;
                for _ in 0..2 {
                    let missing = 64_usize.saturating_sub(free.len());
                    pool.allocate_batch(&mut free, missing);
                    count += left.receive(&mut free, &mut frames, 32).unwrap_or(0);
                    while !frames.is_empty() && right.transmit(&mut frames).is_ok() {
                        let _ = right.reclaim(&mut free);
                    }
                    let _ = right.reclaim(&mut free);
                    std::mem::swap(&mut left, &mut right);
                }
                if count == 0 {
                    thread::sleep(Duration::from_micros(50));
                }
            }
        });
        Self { ends, thread: Some(thread) }
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
