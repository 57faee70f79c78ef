//! UDP: connecting bindings, and finding the owner of a datagram.

use super::flow::Key;
use super::flow_table::Holder;
use super::{Binding, Flow, Owner, PortError, Ports, Protocol, end};
use core::net::{IpAddr, SocketAddr};

impl Ports {
    /// Connects a UDP binding: from now on it gets what comes from `remote` to `local` and
    /// nothing else. Connecting it again replaces the old flow; if that fails, the old one stays.
    pub fn connect_udp(
        &mut self,
        binding: &Binding,
        local: IpAddr,
        remote: SocketAddr,
    ) -> Result<Flow, PortError> {
        let seat = self.udp.seat(binding).filter(|_| binding.protocol == Protocol::Udp);
        let Some(seat) = seat else { return Err(PortError::NotBound(*binding)) };
        let local = SocketAddr::new(local.to_canonical(), binding.port);
        let flow = Flow { protocol: Protocol::Udp, local, remote: end(remote) };
        if !flow.is_possible() || !binding.reach.covers(local.ip()) {
            return Err(PortError::Impossible(flow));
        }
        let key = Key::of(&flow);
        if seat.connected == Some(key) {
            return Ok(flow);
        }
        if self.flows.get(&key).is_some() {
            return Err(PortError::FlowTaken(flow));
        }
        if let Some(old) = seat.connected {
            // Its place is free for the new one, so that this cannot fail half-way.
            self.flows.remove(&old);
        }
        self.put_flow(key, binding.owner)?;
        self.udp.set_connected(binding, Some(key));
        Ok(flow)
    }

    /// Makes a connected UDP binding an unconnected one; one that is not connected stays so.
    pub fn disconnect_udp(&mut self, binding: &Binding) -> Result<(), PortError> {
        let seat = self.udp.seat(binding).filter(|_| binding.protocol == Protocol::Udp);
        let Some(seat) = seat else { return Err(PortError::NotBound(*binding)) };
        if let Some(key) = seat.connected {
            self.flows.remove(&key);
            self.udp.set_connected(binding, None);
        }
        Ok(())
    }

    /// Whose a datagram is that came to `local` from `remote`.
    #[inline]
    pub fn udp_owner(&self, local: SocketAddr, remote: SocketAddr) -> Option<Owner> {
        if self.udp.has_connected(local.port()) {
            let key = Key::new(Protocol::Udp, local, remote);
            if let Some(Holder::Owner(owner)) = self.flows.get(&key) {
                return Some(owner);
            }
        }
        let choose = || Key::new(Protocol::Udp, local, remote).hash(self.choice);
        self.udp.owner(local.ip(), local.port(), choose)
    }
}
