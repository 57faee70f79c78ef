//! The segments that are open, of which there are few at a time, and what is safe of them.
//!
//! A segment that was written to stays open until it was synchronised: the kernel tells an error
//! of writing back only to descriptors that were open when it happened. And such an error stays
//! one: what was not written is marked clean in the kernel's cache, and a second attempt would be
//! told that all is well.

use super::{Access, file, name};
use crate::host::straight::StraightReads;
use crate::medium::Trouble;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};
use std::collections::BTreeMap;
use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::vec::Vec;

/// How often somebody waits for a descriptor that is to be synchronised before it is closed. Who
/// still finds none opens one more than there should be.
const ATTEMPTS: usize = 4;

pub(super) struct Descriptors {
    folder: File,
    access: Access,
    most: usize,
    table: RwLock<BTreeMap<u32, Segment>>,
    /// Counts uses.
    clock: AtomicU64,
    /// One synchronises at a time, so that who finds nothing to do knows that it is done. Inside,
    /// the first error there was.
    gate: Mutex<Option<Trouble>>,
    /// There is a new name in the folder.
    named: AtomicBool,
    /// Something was made safe before a [`sync`](Self::sync) asked for it.
    early: AtomicBool,
}

/// A segment that is in the folder.
struct Segment {
    /// What was grown, as far as it is there.
    length: u64,
    /// Open by at least one thread more as long as somebody has a copy.
    file: Option<Arc<File>>,
    /// The same past the kernel's cache, if that was tried.
    straight: Option<StraightReads>,
    /// When it was last used.
    used: AtomicU64,
    /// Written to since it was last synchronised; never so without being open.
    written: AtomicBool,
}

impl Segment {
    fn new(length: u64) -> Self {
        Self {
            length,
            file: None,
            straight: None,
            used: AtomicU64::new(0),
            written: AtomicBool::new(false),
        }
    }
}

/// Whether one more may be opened.
enum Place {
    Free,
    /// Only when this one has been synchronised.
    After(u32),
}

impl Descriptors {
    pub(super) fn new(
        folder: File,
        access: Access,
        most: usize,
        found: BTreeMap<u32, u64>,
    ) -> Self {
        let table = found.into_iter().map(|(number, length)| (number, Segment::new(length)));
        Self {
            folder,
            access,
            most,
            table: RwLock::new(table.collect()),
            clock: AtomicU64::new(0),
            gate: Mutex::new(None),
            named: AtomicBool::new(false),
            early: AtomicBool::new(false),
        }
    }

    pub(super) fn open_at_most(&mut self, most: usize) {
        self.most = most.max(1);
        // Those that are too many by now; what is still to be synchronised is closed later.
        let table = self.table.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = place(table, self.most.saturating_add(1));
    }

    pub(super) fn writable(&self) -> Result<(), Trouble> {
        if self.access == Access::Write { Ok(()) } else { Err(Trouble::ReadOnly) }
    }

    /// How much room there is beside what the segments have.
    pub(super) fn free(&self) -> u64 {
        rustix::fs::fstatvfs(&self.folder)
            .map_or(0, |about| about.f_bavail.saturating_mul(about.f_frsize))
    }

    fn table(&self) -> RwLockReadGuard<'_, BTreeMap<u32, Segment>> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn table_to_change(&self) -> RwLockWriteGuard<'_, BTreeMap<u32, Segment>> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn gate(&self) -> MutexGuard<'_, Option<Trouble>> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The open file of a segment that has at least `length` bytes.
    pub(super) fn open(&self, number: u32, length: u64) -> Result<Arc<File>, Trouble> {
        if let Some(segment) = self.table().get(&number)
            && let Some(file) = &segment.file
            && length <= segment.length
        {
            segment.used.store(self.clock.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
            return Ok(Arc::clone(file));
        }
        for _ in 0..ATTEMPTS {
            let mut table = self.table_to_change();
            match place(&mut table, self.most) {
                Place::Free => return self.open_in(&mut table, number, length),
                Place::After(other) => {
                    drop(table);
                    // If it fails, the next sync says so; nothing is lost by closing it then.
                    let _ = self.settle(Some(other));
                }
            }
        }
        self.open_in(&mut self.table_to_change(), number, length)
    }

    /// The same, to be read past the kernel's cache.
    pub(super) fn open_straight(&self, number: u32, length: u64) -> Result<StraightReads, Trouble> {
        let file = self.open(number, length)?;
        if let Some(known) = self.table().get(&number).and_then(|segment| segment.straight.clone())
        {
            return Ok(known);
        }
        let again = self.open_file(number, OFlags::RDONLY | OFlags::DIRECT);
        let straight = StraightReads::of(&file, again);
        if let Some(segment) = self.table_to_change().get_mut(&number) {
            segment.straight = Some(straight.clone());
        }
        Ok(straight)
    }

    fn open_in(
        &self,
        table: &mut BTreeMap<u32, Segment>,
        number: u32,
        length: u64,
    ) -> Result<Arc<File>, Trouble> {
        let segment = table.get_mut(&number).ok_or(Trouble::Short)?;
        let file = if let Some(file) = &segment.file {
            Arc::clone(file)
        } else {
            let file = self.open_file(number, self.how())?;
            let now = rustix::fs::fstat(&file).map_err(file::trouble)?;
            // Somebody cut it off: the rest does not come back by writing behind it.
            segment.length = segment.length.min(u64::try_from(now.st_size).unwrap_or(0));
            Arc::clone(segment.file.insert(Arc::new(file)))
        };
        segment.used.store(self.clock.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        if length <= segment.length { Ok(file) } else { Err(Trouble::Short) }
    }

    fn how(&self) -> OFlags {
        if self.access == Access::Write { OFlags::RDWR } else { OFlags::RDONLY }
    }

    /// An ordinary file: not what a link points to, and no pipe that would let us wait.
    fn open_file(&self, number: u32, how: OFlags) -> Result<File, Trouble> {
        let flags = how | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let mode = Mode::RUSR | Mode::WUSR;
        let opened = retry_on_intr(|| rustix::fs::openat(&self.folder, name(number), flags, mode));
        let file: File = opened
            .map_err(|number| match number {
                Errno::NOENT | Errno::LOOP => Trouble::Short,
                other => file::trouble(other),
            })?
            .into();
        match file::kind(&file) {
            Ok(FileType::RegularFile) => Ok(file),
            Ok(_) => Err(Trouble::Short),
            Err(number) => Err(file::trouble(number)),
        }
    }

    /// A new segment without bytes. One that a crash left without bytes does as well.
    pub(super) fn make(&self, number: u32) -> Result<(), Trouble> {
        let file = self.open_file(number, self.how() | OFlags::CREATE)?;
        let length = rustix::fs::fstat(&file).map_err(file::trouble)?.st_size;
        if length != 0 {
            // Somebody else put it there since we looked.
            return Err(Trouble::System(Errno::EXIST.raw_os_error()));
        }
        self.table_to_change().insert(number, Segment::new(0));
        self.named.store(true, Ordering::Release);
        Ok(())
    }

    /// Notes that a segment, which is open, got longer.
    pub(super) fn set_length(&self, number: u32, length: u64) {
        if let Some(segment) = self.table_to_change().get_mut(&number) {
            segment.length = length;
            segment.written.store(true, Ordering::Release);
        }
    }

    /// Notes that a segment, which is open, was written to.
    pub(super) fn wrote(&self, number: u32) {
        if let Some(segment) = self.table().get(&number) {
            segment.written.store(true, Ordering::Release);
        }
    }

    /// Removes all segments behind `last`, and all bytes of that one behind `length`. It is for
    /// what could not be grown, so nobody uses any of it.
    pub(super) fn cut(&self, last: u32, length: u64) {
        let mut table = self.table_to_change();
        let first = if length == 0 { last } else { last.saturating_add(1) };
        let gone: Vec<u32> = table.range(first..).map(|(number, _)| *number).collect();
        for number in gone.into_iter().rev() {
            table.remove(&number);
            // What stays is found empty or too long the next time, and used then.
            let _ = rustix::fs::unlinkat(&self.folder, name(number), AtFlags::empty());
        }
        // The names first: else a crash could leave a short segment before others.
        let _ = self.sync_folder();
        if length > 0
            && let Some(segment) = table.get_mut(&last)
            && segment.length > length
        {
            let file = match segment.file.take() {
                Some(file) => Ok(file),
                None => self.open_file(last, self.how()).map(Arc::new),
            };
            // What stays too long is found so the next time.
            segment.file = file.ok().inspect(|file| drop(file.set_len(length)));
            segment.length = length;
        }
    }

    /// Makes all safe that somebody before us wrote, who may have ended before he did.
    pub(super) fn sync_what_was_found(&self) -> Result<(), Trouble> {
        let numbers: Vec<u32> = self.table().keys().copied().collect();
        for number in numbers {
            file::sync(&*self.open(number, 0)?)?;
        }
        self.sync_folder()
    }

    fn sync_folder(&self) -> Result<(), Trouble> {
        retry_on_intr(|| rustix::fs::fsync(&self.folder)).map_err(file::trouble)
    }

    /// Makes all safe that was written and named before.
    pub(super) fn sync(&self) -> Result<(), Trouble> {
        let mut gate = self.gate();
        let written: Vec<_> = {
            let table = self.table();
            let written = table.values().filter(|segment| segment.take_written());
            written.filter_map(|segment| segment.file.clone()).collect()
        };
        if self.early.swap(false, Ordering::AcqRel) && written.is_empty() {
            note(&mut gate, self.flush());
        }
        for file in written {
            note(&mut gate, file::sync(&file));
        }
        if self.named.swap(false, Ordering::AcqRel) {
            note(&mut gate, self.sync_folder());
        }
        gate.map_or(Ok(()), Err)
    }

    /// Has the device flush its cache though nothing is left to be written to it: what was
    /// [written through](crate::medium::Medium::write_through) since may still be in there. A folder
    /// will not do, for which ext4 flushes nothing if no name changed.
    fn flush(&self) -> Result<(), Trouble> {
        let open = self.table().values().find_map(|segment| segment.file.clone());
        if let Some(file) = open {
            return file::sync(&file);
        }
        let Some(number) = self.table().keys().next().copied() else { return Ok(()) };
        file::sync(&self.open_file(number, self.how())?)
    }

    /// Makes one segment safe.
    pub(super) fn settle(&self, number: Option<u32>) -> Result<(), Trouble> {
        let Some(number) = number else { return Ok(()) };
        let mut gate = self.gate();
        let file = {
            let table = self.table();
            let segment = table.get(&number).filter(|segment| segment.take_written());
            segment.and_then(|segment| segment.file.clone())
        };
        if let Some(file) = file {
            note(&mut gate, file::sync(&file));
            self.early.store(true, Ordering::Release);
        }
        gate.map_or(Ok(()), Err)
    }
}

impl Segment {
    /// Whether it was written to, and that it counts as synchronised from now on.
    fn take_written(&self) -> bool {
        self.written.swap(false, Ordering::AcqRel)
    }

    /// What is smallest is closed first: not written to, and not used for long.
    fn age(&self) -> (bool, u64) {
        (self.written.load(Ordering::Acquire), self.used.load(Ordering::Relaxed))
    }
}

/// The first error is kept for good.
fn note(gate: &mut Option<Trouble>, result: Result<(), Trouble>) {
    if let Err(trouble) = result {
        gate.get_or_insert(trouble);
    }
}

/// Closes what was not used for longest, until one more may be opened. What somebody works with
/// stays: it is about to be written to, maybe.
fn place(table: &mut BTreeMap<u32, Segment>, most: usize) -> Place {
    let open = table.values().filter(|segment| segment.file.is_some()).count();
    for _ in most..=open {
        let idle = table.iter_mut().filter(|(_, segment)| {
            segment.file.as_ref().is_some_and(|file| Arc::strong_count(file) == 1)
        });
        let oldest = idle.min_by_key(|(_, segment)| segment.age());
        match oldest {
            None => return Place::Free,
            Some((number, segment)) if segment.age().0 => return Place::After(*number),
            Some((_, segment)) => (segment.file, segment.straight) = (None, None),
        }
    }
    Place::Free
}
