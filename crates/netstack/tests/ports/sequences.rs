//! Long random sequences of operations in larger worlds.

use crate::world::{Operation, Universe, World};
use netstack::ports::{Binding, Options, Owner, Port, Protocol, Reach, Sharing};
use proptest::prelude::*;
use proptest::sample::select;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

const PORTS: [u16; 5] = [1, 255, 256, 257, 65_535];

fn locals() -> Vec<IpAddr> {
    ["192.0.2.1", "192.0.2.2", "2001:db8::1"].map(|it| it.parse().unwrap()).to_vec()
}

fn remotes() -> Vec<SocketAddr> {
    ["198.51.100.1:7", "198.51.100.1:8", "[2001:db8::9]:7"].map(|it| it.parse().unwrap()).to_vec()
}

fn owner() -> impl Strategy<Value = Owner> {
    (0..6_u32).prop_map(Owner)
}

fn reach() -> impl Strategy<Value = Reach> {
    prop_oneof![
        Just(Reach::Any),
        Just(Reach::AnyV4),
        Just(Reach::AnyV6),
        select(locals()).prop_map(Reach::Address)
    ]
}

fn protocol() -> impl Strategy<Value = Protocol> {
    select(vec![Protocol::Udp, Protocol::Tcp])
}

fn sharing() -> impl Strategy<Value = Sharing> {
    prop_oneof![
        Just(Sharing::Exclusive),
        Just(Sharing::Group(1)),
        Just(Sharing::Group(1)),
        Just(Sharing::Group(2))
    ]
}

fn port() -> impl Strategy<Value = Port> {
    prop_oneof![
        3 => select(PORTS.to_vec()).prop_map(Port::Exactly),
        1 => any::<u64>().prop_map(|random| Port::Ephemeral { random }),
    ]
}

fn ends() -> impl Strategy<Value = (SocketAddr, SocketAddr)> {
    (select(locals()), select(PORTS.to_vec()), select(remotes()))
        .prop_map(|(local, port, remote)| (SocketAddr::new(local, port), remote))
}

fn operation() -> impl Strategy<Value = Operation> {
    let place = || any::<usize>();
    let bind = (owner(), protocol(), reach(), port(), sharing());
    let bogus = (owner(), protocol(), reach(), select(PORTS.to_vec()), sharing());
    prop_oneof![
        8 => bind.prop_map(|(owner, protocol, reach, port, sharing)| {
            Operation::Bind { owner, protocol, reach, port, sharing }
        }),
        3 => place().prop_map(Operation::Release),
        1 => bogus.prop_map(|(owner, protocol, reach, port, sharing)| {
            Operation::ReleaseBogus(Binding { protocol, port, reach, owner, sharing })
        }),
        6 => (place(), select(locals()), select(remotes())).prop_map(|(binding, local, remote)| {
            Operation::ConnectUdp { binding, local, remote }
        }),
        1 => place().prop_map(Operation::DisconnectUdp),
        5 => (owner(), select(locals()), select(remotes()), any::<u64>()).prop_map(
            |(owner, local, remote, random)| Operation::ConnectTcp { owner, local, remote, random }
        ),
        5 => (owner(), ends()).prop_map(|(owner, (local, remote))| {
            Operation::OpenTcp { owner, local, remote }
        }),
        2 => (place(), owner(), owner()).prop_map(|(flow, from, to)| {
            Operation::HandOver { flow, from, to }
        }),
        5 => (place(), owner()).prop_map(|(flow, owner)| Operation::Close { flow, owner }),
        1 => ends().prop_map(|(local, remote)| Operation::Wake { local, remote }),
        1 => owner().prop_map(Operation::ReleaseAll),
        3 => (0..5_u64).prop_map(|ticks| Operation::Pass(Duration::from_secs(ticks))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_reference_agrees_after_every_step(
        operations in prop::collection::vec(operation(), 1..150),
        bindings in 4..20_usize,
        flows in 2..12_usize,
        rest in 0..4_u64,
    ) {
        let options = Options {
            ephemeral: 255..=257,
            bindings,
            flows,
            rest: Duration::from_secs(rest),
            ..Options::new([11, 12, 13, 14])
        };
        let universe = Universe { locals: locals(), remotes: remotes(), ports: PORTS.to_vec() };
        let mut world = World::new(&options);
        for operation in &operations {
            world.step(operation, &universe);
            prop_assert_eq!(&world.difference, &None);
        }
    }
}
