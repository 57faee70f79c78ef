//! Each request of the kernel, in a few lines: who is meant, what is done, what is answered.

use super::change::{Wanted, may_keep};
use super::translate::{nothing, now, object};
use super::{KEEP, Server, extra};
use crate::Files;
use fuser::{
    BsdFileFlags, CopyFileRangeFlags, Errno, FileHandle, Filesystem, FopenFlags, Generation,
    INodeNo, KernelConfig, LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData,
    ReplyDirectory, ReplyDirectoryPlus, ReplyEmpty, ReplyEntry, ReplyLseek, ReplyOpen, ReplyStatfs,
    ReplyWrite, ReplyXattr, Request, TimeOrNow, WriteFlags,
};
use rustix::fs::{FallocateFlags, OFlags};
use std::cell::RefCell;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::SystemTime;
use store::{Allocate, Attributes, Change, Error, Kind, Make, Seek, Taken};

thread_local! {
    /// Where a thread puts what it reads: made once, as large as the largest request.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// `SEEK_DATA` and `SEEK_HOLE`; the kernel works out the others itself.
const DATA: i32 = 3;
const HOLE: i32 = 4;

impl<F: Files> Server<F> {
    fn make(
        &self,
        parent: INodeNo,
        name: &OsStr,
        kind: Kind,
        mode: u32,
        device: u32,
        request: &Request,
    ) -> Result<Attributes, Error> {
        // The kernel has taken the umask off.
        let (user, group) = (request.uid(), request.gid());
        let permissions = mode & 0o7777;
        let make = Make { kind, permissions, user, group, device: device.into() };
        self.files.make(object(parent), name.as_bytes(), &make, now())
    }

    /// A new file, or the one that somebody else made a moment ago if that will do.
    fn made_or_found(
        &self,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        flags: OFlags,
        request: &Request,
    ) -> Result<Attributes, Error> {
        let made = self.make(parent, name, Kind::File, mode, 0, request);
        if !matches!(made, Err(Error::Exists)) || flags.contains(OFlags::EXCL) {
            return made;
        }
        let found = self.files.lookup(object(parent), name.as_bytes())?;
        if found.kind() != Kind::File || !flags.contains(OFlags::TRUNC) {
            return Ok(found);
        }
        let empty = Change { size: Some(0), ..Change::default() };
        self.files.change(found.object, &empty, now())
    }
}

fn opened(reply: ReplyOpen, silent: bool, flags: FopenFlags) {
    if silent {
        // "Do not ask again": all that follows is done without a word.
        reply.error(Errno::ENOSYS);
    } else {
        reply.opened(FileHandle(0), flags);
    }
}

impl<F: Files> Filesystem for Server<F> {
    fn init(&mut self, _request: &Request, config: &mut KernelConfig) -> io::Result<()> {
        self.agree(config);
        Ok(())
    }

    fn destroy(&mut self) {
        self.known.forget_all(&*self.files);
    }

    fn lookup(&self, _request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        match self.files.lookup(object(parent), name.as_bytes()) {
            // The kernel remembers what is not there as well.
            Err(Error::NotFound) => reply.entry(&KEEP, &nothing(), Generation(0)),
            found => self.answer_entry(reply, found),
        }
    }

    fn forget(&self, _request: &Request, number: INodeNo, answers: u64) {
        self.known.forget(&*self.files, object(number), answers);
    }

    fn getattr(
        &self,
        _request: &Request,
        number: INodeNo,
        _handle: Option<FileHandle>,
        reply: ReplyAttr,
    ) {
        self.answer_attributes(reply, self.files.attributes(object(number)));
    }

    fn setattr(
        &self,
        request: &Request,
        number: INodeNo,
        mode: Option<u32>,
        user: Option<u32>,
        group: Option<u32>,
        size: Option<u64>,
        read: Option<TimeOrNow>,
        changed: Option<TimeOrNow>,
        status_changed: Option<SystemTime>,
        _handle: Option<FileHandle>,
        _made: Option<SystemTime>,
        _flags_changed: Option<SystemTime>,
        _saved: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let wanted = Wanted { mode, user, group, size, read, changed, status_changed };
        self.answer_attributes(reply, self.apply(object(number), &wanted, request.uid()));
    }

    fn readlink(&self, _request: &Request, number: INodeNo, reply: ReplyData) {
        match self.files.read_link(object(number)) {
            Ok(target) => reply.data(&target),
            Err(error) => reply.error(self.failed(&error)),
        }
    }

    fn mknod(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        device: u32,
        reply: ReplyEntry,
    ) {
        let made = match Kind::of_mode(mode) {
            Some(kind) => self.make(parent, name, kind, mode, device, request),
            None => Err(Error::Invalid("there is no such kind of file")),
        };
        self.answer_entry(reply, made);
    }

    fn mkdir(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        reply: ReplyEntry,
    ) {
        self.answer_entry(reply, self.make(parent, name, Kind::Directory, mode, 0, request));
    }

    fn unlink(&self, _request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        self.answer_done(reply, self.files.unlink(object(parent), name.as_bytes(), now()));
    }

    fn rmdir(&self, _request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let done = self.files.remove_directory(object(parent), name.as_bytes(), now());
        self.answer_done(reply, done);
    }

    fn symlink(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        target: &Path,
        reply: ReplyEntry,
    ) {
        let (parent, name) = (object(parent), name.as_bytes());
        let target = target.as_os_str().as_bytes();
        let (user, group) = (request.uid(), request.gid());
        self.answer_entry(reply, self.files.make_link(parent, name, target, user, group, now()));
    }

    fn rename(
        &self,
        _request: &Request,
        from: INodeNo,
        name: &OsStr,
        to: INodeNo,
        new_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let taken = match flags {
            flags if flags.is_empty() => Taken::Replace,
            RenameFlags::RENAME_NOREPLACE => Taken::Refuse,
            RenameFlags::RENAME_EXCHANGE => Taken::Exchange,
            _ => return reply.error(Errno::EINVAL),
        };
        let (from, to) = (object(from), object(to));
        let (name, new_name) = (name.as_bytes(), new_name.as_bytes());
        self.answer_done(reply, self.files.rename(from, name, to, new_name, taken, now()));
    }

    fn link(
        &self,
        _request: &Request,
        number: INodeNo,
        parent: INodeNo,
        name: &OsStr,
        reply: ReplyEntry,
    ) {
        let linked = self.files.link(object(number), object(parent), name.as_bytes(), now());
        self.answer_entry(reply, linked);
    }

    fn open(&self, _request: &Request, _number: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        opened(reply, self.silent_open, FopenFlags::FOPEN_KEEP_CACHE);
    }

    fn read(
        &self,
        _request: &Request,
        number: INodeNo,
        _handle: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        BUFFER.with_borrow_mut(|buffer| {
            let size = size as usize;
            if buffer.len() < size {
                buffer.resize(size, 0);
            }
            let into = buffer.get_mut(..size).unwrap_or_default();
            match self.files.read(object(number), offset, into) {
                Ok(length) => reply.data(into.get(..length).unwrap_or_default()),
                Err(error) => reply.error(self.failed(&error)),
            }
        });
    }

    fn write(
        &self,
        _request: &Request,
        number: INodeNo,
        _handle: FileHandle,
        offset: u64,
        data: &[u8],
        how: WriteFlags,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let (file, now) = (object(number), now());
        let cleared = if how.contains(WriteFlags::FUSE_WRITE_KILL_SUIDGID) {
            self.clear_set_id(file, now)
        } else {
            Ok(())
        };
        match cleared.and_then(|()| self.files.write(file, offset, data, now)) {
            // No request is longer than what was agreed on.
            Ok(()) => {
                reply.written(data.len() as u32);
                self.files.get_ahead();
            }
            Err(error) => reply.error(self.failed(&error)),
        }
    }

    fn flush(
        &self,
        _request: &Request,
        _number: INodeNo,
        _handle: FileHandle,
        _owner: LockOwner,
        reply: ReplyEmpty,
    ) {
        // The kernel has written all it had before it asked, and there is nothing else to do.
        reply.error(Errno::ENOSYS);
    }

    fn fsync(
        &self,
        _request: &Request,
        _number: INodeNo,
        _handle: FileHandle,
        _data_only: bool,
        reply: ReplyEmpty,
    ) {
        self.answer_done(reply, self.files.sync());
    }

    fn opendir(&self, _request: &Request, _number: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        let flags = FopenFlags::FOPEN_KEEP_CACHE | FopenFlags::FOPEN_CACHE_DIR;
        opened(reply, self.silent_open_directory, flags);
    }

    fn readdir(
        &self,
        _request: &Request,
        number: INodeNo,
        _handle: FileHandle,
        after: u64,
        mut reply: ReplyDirectory,
    ) {
        match self.names(object(number), after, &mut reply) {
            Ok(()) => reply.ok(),
            Err(error) => reply.error(self.failed(&error)),
        }
    }

    fn readdirplus(
        &self,
        _request: &Request,
        number: INodeNo,
        _handle: FileHandle,
        after: u64,
        mut reply: ReplyDirectoryPlus,
    ) {
        match self.names_and_attributes(object(number), after, &mut reply) {
            Ok(()) => reply.ok(),
            Err(error) => reply.error(self.failed(&error)),
        }
    }

    fn fsyncdir(
        &self,
        _request: &Request,
        _number: INodeNo,
        _handle: FileHandle,
        _data_only: bool,
        reply: ReplyEmpty,
    ) {
        self.answer_done(reply, self.files.sync());
    }

    fn statfs(&self, _request: &Request, _number: INodeNo, reply: ReplyStatfs) {
        match self.files.room() {
            Ok(room) => {
                // An object takes no block of its own, so as many can be made as blocks are free.
                let objects = room.objects.saturating_add(room.free);
                reply.statfs(room.total, room.free, room.free, objects, room.free, 4096, 255, 4096);
            }
            Err(error) => reply.error(self.failed(&error)),
        }
    }

    fn setxattr(
        &self,
        _request: &Request,
        number: INodeNo,
        name: &OsStr,
        value: &[u8],
        flags: i32,
        _position: u32,
        reply: ReplyEmpty,
    ) {
        match self.set_extra(object(number), name.as_bytes(), value, flags) {
            Ok(()) => reply.ok(),
            Err(error) => reply.error(error),
        }
    }

    fn getxattr(
        &self,
        _request: &Request,
        number: INodeNo,
        name: &OsStr,
        room: u32,
        reply: ReplyXattr,
    ) {
        extra::answer(reply, self.extra(object(number), name.as_bytes()), room);
    }

    fn listxattr(&self, _request: &Request, number: INodeNo, room: u32, reply: ReplyXattr) {
        extra::answer(reply, self.extras(object(number)), room);
    }

    fn removexattr(&self, _request: &Request, number: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let done = self.files.remove_extra(object(number), name.as_bytes(), now());
        self.answer_done(reply, done);
    }

    fn create(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        flags: i32,
        reply: ReplyCreate,
    ) {
        let flags = OFlags::from_bits_retain(flags.cast_unsigned());
        match self.introduced(self.made_or_found(parent, name, mode, flags, request)) {
            Ok(attr) => {
                let flags = FopenFlags::FOPEN_KEEP_CACHE;
                reply.created(&KEEP, &attr, Generation(0), FileHandle(0), flags);
            }
            Err(error) => reply.error(error),
        }
    }

    fn fallocate(
        &self,
        request: &Request,
        number: INodeNo,
        _handle: FileHandle,
        offset: u64,
        length: u64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        const KEEP_SIZE: FallocateFlags = FallocateFlags::KEEP_SIZE;
        const PUNCH: FallocateFlags = KEEP_SIZE.union(FallocateFlags::PUNCH_HOLE);
        const ZERO: FallocateFlags = FallocateFlags::ZERO_RANGE;
        const ZERO_KEEP_SIZE: FallocateFlags = KEEP_SIZE.union(ZERO);
        let how = match FallocateFlags::from_bits_retain(mode.cast_unsigned()) {
            mode if mode.is_empty() => Allocate::Grow,
            KEEP_SIZE => Allocate::KeepSize,
            PUNCH => Allocate::Punch,
            ZERO => Allocate::Zero,
            ZERO_KEEP_SIZE => Allocate::ZeroKeepSize,
            _ => return reply.error(Errno::EOPNOTSUPP),
        };
        let (file, now) = (object(number), now());
        let cleared = if may_keep(request.uid()) { Ok(()) } else { self.clear_set_id(file, now) };
        let done = cleared.and_then(|()| self.files.allocate(file, how, offset, length, now));
        self.answer_done(reply, done);
    }

    fn lseek(
        &self,
        _request: &Request,
        number: INodeNo,
        _handle: FileHandle,
        offset: i64,
        whence: i32,
        reply: ReplyLseek,
    ) {
        let what = match whence {
            DATA => Seek::Data,
            HOLE => Seek::Hole,
            _ => return reply.error(Errno::EINVAL),
        };
        let Ok(offset) = u64::try_from(offset) else { return reply.error(Errno::ENXIO) };
        self.seek(object(number), what, offset, reply);
    }

    fn copy_file_range(
        &self,
        _request: &Request,
        _from: INodeNo,
        _from_handle: FileHandle,
        _from_offset: u64,
        _to: INodeNo,
        _to_handle: FileHandle,
        _to_offset: u64,
        _length: u64,
        _flags: CopyFileRangeFlags,
        reply: ReplyWrite,
    ) {
        // The kernel copies through its cache, and does not ask again.
        reply.error(Errno::ENOSYS);
    }
}
