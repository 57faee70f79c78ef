//! What is wrong with a text, and what would be right.

use alloc::string::String;
use core::ops::Range;

/// Whether the rules can be used all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// They cannot.
    Error,
    /// They can, but are probably not what was meant.
    Warning,
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// How bad it is.
    pub severity: Severity,
    /// The bytes of the text that are meant.
    pub span: Range<usize>,
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub help: Option<String>,
}

impl Mistake {
    pub(crate) fn error(span: Range<usize>, what: impl Into<String>) -> Self {
        Self { severity: Severity::Error, span, what: what.into(), help: None }
    }

    pub(crate) fn warning(span: Range<usize>, what: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(span, what) }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The line and column, both from 1, at which it begins; columns are characters.
    pub fn place(&self, text: &str) -> (usize, usize) {
        let mut at = self.span.start.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let before = &text[..at];
        let line = before.rfind('\n').map_or(0, |end| end + 1);
        (before.matches('\n').count() + 1, before[line..].chars().count() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_from_one_and_in_characters() {
        let text = "one\ntwö three\n";
        let place = |at| Mistake::error(at..at, "").place(text);
        assert_eq!(place(0), (1, 1));
        assert_eq!(place(3), (1, 4));
        assert_eq!(place(4), (2, 1));
        assert_eq!(place(9), (2, 5));
        // Within a character, at the end, and beyond it.
        assert_eq!(place(7), (2, 3));
        assert_eq!(place(text.len()), (3, 1));
        assert_eq!(place(1000), (3, 1));
    }
}
