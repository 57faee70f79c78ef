//! Open vSwitch over DPDK: a bridge whose two ports are drivers of ours.

use super::folder::Folder;
use super::pool;
use crate::station::{Station, bytes};
use nic::vhost::{Driver, DriverOptions};
use packet::{Offload, Pool};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use system_tests::frame::experimental;
use system_tests::{Namespace, PATIENCE, Process, eventually};

/// What is needed of Debian's packages.
const SWITCH: &str = "usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk";
const DATABASE: &str = "usr/sbin/ovsdb-server";
const TOOL: &str = "usr/bin/ovsdb-tool";
const CONTROL: &str = "usr/bin/ovs-vsctl";
const SCHEMA: &str = "usr/share/openvswitch/vswitch.ovsschema";

/// What the switch says, in its folder.
const LOG: &str = "switch.log";

/// The port whose socket the driver owns, and the one whose socket Open vSwitch owns.
const PORTS: [&str; 2] = ["ours", "theirs"];
const ADDRESSES: [[u8; 6]; 2] = [[2, 0, 0, 0, 3, 0], [2, 0, 0, 0, 3, 1]];

/// A running Open vSwitch. Dropping it kills it.
struct Bridge {
    _switch: Process,
    _database: Process,
    /// Its namespace, which has no way out, with the bridge's own interfaces.
    _namespace: Namespace,
    /// Dropped after the processes have ended.
    folder: Folder,
}

impl Bridge {
    fn start() -> Self {
        let root = programs();
        let (namespace, folder) = (Namespace::new(), Folder::new());
        let path = folder.path().display();
        let program = |name: &str| root.join(name).display().to_string();
        let (database, socket) = (folder.file("conf.db"), folder.file("db.sock"));
        let places = ["OVS_RUNDIR", "OVS_DBDIR", "OVS_LOGDIR", "OVS_SYSCONFDIR"];
        let mut env: Vec<_> = places.iter().map(|place| format!("{place}={path}")).collect();
        env.extend([format!("RUNTIME_DIRECTORY={path}"), "env".into()]);
        env.rotate_right(1);
        let command = |name: &str, arguments: &[&str]| {
            let arguments = arguments.iter().map(ToString::to_string);
            env.iter().cloned().chain([program(name)]).chain(arguments).collect::<Vec<_>>()
        };
        let start = |command: Vec<String>| {
            namespace.start(&command.iter().map(String::as_str).collect::<Vec<_>>())
        };
        let control = |arguments: &[&str]| {
            let database = [&*format!("--db=unix:{socket}"), "--timeout=20"];
            let ended = start(command(CONTROL, &[&database, arguments].concat())).wait();
            assert!(ended.success, "{arguments:?}: {}", ended.errors);
            ended.output
        };

        let made = start(command(TOOL, &["create", &database, &program(SCHEMA)])).wait();
        assert!(made.success, "{}", made.errors);
        let server = start(command(DATABASE, &[&database, &format!("--remote=punix:{socket}")]));
        eventually("the database listens", || Path::new(&socket).exists());
        control(&[
            "--no-wait",
            "init",
            "--",
            "set",
            "Open_vSwitch",
            ".",
            "other_config:dpdk-init=true",
            // Else the first port takes nearly all that there is.
            "other_config:per-port-memory=true",
            "other_config:dpdk-extra=--no-huge --legacy-mem -m 1024 --no-pci --no-shconf \
             --no-telemetry",
        ]);
        let remote = format!("unix:{socket}");
        let log = format!("--log-file={}", folder.file(LOG));
        // What lies in the kernel is none of its business.
        let switch = start(command(SWITCH, &[&remote, "--disable-system", &log]));
        control(&["add-br", "br0", "--", "set", "Bridge", "br0", "datapath_type=netdev"]);
        let [ours, theirs] = PORTS;
        let server_path = format!("options:vhost-server-path={}", folder.file(ours));
        let kind = "type=dpdkvhostuserclient";
        control(&["add-port", "br0", ours, "--", "set", "Interface", ours, kind, &server_path]);
        let kind = "type=dpdkvhostuser";
        control(&["add-port", "br0", theirs, "--", "set", "Interface", theirs, kind]);
        for port in PORTS {
            let error = control(&["get", "Interface", port, "error"]);
            assert_eq!(error.trim(), "[]", "of port {port}");
        }
        Self { _switch: switch, _database: server, _namespace: namespace, folder }
    }

    /// Opens the driver at one of [`PORTS`].
    fn open(&self, port: usize, pool: &Pool) -> Station {
        let options = DriverOptions {
            server: port == 0,
            patience: PATIENCE,
            ..DriverOptions::new(self.folder.file(PORTS[port]))
        };
        Station::new(Driver::open(&options, pool).unwrap().remove(0), pool)
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let said = fs::read_to_string(self.folder.file(LOG)).unwrap_or_default();
            eprintln!("Open vSwitch said:\n{said}");
        }
    }
}

/// Open vSwitch's programs: installed, or unpacked into a folder, where they stay. To install
/// them would start a switch for the machine.
fn programs() -> PathBuf {
    let found = |root: &Path| {
        let all = [SWITCH, DATABASE, TOOL, CONTROL, SCHEMA];
        all.iter().all(|name| root.join(name).is_file()).then(|| root.to_path_buf())
    };
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("open-vswitch");
    if let Some(root) = found(Path::new("/")).or_else(|| found(&folder)) {
        return root;
    }
    fs::create_dir_all(&folder).unwrap();
    let fetch = "apt-get download openvswitch-common openvswitch-switch openvswitch-switch-dpdk \
                 && for package in *.deb; do dpkg -x \"$package\" . || exit 1; done && rm *.deb";
    let done = Command::new("sh").args(["-c", fetch]).current_dir(&folder).output().unwrap();
    found(&folder).unwrap_or_else(|| {
        panic!(
            "this test needs Open vSwitch: `sudo apt-get update`, or `sudo apt-get install -y \
             --no-install-recommends openvswitch-switch-dpdk`: {}",
            String::from_utf8_lossy(&done.stderr)
        )
    })
}

/// Sends a frame to everybody until it has arrived: by then each knows of the other, and the
/// bridge where the sender is.
fn greet(from: &mut Station, to: &mut Station, source: [u8; 6]) {
    let hello = experimental([0xff; 6], source, 60, 0xff);
    let deadline = Instant::now() + PATIENCE;
    loop {
        from.send(&hello, Offload::default());
        if to.receive_in(Duration::from_millis(100)).is_some_and(|it| bytes(&it) == hello) {
            return;
        }
        assert!(Instant::now() < deadline, "nothing arrives from {source:?}");
    }
}

/// Frames of all lengths from one to the other.
fn send_all(from: &mut Station, to: &mut Station, [source, destination]: [[u8; 6]; 2]) {
    let sent_before = from.nic.statistics().sent;
    for (seed, length) in (60..=1514).step_by(23).enumerate() {
        let frame = experimental(destination, source, length, seed as u8);
        from.send(&frame, Offload::default());
        let arrived = to.receive_that(|packet| packet.bytes()[..6] == destination);
        assert_eq!(bytes(&arrived), frame);
    }
    assert_eq!(from.nic.statistics().sent - sent_before, 64);
}

#[test]
fn two_drivers_meet_at_a_bridge_of_open_vswitch() {
    let bridge = Bridge::start();
    let pool = pool();
    let [left, right] = ADDRESSES;
    let mut second = bridge.open(1, &pool);
    // The first goes, and comes again.
    for _ in 0..2 {
        let mut first = bridge.open(0, &pool);
        greet(&mut first, &mut second, left);
        greet(&mut second, &mut first, right);
        for _ in 0..4 {
            send_all(&mut first, &mut second, [left, right]);
            send_all(&mut second, &mut first, [right, left]);
        }
        for station in [&first, &second] {
            let counted = station.nic.statistics();
            assert_eq!((counted.malformed, counted.copied), (0, 0), "{counted:?}");
        }
    }
    super::finish(vec![second], &pool);
}
