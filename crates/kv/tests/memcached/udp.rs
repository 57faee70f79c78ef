//! What only UDP has: frames.

use crate::ours::{Collected, Ours, Plain, now};
use crate::theirs::Theirs;
use kv::Options;
use std::collections::VecDeque;

/// The datagrams that ours answers with, frames and all.
fn ask(ours: &mut Ours, request: &[u8], spares: usize) -> Collected {
    let mut collected = Collected { spares, ..Collected::default() };
    let mut requests = VecDeque::from([Plain { bytes: request.to_vec(), room: 2048 }]);
    ours.0.process_batch(now(), &mut requests, &mut collected);
    collected
}

#[test]
fn frames_as_memcached_writes_them() {
    let theirs = Theirs::start(&[]);
    let mut ours = Ours::new(&Options::default());
    let store = |key: &str, len: usize| {
        let value = "v".repeat(len);
        format!("\x12\x34\0\0\0\x01\0\0set {key} 0 0 {len}\r\n{value}\r\n").into_bytes()
    };
    let get = |key: &str| format!("\0\x07\0\x09\0\x01\0\0get {key}\r\n").into_bytes();
    let requests = [
        store("small", 10),
        get("small"),
        get("nobody"),
        store("medium", 1360),
        get("medium"),
        store("large", 20_000),
        get("large"),
        store("edge", 1392 - 5 - 7 - 19),
        get("edge"),
        b"\0\x01\0\0\0\x01\0\0nonsense\r\n".to_vec(),
    ];
    for request in requests {
        let expected = {
            let mut collected = Collected { spares: 100, ..Collected::default() };
            let plain = Plain { bytes: request.clone(), room: 65_000 };
            ours.0.process_batch(now(), &mut VecDeque::from([plain]), &mut collected);
            collected.answers
        };
        let theirs = theirs.ask_udp(&request, expected.len().max(1));
        assert_eq!(expected, theirs, "to {}", request.escape_ascii());
    }
}

#[test]
fn what_is_dropped() {
    let theirs = Theirs::start(&[]);
    let mut ours = Ours::new(&Options::default());
    for request in [
        &b""[..],
        b"\0\x01\0\0\0\x01\0\0",
        b"\0\x01\0\0\0\x02\0\0get a\r\n",
        b"\0\x01\0\x01\0\x02\0\0get a\r\n",
        b"\0\x01\0\0\0\0\0\0get a\r\n",
        b"\0\x01\0\0\0\x01\0\0get a",
        b"\0\x01\0\0\0\x01\0\0\x80",
    ] {
        let answered = ask(&mut ours, request, 10);
        assert!(answered.answers.is_empty(), "to {}", request.escape_ascii());
        assert_eq!(answered.discarded, 1);
        assert!(theirs.ask_udp(request, 1).is_empty(), "to {}", request.escape_ascii());
    }
}

#[test]
fn an_answer_without_buffers_is_an_error() {
    let mut ours = Ours::new(&Options::default());
    assert_eq!(
        ours.ask(format!("set k 0 0 5000\r\n{}\r\n", "v".repeat(5000)).as_bytes()),
        b"STORED\r\n"
    );
    for spares in 0..3 {
        let answered = ask(&mut ours, b"\0\x01\0\0\0\x01\0\0get k\r\n", spares);
        assert_eq!(answered.answers.len(), 1);
        assert_eq!(
            answered.answers[0].escape_ascii().to_string(),
            b"\0\x01\0\0\0\x01\0\0SERVER_ERROR out of memory writing get response\r\n"
                .escape_ascii()
                .to_string()
        );
        assert_eq!(answered.discarded, spares);
    }
    assert_eq!(ask(&mut ours, b"\0\x01\0\0\0\x01\0\0get k\r\n", 3).answers.len(), 4);
}
