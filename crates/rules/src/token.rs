//! Words, strings and signs; comments and blanks go.

use crate::mistake::Mistake;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::Range;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// A name or keyword.
    Word(String),
    /// What is between quotes. Names of files may have any bytes.
    Text(Vec<u8>),
    /// One of `( ) , : = { } . *`.
    Sign(char),
    End,
}

impl Token {
    /// As it is called in a message.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Word(word) => format!("`{word}`"),
            Self::Text(_) => "a text in quotes".to_string(),
            Self::Sign(sign) => format!("`{sign}`"),
            Self::End => "the end of the file".to_string(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spanned<T> {
    pub(crate) it: T,
    pub(crate) span: Range<usize>,
}

const SIGNS: &str = "(),:={}.*";

/// All tokens of a text, with one [`Token::End`] at the end.
pub(crate) fn tokens(text: &str, mistakes: &mut Vec<Mistake>) -> Vec<Spanned<Token>> {
    let mut out = Vec::new();
    let mut rest = text.char_indices().peekable();
    while let Some((start, c)) = rest.next() {
        let token = match c {
            '#' => {
                while rest.next_if(|&(_, c)| c != '\n').is_some() {}
                continue;
            }
            '"' => match string(text, start, &mut rest, mistakes) {
                Some(bytes) => Token::Text(bytes),
                None => continue,
            },
            c if c.is_whitespace() || c == '\u{feff}' => continue,
            c if SIGNS.contains(c) => Token::Sign(c),
            c if begins_word(c) => {
                let mut word = String::from(c);
                while let Some((_, c)) =
                    rest.next_if(|&(_, c)| begins_word(c) || c.is_ascii_digit())
                {
                    word.push(c);
                }
                Token::Word(word)
            }
            c => {
                let span = start..start + c.len_utf8();
                let mistake =
                    Mistake::error(span, format!("`{}` means nothing here", c.escape_debug()));
                mistakes.push(match c {
                    '\'' | '“' | '”' | '„' | '«' => {
                        mistake.help("names stand between \"straight double quotes\"")
                    }
                    ';' => mistake.help("rules are separated by commas, and sections by nothing"),
                    '/' => mistake.help(
                        "a name of a file stands between \"quotes\"; a comment begins with #",
                    ),
                    _ => mistake,
                });
                continue;
            }
        };
        let end = rest.peek().map_or(text.len(), |&(at, _)| at);
        out.push(Spanned { it: token, span: start..end });
    }
    out.push(Spanned { it: Token::End, span: text.len()..text.len() });
    out
}

fn begins_word(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || c == '-'
}

type Characters<'a> = core::iter::Peekable<core::str::CharIndices<'a>>;

/// The rest of a text that began with a quote; nothing if it does not end on its line.
fn string(
    text: &str,
    start: usize,
    rest: &mut Characters<'_>,
    mistakes: &mut Vec<Mistake>,
) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let Some((at, c)) = rest.next_if(|&(_, c)| c != '\n') else {
            let end = rest.peek().map_or(text.len(), |&(at, _)| at);
            let mistake = Mistake::error(start..end, "this text has no end on its line");
            mistakes.push(mistake.help("put a \" where the name ends"));
            return None;
        };
        match c {
            '"' => return Some(bytes),
            '\\' => match escape(rest) {
                Some(Escape::Byte(byte)) => bytes.push(byte),
                // For patterns: what follows is no wildcard.
                Some(Escape::Kept(c)) => {
                    bytes.push(b'\\');
                    bytes.push(c);
                }
                None => {
                    let mistake =
                        Mistake::error(at..at + 1, "after \\ comes one of \" \\ * ? { } , or xNN");
                    mistakes
                        .push(mistake.help("write \\\\ for a backslash, \\xNN for any other byte"));
                }
            },
            c => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

enum Escape {
    Byte(u8),
    Kept(u8),
}

fn escape(rest: &mut Characters<'_>) -> Option<Escape> {
    let (_, c) = rest.next_if(|&(_, c)| "\"\\*?{},x".contains(c))?;
    match c {
        '"' => Some(Escape::Byte(b'"')),
        'x' => {
            let mut byte = 0;
            for _ in 0..2 {
                let (_, digit) = rest.next_if(|&(_, c)| c.is_ascii_hexdigit())?;
                byte = byte * 16 + digit.to_digit(16)?;
            }
            // One that has a meaning in patterns has none if it is written so.
            let byte = u8::try_from(byte).ok()?;
            Some(if b"\\*?{},".contains(&byte) { Escape::Kept(byte) } else { Escape::Byte(byte) })
        }
        other => u8::try_from(other).ok().map(Escape::Kept),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<Token>, Vec<Mistake>) {
        let mut mistakes = Vec::new();
        let tokens = tokens(text, &mut mistakes);
        for token in &tokens {
            assert!(text.get(token.span.clone()).is_some(), "{token:?} lies in the text");
        }
        (tokens.into_iter().map(|token| token.it).collect(), mistakes)
    }

    #[test]
    fn words_texts_and_signs_without_comments_and_blanks() {
        let (tokens, mistakes) = read("DISK: (\"/a b\",priv_fs) # no ( more\n*");
        let text = |bytes: &[u8]| Token::Text(bytes.to_vec());
        let word = |word: &str| Token::Word(word.to_string());
        let sign = Token::Sign;
        assert_eq!(mistakes, []);
        let expected = [
            word("DISK"),
            sign(':'),
            sign('('),
            text(b"/a b"),
            sign(','),
            word("priv_fs"),
            sign(')'),
            sign('*'),
            Token::End,
        ];
        assert_eq!(tokens, expected);
    }

    #[test]
    fn a_text_may_have_any_byte() {
        let (tokens, mistakes) = read(r#""/\xff\"\\\*\x2aä""#);
        assert_eq!(mistakes, []);
        assert_eq!(tokens[0], Token::Text(b"/\xff\"\\\\\\*\\*\xc3\xa4".to_vec()));
    }

    #[test]
    fn what_is_wrong_is_named_and_the_rest_is_read() {
        let (tokens, mistakes) = read("'a' \"no end\n; DISK \"\\q\"");
        let whats: Vec<&str> = mistakes.iter().map(|mistake| &*mistake.what).collect();
        assert_eq!(whats.len(), 5, "{whats:?}");
        assert!(whats[0].contains("`\\'`"), "{whats:?}");
        assert!(whats[2].contains("no end"), "{whats:?}");
        assert!(whats[4].contains("after \\"), "{whats:?}");
        assert!(tokens.contains(&Token::Word("DISK".to_string())));
    }
}
