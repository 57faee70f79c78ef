//! Counts smells in Rust source.
//!
//! Source is read as tokens, as the compiler reads it, so words in comments and strings do not
//! count and code inside macros does. What `#[cfg(test)]` guards, and files in `tests`,
//! `examples` and `benches` folders, may unwrap and panic.

use crate::step::{Failed, output};
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// What one crate, or one file, smells of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Smells {
    /// `unsafe` blocks and implementations, tests included.
    pub(super) unsafe_code: usize,
    /// `.unwrap()`, `.expect()`, `panic!` and its like, outside tests.
    pub(super) panics: usize,
    /// `#[allow]` and `#[expect]`, tests included.
    pub(super) lints_off: usize,
}

/// What was counted.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) crates: BTreeMap<String, Smells>,
    /// The longest file and its lines.
    pub(super) longest: (String, usize),
}

/// Counts in all Rust files that git knows or would add.
pub(super) fn all(root: &Path) -> Result<Counted, Failed> {
    let mut git = Command::new("git");
    git.current_dir(root);
    git.args(["ls-files", "--cached", "--others", "--exclude-standard", "*.rs"]);
    let mut counted = Counted { crates: BTreeMap::new(), longest: (String::new(), 0) };
    for file in output(&mut git)?.lines() {
        let Ok(text) = std::fs::read_to_string(root.join(file)) else { continue };
        let lines = text.lines().count();
        if lines > counted.longest.1 {
            counted.longest = (file.into(), lines);
        }
        let smells = smells(&text, is_test(file))
            .map_err(|error| Failed(format!("{file} cannot be read as Rust: {error}")))?;
        let whole = counted.crates.entry(crate_of(file)).or_default();
        whole.unsafe_code += smells.unsafe_code;
        whole.panics += smells.panics;
        whole.lints_off += smells.lints_off;
    }
    Ok(counted)
}

/// `crates/nic/src/wire.rs` belongs to `nic`, `bench/src/main.rs` to `bench`.
fn crate_of(file: &str) -> String {
    let inner = file.strip_prefix("crates/").unwrap_or(file);
    inner.split('/').next().unwrap_or(inner).into()
}

fn is_test(file: &str) -> bool {
    let folders = ["tests", "examples", "benches", "system-tests", "fuzz"];
    file.split('/').any(|part| folders.contains(&part)) || file.ends_with("/tests.rs")
}

/// Counts in one file.
fn smells(text: &str, test: bool) -> Result<Smells, String> {
    let tokens: TokenStream = text.parse().map_err(|error| format!("{error}"))?;
    let mut smells = Smells::default();
    walk(tokens, test, &mut smells);
    Ok(smells)
}

fn walk(tokens: TokenStream, test: bool, smells: &mut Smells) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '#' => {
                // Inner attributes have a `!` between.
                let inner = tokens.get(at + 1).is_some_and(|next| is_punct(next, '!'));
                if let Some(attribute) = bracket(tokens.get(at + 1 + usize::from(inner))) {
                    smells.lints_off += lints_off(attribute.stream());
                    if is_cfg_test(attribute.stream()) {
                        if inner {
                            return walk(tokens[at + 3..].iter().cloned().collect(), true, smells);
                        }
                        let end = item_end(&tokens, at + 2);
                        walk(tokens[at + 2..end].iter().cloned().collect(), true, smells);
                        at = end;
                        continue;
                    }
                }
            }
            TokenTree::Ident(word) => {
                let (before, after) =
                    (at.checked_sub(1).and_then(|b| tokens.get(b)), tokens.get(at + 1));
                let after_is = |delimiter| matches!(after, Some(TokenTree::Group(group)) if group.delimiter() == delimiter);
                match word.to_string().as_str() {
                    "unsafe" => {
                        let implements = matches!(after, Some(TokenTree::Ident(i)) if i == "impl");
                        smells.unsafe_code += usize::from(implements || after_is(Delimiter::Brace));
                    }
                    "unwrap" | "expect" | "unwrap_err" | "expect_err" if !test => {
                        let method = before.is_some_and(|before| is_punct(before, '.'));
                        smells.panics += usize::from(method && after_is(Delimiter::Parenthesis));
                    }
                    "panic" | "unreachable" | "todo" | "unimplemented" if !test => {
                        smells.panics +=
                            usize::from(after.is_some_and(|after| is_punct(after, '!')));
                    }
                    _ => {}
                }
            }
            TokenTree::Group(group) => walk(group.stream(), test, smells),
            _ => {}
        }
        at += 1;
    }
}

/// Where the item ends whose attributes go on at `at`: behind its braces, or its semicolon.
fn item_end(tokens: &[TokenTree], at: usize) -> usize {
    let ends = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        TokenTree::Punct(punct) => matches!(punct.as_char(), ';' | ','),
        _ => false,
    };
    tokens[at..].iter().position(ends).map_or(tokens.len(), |offset| at + offset + 1)
}

/// How many lints an attribute switches off, also inside `cfg_attr`.
fn lints_off(attribute: TokenStream) -> usize {
    let mut tokens = attribute.into_iter();
    let Some(TokenTree::Ident(word)) = tokens.next() else { return 0 };
    match word.to_string().as_str() {
        "allow" | "expect" => 1,
        "cfg_attr" => {
            let Some(TokenTree::Group(group)) = tokens.next() else { return 0 };
            let words = group.stream().into_iter();
            words
                .filter(|t| matches!(t, TokenTree::Ident(i) if i == "allow" || i == "expect"))
                .count()
        }
        _ => 0,
    }
}

/// `cfg(test)`, `cfg(all(test, unix))`; not `cfg(not(test))` nor `cfg(any(test, …))`.
fn is_cfg_test(attribute: TokenStream) -> bool {
    let mut tokens = attribute.into_iter();
    match (tokens.next(), tokens.next()) {
        (Some(TokenTree::Ident(word)), Some(TokenTree::Group(group))) => {
            word == "cfg" && implies_test(group.stream())
        }
        _ => false,
    }
}

fn implies_test(condition: TokenStream) -> bool {
    let tokens: Vec<TokenTree> = condition.into_iter().collect();
    tokens.iter().enumerate().any(|(at, token)| match token {
        TokenTree::Ident(word) if word == "test" => true,
        TokenTree::Group(group) => {
            let name = at.checked_sub(1).and_then(|before| tokens.get(before));
            matches!(name, Some(TokenTree::Ident(word)) if word == "all")
                && implies_test(group.stream())
        }
        _ => false,
    })
}

fn is_punct(token: &TokenTree, wanted: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == wanted)
}

fn bracket(token: Option<&TokenTree>) -> Option<&Group> {
    match token {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket => Some(group),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(text: &str) -> (usize, usize, usize) {
        let smells = smells(text, false).unwrap();
        (smells.unsafe_code, smells.panics, smells.lints_off)
    }

    #[test]
    fn unsafe_blocks_and_implementations() {
        let text = "unsafe impl Send for A {} fn a() { unsafe { b() } m!(unsafe { c() }); }
                    unsafe fn d() {} unsafe trait E {}";
        assert_eq!(counts(text), (3, 0, 0));
    }

    #[test]
    fn panics_outside_tests() {
        let text = r#"
            fn a() { b.unwrap(); b.expect("c"); vec![d.unwrap()]; panic!("e"); unwrap(); f.unwrap_or(1) }
            // .unwrap()
            const G: &str = ".unwrap()";
            #[cfg(test)] use h::i;
            fn j() { k.unwrap() }
            #[cfg(test)] #[rustfmt::skip] mod tests { fn l() { m.unwrap(); unsafe { n() } } }
            #[cfg(all(test, unix))] fn o() { p.unwrap() }
            #[cfg(not(test))] fn q() { r.unwrap() }
        "#;
        assert_eq!(counts(text), (1, 6, 0));
        assert_eq!(counts("#![cfg(test)] fn a() { b.unwrap() }"), (0, 0, 0));
        assert_eq!(smells("fn a() { b.unwrap() }", true).unwrap().panics, 0);
    }

    #[test]
    fn lints_that_are_off() {
        let text = "#![allow(unsafe_code)] #[expect(clippy::a, reason = \"b\")] fn c() {}
                    #[cfg_attr(test, allow(d))] fn e() {} #[inline] fn f() {}";
        assert_eq!(counts(text), (0, 0, 3));
    }

    #[test]
    fn files_belong_to_crates() {
        assert_eq!(crate_of("crates/nic/src/wire.rs"), "nic");
        assert_eq!(crate_of("bench/src/main.rs"), "bench");
        assert!(is_test("crates/nic/tests/wire.rs") && is_test("crates/a/src/b/tests.rs"));
        assert!(!is_test("crates/nic/src/testing.rs"));
    }
}
