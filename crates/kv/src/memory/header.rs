//! What stands in front of each chunk.

use crate::time::Expiry;
use zerocopy::byteorder::native_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// No chunk.
pub(crate) const NONE: u32 = u32::MAX;

/// What a chunk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// On its class's list; `back` and `next` are its neighbours there.
    Free,
    /// The first, mostly only, chunk of an entry; `next` goes on with the value.
    Entry,
    /// A further chunk of a large entry; `back` is the first one.
    Further,
    /// Being filled or copied from: not to be evicted.
    Held,
}

/// The first 32 bytes of a chunk. Behind it: the key (in the first chunk of an entry), the value.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct Header {
    cas: U64,
    hash: U32,
    flags: U32,
    expiry: U32,
    next: U32,
    back: U32,
    /// 21 bits length of the value, 8 bits length of the key, 2 bits state, 1 bit referenced.
    packed: U32,
}

impl Header {
    /// Bytes in a header.
    pub(crate) const LEN: usize = size_of::<Self>();

    const VALUE_BITS: u32 = 21;
    const KEY_SHIFT: u32 = 21;
    const STATE_SHIFT: u32 = 29;
    const REFERENCED: u32 = 1 << 31;

    /// Of a chunk that is no entry.
    pub(crate) fn bare(state: State, next: u32, back: u32) -> Self {
        let mut header = Self::entry(0, 0, 0, Expiry::NEVER, 0, 0);
        header.next = U32::new(next);
        header.back = U32::new(back);
        header.set_state(state);
        header
    }

    /// Of the first chunk of an entry.
    #[inline]
    pub(crate) fn entry(
        hash: u32,
        cas: u64,
        flags: u32,
        expiry: Expiry,
        key_len: usize,
        value_len: usize,
    ) -> Self {
        debug_assert!(key_len < 1 << 8 && value_len < 1 << Self::VALUE_BITS);
        Self {
            cas: U64::new(cas),
            hash: U32::new(hash),
            flags: U32::new(flags),
            expiry: U32::new(expiry.number()),
            next: U32::new(NONE),
            back: U32::new(NONE),
            packed: U32::new(
                value_len as u32
                    | (key_len as u32) << Self::KEY_SHIFT
                    | (State::Entry as u32) << Self::STATE_SHIFT,
            ),
        }
    }

    #[inline]
    pub(crate) fn cas(&self) -> u64 {
        self.cas.get()
    }

    pub(crate) fn set_cas(&mut self, cas: u64) {
        self.cas = U64::new(cas);
    }

    pub(crate) fn hash(&self) -> u32 {
        self.hash.get()
    }

    #[inline]
    pub(crate) fn flags(&self) -> u32 {
        self.flags.get()
    }

    #[inline]
    pub(crate) fn expiry(&self) -> Expiry {
        Expiry::from_number(self.expiry.get())
    }

    pub(crate) fn set_expiry(&mut self, expiry: Expiry) {
        self.expiry = U32::new(expiry.number());
    }

    #[inline]
    pub(crate) fn next(&self) -> u32 {
        self.next.get()
    }

    pub(crate) fn set_next(&mut self, next: u32) {
        self.next = U32::new(next);
    }

    pub(crate) fn back(&self) -> u32 {
        self.back.get()
    }

    pub(crate) fn set_back(&mut self, back: u32) {
        self.back = U32::new(back);
    }

    #[inline]
    pub(crate) fn value_len(&self) -> usize {
        (self.packed.get() & ((1 << Self::VALUE_BITS) - 1)) as usize
    }

    #[inline]
    pub(crate) fn key_len(&self) -> usize {
        (self.packed.get() >> Self::KEY_SHIFT & 0xff) as usize
    }

    pub(crate) fn state(&self) -> State {
        match self.packed.get() >> Self::STATE_SHIFT & 3 {
            0 => State::Free,
            1 => State::Entry,
            2 => State::Further,
            _ => State::Held,
        }
    }

    pub(crate) fn set_state(&mut self, state: State) {
        let rest = self.packed.get() & !(3 << Self::STATE_SHIFT);
        self.packed = U32::new(rest | (state as u32) << Self::STATE_SHIFT);
    }

    /// Whether it was used since the clock's hand last passed.
    #[inline]
    pub(crate) fn is_referenced(&self) -> bool {
        self.packed.get() & Self::REFERENCED != 0
    }

    #[inline]
    pub(crate) fn set_referenced(&mut self, referenced: bool) {
        let rest = self.packed.get() & !Self::REFERENCED;
        self.packed = U32::new(rest | if referenced { Self::REFERENCED } else { 0 });
    }
}
