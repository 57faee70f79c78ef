//! An end of the in-memory wire as a device of smoltcp, for those benches it is a peer in.

use nic::Nic;
use nic::wire::Wire;
use packet::{Batch, Packet, Pool};
use smoltcp::iface::{Config, Interface, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpCidr};
use std::net::Ipv4Addr;

/// Frames received in one go, at most.
const LIMIT: usize = 64;

/// Who lives at an end: a hardware address, and an IPv4 address.
pub(crate) type Station = (packet::header::ethernet::Mac, Ipv4Addr);

/// An end of the wire.
pub(crate) struct End {
    wire: Wire,
    pool: Pool,
    free: Batch,
    received: Batch,
    ready: Batch,
}

impl End {
    pub(crate) fn new(wire: Wire, pool: Pool) -> Self {
        Self { wire, pool, free: Batch::new(), received: Batch::new(), ready: Batch::new() }
    }

    /// Free packets, from where its own come.
    pub(crate) fn lend(&mut self, to: &mut Batch, count: usize) {
        self.pool.allocate_batch(to, count);
    }

    /// Takes what came over the wire.
    pub(crate) fn receive(&mut self) -> Result<(), String> {
        let lacking = LIMIT.saturating_sub(self.free.len());
        self.pool.allocate_batch(&mut self.free, lacking);
        self.wire
            .receive(&mut self.free, &mut self.received, LIMIT)
            .map(drop)
            .map_err(|error| error.to_string())
    }

    /// Puts what is ready on the wire.
    pub(crate) fn transmit(&mut self) -> Result<(), String> {
        let said = |error: nic::Error| error.to_string();
        self.wire.transmit(&mut self.ready).map_err(said)?;
        self.wire.reclaim(&mut self.free).map_err(said)?;
        while self.free.len() > 2 * LIMIT {
            let Some(packet) = self.free.pop_front() else { break };
            self.pool.recycle(packet);
        }
        Ok(())
    }

    /// An interface of smoltcp at this end, that knows its neighbour.
    pub(crate) fn interface(
        &mut self,
        ours: Station,
        neighbor: Station,
    ) -> Result<Interface, String> {
        let config = Config::new(HardwareAddress::Ethernet(EthernetAddress(ours.0.0)));
        let mut interface = Interface::new(config, self, Instant::ZERO);
        interface.update_ip_addrs(|addresses| {
            // One address fits.
            let _ = addresses.push(IpCidr::new(ours.1.into(), 24));
        });
        self.meet(&mut interface, ours, neighbor)?;
        Ok(interface)
    }

    /// Lets it find out the neighbour's hardware address: it has no static neighbours, but learns
    /// from requests for its own.
    fn meet(
        &mut self,
        interface: &mut Interface,
        ours: Station,
        neighbor: Station,
    ) -> Result<(), String> {
        let mut request = self.pool.allocate().ok_or("no packet")?;
        let parts: [&[u8]; 7] = [
            &ours.0.0,
            &neighbor.0.0,
            &[0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1],
            &neighbor.0.0,
            &neighbor.1.octets(),
            &[0; 6],
            &ours.1.octets(),
        ];
        let bytes = parts.concat();
        request.push_back(bytes.len()).ok_or("no room")?.copy_from_slice(&bytes);
        self.received.push_back(request);
        interface.poll(Instant::ZERO, self, &mut SocketSet::new(Vec::new()));
        let replies = self.ready.len();
        self.ready.clear();
        if replies == 1 { Ok(()) } else { Err("smoltcp did not answer ARP".into()) }
    }
}

/// A frame that came.
pub(crate) struct Receive<'a> {
    packet: Packet,
    free: &'a mut Batch,
}

impl RxToken for Receive<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, look: F) -> R {
        let result = look(self.packet.bytes());
        self.free.push_back(self.packet);
        result
    }
}

/// Room for a frame to send.
pub(crate) struct Transmit<'a> {
    packet: Packet,
    ready: &'a mut Batch,
}

impl TxToken for Transmit<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(mut self, len: usize, fill: F) -> R {
        let space = self.packet.push_back(len).unwrap_or_default();
        let result = fill(space);
        self.ready.push_back(self.packet);
        result
    }
}

impl Device for End {
    type RxToken<'a> = Receive<'a>;
    type TxToken<'a> = Transmit<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Receive<'_>, Transmit<'_>)> {
        let packet = self.received.pop_front()?;
        let answer = self.pool.allocate()?;
        let receive = Receive { packet, free: &mut self.free };
        Some((receive, Transmit { packet: answer, ready: &mut self.ready }))
    }

    fn transmit(&mut self, _: Instant) -> Option<Transmit<'_>> {
        let packet = self.pool.allocate()?;
        Some(Transmit { packet, ready: &mut self.ready })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.max_transmission_unit = 1514;
        capabilities.medium = Medium::Ethernet;
        capabilities
    }
}
