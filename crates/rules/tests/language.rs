//! The language as its users write it.

use rules::{Address, Class, Decision, Direction, Rules, Severity, Stream, Subject, Target, parse};

/// As it stands in the paper, with the blank in a name and the end that is missing.
const FIGURE_2: &str = include_str!("figure-2.rules");

fn good(text: &str) -> Rules {
    let (rules, mistakes) = parse(text);
    assert_eq!(mistakes, []);
    rules.unwrap()
}

fn told(text: &str) -> Vec<(Severity, (usize, usize), String)> {
    let (_, mistakes) = parse(text);
    mistakes
        .into_iter()
        .map(|it| {
            (it.severity, it.place(text), format!("{} | {}", it.what, it.help.unwrap_or_default()))
        })
        .collect()
}

#[test]
fn the_papers_example_is_read_as_it_stands() {
    let (rules, mistakes) = parse(FIGURE_2);
    assert!(mistakes.iter().all(|mistake| mistake.severity == Severity::Warning), "{mistakes:#?}");
    let places: Vec<_> = mistakes.iter().map(|mistake| mistake.place(FIGURE_2).0).collect();
    assert_eq!(places, [7, 21], "`priv unix`, and the table without its end: {mistakes:#?}");
    let rules = rules.unwrap();
    let methods = |subject| match rules.decide(&subject).target {
        Target::Methods(number) => Some(&*rules.tables[*number].name),
        _ => None,
    };
    assert_eq!(methods(Subject::File(b"/etc/secrets")), Some("priv_fs"));
    assert_eq!(methods(Subject::File(b"/etc/passwd")), None);
    let connect = |address| Subject::Socket(Direction::Connect, address);
    assert_eq!(methods(connect(Address::Unix(b"/tmp/socket"))), Some("priv_unix"));
    assert_eq!(
        methods(connect(Address::Tcp("192.100.0.4:1337".parse().unwrap()))),
        Some("priv_tcp")
    );
    assert_eq!(methods(connect(Address::Tcp("192.100.0.4:80".parse().unwrap()))), None);
    assert_eq!(methods(Subject::Stream(Stream::Output)), Some("priv_ui"));
    let table = rules.tables.iter().find(|table| table.name == "priv_fs").unwrap();
    let calls: Vec<_> = table.calls.as_ref().unwrap().iter().map(|(call, _)| &**call).collect();
    assert_eq!(calls, ["open", "close", "read", "write", "lseek"]);
    assert!(!table.insecure_forward_unlisted);
}

#[test]
fn the_first_rule_that_matches_decides_and_else_the_default() {
    let rules = good(
        "DISK: (\"/srv/public/**\", commodity), (\"/srv/**\", priv_fs)\n\
         NETWORK: (bind \"tcp:*:443\", priv_tcp), (\"udp:*\", commodity)\n\
         PROGRAM: (\"/usr/bin/xdg-open\", commodity)\n\
         default: deny",
    );
    let number = |subject| rules.decide(&subject).rule;
    assert_eq!(number(Subject::File(b"/srv/public/a")), Some(0));
    assert_eq!(number(Subject::File(b"/srv/a")), Some(1));
    let decision = rules.decide(&Subject::File(b"/etc/passwd"));
    assert_eq!(decision, Decision { target: &Target::Deny, rule: None });
    let address = Address::Tcp("[::]:443".parse().unwrap());
    assert_eq!(number(Subject::Socket(Direction::Bind, address)), Some(2));
    assert_eq!(number(Subject::Socket(Direction::Connect, address)), None);
    // A program stays with who started it, whatever the default is.
    let program = rules.decide(&Subject::Program(b"/bin/sh"));
    assert_eq!(program, Decision { target: &Target::Private, rule: None });
    assert_eq!(Rules::default().decide(&Subject::File(b"/")).target, &Target::Commodity);
    assert_eq!(rules.rules[4].class, Class::Program);
}

#[test]
fn every_mistake_is_told_with_its_place_and_what_would_be_right() {
    let table = [
        ("DISC: (\"/a\", deny)", 1, "no class `DISC` | `DISK` is meant?"),
        ("DISK: (\"/a\", priv_sf)", 14, "no table of methods `priv_sf` | `priv_fs` is meant?"),
        ("DISK: (\"/a\", priv_tcp)", 14, "answers for NETWORK, not for DISK | DISK has priv_fs"),
        (
            "NETWORK: (\"tcp:*\", nothing_like)",
            20,
            "NETWORK has priv_unix, priv_tcp, priv_udp, or write a table",
        ),
        ("DISK: (\"a\", deny)", 8, "no absolute name"),
        ("DISK: (\"~/a\", deny)", 8, "whole name"),
        ("DISK: (\"/a/../b\", deny)", 8, "where that leads"),
        ("DISK: (\"/a/\", deny)", 8, "/** is a directory and all below it"),
        ("DISK: (\"/{a\", deny)", 8, "brace"),
        ("DISK: (bind \"/a\", deny)", 8, "DISK has no `bind`"),
        ("NETWORK: (listen \"tcp:*\", deny)", 11, "bind or connect"),
        ("NETWORK: (\"tcp:example.org:80\", deny)", 11, "no address"),
        ("NETWORK: (\"tcp:*\", verified \"x\")", 29, "NETWORK has no digest"),
        ("DISK: (\"/a\", verified \"sha256:12\")", 23, "64 hexadecimal digits"),
        ("DISK: (\"/a\", verified)", 22, "a text in quotes, not `)`"),
        ("DISK: (\"/a\", private)", 14, "only programs are `private`"),
        ("PROGRAM: (\"/a\", priv_fs)", 17, "nothing that a program can be"),
        ("UI: (\"stdlog\", priv_ui)", 6, "no such stream"),
        ("default: priv_fs", 10, "cannot be the default"),
        ("default: deny default: commodity", 24, "a default already"),
        ("t = { .open = a, .open = b }", 19, "`.open` is bound already"),
        ("t = { } t = { }", 9, "a table `t` already"),
        ("deny = { }", 1, "a meaning of its own"),
        ("t = { open = a }", 7, "should be `.`"),
    ];
    for (text, column, part) in table {
        let told = told(text);
        let [(Severity::Error, (1, found), message)] = &told[..] else {
            panic!("{text}: {told:?}")
        };
        assert_eq!(*found, column, "{text}: {message}");
        assert!(message.contains(part), "{text}: {message}");
        assert!(!message.ends_with("| "), "{text}: nothing would be right");
    }
}

#[test]
fn a_rule_that_can_never_match_is_reported() {
    let text = "DISK: (\"/a/**\", priv_fs), (\"/a/b\", deny), (\"/a\", deny), (\"/b\", deny),\n\
                      (\"/{a,b}\", deny), (*, commodity), (\"/c\", deny)\n\
                NETWORK: (\"tcp:*:1-100\", deny), (bind \"tcp:*:80\", priv_tcp)\n\
                UI: (\"stdin\", priv_ui), (\"stdin\", deny), (*, priv_ui)";
    let lines: Vec<_> =
        told(text).into_iter().map(|(severity, place, _)| (severity, place.0)).collect();
    let warning = |line| (Severity::Warning, line);
    assert_eq!(lines, [warning(1), warning(1), warning(2), warning(2), warning(3), warning(4)]);
    assert!(parse(text).0.is_some(), "it can be used all the same");
}

#[test]
fn many_mistakes_are_told_in_one_go_in_their_order() {
    let lines: Vec<_> = told("DISK: (\"a\", deny),\n (\"/b\", foo),\n (\"/c\", deny)\nDISC: (\"/x\", deny), (\"/y\", deny)\n;")
        .into_iter().map(|(_, place, _)| place.0).collect();
    assert_eq!(lines, [1, 2, 4, 5], "of an unknown class only once");
}
