//! How a spec is cut into parts and items; what they mean is not known here.
//!
//! ```text
//! spec  = part *( "+" part )
//! part  = name [ ":" item *( "," item ) ]
//! item  = value / key "=" value
//! value = *( any character but , + " ) / DQUOTE *( character / \" / \\ ) DQUOTE
//! ```

use super::mistake::Mistake;
use core::ops::Range;

/// A piece of the text, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) at: Range<usize>,
    pub(super) is_quoted: bool,
}

/// A driver or a wrapper, and what is said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) name: Piece,
    pub(super) items: Vec<Item>,
}

/// `key=value`, or a value alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) key: Option<Piece>,
    pub(super) value: Piece,
}

/// Cuts a text into its parts.
pub(super) fn parts(text: &str, mistakes: &mut Vec<Mistake>) -> Vec<Part> {
    let mut cursor = Cursor { text, at: 0, mistakes };
    let mut parts = Vec::new();
    loop {
        let name = cursor.piece(&[':', ',', '+', '=']);
        let mut part = Part { name, items: Vec::new() };
        if cursor.take(':') {
            loop {
                part.items.push(cursor.item());
                if !cursor.take(',') {
                    break;
                }
            }
        }
        parts.push(part);
        if cursor.take('+') {
            continue;
        }
        let rest = cursor.at..text.len();
        if rest.is_empty() {
            return parts;
        }
        let what = "`:` goes between a name and what is said about it, `+` before the next wrapper";
        cursor.mistakes.push(Mistake { at: rest, what: what.into() });
        return parts;
    }
}

/// Puts quotes around a value that needs them.
pub(super) fn quoted(value: &str) -> String {
    let plain = |letter: char| !matches!(letter, ',' | '+' | '=' | '"') && !letter.is_control();
    if !value.is_empty() && value.chars().all(plain) && value.trim() == value {
        return value.into();
    }
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
    mistakes: &'a mut Vec<Mistake>,
}

impl Cursor<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn take(&mut self, letter: char) -> bool {
        let is_there = self.rest().starts_with(letter);
        if is_there {
            self.at += letter.len_utf8();
        }
        is_there
    }

    fn item(&mut self) -> Item {
        let first = self.piece(&[',', '+', '=']);
        if !first.is_quoted && self.take('=') {
            return Item { key: Some(first), value: self.piece(&[',', '+']) };
        }
        Item { key: None, value: first }
    }

    /// What stands here, up to one of `ends`.
    fn piece(&mut self, ends: &[char]) -> Piece {
        let start = self.at;
        if self.take('"') {
            return self.quoted(start, ends);
        }
        let rest = self.rest();
        let len = rest.find(ends).unwrap_or(rest.len());
        let text = rest.get(..len).unwrap_or_default().to_owned();
        self.at += len;
        if let Some(quote) = text.find('"') {
            let at = start + quote..start + quote + 1;
            let what = "a quote must begin the value that it is about";
            self.mistakes.push(Mistake { at, what: what.into() });
        }
        Piece { text, at: start..self.at, is_quoted: false }
    }

    /// The rest of a value whose first quote has been taken.
    fn quoted(&mut self, start: usize, ends: &[char]) -> Piece {
        let mut text = String::new();
        let mut letters = self.rest().char_indices();
        let mut closed = None;
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => {
                    closed = Some(at + 1);
                    break;
                }
                '\\' => text.extend(letters.next().map(|(_, letter)| letter)),
                _ => text.push(letter),
            }
        }
        if let Some(len) = closed {
            self.at += len;
            let rest = self.rest();
            let extra = rest.find(ends).unwrap_or(rest.len());
            if extra > 0 {
                let at = self.at..self.at + extra;
                let what = "nothing may follow the closing quote but the next `,` or `+`";
                self.mistakes.push(Mistake { at, what: what.into() });
                self.at += extra;
            }
        } else {
            self.at = self.text.len();
            let what = "this quote is never closed";
            self.mistakes.push(Mistake { at: start..start + 1, what: what.into() });
        }
        Piece { text, at: start..self.at, is_quoted: true }
    }
}
