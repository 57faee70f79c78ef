//! Whether what a text says makes sense: names that exist, each where it belongs; rules that can match.

use crate::draft::{self, Draft};
use crate::glob::{self, Glob};
use crate::mistake::{Mistake, Severity};
use crate::network;
use crate::rules::{Pattern, Rule, Rules};
use crate::target::{BUILT_IN, Class, Methods, Pin, Stream, Target};
use crate::token::Spanned;
use crate::{Direction, nearest};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Reads rules. They can be used if none of the mistakes is an [error](Severity::Error).
pub fn parse(text: &str) -> (Option<Rules>, Vec<Mistake>) {
    let mut mistakes = Vec::new();
    let draft = draft::read(text, &mut mistakes);
    let rules = Checker { mistakes: &mut mistakes, rules: Rules::default() }.check(draft);
    mistakes.sort_by_key(|mistake| mistake.span.start);
    let usable = mistakes.iter().all(|mistake| mistake.severity == Severity::Warning);
    (usable.then_some(rules), mistakes)
}

struct Checker<'a> {
    mistakes: &'a mut Vec<Mistake>,
    rules: Rules,
}

impl Checker<'_> {
    fn check(mut self, draft: Draft) -> Rules {
        for table in draft.tables {
            self.table(table);
        }
        for rule in draft.rules {
            self.rule(rule);
        }
        let mut defaults = draft.defaults.into_iter();
        if let Some(first) = defaults.next() {
            self.default(&first);
        }
        for another in defaults {
            self.wrong(&another.span, "there is a default already", "leave one of them out");
        }
        self.unreachable();
        self.rules
    }

    fn wrong(
        &mut self,
        span: &core::ops::Range<usize>,
        what: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.mistakes.push(Mistake::error(span.clone(), what).help(help));
    }

    fn table(&mut self, table: draft::Table) {
        let name = &table.name;
        if self.rules.tables.iter().any(|other| other.name == name.it) {
            let what = format!("there is a table `{}` already", name.it);
            return self.wrong(
                &name.span,
                what,
                "put all methods into one, or give it another name",
            );
        }
        if ["commodity", "deny", "verified", "private"].contains(&&*name.it) {
            let what = format!("`{}` has a meaning of its own", name.it);
            return self.wrong(&name.span, what, "give the table another name");
        }
        let mut calls: Vec<(String, String)> = Vec::new();
        for (call, function) in table.methods {
            if calls.iter().any(|(known, _)| *known == call.it) {
                let what = format!("`.{}` is bound already", call.it);
                self.wrong(&call.span, what, "leave one of them out");
                continue;
            }
            calls.push((call.it, function.it));
        }
        self.rules.tables.push(Methods {
            name: table.name.it,
            calls: Some(calls),
            insecure_forward_unlisted: table.forward_unlisted,
        });
    }

    fn rule(&mut self, rule: draft::Rule) {
        let Some(class) = Class::ALL.into_iter().find(|class| class.name() == rule.class.it) else {
            // Told once for each section, not for each of its rules.
            let told = |mistake: &Mistake| mistake.span == rule.class.span;
            if !self.mistakes.iter().any(told) {
                let near = nearest(
                    &rule.class.it.to_uppercase(),
                    Class::ALL.iter().map(|class| class.name()),
                );
                let help = near
                    .map_or("there are DISK, NETWORK, UI and PROGRAM".to_owned(), |near| {
                        format!("`{near}` is meant?")
                    });
                self.wrong(
                    &rule.class.span,
                    format!("there is no class `{}`", rule.class.it),
                    help,
                );
            }
            return;
        };
        let direction = self.direction(class, rule.way.as_ref());
        let pattern = self.pattern(class, &rule.pattern);
        let target = self.target(class, &rule.target);
        if let (Some(direction), Some(pattern), Some(target)) = (direction, pattern, target) {
            self.rules.rules.push(Rule {
                class,
                direction: direction.0,
                pattern,
                target,
                span: rule.span,
            });
        }
    }

    /// Nothing if it is wrong.
    fn direction(&mut self, class: Class, way: Option<&Spanned<String>>) -> Option<Way> {
        let Some(way) = way else { return Some(Way(None)) };
        let found = match &*way.it {
            "bind" => Direction::Bind,
            "connect" => Direction::Connect,
            other => {
                let what = format!("`{other}` means nothing here");
                self.wrong(
                    &way.span,
                    what,
                    "a rule of NETWORK may say bind or connect; names stand in \"quotes\"",
                );
                return None;
            }
        };
        if class != Class::Network {
            let what = format!("{} has no `{}`", class.name(), way.it);
            self.wrong(&way.span, what, "only sockets are bound and connected: leave it out");
            return None;
        }
        Some(Way(Some(found)))
    }

    fn pattern(&mut self, class: Class, pattern: &Spanned<Option<Vec<u8>>>) -> Option<Pattern> {
        let Some(text) = &pattern.it else { return Some(Pattern::Any) };
        let done = match class {
            Class::Disk | Class::Program => name(text).map(Pattern::Name),
            Class::Network => network::Pattern::parse(text).map(Pattern::Address),
            Class::Ui if text == b"*" => Ok(Pattern::Any),
            Class::Ui => Stream::named(text).map(Pattern::Stream).ok_or_else(|| {
                (
                    "there is no such stream".into(),
                    Some("there are \"stdin\", \"stdout\", \"stderr\" and *".into()),
                )
            }),
        };
        done.map_err(|(what, help)| {
            let mistake = Mistake::error(pattern.span.clone(), what);
            self.mistakes.push(Mistake { help, ..mistake });
        })
        .ok()
    }

    fn target(&mut self, class: Class, target: &Spanned<draft::Target>) -> Option<Target> {
        match (&*target.it.name, &target.it.pin) {
            ("commodity", _) => Some(Target::Commodity),
            ("deny", _) => Some(Target::Deny),
            ("private", _) if class == Class::Program => Some(Target::Private),
            ("private", _) => {
                let what = "only programs are `private`";
                let help = format!("name a table of methods, as {}", built_in_for(class));
                self.wrong(&target.span, what, help);
                None
            }
            ("verified", Some(pin)) => self.pin(class, pin),
            (name, _) => self.methods(class, name, target),
        }
    }

    fn pin(&mut self, class: Class, pin: &Spanned<Vec<u8>>) -> Option<Target> {
        if !matches!(class, Class::Disk | Class::Program) {
            let what = format!("what comes through {} has no digest", class.name());
            self.wrong(&pin.span, what, "files and programs can be verified");
            return None;
        }
        match Pin::read(&pin.it) {
            Ok(pin) => Some(Target::Verified(pin)),
            Err(what) => {
                let help = "write \"sha256:…\" with 64 digits, \"minisign:RW…\", an SSH public key, or the name of a \
                            manifest";
                self.wrong(&pin.span, what, help);
                None
            }
        }
    }

    fn methods(
        &mut self,
        class: Class,
        name: &str,
        target: &Spanned<draft::Target>,
    ) -> Option<Target> {
        if class == Class::Program {
            let help = "programs are private, commodity, deny or verified \"…\"";
            self.wrong(&target.span, format!("`{name}` is nothing that a program can be"), help);
            return None;
        }
        let built_in = BUILT_IN.iter().find(|(known, _)| *known == name);
        if let Some((_, other)) = built_in.filter(|(_, other)| *other != class) {
            let what = format!("`{name}` answers for {}, not for {}", other.name(), class.name());
            self.wrong(&target.span, what, format!("{} has {}", class.name(), built_in_for(class)));
            return None;
        }
        if let Some(number) = self.rules.tables.iter().position(|table| table.name == name) {
            return Some(Target::Methods(number));
        }
        if built_in.is_some() {
            let name = name.to_owned();
            self.rules.tables.push(Methods { name, calls: None, insecure_forward_unlisted: false });
            return Some(Target::Methods(self.rules.tables.len() - 1));
        }
        let own = self.rules.tables.iter().map(|table| &*table.name);
        let known = BUILT_IN.iter().filter(|(_, it)| *it == class).map(|(name, _)| *name);
        let near = nearest(name, own.chain(known).chain(["commodity", "deny"]));
        let help = near.map_or_else(
            || {
                format!(
                    "{} has {}, or write a table `{name} = {{ … }}`",
                    class.name(),
                    built_in_for(class)
                )
            },
            |near| format!("`{near}` is meant?"),
        );
        self.wrong(&target.span, format!("there is no table of methods `{name}`"), help);
        None
    }

    fn default(&mut self, default: &Spanned<draft::Target>) {
        match &*default.it.name {
            "commodity" => self.rules.default = Target::Commodity,
            "deny" => self.rules.default = Target::Deny,
            other => {
                let what =
                    format!("`{other}` cannot be the default: it does not answer for all classes");
                self.wrong(
                    &default.span,
                    what,
                    "the default is commodity or deny; a last rule with * decides a class",
                );
            }
        }
    }

    /// Rules to which those before them leave nothing.
    fn unreachable(&mut self) {
        for (number, rule) in self.rules.rules.iter().enumerate() {
            let before: Vec<&Rule> = self.rules.rules[..number]
                .iter()
                .filter(|other| other.class == rule.class)
                .collect();
            let alone = before.iter().find(|other| covers(&[other], rule));
            if alone.is_none() && !covers(&before, rule) {
                continue;
            }
            let what = "this rule never matches: rules before it match all that it does";
            let mistake = Mistake::warning(rule.span.clone(), what);
            self.mistakes.push(mistake.help(match alone {
                Some(_) => "the first rule that matches decides: put it before the wider one, or leave it out",
                None => "several rules before it do so together: put it before them, or leave it out",
            }));
        }
    }
}

/// A direction, or both.
struct Way(Option<Direction>);

fn built_in_for(class: Class) -> String {
    let names: Vec<&str> =
        BUILT_IN.iter().filter(|(_, it)| *it == class).map(|(name, _)| *name).collect();
    names.join(", ")
}

/// A pattern of names of files: absolute, as names are when they are compared.
fn name(text: &[u8]) -> Result<Glob, network::Wrong> {
    let wrong = |what: &str, help: &str| Err((what.into(), Some(help.into())));
    if text.starts_with(b"~") {
        return wrong("~ means nothing here", "write the whole name of the directory");
    }
    if !matches!(text.first(), Some(b'/' | b'*' | b'{')) {
        return wrong(
            "this is no absolute name",
            "names are compared after they were resolved: begin with /",
        );
    }
    let parts = || text.split(|byte| *byte == b'/');
    if parts().any(|part| part == b"." || part == b"..") {
        return wrong(
            "no name has `.` or `..` in it when it is compared",
            "write where that leads",
        );
    }
    if parts().skip(1).any(<[u8]>::is_empty) && text != b"/" {
        return wrong(
            "no name has two / in a row, or one at its end",
            "leave it out; /** is a directory and all below it",
        );
    }
    if text.contains(&0) {
        return wrong("no name has a zero byte in it", "leave it out");
    }
    Glob::parse(text).map_err(network::bad_glob)
}

/// Whether rules of one class match all that another one does.
fn covers(before: &[&Rule], rule: &Rule) -> bool {
    let any = |rule: &Rule| rule.pattern == Pattern::Any;
    match (&rule.pattern, rule.class) {
        (_, Class::Network) => {
            let meant: Vec<network::Meant<'_>> = before.iter().map(|other| meant(other)).collect();
            network::covers(&meant, self::meant(rule))
        }
        _ if before.iter().any(|other| any(other)) => true,
        (Pattern::Any, Class::Ui) => {
            let has = |stream| before.iter().any(|other| other.pattern == Pattern::Stream(stream));
            has(Stream::Input) && has(Stream::Output) && has(Stream::Error)
        }
        (Pattern::Stream(_), _) => before.iter().any(|other| other.pattern == rule.pattern),
        (Pattern::Name(glob), _) => glob::covers(names(before), glob),
        (Pattern::Any, _) => {
            Glob::parse(b"/**").is_ok_and(|everything| glob::covers(names(before), &everything))
        }
        (Pattern::Address(_), _) => false,
    }
}

fn names<'a>(rules: &[&'a Rule]) -> impl Iterator<Item = &'a Glob> {
    let globs: Vec<&Glob> = rules
        .iter()
        .filter_map(|rule| match &rule.pattern {
            Pattern::Name(glob) => Some(glob),
            _ => None,
        })
        .collect();
    globs.into_iter()
}

fn meant(rule: &Rule) -> network::Meant<'_> {
    match &rule.pattern {
        Pattern::Address(pattern) => (pattern, rule.direction),
        _ => (&network::Pattern::Any, rule.direction),
    }
}
