//! The port manager beside its reference: every operation is done to both, and everything that
//! can be asked of both is compared.

use crate::reference::Reference;
use netstack::Time;
use netstack::ports::{
    Binding, Flow, Options, Owner, Port, PortError, Ports, Protocol, Reach, Request, Sharing,
};
use std::hash::{Hash, Hasher};
use std::mem::discriminant;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// What can be done. Bindings and flows are named by their place in the reference's lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Bind { owner: Owner, protocol: Protocol, reach: Reach, port: Port, sharing: Sharing },
    Release(usize),
    ReleaseBogus(Binding),
    ConnectUdp { binding: usize, local: IpAddr, remote: SocketAddr },
    DisconnectUdp(usize),
    ConnectTcp { owner: Owner, local: IpAddr, remote: SocketAddr, random: u64 },
    OpenTcp { owner: Owner, local: SocketAddr, remote: SocketAddr },
    HandOver { flow: usize, from: Owner, to: Owner },
    Close { flow: usize, owner: Owner },
    Wake { local: SocketAddr, remote: SocketAddr },
    ReleaseAll(Owner),
    Pass(Duration),
}

/// What there is to ask about.
#[derive(Clone, Debug)]
pub(crate) struct Universe {
    pub(crate) locals: Vec<IpAddr>,
    pub(crate) remotes: Vec<SocketAddr>,
    pub(crate) ports: Vec<u16>,
}

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) real: Ports,
    pub(crate) reference: Reference,
    pub(crate) now: Time,
    /// What the two disagreed about.
    pub(crate) difference: Option<String>,
}

impl World {
    pub(crate) fn new(options: &Options) -> Self {
        let reference = Reference {
            bindings: Vec::new(),
            flows: Vec::new(),
            resting_flows: Vec::new(),
            resting_ports: Vec::new(),
            ephemeral: (*options.ephemeral.start(), *options.ephemeral.end()),
            most_bindings: options.bindings,
            most_flows: options.flows,
            rest: options.rest,
        };
        Self { real: Ports::new(options), reference, now: Time::from_secs(1), difference: None }
    }

    /// Does it to both; remembers a difference.
    pub(crate) fn step(&mut self, operation: &Operation, universe: &Universe) {
        if let Err(difference) = self.apply(operation).and_then(|()| self.compare(universe)) {
            self.difference = Some(format!("after {operation:?}: {difference}"));
        }
    }

    fn apply(&mut self, operation: &Operation) -> Result<(), String> {
        let now = self.now;
        match *operation {
            Operation::Bind { owner, protocol, reach, port, sharing } => {
                self.reference.expire(now);
                let request = Request { protocol, reach, port, sharing };
                let real = self.real.bind(owner, request, now);
                self.check_bind(owner, request, real)
            }
            Operation::Release(place) => {
                let Some((binding, _)) = self.binding(place) else { return Ok(()) };
                self.reference.expire(now);
                let expected = self.reference.release(&binding, now);
                same(&self.real.release(&binding, now), &expected)
            }
            Operation::ReleaseBogus(binding) => {
                self.reference.expire(now);
                let expected = self.reference.release(&binding, now);
                same(&self.real.release(&binding, now), &expected)
            }
            Operation::ConnectUdp { binding, local, remote } => {
                let Some((binding, _)) = self.binding(binding) else { return Ok(()) };
                let expected = self.reference.connect_udp(&binding, local, remote);
                same(&self.real.connect_udp(&binding, local, remote), &expected)
            }
            Operation::DisconnectUdp(place) => {
                let Some((binding, _)) = self.binding(place) else { return Ok(()) };
                let expected = self.reference.disconnect_udp(&binding);
                same(&self.real.disconnect_udp(&binding), &expected)
            }
            Operation::ConnectTcp { owner, local, remote, random } => {
                self.reference.expire(now);
                let real = self.real.connect_tcp(owner, local, remote, random, now);
                self.check_connect(owner, local, remote, real)
            }
            Operation::OpenTcp { owner, local, remote } => {
                self.reference.expire(now);
                let flow = Flow { protocol: Protocol::Tcp, local, remote };
                let expected = self.reference.open_tcp(owner, flow);
                same(&self.real.open_tcp(owner, &flow, now), &expected)
            }
            Operation::HandOver { flow, from, to } => {
                let Some(flow) = self.flow(flow) else { return Ok(()) };
                let expected = self.reference.hand_over(from, to, &flow);
                same(&self.real.hand_over_tcp(from, to, &flow), &expected)
            }
            Operation::Close { flow, owner } => {
                let Some(flow) = self.flow(flow) else { return Ok(()) };
                self.reference.expire(now);
                let expected = self.reference.close(owner, &flow, now);
                same(&self.real.close_tcp(owner, &flow, now), &expected)
            }
            Operation::Wake { local, remote } => {
                let flow = Flow { protocol: Protocol::Tcp, local, remote };
                equal("woken", &self.real.wake_tcp(&flow), &self.reference.wake(&flow))
            }
            Operation::ReleaseAll(owner) => {
                self.reference.expire(now);
                let expected = self.reference.release_all(owner, now);
                equal("released", &self.real.release_all(owner, now), &expected)?;
                let named = self.real.bindings().any(|(it, _)| it.owner == owner)
                    || self.real.flows().any(|(_, it)| it == Some(owner));
                equal("the owner still named", &named, &false)
            }
            Operation::Pass(time) => {
                self.now = now + time;
                self.reference.expire(self.now);
                self.real.expire(self.now);
                Ok(())
            }
        }
    }

    fn binding(&self, place: usize) -> Option<(Binding, Option<Flow>)> {
        let bindings = &self.reference.bindings;
        bindings.get(place.checked_rem(bindings.len())?).copied()
    }

    fn flow(&self, place: usize) -> Option<Flow> {
        let flows = &self.reference.flows;
        flows.get(place.checked_rem(flows.len())?).map(|(flow, _)| *flow)
    }

    fn check_bind(
        &mut self,
        owner: Owner,
        request: Request,
        real: Result<Binding, PortError>,
    ) -> Result<(), String> {
        let Request { protocol, reach, port, sharing } = request;
        let wanted = |port| Binding { protocol, port, reach, owner, sharing };
        let reference = &mut self.reference;
        match port {
            Port::Exactly(port) => {
                if let Err(PortError::Taken(other)) = real
                    && !(reference.bindings.iter().any(|(it, _)| *it == other)
                        && Reference::conflicts(&wanted(port), &other))
                {
                    return Err(format!("{other:?} is not in the way"));
                }
                let expected = reference.bind(wanted(port)).map(|()| wanted(port));
                same(&real, &expected)
            }
            Port::Ephemeral { .. } => match real {
                Ok(binding) => {
                    equal("binding", &binding, &wanted(binding.port))?;
                    let chosen = reference.ephemeral_ports().any(|it| it == binding.port)
                        && reference.is_choosable(protocol, binding.port);
                    equal("a good choice", &chosen, &true)?;
                    same(&reference.bind(binding), &Ok(()))
                }
                Err(PortError::Exhausted(..)) => {
                    let left = reference
                        .ephemeral_ports()
                        .any(|port| reference.is_choosable(protocol, port));
                    equal("ports left", &left, &false)
                }
                Err(error) => {
                    let full = reference.bindings.len() >= reference.most_bindings;
                    equal("full", &full, &matches!(error, PortError::TooManyBindings(_)))
                }
            },
        }
    }

    fn check_connect(
        &mut self,
        owner: Owner,
        local: IpAddr,
        remote: SocketAddr,
        real: Result<Flow, PortError>,
    ) -> Result<(), String> {
        let reference = &mut self.reference;
        let flow =
            |port| Flow { protocol: Protocol::Tcp, local: SocketAddr::new(local, port), remote };
        match real {
            Ok(found) => {
                equal("flow", &found, &flow(found.local.port()))?;
                let chosen = reference.ephemeral_ports().any(|it| it == found.local.port())
                    && reference.is_choosable_for(&found);
                equal("a good choice", &chosen, &true)?;
                same(&reference.open_tcp(owner, found), &Ok(()))
            }
            Err(PortError::Exhausted(..)) => {
                let left =
                    reference.ephemeral_ports().any(|port| reference.is_choosable_for(&flow(port)));
                equal("ports left", &left, &false)
            }
            Err(PortError::Impossible(_)) => {
                equal("one family", &(local.is_ipv4() == remote.is_ipv4()), &false)
            }
            Err(error) => {
                let full = reference.resting_flows.is_empty()
                    && reference.flows.len() >= reference.most_flows;
                equal("full", &full, &matches!(error, PortError::TooManyFlows(_)))
            }
        }
    }

    /// Compares everything that can be asked.
    pub(crate) fn compare(&self, universe: &Universe) -> Result<(), String> {
        let (real, reference) = (&self.real, &self.reference);
        equal("broken invariant", &real.broken_invariant(), &None)?;
        equal("bindings", &sorted(real.bindings()), &reference.bindings)?;
        let living = real.flows().filter_map(|(flow, owner)| Some((flow, owner?)));
        equal("flows", &sorted(living), &reference.flows)?;
        let resting = real.flows().filter(|(_, owner)| owner.is_none()).map(|(flow, _)| flow);
        let expected = reference.resting_flows.iter().map(|(flow, _)| *flow);
        equal("resting", &sorted(resting), &sorted(expected))?;
        equal("resting flows", &sorted(real.resting_flows()), &reference.resting_flows)?;
        equal("resting ports", &sorted(real.resting_ports()), &reference.resting_ports)?;
        for &address in &universe.locals {
            for &port in &universe.ports {
                for &remote in &universe.remotes {
                    self.compare_owner(SocketAddr::new(address, port), remote)?;
                }
            }
        }
        Ok(())
    }

    fn compare_owner(&self, local: SocketAddr, remote: SocketAddr) -> Result<(), String> {
        let udp = self.real.udp_owner(local, remote);
        let right = self.reference.udp_owners(local, remote);
        if !right.contains(&udp) || udp != self.real.udp_owner(local, remote) {
            return Err(format!("UDP {remote} to {local} goes to {udp:?}, not one of {right:?}"));
        }
        let tcp = self.real.tcp_owner(local, remote);
        let right = self.reference.tcp_owners(local, remote);
        if !right.contains(&tcp) || tcp != self.real.tcp_owner(local, remote) {
            return Err(format!("TCP {remote} to {local} goes to {tcp:?}, not one of {right:?}"));
        }
        Ok(())
    }

    /// What makes two worlds the same: times count from now.
    fn essence(&self) -> impl PartialEq + Hash + '_ {
        let Reference { bindings, flows, resting_flows, resting_ports, .. } = &self.reference;
        let flows_rest: Vec<_> =
            resting_flows.iter().map(|(flow, until)| (flow, until.since(self.now))).collect();
        let ports_rest: Vec<_> =
            resting_ports.iter().map(|(a, b, until)| (a, b, until.since(self.now))).collect();
        (bindings, flows, flows_rest, ports_rest, &self.difference)
    }
}

impl PartialEq for World {
    fn eq(&self, other: &Self) -> bool {
        self.essence() == other.essence()
    }
}

impl Eq for World {}

impl Hash for World {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.essence().hash(state);
    }
}

fn sorted<T: Ord>(things: impl Iterator<Item = T>) -> Vec<T> {
    let mut things: Vec<T> = things.collect();
    things.sort();
    things
}

fn equal<T: PartialEq + std::fmt::Debug>(what: &str, real: &T, right: &T) -> Result<(), String> {
    if real == right { Ok(()) } else { Err(format!("{what} is {real:?}, not {right:?}")) }
}

/// Equal results, where errors are compared by their kind.
fn same<T: PartialEq + std::fmt::Debug>(
    real: &Result<T, PortError>,
    right: &Result<T, PortError>,
) -> Result<(), String> {
    match (real, right) {
        (Ok(one), Ok(two)) if one == two => Ok(()),
        (Err(one), Err(two)) if discriminant(one) == discriminant(two) => Ok(()),
        _ => Err(format!("result is {real:?}, not {right:?}")),
    }
}
