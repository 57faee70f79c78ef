//! Replies, written into an answer.

use super::message::Message;
use super::statistics::{Facts, Value};
use crate::datagram::{Datagram, Outlet};
use crate::number::Digits;
use crate::protocol::{Reply, Statistics, VERSION, binary};
use crate::store::{Entry, Store};
use zerocopy::IntoBytes;

/// "VALUE ", a key, three numbers and what separates them.
const LONGEST_TITLE: usize = 6 + Store::LONGEST_KEY + 11 + 8 + 21 + 2;

impl<D: Datagram, O: Outlet<D>> Message<'_, D, O> {
    /// Writes what a step came to.
    #[inline]
    pub(super) fn write(&mut self, reply: Reply<'_>) {
        match reply {
            Reply::Value { entry, with_cas, last } => self.value(entry, with_cas, last),
            Reply::End => self.put(b"END\r\n"),
            Reply::Line(text) => self.line(text),
            Reply::Instead(text) => {
                self.rewind();
                self.line(text);
            }
            Reply::Number(number) => {
                self.put(Digits::default().of(number));
                self.put(b"\r\n");
            }
            Reply::Version => {
                self.put(b"VERSION ");
                self.line(VERSION);
            }
            // All but the first need more than is at hand here; the server sees to them.
            Reply::Quiet
            | Reply::Binary(_)
            | Reply::Statistics(_)
            | Reply::BinaryStatistics(..) => {}
        }
    }

    fn line(&mut self, text: &str) {
        self.put(text.as_bytes());
        self.put(b"\r\n");
    }

    #[inline]
    fn value(&mut self, entry: Entry<'_>, with_cas: bool, last: bool) {
        let (mut flags, mut len) = (Digits::default(), Digits::default());
        let flags = flags.of(u64::from(entry.flags()));
        let len = len.of(entry.value_len() as u64);
        let key = entry.key();
        // Mostly all of it fits. What stands around it: "VALUE ", two spaces, twice the end of a
        // line; and "END\r\n", where it belongs.
        let around = 6 + 1 + 1 + 2 + 2 + if last { 5 } else { 0 };
        let whole = around + key.len() + flags.len() + len.len() + entry.value_len();
        if !with_cas && let Some(space) = self.space(whole) {
            let mut space = Space(space);
            space.put(b"VALUE ");
            space.put(key);
            space.put(b" ");
            space.put_few(flags);
            space.put(b" ");
            space.put_few(len);
            space.put(b"\r\n");
            entry.value().for_each(|piece| space.put(piece));
            space.put(b"\r\n");
            if last {
                space.put(b"END\r\n");
            }
        } else {
            self.value_in_parts(entry, with_cas, last);
        }
    }

    #[cold]
    fn value_in_parts(&mut self, entry: Entry<'_>, with_cas: bool, last: bool) {
        let mut title = Title { bytes: [0; LONGEST_TITLE], len: 0 };
        title.put(b"VALUE ");
        title.put(entry.key());
        title.put(b" ");
        title.put(Digits::default().of(u64::from(entry.flags())));
        title.put(b" ");
        title.put(Digits::default().of(entry.value_len() as u64));
        if with_cas {
            title.put(b" ");
            title.put(Digits::default().of(entry.cas()));
        }
        title.put(b"\r\n");
        self.put(&title.bytes[..title.len]);
        for piece in entry.value() {
            self.put(piece);
        }
        self.put(if last { b"\r\nEND\r\n" } else { b"\r\n" });
    }

    /// A message of the binary protocol; `echo` is the key for those that name it.
    pub(super) fn binary(&mut self, reply: &binary::Reply<'_>, echo: &[u8]) {
        match reply.body {
            binary::Body::Text(text) => {
                self.put(reply.header(0, 0, text.len()).as_bytes());
                self.put(text.as_bytes());
            }
            binary::Body::Number(number) => {
                self.put(reply.header(0, 0, 8).as_bytes());
                self.put(&number.to_be_bytes());
            }
            binary::Body::Echo => {
                self.put(reply.header(0, echo.len(), 0).as_bytes());
                self.put(echo);
            }
            binary::Body::Entry { entry, with_key, with_value } => {
                let key = if with_key { entry.key() } else { &[] };
                let value_len = if with_value { entry.value_len() } else { 0 };
                self.put(reply.header(4, key.len(), value_len).as_bytes());
                self.put(&entry.flags().to_be_bytes());
                self.put(key);
                for piece in entry.value().take_while(|_| with_value) {
                    self.put(piece);
                }
            }
        }
    }
}

impl<D: Datagram, O: Outlet<D>> Message<'_, D, O> {
    /// Statistics in text.
    pub(super) fn statistics(&mut self, which: Statistics, facts: &Facts<'_>) {
        facts.tell(which, |name, value| {
            self.put(b"STAT ");
            self.put(name.as_bytes());
            self.put(b" ");
            match value {
                Value::Number(number) => self.put(Digits::default().of(number)),
                Value::Text(text) => self.put(text.as_bytes()),
            }
            self.put(b"\r\n");
        });
        self.put(b"END\r\n");
    }

    /// Statistics in the binary protocol: a message for each, and an empty one.
    pub(super) fn binary_statistics(
        &mut self,
        reply: &binary::Reply<'_>,
        which: Statistics,
        facts: &Facts<'_>,
    ) {
        facts.tell(which, |name, value| {
            let mut digits = Digits::default();
            let value = match value {
                Value::Number(number) => digits.of(number),
                Value::Text(text) => text.as_bytes(),
            };
            self.put(reply.header(0, name.len(), value.len()).as_bytes());
            self.put(name.as_bytes());
            self.put(value);
        });
        self.put(reply.header(0, 0, 0).as_bytes());
    }
}

/// What is left of some bytes, to write pieces into behind each other.
struct Space<'a>(&'a mut [u8]);

impl Space<'_> {
    #[inline]
    fn put(&mut self, piece: &[u8]) {
        if let Some((here, rest)) = core::mem::take(&mut self.0).split_at_mut_checked(piece.len()) {
            here.copy_from_slice(piece);
            self.0 = rest;
        }
    }

    /// A piece of a few bytes, which is not worth a call.
    #[inline]
    fn put_few(&mut self, piece: &[u8]) {
        if let [byte] = *piece {
            self.put(&[byte]);
        } else {
            self.put(piece);
        }
    }
}

/// The line in front of a value.
struct Title {
    bytes: [u8; LONGEST_TITLE],
    len: usize,
}

impl Title {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        if let Some(space) = self.bytes.get_mut(self.len..end) {
            space.copy_from_slice(bytes);
            self.len = end;
        }
    }
}
