//! A server and its client, and how both are measured.

use super::urgency::Urgent;
use super::{CLIENT_MAC, Cable, Effort, End, Generator, LOAD, Question, Server};
use super::{Kept, config, orderly, with_rights};
use bench::frame::{Pinned, pin, tick_rate};
use nic::Nic;
use nic::memory::Memory;
use nic::xdp::Relay;
use nic::{packet_socket, tap, xdp};
use packet::Pool;
use socket::Link;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use system_tests::Namespace;

/// Frames in the rings of a driver, and pages in its pool. Locked memory is scarce.
const FRAMES: usize = 256;
const PAGES: usize = 640;

/// Microseconds in which the client looks for answers itself, in each call.
const BUSY_POLL: u32 = 20;

/// What our side serves through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Driver {
    Xdp,
    Packet,
    Tap,
}

impl Driver {
    pub(crate) const ALL: [Self; 3] = [Self::Xdp, Self::Packet, Self::Tap];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Xdp => "xdp",
            Self::Packet => "packet",
            Self::Tap => "tap",
        }
    }
}

/// A server and its client. In the order in which they must go.
pub(crate) struct Trial {
    client: Generator,
    effort: Effort,
    server: Server,
    _world: World,
}

/// What both live in; only kept.
enum World {
    Cable { _relay: Relay, _cable: Cable, _kept: Arc<Kept> },
    Alone { _namespace: Namespace },
}

/// What a server did while it was kept busy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Served {
    /// Ticks that it was running, for each request.
    pub(crate) ticks: f64,
    /// Requests answered in a second.
    pub(crate) rate: f64,
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
fn said(error: impl ToString) -> String {
    error.to_string()
}

/// Frames of an interface through rings of packet sockets.
fn packet_rings(namespace: &Namespace, name: &str) -> Result<Box<dyn Nic>, String> {
    let name = name.to_owned();
    let options = packet_socket::Options { bypass: true, ..packet_socket::Options::default() };
    let opened = namespace.run(move || packet_socket::open(&name, &options));
    Ok(Box::new(opened.map_err(said)?.pop().ok_or("no queue")?))
}

/// Frames of an interface through rings of `AF_XDP`, and the pool that goes with them.
fn xdp_rings(
    namespace: &Namespace,
    name: &str,
    busy_poll: u32,
) -> Result<(Box<dyn Nic>, Pool), String> {
    let pool = Pool::registered(Memory::private(PAGES, false).map_err(said)?);
    let options = xdp::Options { frames: FRAMES, busy_poll, ..xdp::Options::default() };
    let (name, registered) = (name.to_owned(), pool.clone());
    let opened = namespace.run(move || xdp::open(&name, &options, &registered));
    Ok((Box::new(opened.map_err(said)?.pop().ok_or("no queue")?), pool))
}

/// Our stack, driven by `serve` on a thread of its own.
fn start<S>(nic: Box<dyn Nic>, pool: Pool, serve: S) -> Result<Server, String>
where
    S: FnOnce(Link, &AtomicBool) -> Result<(), String> + Send + 'static,
{
    let link = Link::open(nic, pool, config()).map_err(said)?;
    Server::start(move |stop| serve(link, stop))
}

impl Trial {
    /// Of a server on a stack of ours at [`super::SERVER`]: `serve` runs on a thread of its own
    /// until it is told to stop, to be looked at every [`super::NAP`].
    pub(crate) fn ours<S>(driver: Driver, question: Question, serve: S) -> Result<Self, String>
    where
        S: FnOnce(Link, &AtomicBool) -> Result<(), String> + Send + 'static,
    {
        if driver == Driver::Tap {
            return Self::at_tap(question, serve);
        }
        let cable = Cable::new(false)?;
        let (nic, pool) = match driver {
            Driver::Packet => (packet_rings(&cable.server, &cable.near)?, Pool::plain(PAGES)),
            _ => xdp_rings(&cable.server, &cable.near, 0)?,
        };
        let server = start(nic, pool, serve)?;
        Self::over(cable, question, server)
    }

    fn at_tap<S>(question: Question, serve: S) -> Result<Self, String>
    where
        S: FnOnce(Link, &AtomicBool) -> Result<(), String> + Send + 'static,
    {
        const NAME: &str = "load0";
        with_rights()?;
        let namespace = orderly(Namespace::new)?;
        let opened = namespace.run(|| tap::open(NAME, &tap::Options::default()));
        let nic = opened.map_err(said)?.pop().ok_or("no queue")?;
        orderly(|| {
            let mac = CLIENT_MAC.to_string();
            namespace.output(&["ip", "link", "set", NAME, "address", &mac]);
            namespace.output(&["ip", "link", "set", NAME, "addrgenmode", "none"]);
            namespace.output(&["ip", "link", "set", NAME, "up"]);
        })?;
        let server = start(Box::new(nic), Pool::plain(PAGES), serve)?;
        let rings = packet_rings(&namespace, NAME)?;
        let client = Generator::new(End::new(rings, Pool::plain(PAGES)), question);
        let effort = Effort::of(&server.threads()?, &[]);
        Ok(Self { client, effort, server, _world: World::Alone { _namespace: namespace } })
    }

    /// Of a server on Linux's own network at [`super::SERVER`], started in the namespace that it
    /// is given.
    pub(crate) fn kernel(
        question: Question,
        start: impl FnOnce(&Namespace) -> Result<Server, String>,
    ) -> Result<Self, String> {
        let cable = Cable::new(true)?;
        let server = start(&cable.server)?;
        Self::over(cable, question, server)
    }

    fn over(cable: Cable, question: Question, server: Server) -> Result<Self, String> {
        let end = |name, busy_poll| {
            let (nic, pool) = xdp_rings(&cable.client, name, busy_poll)?;
            Ok::<_, String>(End::new(nic, pool))
        };
        let client = Generator::new(end(&cable.far, BUSY_POLL)?, question)
            .asking_through(end(&cable.mouth, 0)?)
            .restless();
        let relay = cable.relay()?;
        let kernel = cable.settle()?;
        let effort = Effort::of(&server.threads()?, &kernel);
        Ok(Self {
            client,
            effort,
            server,
            _world: World::Cable { _relay: relay, _cable: cable, _kept: Kept::shared() },
        })
    }

    /// Keeps the server busy for a while.
    pub(crate) fn press(&mut self, span: Duration) -> Result<Served, String> {
        let _ready = self.ready()?;
        // The first requests find cold caches; they do not count.
        self.client.press(span / 10)?;
        let before = self.asleep()?;
        let answered = self.client.press(span)?;
        let busy = self.asleep()?.saturating_sub(before);
        if answered.count == 0 || answered.lost * 100 > answered.count {
            let (count, lost) = (answered.count, answered.lost);
            return Err(format!("{lost} requests were lost, {count} answered"));
        }
        let count = answered.count as f64;
        Ok(Served {
            ticks: busy.as_secs_f64() * tick_rate() / count,
            rate: count / answered.time.as_secs_f64(),
        })
    }

    /// The running time, when nobody runs any more: of a thread that runs it is known only up to
    /// when it was looked at last.
    fn asleep(&self) -> Result<Duration, String> {
        std::thread::sleep(Duration::from_millis(2));
        self.effort.so_far()
    }

    /// Asks one at a time for a while. Gives how long each answer took.
    pub(crate) fn ask_singly(&mut self, span: Duration) -> Result<Vec<Duration>, String> {
        let _ready = self.ready()?;
        self.client.ask_singly(span)
    }

    /// The calling thread is the client.
    fn ready(&mut self) -> Result<(Urgent, Pinned), String> {
        self.server.check()?;
        Ok((Urgent::this(), pin(LOAD)?))
    }
}
