//! A port manager that is obviously right and slow: lists, searched from front to back.

use netstack::Time;
use netstack::ports::{Binding, Flow, Owner, PortError, Protocol, Reach, Sharing, TcpOwner};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// What there is. Lists are kept sorted, so equal worlds are equal values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) bindings: Vec<(Binding, Option<Flow>)>,
    pub(crate) flows: Vec<(Flow, Owner)>,
    pub(crate) resting_flows: Vec<(Flow, Time)>,
    pub(crate) resting_ports: Vec<(Protocol, u16, Time)>,
    pub(crate) ephemeral: (u16, u16),
    pub(crate) most_bindings: usize,
    pub(crate) most_flows: usize,
    pub(crate) rest: Duration,
}

impl Reference {
    pub(crate) fn expire(&mut self, now: Time) {
        self.resting_flows.retain(|(_, until)| *until > now);
        self.resting_ports.retain(|(_, _, until)| *until > now);
    }

    fn sort(&mut self) {
        self.bindings.sort();
        self.flows.sort();
        self.resting_flows.sort();
        self.resting_ports.sort();
    }

    pub(crate) fn port_is_bound(&self, protocol: Protocol, port: u16) -> bool {
        self.bindings.iter().any(|(it, _)| (it.protocol, it.port) == (protocol, port))
    }

    fn port_rests(&self, protocol: Protocol, port: u16) -> bool {
        self.resting_ports.iter().any(|it| (it.0, it.1) == (protocol, port))
    }

    /// Whether the port may be chosen for somebody who did not name one.
    pub(crate) fn is_choosable(&self, protocol: Protocol, port: u16) -> bool {
        !self.port_is_bound(protocol, port) && !self.port_rests(protocol, port)
    }

    pub(crate) fn ephemeral_ports(&self) -> impl Iterator<Item = u16> + use<> {
        self.ephemeral.0..=self.ephemeral.1
    }

    pub(crate) fn conflicts(wanted: &Binding, other: &Binding) -> bool {
        let overlap = match (wanted.reach, other.reach) {
            (Reach::Any, _) | (_, Reach::Any) => true,
            (Reach::AnyV4 | Reach::AnyV6, Reach::AnyV4 | Reach::AnyV6) => {
                wanted.reach == other.reach
            }
            (Reach::AnyV4, Reach::Address(it)) | (Reach::Address(it), Reach::AnyV4) => it.is_ipv4(),
            (Reach::AnyV6, Reach::Address(it)) | (Reach::Address(it), Reach::AnyV6) => it.is_ipv6(),
            (Reach::Address(one), Reach::Address(two)) => one == two,
        };
        let friends = match (wanted.sharing, other.sharing) {
            (Sharing::Group(one), Sharing::Group(two)) => one == two,
            _ => false,
        };
        let same = wanted.reach == other.reach && wanted.owner == other.owner;
        (wanted.protocol, wanted.port) == (other.protocol, other.port)
            && overlap
            && (!friends || same)
    }

    pub(crate) fn bind(&mut self, wanted: Binding) -> Result<(), PortError> {
        if wanted.port == 0 {
            return Err(PortError::OutOfRange(0));
        }
        if let Some((other, _)) = self.bindings.iter().find(|it| Self::conflicts(&wanted, &it.0)) {
            return Err(PortError::Taken(*other));
        }
        if self.bindings.len() >= self.most_bindings {
            return Err(PortError::TooManyBindings(self.most_bindings));
        }
        self.bindings.push((wanted, None));
        self.resting_ports.retain(|it| (it.0, it.1) != (wanted.protocol, wanted.port));
        self.sort();
        Ok(())
    }

    pub(crate) fn release(&mut self, binding: &Binding, now: Time) -> Result<(), PortError> {
        let Some(place) = self.bindings.iter().position(|(it, _)| it == binding) else {
            return Err(PortError::NotBound(*binding));
        };
        let (_, flow) = self.bindings.remove(place);
        self.flows.retain(|(it, _)| Some(*it) != flow);
        if !self.port_is_bound(binding.protocol, binding.port) && !self.rest.is_zero() {
            self.resting_ports.push((binding.protocol, binding.port, now + self.rest));
        }
        self.sort();
        Ok(())
    }

    fn put_flow(&mut self, flow: Flow, owner: Owner) -> Result<(), PortError> {
        while self.flows.len() + self.resting_flows.len() >= self.most_flows {
            let oldest = self.resting_flows.iter().map(|(_, until)| *until).min();
            let Some(oldest) = oldest else {
                return Err(PortError::TooManyFlows(self.most_flows));
            };
            // Several may have rested as long; the one that is less goes.
            let place = self.resting_flows.iter().position(|(_, until)| *until == oldest);
            self.resting_flows.remove(place.unwrap());
        }
        self.flows.push((flow, owner));
        self.sort();
        Ok(())
    }

    fn flow_rests(&self, flow: &Flow) -> bool {
        self.resting_flows.iter().any(|(it, _)| it == flow)
    }

    pub(crate) fn flow_lives(&self, flow: &Flow) -> bool {
        self.flows.iter().any(|(it, _)| it == flow)
    }

    pub(crate) fn connect_udp(
        &mut self,
        binding: &Binding,
        local: IpAddr,
        remote: SocketAddr,
    ) -> Result<Flow, PortError> {
        let Some(place) = self.bindings.iter().position(|(it, _)| it == binding) else {
            return Err(PortError::NotBound(*binding));
        };
        if binding.protocol != Protocol::Udp {
            return Err(PortError::NotBound(*binding));
        }
        let local = SocketAddr::new(local, binding.port);
        let flow = Flow { protocol: Protocol::Udp, local, remote };
        let is_covered = match binding.reach {
            Reach::Any => true,
            Reach::AnyV4 => local.is_ipv4(),
            Reach::AnyV6 => local.is_ipv6(),
            Reach::Address(it) => it == local.ip(),
        };
        if !is_covered || local.is_ipv4() != remote.is_ipv4() {
            return Err(PortError::Impossible(flow));
        }
        let old = self.bindings[place].1;
        if old == Some(flow) {
            return Ok(flow);
        }
        if self.flow_lives(&flow) {
            return Err(PortError::FlowTaken(flow));
        }
        self.flows.retain(|(it, _)| Some(*it) != old);
        self.put_flow(flow, binding.owner)?;
        self.bindings[place].1 = Some(flow);
        self.sort();
        Ok(flow)
    }

    pub(crate) fn disconnect_udp(&mut self, binding: &Binding) -> Result<(), PortError> {
        let found = self.bindings.iter_mut().find(|(it, _)| it == binding);
        match found {
            Some((it, flow)) if it.protocol == Protocol::Udp => {
                let old = flow.take();
                self.flows.retain(|(it, _)| Some(*it) != old);
                self.sort();
                Ok(())
            }
            _ => Err(PortError::NotBound(*binding)),
        }
    }

    pub(crate) fn open_tcp(&mut self, owner: Owner, flow: Flow) -> Result<(), PortError> {
        if flow.local.is_ipv4() != flow.remote.is_ipv4() {
            return Err(PortError::Impossible(flow));
        }
        if self.flow_lives(&flow) {
            return Err(PortError::FlowTaken(flow));
        }
        if self.flow_rests(&flow) {
            return Err(PortError::FlowResting(flow));
        }
        self.put_flow(flow, owner)
    }

    /// Whether the port is one that an outgoing flow may be given.
    pub(crate) fn is_choosable_for(&self, flow: &Flow) -> bool {
        self.is_choosable(Protocol::Tcp, flow.local.port())
            && !self.flow_lives(flow)
            && !self.flow_rests(flow)
    }

    pub(crate) fn hand_over(
        &mut self,
        from: Owner,
        to: Owner,
        flow: &Flow,
    ) -> Result<(), PortError> {
        match self.flows.iter_mut().find(|it| **it == (*flow, from)) {
            Some(found) if flow.protocol == Protocol::Tcp => {
                found.1 = to;
                self.sort();
                Ok(())
            }
            _ => Err(PortError::NoFlow(*flow)),
        }
    }

    pub(crate) fn close(&mut self, owner: Owner, flow: &Flow, now: Time) -> Result<(), PortError> {
        let place = self.flows.iter().position(|it| *it == (*flow, owner));
        match place {
            Some(place) if flow.protocol == Protocol::Tcp => {
                self.flows.remove(place);
                if !self.rest.is_zero() {
                    self.resting_flows.push((*flow, now + self.rest));
                }
                self.sort();
                Ok(())
            }
            _ => Err(PortError::NoFlow(*flow)),
        }
    }

    pub(crate) fn wake(&mut self, flow: &Flow) -> bool {
        let before = self.resting_flows.len();
        self.resting_flows.retain(|(it, _)| it != flow);
        self.resting_flows.len() < before
    }

    pub(crate) fn release_all(&mut self, owner: Owner, now: Time) -> usize {
        let bindings: Vec<_> =
            self.bindings.iter().map(|it| it.0).filter(|it| it.owner == owner).collect();
        for binding in &bindings {
            self.release(binding, now).unwrap();
        }
        let flows: Vec<_> = self.flows.iter().filter(|it| it.1 == owner).map(|it| it.0).collect();
        for flow in &flows {
            self.close(owner, flow, now).unwrap();
        }
        bindings.len() + flows.len()
    }

    /// All who may get what belongs to no flow: the unconnected bindings with the best reach.
    fn open_owners(&self, protocol: Protocol, local: SocketAddr) -> Vec<Owner> {
        let any = if local.is_ipv4() { Reach::AnyV4 } else { Reach::AnyV6 };
        for reach in [Reach::Address(local.ip()), any, Reach::Any] {
            let owners: Vec<_> = self
                .bindings
                .iter()
                .filter(|(it, flow)| {
                    flow.is_none()
                        && (it.protocol, it.port, it.reach) == (protocol, local.port(), reach)
                })
                .map(|(it, _)| it.owner)
                .collect();
            if !owners.is_empty() {
                return owners;
            }
        }
        Vec::new()
    }

    /// All who may be right.
    pub(crate) fn udp_owners(&self, local: SocketAddr, remote: SocketAddr) -> Vec<Option<Owner>> {
        let flow = Flow { protocol: Protocol::Udp, local, remote };
        if let Some((_, owner)) = self.flows.iter().find(|(it, _)| *it == flow) {
            return vec![Some(*owner)];
        }
        or_nobody(self.open_owners(Protocol::Udp, local))
    }

    /// All that may be right.
    pub(crate) fn tcp_owners(
        &self,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Vec<Option<TcpOwner>> {
        let flow = Flow { protocol: Protocol::Tcp, local, remote };
        if let Some((_, owner)) = self.flows.iter().find(|(it, _)| *it == flow) {
            return vec![Some(TcpOwner::Flow(*owner))];
        }
        if self.flow_rests(&flow) {
            return vec![Some(TcpOwner::Resting)];
        }
        let owners = self.open_owners(Protocol::Tcp, local);
        or_nobody(owners.into_iter().map(TcpOwner::Listener).collect())
    }
}

fn or_nobody<T>(owners: Vec<T>) -> Vec<Option<T>> {
    if owners.is_empty() { vec![None] } else { owners.into_iter().map(Some).collect() }
}
