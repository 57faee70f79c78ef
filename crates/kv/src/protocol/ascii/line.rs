//! A command line and the words in it.

/// A command line at the front of a datagram.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    /// Its text, without what ends it.
    pub(super) text: &'a [u8],
    /// Bytes up to and with the line feed.
    pub(super) whole: usize,
}

impl<'a> Line<'a> {
    /// The line in front; `None` if no line feed ends it.
    #[inline]
    pub(super) fn read(input: &'a [u8]) -> Option<Self> {
        let feed = input.iter().position(|byte| *byte == b'\n')?;
        // One byte more must be in front of a carriage return, or it counts as a word.
        let end = if feed > 1 && input[feed - 1] == b'\r' { feed - 1 } else { feed };
        let text = &input[..end];
        let text = match text.iter().position(|byte| *byte == 0) {
            Some(nul) => &text[..nul],
            None => text,
        };
        Some(Self { text, whole: feed + 1 })
    }

    /// Its words.
    pub(super) fn words(self) -> Words<'a> {
        let mut words = Words { words: [&[]; MOST], count: 0 };
        let found = self.text.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
        for word in found {
            if let Some(place) = words.words.get_mut(words.count) {
                *place = word;
            }
            words.count += 1;
        }
        words
    }
}

/// The next word of `text` from `at` on: where it begins and ends.
#[inline]
pub(super) fn word(text: &[u8], at: usize) -> Option<(usize, usize)> {
    let start = at + text.get(at..)?.iter().position(|byte| *byte != b' ')?;
    let len = text[start..].iter().position(|byte| *byte == b' ');
    Some((start, len.map_or(text.len(), |len| start + len)))
}

/// More words than any command but get has.
const MOST: usize = 8;

/// The words of a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words<'a> {
    words: [&'a [u8]; MOST],
    count: usize,
}

impl<'a> Words<'a> {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// One of them; empty if there is none.
    pub(super) fn get(&self, number: usize) -> &'a [u8] {
        self.words.get(number).copied().unwrap_or_default()
    }

    /// Whether the last one asks for no answer.
    pub(super) fn is_noreply(&self) -> bool {
        self.count > 0 && self.get(self.count - 1) == b"noreply"
    }
}
