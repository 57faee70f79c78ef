//! A UDP socket shaped like std's.

use crate::Network;
use crate::network::{Seat, State};
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;
use netstack::udp::Options;
use netstack::{Datagram, StackId};
use packet::{Batch, Packet};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Datagrams fetched from the stack at once.
const FETCH: usize = 32;

/// A UDP socket shaped like [`std::net::UdpSocket`]. What it does not say here is as there.
pub struct UdpSocket(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) network: Network,
    pub(crate) stack: StackId,
    arrived: Arc<Condvar>,
    settings: Mutex<Settings>,
}

#[derive(Clone, Copy, Default)]
struct Settings {
    nonblocking: bool,
    read_timeout: Option<Duration>,
    write_timeout: Option<Duration>,
    broadcast: bool,
    ttl: Option<u8>,
    multicast_ttl: Option<u8>,
}

impl UdpSocket {
    /// A socket at the first of `local` that can be had.
    pub fn bind(network: &Network, local: impl ToSocketAddrs) -> io::Result<Self> {
        let mut last = io::Error::new(ErrorKind::InvalidInput, "no address to bind to");
        for local in local.to_socket_addrs()? {
            match Self::bind_with(network, &Options::new(local)) {
                Ok(socket) => return Ok(socket),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// A socket made as the options say.
    pub fn bind_with(network: &Network, options: &Options) -> io::Result<Self> {
        let mut state = network.lock();
        state.check()?;
        // A socket of this kind never holds packets, so it has none to lend.
        let options = Options { lends: false, ..options.clone() };
        let stack = state.link.bind_with(&options)?;
        let seat = Seat::new();
        let arrived = Arc::clone(&seat.arrived);
        state.seats.insert(stack, seat);
        drop(state);
        let settings = Settings { broadcast: options.broadcast, ..Settings::default() };
        let settings = Mutex::new(settings);
        Ok(Self(Arc::new(Inner { network: network.clone(), stack, arrived, settings })))
    }

    /// Receives one datagram; what of it does not fit into `buffer` is lost.
    pub fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.receive(buffer, false)
    }

    /// Receives one datagram and leaves it for the next call.
    pub fn peek_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.receive(buffer, true)
    }

    /// Receives one datagram from the peer.
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.peer_addr()?;
        Ok(self.recv_from(buffer)?.0)
    }

    /// Receives one datagram from the peer and leaves it for the next call.
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.peer_addr()?;
        Ok(self.peek_from(buffer)?.0)
    }

    /// Sends one datagram to the first of `to`.
    pub fn send_to(&self, payload: &[u8], to: impl ToSocketAddrs) -> io::Result<usize> {
        let to = to.to_socket_addrs()?.next();
        let none = || io::Error::new(ErrorKind::InvalidInput, "no address to send to");
        self.0.send(payload, to.ok_or_else(none)?)
    }

    /// Sends one datagram to the peer.
    pub fn send(&self, payload: &[u8]) -> io::Result<usize> {
        self.0.send(payload, self.peer_addr()?)
    }

    /// Lets the socket speak with one peer only, the first of `to` that there is a way to.
    pub fn connect(&self, to: impl ToSocketAddrs) -> io::Result<()> {
        let mut last = io::Error::new(ErrorKind::InvalidInput, "no address to connect to");
        for to in to.to_socket_addrs()? {
            match self.0.lock().link.host().connect(self.0.stack, to) {
                Ok(()) => return Ok(()),
                Err(error) => last = crate::Error::from(error).into(),
            }
        }
        Err(last)
    }

    /// Where it listens.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        let state = self.0.lock();
        state.link.host_ref().local(self.0.stack).ok_or_else(closed)
    }

    /// With whom it is connected.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        let state = self.0.lock();
        let none = || crate::Error::from(netstack::Error::NotConnected).into();
        state.link.host_ref().remote(self.0.stack).ok_or_else(none)
    }

    /// Another handle to the same socket.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self(Arc::clone(&self.0)))
    }

    /// The oldest error that was received and not told yet.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        let mut state = self.0.lock();
        let error = state.link.host().take_error(self.0.stack);
        Ok(error.map(|error| crate::Error::from(error).into()))
    }

    /// Makes calls that would wait answer [`ErrorKind::WouldBlock`] instead.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.0.settings().nonblocking = nonblocking;
        Ok(())
    }

    /// How long receiving waits; `None`: for ever.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.0.settings().read_timeout = not_zero(timeout)?;
        Ok(())
    }

    /// How long receiving waits.
    pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
        Ok(self.0.settings().read_timeout)
    }

    /// How long sending waits for the driver to have room; `None`: for ever.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.0.settings().write_timeout = not_zero(timeout)?;
        Ok(())
    }

    /// How long sending waits.
    pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
        Ok(self.0.settings().write_timeout)
    }

    /// Allows sending to broadcast addresses, or forbids it.
    pub fn set_broadcast(&self, allowed: bool) -> io::Result<()> {
        self.0.ask(|state, stack| state.link.host().set_broadcast(stack, allowed))?;
        self.0.settings().broadcast = allowed;
        Ok(())
    }

    /// Whether sending to broadcast addresses is allowed.
    pub fn broadcast(&self) -> io::Result<bool> {
        Ok(self.0.settings().broadcast)
    }

    /// Sets the hops that what is sent to one host may make.
    pub fn set_ttl(&self, hops: u32) -> io::Result<()> {
        let hops = hop_limit(hops)?;
        self.0.ask(|state, stack| state.link.host().set_hop_limit(stack, hops))?;
        self.0.settings().ttl = Some(hops);
        Ok(())
    }

    /// The hops that what is sent to one host may make.
    pub fn ttl(&self) -> io::Result<u32> {
        Ok(self.0.settings().ttl.unwrap_or(64).into())
    }

    /// Sets the hops that what is sent to groups may make.
    pub fn set_multicast_ttl_v4(&self, hops: u32) -> io::Result<()> {
        let hops = hop_limit(hops)?;
        self.0.ask(|state, stack| state.link.host().set_multicast_hops(stack, hops))?;
        self.0.settings().multicast_ttl = Some(hops);
        Ok(())
    }

    /// The hops that what is sent to groups may make.
    pub fn multicast_ttl_v4(&self) -> io::Result<u32> {
        Ok(self.0.settings().multicast_ttl.unwrap_or(1).into())
    }

    /// Joins a group. There is one interface, so none is named.
    pub fn join_multicast_v4(&self, group: Ipv4Addr) -> io::Result<()> {
        self.0.join(group.into())
    }

    /// Joins a group.
    pub fn join_multicast_v6(&self, group: Ipv6Addr) -> io::Result<()> {
        self.0.join(group.into())
    }

    /// Leaves a group.
    pub fn leave_multicast_v4(&self, group: Ipv4Addr) -> io::Result<()> {
        self.0.leave(group.into())
    }

    /// Leaves a group.
    pub fn leave_multicast_v6(&self, group: Ipv6Addr) -> io::Result<()> {
        self.0.leave(group.into())
    }
}

impl Inner {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.network.lock()
    }

    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(
        &self,
        ask: impl FnOnce(&mut State, StackId) -> Result<(), netstack::Error>,
    ) -> io::Result<()> {
        Ok(ask(&mut self.lock(), self.stack).map_err(crate::Error::from)?)
    }

    fn join(&self, group: IpAddr) -> io::Result<()> {
        let mut state = self.lock();
        let now = state.link.look_at_clock();
        state.link.host().join(now, self.stack, group).map_err(crate::Error::from)?;
        self.network.shared().push(&mut state)
    }

    fn leave(&self, group: IpAddr) -> io::Result<()> {
        let mut state = self.lock();
        let now = state.link.look_at_clock();
        state.link.host().leave(now, self.stack, group).map_err(crate::Error::from)?;
        self.network.shared().push(&mut state)
    }

    fn receive(&self, buffer: &mut [u8], peek: bool) -> io::Result<(usize, SocketAddr)> {
        let Settings { nonblocking, read_timeout, .. } = *self.settings();
        let deadline = read_timeout.map(|timeout| Instant::now() + timeout);
        let mut state = self.lock();
        loop {
            if let Some(received) = self.try_receive(&mut state, buffer, peek)? {
                return Ok(received);
            }
            if nonblocking {
                return Err(ErrorKind::WouldBlock.into());
            }
            state = wait(&self.arrived, state, deadline)?;
        }
    }

    /// One datagram, if one is there: how much of it fitted, and from whom.
    pub(crate) fn try_receive(
        &self,
        state: &mut State,
        buffer: &mut [u8],
        peek: bool,
    ) -> io::Result<Option<(usize, SocketAddr)>> {
        let State { link, seats, .. } = state;
        let seat = seats.get_mut(&self.stack).ok_or_else(closed)?;
        if seat.front.is_empty() {
            link.rx_batch(self.stack, &mut seat.front, FETCH);
        }
        while let Some(mut packet) = seat.front.pop_front() {
            // The demultiplexer let it through, so it is one.
            let Ok(datagram) = Datagram::read(&mut packet) else { continue };
            let (count, source) = (datagram.copy_payload(buffer), datagram.source());
            if peek {
                seat.front.push_front(packet);
            } else {
                recycle(link, packet);
            }
            return Ok(Some((count, source)));
        }
        if link.host_ref().remote(self.stack).is_some()
            && let Some(error) = link.host().take_error(self.stack)
        {
            return Err(crate::Error::from(error).into());
        }
        state.check()?;
        Ok(None)
    }

    fn send(&self, payload: &[u8], to: SocketAddr) -> io::Result<usize> {
        let Settings { nonblocking, write_timeout, .. } = *self.settings();
        let deadline = write_timeout.map(|timeout| Instant::now() + timeout);
        let mut state = self.lock();
        loop {
            if self.try_send(&mut state, payload, to)? {
                return Ok(payload.len());
            }
            if nonblocking {
                return Err(ErrorKind::WouldBlock.into());
            }
            state = wait(&self.network.shared().room, state, deadline)?;
        }
    }

    /// Sends one datagram; `false` if the driver has no room now.
    pub(crate) fn try_send(
        &self,
        state: &mut State,
        payload: &[u8],
        to: SocketAddr,
    ) -> io::Result<bool> {
        state.check()?;
        if state.link.is_behind() {
            self.network.shared().push(state)?;
            if state.link.is_behind() {
                return Ok(false);
            }
        }
        let mut ready = Batch::new();
        let size = payload.len().max(1);
        let done = state.link.prepare_batch(self.stack, to, payload, size, &mut ready)?;
        if done < payload.len() {
            state.link.recycle(&mut ready);
            return Err(crate::Error::from(netstack::Error::NoBuffers).into());
        }
        state.link.tx_batch(self.stack, &mut ready);
        let left = !ready.is_empty();
        state.link.recycle(&mut ready);
        self.network.shared().push(state)?;
        Ok(!left)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let mut state = self.lock();
        let state = &mut *state;
        if let Some(mut seat) = state.seats.remove(&self.stack) {
            state.link.recycle(&mut seat.front);
        }
        state.link.close(self.stack);
    }
}

fn recycle(link: &mut crate::Link, packet: Packet) {
    link.recycle(&mut Batch::from([packet]));
}

/// Waits for somebody to ring; an error once the time is over.
fn wait<'a>(
    bell: &Condvar,
    state: MutexGuard<'a, State>,
    deadline: Option<Instant>,
) -> io::Result<MutexGuard<'a, State>> {
    let Some(deadline) = deadline else {
        return Ok(bell.wait(state).unwrap_or_else(PoisonError::into_inner));
    };
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(ErrorKind::WouldBlock.into());
    }
    Ok(bell.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0)
}

fn not_zero(timeout: Option<Duration>) -> io::Result<Option<Duration>> {
    if timeout == Some(Duration::ZERO) {
        let why = "a timeout of zero would never receive; make the socket nonblocking instead";
        return Err(io::Error::new(ErrorKind::InvalidInput, why));
    }
    Ok(timeout)
}

fn hop_limit(hops: u32) -> io::Result<u8> {
    let why = "a hop limit is a number from 0 to 255";
    u8::try_from(hops).map_err(|_| io::Error::new(ErrorKind::InvalidInput, why))
}

fn closed() -> io::Error {
    crate::Error::from(netstack::Error::NoStack).into()
}
