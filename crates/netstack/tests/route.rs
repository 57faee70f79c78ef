//! The route table against a search of all routes from front to back.

use netstack::route::{Prefix, Route, RouteError, Routes};
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn prefix(text: &str) -> Prefix {
    let (address, len) = text.split_once('/').unwrap();
    Prefix::new(ip(address), len.parse().unwrap()).unwrap()
}

/// Addresses that differ in few places, so that prefixes lie within each other.
fn address() -> impl Strategy<Value = IpAddr> {
    let few = || prop::sample::select(vec![0_u8, 1, 2, 127, 128, 255]);
    prop_oneof![
        [few(), few(), few(), few()].prop_map(|it| Ipv4Addr::from(it).into()),
        [few(), few(), few(), few()].prop_map(|[one, two, three, four]| {
            let mut octets = [0; 16];
            (octets[0], octets[1], octets[8], octets[15]) = (one, two, three, four);
            Ipv6Addr::from(octets).into()
        }),
    ]
}

fn route() -> impl Strategy<Value = Route> {
    (address(), 0..=128_u8, any::<bool>(), 0..2_u32, 0..3_u32).prop_map(
        |(address, len, by_router, router, metric)| {
            let len = if address.is_ipv4() { len % 33 } else { len };
            let prefix = Prefix::new(address, len).unwrap();
            let gateway = by_router.then(|| match address {
                IpAddr::V4(_) => Ipv4Addr::from(router).into(),
                IpAddr::V6(_) => Ipv6Addr::from(u128::from(router)).into(),
            });
            Route { prefix, gateway, link: 0, metric, source: None }
        },
    )
}

#[derive(Clone, Debug)]
enum Change {
    Add(Route),
    Replace(Route),
    Remove(Route),
    RemoveNth(usize),
    DropGateways,
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        8 => route().prop_map(Change::Add),
        3 => route().prop_map(Change::Replace),
        1 => route().prop_map(Change::Remove),
        3 => any::<usize>().prop_map(Change::RemoveNth),
        1 => Just(Change::DropGateways),
    ]
}

fn is_same_way(one: &Route, two: &Route) -> bool {
    (one.prefix, one.gateway, one.metric) == (two.prefix, two.gateway, two.metric)
}

fn contains(prefix: Prefix, address: IpAddr) -> bool {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(it) => it.octets().to_vec(),
        IpAddr::V6(it) => it.octets().to_vec(),
    };
    let (own, other) = (bits(prefix.address()), bits(address));
    let bit = |octets: &[u8], place: usize| octets[place / 8] >> (7 - place % 8) & 1;
    own.len() == other.len()
        && (0..usize::from(prefix.len())).all(|place| bit(&own, place) == bit(&other, place))
}

/// Best first: longest prefix, least metric, oldest.
fn candidates(routes: &[Route], destination: IpAddr) -> Vec<Route> {
    let mut found: Vec<_> =
        routes.iter().filter(|it| contains(it.prefix, destination)).copied().collect();
    found.sort_by_key(|it| (std::cmp::Reverse(it.prefix.len()), it.metric));
    found
}

proptest! {
    #[test]
    fn finds_what_a_search_of_all_routes_finds(
        changes in prop::collection::vec(change(), 0..60),
        destinations in prop::collection::vec(address(), 1..20),
        limit in 1..40_usize,
    ) {
        let mut table = Routes::new(limit);
        let mut list: Vec<Route> = Vec::new();
        for change in changes {
            match change {
                Change::Add(route) => {
                    let result = table.add(route);
                    if list.iter().any(|it| is_same_way(it, &route)) {
                        prop_assert_eq!(result, Err(RouteError::Exists(route.prefix)));
                    } else if list.len() == limit {
                        prop_assert_eq!(result, Err(RouteError::TooMany(limit)));
                    } else {
                        prop_assert_eq!(result, Ok(()));
                        list.push(route);
                    }
                }
                Change::Replace(route) => {
                    let goes = |it: &Route| (it.prefix, it.metric) == (route.prefix, route.metric);
                    let result = table.replace(route);
                    if list.len() == limit && !list.iter().any(goes) {
                        prop_assert_eq!(result, Err(RouteError::TooMany(limit)));
                    } else {
                        prop_assert_eq!(result.unwrap(), candidates_of(&list, goes));
                        list.retain(|it| !goes(it));
                        list.push(route);
                    }
                }
                Change::Remove(route) => {
                    let was = list.iter().any(|it| is_same_way(it, &route));
                    prop_assert_eq!(table.remove(&route), was);
                    list.retain(|it| !is_same_way(it, &route));
                }
                Change::RemoveNth(place) => {
                    if !list.is_empty() {
                        let route = list.remove(place % list.len());
                        prop_assert!(table.remove(&route));
                    }
                }
                Change::DropGateways => {
                    table.retain(|it| it.gateway.is_none());
                    list.retain(|it| it.gateway.is_none());
                }
            }
            prop_assert_eq!(table.len(), list.len());
            for &destination in &destinations {
                let found: Vec<_> = table.candidates(destination).copied().collect();
                prop_assert_eq!(found, candidates(&list, destination));
            }
        }
    }
}

/// What `replace` gives: the one that was taken of those that go.
fn candidates_of(list: &[Route], goes: impl Fn(&Route) -> bool) -> Option<Route> {
    list.iter().find(|it| goes(it)).copied()
}

#[test]
fn the_way_of_an_ordinary_host() {
    let mut routes = Routes::new(10);
    let lan = Route { source: Some(ip("192.0.2.7")), ..Route::on_link(prefix("192.0.2.7/24"), 0) };
    routes.add(lan).unwrap();
    routes.add(Route::by(Prefix::ALL_V4, ip("192.0.2.1"), 0)).unwrap();
    let near = routes.lookup(ip("192.0.2.9")).unwrap();
    assert_eq!(near.next_hop(ip("192.0.2.9")), ip("192.0.2.9"));
    assert_eq!(near.source, Some(ip("192.0.2.7")));
    let far = routes.lookup(ip("8.8.8.8")).unwrap();
    assert_eq!(far.next_hop(ip("8.8.8.8")), ip("192.0.2.1"));
    assert_eq!(routes.lookup(ip("2001:db8::1")), None);
}

#[test]
fn mistakes_are_named() {
    let mut routes = Routes::new(1);
    let mixed = Route::by(Prefix::ALL_V4, ip("fe80::1"), 0);
    assert_eq!(
        routes.add(mixed).unwrap_err().to_string(),
        "the route to 0.0.0.0/0 mixes IPv4 and IPv6; write router and source in its family"
    );
    assert_eq!(Prefix::new(ip("192.0.2.1"), 33), None);
    assert_eq!(prefix("192.0.2.255/25").to_string(), "192.0.2.128/25");
    assert!(prefix("2001:db8::/32").contains(ip("2001:db8:ffff::")));
    assert!(!prefix("2001:db8::/32").contains(ip("2001:db9::")));
}
