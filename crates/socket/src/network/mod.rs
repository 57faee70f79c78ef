//! An interface that a thread of its own drives, for sockets that block or are awaited.
//!
//! All state is behind one lock, held for as long as a batch takes. Who sends does it on his own
//! thread, down to the driver; the network's thread receives, does what is due, and wakes those
//! for whom something came. While it sleeps, in `poll(2)` on the driver's descriptor and a bell of
//! its own, it holds nothing.

mod bell;
mod driver;
mod ping;
mod resolve;

use crate::{Error, Link, UdpSocket};
use bell::Bell;
use core::net::SocketAddr;
use core::task::Waker;
use netstack::{Address, Config, Event, StackId};
use nic::Nic;
use packet::{Batch, Pool};
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// What all users of a network share.
pub(crate) struct Shared {
    state: Mutex<State>,
    bell: Bell,
    /// Rung when the driver has room again.
    pub(crate) room: Condvar,
    /// Rung when an echo request may have been answered.
    pong: Condvar,
}

/// What the lock guards.
pub(crate) struct State {
    pub(crate) link: Link,
    pub(crate) seats: HashMap<StackId, Seat>,
    /// Why the interface stopped working, once it did.
    gone: Option<String>,
    closed: bool,
    /// Tasks that wait for the driver to have room.
    pub(crate) senders: Vec<Waker>,
    /// Threads that wait for the answer to an echo request.
    pingers: usize,
    /// When the thread wakes of its own accord.
    sleeps_until: netstack::Time,
}

/// Where one socket waits.
pub(crate) struct Seat {
    pub(crate) arrived: Arc<Condvar>,
    pub(crate) tasks: Vec<Waker>,
    /// Datagrams that left the stack's queue and are not read yet.
    pub(crate) front: Batch,
}

/// An interface that a thread of its own drives. Clones are handles to the same; the thread ends,
/// and the driver is closed, when the last handle and the last socket are gone.
#[derive(Clone)]
pub struct Network(Arc<Owner>);

/// Ends the thread when the last handle goes.
struct Owner {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Network {
    /// Opens an interface over a driver, with buffers from `pool`, and starts its thread.
    pub fn open(nic: Box<dyn Nic>, pool: Pool, config: Config) -> Result<Self, Error> {
        let descriptor = match nic.descriptor() {
            Some(descriptor) => Some(descriptor.try_clone_to_owned().map_err(Error::Thread)?),
            None => None,
        };
        let name = nic.information().name.clone();
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                link: Link::open(nic, pool, config)?,
                seats: HashMap::new(),
                gone: None,
                closed: false,
                senders: Vec::new(),
                pingers: 0,
                sleeps_until: netstack::Time::ZERO,
            }),
            bell: Bell::new().map_err(Error::Thread)?,
            room: Condvar::new(),
            pong: Condvar::new(),
        });
        let thread = std::thread::Builder::new()
            .name(format!("network {name}"))
            .spawn({
                let shared = Arc::clone(&shared);
                move || driver::drive(&shared, descriptor.as_ref())
            })
            .map_err(Error::Thread)?;
        Ok(Self(Arc::new(Owner { shared, thread: Some(thread) })))
    }

    /// A socket at `local`: port 0 for any free one, the unspecified address for all of them.
    pub fn bind(&self, local: SocketAddr) -> io::Result<UdpSocket> {
        UdpSocket::bind(self, local)
    }

    /// The interface's addresses, those that came by DHCP or router advertisement included.
    pub fn addresses(&self) -> Vec<Address> {
        self.lock().link.host_ref().addresses().collect()
    }

    /// What happened at the interface since the last call: a duplicate address, for example.
    pub fn next_event(&self) -> Option<Event> {
        self.lock().link.host().next_event()
    }

    /// Calls `ask` with the link below, for everything that is asked seldom: routes, counters,
    /// neighbours. Everybody else waits meanwhile.
    pub fn with_link<T>(&self, ask: impl FnOnce(&mut Link) -> T) -> T {
        ask(&mut self.lock().link)
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0.shared
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.shared.lock()
    }
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // A panic of another user leaves the state as it was between two calls of the stack,
        // which keep it whole; to be poisoned would let one take down all.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands what is ready to the driver, and sees to it that the thread wakes in time.
    pub(crate) fn push(&self, state: &mut State) -> io::Result<()> {
        state.link.do_what_is_due();
        if let Err(error) = state.link.flush() {
            state.go(&error);
            return Err(state.broken());
        }
        let due = state.link.host_ref().next_timeout();
        if state.link.is_behind() || due.is_some_and(|due| due < state.sleeps_until) {
            self.bell.ring();
        }
        Ok(())
    }
}

impl State {
    /// Everything that makes use of the interface impossible.
    pub(crate) fn check(&self) -> io::Result<()> {
        if self.gone.is_some() { Err(self.broken()) } else { Ok(()) }
    }

    fn broken(&self) -> io::Error {
        let cause = self.gone.clone().unwrap_or_else(|| "the interface is gone".into());
        io::Error::new(io::ErrorKind::NetworkDown, cause)
    }

    /// Notes that the interface stopped working, and wakes everybody to hear of it.
    fn go(&mut self, error: &Error) {
        self.go_because(&error.to_string());
    }

    fn go_because(&mut self, cause: &str) {
        self.gone.get_or_insert_with(|| cause.into());
        for seat in self.seats.values_mut() {
            seat.wake();
        }
        self.senders.drain(..).for_each(Waker::wake);
    }
}

impl Seat {
    pub(crate) fn new() -> Self {
        Self { arrived: Arc::new(Condvar::new()), tasks: Vec::new(), front: Batch::new() }
    }

    fn wake(&mut self) {
        self.arrived.notify_all();
        self.tasks.drain(..).for_each(Waker::wake);
    }
}

/// Adds a task to those that are to be woken, once.
#[cfg(feature = "tokio")]
pub(crate) fn enlist(tasks: &mut Vec<Waker>, waker: &Waker) {
    if !tasks.iter().any(|task| task.will_wake(waker)) {
        tasks.push(waker.clone());
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.bell.ring();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
        {
            // It ends with its next round; a panic of it was already told.
            let _ = thread.join();
        }
    }
}
