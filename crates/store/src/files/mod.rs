//! Files: what a store looks like from outside.
//!
//! Each file here is one thing that can be done, as methods of [`Store`](crate::Store). All of it is
//! items of the tree and pages of the cache; nothing here touches a medium, except to fetch pages
//! that are not in memory. An operation reads all that it needs before it changes anything, so that
//! damage or a failing medium stops it before it began.

pub(crate) mod allocating;
pub(crate) mod extent;
mod extents;
mod extras;
pub(crate) mod fetching;
pub(crate) mod flushing;
pub(crate) mod inode;
mod making;
pub(crate) mod mapping;
pub(crate) mod names;
mod objects;
pub(crate) mod reading;
mod removing;
mod renaming;
mod seeking;
mod unnamed;
mod writing;

pub use extras::SetExtra;
