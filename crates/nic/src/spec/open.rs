//! From a spec to drivers.

use super::{Driver, Spec, Vhost, VhostDevice, Wrapper};
use crate::passt::Passt;
use crate::pcap::Pcap;
use crate::wrap::{Faults, Tee, Trace};
use crate::{Error, Nic, null, packet_socket, tap, vhost, xdp};
use packet::Pool;

/// What kind of memory a driver wants its packets to be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Memory {
    /// Any.
    Plain,
    /// One region, which the kernel is told about ([`crate::memory::Memory::private`]).
    Region,
    /// One region, which another process maps ([`crate::memory::Memory::shared`]).
    Shared,
}

impl Spec {
    /// What kind of memory the pool must have that is given to [`Spec::open`].
    pub fn memory(&self) -> Memory {
        match &self.driver {
            Driver::Xdp(..) => Memory::Region,
            Driver::Vhost(vhost) if !vhost.private => Memory::Shared,
            _ => Memory::Plain,
        }
    }

    /// Whether the pool must have been made from a region.
    pub fn needs_region(&self) -> bool {
        self.memory() != Memory::Plain
    }

    /// How many pages the driver and the wrappers may hold at a time; the pool needs some more for
    /// the stack. Frames are counted as one page each.
    pub fn pages(&self) -> usize {
        let (queues, frames) = match &self.driver {
            Driver::Tap(_, options) => (options.queues, 64),
            Driver::Packet(_, options) => (options.queues, 64),
            // A ring for each direction.
            Driver::Xdp(_, options) => (options.queues, 2 * options.frames),
            Driver::Vhost(vhost) => (usize::from(vhost.queues), 2 * usize::from(vhost.size)),
            _ => (1, 64),
        };
        let held = self.wrappers.iter().map(|wrapper| match wrapper {
            Wrapper::Faults(options) => options.frames(),
            Wrapper::Trace | Wrapper::Tee(_) => 0,
        });
        queues.saturating_mul(held.fold(frames, usize::saturating_add))
    }

    /// Opens the driver, one for each queue, each in its wrappers. Packets will come from `pool`.
    pub fn open(&self, pool: &Pool) -> Result<Vec<Box<dyn Nic>>, Error> {
        self.check(pool)?;
        let drivers = self.open_driver(pool)?;
        let wrapped = drivers.into_iter().enumerate().map(|(queue, driver)| {
            self.wrappers.iter().try_fold(driver, |inner, wrapper| wrapper.around(inner, queue))
        });
        wrapped.collect()
    }

    fn check(&self, pool: &Pool) -> Result<(), Error> {
        if self.needs_region() && pool.region().is_none() {
            return Err(self.unusable(
                "it needs packets in one region of memory; make the pool with \
                 `Pool::registered`",
            ));
        }
        let (pages, needed) = (pool.statistics().pages, self.pages());
        if pages < needed {
            return Err(self.unusable(&format!(
                "the pool has {pages} pages, and {needed} may be in use by the driver and its \
                 wrappers alone; make it larger, or their rings and queues smaller"
            )));
        }
        Ok(())
    }

    fn unusable(&self, what: &str) -> Error {
        Error::Unusable { device: self.to_string(), what: what.into() }
    }

    fn open_driver(&self, pool: &Pool) -> Result<Vec<Box<dyn Nic>>, Error> {
        match &self.driver {
            Driver::Tap(name, options) => tap::open(name, options).map(boxed),
            Driver::Packet(name, options) => packet_socket::open(name, options).map(boxed),
            Driver::Xdp(name, options) => xdp::open(name, options, pool).map(boxed),
            Driver::Passt(network) => Passt::start(network).map(|passt| boxed([passt])),
            Driver::Stream(stream) => {
                Passt::connect(&stream.path, stream.mtu).map(|passt| boxed([passt]))
            }
            Driver::Pcap(options) => Pcap::open(options.clone()).map(|pcap| boxed([pcap])),
            Driver::Null(options) => null::Null::new(options).map(|null| boxed([null])),
            Driver::Vhost(vhost) => vhost::Driver::open(&vhost.driver(), pool).map(boxed),
            Driver::VhostDevice(device) => {
                vhost::Device::listen(&device.options()).map(|device| boxed([device]))
            }
            Driver::Wire => Err(self.unusable(
                "a wire in memory has two ends in one program, so it can be named where a \
                 program makes both (`cofferdam net demo`); elsewhere use `tap:`, `passt` or \
                 `vhost:`",
            )),
        }
    }
}

fn boxed<N: Nic + 'static>(drivers: impl IntoIterator<Item = N>) -> Vec<Box<dyn Nic>> {
    drivers.into_iter().map(|driver| Box::new(driver) as Box<dyn Nic>).collect()
}

impl VhostDevice {
    fn options(&self) -> vhost::DeviceOptions {
        vhost::DeviceOptions {
            path: self.path.clone(),
            mtu: self.mtu,
            mac: self.mac,
            offloads: self.large,
        }
    }
}

impl Vhost {
    fn driver(&self) -> vhost::DriverOptions {
        vhost::DriverOptions {
            server: self.server,
            queues: self.queues,
            size: self.size,
            mtu: self.mtu,
            mac: self.mac,
            offloads: self.large,
            private: self.private,
            ..vhost::DriverOptions::new(&self.path)
        }
    }
}

impl Wrapper {
    /// Puts the wrapper around the driver of one queue.
    fn around(&self, inner: Box<dyn Nic>, queue: usize) -> Result<Box<dyn Nic>, Error> {
        Ok(match self {
            Self::Trace => Box::new(Trace::new(inner)),
            Self::Tee(options) => Box::new(Tee::new(inner, options.for_queue(queue))?),
            Self::Faults(options) => Box::new(Faults::new(inner, &options.for_queue(queue))),
        })
    }
}
