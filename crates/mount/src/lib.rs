//! A store as a file system of this machine: any program can use it, by `/dev/fuse`.
//!
//! [`Mounted`] is one mount. Requests come from the kernel, are answered out of [`Files`] (a
//! store's volume), and nothing is kept here but how often the kernel knows each file. Permissions,
//! locks, shared memory and the cache of what was read and written are the kernel's: nobody else
//! changes a store while it is mounted, so what the kernel knows stays true until it changes it.
//!
//! What is damaged is answered with `EIO`, and told to the trusted [`Console`], which names the
//! file.

mod console;
mod error;
mod files;
mod known;
mod mounted;
mod point;
mod server;

pub use console::Console;
pub use error::Error;
pub use files::Files;
pub use mounted::{Mounted, Options};
pub use point::Holder;
