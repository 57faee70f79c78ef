//! Frames that several processes map.
//!
//! They lie in memory that has a descriptor and no name (`memfd_create`). The store reads and writes
//! them through that, which is coherent with every mapping, and needs no unsafe code. Another
//! process that inherits the descriptor, or is sent it, maps the frames that it is told of: frame N
//! is at N · 4,096.
//!
//! What it costs: a system call for each page that is read or written in memory, where other frames
//! need none; all of the memory from the beginning, as a page that is first written to
//! when no memory is left could only be lost; and trust. Who has the descriptor sees and changes
//! *every* frame, whatever files it may open: it is for processes of one application, which could
//! open the store themselves.

use super::{Error, file};
use crate::medium::Trouble;
use crate::pages::Frames;
use crate::place::BLOCK;
use rustix::fs::{MemfdFlags, SealFlags};
use rustix::io::Errno;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// What errors call it.
const NAME: &str = "shared memory for pages";

/// Frames in memory that other processes can map.
pub struct SharedFrames {
    memory: File,
    count: usize,
}

impl SharedFrames {
    /// So many frames, of zeros. The memory for all of them is taken now.
    pub fn new(count: usize) -> Result<Self, Error> {
        let name = Path::new(NAME);
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        // Kernels before 6.3 do not know that nobody is going to execute it.
        let made =
            match rustix::fs::memfd_create("cofferdam pages", flags | MemfdFlags::NOEXEC_SEAL) {
                Err(Errno::INVAL) => rustix::fs::memfd_create("cofferdam pages", flags),
                made => made,
            };
        let memory = File::from(made.map_err(Error::system("make", name))?);
        let room = (count as u64).checked_mul(BLOCK as u64).filter(|length| *length <= available());
        // The kernel would try to find more, and end other programs for it.
        room.ok_or(Trouble::Full)
            .and_then(|length| file::make_room(&memory, 0, length))
            .map_err(|trouble| Error::Room { path: name.into(), trouble })?;
        // Who maps it gets no SIGBUS, whatever another process does.
        let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        rustix::fs::fcntl_add_seals(&memory, seals).map_err(Error::system("seal", name))?;
        Ok(Self { memory, count })
    }

    /// A descriptor of the memory, to be handed to a process that may see all of it. It is closed
    /// when this process executes another program, unless it is handed on.
    pub fn descriptor(&self) -> Result<OwnedFd, Error> {
        let copy = self.memory.as_fd().try_clone_to_owned();
        copy.map_err(Error::system("hand on", Path::new(NAME)))
    }

    fn place(frame: usize, at: usize) -> u64 {
        frame as u64 * BLOCK as u64 + at as u64
    }
}

impl Frames for SharedFrames {
    fn count(&self) -> usize {
        self.count
    }

    fn read(&self, frame: usize, at: usize, into: &mut [u8]) {
        if file::read_at(&self.memory, Self::place(frame, at), into).is_err() {
            lost();
        }
    }

    fn write(&mut self, frame: usize, at: usize, from: &[u8]) {
        if file::write_at(&self.memory, Self::place(frame, at), from).is_err() {
            lost();
        }
    }
}

/// Bytes of memory that may be taken without anybody else having to give some up.
fn available() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.map_or_else(
        || {
            let about = rustix::system::sysinfo();
            (about.freeram as u64).saturating_mul(u64::from(about.mem_unit))
        },
        |kibibytes| kibibytes.saturating_mul(1024),
    )
}

/// The memory cannot be read or written: the swap that it lay in has failed. The kernel ends every
/// process whose memory that happens to, and nothing less would do here: to go on would be to commit
/// what nobody has written. The last commit is safe.
fn lost() -> ! {
    std::process::abort()
}
