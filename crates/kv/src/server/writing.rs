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
