//! A guest's memory, as the process of the virtual machine shares it.
//!
//! Every address that a guest names is looked up in the table of regions and must lie, with all
//! its bytes, inside; nothing else is ever touched. What is read may change while it is read: so
//! bytes are copied out before anybody looks at them, and numbers are read once.
//!
//! **Why unsafe is allowed here:** the regions are mapped memory that another process writes to,
//! reached by address.
#![allow(unsafe_code)]

use super::message::MemoryRegion;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, Ordering};
use rustix::fs::{SealFlags, fcntl_get_seals, fstat};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// One mapping of one file.
#[derive(Debug)]
struct Mapping {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: plain memory, reached by copies and atomics only.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped in `Region::map` with this length, unmapped once.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.len) };
    }
}

#[derive(Debug)]
struct Region {
    guest: u64,
    user: u64,
    size: u64,
    /// Where in the mapping the region begins.
    offset: usize,
    mapping: Arc<Mapping>,
}

impl Region {
    fn map(told: &MemoryRegion, file: &OwnedFd) -> io::Result<Self> {
        let invalid = || io::Error::from(io::ErrorKind::InvalidInput);
        let offset = usize::try_from(told.offset).map_err(|_| invalid())?;
        let size = usize::try_from(told.size).map_err(|_| invalid())?;
        let len = offset.checked_add(size).filter(|len| *len > 0).ok_or_else(invalid)?;
        let ends = [told.guest.checked_add(told.size), told.user.checked_add(told.size)];
        let status = fstat(file)?;
        let file_len = u64::try_from(status.st_size).unwrap_or(0);
        // Beyond the end of the file a mapping is a trap.
        if ends.contains(&None) || size == 0 || file_len < len as u64 {
            return Err(invalid());
        }
        let sealed = fcntl_get_seals(file).is_ok_and(|seals| seals.contains(SealFlags::SHRINK));
        if !sealed {
            tracing::warn!(
                "the guest's memory can be cut from under us by the process that runs it; \
                 `memory-backend-memfd` with `seal=on` cannot"
            );
        }
        // Of huge pages only whole ones can be unmapped again, and a block is such a page.
        let block = usize::try_from(status.st_blksize).unwrap_or(0).max(1);
        let len = len.checked_next_multiple_of(block).ok_or_else(invalid)?;
        // SAFETY: a new mapping at an address of the kernel's choice.
        let base = unsafe {
            let flags = ProtFlags::READ | ProtFlags::WRITE;
            mmap(ptr::null_mut(), len, flags, MapFlags::SHARED | MapFlags::NORESERVE, file, 0)?
        };
        let base = NonNull::new(base.cast()).ok_or_else(invalid)?;
        let mapping = Arc::new(Mapping { base, len });
        Ok(Self { guest: told.guest, user: told.user, size: told.size, offset, mapping })
    }

    /// Where in memory the byte lies that is `into` the region, and how many follow up to its end.
    fn at(&self, into: u64) -> Option<(NonNull<u8>, usize)> {
        let left = self.size.checked_sub(into)?;
        // SAFETY: `offset + size` is at most the mapping's length, and `into` at most `size`.
        let place = unsafe { self.mapping.base.add(self.offset + into as usize) };
        Some((place, left as usize))
    }
}

/// All regions of one guest.
#[derive(Debug, Default)]
pub(super) struct GuestMemory {
    regions: Vec<Region>,
}

impl GuestMemory {
    /// Maps the regions of a memory table, each with its file.
    pub(super) fn map(told: &[MemoryRegion], files: &[OwnedFd]) -> io::Result<Self> {
        let regions = told.iter().zip(files).map(|(region, file)| Region::map(region, file));
        Ok(Self { regions: regions.collect::<io::Result<_>>()? })
    }

    /// Calls `with` for the pieces of memory that make up `len` bytes from `address` on: one, or
    /// several where the bytes lie across regions. `false` if not all of them exist; then it may
    /// have been called for some.
    fn pieces(
        &self,
        address: u64,
        len: usize,
        mut with: impl FnMut(*mut u8, usize, usize),
    ) -> bool {
        let mut done = 0;
        while done < len {
            let Some(address) = address.checked_add(done as u64) else { return false };
            let found = self.regions.iter().find_map(|region| {
                region.at(address.checked_sub(region.guest)?).filter(|(_, left)| *left > 0)
            });
            let Some((place, left)) = found else { return false };
            let count = left.min(len - done);
            with(place.as_ptr(), done, count);
            done += count;
        }
        true
    }

    /// Copies the guest's bytes at `address` out. `false` if there are fewer.
    pub(super) fn read(&self, address: u64, to: &mut [u8]) -> bool {
        let len = to.len();
        let to = to.as_mut_ptr();
        self.pieces(address, len, |place, done, count| {
            // SAFETY: `place` has `count` mapped bytes; `to` has `len`, and `done + count <= len`.
            // They cannot overlap: the mapping is this value's alone, and nobody else has its
            // addresses. (The same pages may be mapped elsewhere; then bytes change, no more.) The
            // guest may write meanwhile: so they are copied first, and looked at only then.
            unsafe { ptr::copy_nonoverlapping(place, to.add(done), count) };
        })
    }

    /// Copies bytes into the guest's memory at `address`. `false` if there is less room.
    pub(super) fn write(&self, address: u64, from: &[u8]) -> bool {
        self.pieces(address, from.len(), |place, done, count| {
            // SAFETY: as in `read`.
            unsafe { ptr::copy_nonoverlapping(from.as_ptr().add(done), place, count) };
        })
    }

    /// The cells of a ring that lies at `user`, an address of the other process, and is `len`
    /// bytes long. `None` if it does not lie within one region, or not at a multiple of `align`.
    pub(super) fn cells(&self, user: u64, len: usize, align: usize) -> Option<Cells> {
        self.regions.iter().find_map(|region| {
            let (base, left) = region.at(user.checked_sub(region.user)?)?;
            let fits = len <= left && (base.as_ptr() as usize).is_multiple_of(align);
            fits.then(|| Cells { base, len, _mapping: Arc::clone(&region.mapping) })
        })
    }
}

/// One table of a ring.
#[derive(Debug)]
pub(super) struct Cells {
    base: NonNull<u8>,
    len: usize,
    _mapping: Arc<Mapping>,
}

// SAFETY: reached through atomics only.
unsafe impl Send for Cells {}

impl Cells {
    /// Where the number lies that is `at` bytes in; `None` if it does not lie inside, or not at a
    /// multiple of its own size.
    fn place<T>(&self, at: usize) -> Option<NonNull<T>> {
        let inside = at.checked_add(size_of::<T>())? <= self.len;
        // SAFETY: within the mapping.
        let place = inside.then(|| unsafe { self.base.add(at) })?.cast::<T>();
        place.is_aligned().then_some(place)
    }

    pub(super) fn load16(&self, at: usize) -> Option<u16> {
        // SAFETY: `place` checked bounds and alignment, and the mapping lives as long as we.
        let cell = unsafe { self.place::<AtomicU16>(at)?.as_ref() };
        Some(u16::from_le(cell.load(Ordering::Acquire)))
    }

    pub(super) fn load64(&self, at: usize) -> Option<u64> {
        // SAFETY: as in `load16`.
        let cell = unsafe { self.place::<AtomicU64>(at)?.as_ref() };
        Some(u64::from_le(cell.load(Ordering::Relaxed)))
    }

    pub(super) fn store16(&self, at: usize, value: u16) {
        if let Some(place) = self.place::<AtomicU16>(at) {
            // SAFETY: as in `load16`.
            unsafe { place.as_ref() }.store(value.to_le(), Ordering::Release);
        }
    }

    pub(super) fn store32(&self, at: usize, value: u32) {
        if let Some(place) = self.place::<AtomicU32>(at) {
            // SAFETY: as in `load16`.
            unsafe { place.as_ref() }.store(value.to_le(), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Memory;
    use packet::{PAGE, Region as _};

    fn guest() -> GuestMemory {
        let memory = Memory::shared(2, false).unwrap();
        let file = || memory.file().unwrap().try_clone_to_owned().unwrap();
        let page = PAGE as u64;
        // Two neighbours for the guest, turned round in the file.
        let regions = [
            MemoryRegion { guest: 0x10000, size: page, user: 0x7000_0000, offset: page },
            MemoryRegion { guest: 0x10000 + page, size: page, user: 0x9000_0000, offset: 0 },
        ];
        assert_eq!(memory.pages(), 2);
        GuestMemory::map(&regions, &[file(), file()]).unwrap()
    }

    #[test]
    fn bytes_across_regions_are_whole() {
        let guest = guest();
        let bytes: Vec<u8> = (0..100).collect();
        let address = 0x10000 + PAGE as u64 - 50;
        assert!(guest.write(address, &bytes));
        let mut back = [0; 100];
        assert!(guest.read(address, &mut back));
        assert_eq!(back[..], bytes);
    }

    #[test]
    fn what_is_not_the_guests_is_not_touched() {
        let guest = guest();
        let mut bytes = [0; 10];
        let end = 0x10000 + 2 * PAGE as u64;
        for address in [0, 0xffff, end - 9, end, u64::MAX, u64::MAX - 4] {
            assert!(!guest.read(address, &mut bytes), "{address:#x}");
        }
        assert!(guest.read(end - 10, &mut bytes));
        assert!(guest.cells(0x7000_0000, PAGE, 16).is_some());
        assert!(guest.cells(0x7000_0000, PAGE + 1, 16).is_none(), "not within one region");
        assert!(guest.cells(0x7000_0008, 16, 16).is_none(), "not aligned");
        let cells = guest.cells(0x7000_0000, 16, 16).unwrap();
        assert_eq!((cells.load64(8), cells.load64(9), cells.load64(16)), (Some(0), None, None));
        assert_eq!(cells.load16(usize::MAX), None);
    }

    #[test]
    fn a_region_that_cannot_be_is_refused() {
        let memory = Memory::shared(1, false).unwrap();
        let file = || memory.file().unwrap().try_clone_to_owned().unwrap();
        let page = PAGE as u64;
        for (guest, size, user, offset) in [
            (0, page + 1, 0, 0),
            (0, page, 0, 1),
            (0, 0, 0, 0),
            (u64::MAX, page, 0, 0),
            (0, page, u64::MAX, 0),
            (0, u64::MAX, 0, 0),
            (0, page, 0, u64::MAX),
        ] {
            let region = MemoryRegion { guest, size, user, offset };
            assert!(GuestMemory::map(&[region], &[file()]).is_err(), "{region:?}");
        }
    }
}
