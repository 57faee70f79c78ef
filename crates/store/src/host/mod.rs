//! What a store lies on and needs, on a real machine.
//!
//! The untrusted side is a [`Segments`] folder or a [`Device`]; the trusted side is a seal (a
//! [`Device`] too), the [`Writer`]'s lock and the [`Places`] where seals and keys are. Nothing
//! here knows the store's format: it moves bytes and says what the system refused.

mod clock;
mod device;
mod error;
mod file;
mod holder;
pub mod key_file;
mod large_pages;
mod lock_file;
pub mod passphrase;
mod places;
mod randomness;
mod reader;
mod record;
mod segments;
mod shared_frames;
mod straight;
mod volume;
mod writer;

pub use clock::readable;
pub use device::Device;
pub use error::Error;
pub use holder::Holder;
pub use large_pages::frames;
pub use places::{Place, Places, Remembered};
pub use randomness::SystemRandomness;
pub use reader::{Hold, Holds};
pub use segments::Segments;
pub use shared_frames::SharedFrames;
pub use volume::Volume;
pub use writer::Writer;

use crate::medium::Medium;
use std::boxed::Box;
use std::path::Path;

/// What somebody is going to do with a medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read only: nothing below is changed in any way.
    Read,
    /// Read and write.
    Write,
}

/// Opens what lies at `path`: a folder of segments, a file or a block device.
pub fn open(path: &Path, access: Access) -> Result<Box<dyn Medium>, Error> {
    let found = std::fs::metadata(path).map_err(Error::system("open", path))?;
    Ok(if found.is_dir() {
        Box::new(Segments::open(path, access)?)
    } else {
        Box::new(Device::open(path, access)?)
    })
}
