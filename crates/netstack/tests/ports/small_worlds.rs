//! Every state of small worlds, reached by every sequence of operations.

use crate::world::{Operation, Universe, World};
use netstack::ports::{Options, Owner, Port, Protocol, Reach, Sharing};
use stateright::{Checker, Model, Property};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

const V4: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
const TICK: Duration = Duration::from_secs(1);

fn remote(last: u8) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, last], 7))
}

fn remote6() -> SocketAddr {
    SocketAddr::new(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9).into(), 7)
}

/// A world and what can be done in it.
struct Small {
    options: Options,
    universe: Universe,
    /// Done in every state.
    always: Vec<Operation>,
    /// How many bindings and flows there can be, to name each.
    most: usize,
    owners: Vec<Owner>,
}

impl Model for Small {
    type State = World;
    type Action = Operation;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(&self.options)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Operation>) {
        actions.extend(self.always.iter().cloned());
        for place in 0..world.reference.bindings.len().min(self.most) {
            actions.push(Operation::Release(place));
            actions.push(Operation::DisconnectUdp(place));
            for &local in &self.universe.locals {
                for &remote in &self.universe.remotes {
                    actions.push(Operation::ConnectUdp { binding: place, local, remote });
                }
            }
        }
        for flow in 0..world.reference.flows.len().min(self.most) {
            for &owner in &self.owners {
                actions.push(Operation::Close { flow, owner });
                for &to in &self.owners {
                    actions.push(Operation::HandOver { flow, from: owner, to });
                }
            }
        }
    }

    fn next_state(&self, world: &World, operation: Operation) -> Option<World> {
        let mut next = world.clone();
        next.step(&operation, &self.universe);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always("agrees with the reference", |_, world: &World| {
            world.difference.is_none()
        })]
    }
}

/// Explores it all, and demands at least so many different states.
fn explore(small: Small, least: usize) {
    let checker = small.checker().spawn_bfs().join();
    assert!(checker.is_done());
    if let Some(path) = checker.discovery("agrees with the reference") {
        let difference = path.last_state().difference.clone();
        panic!("{difference:?}\nby {:?}", path.into_actions());
    }
    let states = checker.unique_state_count();
    assert!(states >= least, "only {states} states were explored");
}

fn options(flows: usize, bindings: usize) -> Options {
    let secret = [1, 2, 3, 4];
    Options { ephemeral: 5..=6, bindings, flows, rest: 2 * TICK, ..Options::new(secret) }
}

fn owners(count: u32) -> Vec<Owner> {
    (0..count).map(Owner).collect()
}

#[test]
fn udp_with_every_reach_and_sharing() {
    let owners = owners(2);
    let mut always = vec![Operation::Pass(TICK)];
    for &owner in &owners {
        always.push(Operation::ReleaseAll(owner));
        for reach in [Reach::Any, Reach::AnyV4, Reach::AnyV6, Reach::Address(V4)] {
            for sharing in [Sharing::Exclusive, Sharing::Group(1)] {
                for port in [Port::Exactly(5), Port::Ephemeral { random: 0 }] {
                    let protocol = Protocol::Udp;
                    always.push(Operation::Bind { owner, protocol, reach, port, sharing });
                }
            }
        }
    }
    let universe =
        Universe { locals: vec![V4, V6], remotes: vec![remote(1), remote6()], ports: vec![5, 6] };
    let small = Small { options: options(2, 3), universe, always, most: 3, owners };
    explore(small, 10_000);
}

#[test]
fn tcp_listeners_flows_and_rest() {
    let owners = owners(2);
    let mut always = vec![Operation::Pass(TICK)];
    let universe =
        Universe { locals: vec![V4], remotes: vec![remote(1), remote(2)], ports: vec![5, 6] };
    for &owner in &owners {
        always.push(Operation::ReleaseAll(owner));
        for port in [Port::Exactly(5), Port::Ephemeral { random: 1 << 32 }] {
            for sharing in [Sharing::Exclusive, Sharing::Group(1)] {
                let (protocol, reach) = (Protocol::Tcp, Reach::AnyV4);
                always.push(Operation::Bind { owner, protocol, reach, port, sharing });
            }
        }
        for random in [0, 1] {
            always.push(Operation::ConnectTcp { owner, local: V4, remote: remote(1), random });
        }
        for &port in &universe.ports {
            for &remote in &universe.remotes {
                let local = SocketAddr::new(V4, port);
                always.push(Operation::OpenTcp { owner, local, remote });
            }
        }
    }
    let local = SocketAddr::new(V4, 5);
    always.push(Operation::Wake { local, remote: remote(1) });
    let small = Small { options: options(2, 2), universe, always, most: 2, owners };
    explore(small, 5_500);
}

#[test]
fn both_transports_and_three_owners() {
    let owners = owners(3);
    let mut always = vec![Operation::Pass(TICK)];
    for &owner in &owners {
        always.push(Operation::ReleaseAll(owner));
        for protocol in [Protocol::Udp, Protocol::Tcp] {
            for reach in [Reach::Any, Reach::Address(V4)] {
                let (port, sharing) = (Port::Exactly(5), Sharing::Group(1));
                always.push(Operation::Bind { owner, protocol, reach, port, sharing });
            }
        }
        let local = SocketAddr::new(V4, 5);
        always.push(Operation::OpenTcp { owner, local, remote: remote(1) });
    }
    let universe = Universe { locals: vec![V4, V6], remotes: vec![remote(1)], ports: vec![5] };
    let small = Small { options: options(2, 3), universe, always, most: 3, owners };
    explore(small, 6_000);
}
