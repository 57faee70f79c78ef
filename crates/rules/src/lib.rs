//! The language in which a program says which parts of the system it trusts.
//!
//! [`parse`] turns a text into [`Rules`], and tells every [`Mistake`] in it at once: where, what is wrong,
//! what would be right. [`Rules::decide`] says who answers for a file, a socket, a stream or a program:
//! the first rule that matches, or else the default.
//!
//! Names come here resolved, as the system sees them: what a program wrote (`..`, links, descriptors of
//! directories) is the router's business. Nothing is read or opened here. Builds without std.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod check;
mod draft;
mod explain;
mod glob;
mod mistake;
mod network;
mod rules;
mod target;
mod token;

pub use check::parse;
pub use explain::{Close, Closeness, Explanation};
pub use glob::Glob;
pub use mistake::{Mistake, Severity};
pub use network::{Address, Direction};
pub use rules::{Decision, Rule, Rules, Subject};
pub use target::{Class, Methods, Pin, Stream, Target};

/// The name that was probably meant: one or two letters away.
fn nearest<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = |name: &&str| distance(wrong, name) <= if name.len() > 4 { 2 } else { 1 };
    names.filter(near).min_by_key(|name| distance(wrong, name))
}

/// How many letters have to be put in, taken out or changed.
fn distance(one: &str, other: &str) -> usize {
    let mut row: alloc::vec::Vec<usize> = (0..=other.len()).collect();
    for (at, a) in one.bytes().enumerate() {
        let mut before = core::mem::replace(&mut row[0], at + 1);
        for (to, b) in other.bytes().enumerate() {
            let change = before + usize::from(a != b);
            before = row[to + 1];
            row[to + 1] = change.min(before + 1).min(row[to] + 1);
        }
    }
    row[other.len()]
}
