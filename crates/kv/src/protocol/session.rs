//! A datagram, as far as it has been worked through.

use super::ascii::Keys;
use super::binary::Request;
use super::glance::Glance;
use super::{Reply, ascii, binary};
use crate::store::{Key, Store};
use crate::time::Time;

/// Walks over the requests in one datagram.
#[derive(Debug)]
pub(crate) struct Session {
    is_binary: bool,
    /// What is left of a get that is under way.
    pub(super) keys: Option<Keys>,
    /// Nothing more is to be done, whatever follows.
    pub(super) over: bool,
}

/// What a step needs to know.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    /// What is left of the datagram.
    pub(crate) input: &'a [u8],
    /// Where in the datagram `input` begins, and what was seen there at first glance. `None` once
    /// the datagram has been written over.
    pub(crate) glance: Option<(usize, Glance)>,
    /// The time.
    pub(crate) now: Time,
}

impl<'a> Context<'a> {
    /// A key in `input`; `None` if it is too long.
    #[inline]
    pub(crate) fn key(&self, start: usize, end: usize) -> Option<Key<'a>> {
        let bytes = self.input.get(start..end)?;
        let known = self.glance.and_then(|(at, glance)| glance.hash_of(at + start, bytes.len()));
        match known {
            Some(hash) => Key::with_hash(bytes, hash),
            None => Key::new(bytes),
        }
    }
}

impl Session {
    /// For a datagram that begins with this byte.
    #[inline]
    pub(crate) fn of(first: u8) -> Self {
        Self { is_binary: first == Request::MAGIC, keys: None, over: false }
    }

    /// Whether one request is answered and the next not begun.
    #[inline]
    pub(crate) fn is_between(&self) -> bool {
        self.keys.is_none()
    }

    /// Whether another step is to be taken, if so many bytes are left.
    #[inline]
    pub(crate) fn goes_on(&self, left: usize) -> bool {
        !self.over && left > 0
    }

    /// Takes the next step. Gives what it came to, and how many bytes of the input are done with.
    #[inline]
    pub(crate) fn step<'s>(
        &mut self,
        store: &'s mut Store,
        echo: &mut Echo,
        context: Context<'_>,
    ) -> (Reply<'s>, usize) {
        if self.is_binary {
            binary::step(self, store, echo, context)
        } else {
            ascii::step(self, store, context)
        }
    }
}

/// A copy of a key that was asked for and not found, for the answer that names it.
#[derive(Debug)]
pub(crate) struct Echo {
    bytes: [u8; Store::LONGEST_KEY],
    len: usize,
}

impl Default for Echo {
    fn default() -> Self {
        Self { bytes: [0; Store::LONGEST_KEY], len: 0 }
    }
}

impl Echo {
    /// The key.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Another key.
    pub(crate) fn set(&mut self, key: Key<'_>) {
        self.len = key.bytes().len();
        self.bytes[..self.len].copy_from_slice(key.bytes());
    }
}
