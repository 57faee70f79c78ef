//! TCP: opening and closing flows, and finding the owner of a segment.

use super::flow::Key;
use super::flow_table::Holder;
use super::{Flow, Held, Owner, PortError, Ports, Protocol, TcpOwner, end};
use crate::Time;
use core::net::{IpAddr, SocketAddr};

impl Ports {
    /// Opens a TCP flow from an ephemeral port, for an outgoing connection. Flows to different
    /// destinations may have the same port.
    pub fn connect_tcp(
        &mut self,
        owner: Owner,
        local: IpAddr,
        remote: SocketAddr,
        random: u64,
        now: Time,
    ) -> Result<Flow, PortError> {
        self.expire(now);
        let (local, remote) = (local.to_canonical(), end(remote));
        let flow = |port| {
            let local = SocketAddr::new(local, port);
            Flow { protocol: Protocol::Tcp, local, remote }
        };
        if !flow(1).is_possible() {
            return Err(PortError::Impossible(flow(0)));
        }
        let start = self.ephemeral.start(Some((local, remote)), random);
        let port = self.find_ephemeral(Protocol::Tcp, start, |flows, port| {
            flows.get(&Key::of(&flow(port))).is_none()
        })?;
        let flow = flow(port);
        self.hold_flow(owner, Key::of(&flow))?;
        Ok(flow)
    }

    /// Opens exactly this TCP flow: for an accepted connection, or one from a bound port.
    pub fn open_tcp(&mut self, owner: Owner, flow: &Flow, now: Time) -> Result<(), PortError> {
        self.expire(now);
        let flow = canonical(flow);
        if flow.protocol != Protocol::Tcp || !flow.is_possible() {
            return Err(PortError::Impossible(flow));
        }
        let key = Key::of(&flow);
        match self.flows.get(&key) {
            None => self.hold_flow(owner, key),
            Some(Holder::Owner(_)) => Err(PortError::FlowTaken(flow)),
            Some(Holder::Rest) => Err(PortError::FlowResting(flow)),
        }
    }

    /// Gives a TCP flow to another owner: a listener to the stack that it made for it.
    pub fn hand_over_tcp(&mut self, from: Owner, to: Owner, flow: &Flow) -> Result<(), PortError> {
        let key = self.held_flow(from, flow)?;
        self.flows.set(&key, Holder::Owner(to));
        self.held.remove(&(from, Held::Flow(key)));
        self.held.insert((to, Held::Flow(key)));
        Ok(())
    }

    /// Closes a TCP flow; it rests before it can be opened again.
    pub fn close_tcp(&mut self, owner: Owner, flow: &Flow, now: Time) -> Result<(), PortError> {
        self.expire(now);
        let key = self.held_flow(owner, flow)?;
        self.held.remove(&(owner, Held::Flow(key)));
        if self.rest.is_zero() {
            self.flows.remove(&key);
        } else {
            self.flows.set(&key, Holder::Rest);
            self.resting_flows.add(key, now + self.rest);
        }
        Ok(())
    }

    /// Ends the rest of a flow early: for a new connection that is known to be safe (RFC 6191).
    /// Whether it was resting.
    pub fn wake_tcp(&mut self, flow: &Flow) -> bool {
        let key = Key::of(&canonical(flow));
        let rested = self.resting_flows.remove(&key);
        if rested {
            self.flows.remove(&key);
        }
        rested
    }

    /// Whose a segment is that came to `local` from `remote`.
    #[inline]
    pub fn tcp_owner(&self, local: SocketAddr, remote: SocketAddr) -> Option<TcpOwner> {
        let key = Key::new(Protocol::Tcp, local, remote);
        match self.flows.get(&key) {
            Some(Holder::Owner(owner)) => Some(TcpOwner::Flow(owner)),
            Some(Holder::Rest) => Some(TcpOwner::Resting),
            None => {
                let choose = || key.hash(self.choice);
                self.tcp.owner(local.ip(), local.port(), choose).map(TcpOwner::Listener)
            }
        }
    }

    fn hold_flow(&mut self, owner: Owner, key: Key) -> Result<(), PortError> {
        self.put_flow(key, owner)?;
        self.held.insert((owner, Held::Flow(key)));
        Ok(())
    }

    fn held_flow(&self, owner: Owner, flow: &Flow) -> Result<Key, PortError> {
        let flow = canonical(flow);
        let key = Key::of(&flow);
        let is_held =
            flow.protocol == Protocol::Tcp && self.flows.get(&key) == Some(Holder::Owner(owner));
        if is_held { Ok(key) } else { Err(PortError::NoFlow(flow)) }
    }
}

fn canonical(flow: &Flow) -> Flow {
    Flow { protocol: flow.protocol, local: end(flow.local), remote: end(flow.remote) }
}
