//! A UDP socket for async programs, shaped like tokio's.
//!
//! It needs no reactor: the network's own thread wakes the tasks. So it works under any executor.

use crate::network::enlist;
use crate::{Network, UdpSocket as Blocking};
use ::tokio::io::ReadBuf;
use core::future::poll_fn;
use core::net::SocketAddr;
use core::task::{Context, Poll, ready};
use netstack::udp::Options;
use std::io::{self, ErrorKind};
use std::net::ToSocketAddrs;

/// A UDP socket shaped like [`::tokio::net::UdpSocket`](https://docs.rs/tokio). What it does not
/// say here is as there. All futures may be dropped at any time, and nothing is lost.
pub struct UdpSocket(Blocking);

impl UdpSocket {
    /// A socket at the first of `local` that can be had.
    pub fn bind(network: &Network, local: impl ToSocketAddrs) -> io::Result<Self> {
        Blocking::bind(network, local).map(Self)
    }

    /// A socket made as the options say.
    pub fn bind_with(network: &Network, options: &Options) -> io::Result<Self> {
        Blocking::bind_with(network, options).map(Self)
    }

    /// The same socket for blocking use.
    pub fn into_blocking(self) -> Blocking {
        self.0
    }

    /// The socket below, for everything that never waits: options, groups, addresses.
    pub fn as_blocking(&self) -> &Blocking {
        &self.0
    }

    /// Lets the socket speak with one peer only.
    pub fn connect(&self, to: impl ToSocketAddrs) -> io::Result<()> {
        self.0.connect(to)
    }

    /// Where it listens.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Sends one datagram.
    pub async fn send_to(&self, payload: &[u8], to: SocketAddr) -> io::Result<usize> {
        poll_fn(|context| self.poll_send_to(context, payload, to)).await
    }

    /// Sends one datagram to the peer.
    pub async fn send(&self, payload: &[u8]) -> io::Result<usize> {
        let peer = self.0.peer_addr()?;
        self.send_to(payload, peer).await
    }

    /// Receives one datagram; what of it does not fit into `buffer` is lost.
    pub async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        poll_fn(|context| self.poll_receive(context, buffer, false)).await
    }

    /// Receives one datagram from the peer.
    pub async fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.peer_addr()?;
        Ok(self.recv_from(buffer).await?.0)
    }

    /// Receives one datagram and leaves it for the next call.
    pub async fn peek_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        poll_fn(|context| self.poll_receive(context, buffer, true)).await
    }

    /// Waits until a datagram or an error is there.
    pub async fn readable(&self) -> io::Result<()> {
        match self.peek_from(&mut []).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Receives one datagram if one is there, else [`ErrorKind::WouldBlock`].
    pub fn try_recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let inner = &self.0.0;
        let received = inner.try_receive(&mut inner.lock(), buffer, false)?;
        received.ok_or_else(|| ErrorKind::WouldBlock.into())
    }

    /// Sends one datagram if the driver has room, else [`ErrorKind::WouldBlock`].
    pub fn try_send_to(&self, payload: &[u8], to: SocketAddr) -> io::Result<usize> {
        let inner = &self.0.0;
        if inner.try_send(&mut inner.lock(), payload, to)? {
            Ok(payload.len())
        } else {
            Err(ErrorKind::WouldBlock.into())
        }
    }

    /// Receives one datagram, for futures written by hand.
    pub fn poll_recv_from(
        &self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<SocketAddr>> {
        let (count, source) =
            ready!(self.poll_receive(context, buffer.initialize_unfilled(), false))?;
        buffer.advance(count);
        Poll::Ready(Ok(source))
    }

    /// Sends one datagram, for futures written by hand.
    pub fn poll_send_to(
        &self,
        context: &mut Context<'_>,
        payload: &[u8],
        to: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        let inner = &self.0.0;
        let mut state = inner.lock();
        if inner.try_send(&mut state, payload, to)? {
            return Poll::Ready(Ok(payload.len()));
        }
        enlist(&mut state.senders, context.waker());
        Poll::Pending
    }

    fn poll_receive(
        &self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
        peek: bool,
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        let inner = &self.0.0;
        let mut state = inner.lock();
        if let Some(received) = inner.try_receive(&mut state, buffer, peek)? {
            return Poll::Ready(Ok(received));
        }
        if let Some(seat) = state.seats.get_mut(&inner.stack) {
            enlist(&mut seat.tasks, context.waker());
        }
        Poll::Pending
    }
}
