//! Sockets shaped like std's.

mod pair;

use packet::Pool;
use pair::{networks, v4, v6};
use std::io::ErrorKind;
use std::time::{Duration, Instant};

const SOON: Option<Duration> = Some(Duration::from_secs(10));

#[test]
fn messages_go_there_and_back() {
    let pool = Pool::plain(4096);
    let (left, right) = networks(&pool);
    for (to, any) in [(v4(2, 7), v4(1, 0)), (v6(2, 7), v6(1, 0))] {
        let server = right.bind(to).expect("a port");
        let client = left.bind(any).expect("a port");
        server.set_read_timeout(SOON).expect("a setting");
        client.set_read_timeout(SOON).expect("a setting");
        assert_eq!(server.local_addr().expect("bound"), to);
        for len in [0, 1, 1000, 1472, 5000, 65_507] {
            let message: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
            let mut buffer = vec![0; 66_000];
            assert_eq!(client.send_to(&message, to).expect("sent"), len);
            let (count, from) = server.recv_from(&mut buffer).expect("a message");
            assert!(buffer[..count] == message, "{len} bytes");
            assert_eq!(from, client.local_addr().expect("bound"));
            server.send_to(&buffer[..count], from).expect("sent");
            assert_eq!(client.peek_from(&mut buffer).expect("a message"), (len, to));
            assert_eq!(client.recv_from(&mut buffer).expect("a message"), (len, to));
            assert!(buffer[..len] == message, "{len} bytes");
        }
    }
    let (unbound, message) = (left.bind(v4(1, 0)).expect("a port"), vec![0; 65_508]);
    let error = unbound.send_to(&message, v4(2, 7)).expect_err("too long");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn waiting_ends_when_told() {
    let pool = Pool::plain(4096);
    let (left, _right) = networks(&pool);
    let socket = left.bind(v4(1, 7)).expect("a port");
    socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a setting");
    let start = Instant::now();
    assert_eq!(socket.recv_from(&mut []).expect_err("nothing").kind(), ErrorKind::WouldBlock);
    assert!(start.elapsed() >= Duration::from_millis(50));
    socket.set_nonblocking(true).expect("a setting");
    assert_eq!(socket.recv_from(&mut []).expect_err("nothing").kind(), ErrorKind::WouldBlock);
    assert!(socket.set_read_timeout(Some(Duration::ZERO)).is_err());
}

#[test]
fn a_refusal_is_heard_by_the_connected() {
    let pool = Pool::plain(4096);
    let (left, _right) = networks(&pool);
    let socket = left.bind(v4(1, 0)).expect("a port");
    socket.set_read_timeout(SOON).expect("a setting");
    assert_eq!(socket.send(b"x").expect_err("no peer").kind(), ErrorKind::NotConnected);
    socket.connect(v4(2, 9)).expect("a route");
    assert_eq!(socket.peer_addr().expect("connected"), v4(2, 9));
    socket.send(b"anybody?").expect("sent");
    assert_eq!(socket.recv(&mut [0; 9]).expect_err("nobody").kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn a_dropped_socket_frees_its_port() {
    let pool = Pool::plain(4096);
    let (left, _right) = networks(&pool);
    let first = left.bind(v4(1, 7)).expect("a port");
    assert_eq!(left.bind(v4(1, 7)).map(|_| ()).expect_err("taken").kind(), ErrorKind::AddrInUse);
    let clone = first.try_clone().expect("a handle");
    drop(first);
    assert!(left.bind(v4(1, 7)).is_err(), "a clone holds it still");
    drop(clone);
    left.bind(v4(1, 7)).expect("a free port");
}

#[test]
fn an_interface_that_goes_away_is_an_error_at_once() {
    let pool = Pool::plain(4096);
    let (left, right) = networks(&pool);
    let socket = left.bind(v4(1, 7)).expect("a port");
    let waiter = socket.try_clone().expect("a handle");
    let waits = std::thread::spawn(move || waiter.recv_from(&mut [0; 9]).map(|_| ()));
    std::thread::sleep(Duration::from_millis(50));
    drop(right);
    let error = waits.join().expect("no panic").expect_err("gone");
    assert_eq!(error.kind(), ErrorKind::NetworkDown, "{error}");
    assert_eq!(socket.send_to(b"x", v4(2, 7)).expect_err("gone").kind(), ErrorKind::NetworkDown);
    assert!(left.bind(v4(1, 8)).is_err());
}

#[test]
fn every_buffer_comes_home() {
    let pool = Pool::plain(4096);
    let (left, right) = networks(&pool);
    let server = right.bind(v4(2, 7)).expect("a port");
    let client = left.bind(v4(1, 0)).expect("a port");
    server.set_read_timeout(SOON).expect("a setting");
    for _ in 0..100 {
        client.send_to(&[7; 3000], v4(2, 7)).expect("sent");
        server.recv_from(&mut [0; 3000]).expect("a message");
    }
    client.send_to(b"never read", v4(2, 7)).expect("sent");
    drop((server, client, left, right));
    assert_eq!(pool.statistics().away, 0);
}

#[test]
fn a_pool_that_is_too_small_is_refused() {
    let (left, _right) = pair::ends();
    let error = socket::Network::open(Box::new(left), Pool::plain(8), pair::config(1))
        .map(|_| ())
        .expect_err("too small");
    assert!(error.to_string().contains("8 pages is too small"), "{error}");
}

#[test]
fn names_are_resolved() {
    let pool = Pool::plain(4096);
    let (left, right) = networks(&pool);
    let server = right.bind(v4(2, 53)).expect("a port");
    server.set_read_timeout(SOON).expect("a setting");
    let serves = std::thread::spawn(move || {
        let mut buffer = [0; 1000];
        for _ in 0..2 {
            let (count, from) = server.recv_from(&mut buffer)?;
            let question = &buffer[12..count];
            let name = question.iter().position(|byte| *byte == 0).unwrap_or(0) + 1;
            let is_v4 = question[name..name + 2] == [0, 1];
            let mut answer = buffer[..2].to_vec();
            answer.extend([0x81, 0x80, 0, 1, 0, u8::from(is_v4), 0, 0, 0, 0]);
            answer.extend(&question[..name + 4]);
            if is_v4 {
                answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]);
            }
            server.send_to(&answer, from)?;
        }
        std::io::Result::Ok(())
    });
    let found = left.resolve_by("www.example.org.", vec![v4(2, 53)]).expect("an address");
    assert_eq!(found, [std::net::IpAddr::from([192, 0, 2, 1])]);
    serves.join().expect("no panic").expect("no error");
    assert!(left.resolve("www.example.org.").is_err(), "no server is known");
}
