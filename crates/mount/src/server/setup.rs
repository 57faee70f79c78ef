//! What is agreed with the kernel when it is first met.

use super::Server;
use crate::Files;
use fuser::{InitFlags, KernelConfig};

/// The largest write, and read, in one request: the most that kernels allow today.
const LARGEST: u32 = 1 << 20;

/// How many reads ahead, and writes of mapped memory, may be on their way at once.
const BACKGROUND: u16 = 64;

/// Asked for if the kernel has them; each is about speed, except killing set-id bits, which is also
/// what keeps the kernel from asking for an extended attribute before every write.
///
/// Not `FUSE_WRITEBACK_CACHE`: the store keeps what is written until it is synchronised, once is
/// enough. A kernel that writes behind also keeps the times, and tells them with a request more at
/// each rename, removal and `fsync`. And who writes hears at once when the store is full. Many small
/// writes that nobody synchronises are slower by it.
const WANTED: [InitFlags; 9] = [
    InitFlags::FUSE_HANDLE_KILLPRIV_V2,
    InitFlags::FUSE_PARALLEL_DIROPS,
    InitFlags::FUSE_DO_READDIRPLUS,
    InitFlags::FUSE_READDIRPLUS_AUTO,
    InitFlags::FUSE_CACHE_SYMLINKS,
    InitFlags::FUSE_ASYNC_DIO,
    InitFlags::FUSE_ASYNC_READ,
    InitFlags::FUSE_BIG_WRITES,
    InitFlags::FUSE_MAX_PAGES,
];

impl<F: Files> Server<F> {
    pub(super) fn agree(&mut self, config: &mut KernelConfig) {
        for flag in WANTED {
            // One that the kernel does not know is done without.
            let _ = config.add_capabilities(flag);
        }
        let _ = config.set_max_write(LARGEST);
        if let Err(most) = config.set_max_readahead(LARGEST) {
            let _ = config.set_max_readahead(most);
        }
        let _ = config.set_max_background(BACKGROUND);
        let kernel = config.capabilities();
        self.silent_open = kernel.contains(InitFlags::FUSE_NO_OPEN_SUPPORT);
        self.silent_open_directory = kernel.contains(InitFlags::FUSE_NO_OPENDIR_SUPPORT);
    }
}
