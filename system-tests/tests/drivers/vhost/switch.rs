//! The other side of vhost-user: Debian's `dpdk-testpmd` over DPDK's `net_vhost`, which gives each
//! frame back by the queue it came from.

use super::folder::Folder;
use crate::station::Station;
use nic::vhost::{Driver, DriverOptions};
use packet::Pool;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};
use system_tests::frame::experimental;
use system_tests::{Namespace, PATIENCE, Process, tool};

/// Frames that may be on their way at a time: DPDK drops what finds no buffer lent.
pub(crate) const BURST: usize = 32;

/// The socket's name in the switch's folder.
const SOCKET: &str = "vhost.sock";

/// How the two find each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listens {
    /// The driver owns the socket.
    Driver,
    /// The switch owns it.
    Switch,
}

/// A switch that is running. Dropping it kills it.
pub(crate) struct Switch {
    /// `None` after its end.
    process: Option<Process>,
    listens: Listens,
    queues: u16,
    /// Its namespace, which has no way out.
    _namespace: Namespace,
    /// Dropped after the process has ended.
    folder: Folder,
}

impl Switch {
    /// One that swaps the addresses of each frame.
    pub(crate) fn start(listens: Listens, queues: u16) -> Self {
        Self::with_mode(listens, queues, "macswap")
    }

    /// One that treats frames in one of testpmd's ways.
    pub(crate) fn with_mode(listens: Listens, queues: u16, mode: &str) -> Self {
        tool("dpdk-testpmd", "dpdk-dev");
        let folder = Folder::new();
        let client = u8::from(listens == Listens::Driver);
        // Two threads, of which one spins, wherever there is a core among the first.
        let last = available_parallelism().map_or(1, usize::from).min(16) - 1;
        let socket = folder.file(SOCKET);
        let command = [
            "env",
            &format!("RUNTIME_DIRECTORY={}", folder.path().display()),
            "dpdk-testpmd",
            &format!("--lcores=(0,1)@(0-{last})"),
            "--no-huge",
            "--no-shconf",
            "-m",
            "64",
            "--no-pci",
            "--no-telemetry",
            &format!("--vdev=net_vhost0,iface={socket},queues={queues},client={client}"),
            "--",
            &format!("--forward-mode={mode}"),
            "--nb-cores=1",
            &format!("--rxq={queues}"),
            &format!("--txq={queues}"),
            "--total-num-mbufs=4096",
            // The link is up when the driver is there, which comes later.
            "--disable-link-check",
        ];
        let namespace = Namespace::new();
        let process = namespace.start(&command);
        Self { process: Some(process), listens, queues, _namespace: namespace, folder }
    }

    /// The options that lead to it.
    pub(crate) fn options(&self) -> DriverOptions {
        DriverOptions {
            server: self.listens == Listens::Driver,
            queues: self.queues,
            patience: PATIENCE,
            ..DriverOptions::new(self.folder.file(SOCKET))
        }
    }

    /// Opens the drivers of all queue pairs.
    pub(crate) fn open(&mut self, options: &DriverOptions, pool: &Pool) -> Vec<Driver> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match Driver::open(options, pool) {
                Ok(drivers) => return drivers,
                // It may not listen yet.
                Err(error) => assert!(
                    self.runs() && Instant::now() < deadline,
                    "{error}; the switch said:\n{}",
                    self.end()
                ),
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// As [`Switch::open`], with somebody at each driver, after the first frame has come back.
    pub(crate) fn meet(&mut self, options: &DriverOptions, pool: &Pool) -> Vec<Station> {
        let drivers = self.open(options, pool).into_iter();
        let mut stations: Vec<_> = drivers.map(|driver| Station::new(driver, pool)).collect();
        for (queue, station) in stations.iter_mut().enumerate() {
            greet(station, queue);
        }
        stations
    }

    fn runs(&mut self) -> bool {
        self.process.as_mut().is_some_and(Process::runs)
    }

    /// Ends it and gives what it said.
    pub(crate) fn end(&mut self) -> String {
        self.process.take().map(Process::end).unwrap_or_default()
    }
}

/// The switch says that it is ready before it looks at the rings: what comes first may be lost.
pub(crate) fn greet(station: &mut Station, queue: usize) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let hello = marked(queue, 60, 0xff);
        station.send(&hello, packet::Offload::default());
        let back = station.receive_in(Duration::from_millis(100));
        if back.is_some_and(|back| back.bytes() == swapped(&hello)) {
            return;
        }
        assert!(Instant::now() < deadline, "nothing comes back by queue {queue}");
    }
}

/// A frame that says by which queue it was sent.
pub(crate) fn marked(queue: usize, length: usize, seed: u8) -> Vec<u8> {
    let ours = [2, 0, 0, 0, 1, queue as u8];
    experimental([2, 0, 0, 0, 2, queue as u8], ours, length, seed)
}

/// As the switch gives it back.
pub(crate) fn swapped(frame: &[u8]) -> Vec<u8> {
    let mut back = frame.to_vec();
    back[..12].rotate_left(6);
    back
}
