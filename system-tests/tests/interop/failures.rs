//! What goes wrong around a running command: a clear message with the way out, never a hang.

use crate::commands::cofferdam;
use crate::meeting::{Driver, Meeting, OURS, end, ip};
use std::io::ErrorKind;
use std::time::{Duration, Instant};
use system_tests::{Ended, NEAR, Namespace, PATIENCE, Process, World, eventually};

on_each_driver!(a_port_that_is_taken_is_an_error);

fn a_port_that_is_taken_is_an_error(driver: Driver) {
    let meeting = Meeting::new(driver);
    for ours in OURS {
        let _held = meeting.bind(&end(ours, 7));
        let error = meeting.network.bind(end(ours, 7).parse().unwrap()).err().expect("it is taken");
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(error.to_string().contains("choose another port"), "{error}");
    }
    let error = meeting.network.bind("10.9.9.9:7".parse().unwrap()).err().expect("not ours");
    assert_eq!(error.kind(), ErrorKind::AddrNotAvailable, "{error}");
}

/// `cofferdam net echo` on that device.
fn echo(namespace: &Namespace, spec: &str) -> Process {
    namespace.start(&[
        cofferdam(),
        "net",
        "echo",
        "--nic",
        spec,
        "--address",
        "10.0.0.1/24",
        "--address",
        "fd00::1/64",
    ])
}

/// It failed, with one sentence that has all of these words.
#[track_caller]
fn says(ended: &Ended, words: &[&str]) {
    assert!(!ended.success, "{}", ended.output);
    let lines: Vec<_> =
        ended.errors.lines().filter(|line| line.starts_with("cofferdam: ")).collect();
    assert_eq!(lines.len(), 1, "{}", ended.errors);
    assert!(words.iter().all(|word| lines[0].contains(word)), "{}", ended.errors);
    assert!(!ended.errors.contains("panicked"), "{}", ended.errors);
}

#[test]
fn an_interface_that_is_removed_ends_the_command() {
    for device in ["tap", "packet", "xdp"] {
        let world = World::new();
        let (spec, name) = match device {
            "tap" => ("tap:tap0".to_owned(), "tap0"),
            _ => (format!("{device}:{NEAR}"), NEAR),
        };
        let command = echo(&world.near, &spec);
        std::thread::sleep(Duration::from_millis(300));
        eventually("the device is there", || {
            world.near.start(&["ip", "link", "show", name]).wait().success
        });
        std::thread::sleep(Duration::from_millis(300));
        world.near.output(&["ip", "link", "delete", name]);
        let begin = Instant::now();
        let ended = command.wait();
        assert!(begin.elapsed() < PATIENCE / 2);
        says(&ended, &[name, "removed"]);
    }
}

/// The same for sockets: who waits is woken and told.
#[test]
fn an_interface_that_is_removed_wakes_who_waits() {
    let meeting = Meeting::new(Driver::Tap);
    let socket = meeting.bind(&end(OURS[0], 7));
    socket.set_read_timeout(None).expect("for ever");
    let waits = std::thread::spawn(move || socket.recv_from(&mut [0; 8]));
    let network = meeting.network.clone();
    let pings = std::thread::spawn(move || network.ping(ip("10.0.0.77"), b"?", PATIENCE));
    std::thread::sleep(Duration::from_millis(200));
    meeting.linux.output(&["ip", "link", "delete", "tap0"]);
    let error = waits.join().expect("no panic").expect_err("it is gone");
    assert_eq!(error.kind(), ErrorKind::NetworkDown, "{error}");
    let error = pings.join().expect("no panic").expect_err("it is gone");
    assert_eq!(error.kind(), ErrorKind::NetworkDown, "{error}");
    let error = meeting.network.resolve("name.test").expect_err("nobody to ask");
    assert!(!error.to_string().is_empty());
}

#[test]
fn a_device_that_is_not_there_is_named() {
    let namespace = Namespace::new();
    for spec in ["packet:nowhere0", "xdp:nowhere0"] {
        says(&echo(&namespace, spec).wait(), &["nowhere0"]);
    }
}

#[test]
fn a_device_that_is_taken_is_named() {
    let namespace = Namespace::new();
    let _first = echo(&namespace, "tap:tap0");
    eventually("the device is there", || {
        namespace.start(&["ip", "link", "show", "tap0"]).wait().success
    });
    says(&echo(&namespace, "tap:tap0").wait(), &["tap0", "another program has it open"]);
}

#[test]
fn without_rights_the_way_out_is_named() {
    let namespace = Namespace::new();
    for spec in ["tap:tap0", "packet:lo", "xdp:lo"] {
        let ended = namespace.start(&[
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "--inh-caps=-all",
            "--bounding-set=-all",
            cofferdam(),
            "net",
            "echo",
            "--nic",
            spec,
            "--address",
            "10.0.0.1/24",
        ]);
        says(&ended.wait(), &[&spec[spec.find(':').unwrap() + 1..]]);
    }
}
