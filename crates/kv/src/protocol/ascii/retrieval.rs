//! get, gets, gat, gats: one step for each entry that is found.

use super::line::{Line, Words, word};
use super::{Context, ERROR, Session};
use crate::number;
use crate::protocol::Reply;
use crate::store::Store;

/// What is left of a command that names many keys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keys {
    /// Bytes of text left.
    text: usize,
    /// Bytes left in the line, with what ends it.
    whole: usize,
    with_cas: bool,
    /// When the entries shall expire from now on, for those who touch them.
    expiry: Option<i64>,
}

/// Any of the commands, with its words.
pub(super) fn retrieve<'s>(
    session: &mut Session,
    store: &'s mut Store,
    context: Context<'_>,
    line: Line<'_>,
    words: &Words<'_>,
) -> (Reply<'s>, usize) {
    if words.count() < 2 {
        return (ERROR, line.whole);
    }
    let (with_cas, touches) = match words.get(0) {
        b"gets" => (true, false),
        b"gat" => (false, true),
        b"gats" => (true, true),
        _ => (false, false),
    };
    let mut at = word(line.text, 0).map_or(0, |(_, end)| end);
    let mut expiry = None;
    if touches {
        let Some(number) = number::signed_32(words.get(1)) else {
            return (Reply::Line("CLIENT_ERROR invalid exptime argument"), line.whole);
        };
        expiry = Some(i64::from(number));
        at = word(line.text, at).map_or(at, |(_, end)| end);
    }
    Keys::of(line, with_cas, expiry).next(session, store, context, at)
}

impl Keys {
    /// All of a line.
    #[inline]
    pub(super) fn of(line: Line<'_>, with_cas: bool, expiry: Option<i64>) -> Self {
        Self { text: line.text.len(), whole: line.whole, with_cas, expiry }
    }

    /// The next entry that is there, of the keys from `at` on. Leaves the rest to the session.
    #[inline]
    pub(super) fn next<'s>(
        self,
        session: &mut Session,
        store: &'s mut Store,
        context: Context<'_>,
        at: usize,
    ) -> (Reply<'s>, usize) {
        let text = context.input.get(..self.text).unwrap_or_default();
        let mut next = word(text, at);
        while let Some((start, end)) = next {
            let Some(key) = context.key(start, end) else {
                return (Reply::Instead("CLIENT_ERROR bad command line format"), self.whole);
            };
            next = word(text, end);
            let Some(found) = store.look_up(key, self.expiry, context.now) else { continue };
            let last = next.is_none();
            if !last {
                session.keys =
                    Some(Self { text: self.text - end, whole: self.whole - end, ..self });
            }
            let entry = store.entry(found);
            let used = if last { self.whole } else { end };
            return (Reply::Value { entry, with_cas: self.with_cas, last }, used);
        }
        (Reply::End, self.whole)
    }
}
