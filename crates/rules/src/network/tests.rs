use super::*;
use alloc::vec::Vec;

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text.as_bytes()).unwrap()
}

fn matches(text: &str, address: &str) -> bool {
    let address = match address.split_once(':').unwrap() {
        ("tcp", rest) => Address::Tcp(rest.parse().unwrap()),
        ("udp", rest) => Address::Udp(rest.parse().unwrap()),
        (_, rest) => Address::Unix(rest.as_bytes()),
    };
    pattern(text).matches(address)
}

#[test]
fn what_matches_and_what_does_not() {
    let table: &[(&str, &[&str], &[&str])] = &[
        (
            "tcp:192.100.0.4:1337",
            &["tcp:192.100.0.4:1337", "tcp:[::ffff:192.100.0.4]:1337"],
            &["udp:192.100.0.4:1337", "tcp:192.100.0.5:1337", "tcp:192.100.0.4:1338", "unix:/1337"],
        ),
        (
            "tcp:10.0.0.0/8:1-1024",
            &["tcp:10.255.0.1:1", "tcp:10.0.0.0:1024"],
            &["tcp:11.0.0.0:1", "tcp:10.0.0.1:0", "tcp:10.0.0.1:1025", "tcp:[::a00:1]:1"],
        ),
        ("udp:0.0.0.0/0:53", &["udp:9.9.9.9:53"], &["udp:[2620:fe::fe]:53"]),
        ("udp:*:53", &["udp:9.9.9.9:53", "udp:[2620:fe::fe]:53"], &["tcp:9.9.9.9:53"]),
        ("tcp:[fd00::]/8:*", &["tcp:[fd12::1]:443"], &["tcp:[fe80::1]:443"]),
        ("tcp:[::1]:22", &["tcp:[::1]:22"], &["tcp:127.0.0.1:22"]),
        ("tcp:*", &["tcp:1.2.3.4:5"], &["udp:1.2.3.4:5"]),
        ("*", &["tcp:1.2.3.4:5", "udp:[::]:0", "unix:/x", "unix:@x"], &[]),
        ("unix:/run/*.sock", &["unix:/run/a.sock"], &["unix:/run/a/b.sock", "unix:@/run/a.sock"]),
        ("unix:@bus-*", &["unix:@bus-1"], &["unix:/bus-1"]),
    ];
    for (pattern, yes, no) in table {
        for address in *yes {
            assert!(matches(pattern, address), "{pattern} matches {address}");
        }
        for address in *no {
            assert!(!matches(pattern, address), "{pattern} does not match {address}");
        }
    }
}

#[test]
fn what_is_wrong_is_told_with_what_would_be_right() {
    for (text, part) in [
        ("192.0.2.1:80", "no protocol `192.0.2.1`"),
        ("sctp:192.0.2.1:80", "no protocol `sctp`"),
        ("tcp:192.0.2.1", "no port"),
        ("tcp:example.org:80", "`example.org` is no address"),
        ("tcp:::1:80", "brackets"),
        ("tcp:1.2.3.4/33:80", "0 to 32"),
        ("tcp:[::1]/129:80", "0 to 128"),
        ("tcp:1.2.3.4:80-79", "ends before"),
        ("tcp:1.2.3.4:65536", "no port"),
        ("unix:run/x", "begins with /"),
        ("unix:/{a", "brace"),
        ("\u{fffd}", "no address"),
    ] {
        let (what, help) = Pattern::parse(text.as_bytes()).unwrap_err();
        assert!(what.contains(part), "{text}: {what}");
        assert!(help.is_some(), "{text}");
    }
}

#[test]
fn a_pattern_that_others_leave_nothing_to() {
    const BIND: Option<Direction> = Some(Direction::Bind);
    const CONNECT: Option<Direction> = Some(Direction::Connect);
    type Meant = (&'static str, Option<Direction>);
    let table: &[(&[Meant], Meant, bool)] = &[
        (&[("tcp:*", None)], ("tcp:1.2.3.4:5", None), true),
        (&[("tcp:*", BIND)], ("tcp:1.2.3.4:5", None), false),
        (&[("tcp:*", BIND), ("tcp:*", CONNECT)], ("tcp:1.2.3.4:5", None), true),
        (&[("tcp:*", None)], ("udp:1.2.3.4:5", None), false),
        (&[("tcp:*", None), ("udp:*", None), ("unix:**", None)], ("*", None), true),
        (&[("tcp:*", None), ("udp:*", None)], ("*", None), false),
        (&[("*", None)], ("unix:/x", BIND), true),
        (
            &[("tcp:0.0.0.0/1:*", None), ("tcp:128.0.0.0/1:*", None)],
            ("tcp:0.0.0.0/0:*", None),
            true,
        ),
        (&[("tcp:0.0.0.0/1:*", None), ("tcp:128.0.0.0/1:*", None)], ("tcp:*:*", None), false),
        (&[("tcp:*:0-79", None), ("tcp:*:81-65535", None)], ("tcp:*:80", None), false),
        (&[("tcp:*:0-80", None), ("tcp:*:80-65535", None)], ("tcp:*", None), true),
        (&[("tcp:10.0.0.0/8:*", None), ("tcp:*:22", None)], ("tcp:10.1.1.1:23", None), true),
        (&[("unix:/a/**", None)], ("unix:/a/b", CONNECT), true),
        (&[("unix:/a/**", CONNECT)], ("unix:/a/b", None), false),
    ];
    for (others, one, expected) in table {
        let patterns: Vec<_> =
            others.iter().map(|(text, direction)| (pattern(text), *direction)).collect();
        let others: Vec<_> =
            patterns.iter().map(|(pattern, direction)| (pattern, *direction)).collect();
        let found = covers(&others, (&pattern(one.0), one.1));
        assert_eq!(found, *expected, "{others:?} {one:?}");
    }
}
