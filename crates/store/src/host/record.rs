//! The small texts of the trusted side: lines `key = "value"`, where a value may have any bytes.
//!
//! A path need not be UTF-8: what is not printable ASCII is written `\xNN`.

use std::format;
use std::string::String;
use std::vec::Vec;

/// The lines of a text, in their order.
#[derive(Default)]
pub(super) struct Record(Vec<(String, Vec<u8>)>);

/// Where a text makes no sense, and why.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    /// Counted from 1.
    pub(super) line: usize,
    pub(super) cause: String,
}

impl Record {
    #[must_use]
    pub(super) fn with(mut self, key: &str, value: &[u8]) -> Self {
        self.0.push((key.into(), value.into()));
        self
    }

    pub(super) fn get(&self, key: &str) -> Option<&[u8]> {
        let found = self.0.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value.as_slice())
    }

    /// The value as text, if it is UTF-8.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(|value| core::str::from_utf8(value).ok())
    }

    pub(super) fn to_text(&self) -> String {
        let line = |(key, value): &(String, Vec<u8>)| format!("{key} = \"{}\"\n", escape(value));
        self.0.iter().map(line).collect()
    }

    /// Empty lines and those that begin with `#` count as none.
    pub(super) fn parse(text: &[u8]) -> Result<Self, Mistake> {
        let mut record = Self::default();
        for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let (key, value) = parse_line(line)
                .map_err(|cause| Mistake { line: number + 1, cause: cause.into() })?;
            if record.get(key).is_some() {
                let cause = format!("`{key}` is there twice");
                return Err(Mistake { line: number + 1, cause });
            }
            record.0.push((key.into(), value));
        }
        Ok(record)
    }
}

fn parse_line(line: &[u8]) -> Result<(&str, Vec<u8>), &'static str> {
    let shape = "it is not of the form `key = \"value\"`";
    let equals = line.iter().position(|byte| *byte == b'=').ok_or(shape)?;
    let (key, rest) = line.split_at_checked(equals).ok_or(shape)?;
    let key = core::str::from_utf8(key.trim_ascii()).map_err(|_| shape)?;
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
        return Err(shape);
    }
    let quoted = rest.strip_prefix(b"=").map(<[u8]>::trim_ascii).ok_or(shape)?;
    let inner = quoted.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    Ok((key, unescape(inner.ok_or(shape)?)?))
}

fn escape(value: &[u8]) -> String {
    let mut text = String::new();
    for byte in value {
        match byte {
            b'"' => text.push_str("\\\""),
            b'\\' => text.push_str("\\\\"),
            b' '..=b'~' => text.push(char::from(*byte)),
            other => text.extend(["\\x", &format!("{other:02x}")]),
        }
    }
    text
}

fn unescape(text: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut value = Vec::new();
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return Err("a `\"` within the value needs a `\\` before it"),
            b'\\' => match bytes.next() {
                Some(quoted @ (b'"' | b'\\')) => value.push(quoted),
                Some(b'x') => {
                    let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16));
                    let (Some(high), Some(low)) = (digit(), digit()) else {
                        return Err("`\\x` needs two hexadecimal digits");
                    };
                    value.push((high * 16 + low) as u8);
                }
                _ => return Err("`\\` goes with `\\`, `\"` or `x` only"),
            },
            other => value.push(other),
        }
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_value_is_read_as_it_was_written(values: Vec<Vec<u8>>) {
            let key = |index: usize| "k".repeat(index + 1);
            let record = values.iter().enumerate().fold(Record::default(), |record, (index, value)| {
                record.with(&key(index), value)
            });
            let text = record.to_text();
            prop_assert!(text.is_ascii());
            let read = Record::parse(text.as_bytes()).unwrap();
            for (index, value) in values.iter().enumerate() {
                prop_assert_eq!(read.get(&key(index)), Some(value.as_slice()));
            }
        }

        #[test]
        fn nothing_panics(text: Vec<u8>, quoted in "[\\\\x\"a0=\n ]{0,40}") {
            let _ = Record::parse(&text);
            let _ = Record::parse(quoted.as_bytes());
        }
    }

    #[test]
    fn a_mistake_names_its_line() {
        for (line, text) in [
            (1, "seal"),
            (1, "seal = x"),
            (1, "seal = \""),
            (2, "a = \"b\"\nseal = \"\\y\""),
            (3, "# remark\n\nseal = \"\\x1\""),
            (1, "seal = \"a\"b\""),
            (1, "Seal = \"a\""),
            (2, "seal = \"a\"\nseal = \"b\""),
        ] {
            assert_eq!(Record::parse(text.as_bytes()).err().map(|m| m.line), Some(line), "{text}");
        }
    }
}
