//! What a text says, word by word, before anybody asks whether it makes sense.
//!
//! ```text
//! file    = { section }
//! section = CLASS ":" rule { "," rule }  |  "default" ":" target  |  name "=" "{" entries "}"
//! rule    = "(" [ "bind" | "connect" ] ( text | "*" ) "," target ")"
//! target  = name | "verified" text
//! entries = [ entry { "," entry } [ "," ] ]
//! entry   = "." call "=" function  |  "insecure_forward_unlisted"
//! ```
//!
//! After a mistake it goes on with the next rule or section, so that all mistakes are told at once.

use crate::mistake::Mistake;
use crate::token::{Spanned, Token, tokens};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

/// A whole text.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) rules: Vec<Rule>,
    pub(crate) defaults: Vec<Spanned<Target>>,
    pub(crate) tables: Vec<Table>,
}

#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) class: Spanned<String>,
    pub(crate) way: Option<Spanned<String>>,
    /// A text, or nothing for `*`.
    pub(crate) pattern: Spanned<Option<Vec<u8>>>,
    pub(crate) target: Spanned<Target>,
    pub(crate) span: Range<usize>,
}

#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) name: String,
    /// What follows `verified`.
    pub(crate) pin: Option<Spanned<Vec<u8>>>,
}

#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: Spanned<String>,
    /// Which call is answered by which function.
    pub(crate) methods: Vec<(Spanned<String>, Spanned<String>)>,
    pub(crate) forward_unlisted: bool,
}

/// A rule or section that could not be read; it was told why.
struct Lost;

struct Parser<'a> {
    tokens: Vec<Spanned<Token>>,
    at: usize,
    mistakes: &'a mut Vec<Mistake>,
}

/// Reads a text, as far as it can be read.
pub(crate) fn read(text: &str, mistakes: &mut Vec<Mistake>) -> Draft {
    let tokens = tokens(text, mistakes);
    let mut parser = Parser { tokens, at: 0, mistakes };
    let mut draft = Draft::default();
    while !parser.is(&Token::End) {
        if parser.section(&mut draft).is_err() {
            parser.skip_to_section();
        }
    }
    draft
}

impl Parser<'_> {
    fn peek(&self) -> &Spanned<Token> {
        // The last token is the end, and it is never passed.
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn ahead(&self, by: usize) -> &Token {
        self.tokens.get(self.at + by).map_or(&Token::End, |token| &token.it)
    }

    fn is(&self, token: &Token) -> bool {
        self.peek().it == *token
    }

    fn next(&mut self) -> Spanned<Token> {
        let token = self.peek().clone();
        if token.it != Token::End {
            self.at += 1;
        }
        token
    }

    fn take(&mut self, sign: char) -> bool {
        let there = self.is(&Token::Sign(sign));
        if there {
            self.at += 1;
        }
        there
    }

    fn wanted(&mut self, what: &str, help: Option<&str>) -> Lost {
        let found = self.peek();
        let mistake = Mistake::error(
            found.span.clone(),
            format!("here should be {what}, not {}", found.it.name()),
        );
        self.mistakes.push(match help {
            Some(help) => mistake.help(help),
            None => mistake,
        });
        Lost
    }

    fn sign(&mut self, sign: char, help: &str) -> Result<(), Lost> {
        if self.take(sign) { Ok(()) } else { Err(self.wanted(&format!("`{sign}`"), Some(help))) }
    }

    fn word(&mut self, what: &str, help: &str) -> Result<Spanned<String>, Lost> {
        let token = self.peek().clone();
        let Token::Word(word) = token.it else { return Err(self.wanted(what, Some(help))) };
        self.at += 1;
        Ok(Spanned { it: word, span: token.span })
    }

    /// Goes on where something begins that looks like a section.
    fn skip_to_section(&mut self) {
        while !self.is(&Token::End) {
            let begins = matches!(self.peek().it, Token::Word(_))
                && matches!(self.ahead(1), Token::Sign(':' | '='))
                && !matches!(
                    self.at.checked_sub(1).map(|at| &self.tokens[at].it),
                    Some(Token::Sign('.'))
                );
            if begins {
                return;
            }
            self.at += 1;
        }
    }

    fn section(&mut self, draft: &mut Draft) -> Result<(), Lost> {
        const SECTIONS: &str = "sections are `DISK:`, `NETWORK:`, `UI:`, `PROGRAM:`, `default:`, or a table of \
                                methods, `name = { … }`";
        let name = self.word("the name of a section", SECTIONS)?;
        if self.take('=') {
            draft.tables.push(self.table(name)?);
            return Ok(());
        }
        self.sign(':', SECTIONS)?;
        if name.it.eq_ignore_ascii_case("default") {
            let target = self.target()?;
            draft.defaults.push(target);
            return Ok(());
        }
        loop {
            match self.rule(&name) {
                Ok(rule) => draft.rules.push(rule),
                Err(Lost) => self.skip_rule(),
            }
            if !self.take(',') {
                // Two rules with nothing in between: what was meant is plain.
                if !self.is(&Token::Sign('(')) {
                    return Ok(());
                }
                let span = self.peek().span.clone();
                let mistake = Mistake::error(span, "between two rules stands a comma");
                self.mistakes.push(mistake.help("put `,` before it"));
            } else if self.is(&Token::End) || self.is_section() {
                // A comma behind the last rule hurts nobody.
                return Ok(());
            }
        }
    }

    fn is_section(&self) -> bool {
        matches!(self.peek().it, Token::Word(_)) && matches!(self.ahead(1), Token::Sign(':' | '='))
    }

    /// Goes on behind the rule that could not be read.
    fn skip_rule(&mut self) {
        while !self.is(&Token::End) && !self.is_section() && !self.is(&Token::Sign('(')) {
            if self.take(')') {
                return;
            }
            self.at += 1;
        }
    }

    fn rule(&mut self, class: &Spanned<String>) -> Result<Rule, Lost> {
        const FORM: &str = "a rule is written (\"name\", target) or (*, target)";
        let start = self.peek().span.start;
        self.sign('(', FORM)?;
        let way = match &self.peek().it {
            Token::Word(_) => Some(self.word("a name", FORM)?),
            _ => None,
        };
        let token = self.peek().clone();
        let pattern = match token.it {
            Token::Text(text) => Some(text),
            Token::Sign('*') => None,
            _ => return Err(self.wanted("a name in \"quotes\", or *", Some(FORM))),
        };
        self.at += 1;
        self.sign(',', FORM)?;
        let target = self.target()?;
        let end = self.peek().span.end;
        self.sign(')', FORM)?;
        let pattern = Spanned { it: pattern, span: token.span };
        Ok(Rule { class: class.clone(), way, pattern, target, span: start..end })
    }

    fn target(&mut self) -> Result<Spanned<Target>, Lost> {
        const TARGETS: &str =
            "a target is `commodity`, `deny`, `verified \"…\"`, or a table of methods as `priv_fs`";
        let mut name = self.word("a target", TARGETS)?;
        let mut pin = None;
        if name.it == "verified" {
            let token = self.peek().clone();
            let Token::Text(text) = token.it else {
                let help = "write what it is checked against: verified \"sha256:…\", or the name of a manifest";
                return Err(self.wanted("a text in quotes", Some(help)));
            };
            self.at += 1;
            name.span.end = token.span.end;
            pin = Some(Spanned { it: text, span: token.span });
        }
        // The paper's own example has one of these in it.
        while let Token::Word(word) = &self.peek().it
            && !matches!(self.ahead(1), Token::Sign(':' | '='))
            && pin.is_none()
        {
            let word = word.clone();
            let span = name.span.start..self.next().span.end;
            name = Spanned { it: format!("{}_{word}", name.it), span: span.clone() };
            let mistake =
                Mistake::warning(span, format!("a name has no blanks; read as `{}`", name.it));
            self.mistakes.push(mistake.help(format!("write `{}`", name.it)));
        }
        Ok(Spanned { span: name.span, it: Target { name: name.it, pin } })
    }

    fn table(&mut self, name: Spanned<String>) -> Result<Table, Lost> {
        self.sign('{', TABLE)?;
        let mut table = Table { name, methods: Vec::new(), forward_unlisted: false };
        loop {
            if self.take('}') {
                return Ok(table);
            }
            if self.is(&Token::End) {
                let end = self.peek().span.clone();
                let what = format!("the table `{}` has no end", table.name.it);
                self.mistakes
                    .push(Mistake::warning(end, what).help("put } behind its last method"));
                return Ok(table);
            }
            if self.entry(&mut table).is_err() {
                self.skip_table();
                return Ok(table);
            }
        }
    }

    fn entry(&mut self, table: &mut Table) -> Result<(), Lost> {
        if matches!(&self.peek().it, Token::Word(word) if word == "insecure_forward_unlisted") {
            self.at += 1;
            table.forward_unlisted = true;
        } else {
            self.sign('.', TABLE)?;
            let call = self.word("the name of a system call", TABLE)?;
            self.sign('=', TABLE)?;
            let function = self.word("the name of a function", TABLE)?;
            table.methods.push((call, function));
        }
        if !self.take(',') && !self.is(&Token::Sign('}')) && !self.is(&Token::End) {
            return Err(self.wanted("`,` or `}`", Some(TABLE)));
        }
        Ok(())
    }

    /// Goes on behind a table that could not be read.
    fn skip_table(&mut self) {
        while !self.is(&Token::End) && !self.take('}') {
            let class =
                matches!(self.peek().it, Token::Word(_)) && *self.ahead(1) == Token::Sign(':');
            if class {
                return;
            }
            self.at += 1;
        }
    }
}

const TABLE: &str = "a table of methods is written name = { .open = function, .read = function }";

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn told(text: &str) -> (Draft, Vec<String>) {
        let mut mistakes = Vec::new();
        let draft = read(text, &mut mistakes);
        (draft, mistakes.into_iter().map(|mistake| mistake.what).collect())
    }

    #[test]
    fn every_form_is_read() {
        let (draft, mistakes) = told(
            "DISK: (\"/a\", priv_fs), (*, commodity),\n\
             NETWORK: (bind \"tcp:*\", deny)\n\
             PROGRAM: (\"/b\", verified \"sha256:0\")\n\
             default: commodity\n\
             mine = { .open = my_open, insecure_forward_unlisted, }",
        );
        assert_eq!(mistakes, vec![""; 0]);
        assert_eq!(draft.rules.len(), 4);
        assert_eq!(draft.rules[1].pattern.it, None);
        assert_eq!(draft.rules[2].way.as_ref().unwrap().it, "bind");
        assert_eq!(draft.rules[3].target.it.pin.as_ref().unwrap().it, b"sha256:0");
        assert_eq!(draft.defaults[0].it.name, "commodity");
        assert!(draft.tables[0].forward_unlisted);
        assert_eq!(draft.tables[0].methods[0].1.it, "my_open");
    }

    #[test]
    fn all_mistakes_are_told_at_once_and_what_is_right_is_kept() {
        let (draft, mistakes) = told(
            "DISK: (\"/a\" priv_fs), (\"/b\", priv_fs) (\"/c\", commodity)\n\
             ( , )\n\
             NETWORK (\"tcp:*\", deny)\n\
             UI: (*, priv_ui",
        );
        assert_eq!(mistakes.len(), 6, "{mistakes:?}");
        let kept: Vec<_> =
            draft.rules.iter().map(|rule| rule.pattern.it.clone().unwrap()).collect();
        assert_eq!(kept, [b"/b", b"/c"]);
    }

    #[test]
    fn a_section_behind_a_broken_one_is_read() {
        let (draft, mistakes) =
            told("= { . x\n DISK: (\"/a\", deny)\n t = { open = x }\n UI: (*, deny)");
        assert_eq!(mistakes.len(), 2, "{mistakes:?}");
        assert_eq!(draft.rules.len(), 2);
    }

    #[test]
    fn nothing_says_nothing() {
        let (draft, mistakes) = told(" # only a comment");
        assert!(draft.rules.is_empty() && mistakes.is_empty());
        assert_eq!(Token::End.name(), "the end of the file");
    }
}
