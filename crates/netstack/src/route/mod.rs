//! Routes: by which next hop, and from which address, a destination is reached.
//!
//! A sorted table for each family, searched by halving; a prefix knows the next wider one, so the
//! longest match is one search and a few steps. Changes cost time in proportion to the table: it
//! is meant for some thousands of routes.
//!
//! It never decides whether a next hop is alive: [`Routes::candidates`] gives all routes to a
//! destination, best first, to whoever knows.

mod prefix;
mod table;

pub use prefix::Prefix;

use core::net::IpAddr;
use table::Table;

/// How addresses of a prefix are reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Which addresses.
    pub prefix: Prefix,
    /// By which router; `None` if they are on the link themselves.
    pub gateway: Option<IpAddr>,
    /// On which link: a number that the caller gives.
    pub link: u32,
    /// Of routes with the same prefix, the one with the least metric is taken.
    pub metric: u32,
    /// Which of this host's addresses to send from, where the sender has not chosen.
    pub source: Option<IpAddr>,
}

impl Route {
    /// A route to addresses on the link.
    pub const fn on_link(prefix: Prefix, link: u32) -> Self {
        Self { prefix, gateway: None, link, metric: 0, source: None }
    }

    /// A route by a router.
    pub const fn by(prefix: Prefix, gateway: IpAddr, link: u32) -> Self {
        Self { prefix, gateway: Some(gateway), link, metric: 0, source: None }
    }

    /// Where a packet to `destination` goes next.
    pub fn next_hop(&self, destination: IpAddr) -> IpAddr {
        self.gateway.unwrap_or(destination)
    }

    fn check(&self) -> Result<(), RouteError> {
        let family = self.prefix.address().is_ipv4();
        let fits = |address: Option<IpAddr>| address.is_none_or(|it| it.is_ipv4() == family);
        if fits(self.gateway) && fits(self.source) {
            Ok(())
        } else {
            Err(RouteError::Mixed(self.prefix))
        }
    }

    /// Whether both are the same way to the same addresses, whatever their source.
    fn is_same_way(&self, other: &Self) -> bool {
        (self.prefix, self.gateway, self.link, self.metric)
            == (other.prefix, other.gateway, other.link, other.metric)
    }
}

/// What went wrong with a route. Each message names the thing, the cause, and the way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// As many routes as there may be.
    #[error("the table holds all {0} routes that it may; remove some or raise the limit")]
    TooMany(usize),
    /// The same way to the same addresses is there.
    #[error("a route to {0} by the same way exists; replace it, or choose another metric")]
    Exists(Prefix),
    /// Prefix, router and source are not of one family.
    #[error("the route to {0} mixes IPv4 and IPv6; write router and source in its family")]
    Mixed(Prefix),
}

/// All routes of a host.
#[derive(Clone, Debug)]
pub struct Routes {
    v4: Table,
    v6: Table,
    limit: usize,
}

impl Routes {
    /// An empty table for up to `limit` routes.
    pub const fn new(limit: usize) -> Self {
        Self { v4: Table::new(), v6: Table::new(), limit }
    }

    /// Adds a route. Of routes that are equally good, the one that was there first is taken.
    pub fn add(&mut self, route: Route) -> Result<(), RouteError> {
        route.check()?;
        if self.iter().any(|other| other.is_same_way(&route)) {
            return Err(RouteError::Exists(route.prefix));
        }
        if self.len() >= self.limit {
            return Err(RouteError::TooMany(self.limit));
        }
        self.table_mut(route.prefix.address()).insert(route);
        Ok(())
    }

    /// Adds a route in place of all others with its prefix and metric; gives the oldest of these.
    pub fn replace(&mut self, route: Route) -> Result<Option<Route>, RouteError> {
        route.check()?;
        let goes = |other: &Route| other.prefix == route.prefix && other.metric == route.metric;
        // Of equally good ones, the oldest is last in the table.
        let oldest = self.iter().filter(|other| goes(other)).last().copied();
        if oldest.is_none() && self.len() >= self.limit {
            return Err(RouteError::TooMany(self.limit));
        }
        let table = self.table_mut(route.prefix.address());
        table.retain(|other| !goes(other));
        table.insert(route);
        Ok(oldest)
    }

    /// Removes a route; whether it was there. Its source does not matter.
    pub fn remove(&mut self, route: &Route) -> bool {
        let before = self.len();
        self.table_mut(route.prefix.address()).retain(|other| !other.is_same_way(route));
        self.len() < before
    }

    /// Keeps the routes that `keep` says: for a router or a link that is gone.
    pub fn retain(&mut self, mut keep: impl FnMut(&Route) -> bool) {
        self.v4.retain(&mut keep);
        self.v6.retain(&mut keep);
    }

    /// The best route to `destination`: longest prefix first, then least metric.
    #[inline]
    pub fn lookup(&self, destination: IpAddr) -> Option<&Route> {
        self.candidates(destination).next()
    }

    /// All routes to `destination`, best first.
    #[inline]
    pub fn candidates(&self, destination: IpAddr) -> impl Iterator<Item = &Route> + '_ {
        let table = if destination.is_ipv4() { &self.v4 } else { &self.v6 };
        table.candidates(destination)
    }

    /// All routes, IPv4 first, by prefix.
    pub fn iter(&self) -> impl Iterator<Item = &Route> + '_ {
        self.v4.iter().chain(self.v6.iter())
    }

    /// How many routes there are.
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn table_mut(&mut self, address: IpAddr) -> &mut Table {
        if address.is_ipv4() { &mut self.v4 } else { &mut self.v6 }
    }
}
