//! DNS: `dig` asks a small server on our socket, and our resolver asks dnsmasq.

use crate::meeting::{Driver, LINUX, Meeting, OURS, config, end, ip, with_prefix};
use std::net::SocketAddr;
use std::time::Instant;
use system_tests::{PATIENCE, eventually, tool};

on_each_driver!(dig_asks_us, we_ask_dnsmasq);

/// The whole server: every name has the address 192.0.2.`n`, where `n` is the name's length.
fn answer(question: &[u8]) -> Option<Vec<u8>> {
    let mut end = 12;
    while *question.get(end)? != 0 {
        end += 1 + usize::from(question[end]);
    }
    // Behind the name: its end, type and class.
    let asked = question.get(12..end + 5)?;
    let mut answer = question.get(..2)?.to_vec();
    // An answer, with authority; one question, one record.
    answer.extend([0x84, 0, 0, 1, 0, 1, 0, 0, 0, 0]);
    answer.extend(asked);
    // The name at 12; A, Internet, for a minute; four bytes.
    answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, (end - 12) as u8]);
    Some(answer)
}

fn dig_asks_us(driver: Driver) {
    tool("dig", "bind9-dnsutils");
    let meeting = Meeting::new(driver);
    let socket = meeting.bind("[::]:53");
    for (number, ours) in OURS.into_iter().enumerate() {
        let name = ["cofferdam.test", "a.longer.name.of.cofferdam.test"][number];
        let dig = ["dig", "+short", "+tries=1", "+time=10", &format!("@{ours}"), name, "A"];
        let dig = meeting.linux.start(&dig);
        let mut question = [0; 512];
        let (length, from) = socket.recv_from(&mut question).expect("dig's question");
        let answer = answer(&question[..length]).expect("it is one");
        socket.send_to(&answer, from).expect("a way back");
        assert_eq!(dig.wait().output.trim(), format!("192.0.2.{}", name.len() + 1));
    }
}

fn we_ask_dnsmasq(driver: Driver) {
    tool("dnsmasq", "dnsmasq-base");
    let meeting = Meeting::new(driver);
    let server = meeting.linux.start(&[
        "dnsmasq",
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--user=root",
        "--pid-file=",
        "--no-resolv",
        "--no-hosts",
        "--local=/test/",
        "--host-record=both.test,192.0.2.7,2001:db8::7",
        "--cname=alias.test,both.test",
        "--address=/four.test/192.0.2.4",
    ]);
    eventually("dnsmasq listens", || {
        let told = meeting.linux.output(&["ss", "--udp", "--listening", "--numeric"]);
        told.contains("0.0.0.0:53 ") && told.contains("[::]:53 ")
    });
    for linux in LINUX {
        let ask = |name: &str| meeting.network.resolve_by(name, server_at(linux));
        let both = [ip("2001:db8::7"), ip("192.0.2.7")];
        assert_eq!(ask("both.test").expect("it has two"), both);
        assert_eq!(ask("alias.test").expect("it leads to them"), both);
        assert_eq!(ask("four.test").expect("it has one"), [ip("192.0.2.4")]);
        assert_eq!(ask("10.0.0.9").expect("it is its own answer"), [ip("10.0.0.9")]);
        let error = ask("nobody.test").expect_err("there is none").to_string();
        assert!(error.contains("nobody.test") && error.contains("does not exist"), "{error}");
    }
    drop(server);
}

fn server_at(ip: &str) -> Vec<SocketAddr> {
    Vec::from([end(ip, 53).parse().expect("an address")])
}

/// An error in time, not a hang.
#[test]
fn a_server_that_does_not_listen_is_given_up() {
    let meeting = Meeting::new(Driver::Tap);
    let begin = Instant::now();
    let error = meeting.network.resolve_by("both.test", server_at(LINUX[0]));
    let error = error.expect_err("nobody answers").to_string();
    assert!(error.contains("no server answered for both.test"), "{error}");
    assert!(begin.elapsed() < PATIENCE);
}

/// Without a server that is known it says how to get one.
#[test]
fn without_a_server_the_error_names_the_way() {
    let place = crate::meeting::Place::new(Driver::Tap);
    for address in with_prefix(LINUX) {
        place.give_linux(&address);
    }
    let meeting = place.open(config());
    let error = meeting.network.resolve("both.test").expect_err("nobody to ask").to_string();
    assert!(error.contains("no name server is known"), "{error}");
}
