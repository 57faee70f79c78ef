//! Ours over vhost-user: the server through our driver, its packets lent; on the other core our
//! own device, which copies them as for a virtual machine, and asks.
//!
//! Checksums are made and checked by the server's stack, as on the other wires. Only rounds that
//! brought requests count: the core has nothing else to do, and looks again and again.

use super::client::PAGES;
use super::contents::{Filled, question};
use super::desk::Desk;
use super::spent::Spent;
use crate::load::{self, End, Generator, LOAD, SERVER};
use bench::frame::{pin, ticks};
use nic::Nic;
use nic::memory::Memory;
use nic::vhost::{Device, DeviceOptions, Driver, DriverOptions};
use packet::Pool;
use socket::Link;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Between two looks whether the server is there.
const LOOK: Duration = Duration::from_millis(5);

/// The server, and who asks it.
pub(super) struct Guest {
    // First, so that the device's thread sees it go.
    desk: Desk,
    asker: Asker,
    filled: Filled,
}

impl Guest {
    pub(super) fn open(filled: &Filled) -> Result<Self, String> {
        let said = |error: nic::Error| error.to_string();
        let filled = filled.clone();
        filled.fill()?;
        let path = std::env::temp_dir().join(format!("cofferdam-kv-{}", std::process::id()));
        let asker = Asker::start(path.clone(), filled.bits)?;
        let pool = Pool::registered(Memory::shared(PAGES, false).map_err(said)?);
        let options = DriverOptions { offloads: false, ..DriverOptions::new(path) };
        let queue = Driver::open(&options, &pool).map_err(said)?.pop().ok_or("no queue")?;
        let link = Link::open(Box::new(queue), pool, load::config());
        let desk = Desk::open(link.map_err(|error| error.to_string())?, IpAddr::V4(SERVER))?;
        Ok(Self { desk, asker, filled })
    }

    /// Serves for a while, requests together or one by one.
    pub(super) fn serve(&mut self, together: bool, span: Duration) -> Result<Spent, String> {
        let mut server = self.filled.server()?;
        let mut spent = Spent::default();
        self.asker.ask(span)?;
        while !self.asker.is_done()? {
            let begin = ticks();
            let count = self.desk.receive()?;
            if count == 0 {
                continue;
            }
            let received = ticks();
            self.desk.process(&mut server, together);
            let processed = ticks();
            self.desk.transmit()?;
            let transmitted = ticks();
            self.desk.tidy();
            spent.note([begin, received, processed, transmitted], count);
        }
        Ok(spent)
    }
}

/// The thread with the device.
struct Asker {
    orders: Option<Sender<Duration>>,
    results: Receiver<Result<(), String>>,
    thread: Option<JoinHandle<()>>,
}

impl Asker {
    fn start(path: PathBuf, bits: u32) -> Result<Self, String> {
        let options = DeviceOptions { offloads: false, ..DeviceOptions::new(path) };
        let device = Device::listen(&options).map_err(|error| error.to_string())?;
        let (orders, ordered) = channel();
        let (tell, results) = channel();
        let thread = thread::spawn(move || {
            let _ = tell.send(obey(device, bits, &ordered, &tell).map(drop));
        });
        Ok(Self { orders: Some(orders), results, thread: Some(thread) })
    }

    /// Has it ask for a while.
    fn ask(&self, span: Duration) -> Result<(), String> {
        let sent = self.orders.as_ref().map(|orders| orders.send(span));
        if matches!(sent, Some(Ok(()))) { Ok(()) } else { Err(self.why()) }
    }

    /// Whether it has asked for long enough, and got its answers.
    fn is_done(&self) -> Result<bool, String> {
        match self.results.try_recv() {
            Ok(result) => result.map(|()| true),
            Err(TryRecvError::Empty) => Ok(false),
            Err(TryRecvError::Disconnected) => Err(self.why()),
        }
    }

    fn why(&self) -> String {
        let last = self.results.try_recv().ok().and_then(Result::err);
        last.unwrap_or_else(|| "the thread that asks has ended".into())
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // What it has to say came too late to matter.
            let _ = thread.join();
        }
    }
}

/// Asks whenever it is ordered to, until nobody can order any more.
fn obey(
    mut device: Device,
    bits: u32,
    orders: &Receiver<Duration>,
    tell: &Sender<Result<(), String>>,
) -> Result<(), String> {
    let _pinned = pin(LOAD)?;
    // The driver's messages are read when the device is used.
    let mut order = loop {
        match orders.try_recv() {
            Ok(span) => break span,
            Err(TryRecvError::Disconnected) => return Ok(()),
            Err(TryRecvError::Empty) => {
                device.wait(Some(LOOK)).map_err(|error| error.to_string())?
            }
        };
    };
    // A sleeper would have to be woken by the server.
    let mut generator =
        Generator::new(End::new(Box::new(device), Pool::plain(PAGES)), question(bits))
            .restless()
            .patient();
    loop {
        let answered = generator.press(order)?;
        let lost = (answered.lost > 0)
            .then(|| format!("{} requests were lost, {} answered", answered.lost, answered.count));
        let _ = tell.send(lost.map_or(Ok(()), Err));
        let Ok(next) = orders.recv() else { return Ok(()) };
        order = next;
    }
}
