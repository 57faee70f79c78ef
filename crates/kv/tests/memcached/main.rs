//! Our answers against those of Debian's memcached, byte for byte.
//!
//! Over TCP, because memcached's UDP side stops serving after the first protocol error; the
//! parser behind it is the same. Ours takes the same bytes as one datagram.

mod ascii;
mod binary;
mod large;
mod ours;
mod theirs;
mod udp;
