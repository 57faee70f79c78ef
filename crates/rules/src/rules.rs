//! Rules that were checked, and what they decide.

use crate::glob::Glob;
use crate::network::{self, Address, Direction};
use crate::target::{Class, Methods, Stream, Target};
use alloc::vec::Vec;
use core::ops::Range;

/// What a rule matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// Everything of its class.
    Any,
    /// A name of a file or program.
    Name(Glob),
    /// An address.
    Address(network::Pattern),
    Stream(Stream),
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What it is about.
    pub class: Class,
    /// Of a socket only this way; both, if nothing is said.
    pub direction: Option<Direction>,
    pub(crate) pattern: Pattern,
    /// Who answers.
    pub target: Target,
    /// Where it stands in the text.
    pub span: Range<usize>,
}

/// Something that rules decide about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject<'a> {
    /// A file, by its absolute name, resolved.
    File(&'a [u8]),
    /// A socket.
    Socket(Direction, Address<'a>),
    /// A standard stream.
    Stream(Stream),
    /// A program that is to be started, by its absolute name, resolved.
    Program(&'a [u8]),
}

impl Subject<'_> {
    /// Which rules are asked.
    pub fn class(&self) -> Class {
        match self {
            Self::File(_) => Class::Disk,
            Self::Socket(..) => Class::Network,
            Self::Stream(_) => Class::Ui,
            Self::Program(_) => Class::Program,
        }
    }
}

/// What was decided, and by which rule: none, if by the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision<'a> {
    /// Who answers.
    pub target: &'a Target,
    /// The number of the rule in [`Rules::rules`].
    pub rule: Option<usize>,
}

/// All rules of an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// In the order of the text: the first that matches decides.
    pub rules: Vec<Rule>,
    /// The tables of methods that rules name.
    pub tables: Vec<Methods>,
    /// What no rule matches, of files, sockets and streams.
    pub default: Target,
}

impl Default for Rules {
    /// None: everything is the commodity OS's.
    fn default() -> Self {
        Self { rules: Vec::new(), tables: Vec::new(), default: Target::Commodity }
    }
}

impl Rule {
    /// Whether it matches.
    pub fn matches(&self, subject: &Subject<'_>) -> bool {
        if self.class != subject.class() {
            return false;
        }
        match (&self.pattern, subject) {
            (_, Subject::Socket(direction, _))
                if self.direction.is_some_and(|it| it != *direction) =>
            {
                false
            }
            (Pattern::Any, _) => true,
            (Pattern::Name(glob), Subject::File(name) | Subject::Program(name)) => {
                glob.matches(name)
            }
            (Pattern::Address(pattern), Subject::Socket(_, address)) => pattern.matches(*address),
            (Pattern::Stream(mine), Subject::Stream(stream)) => mine == stream,
            _ => false,
        }
    }
}

impl Rules {
    /// Who answers.
    pub fn decide(&self, subject: &Subject<'_>) -> Decision<'_> {
        let found = self.rules.iter().enumerate().find(|(_, rule)| rule.matches(subject));
        match found {
            Some((number, rule)) => Decision { target: &rule.target, rule: Some(number) },
            // A program is what started it, whatever else is forwarded.
            None if subject.class() == Class::Program => {
                Decision { target: &Target::Private, rule: None }
            }
            None => Decision { target: &self.default, rule: None },
        }
    }
}
