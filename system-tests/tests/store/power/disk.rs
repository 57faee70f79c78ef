//! A disk that notes, in order, what it is told: one file of a file system that this process serves,
//! for a loop device to lie on.
//!
//! Like a disk with a cache of its own it answers a write long before it is safe, and some of them
//! later than others that came after; what was answered before a flush came is safe after it. Nothing
//! is kept anywhere but in memory. What becomes of it when the power is cut is [`Cut`](super::cut::Cut)'s.

use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags,
    Generation, INodeNo, InitFlags, KernelConfig, LockOwner, MountOption, OpenFlags, ReplyAttr,
    ReplyData, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyWrite, Request, Session, WriteFlags,
};
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};
use store::simulation::Dice;

/// The name of the file.
pub(super) const NAME: &str = "disk";
const FILE: INodeNo = INodeNo(2);
/// Nothing changes that the kernel may remember.
const KEEP: Duration = Duration::from_hours(24);
/// The longest that a write is held back.
const LATE: u64 = 2_000;

/// What the disk was told.
#[derive(Clone)]
pub(super) enum Event {
    Write { at: usize, bytes: Arc<[u8]> },
    Flush,
}

/// All that, and what the disk holds by it.
struct Noted {
    contents: Vec<u8>,
    events: Vec<Event>,
}

/// The disk, as those see it who cut its power later.
#[derive(Clone)]
pub(super) struct Log(Arc<Mutex<Noted>>);

impl Log {
    /// Of a disk that holds this.
    pub(super) fn of(contents: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(Noted { contents, events: Vec::new() })))
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much it was told so far.
    pub(super) fn length(&self) -> usize {
        self.noted().events.len()
    }

    /// All it was told, in order.
    pub(super) fn events(&self) -> Vec<Event> {
        self.noted().events.clone()
    }

    /// How large the disk is.
    pub(super) fn size(&self) -> usize {
        self.noted().contents.len()
    }

    /// Serves it in a directory, until what this gives is dropped.
    pub(super) fn serve(&self, at: &Path) -> BackgroundSession {
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName("power".to_owned())];
        let disk = Disk { log: self.clone(), late: self.late(), dice: Mutex::new(Dice(1)) };
        let session = Session::new(disk, at, &config).unwrap();
        session.spawn().unwrap()
    }

    fn write(&self, at: usize, bytes: &[u8]) -> Result<(), Errno> {
        let mut noted = self.noted();
        let place = noted.contents.get_mut(at..at + bytes.len()).ok_or(Errno::ENOSPC)?;
        place.copy_from_slice(bytes);
        noted.events.push(Event::Write { at, bytes: bytes.into() });
        Ok(())
    }

    /// A thread in which some writes wait: a disk does first what lies nearer.
    fn late(&self) -> Sender<Late> {
        let (send, queue) = channel::<Late>();
        let log = self.clone();
        thread::spawn(move || {
            for late in queue {
                thread::sleep(late.time);
                answer(late.reply, log.write(late.at, &late.bytes), late.bytes.len());
            }
        });
        send
    }
}

/// A write that is answered later than others.
struct Late {
    time: Duration,
    at: usize,
    bytes: Vec<u8>,
    reply: ReplyWrite,
}

fn answer(reply: ReplyWrite, done: Result<(), Errno>, length: usize) {
    match done {
        Ok(()) => reply.written(length as u32),
        Err(error) => reply.error(error),
    }
}

/// What answers the kernel.
struct Disk {
    log: Log,
    late: Sender<Late>,
    dice: Mutex<Dice>,
}

impl Disk {
    fn about(&self, ino: INodeNo) -> FileAttr {
        let (kind, perm, size) = if ino == FILE {
            (FileType::RegularFile, 0o600, self.log.size() as u64)
        } else {
            (FileType::Directory, 0o700, 0)
        };
        let time = SystemTime::UNIX_EPOCH;
        FileAttr {
            ino,
            size,
            blocks: size / 512,
            atime: time,
            mtime: time,
            ctime: time,
            crtime: time,
            kind,
            perm,
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        }
    }

    /// How long the next write is held back.
    fn lateness(&self) -> Option<Duration> {
        let number = self.dice.lock().unwrap_or_else(PoisonError::into_inner).number();
        number.is_multiple_of(4).then(|| Duration::from_micros((number >> 8) % LATE))
    }
}

impl Filesystem for Disk {
    fn init(&mut self, _request: &Request, config: &mut KernelConfig) -> io::Result<()> {
        // Several writes on their way at once, each in one piece.
        let wanted =
            [InitFlags::FUSE_ASYNC_DIO, InitFlags::FUSE_BIG_WRITES, InitFlags::FUSE_MAX_PAGES];
        for flag in wanted {
            config.add_capabilities(flag).map_err(|_| io::Error::other("an old kernel"))?;
        }
        config.set_max_write(1 << 20).map(|_| ()).map_err(|_| io::Error::other("small writes"))
    }

    fn lookup(&self, _request: &Request, _parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        if name == NAME {
            reply.entry(&KEEP, &self.about(FILE), Generation(0));
        } else {
            reply.error(Errno::ENOENT);
        }
    }

    fn getattr(&self, _request: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        reply.attr(&KEEP, &self.about(ino));
    }

    fn open(&self, _request: &Request, _ino: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        // Past the kernel's cache: what comes is what the loop device was told.
        reply.opened(FileHandle(0), FopenFlags::FOPEN_DIRECT_IO);
    }

    fn read(
        &self,
        _request: &Request,
        _ino: INodeNo,
        _handle: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let noted = self.log.noted();
        let end = (offset as usize).saturating_add(size as usize).min(noted.contents.len());
        reply.data(noted.contents.get(offset as usize..end).unwrap_or_default());
    }

    fn write(
        &self,
        _request: &Request,
        _ino: INodeNo,
        _handle: FileHandle,
        offset: u64,
        data: &[u8],
        _write_flags: WriteFlags,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let at = offset as usize;
        match self.lateness() {
            None => answer(reply, self.log.write(at, data), data.len()),
            // If the thread is gone, the request is answered by an error as it is dropped.
            Some(time) => drop(self.late.send(Late { time, at, bytes: data.to_vec(), reply })),
        }
    }

    fn flush(
        &self,
        _request: &Request,
        _ino: INodeNo,
        _handle: FileHandle,
        _owner: LockOwner,
        reply: ReplyEmpty,
    ) {
        // Somebody closes the file. That is no flush of a disk.
        reply.ok();
    }

    fn fsync(&self, _: &Request, _: INodeNo, _: FileHandle, _datasync: bool, reply: ReplyEmpty) {
        self.log.noted().events.push(Event::Flush);
        reply.ok();
    }
}
