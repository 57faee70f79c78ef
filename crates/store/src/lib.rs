//! The private store: a file system for a medium that nobody trusts.
//!
//! Everything in it is encrypted, every block is bound to its file and place, and a tree of tags
//! leads up to one root. The root and a counter lie in a *seal* on the trusted side, so that an old
//! copy of the store is noticed as surely as a changed byte. `docs/store-format.md` specifies it.
//!
//! This crate does no I/O, reads no clock and draws no random number: media, time and randomness
//! are handed in. It builds without std; the feature `std` adds `host`, which has folders, seals,
//! keys and threads of a real machine.
#![no_std]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

mod attributes;
pub mod backup;
mod blocks;
mod cipher;
mod committing;
mod error;
mod files;
#[cfg(fuzzing)]
pub mod fuzzing;
#[cfg(feature = "std")]
pub mod host;
pub mod keys;
pub mod locks;
pub mod medium;
mod opening;
mod pages;
mod place;
mod rekeying;
mod root;
pub mod seal;
mod sealed_root;
#[cfg(feature = "simulation")]
pub mod simulation;
mod space;
mod store;
pub mod superblock;
mod tree;
mod trimming;
mod verify;
mod whole;

pub use attributes::{
    Allocate, Attributes, Change, Entry, Kind, Make, ObjectId, Room, Seek, Taken, Time,
};
pub use committing::Landing;
pub use error::{Damage, Damaged, Error, Identity};
pub use files::SetExtra;
pub use files::fetching::{Announcement, Fetch};
pub use files::flushing::Job;
pub use files::mapping::Mapping;
pub use files::reading::{Lent, Reading};
pub use opening::{Closed, Media, Memory};
pub use pages::{AtOnce, Frames, Heap};
pub use sealed_root::{ROOT_BYTES, SEALED_ROOT_BYTES, SealedRoot};
pub use store::Store;
pub use verify::{Finding, Progress, Report};

#[cfg(test)]
mod tests {
    mod changes;
    pub(crate) mod trial;
    mod vectors;
}
