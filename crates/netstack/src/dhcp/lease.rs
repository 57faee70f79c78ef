//! What a server gave us, and for how long.

use crate::route::{Prefix, Route};
use alloc::string::String;
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use core::time::Duration;

/// An address and what goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The address.
    pub address: Ipv4Addr,
    /// How many of its bits all on the link share.
    pub prefix_len: u8,
    /// Routers, best first.
    pub routers: Vec<Ipv4Addr>,
    /// Name servers, best first.
    pub name_servers: Vec<Ipv4Addr>,
    /// The domain that the host is in.
    pub domain: Option<String>,
    /// The MTU of the link.
    pub mtu: Option<u16>,
    /// Routes that the server names, by a router or on the link. If there are any, the routers
    /// above do not count (RFC 3442).
    pub classless_routes: Vec<(Prefix, Option<Ipv4Addr>)>,
    /// For how long; `None` is for ever.
    pub duration: Option<Duration>,
    /// After how long to ask the server for more time.
    pub renewal: Duration,
    /// After how long to ask every server.
    pub rebinding: Duration,
}

impl Lease {
    /// The routes that the lease stands for, on the link with this number.
    pub fn routes(&self, link: u32) -> Vec<Route> {
        let source = Some(self.address.into());
        let route = |prefix, gateway: Option<Ipv4Addr>, metric| {
            let gateway = gateway.map(Into::into);
            Route { prefix, gateway, link, metric, source }
        };
        let mut routes = Vec::new();
        if let Some(prefix) = Prefix::new(self.address.into(), self.prefix_len) {
            routes.push(route(prefix, None, 0));
        }
        if self.classless_routes.is_empty() {
            let defaults = self.routers.iter().zip(0..);
            routes.extend(defaults.map(|(it, metric)| route(Prefix::ALL_V4, Some(*it), metric)));
        } else {
            let named = self.classless_routes.iter();
            routes.extend(named.map(|(prefix, gateway)| route(*prefix, *gateway, 0)));
        }
        routes
    }
}
