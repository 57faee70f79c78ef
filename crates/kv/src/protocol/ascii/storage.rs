//! set, add, replace, append, prepend, cas: a line, and a block of data behind it.

use super::line::{Line, Words, word};
use super::{BAD_FORMAT, Context, ERROR};
use crate::number;
use crate::protocol::Reply;
use crate::store::{Condition, Store, Stored, Write};

/// Carries out any of them. Gives the answer, and how many bytes of the input are done with.
pub(super) fn store(
    store: &mut Store,
    context: Context<'_>,
    line: Line<'_>,
    words: &Words<'_>,
) -> (Reply<'static>, usize) {
    let condition = match words.get(0) {
        b"set" => Condition::Set,
        b"add" => Condition::Add,
        b"replace" => Condition::Replace,
        b"append" => Condition::Append,
        b"prepend" => Condition::Prepend,
        _ => Condition::Cas,
    };
    let least = if condition == Condition::Cas { 6 } else { 5 };
    if !(least..=least + 1).contains(&words.count()) {
        return (ERROR, line.whole);
    }
    let key = word(line.text, 0)
        .and_then(|(_, end)| word(line.text, end))
        .and_then(|(start, end)| context.key(start, end));
    let cas = match condition {
        Condition::Cas => number::unsigned(words.get(5)),
        _ => Some(0),
    };
    let (Some(key), Some(flags), Some(expiry), Some(len), Some(cas)) = (
        key,
        number::unsigned_32(words.get(2)),
        number::signed_32(words.get(3)),
        number::signed_32(words.get(4)).and_then(|len| usize::try_from(len).ok()),
        cas,
    ) else {
        return (BAD_FORMAT, line.whole);
    };
    if len > i32::MAX as usize - 2 {
        return (BAD_FORMAT, line.whole);
    }
    let behind = context.input.get(line.whole..).unwrap_or_default();
    let used = line.whole + behind.len().min(len + 2);
    if key.bytes().len() + len > Store::LONGEST_ENTRY {
        store.refuse_too_large(key, condition, context.now);
        return (Reply::Line("SERVER_ERROR object too large for cache"), used);
    }
    let (Some(value), Some(b"\r\n")) = (behind.get(..len), behind.get(len..len + 2)) else {
        return (Reply::Line("CLIENT_ERROR bad data chunk"), used);
    };
    let write = Write { condition, flags, expiry: i64::from(expiry), cas, value };
    let reply = match store.write(key, &write, context.now) {
        Stored::Stored(_) => "STORED",
        Stored::NotStored => "NOT_STORED",
        Stored::Exists => "EXISTS",
        Stored::NotFound => "NOT_FOUND",
        Stored::TooLarge => "SERVER_ERROR object too large for cache",
        Stored::NoMemory => "SERVER_ERROR out of memory storing object",
    };
    (Reply::Line(reply), used)
}
