//! What is wrong with a spec, shown where it is.

use core::fmt;
use core::ops::Range;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Which bytes of the text are at fault; empty for something that is missing there.
    pub at: Range<usize>,
    /// What is wrong, and what would be right.
    pub what: String,
}

/// All mistakes of one text, in the order in which they stand there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes {
    /// The text as it was given.
    pub text: String,
    /// What is wrong with it.
    pub mistakes: Vec<Mistake>,
}

impl core::error::Error for Mistakes {}

/// Each mistake under its part of the text:
///
/// ```text
///   tap:tap0,queue=2
///            ^^^^^ `tap` has no key `queue`; did you mean `queues`?
/// ```
impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // One column a character: a tab or a line break would move the carets.
        let shown = self.text.replace(char::is_control, " ");
        for (number, mistake) in self.mistakes.iter().enumerate() {
            let columns =
                |bytes: Range<usize>| self.text.get(bytes).map_or(0, |text| text.chars().count());
            let before = columns(0..mistake.at.start);
            let carets = columns(mistake.at.clone()).max(1);
            if number > 0 {
                writeln!(f)?;
            }
            writeln!(f, "  {shown}")?;
            write!(f, "  {:before$}{:^^carets$} {}", "", "", mistake.what)?;
        }
        Ok(())
    }
}

/// The one of `known` that `word` was probably meant to be.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |known: &&str| (distance(word, known), known.len());
    let best = known.into_iter().min_by_key(likeness)?;
    // More than a third of the letters changed is another word.
    (distance(word, best) <= best.chars().count().max(3) / 3).then_some(best)
}

/// How many letters have to be added, dropped or changed to make `one` of `other`.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    // A word of more letters than any key has is none of them.
    for (line, letter) in one.chars().take(64).enumerate() {
        let mut diagonal = line;
        let mut left = line + 1;
        for (above, theirs) in row.iter_mut().skip(1).zip(&other) {
            let changed = diagonal + usize::from(letter != *theirs);
            diagonal = *above;
            left = changed.min(diagonal + 1).min(left + 1);
            *above = left;
        }
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
    }
    row.last().copied().unwrap_or_default() + one.chars().count().saturating_sub(64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (one, other, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("queue", "queues", 1),
            ("kitten", "sitting", 3),
            ("mut", "mtu", 2),
        ] {
            assert_eq!(distance(one, other), expected, "{one} {other}");
        }
        assert_eq!(nearest("delai", ["loss", "delay"]), Some("delay"));
        assert_eq!(nearest("colour", ["loss", "delay"]), None);
    }

    #[test]
    fn carets_stand_under_characters() {
        let text = "täp:x\ty,öh".to_string();
        let at = text.find('ö').unwrap()..text.len();
        let shown =
            Mistakes { text, mistakes: vec![Mistake { at, what: "no".into() }] }.to_string();
        assert_eq!(shown, "  täp:x y,öh\n          ^^ no");
    }
}
