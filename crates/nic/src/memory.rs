//! Memory for a pool that a device or another process is told about as a whole.
//!
//! [`Memory`] is a [`Region`] for [`packet::Pool::registered`]: private to this process (what
//! `AF_XDP` needs), or a file without a name that another process can map (what vhost-user
//! needs). Either can lie in huge pages. It never gives out its bytes: only the pool's packets do.
//!
//! **Why unsafe is allowed here:** mapping memory, and promising the pool that the mapping is
//! what [`Region`] asks for.
#![allow(unsafe_code)]

use crate::Error;
use core::ffi::c_void;
use core::ptr::{self, NonNull};
use packet::{PAGE, Region};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// Bytes in a huge page.
const HUGE: usize = 2 << 20;

/// A mapping that a pool cuts into pages.
#[derive(Debug)]
pub struct Memory {
    base: NonNull<u8>,
    bytes: usize,
    /// What is mapped, if another process can be given it.
    file: Option<OwnedFd>,
}

impl Memory {
    /// Zeroed pages that only this process sees. With `huge` they lie in pages of 2 MiB, and
    /// there are as many as fill these.
    pub fn private(pages: usize, huge: bool) -> Result<Self, Error> {
        let bytes = size(pages, huge)?;
        let mut flags = MapFlags::PRIVATE;
        if huge {
            flags |= MapFlags::HUGETLB | MapFlags::HUGE_2MB;
        }
        // SAFETY: the kernel chooses the place, so no mapping that exists is touched.
        let base = unsafe { mmap_anonymous(ptr::null_mut(), bytes, READ_WRITE, flags) };
        let base = base.map_err(|source| refused("mapping", bytes, huge, source.into()))?;
        Self::mapped(base, bytes, None)
    }

    /// Zeroed pages in a file without a name, which another process that is given
    /// [`Memory::file`] can map. The file is sealed: nobody can change its size, so that no
    /// process can make another one fault by cutting it. With `huge` they lie in pages of 2 MiB,
    /// and there are as many as fill these.
    pub fn shared(pages: usize, huge: bool) -> Result<Self, Error> {
        let bytes = size(pages, huge)?;
        let mut flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        if huge {
            flags |= MemfdFlags::HUGETLB | MemfdFlags::HUGE_2MB;
        }
        let failed =
            |doing| move |source: rustix::io::Errno| refused(doing, bytes, huge, source.into());
        let file = memfd_create("cofferdam-packets", flags).map_err(failed("creating"))?;
        ftruncate(&file, bytes as u64).map_err(failed("sizing"))?;
        let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        fcntl_add_seals(&file, seals).map_err(failed("sealing"))?;
        let null = ptr::null_mut();
        // SAFETY: the kernel chooses the place, so no mapping that exists is touched.
        let base = unsafe { mmap(null, bytes, READ_WRITE, MapFlags::SHARED, &file, 0) };
        Self::mapped(base.map_err(failed("mapping"))?, bytes, Some(file))
    }

    fn mapped(base: *mut c_void, bytes: usize, file: Option<OwnedFd>) -> Result<Self, Error> {
        let Some(base) = NonNull::new(base.cast()) else {
            return Err(refused("mapping", bytes, false, io::ErrorKind::OutOfMemory.into()));
        };
        Ok(Self { base, bytes, file })
    }

    /// The file that is mapped, whose first byte is the region's first; `None` for private memory.
    pub fn file(&self) -> Option<BorrowedFd<'_>> {
        self.file.as_ref().map(AsFd::as_fd)
    }
}

const READ_WRITE: ProtFlags = ProtFlags::READ.union(ProtFlags::WRITE);

/// Bytes that hold so many pages.
fn size(pages: usize, huge: bool) -> Result<usize, Error> {
    let unit = if huge { HUGE } else { PAGE };
    let bytes =
        pages.max(1).checked_mul(PAGE).and_then(|bytes| bytes.checked_next_multiple_of(unit));
    // Linux refuses more than this anyway; the arithmetic above it must not wrap.
    bytes.filter(|&bytes| isize::try_from(bytes).is_ok()).ok_or_else(|| Error::Unusable {
        device: "packet memory".into(),
        what: format!("{pages} pages are more than an address space holds; ask for fewer"),
    })
}

fn refused(doing: &'static str, bytes: usize, huge: bool, source: io::Error) -> Error {
    let hint = if huge {
        format!(
            "no {0} free huge pages of 2 MiB: `sysctl vm.nr_hugepages={0}` as root, or leave huge \
             pages out",
            bytes.div_ceil(HUGE)
        )
    } else {
        format!("{} MiB were asked for: a smaller pool may fit", bytes.div_ceil(1 << 20))
    };
    Error::Kernel { device: "packet memory".into(), doing, source, hint }
}

// SAFETY: the mapping is `bytes` long, a multiple of PAGE, begins at a page, is zeroed by the
// kernel, stays where it is until `drop`, and its address is given to nobody but the pool. The
// file is sealed, so nobody can cut pages out from under the mapping.
unsafe impl Region for Memory {
    fn base(&self) -> NonNull<u8> {
        self.base
    }

    fn pages(&self) -> usize {
        self.bytes / PAGE
    }

    fn file(&self) -> Option<i32> {
        self.file.as_ref().map(AsRawFd::as_raw_fd)
    }
}

/// The file of any region that has one.
pub(crate) fn file_of(region: &dyn Region) -> Option<BorrowedFd<'_>> {
    // SAFETY: who implements a region promises that its file is open as long as the region, which
    // is borrowed as long as what this gives.
    region.file().map(|file| unsafe { BorrowedFd::borrow_raw(file) })
}

// SAFETY: plain memory, reached only through the pool's packets; nothing in it knows a thread.
unsafe impl Send for Memory {}
// SAFETY: as above; the value itself hands out nothing but its address and its file.
unsafe impl Sync for Memory {}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: mapped by the constructor with this address and length, unmapped once, and the
        // pool drops its region only when no packet is left. An error here could only mean that
        // the mapping is not there.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.bytes) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use packet::Pool;
    use rustix::fs::fstat;

    #[test]
    fn private_pages_are_zero_and_next_to_each_other() {
        let mut pool = Pool::registered(Memory::private(3, false).unwrap());
        let mut packets: Vec<_> = (0..3).map(|_| pool.allocate().unwrap()).collect();
        assert!(pool.allocate().is_none());
        let base = pool.region().unwrap().base().as_ptr() as usize;
        for packet in &mut packets {
            assert_eq!(packet.page_address(), base + packet.number() * PAGE);
            assert!(packet.page_mut().iter().all(|&byte| byte == 0));
        }
    }

    #[test]
    fn a_shared_file_shows_what_packets_hold_and_cannot_be_cut() {
        let memory = Memory::shared(2, false).unwrap();
        let file = memory.file().unwrap().try_clone_to_owned().unwrap();
        let mut pool = Pool::registered(memory);
        let mut packet = pool.allocate().unwrap();
        packet.page_mut()[7] = 42;
        let mut byte = [0];
        let place = packet.number() * PAGE + 7;
        assert_eq!(rustix::io::pread(&file, &mut byte, place as u64).unwrap(), 1);
        assert_eq!(byte, [42]);
        assert_eq!(usize::try_from(fstat(&file).unwrap().st_size), Ok(2 * PAGE));
        assert!(ftruncate(&file, 0).is_err(), "sealed against shrinking");
        assert!(ftruncate(&file, 1 << 20).is_err(), "sealed against growing");
    }

    #[test]
    fn private_memory_has_no_file() {
        assert!(Memory::private(1, false).unwrap().file().is_none());
    }

    #[test]
    fn impossible_sizes_are_errors() {
        for pages in [usize::MAX, usize::MAX / PAGE, isize::MAX as usize / PAGE] {
            assert!(Memory::private(pages, false).is_err());
            assert!(Memory::shared(pages, true).is_err());
        }
    }

    #[test]
    fn huge_pages_are_there_or_the_error_says_how_to_get_them() {
        // 64 GiB of huge pages are nowhere this runs.
        let error = Memory::private(16 << 20, true).unwrap_err().to_string();
        assert!(error.contains("sysctl vm.nr_hugepages=32768"), "{error}");
        let error = Memory::shared(16 << 20, true).unwrap_err().to_string();
        assert!(error.contains("sysctl vm.nr_hugepages=32768"), "{error}");
    }
}
