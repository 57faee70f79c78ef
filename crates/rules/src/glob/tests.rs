use super::*;
use alloc::string::String;
use proptest::prelude::*;

fn glob(pattern: &str) -> Glob {
    Glob::parse(pattern.as_bytes()).unwrap()
}

#[test]
fn what_matches_and_what_does_not() {
    let table: &[(&str, &[&str], &[&str])] = &[
        (
            "/etc/secrets",
            &["/etc/secrets"],
            &["/etc/secret", "/etc/secrets/", "/etc/secrets/a", "etc/secrets"],
        ),
        ("/a/*", &["/a/b", "/a/.b", "/a/"], &["/a", "/a/b/c"]),
        ("/a/?", &["/a/b"], &["/a/", "/a/bc", "/a//"]),
        ("/a/**", &["/a", "/a/", "/a/b", "/a/b/c"], &["/ab", "/", "/b/a"]),
        ("/a/**/z", &["/a/z", "/a/b/z", "/a/b/c/z"], &["/az", "/a/bz", "/a/z/b"]),
        ("/**", &["", "/", "/a", "/a/b"], &["a"]),
        ("/**/id_*", &["/id_rsa", "/home/x/.ssh/id_rsa"], &["/home/id_/x", "/home/xid_rsa"]),
        ("/a**z", &["/az", "/a/z", "/ab/cz"], &["/a", "/bz"]),
        ("/{a,b/{c,d}}/e", &["/a/e", "/b/c/e", "/b/d/e"], &["/b/e", "/c/e", "/a,b/e"]),
        ("/{,a}b", &["/b", "/ab"], &["/a", "/aab"]),
        (r"/\*\{\,\}\\", &[r"/*{,}\"], &["/a{,}\\"]),
        ("/a]b[c", &["/a]b[c"], &["/abc"]),
    ];
    for (pattern, yes, no) in table {
        for name in *yes {
            assert!(glob(pattern).matches(name.as_bytes()), "{pattern} matches {name}");
        }
        for name in *no {
            assert!(!glob(pattern).matches(name.as_bytes()), "{pattern} does not match {name}");
        }
    }
}

#[test]
fn what_is_no_pattern_is_refused() {
    for bad in ["/{a", "/a}", "/{a,{b}", "{"] {
        assert_eq!(Glob::parse(bad.as_bytes()), Err(Bad::Braces), "{bad}");
    }
    for many in ["{a,b}".repeat(9), "/**".repeat(9), alloc::format!("{{{}}}", "a,".repeat(300))] {
        assert_eq!(Glob::parse(many.as_bytes()), Err(Bad::TooMany), "{many}");
    }
}

#[test]
fn a_pattern_that_others_leave_nothing_to() {
    let table: &[(&[&str], &str, bool)] = &[
        (&["/a"], "/a", true),
        (&["/a"], "/a/b", false),
        (&["/a/**"], "/a/b*c?", true),
        (&["/a/*"], "/a/**", false),
        (&["/a/**"], "/a", true),
        (&["/a/*"], "/a/b/c", false),
        (&["/{a,b}"], "/a", true),
        (&["/a", "/b"], "/{a,b}", true),
        (&["/a"], "/{a,b}", false),
        (&["/?", "/??*", "/"], "/*", true),
        (&["/?", "/???*", "/"], "/*", false),
        (&["/**/x"], "/a/*/x", true),
        (&["/a/*/x"], "/**/x", false),
        (&[], "/a", false),
        (&["/**"], "/**", true),
    ];
    for (others, one, expected) in table {
        let others: Vec<Glob> = others.iter().map(|other| glob(other)).collect();
        assert_eq!(covers(others.iter(), &glob(one)), *expected, "{others:?} {one}");
    }
}

#[test]
fn no_pattern_takes_long() {
    let pattern = alloc::format!("/{}", "*a".repeat(100));
    let name = alloc::format!("/{}", "a".repeat(4000));
    assert!(glob(&pattern).matches(name.as_bytes()));
    assert!(!glob(&alloc::format!("{pattern}b")).matches(name.as_bytes()));
}

/// The same, written as one would explain it.
fn by_the_book(pattern: &[u8], name: &[u8]) -> bool {
    if let Some(below) = pattern.strip_prefix(b"/**")
        && (below.is_empty() || below[0] == b'/')
    {
        return by_the_book(below, name)
            || name.first() == Some(&b'/')
                && (1..=name.len()).any(|at| by_the_book(below, &name[at..]));
    }
    let Some((first, rest)) = pattern.split_first() else { return name.is_empty() };
    let after = |at: usize| by_the_book(rest, &name[at..]);
    match first {
        b'*' if rest.first() == Some(&b'*') => {
            (0..=name.len()).any(|at| by_the_book(&rest[1..], &name[at..]))
        }
        b'*' => {
            let part = name.iter().position(|&byte| byte == b'/').unwrap_or(name.len());
            (0..=part).any(after)
        }
        b'?' => name.first().is_some_and(|&byte| byte != b'/') && after(1),
        byte => name.first() == Some(byte) && after(1),
    }
}

fn pattern() -> impl Strategy<Value = String> {
    "(/|a|b|\\*|\\?|/\\*\\*){0,9}"
}

proptest! {
    #[test]
    fn it_matches_what_the_explanation_matches(pattern in pattern(), name in "[ab/]{0,9}") {
        let expected = by_the_book(pattern.as_bytes(), name.as_bytes());
        prop_assert_eq!(glob(&pattern).matches(name.as_bytes()), expected, "{} {}", pattern, name);
    }

    #[test]
    fn what_is_covered_has_no_name_of_its_own(one in pattern(), others in prop::collection::vec(pattern(), 0..3),
                                              names in prop::collection::vec("[abc/]{0,6}", 60)) {
        let (one, others): (_, Vec<Glob>) = (glob(&one), others.iter().map(|other| glob(other)).collect());
        if covers(others.iter(), &one) {
            for name in names.iter().map(String::as_bytes).filter(|name| one.matches(name)) {
                prop_assert!(others.iter().any(|other| other.matches(name)), "{name:?}");
            }
        }
    }
}
