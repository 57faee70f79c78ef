//! Which rule decides, and what else came close: what somebody asks whose rule did not do what was meant.

use crate::network::{Address, Direction};
use crate::rules::{Decision, Pattern, Rules, Subject};
use crate::target::Stream;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Rules that nearly matched are named, at most so many.
const NEAR: usize = 3;

/// Why something is decided as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation<'a> {
    /// What is decided, and by which rule.
    pub decision: Decision<'a>,
    /// Other rules that came close, those that match first.
    pub close: Vec<Close>,
}

/// A rule that did not decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Close {
    /// Its number in [`Rules::rules`].
    pub rule: usize,
    /// How close it came.
    pub how: Closeness,
}

/// How close a rule came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closeness {
    /// It matches, but comes after the one that decided.
    Later,
    /// It matches the address, but means the other direction.
    OtherDirection,
    /// So many bytes of the name are as it wants them.
    Begins(usize),
}

impl<'a> Subject<'a> {
    /// What somebody means who writes a name: a file, `tcp:host:port`, `udp:host:port`, `unix:name`,
    /// `stdin`, `stdout`, `stderr`, `program:/name`. A socket can be bound and connected, so it is two.
    pub fn named(name: &'a [u8]) -> Result<Vec<Self>, String> {
        let text = core::str::from_utf8(name).unwrap_or_default();
        if name.starts_with(b"/") {
            return Ok(alloc::vec![Self::File(name)]);
        }
        if let Some(stream) = Stream::named(name) {
            return Ok(alloc::vec![Self::Stream(stream)]);
        }
        if let Some(program) = name.strip_prefix(b"program:")
            && program.starts_with(b"/")
        {
            return Ok(alloc::vec![Self::Program(program)]);
        }
        let address = if let Some(name) = name.strip_prefix(b"unix:") {
            Some(Address::Unix(name))
        } else if let Some(rest) = text.strip_prefix("tcp:") {
            rest.parse().ok().map(Address::Tcp)
        } else if let Some(rest) = text.strip_prefix("udp:") {
            rest.parse().ok().map(Address::Udp)
        } else {
            None
        };
        let Some(address) = address else {
            return Err(format!(
                "`{}` is no name that rules decide about: write an absolute name of a file, tcp:ADDRESS:PORT, \
                 udp:ADDRESS:PORT, unix:NAME, stdin, stdout, stderr or program:/NAME",
                name.escape_ascii()
            ));
        };
        Ok([Direction::Bind, Direction::Connect].map(|way| Self::Socket(way, address)).into())
    }
}

impl Rules {
    /// Says who answers, and why.
    pub fn explain(&self, subject: &Subject<'_>) -> Explanation<'_> {
        let decision = self.decide(subject);
        let of_class = || {
            let all = self.rules.iter().enumerate();
            all.filter(|(number, rule)| {
                rule.class == subject.class() && Some(*number) != decision.rule
            })
        };
        let mut close: Vec<Close> = of_class()
            .filter(|(_, rule)| rule.matches(subject))
            .map(|(rule, _)| Close { rule, how: Closeness::Later })
            .collect();
        if let Subject::Socket(way, address) = subject {
            let other = Subject::Socket(way.other(), *address);
            let meant =
                of_class().filter(|(_, rule)| !rule.matches(subject) && rule.matches(&other));
            close.extend(meant.map(|(rule, _)| Close { rule, how: Closeness::OtherDirection }));
        }
        if let Subject::File(name) | Subject::Program(name) = subject {
            let mut near: Vec<(usize, usize)> = of_class()
                .filter(|(_, rule)| !rule.matches(subject))
                .filter_map(|(number, rule)| match &rule.pattern {
                    // All absolute names have their first byte in common.
                    Pattern::Name(glob) => {
                        Some((glob.agrees(name), number)).filter(|near| near.0 > 1)
                    }
                    _ => None,
                })
                .collect();
            near.sort_by_key(|&(bytes, number)| (core::cmp::Reverse(bytes), number));
            let how = |(bytes, rule)| Close { rule, how: Closeness::Begins(bytes) };
            close.extend(near.into_iter().take(NEAR).map(how));
        }
        Explanation { decision, close }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Target, parse};

    #[test]
    fn it_says_which_rule_and_what_came_close() {
        let (rules, mistakes) = parse(
            "DISK: (\"/etc/ssh/*_key\", priv_fs), (\"/etc/**\", commodity), (\"/etc/ssh/config\", deny),\n\
                   (\"/var/**\", deny)\n\
             NETWORK: (connect \"tcp:*:443\", commodity), (bind \"tcp:*:443\", priv_tcp)",
        );
        let rules = rules.unwrap_or_else(|| panic!("{mistakes:?}"));
        let explain = |name: &str, at: usize| {
            let subjects = Subject::named(name.as_bytes()).unwrap();
            rules
                .explain(&subjects[at])
                .close
                .iter()
                .map(|close| (close.rule, close.how))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            explain("/etc/ssh/config", 0),
            [(2, Closeness::Later), (0, Closeness::Begins(9))]
        );
        assert_eq!(explain("/usr/bin", 0), []);
        assert_eq!(explain("tcp:192.0.2.1:443", 0), [(4, Closeness::OtherDirection)]);
        let file = Subject::File(b"/usr/bin");
        assert_eq!(
            rules.explain(&file).decision,
            Decision { target: &Target::Commodity, rule: None }
        );
    }

    #[test]
    fn what_is_no_name_is_refused_with_what_would_be_one() {
        for name in ["etc/passwd", "tcp:x:1", "tcp:1.2.3.4", "", "program:sh"] {
            let error = Subject::named(name.as_bytes()).unwrap_err();
            assert!(error.contains("write an absolute name"), "{error}");
        }
        assert_eq!(Subject::named(b"udp:[::1]:53").unwrap().len(), 2);
        assert_eq!(Subject::named(b"stderr").unwrap(), [Subject::Stream(Stream::Error)]);
    }
}
