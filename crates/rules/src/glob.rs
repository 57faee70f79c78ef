//! Patterns of names: `*` for anything within one part of a path, `?` for one character of it, `**`
//! for any number of parts, `{a,b}` for one of several.
//!
//! `/a/**` is `/a` and all that is below it, `/a/**/b` also `/a/b`. A pattern is kept as a few
//! *sequences* without alternatives; a name that one of them matches is matched.

mod cover;

use alloc::vec;
use alloc::vec::Vec;
pub(crate) use cover::covers;

/// Sequences of one pattern, at most: `{a,b}` ten times over would be a thousand.
const MOST: usize = 256;

/// One step of a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Byte(u8),
    /// One byte, but not `/`.
    One,
    /// Any number of bytes, none of them `/`.
    Part,
    /// Any number of bytes.
    All,
}

/// A pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    sequences: Vec<Vec<Step>>,
}

/// Why something is no pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bad {
    /// A `{` without its `}`, or the other way round.
    Braces,
    /// More alternatives than anybody means.
    TooMany,
}

impl Glob {
    /// Reads a pattern; `\` before a character takes its meaning away.
    pub(crate) fn parse(pattern: &[u8]) -> Result<Self, Bad> {
        let mut sequences = Vec::new();
        for plain in alternatives(pattern)? {
            sequences.extend(steps(&plain));
        }
        if sequences.len() > MOST {
            return Err(Bad::TooMany);
        }
        Ok(Self { sequences })
    }

    /// One that matches every name.
    pub(crate) fn everything() -> Self {
        Self { sequences: vec![vec![Step::All]] }
    }

    /// Whether it matches a name.
    pub fn matches(&self, name: &[u8]) -> bool {
        self.sequences.iter().any(|sequence| matches(sequence, name))
    }

    /// How many bytes a name and the pattern have in common at their beginnings: how close it came.
    pub(crate) fn agrees(&self, name: &[u8]) -> usize {
        let agrees = |sequence: &Vec<Step>| {
            let pairs = sequence.iter().zip(name);
            pairs.take_while(|(step, byte)| **step == Step::Byte(**byte)).count()
        };
        self.sequences.iter().map(agrees).max().unwrap_or(0)
    }
}

/// A pattern without its braces, written out. Braces may lie in each other.
fn alternatives(pattern: &[u8]) -> Result<Vec<Vec<u8>>, Bad> {
    let mut done: Vec<Vec<u8>> = vec![Vec::new()];
    let mut at = 0;
    while let Some(&byte) = pattern.get(at) {
        match byte {
            b'\\' => {
                let end = (at + 2).min(pattern.len());
                append(&mut done, &[pattern[at..end].to_vec()])?;
                at = end;
            }
            b'{' => {
                let (inner, after) = braced(pattern, at + 1)?;
                let mut choices = Vec::new();
                for choice in inner {
                    choices.extend(alternatives(choice)?);
                    if choices.len() > MOST {
                        return Err(Bad::TooMany);
                    }
                }
                append(&mut done, &choices)?;
                at = after;
            }
            b'}' => return Err(Bad::Braces),
            byte => {
                append(&mut done, &[vec![byte]])?;
                at += 1;
            }
        }
    }
    Ok(done)
}

/// Each with each.
fn append(done: &mut Vec<Vec<u8>>, choices: &[Vec<u8>]) -> Result<(), Bad> {
    if let [only] = choices {
        for one in done {
            one.extend_from_slice(only);
        }
        return Ok(());
    }
    if done.len() * choices.len() > MOST {
        return Err(Bad::TooMany);
    }
    let each = |one: &Vec<u8>| {
        let one = one.clone();
        choices.iter().map(move |choice| [&one[..], choice].concat()).collect::<Vec<_>>()
    };
    *done = done.iter().flat_map(each).collect();
    Ok(())
}

/// The alternatives from behind a `{` to its `}`, and where it goes on after that.
fn braced(pattern: &[u8], from: usize) -> Result<(Vec<&[u8]>, usize), Bad> {
    let (mut inner, mut start, mut depth, mut at) = (Vec::new(), from, 0, from);
    loop {
        match pattern.get(at).ok_or(Bad::Braces)? {
            b'\\' => at += 1,
            b'{' => depth += 1,
            b'}' if depth == 0 => {
                inner.push(&pattern[start..at]);
                return Ok((inner, at + 1));
            }
            b'}' => depth -= 1,
            b',' if depth == 0 => {
                inner.push(&pattern[start..at]);
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
}

/// The sequences of a pattern without braces: more than one where `**` may stand for nothing.
fn steps(pattern: &[u8]) -> Vec<Vec<Step>> {
    let mut out: Vec<Vec<Step>> = vec![Vec::new()];
    let push = |out: &mut Vec<Vec<Step>>, step| out.iter_mut().for_each(|one| one.push(step));
    let mut rest = pattern;
    while let Some((&byte, after)) = rest.split_first() {
        if let Some(below) = rest.strip_prefix(b"/**")
            && (below.is_empty() || below[0] == b'/')
        {
            // With something in between, or without.
            let mut deeper = out.clone();
            push(&mut deeper, Step::Byte(b'/'));
            push(&mut deeper, Step::All);
            out.extend(deeper);
            rest = below;
            continue;
        }
        rest = after;
        match byte {
            b'\\' => {
                let (&kept, after) = rest.split_first().unwrap_or((&b'\\', &[]));
                push(&mut out, Step::Byte(kept));
                rest = after;
            }
            b'*' if rest.first() == Some(&b'*') => {
                push(&mut out, Step::All);
                rest = &rest[1..];
            }
            b'*' => push(&mut out, Step::Part),
            b'?' => push(&mut out, Step::One),
            byte => push(&mut out, Step::Byte(byte)),
        }
    }
    out
}

/// Whether a sequence matches all of a name. Each byte of it is looked at once, with all places where
/// the sequence may be: no pattern makes that long.
fn matches(sequence: &[Step], name: &[u8]) -> bool {
    // Most patterns begin with a name of a directory, and most names with another one.
    let plain = sequence.iter().take_while(|step| matches!(step, Step::Byte(_))).count();
    let (head, tail) = sequence.split_at(plain);
    let Some((begin, rest)) = name.split_at_checked(plain) else { return false };
    if !head.iter().zip(begin).all(|(step, byte)| *step == Step::Byte(*byte)) {
        return false;
    }
    let mut places = Places::at_start(tail);
    rest.iter().all(|byte| places.advance(tail, *byte)) && places.at_end(tail)
}

/// Where in a sequence one may be after some bytes of a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Places(Vec<usize>);

impl Places {
    fn at_start(sequence: &[Step]) -> Self {
        let mut places = Self(Vec::new());
        places.add(sequence, 0);
        places
    }

    /// Adds a place, and those that are reached from it without a byte.
    fn add(&mut self, sequence: &[Step], place: usize) {
        let mut place = place;
        while !self.0.contains(&place) {
            self.0.push(place);
            if !matches!(sequence.get(place), Some(Step::Part | Step::All)) {
                return;
            }
            place += 1;
        }
    }

    /// Goes on by one byte; false if there is nowhere to go.
    fn advance(&mut self, sequence: &[Step], byte: u8) -> bool {
        let before = core::mem::take(&mut self.0);
        for place in before {
            match sequence.get(place) {
                Some(Step::Byte(wanted)) if *wanted == byte => self.add(sequence, place + 1),
                Some(Step::One) if byte != b'/' => self.add(sequence, place + 1),
                Some(Step::Part) if byte != b'/' => self.add(sequence, place),
                Some(Step::All) => self.add(sequence, place),
                _ => {}
            }
        }
        self.0.sort_unstable();
        !self.0.is_empty()
    }

    fn at_end(&self, sequence: &[Step]) -> bool {
        self.0.contains(&sequence.len())
    }
}

#[cfg(test)]
mod tests;
