//! The text protocol.

use crate::large::{self, Large};
use crate::ours::Ours;
use crate::theirs::Theirs;
use kv::Options;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::cell::RefCell;

/// What theirs and ours answer; `mn` at the end says where the answer is over.
fn answers(theirs: &Theirs, ours: &mut Ours, request: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let request = [request, b"mn\r\n"].concat();
    (theirs.ask(&request, b"MN\r\n"), ours.ask(&request))
}

fn assert_alike((expected, answered): (&[u8], &[u8]), request: &[u8]) {
    assert_eq!(
        answered.escape_ascii().to_string(),
        expected.escape_ascii().to_string(),
        "to {}",
        request.escape_ascii()
    );
}

fn compare(theirs: &Theirs, ours: &mut Ours, request: &[u8]) {
    let (expected, answered) = answers(theirs, ours, request);
    assert_alike((&expected, &answered), request);
}

#[test]
fn hand_written() {
    let theirs = Theirs::start(&[]);
    let mut ours = Ours::new(&Options::default());
    let long_key = "k".repeat(250);
    let too_long_key = "k".repeat(251);
    let scripts = [
        "set a 0 0 1\r\nx\r\nget a\r\ngets a\r\n".to_owned(),
        "set a 7 0 0\r\n\r\nget a\r\n".into(),
        "add a 0 0 1\r\ny\r\nadd b 1 0 1\r\ny\r\nget a b c\r\n".into(),
        "replace c 0 0 1\r\nz\r\nreplace a 3 0 2\r\nzz\r\nget c a\r\n".into(),
        "append a 9 9 3\r\n123\r\nprepend a 9 9 2\r\n>>\r\ngets a\r\n".into(),
        "append nobody 0 0 1\r\nx\r\nprepend nobody 0 0 1\r\nx\r\n".into(),
        "cas a 1 0 1 999999\r\nq\r\ncas nobody 0 0 1 1\r\nq\r\ncas a 0 0 1 0\r\nq\r\n".into(),
        "cas a 1 0 1 x\r\nq\r\ncas a 1 0 1\r\n".into(),
        "set n 5 0 2\r\n99\r\nincr n 1\r\ngets n\r\ndecr n 1\r\ngets n\r\ndecr n 1000\r\nget n\r\n"
            .into(),
        "set n 0 0 20\r\n18446744073709551615\r\nincr n 1\r\nget n\r\nincr n 5\r\nget n\r\n".into(),
        "incr n -1\r\nincr n x\r\nincr n\r\nincr nobody 1\r\nincr n 1 noreply\r\nget n\r\n".into(),
        "set t 0 0 3\r\n1 2\r\nincr t 5\r\nget t\r\nset t 0 0 2\r\n1x\r\nincr t 1\r\n".into(),
        "set t 0 0 0\r\n\r\nincr t 1\r\nset t 0 0 2\r\n-5\r\nincr t 1\r\n".into(),
        "touch a 100\r\ntouch nobody 0\r\ntouch a x\r\ntouch a\r\ntouch a 0 noreply\r\n".into(),
        "gat 100 a b nobody\r\ngats 0 a\r\ngat x a\r\ngat 10\r\ngat\r\n".into(),
        "gat 100 a\r\ngats -1 a\r\nget a\r\n".into(),
        "delete b\r\ndelete b\r\ndelete b 0\r\ndelete b 5\r\ndelete b 0 noreply\r\n".into(),
        "delete b 5 noreply\r\ndelete b noreply\r\ndelete\r\ndelete a b c d\r\n".into(),
        "set e 0 -1 1\r\nx\r\nget e\r\nset e 0 1 1\r\nx\r\nget e\r\n".into(),
        "set e 0 100000000 1\r\nx\r\nget e\r\nset e 0 2000000000 1\r\nx\r\nget e\r\n".into(),
        "set f 4294967295 0 1\r\nx\r\nget f\r\nset f 4294967296 0 1\r\nx\r\nget f\r\n".into(),
        "set f -1 0 1\r\nx\r\nget f\r\nset f 0 0 -1\r\nx\r\n".into(),
        "set f 0 0 1 noreply\r\nx\r\nset f 0 0 1 other\r\nx\r\nget f\r\n".into(),
        "set f 0 0 noreply\r\nset f 0 0\r\nset\r\nset f 0 0 1 2 3\r\n".into(),
        "set f 0 0 1\r\nxy\r\nget f\r\nset f 0 0 1 noreply\r\nxyz\r\n".into(),
        format!("set {long_key} 0 0 1\r\nx\r\nget {long_key}\r\n"),
        format!("set {too_long_key} 0 0 1\r\nx\r\n"),
        format!("get {too_long_key}\r\n"),
        format!("get a {too_long_key} a\r\nget a\r\n"),
        format!("incr {too_long_key} 1\r\ndelete {too_long_key}\r\ntouch {too_long_key} 1\r\n"),
        "get a a a a\r\nget\r\nget  a   f  \r\n get a\r\nGET a\r\nbget a\r\n".into(),
        "gets a b c f a b c f a b c f a b c f a b c f a b c f a b c f a b c f\r\n".into(),
        "\r\n\n \r\nx\r\nxy\r\nget a\nget a\0b\r\n".into(),
        "flush_all 0\r\nget a\r\nset a 0 0 1\r\nx\r\nflush_all\r\nget a\r\n".into(),
        "flush_all noreply\r\nflush_all 0 noreply\r\nflush_all x\r\nflush_all 0 0 0\r\n".into(),
        "flush_all 0 0\r\nflush_all -5\r\n".into(),
        "verbosity 1\r\nverbosity\r\nverbosity x\r\nverbosity 0 noreply\r\nverbosity 0 x\r\n"
            .into(),
        "verbosity 0\r\nshutdown\r\nstats nonsense\r\nmisbehave\r\nquit please\r\n".into(),
        "GET / HTTP/1.1\r\nget a\r\n".into(),
        "set big 0 0 1048577\r\n".to_owned() + &"x".repeat(1_048_577) + "\r\n",
        "stats reset\r\n".into(),
    ];
    for script in scripts {
        if script.len() > 60_000 {
            // More than a datagram holds: theirs swallows it, ours has to say the same at once.
            let line = &script.as_bytes()[..=script.find('\n').unwrap()];
            let expected = theirs.ask(script.as_bytes(), b"\r\n");
            assert_eq!(ours.ask(line), expected);
        } else {
            compare(&theirs, &mut ours, script.as_bytes());
        }
    }
}

/// What stood in the same piece of memory before decides, as [`large`] says.
#[test]
fn large_numbers_that_memcached_mistakes() {
    let theirs = Theirs::start(&[]);
    let mut ours = Ours::new(&Options::default());
    let all = [i64::MAX as u64, 1 << 63, u64::MAX - 500];
    for (number, before) in all.into_iter().flat_map(|number| [(number, "-"), (number, "+")]) {
        let before = before.repeat(36);
        let len = number.to_string().len();
        let script =
            format!("set a 0 0 36\r\n{before}\r\ndelete a\r\nset a 0 0 {len}\r\n{number}\r\n");
        compare(&theirs, &mut ours, script.as_bytes());
        assert_eq!(large::is_at(&mut ours, b"a"), number >= 1 << 63);
        let (expected, answered) = answers(&theirs, &mut ours, b"incr a 111\r\n");
        assert_eq!(answered, format!("{}\r\nMN\r\n", number + 111).into_bytes());
        if number >= 1 << 63 && before.starts_with('-') {
            assert_eq!(
                expected.escape_ascii().to_string(),
                "CLIENT_ERROR cannot increment or decrement non-numeric value\\r\\nMN\\r\\n"
            );
        } else {
            assert_eq!(expected, answered);
        }
        compare(&theirs, &mut ours, b"delete a\r\n");
    }
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => prop::sample::select(vec!["a", "b", "c", "dd", "noreply", "0"]).prop_map(str::to_owned),
        1 => "[!-~]{1,20}",
        1 => (248_usize..253).prop_map(|len| "L".repeat(len)),
    ]
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0_u64..200).prop_map(|number| number.to_string()),
        1 => any::<u32>().prop_map(|number| number.to_string()),
        1 => any::<i32>().prop_map(|number| number.to_string()),
        1 => large::number(),
        1 => prop::sample::select(vec!["-1", "+3", "x", "1x", "noreply", "99999999999999999999"])
            .prop_map(str::to_owned),
    ]
}

fn expiry() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["0", "-1", "1000", "4000000000", "2000000000", "x", "1000000"])
        .prop_map(str::to_owned)
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => (0_u64..2000).prop_map(|number| number.to_string()),
        1 => any::<u32>().prop_map(|number| number.to_string()),
        3 => large::number(),
        2 => "[ -~]{0,40}",
        1 => (0_usize..3000).prop_map(|len| "v".repeat(len)),
    ]
}

fn tail() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => Just(String::new()),
        2 => Just(" noreply".to_owned()),
        1 => " [a-z0-9]{1,8}",
    ]
}

fn command() -> impl Strategy<Value = String> {
    let store = (
        prop::sample::select(vec!["set", "add", "replace", "append", "prepend"]),
        key(),
        number(),
        expiry(),
        value(),
        tail(),
        // Bytes that the line leaves out of account: at most what there is.
        prop_oneof![9 => Just(0), 1 => 0_usize..3],
    )
        .prop_map(|(verb, key, flags, expiry, value, tail, short)| {
            let len = value.len().saturating_sub(short);
            format!("{verb} {key} {flags} {expiry} {len}{tail}\r\n{value}\r\n")
        });
    let cas = (key(), 0_u64..400, value(), tail()).prop_map(|(key, cas, value, tail)| {
        format!("cas {key} 0 0 {} {cas}{tail}\r\n{value}\r\n", value.len())
    });
    let get = (
        prop::sample::select(vec!["get", "gets", "gat 100", "gats 0", "gat", "bget"]),
        // Not too long: memcached then forgets its answers to the commands before, too.
        prop::collection::vec(key().prop_filter("too long", |key| key.len() <= 250), 0..30),
    )
        .prop_map(|(verb, keys)| format!("{verb} {}\r\n", keys.join(" ")));
    let other = (
        prop::sample::select(vec!["incr", "decr", "touch", "delete", "verbosity", "nonsense"]),
        key(),
        prop_oneof![3 => number().prop_map(|number| format!(" {number}")), 1 => Just(String::new())],
        tail(),
    )
        .prop_map(|(verb, key, number, tail)| format!("{verb} {key}{number}{tail}\r\n"));
    let rare = prop::sample::select(vec![
        "flush_all\r\n",
        "flush_all noreply\r\n",
        "\r\n",
        "\n",
        "get a\n",
        "get\r\n",
        "set a\r\n",
    ])
    .prop_map(str::to_owned);
    prop_oneof![6 => store, 1 => cas, 4 => get, 3 => other, 1 => rare]
}

#[test]
fn generated() {
    let theirs = Theirs::start(&[]);
    let ours = RefCell::new(Ours::new(&Options::default()));
    let large = Large::default();
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        cases: 1500,
        max_shrink_iters: 0,
        ..Config::default()
    });
    let commands = prop::collection::vec(command(), 1..12);
    runner
        .run(&commands, |commands| {
            // One by one: an entry in an answer that is not yet sent counts as used, and
            // memcached then does not increment it in place.
            for command in commands {
                let ours = &mut ours.borrow_mut();
                let words: Vec<&str> = command.split_whitespace().collect();
                let key = match words[..] {
                    ["incr" | "decr", key, ..] if large::is_at(ours, key.as_bytes()) => key,
                    _ => {
                        compare(&theirs, ours, command.as_bytes());
                        continue;
                    }
                };
                // Not silently, or the mistake would be seen too late.
                let command = command.replace(" noreply\r\n", "\r\n");
                let (expected, answered) = answers(&theirs, ours, command.as_bytes());
                let both = (&expected[..], &answered[..]);
                if !large.is_mistake(both, (&theirs, ours), key.as_bytes()) {
                    assert_alike(both, command.as_bytes());
                }
            }
            Ok(())
        })
        .unwrap();
    large.assert_compared();
}
