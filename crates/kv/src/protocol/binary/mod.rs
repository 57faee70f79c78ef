//! The binary protocol.
//!
//! Answers byte for byte what memcached 1.6 answers. Authentication is not spoken, and a request
//! that is longer than its datagram is invalid (memcached would wait for the rest).

mod message;
mod opcode;

pub(crate) use message::{Body, Reply, Request};

use super::{Context, Echo, Reply as Outcome, Session, Statistics};
use crate::store::{Arithmetic, Condition, Counted, Key, Store, Stored, Write};
use message::{Header, Status as S};
use opcode::{Command, Opcode};

/// Carries out the request in front. Gives what it came to, and how many bytes of the input are
/// done with.
pub(super) fn step<'s>(
    session: &mut Session,
    store: &'s mut Store,
    echo: &mut Echo,
    context: Context<'_>,
) -> (Outcome<'s>, usize) {
    let all = context.input.len();
    let Some((request, _)) = Request::read(context.input) else {
        session.over = true;
        return (Outcome::Quiet, all);
    };
    let opcode = Opcode::of(request.header().opcode);
    let fault = if !request.is_sound() {
        Some(S::Unknown)
    } else if request.key_len() > Store::LONGEST_KEY || request.len() > all {
        Some(S::Invalid)
    } else {
        opcode.and_then(|opcode| (!opcode.fits(&request)).then_some(S::Invalid))
    };
    if let Some(status) = fault {
        session.over = true;
        return (Outcome::Binary(Reply::failed(&request, status)), all);
    }
    let Some(opcode) = opcode else {
        return (Outcome::Binary(Reply::failed(&request, S::Unknown)), request.len());
    };
    (carry_out(session, store, echo, context, &request, opcode), request.len())
}

fn carry_out<'s>(
    session: &mut Session,
    store: &'s mut Store,
    echo: &mut Echo,
    context: Context<'_>,
    request: &Request,
    opcode: Opcode,
) -> Outcome<'s> {
    let key = request.key();
    let extras = &context.input[size_of::<Header>()..key.start];
    let value = &context.input[key.end..request.len()];
    let done = |cas, body| Outcome::Binary(Reply::done(request, cas, body));
    let reply = match opcode.command {
        Command::Version => done(0, Body::Text(super::VERSION)),
        Command::Noop => done(0, Body::Text("")),
        Command::Quit => {
            session.over = true;
            done(0, Body::Text(""))
        }
        Command::Flush => {
            store.flush(i64::from(be32(extras, 0)), context.now);
            done(0, Body::Text(""))
        }
        Command::Statistics => return statistics(store, request, &context.input[key]),
        command => {
            let Some(key) = context.key(key.start, key.end) else {
                session.over = true;
                return Outcome::Binary(Reply::failed(request, S::Invalid));
            };
            match command {
                Command::Get { .. } => {
                    return get(store, echo, context, request, opcode, key, extras);
                }
                Command::Store(condition) => {
                    write(store, context, request, condition, key, extras, value)
                }
                Command::Count { increment } => {
                    count(store, context, request, increment, key, extras)
                }
                _ => delete(store, context, request, key),
            }
        }
    };
    match reply {
        Outcome::Binary(Reply { status: S::Done, .. }) if opcode.quiet => Outcome::Quiet,
        reply => reply,
    }
}

fn get<'s>(
    store: &'s mut Store,
    echo: &mut Echo,
    context: Context<'_>,
    request: &Request,
    opcode: Opcode,
    key: Key<'_>,
    extras: &[u8],
) -> Outcome<'s> {
    let Command::Get { with_key, with_value, touches } = opcode.command else {
        return Outcome::Quiet;
    };
    let expiry = touches.then(|| i64::from(be32(extras, 0)));
    if let Some(found) = store.look_up(key, expiry, context.now) {
        let entry = store.entry(found);
        let body = Body::Entry { entry, with_key, with_value };
        return Outcome::Binary(Reply::done(request, entry.cas(), body));
    }
    if opcode.quiet {
        return Outcome::Quiet;
    }
    let miss = Reply::failed(request, S::NotFound);
    if !with_key {
        return Outcome::Binary(miss);
    }
    echo.set(key);
    Outcome::Binary(Reply { body: Body::Echo, ..miss })
}

fn write(
    store: &mut Store,
    context: Context<'_>,
    request: &Request,
    condition: Condition,
    key: Key<'_>,
    extras: &[u8],
    value: &[u8],
) -> Outcome<'static> {
    let cas = request.header().cas.get();
    let joins = matches!(condition, Condition::Append | Condition::Prepend);
    let condition = if cas != 0 && !joins { Condition::Cas } else { condition };
    let (flags, expiry) = (be32(extras, 0), i64::from(be32(extras, 4)));
    let write = Write { condition, flags, expiry, cas, value };
    let status = match store.write(key, &write, context.now) {
        Stored::Stored(cas) => return Outcome::Binary(Reply::done(request, cas, Body::Text(""))),
        Stored::Exists => S::Exists,
        Stored::NotFound => S::NotFound,
        Stored::NotStored => match condition {
            Condition::Add => S::Exists,
            Condition::Replace => S::NotFound,
            _ => S::NotStored,
        },
        Stored::TooLarge => S::TooLarge,
        Stored::NoMemory => {
            let text = "Out of memory allocating item";
            return Outcome::Binary(Reply::told(request, S::NoMemory, text));
        }
    };
    Outcome::Binary(Reply::failed(request, status))
}

/// What an increment's expiry says if a key without a value shall stay without.
const DO_NOT_CREATE: u32 = u32::MAX;

fn count(
    store: &mut Store,
    context: Context<'_>,
    request: &Request,
    increment: bool,
    key: Key<'_>,
    extras: &[u8],
) -> Outcome<'static> {
    let (delta, initial, expiry) = (be64(extras, 0), be64(extras, 8), be32(extras, 16));
    let arithmetic = Arithmetic { increment, delta, cas: request.header().cas.get() };
    let (value, cas) = match store.count(key, arithmetic, context.now) {
        Counted::Value { value, cas } => (value, cas),
        Counted::NonNumeric => return Outcome::Binary(Reply::failed(request, S::NonNumeric)),
        Counted::Exists => return Outcome::Binary(Reply::failed(request, S::Exists)),
        Counted::NoMemory => {
            let text = "Out of memory incrementing value";
            return Outcome::Binary(Reply::told(request, S::NoMemory, text));
        }
        Counted::NotFound if expiry == DO_NOT_CREATE => {
            return Outcome::Binary(Reply::failed(request, S::NotFound));
        }
        Counted::NotFound => {
            let mut digits = crate::number::Digits::default();
            let write = Write {
                condition: Condition::Add,
                flags: 0,
                expiry: i64::from(expiry),
                cas: 0,
                value: digits.of(initial),
            };
            let Stored::Stored(cas) = store.write(key, &write, context.now) else {
                let text = "Out of memory allocating new item";
                return Outcome::Binary(Reply::told(request, S::NoMemory, text));
            };
            (initial, cas)
        }
    };
    Outcome::Binary(Reply::done(request, cas, Body::Number(value)))
}

fn delete(
    store: &mut Store,
    context: Context<'_>,
    request: &Request,
    key: Key<'_>,
) -> Outcome<'static> {
    match store.delete(key, request.header().cas.get(), context.now) {
        Stored::Stored(_) => Outcome::Binary(Reply::done(request, 0, Body::Text(""))),
        Stored::Exists => Outcome::Binary(Reply::failed(request, S::Exists)),
        _ => Outcome::Binary(Reply::failed(request, S::NotFound)),
    }
}

fn statistics(store: &mut Store, request: &Request, name: &[u8]) -> Outcome<'static> {
    let end = Outcome::Binary(Reply::done(request, 0, Body::Text("")));
    if name.starts_with(b"reset") {
        store.reset_counters();
        return end;
    }
    match Statistics::named(name) {
        Some(which) => Outcome::BinaryStatistics(which, Reply::done(request, 0, Body::Text(""))),
        None => Outcome::Binary(Reply::failed(request, S::NotFound)),
    }
}

/// The big-endian number in the extras; 0 if they are too short for it.
fn be32(extras: &[u8], at: usize) -> u32 {
    extras.get(at..).and_then(|bytes| bytes.first_chunk()).map_or(0, |b| u32::from_be_bytes(*b))
}

fn be64(extras: &[u8], at: usize) -> u64 {
    extras.get(at..).and_then(|bytes| bytes.first_chunk()).map_or(0, |b| u64::from_be_bytes(*b))
}
