//! The command as a user runs it, and the clients of others.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;
use system_tests::{FAR, NEAR, Namespace, Options, Process, World, eventually, tool};

/// The command, built as these tests were.
pub(crate) fn cofferdam() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        let test = std::env::current_exe().expect("we are a program");
        let folder: PathBuf = test.ancestors().nth(2).expect("target/PROFILE/deps").into();
        let profile = match folder.file_name().and_then(|name| name.to_str()) {
            Some("debug") | None => "dev",
            Some(name) => name,
        };
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--package", "cofferdam", "--profile", profile]);
        build.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        assert!(build.status().expect("cargo runs").success(), "`cofferdam` does not build");
        folder.join("cofferdam").to_str().expect("a path in UTF-8").to_owned()
    })
}

/// The command on a device at whose other end Linux is, which has 10.0.0.2 and `fd00::2`.
struct Running {
    linux: Namespace,
    _near: Option<Namespace>,
    command: Process,
}

const ADDRESSES: [&str; 4] = ["--address", "10.0.0.1/24", "--address", "fd00::1/64"];

fn run(device: &str, arguments: &[&str]) -> Running {
    let spec = if device == "tap" { "tap:tap0".into() } else { format!("{device}:{NEAR}") };
    let mut command = vec![cofferdam(), "net"];
    command.extend(arguments);
    command.extend(["--nic", &spec]);
    command.extend(ADDRESSES);
    if device == "tap" {
        let linux = Namespace::new();
        let command = linux.start(&command);
        eventually("the device is there", || {
            linux.start(&["ip", "link", "show", "tap0"]).wait().success
        });
        linux.output(&["ip", "link", "set", "tap0", "up"]);
        linux.output(&["ip", "address", "add", "10.0.0.2/24", "dev", "tap0"]);
        linux.output(&["ip", "address", "add", "fd00::2/64", "dev", "tap0", "nodad"]);
        Running { linux, _near: None, command }
    } else {
        let offloads = device != "xdp";
        let World { near, far } = World::with(&Options { offloads, ..Options::default() });
        let command = near.start(&command);
        Running { linux: far, _near: Some(near), command }
    }
}

/// Waits until the command answers pings.
fn answers(running: &Running) {
    tool("ping", "iputils-ping");
    eventually("it answers", || {
        running.linux.start(&["ping", "-c", "1", "-W", "1", "10.0.0.1"]).wait().success
    });
}

const DEVICES: [&str; 3] = ["tap", "packet", "xdp"];

#[test]
fn net_echo_sends_back_what_nc_says() {
    tool("nc", "netcat-openbsd");
    for device in DEVICES {
        let running = run(device, &["echo", "--port", "7", "--port", "8"]);
        answers(&running);
        for (ip, port) in [("10.0.0.1", "7"), ("10.0.0.1", "8"), ("fd00::1", "7")] {
            let mut nc = running.linux.start(&["nc", "-u", "-w", "1", ip, port]);
            nc.feed(b"hello echo\n");
            assert_eq!(nc.wait().output, "hello echo\n", "{device} {ip} {port}");
        }
        let told = running.command.end();
        assert!(told.starts_with("echo on "), "{told}");
        assert!(told.contains("3 echoed"), "{told}");
    }
}

#[test]
fn net_kv_answers_a_memcached_client() {
    tool("memcaslap", "libmemcached-tools");
    for device in DEVICES {
        let running = run(device, &["kv"]);
        answers(&running);
        // Nine gets for each set, over UDP; values are verified as they come back.
        let load = running.linux.start(&[
            "memcaslap",
            "--udp",
            "-s",
            "10.0.0.1:11211",
            "-T",
            "1",
            "-c",
            "8",
            "-x",
            "2000",
            "-v",
            "1.0",
        ]);
        let told = load.wait_for(Duration::from_secs(30));
        assert!(told.success, "{device}: {}{}", told.output, told.errors);
        let count = |name: &str| {
            let line = told.output.lines().find(|line| line.starts_with(name));
            let count = line.and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
            count.unwrap_or_else(|| panic!("{device}: no {name} in {}", told.output))
        };
        assert!(count("cmd_get:") > 1000 && count("cmd_set:") > 100, "{}", told.output);
        assert_eq!(count("get_misses:"), 0, "{device}: {}", told.output);
        assert_eq!(count("verify_failed:"), 0, "{device}: {}", told.output);
        drop(running);
    }
}

#[test]
fn net_ping_reaches_linux() {
    for device in DEVICES {
        let running = run(device, &["ping", "10.0.0.2", "--count", "3", "--interval", "0.1"]);
        let told = running.command.wait();
        assert!(told.success, "{device}: {}{}", told.output, told.errors);
        assert!(told.output.contains("from 10.0.0.2"), "{}", told.output);
        assert!(told.output.contains("3 sent, 3 answered"), "{}", told.output);
    }
}

/// An address that somebody else on the link has: the command says whose it is, and goes on.
#[test]
fn an_address_that_is_already_in_use_is_told() {
    for address in ["10.0.0.2/24", "fd00::2/64"] {
        let World { near, far } = World::new();
        let nic = format!("packet:{NEAR}");
        let command = [cofferdam(), "net", "echo", "--nic", &nic, "--address", address];
        let link = far.output(&["ip", "-brief", "link", "show", FAR]);
        let mac = link.split_whitespace().nth(2).expect("name, state, address");
        let (address, _) = address.split_once('/').expect("a prefix");
        let wanted = format!("the address {address} is already in use by {mac} on this link");
        // What it says is read when it has ended.
        let command = near.start(&command);
        std::thread::sleep(Duration::from_secs(4));
        let told = command.end();
        assert!(told.contains(&wanted) && told.contains("choose another"), "{told}");
    }
}

/// What only a machine can show of the mistakes that `cofferdam`'s own transcripts hold.
#[test]
fn a_device_that_is_taken_or_too_narrow_is_told() {
    let linux = Namespace::new();
    let refusal = |nic: &str, address: &str| {
        let command = [cofferdam(), "net", "echo", "--nic", nic, "--address", address];
        let told = linux.start(&command).wait();
        assert!(!told.success && told.output.is_empty(), "{told:?}");
        told.errors
    };
    let narrow = refusal("tap:tap0,mtu=600", "fd00::1/64");
    let wanted = "cofferdam: an MTU of 600 cannot be; IPv4 needs 68 bytes and IPv6 1280";
    assert!(narrow.starts_with(wanted), "{narrow}");
    let command = [cofferdam(), "net", "echo", "--nic", "tap:tap0", "--address", "10.0.0.1/24"];
    let _first = linux.start(&command);
    eventually("the device is there", || {
        linux.start(&["ip", "link", "show", "tap0"]).wait().success
    });
    let taken = refusal("tap:tap0", "10.0.0.1/24");
    assert!(
        taken.starts_with("cofferdam: tap0: another program has it open; stop that one"),
        "{taken}"
    );
    assert!(taken.contains("choose another name"), "{taken}");
}
