//! The text protocol.
//!
//! Answers word for word what memcached 1.6 answers, except that
//!
//! * meta commands (`mg`, `ms`, …) and those that tune memcached's insides are not spoken, but for
//!   `mn`;
//! * a data block that is longer than the datagram is a bad data chunk (memcached would take the
//!   next datagram, whoever sent it, for the rest);
//! * all answers to one datagram are one message, as the protocol's description has it (memcached
//!   sends each value of a get as a message of its own), and a get that names too long a key does
//!   not take back the answers to the commands before it.

mod line;
mod retrieval;
mod storage;

pub(crate) use retrieval::Keys;

use super::{Context, Reply, Session, Statistics};
use crate::number;
use crate::store::{Arithmetic, Counted, Key, Store, Stored};
use crate::time::Time;
use line::{Line, Words, word};

const ERROR: Reply<'static> = Reply::Line("ERROR");
const BAD_FORMAT: Reply<'static> = Reply::Line("CLIENT_ERROR bad command line format");

/// Takes the next step. Gives what it came to, and how many bytes of the input are done with.
#[inline]
pub(super) fn step<'s>(
    session: &mut Session,
    store: &'s mut Store,
    context: Context<'_>,
) -> (Reply<'s>, usize) {
    if let Some(keys) = session.keys.take() {
        return keys.next(session, store, context, 0);
    }
    let Some(line) = Line::read(context.input) else {
        session.over = true;
        return (Reply::Quiet, context.input.len());
    };
    if line.text.starts_with(b"get ") && line.text.len() > b"get ".len() {
        return Keys::of(line, false, None).next(session, store, context, b"get ".len());
    }
    command(session, store, context, line)
}

/// Any command but the plainest.
fn command<'s>(
    session: &mut Session,
    store: &'s mut Store,
    context: Context<'_>,
    line: Line<'_>,
) -> (Reply<'s>, usize) {
    let words = line.words();
    if words.count() == 0 || words.get(0).len() < 2 {
        return (ERROR, line.whole);
    }
    match words.get(0) {
        b"get" | b"gets" | b"gat" | b"gats" | b"bget" => {
            return retrieval::retrieve(session, store, context, line, &words);
        }
        b"set" | b"add" | b"replace" | b"append" | b"prepend" | b"cas" => {
            let (reply, used) = storage::store(store, context, line, &words);
            return (quiet_if(words.is_noreply(), reply), used);
        }
        _ => {}
    }
    // The key is the second word wherever there is one.
    let key = word(line.text, 0)
        .and_then(|(_, end)| word(line.text, end))
        .and_then(|(start, end)| context.key(start, end));
    let now = context.now;
    let (counts, reply): (&[usize], _) = match words.get(0) {
        b"incr" => (&[3, 4], count(store, key, true, &words, now)),
        b"decr" => (&[3, 4], count(store, key, false, &words, now)),
        b"delete" => (&[2, 3, 4], delete(store, key, &words, now)),
        b"touch" => (&[3, 4], touch(store, key, &words, now)),
        b"flush_all" => (&[1, 2, 3], flush(store, &words, now)),
        b"verbosity" => (&[2, 3], verbosity(&words)),
        b"version" => return (Reply::Version, line.whole),
        b"stats" => return (statistics(store, &words), line.whole),
        b"mn" => return (Reply::Line("MN"), line.whole),
        b"shutdown" => return (Reply::Line("ERROR: shutdown not enabled"), line.whole),
        b"quit" => {
            session.over = true;
            return (Reply::Quiet, line.whole);
        }
        _ if words.get(words.count() - 1).starts_with(b"HTTP/") => {
            session.over = true;
            return (Reply::Quiet, line.whole);
        }
        _ => return (ERROR, line.whole),
    };
    // A wrong number of words is answered even if the last of them is "noreply"; and a lone
    // "noreply" behind "delete" is a key.
    let noreply = words.is_noreply() && (words.get(0) != b"delete" || words.count() > 2);
    let reply = if counts.contains(&words.count()) { quiet_if(noreply, reply) } else { ERROR };
    (reply, line.whole)
}

/// No answer, if none was asked for.
fn quiet_if(noreply: bool, reply: Reply<'_>) -> Reply<'_> {
    if noreply { Reply::Quiet } else { reply }
}

fn count(
    store: &mut Store,
    key: Option<Key<'_>>,
    increment: bool,
    words: &Words<'_>,
    now: Time,
) -> Reply<'static> {
    if !(3..=4).contains(&words.count()) {
        return ERROR;
    }
    let Some(key) = key else { return BAD_FORMAT };
    let Some(delta) = number::unsigned(words.get(2)) else {
        return Reply::Line("CLIENT_ERROR invalid numeric delta argument");
    };
    match store.count(key, Arithmetic { increment, delta, cas: 0 }, now) {
        Counted::Value { value, .. } => Reply::Number(value),
        Counted::NonNumeric => {
            Reply::Line("CLIENT_ERROR cannot increment or decrement non-numeric value")
        }
        Counted::NotFound | Counted::Exists => Reply::Line("NOT_FOUND"),
        Counted::NoMemory => Reply::Line("SERVER_ERROR out of memory"),
    }
}

fn delete(store: &mut Store, key: Option<Key<'_>>, words: &Words<'_>, now: Time) -> Reply<'static> {
    let zero = words.get(2) == b"0";
    let valid = match words.count() {
        2 => true,
        3 => zero || words.is_noreply(),
        4 => zero && words.is_noreply(),
        _ => return ERROR,
    };
    if !valid {
        return Reply::Line("CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]");
    }
    let Some(key) = key else { return BAD_FORMAT };
    match store.delete(key, 0, now) {
        Stored::Stored(_) => Reply::Line("DELETED"),
        _ => Reply::Line("NOT_FOUND"),
    }
}

fn touch(store: &mut Store, key: Option<Key<'_>>, words: &Words<'_>, now: Time) -> Reply<'static> {
    if !(3..=4).contains(&words.count()) {
        return ERROR;
    }
    let Some(key) = key else { return BAD_FORMAT };
    let Some(expiry) = number::signed_32(words.get(2)) else {
        return Reply::Line("CLIENT_ERROR invalid exptime argument");
    };
    match store.touch(key, i64::from(expiry), now) {
        Some(_) => Reply::Line("TOUCHED"),
        None => Reply::Line("NOT_FOUND"),
    }
}

fn flush(store: &mut Store, words: &Words<'_>, now: Time) -> Reply<'static> {
    if !(1..=3).contains(&words.count()) {
        return ERROR;
    }
    let bare = if words.is_noreply() { 2 } else { 1 };
    let delay = if words.count() == bare { Some(0) } else { number::signed_32(words.get(1)) };
    let Some(delay) = delay else {
        return Reply::Line("CLIENT_ERROR invalid exptime argument");
    };
    store.flush(i64::from(delay), now);
    Reply::Line("OK")
}

/// Taken and ignored: what this server logs is not for its clients to decide.
fn verbosity(words: &Words<'_>) -> Reply<'static> {
    match number::unsigned_32(words.get(1)) {
        Some(_) => Reply::Line("OK"),
        None => BAD_FORMAT,
    }
}

fn statistics(store: &mut Store, words: &Words<'_>) -> Reply<'static> {
    if words.get(1) == b"reset" {
        store.reset_counters();
        return Reply::Line("RESET");
    }
    Statistics::named(words.get(1)).map_or(ERROR, Reply::Statistics)
}
