//! Taking names away, and objects with their last one.

use super::names::Named;
use crate::Store;
use crate::attributes::{Kind, ObjectId, Time};
use crate::error::Error;
use crate::files::inode::Inode;
use crate::tree::key::{Key, kind};
use alloc::vec::Vec;

/// Orphans that are looked up at a time: what bounds the memory for it, however many there are.
const SOME: usize = 256;

impl Store {
    /// Takes a name away from what is not a directory.
    pub fn unlink(&mut self, parent: ObjectId, name: &[u8], now: Time) -> Result<(), Error> {
        self.may_write()?;
        let found = self.find(parent, name)?.ok_or(Error::NotFound)?;
        if found.kind == Kind::Directory {
            return Err(Error::IsDirectory);
        }
        let mut above = self.directory(parent)?;
        self.drop_named(parent, &found, now)?;
        above.size = above.size.saturating_sub(1);
        above.touch(now);
        self.put_inode(parent, &above)?;
        self.let_go(ObjectId(found.object))
    }

    /// Removes an empty directory.
    pub fn remove_directory(
        &mut self,
        parent: ObjectId,
        name: &[u8],
        now: Time,
    ) -> Result<(), Error> {
        self.may_write()?;
        match name {
            b"." => return Err(Error::Invalid("a directory cannot remove itself")),
            b".." => return Err(Error::NotEmpty),
            _ => {}
        }
        let found = self.find(parent, name)?.ok_or(Error::NotFound)?;
        if found.kind != Kind::Directory {
            return Err(Error::NotDirectory);
        }
        self.check_empty(ObjectId(found.object))?;
        let mut above = self.directory(parent)?;
        self.drop_named(parent, &found, now)?;
        above.size = above.size.saturating_sub(1);
        above.links = above.links.saturating_sub(1);
        above.touch(now);
        self.put_inode(parent, &above)?;
        self.let_go(ObjectId(found.object))
    }

    pub(super) fn check_empty(&mut self, directory: ObjectId) -> Result<(), Error> {
        let inode = self.directory(directory)?;
        if inode.size == 0 { Ok(()) } else { Err(Error::NotEmpty) }
    }

    /// Takes a name away. The directory's own inode is the caller's to change, and then
    /// [`let_go`](Self::let_go) follows.
    pub(super) fn drop_named(
        &mut self,
        parent: ObjectId,
        named: &Named,
        now: Time,
    ) -> Result<(), Error> {
        let object = ObjectId(named.object);
        let mut inode = self.inode(object)?;
        // Where an orphan is noted has to be readable before anything is changed.
        self.tree.get(Key::new(0, kind::ORPHAN, object.0))?;
        self.remove_name(parent, &named.name)?;
        inode.links = if named.kind == Kind::Directory { 0 } else { inode.links.saturating_sub(1) };
        inode.status_changed = now;
        self.put_inode(object, &inode)
    }

    /// Removes an object whose last name was taken away, unless somebody has it open. The last that
    /// an operation does: much has to be read for it, and not all of that may be readable.
    pub(super) fn let_go(&mut self, object: ObjectId) -> Result<(), Error> {
        let inode = self.inode(object)?;
        if inode.links > 0 {
            return Ok(());
        }
        if !self.opened.contains_key(&object) {
            match self.destroy(object, &inode) {
                // Its name is gone all the same, and what it holds is given back should its records
                // ever be readable again.
                Err(Error::Damaged(_) | Error::Medium(_)) => {}
                done => return done,
            }
        }
        self.tree.put(Key::new(0, kind::ORPHAN, object.0), &[1])
    }

    /// Removes an object that has no name: its contents, its records, itself.
    pub(super) fn destroy(&mut self, object: ObjectId, inode: &Inode) -> Result<(), Error> {
        let dirty = self.pages.drop_range(object.0, 0, u64::MAX);
        self.space.release_promise(dirty);
        if inode.blocks > 0 || inode.kind() == Kind::File {
            self.punch(object, 0, u64::MAX)?;
        }
        // What is left is the inode, perhaps a content item and extended attributes.
        let (from, to) = (Key::new(object.0, 0, 0), Key::new(object.0 + 1, 0, 0));
        let mut rest: Vec<Key> = Vec::new();
        self.tree.visit(from, to, &mut |key, _| {
            rest.push(key);
            true
        })?;
        // The inode last: as long as it is there, this can be tried again.
        for key in rest.into_iter().rev() {
            self.tree.remove(key)?;
        }
        self.tree.remove(Key::new(0, kind::ORPHAN, object.0))?;
        self.objects = self.objects.saturating_sub(1);
        Ok(())
    }

    /// Whether something that has no name any more is still open.
    #[cfg(feature = "std")]
    pub(crate) fn has_nameless(&mut self) -> Result<bool, Error> {
        let to = Key::new(0, kind::ORPHAN + 1, 0);
        Ok(self.tree.first(Key::new(0, kind::ORPHAN, 0), to)?.is_some())
    }

    /// Removes what lost its last name while it was open, and was never closed: a crash, or a kill.
    pub(crate) fn remove_orphans(&mut self) -> Result<(), Error> {
        let to = Key::new(0, kind::ORPHAN + 1, 0);
        let mut next = 0;
        loop {
            let mut orphans = Vec::new();
            self.tree.visit(Key::new(0, kind::ORPHAN, next), to, &mut |key, _| {
                orphans.push(ObjectId(key.position));
                orphans.len() < SOME
            })?;
            let Some(last) = orphans.last() else { return Ok(()) };
            next = last.0.saturating_add(1);
            for object in orphans {
                self.remove_orphan(object)?;
                self.tidy();
                if self.needs_commit() {
                    // Somebody may be reading an older commit: nobody was asked yet.
                    self.sync(self.time, true)?;
                }
            }
        }
    }

    fn remove_orphan(&mut self, object: ObjectId) -> Result<(), Error> {
        let done = match self.inode(object) {
            Ok(inode) => self.destroy(object, &inode),
            Err(Error::Stale) => self.tree.remove(Key::new(0, kind::ORPHAN, object.0)).map(|_| ()),
            Err(error) => Err(error),
        };
        match done {
            // It stays what it is; everything else is as usable as before.
            Ok(()) | Err(Error::Damaged(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
